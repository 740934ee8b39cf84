"""A store at s3:// (moto) and az:// (Azurite) on loopback: writers at once, and credentials that are written nowhere.

gs:// runs through the same code, but no server that speaks its XML interface could be had: only its errors are tested.
The servers are other processes: the Delta library keeps Python's lock while it waits for an answer.
"""

import base64
import hashlib
import hmac
import json
import logging
import os
import pickle
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import formatdate
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import FileSelector, PyFileSystem

import toolkit
from tests.collection.servers import Loopback
from tests.collection.test_rounds import busy
from tests.conftest import ending_with_tests, need
from tests.store.tables import tables_of_hour
from toolkit.collection.clusters.collecting import collect_shard
from toolkit.errors import StoreError, UsageError
from toolkit.store import Store

SECRET = "not-to-be-seen-anywhere"
KEY = base64.b64encode(SECRET.encode()).decode()
REFUSING = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Refuse(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"<Error><Code>InvalidAccessKeyId</Code><Message>no such key</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)
    do_HEAD = do_PUT = do_POST = do_GET
    def log_message(self, *words): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
print("Running on", server.server_port, flush=True)
server.serve_forever()
"""


@contextmanager
def started(*command: str, ready: str, **environment: str) -> Iterator[str]:
    """Start a server; the line in which it says `ready`."""
    with (
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | environment
        ) as server,
        ending_with_tests(server),
    ):
        assert server.stdout is not None
        reader: threading.Thread | None = None
        try:
            line = next((line for line in server.stdout if ready in line), "")
            assert line, "it has ended"
            # It writes a line for each request, and would wait if they were not read.
            reader = threading.Thread(target=server.stdout.read, daemon=True)
            reader.start()
            yield line
        finally:
            server.kill()
            if reader is not None:
                reader.join()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def put(port: int, path: str, headers: dict[str, str]) -> int:
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("PUT", path, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def of_aws(port: int) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ALLOW_HTTP": "true", "AWS_CONDITIONAL_PUT": "etag",
    }  # fmt: skip


def of_azure(port: int) -> dict[str, str]:
    return {
        "AZURE_STORAGE_ACCOUNT_NAME": "account", "AZURE_STORAGE_ACCOUNT_KEY": KEY,
        "AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": f"http://127.0.0.1:{port}",
    }  # fmt: skip


@pytest.fixture(scope="module")
def moto() -> Iterator[dict[str, str]]:
    pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[server]'")
    port = free_port()
    with started(sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port), ready="Running on"):
        assert put(port, "/looks", {}) == 200
        yield of_aws(port)


@pytest.fixture(scope="module")
def azurite() -> Iterator[dict[str, str]]:
    program, port = need("azurite-blob"), free_port()
    options = ("--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--blobPort", str(port))
    with started(program, *options, ready="successfully listens", AZURITE_ACCOUNTS=f"account:{KEY}"):
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
        named = "".join(f"{name}:{value}\n" for name, value in headers.items())
        signed = "PUT" + "\n" * 12 + f"{named}/account/account/looks\nrestype:container"
        signature = base64.b64encode(hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256)).decode()
        headers |= {"Authorization": f"SharedKey account:{signature}", "Content-Length": "0"}
        assert put(port, "/account/looks?restype=container", headers) == 201
        yield of_azure(port)


SERVERS = {"s3": "moto", "az": "azurite"}


@pytest.fixture(params=SERVERS)
def scheme(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The scheme of a server whose bucket is `looks`, with its credentials in the environment."""
    use(monkeypatch, request.getfixturevalue(SERVERS[request.param]))
    name: str = request.param
    return name


def use(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def test_two_writers_at_once_lose_nothing(scheme: str) -> None:
    url = f"{scheme}://looks/shared"

    def write(writer: str) -> None:
        store = Store(url)
        for hour in range(4):
            store.append(tables_of_hour(hour, writer=writer))

    Store(url).prepare()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, ("a", "b")))
    store = Store(url)
    assert len(store.load().observations) == 2 * 4 * 3
    store.compact()
    assert len(store.load().observations) == 2 * 4 * 3
    assert store.info()["files"].max() == 1


