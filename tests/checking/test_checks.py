"""`toolkit.checking`: what is in service, each service in one state of each check, and the most severe first."""

import inspect
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import toolkit
from tests.analyse.made import certificate, look, now, tables
from tests.analyse.trust.minted import ENDS, Minted, mint_ca, mint_leaf, replace_bytes, served
from toolkit import Tables, checking, schema
from toolkit.checking.judgements.endings import judge_issuers
from toolkit.errors import UsageError
from toolkit.pem import as_pem

ROOT = mint_ca("root")
TODAY = now("2026-02-01")
CHECKS = {"reachability", "expiry", "rotation", "trust", "ietf"}


def checked(given: Tables, **asked: Any) -> pd.DataFrame:
    return checking.check(given, **({"now": TODAY, "roots": [ROOT.der], "policy": "ietf"} | asked))


def of(frame: pd.DataFrame, check: str) -> list[tuple[str, Any]]:
    rows = frame[frame["check"] == check]
    return list(zip(rows["verdict"], rows["severity"].fillna("-"), strict=True))


def reasons(frame: pd.DataFrame, check: str) -> list[str]:
    return frame.loc[frame["check"] == check, "reason"].dropna().tolist()


def answers(when: str, round_: str, state: str, **facts: object) -> pd.DataFrame:
    row = {"observed_at": now(when), "date_basis": "observed", "round": round_, "service": "smtp://mx.example:25",
           "protocol": "SSL 3.0", "state": state}  # fmt: skip
    return schema.frame("support", [row | facts])


def surveyed(*parts: pd.DataFrame, given: Tables | None = None) -> Tables:
    held = given or tables([], [certificate("aa", "2026-01-01", "2026-03-01")])
    return Tables.from_frames(held.observations, held.certificates, pd.concat(parts))


OLD = {"protocol": "TLS 1.0", "suite": "TLS_RSA_WITH_RC4_128_SHA"}
NEW = {"protocol": "TLS 1.3", "suite": "TLS_AES_128_GCM_SHA256"}
VALID = certificate("aa", "2026-01-01", "2026-06-01")


def broken_rules(frame: pd.DataFrame) -> set[str]:
    return set(frame.loc[frame["verdict"] == "falls short", "rule"])


def test_what_was_broken_once_is_not_a_finding_today() -> None:
    given = tables([look("aa", "2026-01-02", **OLD), look("aa", "2026-01-30", **NEW)], [VALID])
    assert broken_rules(checked(given)) == set()
    assert {"rc4", "tls10"} <= broken_rules(checked(given, history=True))


def test_what_each_offer_and_each_address_showed_last_is_in_service() -> None:
    looks = [
        look("aa", "2026-01-30", round="r", **NEW),
        look("aa", "2026-01-30", round="r", address="192.0.2.2", **OLD),
        look("aa", "2026-01-20", round="q", address="192.0.2.3", **OLD | {"protocol": "SSL 3.0"}),
        look("aa", "2026-01-20", round="q", offer="weak", **OLD | {"protocol": "TLS 1.1"}),
    ]
    broken = broken_rules(checked(tables(looks, [VALID])))
    assert {"rc4", "tls10", "tls11"} <= broken, "of another address, and of an offer that is made less often"
    assert "ssl3" not in broken, "of an address that the service no longer has"


def test_an_address_that_did_not_answer_last_is_judged_by_its_last_answer() -> None:
    looks = [
        look("aa", "2026-01-29", round="q", address="192.0.2.2", **OLD),
        look("aa", "2026-01-30", round="r", **NEW),
        look(None, "2026-01-30", round="r", address="192.0.2.2"),
    ]
    assert "rc4" in broken_rules(checked(tables(looks, [VALID])))


