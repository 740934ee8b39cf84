"""A store that cannot be written or reached says why and what to do, not to restore a backup."""

import errno
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, ending_with_tests, not_on_windows
from tests.store.tables import tables_of_hour
from toolkit.cli import main
from toolkit.errors import OutputError, StoreError, StoreFullError, StoreWriteError
from toolkit.store import Store, delta
from toolkit.store.failures import explain, failure
from toolkit.tables import Tables

_FULL = """
import resource, sys
from tests.store.tables import tables_of_hour
from toolkit.errors import StoreError
from toolkit.store import Store

store = Store(sys.argv[1])
store.append(tables_of_hour(0))
resource.setrlimit(resource.RLIMIT_FSIZE, (400, resource.RLIM_INFINITY))
try:
    store.append(tables_of_hour(1))
except StoreError as error:
    print(error)
"""


@not_on_windows("limit on the size of files to set")
def test_a_file_that_cannot_grow_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk, which a test cannot have without being root."""
    run = subprocess.run(
        [sys.executable, "-c", _FULL, tmp_path / "s"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "File too large" in run.stdout
    assert "The rows kept before are not affected. Free some space" in run.stdout
    assert "backup" not in run.stdout
    store = Store(tmp_path / "s")
    assert len(store.load().observations) == 3
    store.append(tables_of_hour(1))
    assert len(store.load().observations) == 6


def test_a_full_disk_is_found_out_before_the_library_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "s")
    store.append(tables_of_hour(0))
    full = shutil.disk_usage(tmp_path)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    monkeypatch.setattr(delta, "write_deltalake", lambda *_, **__: pytest.fail("written"))
    with pytest.raises(
        StoreWriteError,
        match=r"No space left on device: [\d,]+ bytes may be needed, and 0 are free\)\. The rows",
    ):
        store.append(tables_of_hour(1))
    assert len(store.load().observations) == 3


def test_collect_into_a_full_store_ends_with_74_and_says_how_to_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    append = Store.append
    appends = iter(range(9))

    def fill(store: Store, tables: Tables) -> None:
        if next(appends):
            raise failure(OSError(errno.ENOSPC, "No space left on device"), "/s/observations", "written")
        append(store, tables)

    monkeypatch.setattr(Store, "append", fill)
    assert main(["collect", "tls://127.0.0.1:1", "--store", str(tmp_path / "s")]) == 74
    said = capsys.readouterr().err
    assert re.search(r"1 were made but are not kept; resume='(\S+)' \(--resume \1\) makes them again", said)


@pytest.mark.parametrize(
    ("number", "done", "kind"),
    [
        (errno.ENOSPC, "written", StoreFullError),
        (errno.EACCES, "created", StoreWriteError),
        (errno.EACCES, "opened", StoreError),
        (errno.EBADMSG, "written", StoreError),  # damage
    ],
)
def test_what_cannot_be_written_is_an_output_error_and_a_store_error(
    number: int, done: str, kind: type[StoreError]
) -> None:
    error = failure(OSError(number, os.strerror(number)), "/srv/looks/rounds", done)
    assert type(error) is kind
    assert isinstance(error, OutputError) == issubclass(kind, StoreWriteError)


@pytest.mark.parametrize(
    ("said", "step"),
    [
        ("Generic LocalFileSystem error: Unable to open file x: Permission denied (os error 13)", "Give this user"),
        (
            'Could not create local directory: x\nError: Os { code: 30, kind: ReadOnlyFilesystem, message: "R" }',
            "Mount",
        ),
        ("Unable to copy data to file: No space left on device (os error 28)", "Free some space"),
        ("Too many open files (os error 24)", "ulimit -n"),
        ("a checkpoint cannot be read", "restore what is damaged from a backup"),
    ],
)
def test_the_system_s_error_says_what_to_do(said: str, step: str) -> None:
    assert step in explain(OSError(said), "/srv/looks/rounds")


_REFUSING = """
import http.server

class Refusing(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status, code = self.path.strip("/").split("?")[0].split("/")[0].split("-")
        body = f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode()
        self.send_response(int(status))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

with http.server.HTTPServer(("127.0.0.1", 0), Refusing) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
"""


@pytest.fixture(scope="module")
def refusing() -> Iterator[dict[str, str]]:
    """Options for an object store on loopback that refuses everything, with what its bucket's name says.

    It is a process of its own, because the library holds Python's lock while it waits.
    """
    with (
        subprocess.Popen(
            [sys.executable, "-c", _REFUSING], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server,
        ending_with_tests(server),
    ):
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        yield {
            "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s",
            "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ALLOW_HTTP": "true",
            "max_retries": "0",
        }


@pytest.mark.parametrize(
    ("status", "code", "step"),
    [
        (403, "InvalidAccessKeyId", "The credentials are wrong"),
        (403, "SignatureDoesNotMatch", "The credentials are wrong"),
        (403, "AccessDenied", "The credentials are wrong, or do not allow this"),
        (404, "NoSuchBucket", "There is no such bucket"),
        (503, "SlowDown", "try again later"),
    ],
)
def test_an_object_store_that_refuses_is_explained(refusing: dict[str, str], status: int, code: str, step: str) -> None:
    with pytest.raises(StoreError, match=f"{code}.*{step}"):
        Store(f"s3://{status}-{code}/looks", storage_options=refusing)


def test_plain_http_must_be_allowed(refusing: dict[str, str]) -> None:
    with pytest.raises(StoreError, match="AWS_ALLOW_HTTP=true"):
        Store("s3://plain-http/looks", storage_options=refusing | {"AWS_ALLOW_HTTP": "false"})


def test_missing_credentials_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    # Without this, a cloud's metadata address would be asked for credentials.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    options = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "eu-central-1", "max_retries": "0"}
    with pytest.raises(StoreError, match=r"No credentials for that URL were found\. Give them as storage_options"):
        Store("s3://bucket/looks", storage_options=options)


def test_a_panic_of_the_library_is_an_error_of_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def panic(*_: object) -> None:
        raise PanicException("index out of bounds")

    monkeypatch.setattr("toolkit.store.delta.DeltaTable.is_deltatable", panic)
    with pytest.raises(StoreError, match="index out of bounds"):
        Store(tmp_path)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system in which no folder can be made")
def test_a_place_where_no_folder_can_be_made_is_not_called_damaged() -> None:
    with pytest.raises(StoreWriteError, match=r"could not be created .*name another one") as caught:
        Store("/proc/store").append(tables_of_hour(0))
    assert "backup" not in str(caught.value)
