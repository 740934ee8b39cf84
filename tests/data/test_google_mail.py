"""The record of Google's mail servers: all of it, and nothing that its sources do not say."""

import csv
import hashlib
import re
import runpy
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

import toolkit
from tests.conftest import ROOT
from toolkit import Tables, reference

FOLDER = ROOT / "data" / "google-mail"


@pytest.fixture(scope="module")
def tables() -> Tables:
    return toolkit.read(FOLDER)


@pytest.fixture(scope="module")
def looks(tables: Tables) -> pd.DataFrame:
    return tables.observations


@pytest.fixture(scope="module")
def record(shared: Path) -> Path:
    return shared / "recorded" / "google_mail"


def source_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def one(looks: pd.DataFrame, **having: str) -> pd.Series:
    for column, fragment in having.items():
        looks = looks[looks[column].fillna("").str.contains(fragment, regex=False)]
    assert len(looks) == 1, looks
    return looks.iloc[0]


def test_made_again_it_is_the_same_byte_for_byte(record: Path, tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "data" / "make_google_mail.py"))["make"](record).to_csv(tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert made == {path.relative_to(FOLDER): path.read_bytes() for path in FOLDER.rglob("*.*")}


def test_how_much_there_is(tables: Tables, looks: pd.DataFrame) -> None:
    assert looks.groupby("round").size().to_dict() == {"google-mail-certificates": 17, "google-mail-sightings": 48}
    assert looks["leaf_sha256"].nunique() == looks["leaf_sha256"].notna().sum() == 17
    assert len(tables.certificates) == 17 + 7
    assert tables.certificates["is_ca"].sum() == 7
    assert tables.certificates["parse_error"].isna().all()
    assert set(looks["leaf_sha256"].dropna()) == set(
        tables.certificates.loc[~tables.certificates["is_ca"], "cert_sha256"]
    )
    assert tables.support.groupby("round").size().to_dict() == {
        "google-mail-support-2015-03": 8,
        "google-mail-support-2015-11-25": 543,
    }


def test_dates_are_as_exact_as_their_source(looks: pd.DataFrame) -> None:
    kinds = looks["date_basis"].str.partition(":")[0]
    with_certificate = looks["leaf_sha256"].notna()
    assert kinds[with_certificate].value_counts().to_dict() == {"observed": 10, "undated": 5, "until": 2}
    for kind, at, since, until in (
        ("observed", True, False, False),
        ("between", False, True, True),
        ("until", False, False, True),
        ("undated", False, False, False),
    ):
        rows = looks[kinds == kind]
        assert (rows["observed_at"].notna() == at).all()
        assert (rows["observed_from"].notna() == since).all()
        assert (rows["observed_until"].notna() == until).all()


def test_epochs_in_the_date_basis_are_the_instants(looks: pd.DataFrame) -> None:
    checked = 0
    for basis, instant in zip(looks["date_basis"], looks["observed_at"], strict=True):
        epoch = re.search(r"(?:Start Time |time=|250 OK )(\d{9,})", basis)
        if epoch and not pd.isna(instant):
            assert instant == datetime.fromtimestamp(int(epoch[1]), UTC), basis
            checked += 1
    assert checked == 13


def test_a_day_without_a_zone_is_bounded_by_every_zone(looks: pd.DataFrame) -> None:
    row = one(looks, date_basis="2010-06-29")
    assert row["observed_from"] == pd.Timestamp("2010-06-28T10:00Z")
    assert row["observed_until"] == pd.Timestamp("2010-06-30T12:00Z")
    inferred = one(looks, date_basis="OS X Yosemite")
    assert inferred["observed_until"] == pd.Timestamp("2015-12-16T12:00Z")


@pytest.mark.parametrize("name", ["certificates", "sightings"])
def test_each_row_of_the_record_is_a_row_and_each_cell_has_its_origin(
    name: str, record: Path, looks: pd.DataFrame
) -> None:
    rows = source_rows(record / f"{name}.csv")
    made = looks[looks["round"] == f"google-mail-{name}"]
    assert len(rows) == len(made)
    for row, (_, look) in zip(rows, made.iterrows(), strict=True):
        said = " ".join(row.values())
        assert look["source"] == row["source"]
        assert pd.isna(look["host"]) or row["host"].startswith(look["host"])
        assert (str(look["port"]) if not pd.isna(look["port"]) else "") == row["port"]
        assert pd.isna(look["service"]) == (not row["port"] or pd.isna(look["host"]))
        assert pd.isna(look["address"]) or look["address"] in said
        assert (row["observed_on"] in look["date_basis"]) or look["observed_at"] == pd.Timestamp(row["observed_on"])
        assert pd.isna(look["suite"]) == (not row["cipher"])
        assert pd.isna(look["protocol"]) == (row["protocol"] in {"", "TLSv1/SSLv3 (as sendmail prints)"})
        for column in ("subject", "issuer", "serial", "fingerprint"):
            printed = look[f"printed_{column}"]
            assert pd.isna(printed) or row[column].startswith(printed)
        for column in ("not_before", "not_after"):
            printed = look[f"printed_{column}"]
            assert pd.isna(printed) or printed == pd.Timestamp(row[column])
        assert pd.isna(look["printed_bits"]) or str(look["printed_bits"]) == row["cipher_bits"]
        if "file" in row:
            assert look["leaf_sha256"] == row["sha256"]


def test_what_no_source_says_is_null_everywhere(looks: pd.DataFrame) -> None:
    for column in (
        *("vantage", "server_name", "offer", "stage", "chain_sha256", "is_key_proven", "has_ocsp_staple", "has_sct"),
        *("connect_ms", "answer_ms", "sent_bytes", "answer_bytes"),
    ):
        assert looks[column].isna().all(), column


def test_an_ambiguous_protocol_is_null_and_its_original_is_kept(looks: pd.DataFrame) -> None:
    rows = looks[looks["reason"].fillna("").str.startswith("protocol: TLSv1/SSLv3")]
    assert len(rows) == 5
    assert rows["protocol"].isna().all()


def test_a_server_without_a_name_has_no_service(looks: pd.DataFrame) -> None:
    row = one(looks, source="Haraka")
    assert row[["host", "service"]].isna().all()
    assert (row["address"], row["port"]) == ("173.194.79.26", 25)
    assert row["reason"] == "server: gmail MX 173.194.79.26"


def test_what_was_filled_in_afterwards_is_not_printed(looks: pd.DataFrame) -> None:
    rows = looks[looks["source"].str.contains("securedrop docs")]
    assert rows["printed_fingerprint"].str.startswith("sha1=").sum() == 3
    rows = rows[rows["printed_fingerprint"].notna()]
    for column in ("subject", "issuer", "serial", "not_before", "not_after"):
        assert rows[f"printed_{column}"].isna().all()
    assert rows["leaf_sha256"].isna().all()


def test_a_zone_that_is_not_known_leaves_no_instant(looks: pd.DataFrame) -> None:
    row = one(looks, reason="CST not resolved")
    assert row[["printed_not_before", "printed_not_after"]].isna().all()
    assert "2023-01-09 16:18:39 CST" in row["reason"]


def test_no_two_looks_have_one_key(tables: Tables, looks: pd.DataFrame) -> None:
    assert len(Tables.concat([tables, tables]).observations) == len(looks) == 65


def test_suites_are_named_as_in_the_registry_and_walk_through_history(tables: Tables, looks: pd.DataFrame) -> None:
    for frame in (looks, tables.support):
        for name, code in zip(frame["suite"], frame["suite_code"], strict=True):
            assert pd.isna(name) == pd.isna(code)
            assert pd.isna(name) or reference.suites()[code].name == name
    dated = looks.dropna(subset=["observed_at", "suite"]).sort_values("observed_at")
    assert dated["suite"].iloc[0] == "TLS_RSA_WITH_3DES_EDE_CBC_SHA"
    assert dated["suite"].iloc[-1] == "TLS_AES_256_GCM_SHA384"


def test_the_scan_of_2015_is_what_the_help_page_says(tables: Tables) -> None:
    scan = tables.support[tables.support["round"] == "google-mail-support-2015-11-25"]
    accepted = scan[scan["state"] == "accepted"]
    assert set(scan["service"]) == {"smtp://smtp.gmail.com:587"}
    assert accepted["protocol"].value_counts().to_dict() == {"SSL 3.0": 8, "TLS 1.0": 8, "TLS 1.1": 8, "TLS 1.2": 10}
    suites = [reference.suites()[code] for code in accepted["suite_code"]]
    assert {(suite.cipher, suite.key_bits, suite.strength_bits) for suite in suites} >= {("RC4", 128, 128)}
    assert {suite.strength_bits for suite in suites} == {112, 128, 256}
    assert (scan["state"] == "refused").sum() == 543 - 34
    assert scan["observed_at"].isna().all()
    assert set(scan["observed_until"]) == {pd.Timestamp("2015-11-26T12:00Z")}, "the day of the commit, in any zone"
    (shown,) = tables.observations.loc[tables.observations["source"].str.startswith("binaryedge"), "leaf_sha256"]
    leaf = tables.certificates.set_index("cert_sha256").loc[shown]
    assert set(scan["observed_from"]) == {leaf["not_before"]}, "the leaf that the scan shows was not served before"
    first = accepted[accepted["rank"] == 1].set_index("protocol")["suite"]
    assert first.to_dict() == {
        "SSL 3.0": "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
        "TLS 1.0": "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
        "TLS 1.1": "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
        "TLS 1.2": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    }
    assert set(scan.loc[scan["protocol"] == "SSL 2.0", "suite_code"] > 0xFFFF) == {True}


def test_of_the_partial_list_nothing_is_called_refused(tables: Tables) -> None:
    part = tables.support[tables.support["round"] == "google-mail-support-2015-03"]
    assert set(part["state"]) == {"accepted"}
    assert set(part["address"]) == {"173.194.65.27"}
    assert part["observed_from"].isna().all()
    assert set(part["observed_until"]) == {pd.Timestamp("2015-04-01T12:00Z")}


@pytest.mark.parametrize(
    ("old", "new", "overlap_days"),
    [
        (("2013-09-10", "2014-09-10"), ("2014-07-15", "2015-04-04"), 56),
        (("2015-10-13", "2016-10-12"), ("2015-12-10", "2016-03-09"), 89),
        (("2016-04-07", "2016-06-30"), ("2016-06-08", "2016-08-31"), 21),
        (("2020-07-15", "2020-10-07"), ("2020-08-26", "2020-11-18"), 42),
    ],
)
def test_the_overlaps_in_validity_that_the_record_names(
    tables: Tables, old: tuple[str, str], new: tuple[str, str], overlap_days: int
) -> None:
    leaves = tables.certificates[tables.certificates["subject"].str.contains("CN=smtp.gmail.com")]
    leaves = leaves.set_index(pd.MultiIndex.from_frame(leaves[["not_before", "not_after"]].map("{:%Y-%m-%d}".format)))
    first, second = leaves.loc[old], leaves.loc[new]
    common = min(first["not_after"], second["not_after"]) - max(first["not_before"], second["not_before"])
    assert common.days == overlap_days


@pytest.mark.interop
def test_each_leaf_is_signed_by_an_issuer_that_is_here(tables: Tables, need: Callable[[str], str]) -> None:
    """SHA-1 signatures are among them, which `cryptography` no longer verifies."""
    leaves = tables.certificates[~tables.certificates["is_ca"]]
    for _, leaf in leaves.iterrows():
        issuer = tables.certificates[tables.certificates["subject"] == leaf["issuer"]].iloc[0]
        files = [FOLDER / "certificates" / f"{row['cert_sha256']}.pem" for row in (issuer, leaf)]
        done = subprocess.run(
            [need("openssl"), "verify", "-partial_chain", "-no_check_time", "-auth_level", "0", "-trusted", *files],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_file_names_are_hashes_of_what_is_in_them(tables: Tables) -> None:
    hashes = {hashlib.sha256(made).hexdigest() for made in tables.certificates["der"]}
    assert {path.stem for path in FOLDER.glob("certificates/*.pem")} == hashes