def test_surveys_are_in_service_longer_than_observations_and_until_the_next() -> None:
    observed = tables([look("aa", "2026-01-31", **NEW)], [VALID])
    autumn, winter = answers("2025-11-01", "s1", "accepted"), answers("2026-01-15", "s2", "refused")
    assert "ssl3" in broken_rules(checked(surveyed(autumn, given=observed)))
    assert "ssl3" not in broken_rules(checked(surveyed(autumn, winter, given=observed)))
    untested = answers("2026-01-15", "s2", "untested")
    assert "ssl3" in broken_rules(checked(surveyed(autumn, untested, given=observed))), "nothing was answered since"
    old = checked(surveyed(answers("2025-06-01", "s0", "accepted"), given=observed))
    assert "ssl3" not in broken_rules(old)
    assert "last surveyed before 2025-10-23" in reasons(old, "ietf")


@pytest.mark.parametrize(
    ("when", "facts", "reason"),
    [
        ("2025-06-01", {}, "last observed before 2025-12-27"),
        ("2026-02-02", {}, "first observed after now, 2026-02-01 00:00"),
        (None, {}, "only undated observations"),
    ],
)
def test_a_service_outside_of_the_window_is_unknown_in_each_check(
    when: str | None, facts: dict[str, object], reason: str
) -> None:
    other = {"service": "https://other.example:443", "host": "other.example", "server_name": "other.example"}
    given = tables([look("aa", "2026-01-31", **NEW), look("aa", when, **other, **facts)], [VALID])
    found = checked(given)
    of_other = found[found["service"] == "https://other.example:443"]
    assert of_other["check"].tolist() == ["reachability", "expiry", "rotation", "trust", "ietf"]
    assert set(of_other["verdict"]) == {"unknown"}
    assert set(of_other["reason"]) == {reason}
    assert of_other["is_finding"].isna().all()


@pytest.mark.parametrize("as_of", ["observed", now("2026-01-20")])
@pytest.mark.parametrize("day", ["2026-02-01", "2027-02-01"], ids=["before the first observation", "long after"])
def test_a_certificate_that_is_not_in_service_is_not_judged_as_held(day: str, as_of: Any) -> None:
    failed = look(None, "2027-01-30", outcome="port_closed")
    given = tables([look("aa", "2026-03-02", **NEW), failed], [VALID])
    found = checked(given, now=now(day), as_of=as_of)
    assert set(checking.name_services(found)) == {"smtp://mx.example:25"}
    assert set(found.loc[found["check"] == "trust", "verdict"]) == {"unknown"}


def test_each_service_is_counted_once_in_each_check() -> None:
    hosts = [{"service": f"smtp://mx{n}:25", "host": f"mx{n}", "server_name": f"mx{n}"} for n in range(5)]
    given = tables(
        [
            look("aa", "2026-01-31", **hosts[0], **NEW), look("bb", "2026-01-31", offer="rsa", **hosts[0], **OLD),
            look("gone", "2026-01-31", **hosts[1]), look(None, "2026-01-31", **hosts[2]),
            look("aa", "2024-01-31", **hosts[3]), look(None, "2026-01-31", outcome="ok", **hosts[4]),
        ],
        [VALID, certificate("bb", "2025-12-01", "2026-02-03")],
    )  # fmt: skip
    for history in (False, True):
        found = checked(given, history=history)
        counts = checking.count_services(found).set_index("check")
        assert set(counts.index) == CHECKS
        assert set(counts["service_count"]) == {5}
        assert (counts[["findings", "fine", "unknown"]].sum(axis=1) == 5).all()


def test_findings_come_first_and_the_most_severe_of_them() -> None:
    given = tables(
        [
            look("bb", "2026-01-31", **OLD),
            *(look(None, f"2026-01-{day}", service="smtp://b:25", host="b", stage="connect") for day in (29, 30, 31)),
            look("cc", "2026-01-31", service="smtp://c:25", host="c", **NEW),
        ],
        [certificate("bb", "2025-12-01", "2026-02-25"), certificate("cc", "2025-12-01", "2026-01-20")],
    )  # fmt: skip
    found = checked(given)
    order = found["severity"].map({name: rank for rank, name in enumerate(checking.SEVERITIES)})
    assert order.dropna().is_monotonic_increasing
    assert found["is_finding"].fillna(False).is_monotonic_decreasing
    assert found["severity"].notna().eq(found["is_finding"].fillna(False)).all()
    assert set(found["severity"].dropna()) == {"critical", "high", "medium", "low"}
    assert of(found, "expiry") == [("expired", "critical"), ("expiring", "medium"), ("unknown", "-")]
    severities = set(found.dropna(subset="severity")[["verdict", "severity"]].itertuples(index=False, name=None))
    assert {("unreachable", "critical"), ("falls short", "high"), ("falls short", "low")} <= severities