def test_the_workers_of_a_cluster_append_at_once(
    moto: dict[str, str], client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, moto)
    client.wait_for_workers(2)
    client.run(os.environ.update, moto)
    with Loopback() as loopback:
        port = loopback.serve(busy, "0.0.0.0")
        targets = [f"smtp://127.0.1.{n}:{port}" for n in range(1, 13)]
        end = toolkit.collect(targets, "s3://looks/cluster", samples=3, client=client, progress=False)
        connections = loopback.connections
    looks = Store("s3://looks/cluster").load().observations
    assert (end["end_reason"], end["looks"], len(looks), connections) == ("finished", 36, 36, 36)
    assert not looks.duplicated(["service", "sample"]).any()
    for name in moto:
        client.run(os.environ.pop, name)


def test_credentials_are_written_nowhere(
    scheme: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    url = f"{scheme}://looks/secret"
    with caplog.at_level(logging.DEBUG):
        end = toolkit.collect("tls://127.0.0.1:1", url, progress=False)
    work = partial(collect_shard, path=url, round_=end["round"], vantage=None)
    objects = contents(f"{scheme}://looks")
    written = [pickle.dumps(work), pickle.dumps(Store(url)), end.to_json(date_unit="us").encode()]
    written += [caplog.text.encode(), "".join(capfd.readouterr()).encode(), *objects]
    assert end["looks"] == 1
    assert len(objects) >= 4, "the objects of the store are searched too"
    assert not any(secret.encode() in one for one in written for secret in (SECRET, KEY))


def contents(url: str) -> list[bytes]:
    """Every object of the bucket."""
    bucket = PyFileSystem(DeltaStorageHandler(url))
    files = [entry.path for entry in bucket.get_file_info(FileSelector("", recursive=True)) if entry.is_file]
    return [bucket.open_input_file(path).read() for path in files]


def refused(url: str, capfd: pytest.CaptureFixture[str]) -> str:
    """The message for a store that cannot be opened; nothing else is shown, and no credential anywhere."""
    with pytest.raises(StoreError) as caught:
        Store(url).load()
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert KEY not in shown
    assert "backup" not in str(caught.value)
    assert "".join(capfd.readouterr()) == "", "the library's own warnings are not printed"
    return str(caught.value)


@pytest.fixture(scope="module")
def refusing() -> Iterator[int]:
    with started(sys.executable, "-c", REFUSING, ready="Running on") as line:
        yield int(line.split()[-1])


def test_a_wrong_credential_of_s3_says_so(
    refusing: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, of_aws(refusing))
    assert "The credentials are wrong, or do not allow this" in refused("s3://looks/wrong", capfd)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"AZURE_STORAGE_ACCOUNT_KEY": "YW5vdGhlcg=="}, "AuthorizationFailure). The credentials are wrong"),
        ({"AZURE_STORAGE_ACCOUNT_KEY": f"*{SECRET}"}, "The credentials cannot be read"),
        ({"AZURE_STORAGE_ACCOUNT_NAME": "other"}, "There is no such bucket"),
    ],
)  # fmt: skip
def test_a_wrong_credential_of_azure_says_so(
    changed: dict[str, str],
    words: str,
    azurite: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    use(monkeypatch, azurite | changed)
    assert words in refused("az://looks/wrong", capfd)


def test_a_missing_credential_of_azure_says_which(capfd: pytest.CaptureFixture[str]) -> None:
    assert "AZURE_STORAGE_ACCOUNT_KEY for az://" in refused("az://looks/none", capfd)


def test_a_missing_credential_of_s3_says_which(
    refusing: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a key, the S3 client asks the machine's metadata service for one: here it is on loopback, and refuses."""
    given = {name: value for name, value in of_aws(refusing).items() if "KEY" not in name}
    use(monkeypatch, given | {"AWS_METADATA_ENDPOINT": f"http://127.0.0.1:{refusing}"})
    assert "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for s3://" in refused("s3://looks/none", capfd)


def test_credentials_of_google_are_taken_from_the_environment(
    refusing: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    account = tmp_path / "account.json"
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(account))
    assert "The credentials cannot be read" in refused("gs://looks/none", capfd)
    account.write_text(SECRET)
    assert "The credentials cannot be read" in refused("gs://looks/none", capfd)
    known = {
        "gcs_base_url": f"http://127.0.0.1:{refusing}", "disable_oauth": True, "client_email": "a@b.test",
        "private_key_id": "1", "private_key": SECRET,
    }  # fmt: skip
    account.write_text(json.dumps(known))
    assert "The credentials are wrong, or do not allow this" in refused("gs://looks/wrong", capfd)


@pytest.mark.parametrize("url", [f"s3://AKID:{SECRET}@looks/a", f"az://looks/a?sig={SECRET}"])
def test_a_url_with_a_credential_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="environment") as caught:
        Store(url)
    assert SECRET not in str(caught.value)
