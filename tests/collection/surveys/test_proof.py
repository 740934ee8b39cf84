"""What proves a refusal and what does not: silence, hangs, long hellos, unasked-for answers, faults at random."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.collection.surveys.model import SILENCE, Model, accepted, by_code, refusal, states, surveyed
from toolkit.collection.surveys.address import AddressSurvey
from toolkit.collection.surveys.verdicts import REFUSING_ALERTS, judge, soundness
from toolkit.reference import Offer
from toolkit.wire import Answer

LISTS = {
    "TLS 1.0": (0x0035, 0x002F, 0x000A),
    "TLS 1.2": (0xC030, 0xC02F, 0xC014, 0xC013, 0x009C, 0x002F, 0x0005, 0x0004),
    "TLS 1.3": (0x1302, 0x1303, 0x1301),
}


def reasons(survey: AddressSurvey, protocol: str) -> set[str | None]:
    return {result.reason for result in survey.suites[protocol].results.values() if result.state != "accepted"}


def judged(answer: Answer, protocol: str = "TLS 1.2") -> tuple[str, str]:
    verdict = judge("suite", protocol, (0x002F, 0x0035), answer)
    return verdict.kind, verdict.reason


@pytest.mark.parametrize("alert", range(0, 121, 5))
def test_only_four_alerts_refuse(alert: int) -> None:
    assert judged(refusal(alert))[0] == ("refused" if alert in REFUSING_ALERTS else "unproven")


@pytest.mark.parametrize("alert", REFUSING_ALERTS)
def test_each_of_the_four_does(alert: int) -> None:
    assert judged(refusal(alert)) == ("refused", f"alert {REFUSING_ALERTS[alert]}")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer("ok", protocol="TLS 1.2", suite_code=0x002F), ("accepted", "")),
        (Answer("closed", "certificate", protocol="TLS 1.2", suite_code=0x002F), ("accepted", "")),
        (Answer("ok", protocol="TLS 1.1", suite_code=0x002F), ("refused", "answered with TLS 1.1")),
        (
            Answer("ok", protocol="TLS 1.3", suite_code=0x1301),
            ("unproven", "answered with TLS 1.3, which was not offered"),
        ),
        (
            Answer("ok", protocol="TLS 1.2", suite_code=0x0005),
            ("unproven", "answered with TLS_RSA_WITH_RC4_128_SHA, which was not offered"),
        ),
        (Answer("closed", reason="why"), ("silent", "closed: why")),
        (Answer("reset"), ("silent", "reset")),
        (Answer("timeout", reason="why"), ("unproven", "timeout: why")),
        (Answer("no_starttls", "upgrade"), ("unproven", "no_starttls")),
        (Answer("malformed", reason="why"), ("unproven", "malformed: why")),
        (Answer("not_tls", reason="why"), ("unproven", "not_tls: why")),
        (Answer("deferred", "upgrade", "421"), ("unproven", "deferred: 421")),
    ],
)
def test_what_an_answer_proves(answer: Answer, expected: tuple[str, str]) -> None:
    assert judged(answer) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer("ok"), True),
        (Answer("ok", faults=("group_not_offered",)), False),
        (Answer("ok", is_unchecked=True), None),
        (Answer("ok", is_unchecked=True, faults=("group_not_offered",)), False),
        (Answer("malformed"), False),
        (Answer("refused", alert=80), False),
        (Answer("closed"), None),
        (Answer("timeout"), None),
        (Answer("cannot_offer"), None),
    ],
)
def test_sound_is_a_flight_that_was_whole_and_right(answer: Answer, expected: bool | None) -> None:
    assert soundness(answer) is expected


@pytest.mark.parametrize("kind", ["closed", "reset"])
def test_the_same_silence_three_times_between_controls_is_a_refusal(kind: str) -> None:
    model = Model(LISTS, no=SILENCE[kind], no_version=SILENCE[kind])
    survey = surveyed(model)
    assert accepted(survey) == by_code(model)
    assert survey.prober.connections == survey.fewest_connections
    for protocol in ("SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"):
        assert "untested" not in states(survey, protocol)
        assert all(
            "three forms of hello" in str(reason) and "control" in str(reason) for reason in reasons(survey, protocol)
        )


def test_a_server_that_hangs_instead_of_refusing_leaves_the_rest_untested() -> None:
    model = Model(LISTS, no=SILENCE["timeout"], no_version=SILENCE["timeout"])
    survey = surveyed(model)
    assert accepted(survey) == by_code(model)
    assert states(survey, "SSL 3.0") == {"untested"}
    assert states(survey, "TLS 1.2") == {"accepted", "untested"}
    assert all("twice timeout" in str(reason) for reason in reasons(survey, "TLS 1.2"))


@pytest.mark.parametrize("kind", ["closed", "reset", "timeout"])
def test_a_server_that_never_answers_refuses_nothing(kind: str) -> None:
    survey = surveyed(Model({}, no_version=SILENCE[kind]))
    for protocol in survey.suites:
        assert states(survey, protocol) == {"untested"}
    assert survey.prober.connections <= 25


@pytest.mark.parametrize("how", [SILENCE["closed"], SILENCE["timeout"], lambda: refusal(40), lambda: refusal(50)])
@pytest.mark.parametrize("limit", [{"most_suites": 128}, {"most_bytes": 255}])
def test_servers_that_choke_on_long_hellos_are_asked_in_pieces(
    how: Callable[[], Answer], limit: dict[str, int]
) -> None:
    lists = {protocol: codes for protocol, codes in LISTS.items() if protocol != "TLS 1.3"}
    model = Model(lists, choked=how, **limit)
    survey = surveyed(model, parts=("suites",))
    assert accepted(survey) == by_code(model)
    assert states(survey, "TLS 1.2") == {"accepted", "refused"}
    assert "asked in pieces" in survey.remarks["TLS 1.2"]
    assert {result.rank for result in survey.suites["TLS 1.2"].results.values()} == {None}


def test_a_server_that_reads_only_128_suites_is_found_out() -> None:
    codes = {"TLS 1.2": (0x002F, 0xC02F, 0xC030, 0xCCA8)}  # the last three stand beyond the 128th
    model = Model(codes, reads=128)
    survey = surveyed(model, parts=("suites",))
    assert accepted(survey) == by_code(model)
    assert "does not read long lists" in survey.remarks["TLS 1.2"]


def test_a_server_that_ignores_the_list_leaves_it_untested() -> None:
    class Stubborn(Model):
        def answer(self, offer: Offer) -> Answer:
            protocol = offer.versions[-1]
            return (
                Answer("ok", "finished", protocol=protocol, suite_code=0x0005) if protocol in self.suites else self.no()
            )

    survey = surveyed(Stubborn({"TLS 1.0": ()}), parts=("suites",))
    assert accepted(survey) == {"TLS 1.0": (0x0005,)}
    assert states(survey, "TLS 1.0") == {"accepted", "untested"}
    assert reasons(survey, "TLS 1.0") == {"answered with TLS_RSA_WITH_RC4_128_SHA, which was not offered"}


def test_a_server_that_ignores_the_version_refuses_the_newer_and_says_nothing_of_the_older() -> None:
    class Fixed(Model):
        def answer(self, offer: Offer) -> Answer:
            given = [code for code in (0x002F, 0x0035) if code in offer.suites]
            return Answer("ok", "finished", protocol="TLS 1.0", suite_code=given[0]) if given else self.no()

    survey = surveyed(Fixed({}), parts=("suites",))
    assert accepted(survey) == {"TLS 1.0": (0x002F, 0x0035)}
    assert states(survey, "TLS 1.2") == {"refused"}
    assert reasons(survey, "TLS 1.2") == {"answered with TLS 1.0"}
    assert states(survey, "SSL 3.0") == {"untested"}


def test_a_refused_empty_key_share_is_not_a_refusal_of_the_groups() -> None:
    class NoRetry(Model):
        def answer(self, offer: Offer) -> Answer:
            if offer.versions == ("TLS 1.3",) and not offer.key_shares:
                return refusal(47)
            return super().answer(offer)

    survey = surveyed(NoRetry({"TLS 1.3": (0x1301,)}))
    (groups,) = [each for each in survey.further if each.topic.kind == "group"]
    assert groups.accepted == (0x001D,)
    assert {result.state for result in groups.results.values()} == {"accepted", "untested"}


def test_an_address_without_a_server_is_asked_only_a_few_times() -> None:
    class Gone(Model):
        def answer(self, offer: Offer) -> Answer:
            return Answer("port_closed", "connect", "Connection refused")

    survey = surveyed(Gone({}))
    assert survey.prober.connections <= 10
    assert states(survey, "TLS 1.2") == {"untested"}


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
def test_faults_at_random_only_make_untested_grow(seed: int, noise: float) -> None:
    steady, shaken = surveyed(Model(LISTS)), surveyed(Model(LISTS, noise=noise, dice=random.Random(seed)))
    truth = {protocol: elimination.results for protocol, elimination in steady.suites.items()}
    for protocol, elimination in shaken.suites.items():
        for code, result in elimination.results.items():
            assert result.state in {"untested", truth[protocol][code].state}, (protocol, code, result)
    proven = {
        (each.topic.kind, each.topic.protocol, code): result.state
        for each in steady.further
        for code, result in each.results.items()
    }
    for each in shaken.further:
        for code, result in each.results.items():
            expected = proven.get((each.topic.kind, each.topic.protocol, code))
            assert expected is None or result.state in {"untested", expected}, (each.topic.protocol, code, result)


@pytest.mark.parametrize("ending", [refusal(40), SILENCE["closed"]()], ids=["alert", "silence"])
def test_what_ends_every_handshake_after_the_suite_refuses_neither_schemes_nor_groups(ending: Answer) -> None:
    class Breaking(Model):
        def answer(self, offer: Offer) -> Answer:
            given = super().answer(offer)
            if given.suite_code is None:
                return given
            return replace(ending, stage="certificate", protocol=given.protocol, suite_code=given.suite_code)

    survey = surveyed(Breaking({"TLS 1.2": (0xC02F,), "TLS 1.3": (0x1301,)}))
    assert accepted(survey)["TLS 1.3"] == (0x1301,)
    served = {"group": Model.groups, "signature_scheme": Model.schemes}
    results = [topic.result(item) for topic in survey.further for item in served[topic.topic.kind]]
    refused = [result.reason for result in results if result.state == "refused"]
    assert results
    assert set(refused) <= {"every suite that it could sign was refused"}
