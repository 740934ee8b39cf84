"""A store at s3://, served by moto on loopback: two writers at once, and credentials that are written nowhere.

The server is another process: the Delta library keeps Python's lock while it waits for an answer.
"""

import logging
import pickle
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from typing import Any

import pytest

import toolkit
from tests.store.tables import tables_of_hour
from toolkit.collection.clusters.collecting import collect_shard
from toolkit.errors import StoreError, UsageError
from toolkit.store import Store

SECRET = "not-to-be-seen-anywhere"
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
print(server.server_port, flush=True)
server.serve_forever()
"""


def started(*command: str) -> Iterator[int]:
    """The port that a server prints, or the one that it is given in place of `{port}`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [sys.executable, *(word.format(port=port) if "{port}" in word else word for word in command)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout is not None
        reader: threading.Thread | None = None
        try:
            if "-c" in command:
                yield int(server.stdout.readline())
            else:
                assert any("Running on" in line for line in server.stdout)
                # It writes a line for each request, and would wait if they were not read.
                reader = threading.Thread(target=server.stdout.read, daemon=True)
                reader.start()
                yield port
        finally:
            server.kill()
            if reader is not None:
                reader.join()


@pytest.fixture(scope="module")
def moto() -> Iterator[int]:
    pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[server]'")
    for port in started("-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"):
        connection = HTTPConnection("127.0.0.1", port)
        connection.request("PUT", "/looks")
        assert connection.getresponse().status == 200
        connection.close()
        yield port


@pytest.fixture(scope="module")
def refusing() -> Iterator[int]:
    yield from started("-c", REFUSING)


def environment(port: int) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ALLOW_HTTP": "true", "AWS_CONDITIONAL_PUT": "etag",
    }  # fmt: skip


def use(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    for name, value in environment(port).items():
        monkeypatch.setenv(name, value)


def test_two_writers_at_once_lose_nothing(moto: int, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, moto)

    def write(writer: str) -> None:
        store = Store("s3://looks/shared")
        for hour in range(4):
            store.append(tables_of_hour(hour, writer=writer))

    Store("s3://looks/shared").prepare()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, ("a", "b")))
    store = Store("s3://looks/shared")
    assert len(store.load().observations) == 2 * 4 * 3
    store.compact()
    assert len(store.load().observations) == 2 * 4 * 3
    assert store.info()["files"].max() == 1


def test_credentials_are_written_nowhere(
    moto: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, moto)
    with caplog.at_level(logging.DEBUG):
        end = toolkit.collect("tls://127.0.0.1:1", "s3://looks/secret", progress=False)
    work = partial(collect_shard, path="s3://looks/secret", round_=end["round"], vantage=None)
    written = [pickle.dumps(work), pickle.dumps(Store("s3://looks/secret")), end.to_json(date_unit="us").encode()]
    written += [caplog.text.encode(), "".join(capfd.readouterr()).encode(), *objects(moto)]
    assert end["looks"] == 1
    assert len(written) > 8, "the objects of the store are searched too"
    assert not any(SECRET.encode() in one for one in written)


def objects(port: int) -> list[bytes]:
    """Every object of the bucket."""
    import boto3  # noqa: PLC0415  comes with moto

    client: Any = boto3.client(
        "s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", aws_access_key_id="AKIDTEST",
        aws_secret_access_key=SECRET,
    )  # fmt: skip
    keys = [entry["Key"] for entry in client.list_objects_v2(Bucket="looks")["Contents"]]
    found = [client.get_object(Bucket="looks", Key=key)["Body"].read() for key in keys]
    client.close()
    return found


def test_a_wrong_credential_says_so(
    refusing: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, refusing)
    with pytest.raises(StoreError, match="The credentials are wrong, or do not allow this") as caught:
        Store("s3://looks/wrong").load()
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert "backup" not in str(caught.value)
    assert "".join(capfd.readouterr()) == "", "the library's own warnings are not printed"


@pytest.mark.parametrize("url", [f"s3://AKID:{SECRET}@looks/a", f"az://looks/a?sig={SECRET}"])
def test_a_url_with_a_credential_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="environment") as caught:
        Store(url)
    assert SECRET not in str(caught.value)
