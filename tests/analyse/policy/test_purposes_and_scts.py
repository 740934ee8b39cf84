"""Rules about purposes (extendedKeyUsage) and embedded SCTs, at their dates and limits."""

from pathlib import Path

import pandas as pd
import pytest

from toolkit import Tables, judge, schema
from toolkit.errors import ReadError
from toolkit.reference.rules import load_policy

LEAF = "a" * 64


def issued(on: str, *, days: int = 90, purposes: tuple[str, ...] | None = ("serverAuth",), scts: int = 2) -> Tables:
    """A leaf of those days, seen on its first one; without purposes it has no extendedKeyUsage."""
    begins = pd.Timestamp(on, tz="UTC")
    leaf = {
        "cert_sha256": LEAF, "der": b"0", "not_before": begins, "extended_key_usage": purposes,
        "not_after": begins + pd.Timedelta(days=days) - pd.Timedelta(seconds=1),
        "scts": tuple(f"log{number} {on}T00:00:00Z" for number in range(scts)) or None,
    }  # fmt: skip
    look = {
        "observed_at": begins, "date_basis": "observed", "round": "r", "sample": 0, "source": "lab", "offer": "any",
        "service": "smtp://mx.example.test:25", "host": "mx.example.test", "outcome": "ok", "leaf_sha256": LEAF,
    }  # fmt: skip
    return Tables.from_frames(schema.frame("observations", [look]), schema.frame("certificates", [leaf]))


def verdict(tables: Tables, policy: str, rule: str, as_of: str = "observed") -> str:
    findings = judge(tables, policy, as_of=as_of).set_index("rule")
    return str(findings.loc[rule, "verdict"])


@pytest.mark.parametrize(
    ("on", "purposes", "expected"),
    [
        ("2027-03-15", ("serverAuth",), "meets"),
        ("2027-03-15", ("serverAuth", "clientAuth"), "falls short"),
        ("2027-03-15", ("clientAuth",), "falls short"),
        ("2027-03-15", None, "falls short"),
        ("2027-03-14", ("serverAuth", "clientAuth"), "unknown"),
    ],
)
def test_chrome_wants_server_auth_alone_from_its_day_on(
    on: str, purposes: tuple[str, ...] | None, expected: str
) -> None:
    assert verdict(issued(on, purposes=purposes), "chrome", "server-auth-only") == expected


def test_who_still_has_client_auth_is_found_before() -> None:
    tables = issued("2026-01-10", purposes=("serverAuth", "clientAuth"))
    assert verdict(tables, "chrome", "client-auth") == "unknown", "the version of the policy is of February"
    assert verdict(tables, "chrome", "client-auth", as_of="2026-03-01T00:00Z") == "falls short"


@pytest.mark.parametrize(
    ("policy", "days", "scts", "expected"),
    [
        ("chrome", 180, 2, "meets"), ("chrome", 181, 2, "falls short"), ("chrome", 181, 3, "meets"),
        ("apple", 180, 2, "meets"), ("apple", 181, 2, "falls short"), ("apple", 90, 1, "falls short"),
        ("apple", 90, 0, "unknown"),
    ],
)  # fmt: skip
def test_longer_certificates_need_three_scts(policy: str, days: int, scts: int, expected: str) -> None:
    assert verdict(issued("2025-01-01", days=days, scts=scts), policy, "scts") == expected


def test_a_value_that_is_not_a_number_of_scts_is_refused(tmp_path: Path) -> None:
    (rule,) = load_policy("apple")
    row = {name: getattr(rule, name) for name in ("policy", "edition", "rule", "level", "subject", "test")}
    row |= {"value": "many", "since": "2026-01-01", "until": "", "dated_by": "issued", "required": "x",
            "authority": "x", "url": "https://x", "date_basis": "x"}  # fmt: skip
    path = tmp_path / "rules.csv"
    pd.DataFrame([row]).to_csv(path, index=False)
    with pytest.raises(ReadError, match="'many' is not written like 2, or 3 from 180 days"):
        load_policy(path)
