"""The CSV files are what the script makes of the registries, and they leave nothing out."""

import csv
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit.reference import group, groups, offer, scheme, signature_schemes, suite, suites
from toolkit.reference.rows import read_rows

DATA = Path(__file__).parent.parent.parent / "data"
REFERENCE = Path(__file__).parent.parent.parent / "toolkit" / "reference"


@pytest.fixture(scope="module")
def remade(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    command = [sys.executable, str(DATA / "make_reference.py"), str(shared / "reference"), str(folder)]
    subprocess.run(command, check=True, timeout=60)
    return folder


@pytest.mark.parametrize("name", ["suites.csv", "groups.csv", "signature_schemes.csv", "offers.csv"])
def test_the_script_makes_the_same_bytes(remade: Path, name: str) -> None:
    assert (remade / name).read_bytes() == (REFERENCE / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("suites.csv", suite.COLUMNS),
        ("groups.csv", group.COLUMNS),
        ("signature_schemes.csv", scheme.COLUMNS),
        ("offers.csv", offer.COLUMNS),
    ],
)
def test_every_fact_says_where_it_comes_from_and_of_when_it_is(name: str, columns: tuple[str, ...]) -> None:
    for row in read_rows(REFERENCE / name, columns):
        assert row.text("source")
        assert re.fullmatch(r"\d{4}(-\d{2}){0,2}", row.text("date"))


def _registry(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def test_every_suite_of_the_registry_is_there(shared: Path) -> None:
    named = {}
    for value, name, *_ in _registry(shared / "reference" / "tls-parameters-4.csv"):
        if name.startswith("TLS_") and "SCSV" not in name:
            named[int(value.replace("0x", "").replace(",", ""), 16)] = name
    assert len(named) == 354
    assert {code: found.name for code, found in suites().items() if found.source.startswith("IANA")} == named


def test_every_group_of_the_registry_is_there(shared: Path) -> None:
    named = {
        int(value): name.split()[0]
        for value, name, *_ in _registry(shared / "reference" / "tls-parameters-8.csv")
        if not name.startswith(("Reserved", "Unassigned"))
    }
    assert {code: found.name for code, found in groups().items()} == named


def test_every_scheme_of_the_registry_is_there(shared: Path) -> None:
    named = {
        int(value, 16): name
        for value, name, *_ in _registry(shared / "reference" / "tls-signaturescheme.csv")
        if not name.startswith(("Reserved", "Unassigned"))
    }
    ours = {code: found.name for code, found in signature_schemes().items() if found.source.startswith("IANA")}
    assert ours == named


@pytest.mark.parametrize(
    ("module", "function", "arguments", "complaint"),
    [
        ("suite_rules", "parse_name", ("TLS_RSA_WITH_ROT13_CBC_SHA", 0x9999), "ROT13_CBC"),
        ("suite_rules", "parse_name", ("TLS_RSA_WITH_AES_128_CBC_CRC32", 0x9999), "CRC32"),
        ("group_rules", "parse_group", ("x9999",), "x9999"),
        ("scheme_rules", "parse_scheme", ("rsa_pkcs1_crc32",), "rsa_pkcs1_crc32"),
    ],
)
def test_a_name_that_no_rule_knows_stops_the_script(
    module: str, function: str, arguments: tuple[object, ...], complaint: str
) -> None:
    parse = runpy.run_path(str(DATA / f"{module}.py"))[function]
    with pytest.raises(ValueError, match=complaint):
        parse(*arguments)


def test_no_row_cites_a_draft_that_has_become_an_rfc(tmp_path: Path) -> None:
    find_outdated = runpy.run_path(str(DATA / "published_drafts.py"))["find_outdated"]
    assert find_outdated(REFERENCE) == []
    (tmp_path / "groups.csv").write_text(
        "code,source\n0x11EC,IANA: draft-kwiatkowski-tls-ecdhe-mlkem-03\n0x0904,draft-ietf-tls-mldsa-00\n"
        "0xABCD,draft-new-tls-group-01\n"
    )
    (tmp_path / "algorithms.py").write_text('OID = "ML-DSA-44 (draft-ietf-lamps-dilithium-certificates-13)"\n')
    assert find_outdated(tmp_path) == [
        ("algorithms.py", 1, "draft-ietf-lamps-dilithium-certificates-13", "RFC 9881"),
        ("groups.csv", 2, "draft-kwiatkowski-tls-ecdhe-mlkem-03", "RFC 10024"),
        ("groups.csv", 4, "draft-new-tls-group-01", None),
    ]


def test_the_logs_are_those_of_the_recorded_lists(shared: Path) -> None:
    make_rows = runpy.run_path(str(DATA / "make_ct_logs.py"))["make_rows"]
    with (REFERENCE / "ct_logs.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == make_rows(shared / "recorded/others/ct/ct_logs_history.csv")
