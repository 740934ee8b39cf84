"""Rules about purposes (extendedKeyUsage) and embedded SCTs, at their dates and limits."""

from pathlib import Path

import pandas as pd
import pytest

from toolkit import Tables, judge, schema
from toolkit.errors import ReadError
from toolkit.reference.rules import load_policy

LEAF = "a" * 64


CLOUDFLARE = "zPsPaoVxCWX+lZtTzumyfCLphVwNl422qX5UwP5MDbA="
GOOGLE = "TnWjJ1yaEMM4W2zU3z9S6x3w4I4bjWnAsfpksWKaOd8="
GOOGLE_TOO = "6D7Q2j71BjUy51covIlryQPTy9ERa+zraeF3fW0GvW4="
TUSCOLO = "750EQi4gtDIQJ1TfUtJRRgJ/hEwH/YZeySLub86fe7w="
TUSCOLO_TOO = "cX6V88I4im2x44RJPTHhWqliCHYtQgDgBQzQZ7WmYeI="
KNOWN = (CLOUDFLARE, GOOGLE, TUSCOLO)


def issued(
    on: str,
    *,
    days: int = 90,
    purposes: tuple[str, ...] | None = ("serverAuth",),
    scts: int = 2,
    logs: tuple[str, ...] = (),
) -> Tables:
    """A leaf of those days, seen on its first one; without purposes it has no extendedKeyUsage.

    `scts` is the number of SCTs by known logs, unless `logs` names the logs.
    """
    begins = pd.Timestamp(on, tz="UTC")
    leaf = {
        "cert_sha256": LEAF, "der": b"0", "not_before": begins, "extended_key_usage": purposes,
        "not_after": begins + pd.Timedelta(days=days) - pd.Timedelta(seconds=1),
        "scts": tuple(f"{log} {on}T00:00:00Z" for log in logs or KNOWN[:scts]) or None,
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


@pytest.mark.parametrize(
    ("on", "purposes", "expected"),
    [
        ("2023-09-15", ("serverAuth", "clientAuth"), "meets"), ("2023-09-15", ("clientAuth",), "falls short"),
        ("2023-09-15", None, "falls short"), ("2023-09-14", ("clientAuth",), "unknown"),
    ],
)  # fmt: skip
def test_who_lacks_server_auth_falls_short_of_the_baseline(
    on: str, purposes: tuple[str, ...] | None, expected: str
) -> None:
    assert verdict(issued(on, purposes=purposes), "baseline", "server-auth") == expected


def test_who_still_has_client_auth_is_found_before() -> None:
    tables = issued("2026-01-10", purposes=("serverAuth", "clientAuth"))
    assert verdict(tables, "chrome", "client-auth") == "unknown", "the version of the policy is of February"
    assert verdict(tables, "chrome", "client-auth", as_of="2026-03-01T00:00Z") == "falls short"


def federated(scheme: str, *, issuer: str | None = None, purposes: tuple[str, ...] | None = None) -> dict[str, str]:
    """The verdicts of `federation` in July 2026 on a leaf by that issuer at a service of that scheme."""
    tables = issued("2026-07-01", purposes=purposes)
    looks = tables.observations.assign(service=f"{scheme}://mx.example.test:1")
    leaf = tables.certificates.assign(issuer=pd.Series([issuer], dtype="string"))
    findings = judge(Tables.from_frames(looks, leaf), "federation", as_of="2026-07-01T00:00Z")
    return dict(zip(findings["rule"], findings["verdict"], strict=True))


@pytest.mark.parametrize("scheme", ["smtp", "xmpp-server", "sip", "sips"])
@pytest.mark.parametrize(
    ("purposes", "has", "ends"),
    [
        (("serverAuth",), "falls short", "meets"), (("serverAuth", "clientAuth"), "meets", "falls short"),
        (("serverAuth", "anyExtendedKeyUsage"), "meets", "falls short"), (None, "meets", "falls short"),
    ],
)  # fmt: skip
def test_federated_servers_need_client_auth_and_lose_it(
    scheme: str, purposes: tuple[str, ...] | None, has: str, ends: str
) -> None:
    assert federated(scheme, purposes=purposes) == {"client-auth": has, "client-auth-ends": ends}


@pytest.mark.parametrize(
    ("issuer", "rule"),
    [
        ("CN=R10,O=Let's Encrypt,C=US", "lets-encrypt"), ("CN=G,O=DigiCert\\, Inc.,C=US", "digicert"),
        ("CN=G,O=DigiCert Inc,C=US", "digicert"), ("CN=WR1,O=Google Trust Services,C=US", "google"),
        ("CN=C,O=Asseco Data Systems S.A.,C=PL", "certum"), ("CN=C,O=Unizeto Technologies S.A.,C=PL", "certum"),
    ],
)  # fmt: skip
def test_the_end_at_a_ca_is_that_of_the_issuer(issuer: str, rule: str) -> None:
    found = federated("smtp", issuer=issuer, purposes=("serverAuth", "clientAuth"))
    assert found == {
        "client-auth": "meets", "client-auth-ends": "falls short", f"client-auth-ends-{rule}": "falls short",
    }  # fmt: skip


def test_a_web_server_is_not_federated() -> None:
    assert federated("https", issuer="O=Let's Encrypt", purposes=("serverAuth",)) == {}


@pytest.mark.parametrize("policy", ["chrome", "apple"])
def test_two_scts_of_one_log_count_once(policy: str) -> None:
    twice = issued("2025-01-01", days=190, logs=(GOOGLE, GOOGLE, CLOUDFLARE))
    assert verdict(twice, policy, "scts") == "falls short"
    assert verdict(issued("2025-01-01", days=190, scts=3), policy, "scts") == "meets"


@pytest.mark.parametrize("policy", ["chrome", "apple", "firefox"])
@pytest.mark.parametrize(
    ("logs", "expected"),
    [
        (("log0", "log1"), "unknown"), ((GOOGLE, "log0"), "unknown"), (("log0",), "falls short"),
        ((GOOGLE, CLOUDFLARE, "log0"), "meets"),
    ],
)  # fmt: skip
def test_an_sct_by_an_unknown_log_may_count_or_not(policy: str, logs: tuple[str, ...], expected: str) -> None:
    found = judge(issued("2025-03-01", logs=logs), policy).set_index("rule").loc["scts"]
    unknown = sum(log.startswith("log") for log in logs)
    assert found["verdict"] == expected
    assert found["found"] == f"{len(logs)} SCTs ({unknown} of unknown logs), 90 days"


@pytest.mark.parametrize("policy", ["chrome", "apple", "firefox"])
@pytest.mark.parametrize("rule", ["scts", "sct-operators"])
@pytest.mark.parametrize(("at", "expected"), [("2025-03-01", "meets"), ("2029-03-01", "falls short")])
def test_an_sct_dated_after_its_leaf_was_shown_does_not_count(policy: str, rule: str, at: str, expected: str) -> None:
    tables = issued("2025-03-01")
    stamps = (f"{GOOGLE} 2025-03-01T00:00:00Z", f"{CLOUDFLARE} {at}T00:00:00Z")
    tables = Tables.from_frames(tables.observations, tables.certificates.assign(scts=[stamps]))
    found = judge(tables, policy).set_index("rule").loc[rule]
    assert found["verdict"] == expected
    assert ("1 dated after the leaf was shown" in found["found"]) == (expected == "falls short")


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


@pytest.mark.parametrize(("policy", "expected"), [("chrome", "meets"), ("apple", "falls short")])
def test_apple_counts_the_last_second_of_180_days_and_chrome_does_not(policy: str, expected: str) -> None:
    tables = issued("2025-01-01", days=180, scts=2)
    leaf = tables.certificates
    exact = leaf.assign(not_after=leaf["not_before"] + pd.Timedelta(days=180))
    assert verdict(Tables.from_frames(tables.observations, exact), policy, "scts") == expected


@pytest.mark.parametrize("policy", ["chrome", "apple"])
@pytest.mark.parametrize(
    ("logs", "expected"),
    [
        ((CLOUDFLARE, GOOGLE), "meets"), ((GOOGLE, GOOGLE_TOO), "falls short"), ((GOOGLE, "log0"), "unknown"),
        ((GOOGLE, CLOUDFLARE, "log0"), "meets"), (("log0", "log1"), "unknown"),
    ],
)  # fmt: skip
def test_two_operators_are_needed_and_an_unknown_log_may_be_another_one(
    policy: str, logs: tuple[str, ...], expected: str
) -> None:
    assert verdict(issued("2025-01-01", logs=logs), policy, "sct-operators") == expected


@pytest.mark.parametrize(
    ("logs", "expected"),
    [
        ((GOOGLE, TUSCOLO), "meets"), ((TUSCOLO, TUSCOLO_TOO), "falls short"), ((TUSCOLO, "log0"), "unknown"),
        ((), "unknown"),
    ],
)  # fmt: skip
def test_apple_requires_an_sct_of_a_log_that_is_not_static(logs: tuple[str, ...], expected: str) -> None:
    tables = issued("2026-02-01", logs=logs, scts=0)
    assert verdict(tables, "apple", "sct-rfc6962") == expected
    if logs:
        found = judge(tables, "apple").set_index("rule").loc["sct-rfc6962", "found"]
        assert ("static" in found, "an unknown log" in found) == (True, "log0" in logs)


@pytest.mark.parametrize(
    ("seen", "logs", "expected"),
    [
        ("2025-03-03", (TUSCOLO, TUSCOLO_TOO), "unknown"), ("2025-03-04", (TUSCOLO, TUSCOLO_TOO), "falls short"),
        ("2026-04-15", (TUSCOLO, TUSCOLO_TOO), "falls short"), ("2026-04-15", (GOOGLE, TUSCOLO), "meets"),
    ],
)  # fmt: skip
def test_chrome_required_such_an_sct_for_a_time(seen: str, logs: tuple[str, ...], expected: str) -> None:
    assert verdict(issued(seen, logs=logs), "chrome", "sct-rfc6962") == expected


def test_chrome_requires_such_an_sct_no_longer() -> None:
    findings = judge(issued("2026-04-16", logs=(TUSCOLO, TUSCOLO_TOO)), "chrome")
    assert "sct-rfc6962" not in set(findings.loc[findings["verdict"] != "unknown", "rule"])


def test_the_evidence_names_the_operators() -> None:
    findings = judge(issued("2025-01-01", logs=(GOOGLE, GOOGLE_TOO, "log0")), "chrome").set_index("rule")
    assert findings.loc["sct-operators", "found"] == "Google, an unknown log"


@pytest.mark.parametrize(("day", "edition"), [("2026-09-14", "BR 1.2.1"), ("2026-09-15", "SC-097")])
def test_sha1_is_forbidden_by_the_edition_of_the_day_of_issue(day: str, edition: str) -> None:
    tables = issued(day)
    leaf = tables.certificates.assign(signature_algorithm="sha1WithRSAEncryption")
    found = judge(Tables.from_frames(tables.observations, leaf), "baseline").set_index("rule").loc["signature-sha1"]
    assert (found["edition"], found["verdict"]) == (edition, "falls short")


@pytest.mark.parametrize(
    ("on", "days", "urls", "expected"),
    [
        ("2026-03-14", 10, (), "meets"), ("2026-03-14", 11, (), "falls short"), ("2026-03-15", 7, (), "meets"),
        ("2026-03-15", 8, (), "falls short"), ("2026-03-15", 90, ("http://c.example/1.crl",), "meets"),
        ("2024-03-14", 90, (), "unknown"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["crl_urls", "ocsp_urls"])
def test_only_short_lived_certificates_may_do_without_a_place_to_ask_for_revocation(
    on: str, days: int, urls: tuple[str, ...], expected: str, where: str
) -> None:
    tables = issued(on, days=days)
    leaf = tables.certificates.assign(**{where: [urls or None]})
    assert verdict(Tables.from_frames(tables.observations, leaf), "revocation", "revocation") == expected


@pytest.mark.parametrize(("as_of", "expected"), [("2025-02-03", "unknown"), ("2025-02-04", "falls short")])
def test_firefox_asks_for_scts_from_a_day_on_whenever_the_leaf_was_issued(as_of: str, expected: str) -> None:
    tables = issued("2024-12-01", days=190, logs=(GOOGLE, GOOGLE_TOO))
    for rule in ("scts", "sct-operators"):
        assert verdict(tables, "firefox", rule, as_of=f"{as_of}T00:00Z") == expected


@pytest.mark.parametrize(("signed", "expected"), [("2025-02-04", "meets"), ("2025-02-03", "unknown")])
def test_an_undated_look_came_after_the_scts_in_its_leaf(signed: str, expected: str) -> None:
    tables = issued("2025-02-01", logs=(GOOGLE, CLOUDFLARE))
    at = {"observed_at": pd.NaT, "observed_until": pd.Timestamp("2025-03-01", tz="UTC")}
    leaf = tables.certificates.assign(sct_at=pd.Timestamp(signed, tz="UTC"))
    undated = Tables.from_frames(tables.observations.assign(**at), leaf)
    assert verdict(undated, "firefox", "sct-operators") == expected


@pytest.mark.parametrize(
    ("policy", "rule", "value", "complaint"),
    [
        ("apple", "scts", "many", "'many' is not written like 2, 3 from 181 days, or 3 above 180 days"),
        ("federation", "client-auth", "scheme smtp", "it names no purpose, like serverAuth"),
        ("federation", "client-auth", "clientAuth; issuer Example CA", "'issuer Example CA' is not a purpose, like .*"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(
    policy: str, rule: str, value: str, complaint: str, tmp_path: Path
) -> None:
    known = next(known for known in load_policy(policy) if known.rule == rule)
    row = {name: getattr(known, name) for name in ("policy", "edition", "rule", "level", "subject", "test")}
    row |= {"value": value, "since": "2026-01-01", "until": "", "dated_by": "issued", "required": "x",
            "authority": "x", "url": "https://x", "date_basis": "x"}  # fmt: skip
    path = tmp_path / "rules.csv"
    pd.DataFrame([row]).to_csv(path, index=False)
    with pytest.raises(ReadError, match=complaint):
        load_policy(path)