# Reachability


def down(*shown: list[str | None], **facts: object) -> list[dict[Any, Any]]:
    """For each list what is said of a service with a look a day up to the last of January; null: it had no answer."""
    looks = [
        look(sha, f"2026-01-{32 - len(one) + day:02d}", service=f"smtp://mx{number}:25", **({} if sha else facts))
        for number, one in enumerate(shown) for day, sha in enumerate(one)
    ]  # fmt: skip
    found = checked(tables(looks, [VALID]))
    rows = found[found["check"] == "reachability"].set_index("service")
    return rows.loc[[f"smtp://mx{number}:25" for number in range(len(shown))]].to_dict("records")


def test_a_host_that_has_been_down_is_a_finding_with_since_when() -> None:
    row, never = down(["aa", "aa", None, None, None], [None], stage="connect")
    assert (row["verdict"], row["severity"], row["first_at"]) == ("unreachable", "critical", now("2026-01-29"))
    assert row["found"] == (
        "no answer since 2026-01-29 00:00 in 3 visits, 3 × timeout; the last answer was on 2026-01-28 00:00"
    )
    assert (never["verdict"], never["severity"]) == ("unreachable", "medium"), "a single visit supports it"
    assert never["found"] == (
        "no answer since 2026-01-31 00:00 in 1 visit, 1 × timeout; it never answered; critical from 3 visits on"
    )
    rows = down(["aa", None, None, None], [None, None], [None] * 3, outcome="refused", stage="hello")
    assert [row["verdict"] for row in rows] == ["failing"] * 3
    assert [row["severity"] for row in rows] == ["critical", "medium", "critical"]


def test_many_looks_of_one_visit_are_one_reason_to_call_a_service_down() -> None:
    of_a_round = [look(None, "2026-01-31", stage="connect", round="r1", sample=sample) for sample in range(9)]
    (row,) = checked(tables(of_a_round, [VALID])).query("check == 'reachability'").to_dict("records")
    assert (row["verdict"], row["severity"], row["evidence_count"]) == ("unreachable", "medium", 9)


def test_one_miss_is_not_a_finding_nor_what_was_not_asked() -> None:
    missed = down(["aa", None, None], ["aa", None, "aa"])
    assert [row["verdict"] for row in missed] == ["unknown", "reachable"]
    assert [row["found"] for row in missed] == [
        "1 of 3 visits answered; the last 2 visits failed", "2 of 3 visits answered",
    ]  # fmt: skip
    assert missed[0]["reason"] == "the last 2 visits failed; a finding from 3 visits on"
    unasked = down(["aa", None, None, None], [None], outcome="skipped")
    assert [row["verdict"] for row in unasked] == ["reachable", "unknown"]


def test_a_service_that_often_fails_is_a_finding_though_it_answered_last() -> None:
    rows = down(
        [None, "aa", "aa"] * 3, [*["aa"] * 16, None, None, "aa", None], ["aa"] * 9 + [None] * 3,
        ["aa"] * 9 + [None] * 2, [*["aa"] * 8, None, None, None, *["aa"] * 20], [None, None, *["aa"] * 4],
        stage="connect",
    )  # fmt: skip
    assert [(row["verdict"], row["severity"]) for row in rows] == [
        ("intermittent", "medium"), ("intermittent", "low"), ("unreachable", "critical"), ("unknown", None),
        ("reachable", None), ("reachable", None),
    ]  # fmt: skip
    assert rows[0]["found"] == "6 of 9 visits answered"
    assert rows[1]["found"] == "17 of 20 visits answered; the last visit failed"
    assert rows[4]["found"] == "28 of 31 visits answered"
    assert "See when the visits fail" in rows[0]["advice"]


