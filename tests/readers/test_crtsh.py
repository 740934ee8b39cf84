"""What crt.sh lists: issuances, each once."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

import toolkit
from toolkit import Tables, schema
from toolkit.errors import ReadWarning

ENTRY = {
    "issuer_ca_id": 1, "issuer_name": 'C=US, O="Trust, Inc.", CN=CA 1', "common_name": "a.test", "id": 5,
    "name_value": "a.test\nwww.a.test\nsome.body@a.test", "not_before": "2024-04-04T03:41:42",
    "not_after": "2024-07-03T03:41:42", "serial_number": "00ab01", "entry_timestamp": "2024-04-04T04:41:42.875",
}  # fmt: skip


def test_a_precertificate_and_its_certificate_are_one_issuance(shared: Path) -> None:
    tables = toolkit.read(shared / "recorded" / "others" / "ct" / "crtsh-mail.python.org.json")
    certificates = tables.certificates
    schema.check("certificates", certificates)
    assert certificates["der"].isna().all()
    alone = [names for names in certificates["names"] if names == ("mail.python.org",)]
    assert len(alone) == 23, "of 36 records"
    is_alone = [names == ("mail.python.org",) for names in certificates["names"]]
    rotations = toolkit.find_rotations(Tables.from_frames(certificates=certificates[is_alone]), basis="names")
    assert len(rotations) == 22
    assert not rotations["is_ambiguous"].any()


def test_both_records_of_one_serial_number_are_one_row(tmp_path: Path) -> None:
    path = tmp_path / "given"
    other = ENTRY | {"id": 6, "entry_timestamp": "2024-04-04T04:41:42.1"}
    path.write_text(json.dumps([ENTRY, other, ENTRY | {"id": 7, "serial_number": "ab02"}]))
    tables = toolkit.read(path)
    assert tables.observations.empty
    assert tables.certificates["serial"].tolist() == ["ab01", "ab02"]
    first = tables.certificates.iloc[0]
    assert first["issuer"] == r"CN=CA 1,O=Trust\, Inc.,C=US"
    assert (first["subject"], first["names"]) == ("CN=a.test", ("a.test", "www.a.test"))
    assert first["not_after"] == pd.Timestamp("2024-07-03T03:41:42Z")
    assert "some.body" not in tables.certificates.to_csv()


@pytest.mark.parametrize("indent", [None, 1])
def test_of_a_list_that_is_cut_short_what_is_whole_is_read(indent: int | None, tmp_path: Path) -> None:
    path, entries = tmp_path / "given", [ENTRY | {"id": number, "serial_number": f"ab0{number}"} for number in range(3)]
    path.write_text(json.dumps(entries, indent=indent)[:-20])
    with pytest.warns(ReadWarning, match="the list is cut short or damaged after the last object that is whole"):
        assert toolkit.read(path).certificates["serial"].tolist() == ["ab00", "ab01"]


def test_names_on_records_of_their_own_belong_to_one_certificate(tmp_path: Path) -> None:
    path = tmp_path / "given"
    path.write_text(json.dumps([ENTRY | {"name_value": name} for name in ("b.test", "a.test")]))
    assert toolkit.read(path).certificates["names"].tolist() == [("a.test", "b.test")]


def test_csv_gives_what_json_does(tmp_path: Path) -> None:
    (tmp_path / "json").write_text(json.dumps([ENTRY]))
    with (tmp_path / "csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, ENTRY)
        rows.writeheader()
        rows.writerow(ENTRY)
    of_json, of_csv = (toolkit.read(tmp_path / name).certificates for name in ("json", "csv"))
    pd.testing.assert_frame_equal(of_json, of_csv)


def test_a_record_without_validity_is_named(tmp_path: Path) -> None:
    path = tmp_path / "given"
    path.write_text(json.dumps(ENTRY) + "\n" + json.dumps(ENTRY | {"not_after": "soon"}) + "\n")
    with pytest.warns(ReadWarning, match="line 2: it names no issuer or no end of validity"):
        assert len(toolkit.read(path).certificates) == 1
