"""Files read into a store in batches: the same rows as by `read`, kept as they come."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import toolkit
from tests.readers.test_scanners_hostile import NMAP, TLSX
from tests.readers.test_zeek import CERTIFICATE, CONNECTION, LEAF, PERSON, json_lines, tsv
from toolkit import cli
from toolkit.cli.codes import FINE, UNREADABLE
from toolkit.errors import ReadError
from toolkit.readers import scans
from toolkit.readers.batches import Recipient, handing_over
from toolkit.readers.opening import open_text
from toolkit.schema import KEYS, TABLES
from toolkit.tables import named_certificates

SERVER = "192.0.2.1"
OTHER = "e" * 64


@pytest.fixture(autouse=True)
def batches_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "BATCH", 3)


def zeek_tsv(folder: Path) -> Path:
    ends = [f"443\tTLSv12\ta{n % 2}.test\tT\t-\t{leaf}" for n, leaf in enumerate((LEAF, OTHER, "-", LEAF) * 3)]
    return tsv(folder / "ssl.log", *(f"{1784818803 + n}.250000\t{SERVER}\t{end}" for n, end in enumerate(ends)))


def zeek_json(folder: Path) -> Path:
    looks = [CONNECTION | {"ts": 1784818803.5 + n // 2, "id.resp_p": 443 + n % 3} for n in range(11)]
    return json_lines(folder / "ssl.log", *looks, "cut short")


def zeek_folder(folder: Path) -> Path:
    (folder / "day").mkdir()
    person = CERTIFICATE | {"fingerprint": PERSON, "client_cert": None, "host_cert": None}
    more = [CERTIFICATE | {"fingerprint": f"{n:064x}", "certificate.serial": f"0B{n:02X}"} for n in range(5)]
    json_lines(folder / "day" / "x509.log", CERTIFICATE, person, *more)
    for hour in range(2):
        looks = [CONNECTION | {"ts": 1784818803.5 + n, "cert_chain_fps": [f"{n:064x}"]} for n in range(4)]
        json_lines(folder / "day" / f"ssl.{hour:02}:00:00-{hour + 1:02}:00:00.log", CONNECTION, *looks)
    return folder / "day"


def mail_log(folder: Path) -> Path:
    zones = ("+00:00", "")
    lines = [
        f"2026-11-01T10:00:{n:02d}{zones[n % 3 == 2]} mx postfix/smtp[{n}]: Trusted TLS connection established to "
        f"mx{n % 2}.test[192.0.2.{n % 2}]:25: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n"
        for n in range(13)
    ]
    (folder / "mail.log").write_text("".join(lines))
    return folder / "mail.log"


def tlsx(folder: Path) -> Path:
    """Lines that differ in their instant alone, lines of other services, and one with answers."""
    found = json.loads(TLSX)
    records = [found | {"timestamp": f"2026-11-0{1 + n % 9}T00:00:00Z", "port": str(443 + n % 2)} for n in range(10)]
    records[4] |= {"version_enum": ["tls10", "tls11", "tls12", "tls13"]}
    path = folder / "tlsx.json"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def nmap(folder: Path) -> Path:
    (folder / "nmap.xml").write_text(NMAP)
    return folder / "nmap.xml"


FILES = (zeek_tsv, zeek_json, zeek_folder, mail_log, tlsx, nmap)


@pytest.mark.parametrize("make", FILES)
@pytest.mark.filterwarnings("ignore::toolkit.errors.ReadWarning")
def test_the_store_loads_the_rows_that_read_gives(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path)
    whole, store = toolkit.read(path), toolkit.Store(tmp_path / "store")
    appended = toolkit.read_into(path, store, progress=False)
    assert appended["observations"] == len(whole.observations)
    assert appended["certificates"] == len(whole.certificates), "each is appended once"
    toolkit.read_into(path, tmp_path / "store", progress=False)
    loaded = store.load()
    for table in TABLES:
        given, kept = (_in_order(table, getattr(tables, table)) for tables in (whole, loaded))
        pd.testing.assert_frame_equal(given, kept)


def _in_order(table: str, rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values(list(KEYS[table]), ignore_index=True)  # type: ignore[index]


@pytest.mark.parametrize("make", FILES)
@pytest.mark.filterwarnings("ignore::toolkit.errors.ReadWarning")
def test_no_look_is_handed_over_before_its_certificates(make: Callable[[Path], Path], tmp_path: Path) -> None:
    batches: list[toolkit.Tables] = []
    with handing_over(Recipient(batches.append, lambda _: None)):
        rest = toolkit.read(make(tmp_path))
    held: set[str] = set()
    for batch in (*batches, rest):
        held |= set(batch.certificates["cert_sha256"])
        assert named_certificates(batch.observations) <= held
        assert max(len(batch.observations), len(batch.support)) <= 3
    assert len(batches) > 0


def test_a_certificate_is_described_by_the_line_that_says_more(tmp_path: Path) -> None:
    """A file of both logs: the connection, which names the certificate, comes before its description."""
    (row,) = toolkit.read(
        json_lines(tmp_path / "both.log", CONNECTION | {"cert_chain_fps": [LEAF]}, CERTIFICATE)
    ).certificates.to_dict("records")
    assert (row["cert_sha256"], row["subject"]) == (LEAF, "CN=www.a.test")


def test_batches_are_committed_while_the_file_is_read(tmp_path: Path) -> None:
    store = toolkit.Store(tmp_path / "store")
    toolkit.read_into(mail_log(tmp_path), store, progress=False)
    assert store.info().set_index("table").loc["observations", ["rows", "files"]].tolist() == [13, 5]


def test_a_file_that_ends_in_an_error_keeps_what_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, path, store = mail_log(tmp_path), tmp_path / "mail.log.gz", tmp_path / "store"
    lines = plain.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(map(gzip.compress, lines)))
    monkeypatch.setitem(open_text.__kwdefaults__, "most", len(b"".join(lines[:8])))
    with pytest.raises(ReadError, match=r"Split it\. 6 looks that were read before are kept in .*not doubled"):
        toolkit.read_into(path, store, progress=False)
    assert len(toolkit.Store(store).load().observations) == 6
    assert cli.main(["read", str(path), "--store", str(store)]) == UNREADABLE
    assert "6 looks that were read before are kept" in capsys.readouterr().err


def test_nothing_is_made_where_nothing_is_read(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"does not exist: check"):
        toolkit.read_into(tmp_path / "absent", tmp_path / "store", progress=False)
    assert not (tmp_path / "store").exists()


def test_the_command_prints_the_format_and_the_number_of_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, store = mail_log(tmp_path), tmp_path / "store"
    assert cli.main(["read", str(path), "--store", str(store)]) == FINE
    printed = capsys.readouterr().out
    assert printed == f"Read as: a log of a mail server (--format mail-log)\nAppended to {store}: 13 observations.\n"
    assert cli.main(["read", str(path), "--store", str(store), "--json"]) == FINE
    assert json.loads(capsys.readouterr().out)["observations"] == 13


def test_the_bar_counts_the_bytes_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toolkit.read_into(mail_log(tmp_path), tmp_path / "store")
    assert "Reading: 100%" in capsys.readouterr().err