def test_an_offer_that_a_service_never_answers_does_not_make_it_intermittent() -> None:
    looks = [
        look(None if offer == "rsa" else "aa", f"2026-01-{day}", round=f"{offer} {day}", offer=offer,
             **({"outcome": "refused", "stage": "hello"} if offer == "rsa" else NEW))
        for day in range(20, 31) for offer in ("any", "rsa")
    ]  # fmt: skip
    assert of(checked(tables(looks, [VALID])), "reachability") == [("reachable", "-")]


def test_one_outage_keeps_its_identifier_whatever_its_symptom() -> None:
    tail = [{"stage": "connect"}] * 3
    symptoms = [tail, [*tail, {"outcome": "reset", "stage": "hello"}], [*tail, None]]
    shown = []
    for symptom in symptoms:
        looks = [
            look("aa" if facts is None else None, f"2026-01-{20 + day}", **(facts or {}))
            for day, facts in enumerate([None, *symptom])
        ]
        (row,) = checked(tables(looks, [VALID])).query("check == 'reachability'").to_dict("records")
        shown.append((row["verdict"], row["finding_id"]))
    assert [verdict for verdict, _ in shown] == ["unreachable", "failing", "intermittent"]
    assert len({identifier for _, identifier in shown}) == 1


def test_an_address_that_no_longer_answers_is_a_finding_of_its_own() -> None:
    looks = []
    for day in range(27, 32):
        looks.append(look("aa", f"2026-01-{day}", **NEW))
        looks.append(look("aa" if day < 29 else None, f"2026-01-{day}", address="192.0.2.2"))
    found = checked(tables(looks, [VALID]))
    assert of(found, "reachability") == [("partly_reachable", "medium")]
    assert "192.0.2.2 has not answered since 2026-01-29" in found.loc[found["check"] == "reachability", "found"].iloc[0]


def test_an_answer_that_our_limit_ended_is_neither_a_failure_nor_an_answer() -> None:
    cut = {"outcome": "too_large", "stage": "certificate", "reason": "more than 262144 bytes"}
    *unknown, reachable = down([None], ["aa", None, None, None], ["aa", None, None], **cut)
    for row in unknown:
        assert row["verdict"] == "unknown"
        assert row["reason"] == "its answer is longer than this program reads: more than 262144 bytes"
        assert "never answered" not in row["found"]
    assert reachable["verdict"] == "reachable"
    looks = [look(None, "2026-01-20", **cut), *(look(None, f"2026-01-2{day}", stage="connect") for day in range(1, 4))]
    (row,) = checked(tables(looks, [VALID])).query("check == 'reachability'").to_dict("records")
    assert row["verdict"] == "unreachable", "it has been silent since"
    assert "the last answer was on 2026-01-20" in row["found"]


def test_whether_a_service_answers_is_unknown_without_recent_observations() -> None:
    found = checked(tables([look("aa", "2026-01-02", **NEW)], [VALID]), now=now("2026-04-01"))
    assert reasons(found, "reachability") == ["not observed in the 35 days before 2026-04-01"]


# Expiry


def test_a_certificate_that_cannot_be_read_is_a_finding() -> None:
    leaf = replace_bytes(mint_leaf(ROOT), b"\x17\x0d260331235959Z", b"\x17\x0d2603312359590")
    found = checked(served([leaf.der, ROOT.der]))
    assert of(found, "expiry") == [("unreadable", "critical")]
    (row,) = found[found["check"] == "expiry"].to_dict("records")
    assert "could not be read" in row["found"]
    assert "not_after" in row["reason"]


def chain(ends: datetime, *, leaf_ends: datetime = ENDS, root_ends: datetime | None = None) -> tuple[Tables, Minted]:
    root = mint_ca("short root", ends=root_ends) if root_ends else ROOT
    middle = mint_ca("middle", root, ends=ends)
    return served([mint_leaf(middle, ends=leaf_ends).der, middle.der]), root


