"""Reports of scanners as others recorded them, against the reading that was made without this program."""

import csv
import re
import shutil
import warnings
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

import toolkit
from tests.conftest import SHARED
from toolkit import schema
from toolkit.errors import ReadError
from toolkit.readers.spelling import instant_of, protocol_of

FOLDER = SHARED / "recorded" / "others" / "scanners"
"""SSLyze's XML, which ended with version 2."""

LEFT_OUT = {
    "testssl/lab-2.9.5-refused.json": "names no server",
    "tlsx/2026-lines-one-cut.jsonl": "line 2: it is not a JSON object",
    "zgrab2/ftp-default.json": "1 result without a TLS handshake",
    "zgrab2/pop3-banner.json": "1 result without a TLS handshake",
    "zgrab2/pop3-noop.help.banner.quit.json": "1 result without a TLS handshake",
    "zgrab2/smtp-00.json": "1 result without a TLS handshake",
    "zgrab2/smtp-ehlo.quit.05.json": "1 result without a TLS handshake",
    "zgrab2/smtp-helo.01.json": "1 result without a TLS handshake",
}


def readings() -> dict[str, list[dict[str, str]]]:
    if not FOLDER.exists():
        return {}
    found: dict[str, list[dict[str, str]]] = {}
    with (FOLDER / "READING.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["file"], []).append(row)
    return found


READINGS = readings()

BLANKED = "c732c1df66e22c2dfdacef19c061bb43617a58ea04bda07c2fd2efcd4be00277"
"""Of `REDACTED` decoded as base64, which stands in one file in place of a certificate. Its printed fingerprint:"""

PRINTED = "2b01b46751c307cda93854d686a215d7a83ce3bcf1ed800e9513fcb0319182f7"


def read(path: Path) -> tuple[toolkit.Tables, str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tables = toolkit.read(path)
    return tables, " ".join(str(warning.message) for warning in caught)


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("name", READINGS or ["(none)"])
def test_a_report_is_read_as_it_was_by_others(name: str) -> None:
    tables, said = read(FOLDER / name)
    assert LEFT_OUT.get(name, "") in said
    assert (said == "") == (name not in LEFT_OUT)
    for table in schema.TABLES:
        schema.check(table, getattr(tables, table))
    assert set(tables.observations["source"]) <= {Path(name).name}
    for reading in READINGS[name]:
        check_reading(tables, reading)


def check_reading(tables: toolkit.Tables, reading: dict[str, str]) -> None:
    looks, answers = of_target(tables, reading["target"])
    tool = reading["tool"].split("(")[0].replace("CSV", "").replace("flat JSON", "").replace("pretty JSON", "")
    is_text = bool(re.search(r"cut off|no TLS|\bfrom\b", " ".join(reading.values())))
    if not is_text and len(looks):
        assert looks["tool"].str.startswith(tool.split()[0]).all()
    if (leaf := reading["leaf_sha256"].replace(BLANKED, PRINTED)) and leaf.startswith(tuple("0123456789abcdef")):
        assert leaf in set(looks["leaf_sha256"])
        ends = tables.certificates.set_index("cert_sha256").loc[leaf, "not_after"]
        if (
            read_end := instant_of(reading["not_after"].replace("GMT Dec", "GMT|Dec").split("|")[0], zone="Z")
        ) is not None:
            assert ends == read_end
    if re.search(r"closed|ERROR_NO_CONNECTIVITY|scanProblem", reading["outcome"]):
        assert len(looks)
        assert "ok" not in set(looks["outcome"])
        assert answers.empty
    check_suites(answers, reading["versions_and_suites"])


def of_target(tables: toolkit.Tables, target: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of `host:port`, `host/address:port`, or all where the reading has another form."""
    match = re.fullmatch(r"(?P<host>[^/:\s]+)(?:/[^:]*)?:(?P<port>\d+)(?: .*)?", target)
    if match is None:
        return tables.observations, tables.support
    ending = f"://{match['host']}:{match['port']}"
    looks, answers = (frame[frame["service"].str.endswith(ending)] for frame in (tables.observations, tables.support))
    return looks, answers


def check_suites(answers: pd.DataFrame, said: str) -> None:
    """`TLSv1.2:3; …`: so many suites of each version are accepted."""
    accepted = answers[answers["suite"].notna() & (answers["state"] == "accepted")]
    counts = Counter(accepted["protocol"].dropna())
    states = answers[answers["suite"].isna() & answers["group"].isna()].set_index("protocol")["state"]
    listed = said.partition("protocol elements")[0]
    for spelling, count in re.findall(r"\b((?:ssl|tls)[\w.]*):(\d+)\b", listed, re.I):
        protocol = protocol_of(spelling if spelling != "ssl3" else "SSLv3")
        assert protocol is not None, spelling
        rejected = (answers["protocol"] == protocol) & (answers["state"] == "refused") & answers["suite"].notna()
        assert counts[protocol] in (int(count), int(count) - int(rejected.sum())), (protocol, said)
    for spelling, words in re.findall(r"(SSLv[23]|TLS1(?:_[123])?|sslv[23]|tls1(?:_[12])?):([^;|]*)", said):
        protocol = protocol_of(re.sub(r"(?i)sslv", "ssl ", spelling))
        if protocol is not None and "offered" in words:
            assert states[protocol] == ("refused" if "not offered" in words else "accepted")
    for spelling, enabled in re.findall(r"\b((?:ssl|tls)[\d.]+):([01])\b", said.partition("protocol elements")[2]):
        assert states[protocol_of(spelling)] == ("accepted" if enabled == "1" else "refused")


@pytest.fixture
def scanners(shared: Path) -> Path:
    return shared / "recorded" / "others" / "scanners"


def test_what_sslscan_could_not_offer_is_untested(scanners: Path) -> None:
    answers = toolkit.read(scanners / "sslscan" / "lab-2.1.5-museum.lab.example.xml").support
    old = answers[answers["protocol"] == "SSL 3.0"]
    assert old[old["suite"].isna()]["state"].tolist() == ["accepted"]
    assert set(old[old["suite"].notna()]["state"]) == {"untested"}
    assert old[old["suite"].notna()]["reason"].str.contains("cannot offer").all()
    assert len(old) == 5


def test_a_contradiction_within_a_report_is_kept_and_shown(scanners: Path) -> None:
    answers = toolkit.read(scanners / "testssl" / "lab-3.2.3-museum.json").support
    (claimed,) = answers[(answers["protocol"] == "TLS 1.2") & answers["suite"].isna()].to_dict("records")
    assert (claimed["state"], claimed["reason"]) == ("accepted", "offered; but it lists no suite of this version")
    answers = toolkit.read(scanners / "cryptolyzer" / "lab-1.6.1-museum-tls-all.json").support
    assert set(answers["state"]) == {"untested"}


def versions_of(tables: toolkit.Tables, service: str) -> dict[str, str]:
    answers = tables.support[(tables.support["service"] == service) & tables.support["suite"].isna()]
    versions = answers[answers["group"].isna()]
    return dict(zip(versions["protocol"], versions["state"], strict=True))


def test_a_list_that_is_complete_by_its_own_word_refuses_the_rest(scanners: Path, tmp_path: Path) -> None:
    report = scanners / "nmap" / "lab-7.80-three.xml"
    said = versions_of(toolkit.read(report), "tls://127.0.0.1:4433")
    others = dict.fromkeys(("SSL 3.0", "TLS 1.0", "TLS 1.1"), "refused")
    assert said == {"TLS 1.2": "accepted", **others, "SSL 2.0": "untested", "TLS 1.3": "untested"}
    (tmp_path / "hole.xml").write_bytes(report.read_bytes().replace(b'key="TLSv1.2"', b'key="TLSv1.3"', 1))
    said = versions_of(toolkit.read(tmp_path / "hole.xml"), "tls://127.0.0.1:4433")
    assert said["TLS 1.2"] == "untested", "its hello may have lacked the signature scheme"
    (tmp_path / "old.xml").write_bytes(report.read_bytes().replace(b'version="7.80"', b'version="7.12"'))
    said = versions_of(toolkit.read(tmp_path / "old.xml"), "tls://127.0.0.1:4433")
    assert {version for version, state in said.items() if state == "untested"} == {*said} - {"TLS 1.2"}
    said = versions_of(
        toolkit.read(scanners / "ssllabs" / "defectdojo-ssl_labs_3des_v1.5.0.json"), "https://3des.badssl.com:443"
    )
    accepted = dict.fromkeys(("TLS 1.0", "TLS 1.1", "TLS 1.2"), "accepted")
    assert said == {**accepted, "SSL 2.0": "refused", "SSL 3.0": "refused", "TLS 1.3": "untested"}


def test_tools_that_looked_at_one_server_agree_on_its_certificate(scanners: Path) -> None:
    files = [
        "nmap/lab-7.80-three.xml", "sslyze/lab-5.2.0-three-and-refused.json.gz", "testssl/lab-3.2.3-mail.json",
        "testssl/lab-2.9.5-mail.csv", "cryptolyzer/lab-1.6.1-mail-tls-all.json",
    ]  # fmt: skip
    together = toolkit.Tables.concat(toolkit.read(scanners / file) for file in files)
    mail = together.observations[together.observations["port"] == 4433]
    assert mail["tool"].nunique() == 4
    (leaf,) = mail["leaf_sha256"].unique()
    row = together.certificates.set_index("cert_sha256").loc[leaf]
    assert row["der"] is not None, "one of them printed the certificate itself"
    assert row["extended_key_usage"] == ("serverAuth", "clientAuth")


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("nmap/lab-7.80-three.xml", 1),
        ("sslyze/lab-5.2.0-three-and-refused.json.gz", 1),
        ("testssl/lab-3.2.3-mail.json", 1),
        ("testssl/lab-3.2.3-postfix-pretty.json", 1),
        ("testssl/lab-3.2.3-mail.csv", 1),
        ("sslscan/lab-2.1.5-postfix-starttls.xml", 1),
    ],
)
def test_a_report_cut_in_half_is_read_as_far_as_it_is_whole(
    name: str, least: int, scanners: Path, tmp_path: Path
) -> None:
    whole = (scanners / name).read_bytes()
    cut = tmp_path / Path(name).name
    cut.write_bytes(whole[: len(whole) // 2])
    if not least:
        with pytest.raises(ReadError, match=r"nothing in it can be read|Get the file again"):
            toolkit.read(cut)
        return
    tables, said = read(cut)
    full = toolkit.read(scanners / name)
    assert "line " in said
    assert least <= len(tables.observations) <= len(full.observations)
    key = ["service", "protocol", "suite", "group", "state"]
    accepted = tables.support[tables.support["state"] != "untested"][key]
    known = full.support[key].drop_duplicates()
    assert len(accepted.merge(known)) == len(accepted), "a part says nothing that the whole does not"


def test_a_folder_of_folders_of_reports_names_them(scanners: Path) -> None:
    with pytest.raises(ReadError, match=r"name one of its folders, such as cryptolyzer, nmap, ssllabs\."):
        toolkit.read(scanners)


def test_logs_of_zeek_and_the_folders_of_others_are_read_together(scanners: Path) -> None:
    tables, said = read(scanners.parent / "zeek")
    assert (len(tables.observations), len(tables.certificates)) == (4, 8)
    assert "skipped" not in said


def test_a_folder_of_reports_is_read_file_by_file(scanners: Path, tmp_path: Path) -> None:
    others = scanners.parent
    files = [
        scanners / "nmap" / "lab-7.80-three.xml", scanners / "tls-scan" / "rsa-scan.out",
        others / "tlsrpt" / "mail.ru.json",
        others / "logs" / "exim-4.94.2-mainlog", others / "captures" / "zeek-dhe.pcap", others / "lab" / "rsa.pem",
        others / "zeek" / "v2.6-basic" / "ssl.log", others / "zeek" / "v2.6-basic" / "x509.log",
    ]  # fmt: skip
    for file in files:
        shutil.copy(file, tmp_path)
    single = toolkit.Tables.concat([*map(toolkit.read, files[:-2]), toolkit.read(others / "zeek" / "v2.6-basic")])
    (tmp_path / "notes").write_text("hello\n")
    (tmp_path / "cut.xml").write_text('<?xml version="1.0"?><nmaprun scanner="nmap" version="7.80"><host')
    (tmp_path / "more").mkdir()
    tables, said = read(tmp_path)
    assert "left out: " in said
    assert "cut.xml: nothing in it can be read" in said
    assert "skipped, and not kept: more (a folder), notes (text of an unknown form)" in said
    for name in ("observations", "certificates", "support"):
        assert len(getattr(tables, name)) == len(getattr(single, name)) > 0
    assert set(tables.observations["source"]) == set(single.observations["source"])


def test_results_of_testssl_that_are_not_a_list_are_none(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"Invocation": "testssl.sh", "version": "3.2", "scanResult": true}')
    with pytest.raises(ReadError):
        toolkit.read(tmp_path / "report.json")
