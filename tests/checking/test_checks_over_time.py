"""`toolkit.check`: what changed for the worse, and the identifier and the advice of each finding."""

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from cryptography import x509

from tests.analyse.made import certificate, look, now, tables
from tests.analyse.trust.minted import mint_leaf, served
from tests.checking.test_checks import NEW, OLD, ROOT, TODAY, VALID, answers, checked, of, reasons, surveyed
from toolkit import Tables, checking, schema
from toolkit.checking.advice import ADVICE
from toolkit.checking.baseline import are_judged
from toolkit.checking.verdicts import SEVERITY_OF

NEWER = certificate("bb", "2026-01-15", "2026-06-15")


def day(number: int) -> str:
    return (now("2026-01-01") + timedelta(days=number)).strftime("%Y-%m-%d")


def shown(*leaves: str, certificates: list[dict[str, object]] | None = None) -> pd.DataFrame:
    """The check `rotation` of a service that showed these leaves in rounds of a day each; the last is of January 31."""
    first = 31 - len(leaves)
    looks = [
        look(sha, day(first + number), round=str(number), sample=sample, **NEW)
        for number, of_round in enumerate(leaves) for sample, sha in enumerate(of_round.split())
    ]  # fmt: skip
    found = checked(tables(looks, certificates or [VALID, NEWER]))
    return found[found["check"] == "rotation"]


def test_an_older_certificate_that_is_shown_again_is_a_roll_back() -> None:
    (row,) = shown(*["aa aa aa"] * 4, *["bb bb bb"] * 4, *["aa aa aa"] * 4).to_dict("records")
    assert (row["verdict"], row["severity"], row["is_finding"]) == ("rolled_back", "medium", True)
    assert row["found"] == "certificate aa is shown again, after the newer bb"
    assert row["evidence_count"] == 24
    assert shown(*["aa aa aa"] * 4, *["bb bb bb"] * 4)["verdict"].tolist() == ["settled"]


def test_too_few_observations_do_not_make_a_roll_back() -> None:
    rows = shown("aa", "aa bb", "aa")
    assert rows["verdict"].tolist() == ["unknown"]
    assert rows["is_finding"].isna().all()
    assert "too few observations" in rows["reason"].iloc[0]


def test_a_roll_out_is_incomplete_once_the_old_certificate_is_about_to_end() -> None:
    replacing = shown("aa", "aa bb", "aa bb")
    assert set(replacing["verdict"]) == {"replacing", "settled"}
    assert replacing["is_finding"].eq(False).all()
    usual = certificate("aa", "2025-12-01", "2026-02-25")
    assert "incomplete" not in set(shown("aa", "aa bb", "aa bb", certificates=[usual, NEWER])["verdict"])
    for ends, severity in (("2026-02-12", "medium"), ("2026-02-06", "high")):
        old = certificate("aa", "2025-12-01", ends)
        rows = shown("aa", "aa bb", "aa bb", certificates=[old, NEWER]).set_index("leaf_sha256")
        assert rows.loc["aa", ["verdict", "severity"]].tolist() == ["incomplete", severity]
        assert rows.loc["bb", "verdict"] == "settled"


def test_a_backend_that_keeps_the_old_certificate_is_an_incomplete_roll_out() -> None:
    """Ten backends: nine change within three days, one keeps the old certificate for 30 days."""
    leaves = [
        " ".join("bb" if number < min(3 * place, 9) else "aa" for number in range(10)) for place in range(34)
    ]  # fmt: skip
    rows = shown(*leaves).set_index("leaf_sha256")
    assert rows.loc["aa", ["verdict", "severity"]].tolist() == ["incomplete", "medium"]


def test_a_name_that_was_trusted_earlier_has_lost_trust() -> None:
    good = served([mint_leaf(ROOT).der, ROOT.der], when=now("2026-01-20"))
    wrong = mint_leaf(ROOT, names=[x509.DNSName("other.example.test")], subject="other.example.test")
    bad = served([wrong.der, ROOT.der], when=now("2026-01-30"))
    bad = Tables.from_frames(bad.observations.assign(round="later"), bad.certificates)
    found = checked(Tables.concat([good, bad]))
    (row,) = found[found["check"] == "trust"].to_dict("records")
    assert (row["verdict"], row["severity"]) == ("trust_lost", "critical")
    assert row["reason"].endswith("; trusted when observed on 2026-01-20 00:00")
    alone = checked(bad)
    (never,) = alone[alone["check"] == "trust"].to_dict("records")
    assert never["verdict"] == "untrusted"
    assert never["finding_id"] == row["finding_id"], "it is the same finding when the earlier rows are gone"