@pytest.mark.parametrize(
    ("thresholds", "days", "severity"),
    [("lifetime", 29, "medium"), ("lifetime", 5, "high"), ("lifetime", 31, None), ("days", 29, "medium"),
     ("days", 6, "high"), ("days", 31, None)],
)  # fmt: skip
def test_an_intermediate_that_ends_before_its_leaf_is_expiring(
    thresholds: str, days: int, severity: str | None
) -> None:
    given, root = chain(TODAY + timedelta(days=days), leaf_ends=now("2026-04-01"))
    found = checked(given, roots=[root.der], thresholds=thresholds)
    expected = [("expiring", severity)] if severity else []
    assert of(found, "expiry") == [*expected, ("valid", "-")]
    assert of(found, "trust") == [("trusted", "-")]
    if severity:
        (row,) = found[found["verdict"] == "expiring"].to_dict("records")
        assert row["found"].startswith("intermediate 1, CN=middle,O=Example (")
        assert f"{days}.0 days left" in row["found"]


@pytest.mark.parametrize(("store", "rows"), [("mozilla", 1), ("android", 0)])
def test_the_end_of_a_root_counts_only_where_the_store_checks_it(store: str, rows: int) -> None:
    given, root = chain(ENDS, root_ends=TODAY + timedelta(days=5))
    at, roots = pd.Timestamp(TODAY), (root.der,)
    shown = toolkit.summarise_expiry(given, now=at)
    trust = toolkit.verify_chains(given, roots=roots).assign(store=store)
    judged = judge_issuers(
        shown, trust, given, roots=roots, of_store=roots, now=at, thresholds="lifetime", intermediates="served"
    )
    assert len(judged) == rows


def test_an_issuer_that_was_not_served_may_be_a_renewed_one(tmp_path: Path) -> None:
    short = mint_ca("middle", ROOT, ends=TODAY + timedelta(days=5))
    long = mint_ca("middle", ROOT)
    given = served([mint_leaf(short).der])
    file = tmp_path / "short.pem"
    file.write_text(as_pem(short.der), encoding="ascii")
    found = checked(given, intermediates=file)
    assert of(found, "expiry") == [("valid", "-"), ("unknown", "-")]
    assert reasons(found, "expiry") == ["its issuer was not recorded as served, and a renewed one may be served"]
    file.write_text(as_pem(short.der) + as_pem(long.der), encoding="ascii")
    assert of(checked(given, intermediates=file), "expiry") == [("valid", "-")], "another path lasts longer"
    assert of(checked(given), "expiry") == [("valid", "-")], "no path, and no issuer was served"


def test_a_root_that_ends_first_and_an_issuer_without_its_root_are_found_too() -> None:
    given, root = chain(ENDS, root_ends=TODAY + timedelta(days=5))
    found = checked(given, roots=[root.der])
    assert found.loc[found["verdict"] == "expiring", "found"].iloc[0].startswith("root, CN=short root")
    given, _ = chain(TODAY + timedelta(days=5))
    found = checked(given, roots=[mint_ca("stranger").der])
    assert of(found, "expiry")[0] == ("expiring", "high")
    assert of(found, "trust") == [("unknown", "-")]


def test_where_another_path_lasts_longer_nothing_is_expiring() -> None:
    short, long = mint_ca("middle", ROOT, ends=TODAY + timedelta(days=5)), mint_ca("middle", ROOT)
    leaf = mint_leaf(long)
    for served_chain in ([leaf.der, short.der, long.der], [leaf.der, long.der, short.der]):
        assert of(checked(served(served_chain)), "expiry") == [("valid", "-")]


def test_an_issuer_that_ended_since_the_last_observation_is_unknown_and_one_served_after_is_expired() -> None:
    given, root = chain(TODAY + timedelta(days=5))
    found = checked(given, roots=[root.der], now=TODAY + timedelta(days=6))
    assert of(found, "expiry") == [("valid", "-"), ("unknown", "-")]
    given, root = chain(TODAY - timedelta(days=5))
    found = checked(given, roots=[root.der])
    assert of(found, "expiry")[0] == ("expired", "critical")
    assert of(found, "trust") == [("untrusted", "critical")]


# Trust


