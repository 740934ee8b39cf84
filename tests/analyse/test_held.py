"""Certificates that no observation shows can be judged."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from cryptography import x509

import toolkit
from tests.analyse.made import certificate, tables
from tests.analyse.trust.minted import TODAY, mint_ca, mint_leaf
from toolkit import Tables
from toolkit.analyse.trust.anchors import Anchors
from toolkit.analyse.trust.certificates import Certificate, read_certificate
from toolkit.certificates import parse_certificate
from toolkit.checking import describe, render
from toolkit.pem import as_pem
from toolkit.reference.stores import Period, trust_stores

NOW = "2026-03-01T00:00Z"


@pytest.fixture
def held() -> Tables:
    """Two certificates of one name, and the CA that issued them."""
    facts = {"names": ("www.test", "a.test"), "subject": "CN=www.test", "issuer": "CN=ca", "is_ca": False}
    ca = certificate("ca", "2020-01-01", "2030-01-01", subject="CN=ca", issuer="CN=root", is_ca=True)
    old = certificate("old", "2025-12-01", "2026-03-02", serial="02", **facts)
    return tables([], [ca, old, certificate("new", "2026-02-01", "2026-05-02", serial="03", **facts)])


def test_expiry_has_a_row_for_each_leaf(held: Tables) -> None:
    frame = toolkit.summarise_expiry(held, now=NOW)
    assert frame["leaf_sha256"].tolist() == ["old", "new"]
    assert frame["host"].tolist() == ["www.test"] * 2
    assert frame["state"].tolist() == ["expiring", "valid"]
    assert frame["successor_state"].fillna("").tolist() == ["issued", ""]
    assert frame["looks"].tolist() == [0, 0]
    assert frame["first_seen_at"].isna().all()


def test_a_server_certificate_that_says_it_is_a_ca_is_judged() -> None:
    facts = {"subject": "CN=www.test", "issuer": "CN=ca", "is_ca": True}
    middle = certificate(
        "middle", "2020-01-01", "2030-01-01", subject="CN=ca", issuer="CN=root", is_ca=True, names=None
    )
    leaf = certificate("leaf", "2026-01-01", "2026-05-02", names=("www.test",), **facts)
    assert toolkit.summarise_expiry(tables([], [leaf, middle]), now=NOW)["leaf_sha256"].tolist() == ["leaf"]


def test_an_expired_intermediate_of_the_same_file_is_not_in_doubt() -> None:
    root = mint_ca("Root")
    middle = mint_ca("Middle", root, ends=TODAY - timedelta(days=1))
    rows = [parse_certificate(minted.der) for minted in (mint_leaf(middle), middle)]
    (row,) = toolkit.verify_chains(tables([], rows), roots=[root.der], as_of=TODAY).to_dict("records")
    assert (row["verdict"], row["cause"], row["broken_certificate"]) == ("untrusted", "expiry", "intermediate 1")


def test_a_certificate_of_the_future_is_not_a_replacement(held: Tables) -> None:
    states = toolkit.summarise_expiry(held, now="2026-01-15T00:00Z")["state"].tolist()
    assert states == ["valid", "not_yet_valid"]
    assert toolkit.summarise_expiry(held, now="2027-01-15T00:00Z")["state"].tolist() == ["lapsed", "lapsed"]


def test_a_forecast_starts_from_the_newest(held: Tables) -> None:
    frame = toolkit.forecast_renewals(held, now=NOW, years=1)
    assert frame["leaf_sha256"].unique().tolist() == ["new"]
    assert frame["host"].unique().tolist() == ["www.test"]
    assert (frame["usual_lead_basis"] == "assumed").all()


def test_rules_name_the_certificate_as_their_evidence(held: Tables) -> None:
    frame = toolkit.judge(held, "baseline", as_of=NOW)
    assert set(frame["leaf_sha256"]) == {"old", "new"}
    assert set(frame["evidence_table"]) == {"certificates"}
    named = held.certificates["cert_sha256"].iloc[frame["evidence_row"].astype("int64")]
    assert named.tolist() == frame["leaf_sha256"].tolist()


def test_a_folder_is_judged_as_a_whole(shared: Path) -> None:
    folder = shared / "recorded" / "google_mail"
    held = Tables.concat([toolkit.read(folder / name) for name in ("certificates", "issuers")])
    roots = "certifi"
    trust = toolkit.verify_chains(held, roots=roots, as_of="2022-12-01T00:00Z").set_index("leaf_sha256")
    of_2022 = next(sha for sha in trust.index if sha.startswith("9a7a5432d79c"))
    assert trust["verdict"][of_2022] == "trusted"
    assert trust["is_name_match"][of_2022]
    assert len(trust) == 17
    checks = toolkit.check(held, now="2022-12-01T00:00Z", roots=roots, policy="baseline")
    states = checks[checks["check"] == "expiry"].set_index("leaf_sha256")["verdict"]
    assert states[of_2022] == "valid"
    assert (states == "expired").sum() == 14


@pytest.mark.parametrize("names", [("*.a.test",), ("*.a.test", "a.test"), ("*.test",), ("*.*.a.test",)])
def test_a_wildcard_certificate_serves_the_names_below_it(names: tuple[str, ...], tmp_path: Path) -> None:
    ca = mint_ca("ca")
    leaf = mint_leaf(ca, names=[x509.DNSName(name) for name in names], subject=names[0])
    (tmp_path / "leaf.pem").write_text(as_pem(leaf.der) + as_pem(ca.der), encoding="ascii")
    held = toolkit.read(tmp_path / "leaf.pem")
    (row,) = toolkit.verify_chains(held, roots=[ca.der], as_of=TODAY).to_dict("records")
    is_right = names[0] == "*.a.test"  # nothing matches a wildcard of a whole top level, or two asterisks
    assert (row["host"], row["verdict"]) == (names[0], "trusted" if is_right else "untrusted")
    reason = f"leaf: it does not name a host that matches {names[0]}"
    assert pd.isna(row["reason"]) if is_right else row["reason"] == reason
    checks = toolkit.check(held, now=TODAY, roots=[ca.der], policy="clients")
    san = checks[(checks["rule"] == "san") & (checks["verdict"] == "falls short")]
    assert len(san) == (not is_right)


def test_a_check_says_that_a_verdict_goes_beyond_the_record_of_the_store() -> None:
    given = toolkit.load_example("web-series")
    certificates = given.certificates
    is_shown = certificates["cert_sha256"].str.startswith("9c858064")  # docs.python.org, to GlobalSign Root CA - R3
    is_above = certificates["subject"].isin(certificates.loc[is_shown, "issuer"])
    held = tables([], certificates[is_shown | is_above].to_dict("records"))
    for roots, assumed in (("java", "it is assumed that java has not changed since its record ended on 2022-01-24"),
                           ("mozilla", None)):  # fmt: skip
        checks = toolkit.check(held, now="2026-04-01T00:00Z", roots=roots, policy="clients")
        (row,) = checks[checks["check"] == "trust"].to_dict("records")
        assert row["verdict"] == "trusted"
        assert (row["reason"] == assumed) if assumed else pd.isna(row["reason"])
        (line,) = (line for line in describe(checks) if line.startswith("  trusted"))
        assert line == "  trusted, 1 certificate of 1 service" + (f": {assumed}" if assumed else "")


def test_a_check_says_that_a_removed_root_may_have_been_added_again(monkeypatch: pytest.MonkeyPatch) -> None:
    root = mint_ca("Root")
    read = read_certificate(root.der)
    assert isinstance(read, Certificate)
    began, ended = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 10, 24, tzinfo=UTC)
    removed = Period("trusted", None, began, ended, ended, None, "made", "made")
    store = replace(trust_stores()["java"], announced=(), periods={read.sha256: (removed,)})
    monkeypatch.setattr("toolkit.analyse.trust.verify.find_anchors", lambda *_: Anchors([read], store))
    held = tables([], [parse_certificate(mint_leaf(root).der)])
    checks = toolkit.check(held, now=TODAY, roots="java", policy="clients")
    (row,) = checks[checks["check"] == "trust"].to_dict("records")
    assumed = "it is assumed that java has not added the root again since its record ended on 2022-01-24"
    assert (row["verdict"], row["reason"].endswith(f"; {assumed}")) == ("untrusted", True)
    assert assumed in " ".join(" ".join(describe(checks)).split())
    assert assumed in render(checks, "junit", now=TODAY, source="held")


def test_observed_tables_are_judged_by_their_observations() -> None:
    given = toolkit.load_example("web-series")
    frame = toolkit.summarise_expiry(given, now="2026-03-20T00:00Z")
    assert set(frame["leaf_sha256"]) <= set(given.observations["leaf_sha256"])


def test_a_description_is_one_with_the_certificate_that_it_describes() -> None:
    facts = {"names": ("www.test",), "issuer": "CN=ca", "is_ca": False}
    whole = certificate("whole", "2026-01-01", "2026-04-01", serial="5", spki_sha256="k", **facts)
    by_serial = certificate("b.serial", "2026-01-01", "2026-04-01", serial="5", key_type=None, **facts)
    by_facts = certificate("c.facts", "2026-01-01", "2026-04-01", key_type=None, serial=None, **facts)
    later = certificate("d.facts", "2026-03-01", "2026-06-01", key_type=None, serial=None, **facts)
    frame = toolkit.find_rotations(tables([], [whole, by_serial, by_facts, later]), basis="names")
    assert list(zip(frame["predecessor_sha256"], frame["successor_sha256"], strict=True)) == [("whole", "d.facts")]
    assert frame["key_type"].isna().all(), "that of one is not known"
    assert not frame["is_ambiguous"].any()
    assert isinstance(frame["predecessor_not_before"][0], pd.Timestamp)