def test_what_a_survey_refused_before_is_gained() -> None:
    asked = {"service": "smtp://mx.example:25"}
    refused, accepted = answers("2026-01-05", "1", "refused", **asked), answers("2026-01-28", "2", "accepted", **asked)
    again = answers("2026-01-30", "3", "accepted", **asked)
    found = checked(surveyed(refused, accepted, again))
    (row,) = found[found["rule"] == "ssl3"].to_dict("records")
    assert (row["verdict"], row["severity"], row["found"]) == ("gained", "high", "SSL 3.0")
    assert row["reason"] == "refused by the survey of 2026-01-05 00:00"
    (always,) = checked(surveyed(accepted, again)).query("rule == 'ssl3'").to_dict("records")
    assert (always["verdict"], always["finding_id"]) == ("falls short", row["finding_id"])


@pytest.mark.parametrize(("as_of", "group", "verdict", "severity", "advice"), [
    ("2026-01-31", "X25519MLKEM768", "gained", "low", "Keep it: "),
    ("2026-01-31", "secp521r1", "gained", "high", "Undo the change"),
    ("2026-04-06", "X25519MLKEM768", "meets", None, None),
    ("2026-04-06", "X25519Kyber768Draft00", "gained", "high", "Undo the change"),
])  # fmt: skip
def test_a_rule_older_than_post_quantum_groups_is_no_reason_to_remove_them(
    as_of: str, group: str, verdict: str, severity: str | None, advice: str | None
) -> None:
    asked = {"protocol": "TLS 1.3", "group": group}
    given = surveyed(answers("2026-01-05", "1", "refused", **asked), answers("2026-01-28", "2", "accepted", **asked))
    found = checked(given, policy="mozilla-intermediate", as_of=now(as_of))
    (row,) = found[found["rule"] == "curves"].to_dict("records")
    assert (row["verdict"], row["severity"]) == (verdict, severity)
    assert (row["advice"] or "").startswith(advice or "")
    assert advice is None or any(f"What to do: {advice}" in line for line in checking.describe(found))


def test_a_renewal_that_does_not_come_is_overdue() -> None:
    """Certificates of 200 days, each replaced 90 days before its end; the last one is not."""
    begins = [now("2024-03-01") + timedelta(days=110 * number) for number in range(6)]
    certificates = [
        certificate(f"c{number}", str(at.date()), str((at + timedelta(days=200)).date()))
        for number, at in enumerate(begins)
    ]

    def verdicts(age: int) -> list[tuple[str, Any]]:
        looks = []
        for passed in range(0, 550 + age, 4):
            at = begins[0] + timedelta(days=passed)
            leaf = max(number for number, begun in enumerate(begins) if begun <= at)
            looks.append(look(f"c{leaf}", at.strftime("%Y-%m-%d"), **NEW))
        return of(checked(tables(looks, certificates), now=begins[-1] + timedelta(days=age)), "expiry")

    assert verdicts(105) == [("valid", "-")]
    assert verdicts(114) == [("valid", "-")], "late by less than the earlier ones differed"
    assert verdicts(120) == [("overdue", "medium")]
    assert verdicts(140) == [("expiring", "medium")], "a third of its lifetime is left"


def test_rows_dated_after_the_clock_are_a_finding() -> None:
    looks = [look("aa", "2026-01-31", **NEW), look("aa", "2027-01-31", **NEW), look("aa", "2027-02-01", **NEW)]
    given = tables(looks, [VALID])
    found = checked(given, clock=TODAY)
    assert of(found, "reachability") == [("dated_ahead", "medium"), ("reachable", "-")]
    assert found["found"].iloc[0] == "2 rows dated after 2026-02-01 00:00, the present"
    assert found["evidence_count"].iloc[0] == 2
    assert of(checked(given), "reachability") == [("reachable", "-")], "now may be a past day"


def test_what_a_survey_found_is_not_judged_again_once_the_survey_is_too_old() -> None:
    """Each row is about the same rule of the same service, which later observations alone seem to meet."""
    held = tables([look("aa", "2025-11-01", **NEW), look("aa", "2026-01-31", **NEW)], [VALID])
    old = surveyed(answers("2025-10-01", "s1", "accepted"), given=held)
    before, after = checked(old, now=now("2025-11-02")), checked(old)
    again = checked(surveyed(answers("2026-01-15", "s2", "refused"), given=held))
    broken = before[before["verdict"] == "falls short"]
    assert set(broken["rule"]) == {"ssl3"}
    assert "last surveyed before 2025-10-23" in reasons(after, "ietf")
    assert not are_judged(broken, after).any()
    assert are_judged(broken, again).all()