@pytest.mark.parametrize(("is_key_proven", "verdicts"), [
    (False, [("key_not_proven", "critical"), ("trusted", "-")]), (True, [("trusted", "-")]), (None, [("trusted", "-")]),
])  # fmt: skip
def test_a_wrong_handshake_signature_is_a_finding(is_key_proven: bool | None, verdicts: list[tuple[str, str]]) -> None:
    given = served([mint_leaf(ROOT).der, ROOT.der])
    proven = pd.Series(is_key_proven, given.observations.index, dtype="boolean")
    found = checked(Tables.from_frames(given.observations.assign(is_key_proven=proven), given.certificates))
    assert of(found, "trust") == verdicts
    if is_key_proven is False:
        assert any("key not proven: " in line for line in checking.describe(found))
        assert found["evidence_count"].iloc[0] == 1


def test_no_root_mends_a_wrong_name_or_an_end() -> None:
    stranger = [mint_ca("stranger").der]
    leaf = mint_leaf(ROOT)
    assert of(checked(served([leaf.der, ROOT.der]), roots=stranger), "trust") == [("unknown", "-")]
    found = checked(served([leaf.der, ROOT.der], host="other.example.test"), roots=stranger)
    assert of(found, "trust") == [("untrusted", "critical")]
    assert (
        found.loc[found["check"] == "trust", "reason"].iloc[0].startswith("leaf: it does not name other.example.test")
    )
    found = checked(served([leaf.der, ROOT.der]), roots=stranger, now=now("2026-04-02"), as_of=now("2026-04-02"))
    assert of(found, "trust") == [("unknown", "-")], "it expired, and was not observed afterwards"
    found = checked(served([leaf.der, ROOT.der], when=now("2026-04-01")), roots=stranger, now=now("2026-04-02"))
    assert of(found, "trust") == [("untrusted", "critical")]


# Statements, clocks, positions


def test_a_statement_is_judged_by_its_last_run_and_a_rotation_by_earlier_rows() -> None:
    theirs = certificate("bb", "2025-12-01", "2026-03-01", issuer="CN=Google Internet Authority G2,O=Google Inc,C=US")
    looks = [look(sha, day, host="smtp.gmail.com", **NEW) for sha, day in (("bb", "2026-01-02"), ("aa", "2026-01-30"))]
    given = tables(looks, [VALID, theirs])
    found = checked(given, policy="google-help")
    rows = found[found["rule"] == "issuer-g2"]
    assert rows[["verdict", "severity", "evidence_count"]].to_numpy().tolist() == [["contradicted", "low", 1]]
    assert rows["evidence"].tolist() == ["observations 1"]
    every = checked(given, policy="google-help", history=True)
    assert set(every.loc[every["rule"] == "issuer-g2", "verdict"]) == {"contradicted", "confirmed"}


def test_evidence_names_rows_of_the_tables_given() -> None:
    given = tables([look("aa", f"2026-01-{day}", **OLD) for day in (10, 20, 30)], [VALID])
    found = checked(given)
    assert set(found.loc[found["rule"] == "rc4", "evidence"]) == {"observations 2"}


@pytest.mark.parametrize(("hours", "is_believed"), [(2, True), (25, False)])
def test_a_collectors_clock_a_little_ahead_is_believed(hours: int, is_believed: bool) -> None:
    when = TODAY + timedelta(hours=hours)
    given = tables([look("aa", when.replace(tzinfo=None).isoformat(), **NEW)], [VALID])
    present = checking.date_present(given, clock=TODAY)
    assert present == (when if is_believed else TODAY)
    made = replace(given, observations=given.observations.assign(source="lab"))
    assert checking.date_present(made, clock=TODAY) == TODAY, "the clock of a lab is turned on purpose"
    assert ("unknown", "-") not in of(checked(given, now=present), "expiry") or not is_believed


def test_what_was_left_out_is_said() -> None:
    looks = [look("aa", day, **NEW) for day in ("2025-01-01", "2026-01-01", "2026-01-30", "2026-03-01", None)]
    scope = checking.find_in_service(tables(looks, [VALID]), now=TODAY)
    expected = {"superseded": 1, "not_asked": 0, "earlier": 1, "later": 1, "undated": 1}
    assert scope.left_out["observations"] == expected
    said = checking.describe_in_service(scope)
    assert "since 2025-12-26" in said
    assert "1 superseded, 1 earlier, 1 dated after now, 1 undated (observations)" in said


