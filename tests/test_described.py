"""Certificates that a source only describes: every function takes them, and what needs their bytes is unknown."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from pandas.testing import assert_frame_equal

import toolkit
from toolkit import Tables, schema
from toolkit.certificates import describe_certificate
from toolkit.errors import SchemaError

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def tables() -> Tables:
    """Two services over two months, each with a certificate that is described, then another."""
    looks, certificates = [], []
    for port in (443, 465):
        for month in (1, 2):
            row = describe_certificate(
                {
                    "issuer": "CN=CA", "serial": f"{port}{month}", "subject": "CN=a.test", "key_type": "EC",
                    "not_before": datetime(2026, month, 1, tzinfo=UTC), "tool": "scanner 1.0",
                    "not_after": datetime(2026, month + 2, 1, tzinfo=UTC),
                }
            )  # fmt: skip
            certificates.append(row)
            looks.append(
                {
                    "observed_at": datetime(2026, month, 9, tzinfo=UTC), "date_basis": "observed", "round": str(month),
                    "sample": 0, "source": "scan.xml", "tool": "scanner 1.0", "service": f"tls://a.test:{port}",
                    "host": "a.test", "port": port, "outcome": "ok", "leaf_sha256": row["cert_sha256"],
                    "chain_sha256": (row["cert_sha256"],),
                }
            )  # fmt: skip
    return Tables.from_frames(schema.frame("observations", looks), schema.frame("certificates", certificates))


QUESTIONS: dict[str, Callable[[Tables], pd.DataFrame]] = {
    "find_sightings": toolkit.find_sightings,
    "find_rotations": toolkit.find_rotations,
    "find_lineages": toolkit.find_lineages,
    "find_sharing": toolkit.find_sharing,
    "explain_leaves": toolkit.explain_leaves,
    "summarise_expiry": lambda tables: toolkit.summarise_expiry(tables, now=NOW),
    "forecast_renewals": lambda tables: toolkit.forecast_renewals(tables, now=NOW),
    "rehearse": lambda tables: toolkit.rehearse(tables, now=NOW, runs=100),
    "verify_chains": lambda tables: toolkit.verify_chains(tables, roots="certifi"),
    "judge": lambda tables: toolkit.judge(tables, policy="baseline"),
    "check": lambda tables: toolkit.check(tables, now=NOW, roots="certifi", policy="baseline"),
    "compare_verifiers": lambda tables: toolkit.compare_verifiers(tables, roots="certifi"),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_takes_certificates_without_der(name: str, tables: Tables) -> None:
    found = QUESTIONS[name](tables)
    assert isinstance(found, pd.DataFrame)
    if name in {"find_sightings", "verify_chains"}:
        assert len(found) == 4
    if name == "find_rotations":
        assert len(found) == 2


def test_a_chain_without_bytes_is_unknown(tables: Tables) -> None:
    trust = toolkit.verify_chains(tables, roots="certifi")
    assert set(trust["verdict"]) == {"unknown"}
    assert trust["reason"].str.contains("not in the tables").all()


def test_names_that_a_source_does_not_say_break_no_rule(tables: Tables) -> None:
    judged = toolkit.judge(tables, policy="baseline")
    about_names = judged[judged["subject"] == "names"]
    assert len(about_names)
    assert set(about_names["verdict"]) == {"unknown"}


def test_linting_says_why_it_does_not(tables: Tables) -> None:
    pytest.importorskip("pkilint")
    linted = toolkit.lint_certificates(tables)
    assert set(linted["severity"]) == {"unknown"}
    assert linted["message"].str.contains("only describes").all()


def test_a_store_and_an_export_give_them_back(tables: Tables, tmp_path: Path) -> None:
    tables.to_csv(tmp_path / "csv")
    read = toolkit.read(tmp_path / "csv")
    toolkit.Store(tmp_path / "store").append(tables)
    loaded = toolkit.Store(tmp_path / "store").load()
    for table in schema.TABLES:
        key = list(schema.KEYS[table])
        given_rows = getattr(tables, table)
        assert_frame_equal(getattr(read, table), given_rows)
        frames = [frame.sort_values(key, ignore_index=True) for frame in (getattr(loaded, table), given_rows)]
        assert_frame_equal(*frames)
    held = toolkit.load_example("web-series")
    held.to_csv(tmp_path / "csv")
    assert not (tmp_path / "csv" / "certificates.csv").exists(), "an export replaces the earlier one"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
FACTS = st.fixed_dictionaries(
    {"subject": TEXT},
    optional={
        "issuer": TEXT,
        "serial": st.integers(0, 1 << 80).map(lambda number: format(number, "x")),
        "names": st.lists(TEXT, max_size=3).map(tuple),
        "not_after": st.datetimes(datetime(1990, 1, 1), datetime(9999, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),  # noqa: DTZ001
        "is_must_staple": st.booleans(),
        "key_bits": st.integers(0, 1 << 40),
        "scts": st.lists(TEXT, max_size=2).map(tuple),
        "tool": TEXT,
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
@given(st.lists(FACTS, max_size=12))
def test_all_facts_read_back_equal(tmp_path: Path, facts: list[dict[str, object]]) -> None:
    rows = [describe_certificate(one) for one in facts]
    tables = Tables.from_frames(certificates=schema.frame("certificates", rows))
    tables.to_csv(tmp_path)
    assert_frame_equal(toolkit.read(tmp_path).certificates, tables.certificates)


def test_the_same_facts_are_one_certificate_and_others_another() -> None:
    by_serial = [
        describe_certificate({"issuer": "CN=CA", "serial": "1", "not_after": NOW + timedelta(days=n)}) for n in (1, 2)
    ]
    assert by_serial[0]["cert_sha256"] == by_serial[1]["cert_sha256"]
    by_facts = [describe_certificate({"subject": "CN=a", "not_after": NOW + timedelta(days=n)}) for n in (1, 2)]
    assert by_facts[0]["cert_sha256"] != by_facts[1]["cert_sha256"]
    printed = ":".join(["AB"] * 32)
    assert describe_certificate({"cert_sha256": printed, "serial": "1"})["cert_sha256"] == "ab" * 32
    assert describe_certificate({"subject": "CN=a"}, sha1="CD" * 20)["cert_sha256"] == "cd" * 20 + ".sha1"
    for wrong in ({"der": b"x"}, {"colour": "red"}, {}):
        with pytest.raises(SchemaError):
            describe_certificate(wrong)
