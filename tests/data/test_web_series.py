"""The series of web hosts: a row per host and commit, and nothing about the rest of the chain."""

import csv
import runpy
from pathlib import Path

import pandas as pd
import pytest

import toolkit
from tests.conftest import ROOT
from toolkit import Tables
from toolkit.analyse import describe_usual_leads, forecast_renewals, summarise_expiry

FOLDER = ROOT / "data" / "web-series"


@pytest.fixture(scope="module")
def tables() -> Tables:
    return toolkit.read(FOLDER)


@pytest.fixture(scope="module")
def record(shared: Path) -> Path:
    return shared / "recorded" / "web_series"


def test_made_again_it_is_the_same_byte_for_byte(record: Path, tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "data" / "make_web_series.py"))["make"](record).to_csv(tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert made == {path.relative_to(FOLDER): path.read_bytes() for path in FOLDER.rglob("*.*")}


def test_how_much_there_is(tables: Tables) -> None:
    looks = tables.observations
    assert len(looks) == 189
    assert looks["service"].nunique() == 8
    assert len(tables.certificates) == 170
    assert tables.certificates["parse_error"].isna().all()
    google = looks[looks["service"] == "https://google.com:443"]
    assert (len(google), google["leaf_sha256"].nunique()) == (42, 38)


def test_each_leaf_of_the_record_is_a_look_and_each_cell_has_its_origin(record: Path, tables: Tables) -> None:
    with (record / "observations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    looks = tables.observations.set_index(["host", "observed_until"])
    certificates = tables.certificates.set_index("cert_sha256")
    for row in rows:
        look = looks.loc[(row["host"], pd.Timestamp(row["authored_on"]))]
        assert look["date_basis"].startswith(f"until: commit {row['source_commit']} was authored then")
        if row["role"] == "leaf":
            assert look["leaf_sha256"] == row["sha256"]
        else:
            assert look["reason"] == f"verified by the source through the intermediate {row['sha256']}"
        parsed = certificates.loc[row["sha256"]]
        assert (parsed["subject"], parsed["issuer"], parsed["serial"]) == (row["subject"], row["issuer"], row["serial"])
        assert parsed["not_before"] == pd.Timestamp(row["not_before"])
        assert parsed["not_after"] == pd.Timestamp(row["not_after"])
        assert row["key_type"] == (f"EC {parsed['key_curve']}" if parsed["key_type"] == "EC" else parsed["key_type"])
        assert str(parsed["key_bits"]) == row["key_bits"]
        assert parsed["signature_algorithm"] == row["sig_alg"]


def test_the_chain_of_the_leaf_is_not_known(tables: Tables) -> None:
    for column in ("chain_sha256", "protocol", "suite", "address", "offer", "stage"):
        assert tables.observations[column].isna().all(), column


def test_only_an_upper_bound_of_each_look_is_known(tables: Tables) -> None:
    looks = tables.observations
    assert looks[["observed_at", "observed_from"]].isna().all(axis=None)
    assert looks["observed_until"].notna().all()
    assert looks["observed_until"].min() == pd.Timestamp("2023-11-15T15:17:48Z")
    assert looks["observed_until"].max() == pd.Timestamp("2026-03-17T17:08:02Z")


@pytest.mark.parametrize("day", pd.date_range("2024-01-01", "2026-03-25", freq="160D", tz="UTC"))
def test_nothing_is_late_nor_expired_by_the_instant_of_a_commit(tables: Tables, day: pd.Timestamp) -> None:
    expiry = summarise_expiry(tables, now=day)
    assert not expiry["state"].isin(["expired", "withdrawn"]).any()
    assert not (expiry["overdue_days"] > 0).any()
    assert not forecast_renewals(tables, now=day)["is_overdue"].fillna(value=False).any()


def test_every_host_has_a_routine_also_where_leaves_are_replaced_early(tables: Tables) -> None:
    now = pd.Timestamp("2026-03-25", tz="UTC")
    leads = describe_usual_leads(tables, now=now).set_index("host")
    assert leads["usual_spacing_days"].notna().all()
    assert 14 < leads.loc["google.com", "usual_spacing_days"] < 28
    assert leads.loc["fastly.com", "usual_spacing_days"] == pytest.approx(20, abs=0.1)
    assert set(forecast_renewals(tables, now=now)["host"]) == set(leads.index)


def test_successive_leaves_of_google_overlap_in_validity(tables: Tables) -> None:
    looks = tables.observations[tables.observations["host"] == "google.com"].sort_values("observed_until")
    leaves = tables.certificates.set_index("cert_sha256").loc[looks["leaf_sha256"]]
    later = leaves.shift(-1).dropna(subset=["not_before"])
    before = leaves.iloc[: len(later)]
    assert (later["not_before"].to_numpy() <= before["not_after"].to_numpy()).all()