def test_nothing_after_now_is_judged_with_or_without_history() -> None:
    given = toolkit.load_example("lab-sample").within(
        services=["https://www.lab.test:443", "smtp://legacy.lab.test:25"]
    )
    known = checking.find_known(given, now="2025-08-15T00:00:00Z")
    assert 0 < len(known.certificates) < len(given.certificates)
    for history in (False, True):
        of_all, of_known = (
            checking.check(rows, now="2025-08-15T00:00:00Z", roots="certifi", policy="ietf", history=history)
            for rows in (given, known)
        )
        pd.testing.assert_frame_equal(of_all, of_known)
    scope = checking.find_in_service(given, now="2025-08-15T00:00:00Z", history=True)
    later = len(given.observations) - len(known.observations)
    assert f"until now (history). Left out: {later} dated after now (observations)" in checking.describe_in_service(
        scope
    )


def test_certificates_that_were_only_held_stay_known() -> None:
    held = tables([], [VALID])
    assert checking.find_known(held, now=TODAY).certificates.equals(held.certificates)
    shown = tables([look("aa", "2026-03-01", **NEW)], [VALID, VALID | {"cert_sha256": "bb"}])
    assert list(checking.find_known(shown, now=TODAY).certificates["cert_sha256"]) == ["bb"]


def test_observations_without_an_answer_are_judged_and_not_left_out() -> None:
    looks = [look(None, f"2026-01-{day}", round=str(day)) for day in (20, 21)]
    looks += [look(None, "2026-01-22", outcome="skipped"), look("aa", "2026-01-30", **NEW)]
    scope = checking.find_in_service(tables(looks, [VALID]), now=TODAY)
    assert scope.left_out["observations"] == {"superseded": 0, "not_asked": 1, "earlier": 0, "later": 0, "undated": 0}
    assert "Left out: 1 not asked (observations)" in checking.describe_in_service(scope)


@pytest.mark.parametrize(("day", "is_outdated"), [("2026-03-06", False), ("2026-03-08", True)])
def test_a_window_that_ended_long_before_now_is_outdated(day: str, is_outdated: bool) -> None:
    given = tables([look("aa", "2026-01-31", **NEW)], [VALID])
    assert checking.find_in_service(given, now=now(day)).is_outdated is is_outdated
    assert not checking.find_in_service(given, now=now(day), history=True).is_outdated
    assert not checking.find_in_service(tables([], []), now=now(day)).is_outdated


def test_what_is_counted_is_named() -> None:
    hosts = [{"service": f"smtp://mx{n}:25", "host": f"mx{n}", "server_name": f"mx{n}"} for n in range(2)]
    looks = [look("aa", "2026-01-31", **host, **NEW) for host in hosts]
    looks += [look("bb", "2026-01-31", offer="rsa", **hosts[0], **NEW), look("aa", "2025-01-31", **NEW)]
    lines = list(checking.describe(checked(tables(looks, [VALID, VALID | {"cert_sha256": "bb"}]))))
    assert "  valid, 2 certificates of 2 services" in lines
    assert "  unknown, 2 certificates of 2 services: the chain was not recorded as served" in lines
    assert "  reachable, 2 services" in lines
    assert "  unknown, 1 service: last observed before 2025-12-27" in lines
    assert not any("×" in line for line in lines)


# What is given first


# These take rotations and verdicts first (tests/test_wrong_arguments.py).
QUESTIONS = sorted({*toolkit.analyse.__all__, "compare_verifiers"} - {"describe_chains", "describe_rotations"})


@pytest.mark.parametrize("name", [*QUESTIONS, "check"])
@pytest.mark.parametrize("given", ["store", None, pd.DataFrame({"a": [1]})])
def test_a_question_refuses_what_is_not_tables(name: str, given: object) -> None:
    question = checking.check if name == "check" else getattr(toolkit, name)
    needed = {
        parameter.name: TODAY
        for parameter in list(inspect.signature(question).parameters.values())[1:]
        if parameter.default is parameter.empty
    }
    with pytest.raises(UsageError, match=r"toolkit\.read|Tables\.from_frames|what judge returns"):
        question(given, **needed)
