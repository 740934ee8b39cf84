"""Rules against rows: each state, first and last second of each edition, Google's page against nineteen years."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from tests.analyse.made import at, certificate, look, now, tables
from tests.analyse.support.test_support import AES, GCM, RC4, answer, surveyed
from tests.conftest import ROOT
from toolkit import Tables
from toolkit.analyse import judge, summarise_findings
from toolkit.analyse.policy.findings import FINDINGS
from toolkit.columns import dtypes
from toolkit.errors import UsageError
from toolkit.readers import read
from toolkit.reference.rules import Rule, policies

TRIPLE = "TLS_RSA_WITH_3DES_EDE_CBC_SHA"
SECOND = dt.timedelta(seconds=1)


def verdicts(given: Tables, policy: str, rule: str, **asked: object) -> list[str]:
    frame = judge(given, policy, **asked)  # type: ignore[arg-type]  # a test passes anything
    return frame.loc[frame["rule"] == rule, "verdict"].tolist()


def negotiated(when: str | None, protocol: str = "TLS 1.2", suite: str = AES, **facts: object) -> Tables:
    return tables([look(None, when, outcome="ok", protocol=protocol, suite=suite, **facts)], [])


@pytest.mark.parametrize(
    ("suite", "state", "expected"),
    [
        (RC4, "accepted", ["falls short"]), (RC4, "refused", ["meets"]), (RC4, "untested", ["unknown"]),
        (AES, "accepted", ["meets"]), (AES, "refused", []), (AES, "untested", []),
        ("TLS_FROM_THE_FUTURE", "accepted", ["unknown"]), ("TLS_FROM_THE_FUTURE", "refused", []),
    ],
)  # fmt: skip
def test_a_prohibition_is_met_by_refusal_and_left_open_by_silence(suite: str, state: str, expected: list[str]) -> None:
    assert verdicts(surveyed(answer("TLS 1.2", suite, state)), "ietf", "rc4") == expected


@pytest.mark.parametrize(
    ("suite", "state", "expected"),
    [
        (AES, "accepted", ["falls short"]), (AES, "refused", ["meets"]), (AES, "untested", ["unknown"]),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "accepted", ["meets"]),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "refused", []),
    ],
)  # fmt: skip
def test_what_a_list_allows_need_not_be_accepted(suite: str, state: str, expected: list[str]) -> None:
    assert verdicts(surveyed(answer("TLS 1.2", suite, state)), "mozilla-intermediate", "suites") == expected


def test_a_version_is_judged_once_per_survey_by_the_row_that_shows_it() -> None:
    given = surveyed(
        answer("TLS 1.0", AES, "refused"), answer("TLS 1.0", RC4, "accepted"), answer("TLS 1.1", AES, "refused"),
        answer("TLS 1.1", RC4, "refused"), answer("SSL 3.0", AES, "refused"), answer("SSL 3.0", RC4, "untested"),
    )  # fmt: skip
    frame = judge(given, "ietf")
    about = {"tls10": "TLS 1.0", "tls11": "TLS 1.1", "ssl3": "SSL 3.0"}
    frame = frame[frame["found"] == frame["rule"].map(about)].set_index("rule")
    assert frame["verdict"].to_dict() == {"tls10": "falls short", "tls11": "meets", "ssl3": "unknown"}
    assert frame.loc["tls10", "evidence_row"] == 1
    assert frame.loc["ssl3", "reason"] == "the survey could not test it"


BREAKS = {
    ("ietf", "rc4"): {"suite": RC4},
    ("ietf", "ssl2"): {"protocol": "SSL 2.0"},
    ("ietf", "ssl3"): {"protocol": "SSL 3.0"},
    ("ietf", "tls10"): {"protocol": "TLS 1.0"},
    ("ietf", "tls11"): {"protocol": "TLS 1.1"},
    ("ietf", "null"): {"suite": "TLS_RSA_WITH_NULL_SHA"},
    ("ietf", "strength-112"): {"suite": "TLS_RSA_WITH_DES_CBC_SHA"},
    ("ietf", "strength-128"): {"suite": TRIPLE},
    ("ietf", "forward-secrecy"): {"suite": AES},
    ("nist", "3des"): {"suite": TRIPLE},
    ("nist", "3des-deprecated"): {"suite": TRIPLE},
    ("nist", "ssl"): {"protocol": "SSL 3.0"},
    ("nist", "tls10"): {"protocol": "TLS 1.0"},
    ("mozilla-intermediate", "suites"): {"suite": RC4},
    ("mozilla-intermediate", "versions"): {"protocol": "SSL 3.0"},
    ("mozilla-modern", "versions"): {"protocol": "TLS 1.0"},
    ("mozilla-old", "suites"): {"suite": RC4},
}
EDITIONS = [rule for (policy, name) in BREAKS for rule in policies()[policy] if rule.rule == name]


@pytest.mark.parametrize("rule", EDITIONS, ids=lambda rule: f"{rule.policy} {rule.rule} {rule.edition}")
def test_each_edition_holds_from_its_first_second_to_its_last(rule: Rule) -> None:
    assert rule.since is not None
    instants = {"before": rule.since - SECOND, "first": rule.since}
    if rule.until:
        instants |= {"last": rule.until - SECOND, "after": rule.until}
    facts = {"outcome": "ok", "protocol": "TLS 1.2", "suite": AES, **BREAKS[rule.policy, rule.rule]}
    given = tables([look(None, when.isoformat()[:19], service=name, **facts) for name, when in instants.items()], [])
    editions = [other for other in policies()[rule.policy] if other.rule == rule.rule]
    found = judge(given, editions).fillna({"edition": "none"}).set_index("service")
    assert found.index.is_unique
    row = found.loc["first"]
    assert (row["verdict"], row["edition"], row["rule_from_at"]) == ("falls short", rule.edition, rule.since)
    assert found["edition"].eq(rule.edition).to_dict() == {name: name in {"first", "last"} for name in instants}


def test_rows_before_the_first_edition_are_unknown() -> None:
    row = judge(negotiated("2007-08-10", "TLS 1.0", TRIPLE), "mozilla-intermediate").iloc[0]
    assert row["verdict"] == "unknown"
    assert row["reason"] == "no such rule before 2016-02-11"
    assert pd.isna(row["rule_from_at"])
    assert pd.isna(row["edition"])


def test_mozilla_has_no_old_level_since_6_0() -> None:
    frame = judge(negotiated("2026-04-06", "TLS 1.0", RC4), "mozilla-old")
    assert set(frame["verdict"]) == {"unknown"}
    assert set(frame["reason"]) == {"no edition since 2026-04-06"}


def test_a_rule_replaced_by_another_name_makes_no_finding_any_more() -> None:
    frame = judge(negotiated("2025-01-01", suite=TRIPLE), "nist")
    assert frame.loc[frame["subject"] == "cipher", ["rule", "verdict"]].to_numpy().tolist() == [["3des", "falls short"]]


def test_as_of_chooses_the_rules_and_not_the_evidence() -> None:
    given = negotiated("2012-01-01", suite=RC4)
    assert verdicts(given, "ietf", "rc4") == ["unknown"]
    assert verdicts(given, "ietf", "rc4", as_of=now("2015-01-31T23:59:59")) == ["unknown"]
    assert verdicts(given, "ietf", "rc4", as_of=now("2015-02-01")) == ["falls short"]
    row = judge(given, "ietf", as_of=now("2015-02-01")).set_index("rule").loc["rc4"]
    assert (row["judged_at"], row["observed_at"]) == (at("2015-02-01"), at("2012-01-01"))


def test_an_undated_row_is_judged_only_where_its_bounds_tell_the_edition() -> None:
    undated = negotiated(None, suite=RC4)
    assert verdicts(undated, "ietf", "rc4") == ["unknown"]
    assert judge(undated, "ietf").set_index("rule").loc["rc4", "reason"] == "its day is not known well enough"
    for begins, ends, verdict in (
        ("2015-02-01", "2016-01-01", "falls short"), ("2015-01-31", "2016-01-01", "unknown"),
        ("2010-01-01", "2015-01-31", "unknown"),
    ):  # fmt: skip
        bounded = negotiated(None, suite=RC4, observed_from=at(begins), observed_until=at(ends))
        assert verdicts(bounded, "ietf", "rc4") == [verdict]
    assert verdicts(undated, "ietf", "rc4", as_of=now("2020-01-01")) == ["falls short"]


@pytest.mark.parametrize(
    ("begins", "ends", "verdict", "reason"),
    [
        ("2015-02-01", "2016-01-01", "falls short", None),
        ("2015-01-31", "2016-01-01", "unknown", "a rule's date lies within the bounds of its day"),
        ("2010-01-01", "2015-01-31", "unknown", "no such rule before 2015-02-01"),
        (None, "2015-01-31", "unknown", "no such rule before 2015-02-01"),
        (None, "2016-01-01", "unknown", "its day is not known well enough"),
        ("2016-01-01", None, "falls short", None),  # the rule has no end
        ("2015-01-31", None, "unknown", "its day is not known well enough"),
        (None, None, "unknown", "its day is not known well enough"),
    ],
)
def test_a_survey_known_by_bounds_is_judged_where_they_lie_in_one_stretch_of_the_rules(
    begins: str | None, ends: str | None, verdict: str, reason: str | None
) -> None:
    bounds = {"observed_at": None, "observed_from": begins and at(begins), "observed_until": ends and at(ends)}
    given = surveyed(answer("TLS 1.2", RC4, "accepted", **bounds))
    row = judge(given, "ietf").set_index("rule").loc["rc4"]
    assert (row["verdict"], None if pd.isna(row["reason"]) else row["reason"]) == (verdict, reason)
    assert verdicts(given, "ietf", "rc4", as_of=now("2020-01-01")) == ["falls short"]


def test_surveys_of_other_bounds_are_other_surveys() -> None:
    first = {"observed_at": None, "observed_from": at("2015-07-01"), "observed_until": at("2015-07-02")}
    second = first | {"observed_until": at("2015-09-01")}
    given = surveyed(
        answer("SSL 3.0", RC4, "accepted", round="a", **first), answer("SSL 3.0", RC4, "refused", round="b", **second)
    )
    assert verdicts(given, "ietf", "ssl3") == ["falls short", "meets"]


def test_failed_looks_make_no_finding() -> None:
    assert judge(tables([look(None, "2026-01-01")], []), "ietf").empty
    with pytest.raises(UsageError, match="there are no rules in it"):
        judge(tables([look(None, "2026-01-01")], []), [])


def shown(certificate_row: dict[str, object], when: str = "2026-04-01") -> Tables:
    return tables([look(str(certificate_row["cert_sha256"]), when)], [certificate_row])


@pytest.mark.parametrize(
    ("issued", "days"),
    [("2018-03-01", 825), ("2020-08-31", 825), ("2020-09-01", 398), ("2026-03-14", 398), ("2026-03-15", 200),
     ("2027-03-14", 200), ("2027-03-15", 100), ("2029-03-14", 100), ("2029-03-15", 47)],
)  # fmt: skip
@pytest.mark.parametrize(("extra", "verdict"), [(-1, "meets"), (0, "meets"), (1, "falls short")])
def test_each_cap_to_the_second_by_the_day_of_issue(issued: str, days: int, extra: int, verdict: str) -> None:
    ends = at(issued) + dt.timedelta(days=days, seconds=extra - 1)
    given = shown(certificate("a", issued, ends.isoformat()[:19]), when="2030-01-01")
    assert verdicts(given, "baseline", "validity") == [verdict]


def test_months_are_calendar_months() -> None:
    for ends, verdict in (("2018-06-30T23:59:59", "meets"), ("2018-07-01T00:00:00", "falls short")):
        assert verdicts(shown(certificate("a", "2015-04-01", ends)), "baseline", "validity") == [verdict]


@pytest.mark.parametrize(
    ("facts", "rule", "verdict"),
    [
        ({"key_bits": 1024}, "key-size", "falls short"), ({"key_bits": 2048}, "key-size", "meets"),
        ({"key_bits": None}, "key-size", "unknown"),
        ({"key_type": "EC", "key_bits": 256, "key_curve": "secp256r1"}, "key-curve", "meets"),
        ({"key_type": "EC", "key_bits": 224, "key_curve": "secp224r1"}, "key-curve", "falls short"),
        ({"signature_algorithm": "sha1WithRSAEncryption"}, "signature-sha1", "falls short"),
        ({"signature_algorithm": "ecdsa-with-SHA1"}, "signature-sha1", "falls short"),
        ({"signature_algorithm": "RSASSA-PSS-SHA1"}, "signature-sha1", "falls short"),
        ({"signature_algorithm": "md5WithRSAEncryption"}, "signature-md5", "falls short"),
        ({"signature_algorithm": "1.2.3.4"}, "signature-sha1", "unknown"),
        ({"names": None}, "san", "falls short"), ({"names": None, "parse_error": "SAN: cut"}, "san", "unknown"),
        ({"serial": "-1f"}, "serial-positive", "falls short"), ({"serial": "0"}, "serial-positive", "falls short"),
        ({"serial": "1"}, "serial-positive", "meets"),
        ({"serial": "7f" + "ff" * 19}, "serial-length", "meets"),
        ({"serial": "80" + "00" * 19}, "serial-length", "falls short"),
        ({"serial": None}, "serial-length", "unknown"),
        ({"not_after": at("2025-12-31")}, "dates-ordered", "falls short"),
        ({"der": b""}, "dates-usual", "unknown"),
        ({"names": ("other.example",)}, "name", "falls short"), ({"names": ("*.example",)}, "name", "falls short"),
        ({"names": ("MX.example",)}, "name", "meets"),
        ({"names": None, "subject": "CN=mx.example"}, "name", "falls short"),
    ],
)  # fmt: skip
def test_findings_on_certificates(facts: dict[str, object], rule: str, verdict: str) -> None:
    row = certificate("a", "2026-01-01", "2026-03-31T23:59:59") | facts
    assert verdicts(shown(row, when="2026-02-01"), "baseline", rule) == [verdict]


def test_a_common_name_counted_until_rfc_9525() -> None:
    row = certificate("a", "2013-01-01", "2014-01-01", names=None, subject="CN=mx.example,O=Example")
    assert verdicts(shown(row, when="2013-06-01"), "baseline", "name") == ["meets"]


def test_a_rule_applies_only_to_its_key_type() -> None:
    ec = certificate("a", "2026-01-01", "2026-03-31", key_type="EC", key_bits=256, key_curve="secp256r1")
    assert verdicts(shown(ec), "baseline", "key-size") == []
    assert verdicts(shown(certificate("a", "2026-01-01", "2026-03-31")), "baseline", "key-curve") == []


def test_rules_about_issuing_make_one_finding_a_certificate() -> None:
    row = certificate("a", "2026-01-01", "2026-03-31")
    given = tables([look("a", "2026-01-02"), look("a", "2026-01-03"), look("a", "2026-01-04")], [row])
    frame = judge(given, "baseline")
    assert (frame["rule"] == "validity").sum() == 1
    assert (frame["rule"] == "name").sum() == 3
    assert frame.loc[frame["rule"] == "validity", "evidence_table"].tolist() == ["certificates"]


def test_findings_are_counted_with_their_evidence() -> None:
    given = surveyed(*(answer("TLS 1.2", suite, "accepted") for suite in (RC4, "TLS_RSA_WITH_RC4_128_MD5", AES, GCM)))
    frame = summarise_findings(judge(given, "ietf"))
    row = frame[(frame["rule"] == "rc4") & (frame["verdict"] == "falls short")].iloc[0]
    assert row["evidence"] == "support 0–1"
    assert row["found"] == f"{RC4}, TLS_RSA_WITH_RC4_128_MD5"
    assert frame["verdict"].iloc[0] == "falls short"
    assert summarise_findings(judge(Tables.from_frames(), "ietf")).empty


def test_nothing_gives_an_empty_frame() -> None:
    frame = judge(Tables.from_frames(), "ietf")
    assert frame.dtypes.astype(str).to_dict() == dtypes(FINDINGS)
    assert frame.empty


def test_bad_questions_are_errors() -> None:
    with pytest.raises(UsageError, match=r"is not known\..* Known: apple, baseline, "):
        judge(Tables.from_frames(), "ietv")
    with pytest.raises(UsageError, match="no zone"):
        judge(Tables.from_frames(), "ietf", as_of=dt.datetime(2026, 1, 1))  # noqa: DTZ001  # it is the point
    with pytest.raises(UsageError, match="as_of='today'"):
        judge(Tables.from_frames(), "ietf", as_of="today")  # type: ignore[arg-type]  # it is the point


@pytest.fixture(scope="module")
def google() -> Tables:
    return read(ROOT / "data/google-mail")


def test_google_in_2016_under_mozillas_first_dated_edition(google: Tables) -> None:
    frame = judge(google, "mozilla-intermediate", as_of=now("2016-02-11"))
    short = frame[frame["verdict"] == "falls short"]
    assert set(short["edition"]) == {"4.0"}
    survey = short[short["evidence_table"] == "support"]
    refused = set(survey.loc[survey["rule"] == "suites", "found"])
    assert refused == {RC4, "TLS_RSA_WITH_RC4_128_MD5", "TLS_ECDHE_RSA_WITH_RC4_128_SHA"}, "3DES is in that edition"
    assert set(survey.loc[survey["rule"] == "versions", "found"]) == {"SSL 3.0"}, "TLS 1.0 is in that edition"
    modern = judge(google, "mozilla-modern", as_of=now("2016-02-11"))
    modern = modern[(modern["verdict"] == "falls short") & (modern["evidence_table"] == "support")]
    assert TRIPLE in set(modern["found"])
    assert "TLS 1.0" in set(modern["found"])


def test_google_in_2007_is_no_failure_by_the_rules_of_its_own_day(google: Tables) -> None:
    frame = judge(google, "mozilla-intermediate")
    of_2007 = frame[frame["observed_at"].dt.year == 2007]
    assert len(of_2007) > 0
    assert set(of_2007["verdict"]) == {"unknown"}


def test_the_recorded_survey_of_2015_is_judged_by_its_own_day(google: Tables) -> None:
    frame = judge(google, "ietf")
    survey = frame[(frame["evidence_table"] == "support") & frame["service"].eq("smtp://smtp.gmail.com:587")]
    verdicts = survey.groupby("rule")["verdict"].agg(frozenset)
    assert verdicts["rc4"] == {"falls short", "meets"}, "some suites were accepted, others refused"
    assert verdicts["ssl3"] == {"falls short", "meets"}, "offered after 2015-06, by one row per version"
    assert survey["observed_at"].isna().all()
    of_march = frame[(frame["evidence_table"] == "support") & frame["service"].str.contains("gmail-smtp-in")]
    assert set(of_march.loc[of_march["rule"] == "rc4", "verdict"]) == {"unknown"}, "its lower bound is not known"


def test_googles_page_compared_with_nineteen_years(google: Tables) -> None:
    findings = judge(google, "google-help")
    assert set(findings["rule"]) == {rule.rule for rule in policies()["google-help"]}, "each statement has a verdict"
    verdicts = findings.groupby("rule")["verdict"].agg(frozenset).to_dict()
    confirmed, contradicted, unknown = "confirmed", "contradicted", "unknown"
    assert verdicts == {
        "host-inbound": {confirmed}, "host-relay": {confirmed}, "host-submission": {confirmed},
        "issuer-g2": {confirmed, contradicted}, "root-r2": {confirmed, contradicted}, "roots": {unknown},
        "shared": {confirmed, contradicted}, "renewed-in-time": {confirmed}, "either-answers": {unknown},
        "gmail-clients": {unknown}, "ssl-3.0": {confirmed}, "tls-1.0": {confirmed}, "tls-1.1": {confirmed},
        "tls-1.2": {confirmed}, "up-to-tls-1.2": {contradicted}, "3des": {confirmed}, "rc4": {confirmed},
        "aes-128": {confirmed}, "aes-256": {confirmed},
    }  # fmt: skip
    higher = findings[findings["rule"] == "up-to-tls-1.2"]
    assert higher["observed_at"].min() == at("2020-02-04T10:44:45")
    assert set(higher["found"]) == {"TLS 1.3 accepted"}


def test_statements_about_google_are_not_held_against_others() -> None:
    other = tables([look(None, "2026-01-01", outcome="ok", protocol="TLS 1.3", suite="TLS_AES_128_GCM_SHA256")], [])
    assert set(judge(other, "google-help")["verdict"]) == {"unknown"}
    lab = tables([look(None, "2026-01-01", outcome="ok", protocol="TLS 1.3", source="lab")], [])
    frame = judge(lab, "google-help")
    assert frame.loc[frame["rule"] == "up-to-tls-1.2", ["verdict", "source"]].to_numpy().tolist() == [
        ["contradicted", "lab"]
    ]


def test_a_certificate_shown_after_its_end_contradicts_the_page() -> None:
    rows = [certificate("a", "2026-01-01", "2026-01-31"), certificate("b", "2026-01-20", "2026-02-20")]
    looks = [look("a", "2026-02-01", source="lab"), look("b", "2026-01-25", source="lab"),
             look("a", "2026-01-26", source="lab")]  # fmt: skip
    frame = judge(tables(looks, rows), "google-help")
    chosen = frame[frame["rule"].isin(["renewed-in-time", "either-answers"])]
    assert sorted(zip(chosen["rule"], chosen["verdict"], strict=True)) == [
        ("either-answers", "confirmed"), ("renewed-in-time", "confirmed"), ("renewed-in-time", "contradicted"),
    ]  # fmt: skip


def test_runs_are_of_one_verdict_and_what_has_no_place_is_left_aside() -> None:
    def seen(day: str | None, protocol: str, **bounds: str) -> dict[str, object]:
        bounded = {name: at(on) for name, on in bounds.items()}
        return look(None, day, source="lab", protocol=protocol, outcome="ok", round=f"{day}{bounds}", **bounded)

    looks = [
        seen("2026-01-01", "TLS 1.2"), seen("2026-01-05", "TLS 1.2"), seen("2026-02-01", "TLS 1.0"),
        seen("2026-03-01", "TLS 1.2"), seen(None, "TLS 1.0"),
        seen(None, "TLS 1.0", observed_from="2026-01-02", observed_until="2026-01-03"),
        seen(None, "TLS 1.2", observed_from="2026-02-20", observed_until="2026-03-10"),
        seen(None, "TLS 1.2", observed_from="2026-01-20", observed_until="2026-02-20"),
    ]  # fmt: skip
    findings = judge(tables(looks, []), "ietf")
    runs = summarise_findings(findings[findings["rule"] == "tls10"], by="run")
    columns = ["verdict", "first_at", "last_at", "evidence_count", "reason"]
    assert runs[columns].astype(object).fillna("").to_numpy().tolist() == [
        ["meets", at("2026-01-01"), at("2026-01-01"), 1, ""],
        ["falls short", at("2026-01-02"), at("2026-01-03"), 1, ""],
        ["meets", at("2026-01-05"), at("2026-01-05"), 1, ""],
        ["falls short", at("2026-02-01"), at("2026-02-01"), 1, ""],
        ["meets", at("2026-02-20"), at("2026-03-10"), 2, ""],
        ["meets", at("2026-01-20"), at("2026-02-20"), 1, "its bounds overlap rows with another verdict"],
        ["unknown", "", "", 1, "its day is not known well enough"],
    ]
    assert summarise_findings(findings[:0], by="run").empty


def test_a_statement_is_unknown_on_a_day_before_it_can_have_been_published(google: Tables) -> None:
    for day, is_unknown in (("2017-01-25", True), ("2017-01-26", False)):
        frame = judge(google, "google-help", as_of=at(day))
        of_rule = frame[frame["rule"] == "root-r2"]
        assert (set(of_rule["verdict"]) == {"unknown"}) == is_unknown
        assert (of_rule["reason"].tolist() == ["it cannot have been published before 2017-01-26"]) == is_unknown
        assert set(of_rule["rule_from_at"]) == {at("2017-01-26")}
        assert set(frame["judged_at"]) == ({at(day)} | ({pd.NaT} if frame["judged_at"].isna().any() else set()))


def test_a_value_that_is_not_a_policy_is_refused(google: Tables, tmp_path: Path) -> None:
    missing = tmp_path / "nothing.csv"
    with pytest.raises(UsageError, match=r"nothing\.csv does not exist"):
        judge(google, missing)
    for wrong in (None, [None], ["ietf", "everything"], "everything"):
        with pytest.raises(UsageError, match="mozilla-intermediate"):
            judge(google, wrong)  # type: ignore[arg-type]
    own = ROOT / "toolkit/reference/policies/nist.csv"
    assert len(judge(google, own)) == len(judge(google, "nist")) > 0
