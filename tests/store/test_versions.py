"""A store and an export of schema version 1, kept as they were written: they open, load, and take new rows."""

import shutil
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

import toolkit
from tests.conftest import ROOT
from toolkit import Tables, schema
from toolkit.certificates import describe_certificate, parse_certificate
from toolkit.store.delta import VERSION_PROPERTY, KeptTable

OLD = ROOT / "tests" / "version_1"


@pytest.fixture
def old(tmp_path: Path) -> toolkit.Store:
    shutil.copytree(OLD / "store", tmp_path / "store")
    return toolkit.Store(tmp_path / "store")


def versions(store: toolkit.Store) -> dict[str, str]:
    tables = {name: KeptTable(name, f"{store.path}/{name}", None) for name in schema.TABLES}
    return {
        name: table.open().metadata().configuration[VERSION_PROPERTY]
        for name, table in tables.items()
        if table.exists()
    }


def test_a_store_of_version_1_loads_with_what_its_certificates_hold(old: toolkit.Store) -> None:
    assert set(versions(old).values()) == {"1"}
    tables = old.load()
    for name in schema.TABLES:
        schema.check(name, getattr(tables, name))
    assert (len(tables.observations), len(tables.certificates)) == (10, 3)
    assert tables.observations["tool"].isna().all()
    assert tables.support["tool"].isna().all()
    parsed = schema.frame("certificates", [parse_certificate(der) for der in tables.certificates["der"]])
    assert_frame_equal(tables.certificates, parsed)
    assert tables.certificates["key_usage"].notna().all()
    assert set(versions(old).values()) == {"1"}, "reading changes nothing"


def test_an_export_of_version_1_reads_as_the_store_does(old: toolkit.Store) -> None:
    read, loaded = toolkit.read(OLD / "export"), old.load()
    assert_frame_equal(read.certificates, loaded.certificates)
    key = list(schema.OBSERVATION_KEY)
    one, other = (tables.observations.sort_values(key, ignore_index=True) for tables in (read, loaded))
    assert_frame_equal(one, other)


def test_appending_raises_the_version_of_what_is_appended_to(old: toolkit.Store) -> None:
    before = old.load()
    described = describe_certificate({"issuer": "CN=CA", "serial": "1", "tool": "scanner 1.0"})
    look = {
        "date_basis": "undated", "round": "new", "sample": 0, "source": "file", "tool": "scanner 1.0",
        "outcome": "ok", "leaf_sha256": described["cert_sha256"],
    }  # fmt: skip
    old.append(Tables.from_frames(schema.frame("observations", [look]), schema.frame("certificates", [described])))
    assert versions(old) == {"observations": "2", "certificates": "2", "support": "1"}
    loaded = toolkit.Store(old.path).load()
    assert set(loaded.observations["tool"].dropna()) == {"scanner 1.0"}
    assert len(loaded.observations) == len(before.observations) + 1
    kept = loaded.certificates[loaded.certificates["der"].notna()].reset_index(drop=True)
    assert_frame_equal(kept, before.certificates)
    (row,) = loaded.certificates[loaded.certificates["der"].isna()].to_dict("records")
    assert row["cert_sha256"].endswith(".serial")


def test_of_a_certificate_that_is_described_and_held_the_der_stands(tmp_path: Path) -> None:
    held = toolkit.load_example("web-series").certificates.head(2)
    described = schema.frame(
        "certificates",
        [describe_certificate({"cert_sha256": one, "subject": "CN=said"}) for one in held["cert_sha256"]],
    )
    store = toolkit.Store(tmp_path / "store")
    for frame in (described, held, described):
        store.append(Tables.from_frames(certificates=frame))
    ordered = held.sort_values("cert_sha256", ignore_index=True)
    assert_frame_equal(store.load().certificates, ordered)
    assert_frame_equal(toolkit.Store(store.path).load().certificates, ordered)
    parts = [Tables.from_frames(certificates=frame) for frame in (described, ordered)]
    assert_frame_equal(Tables.concat(parts).certificates, ordered)
    assert_frame_equal(Tables.concat(parts[::-1]).certificates, ordered)