def test_rows_of_a_lab_may_be_dated_after_the_clock() -> None:
    given = tables([look("aa", "2027-01-31", round="r", source="lab", **NEW)], [VALID])
    support = pd.concat([answers("2027-01-31", name, "accepted") for name in ("r", "s")])
    row = {"round": "s", "phase": "end", "written_at": now("2027-01-31"), "services": ()}
    for source in ("lab", "live"):
        rounds = schema.frame("rounds", [row | {"source": source}])
        found = checked(Tables.from_frames(given.observations, given.certificates, support, rounds), clock=TODAY)
        ahead = found[found["verdict"] == "dated_ahead"]
        assert ahead["evidence_count"].tolist() == ([] if source == "lab" else [1])


def test_every_finding_has_an_identifier_and_advice_and_nothing_else_has() -> None:
    down = [look(None, f"2026-01-{day}", service="smtp://b:25", host="b") for day in (29, 30, 31)]
    looks = [look("aa", "2026-01-31", **OLD), *down]
    found = checked(tables(looks, [VALID]))
    is_finding = found["is_finding"].fillna(value=False)
    assert is_finding.any()
    for column in ("finding_id", "advice"):
        assert found[column].notna().eq(is_finding).all()
    assert found.loc[is_finding, "finding_id"].is_unique
    assert found["finding_id"].dropna().str.fullmatch("[0-9a-f]{16}").all()
    assert set(ADVICE) == set(SEVERITY_OF)


def test_a_rule_about_the_certificate_is_met_by_another_certificate() -> None:
    short = certificate("aa", "2025-06-01", "2027-06-01") | {"extended_key_usage": ("serverAuth",)}
    looks = tables([look("aa", "2026-01-31", **OLD)], [short])
    found = checked(looks, policy=["ietf", "baseline", "federation"])
    advice = found.query("verdict == 'falls short'").groupby("check")["advice"].unique().map(list).to_dict()
    assert "use a certificate of a private CA there" in advice.pop("federation")[0]
    assert advice == {
        "baseline": ["Have the certificate issued again so that the rule is met, and install it on every backend."],
        "ietf": [ADVICE["falls short"]],
    }


def test_an_identifier_depends_on_the_thing_and_not_on_when_or_how_often() -> None:
    def ids(looks: list[dict[str, object]], today: Any = TODAY) -> set[str]:
        frame = checked(tables(looks, [certificate("aa", "2026-01-01", "2026-02-12"), NEWER]), now=today)
        return set(frame["finding_id"].dropna())

    once = ids([look("aa", "2026-01-30", **OLD)])
    more = ids([look("aa", "2026-01-30", **OLD), look("aa", "2026-01-31", **OLD)], TODAY + timedelta(days=2))
    assert once == more
    assert len(once) > 2
    assert not once & ids([look("aa", "2026-01-30", service="smtp://other:25", host="other", **OLD)])


def test_an_identifier_stays_when_the_certificate_is_renewed() -> None:
    """Two certificates in turn, each for another name, without a purpose, and about to end; then both at once."""
    leaves = [
        mint_leaf(ROOT, begins=now("2026-01-01"), ends=now(f"2026-02-{day}"), purposes=None,
                  names=[x509.DNSName(f"{day}.test")])
        for day in (10, 11)
    ]  # fmt: skip
    shown = [served([leaf.der, ROOT.der], when=now("2026-01-30")) for leaf in leaves]
    looks = [part.observations.assign(round=str(number)) for number, part in enumerate(shown)]
    both = Tables.concat([Tables.from_frames(of, part.certificates) for of, part in zip(looks, shown, strict=True)])
    first, second = (checked(part, policy="baseline") for part in shown)
    found = [set(frame["finding_id"].dropna()) for frame in (first, second)]
    assert {"trust", "expiry", "baseline"} <= set(first.loc[first["finding_id"].notna(), "check"])
    assert found[0] == found[1]
    of_both = checked(both, policy="baseline")["finding_id"].dropna()
    assert of_both.is_unique
    assert found[0] < set(of_both)


def test_recommendations_never_come_before_what_is_broken() -> None:
    """The lines are ordered by severity across checks, whatever the order of the policies."""
    down = [look(None, f"2026-01-{day}", service="smtp://b:25", host="b") for day in (29, 30, 31)]
    looks = [look("aa", "2026-01-31", **OLD), *down]
    found = checked(tables(looks, [certificate("aa", "2026-01-01", "2026-02-12")]), policy=["nist", "ietf"])
    lines = [line for line in checking.describe(found) if line.partition(":")[0] in checking.SEVERITIES]
    order = [list(checking.SEVERITIES).index(line.partition(":")[0]) for line in lines]
    assert order == sorted(order)
    assert order[0] == 0
    should = found[(found["level"] == "should").fillna(value=False) & found["severity"].notna()]
    assert set(should["severity"]) == {"low"}
