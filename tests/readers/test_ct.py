"""Entries of Certificate Transparency logs."""

import json
from pathlib import Path

import pytest

import toolkit
from tests.certificates import der
from toolkit.errors import ReadError, ReadWarning


@pytest.fixture
def ct(shared: Path) -> Path:
    return shared / "recorded" / "others" / "ct"


def test_entries_give_certificates_and_their_chains(ct: Path) -> None:
    tables = toolkit.read(ct / "get-entries-four.json")
    assert tables.observations.empty
    leaves = tables.certificates[tables.certificates["is_ca"].eq(False)]
    assert len(tables.certificates) == 13
    assert leaves["subject"].str.extract(r"CN=([^,]+)")[0].tolist() == [  # a root of version 1 says nothing of CAs
        "mail.google.com", "www.struleartscentre.purchase-tickets-online.co.uk", "www.netkeiba.com",
        "GTE CyberTrust Global Root", "www.oxfordplayhouse.com",
    ]  # fmt: skip
    assert tables.certificates["parse_error"].isna().all()


def test_the_folder_of_a_log_is_read_by_its_data_tiles(ct: Path) -> None:
    tree = ct / "navigli2025h2"
    tile = toolkit.read(tree / "tile" / "data" / "003.p" / "10")
    assert toolkit.read(tree).certificates["cert_sha256"].tolist() == tile.certificates["cert_sha256"].tolist()


def test_what_is_next_to_the_tiles_of_a_log_is_named(ct: Path, tmp_path: Path) -> None:
    (tmp_path / "tile").symlink_to((ct / "navigli2025h2" / "tile").resolve())
    (tmp_path / "checkpoint").touch()
    (tmp_path / "issuer").mkdir()
    (tmp_path / "nmap.xml").write_text("<?xml version='1.0'?><nmaprun>")
    with pytest.warns(ReadWarning, match=r"kept: issuer \(a folder\), nmap\.xml \(an nmap XML report\)\.$"):
        assert len(toolkit.read(tmp_path).certificates)


def test_a_tile_gives_precertificates(ct: Path) -> None:
    tables = toolkit.read(ct / "navigli2025h2" / "tile" / "data" / "003.p" / "10")
    assert tables.certificates["is_precertificate"].tolist() == [True] * 10
    lines = (ct / "navigli2025h2" / "tile" / "names" / "003.p" / "10").read_text().splitlines()
    named = [json.loads(line)["DNS"] for line in lines[:10]]
    assert [sorted(names) for names in tables.certificates["names"]] == [sorted(names) for names in named]


def test_what_follows_a_cut_is_left_out(ct: Path, tmp_path: Path) -> None:
    path, whole = tmp_path / "given", (ct / "navigli2025h2" / "tile" / "data" / "003.p" / "10").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.warns(ReadWarning, match="the tile ends in entry"):
        assert 3 < len(toolkit.read(path).certificates) < 8
    entries = (ct / "get-entries-four.json").read_text()
    path.write_text(entries[: entries.rindex("extra_data")])
    with pytest.warns(ReadWarning, match="after the last object that is whole"):
        assert len(toolkit.read(path).certificates) == 10
    path.write_bytes(whole[:700])
    with pytest.raises(ReadError, match=r"nothing in it can be read .the tile ends in entry 1: it is cut short"):
        toolkit.read(path)


def test_an_entry_that_cannot_be_read_is_named(ct: Path, tmp_path: Path) -> None:
    path, entries = tmp_path / "given", json.loads((ct / "get-entries-four.json").read_text())["entries"]
    bad = [{"leaf_input": "%"}, {"leaf_input": entries[0]["leaf_input"], "extra_data": "AA=="}, 5]
    path.write_text(json.dumps({"entries": [entries[0], *bad]}))
    with pytest.warns(ReadWarning, match="entry 2 cannot be read .*entry 3 cannot .*entry 4 cannot"):
        assert len(toolkit.read(path).certificates) == 3
    path.write_text(json.dumps({"entries": [{"leaf_input": der.certificate().hex()}]}))
    with pytest.raises(ReadError, match="entry 1 cannot be read"):
        toolkit.read(path)
