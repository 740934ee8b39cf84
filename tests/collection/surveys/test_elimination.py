"""Elimination against servers whose lists are known: everything is found, by as few handshakes as there can be."""

import random

import pytest
from hypothesis import given, settings, strategies as st

from tests.collection.surveys.model import Fleet, Model, accepted, by_code, states, surveyed
from toolkit.collection.surveys.elimination import MIXED, Result
from toolkit.collection.surveys.offers import asked_suites

OLD = (0x0005, 0x000A, 0x002F, 0x0035, 0xC013, 0xC014)
MODERN = Model({"TLS 1.2": (0xC030, 0xC02F, 0xC02B, 0xC013), "TLS 1.3": (0x1302, 0x1301)})
EVERY = {
    "SSL 2.0": (0x010080, 0x0700C0),
    "SSL 3.0": OLD,
    "TLS 1.0": OLD,
    "TLS 1.1": OLD[1:],
    "TLS 1.2": (0xC030, *OLD),
    "TLS 1.3": (0x1301,),
}


@st.composite
def models(draw: st.DrawFn) -> Model:
    versions = draw(st.sets(st.sampled_from(sorted(EVERY)), max_size=6))
    some = {v: draw(st.lists(st.sampled_from(asked_suites(v)), unique=True, min_size=1, max_size=40)) for v in versions}
    return Model(
        {version: tuple(codes) for version, codes in some.items()},
        is_own_order=draw(st.booleans()),
        schemes=(0x0804, 0x0403),
    )


@given(models(), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_whatever_the_lists_are_they_are_found_and_the_rest_is_refused(model: Model, concurrency: int) -> None:
    survey = surveyed(model, concurrency=concurrency, parts=("suites",))
    assert accepted(survey) == by_code(model)
    for protocol in EVERY:
        assert states(survey, protocol) <= {"accepted", "refused"}
    assert survey.prober.connections == survey.fewest_connections == len(model.offers)


@given(models(), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_split_chains_find_the_same_within_eight_more(model: Model, splits: int) -> None:
    survey = surveyed(model, concurrency=8, splits=splits, parts=("suites",))
    assert accepted(survey) == by_code(model)
    assert survey.prober.splits.made <= splits
    assert survey.fewest_connections <= survey.prober.connections <= survey.fewest_connections + splits


def test_a_chain_is_split_where_connections_are_free() -> None:
    model = Model({"TLS 1.2": tuple(asked_suites("TLS 1.2")[:120:3])})
    survey = surveyed(model, concurrency=8, splits=8, parts=("suites",))
    elimination = survey.suites["TLS 1.2"]
    assert 1 <= survey.prober.splits.made <= 8
    assert [elimination.results[code].rank for code in model.suites["TLS 1.2"]] == [1] + [None] * 39


def test_the_rank_is_the_servers_where_the_order_is() -> None:
    survey = surveyed(MODERN)
    elimination = survey.suites["TLS 1.2"]
    assert elimination.order.whose == "server"
    assert [elimination.results[code].rank for code in MODERN.suites["TLS 1.2"]] == [1, 2, 3, 4]
    assert survey.suites["TLS 1.3"].order.whose == "server"


def test_no_rank_where_the_order_is_the_clients() -> None:
    survey = surveyed(Model(MODERN.suites, is_own_order=False))
    for protocol in ("TLS 1.2", "TLS 1.3"):
        elimination = survey.suites[protocol]
        assert elimination.order.whose == "client"
        assert {elimination.results[code].rank for code in elimination.accepted} == {None}


def test_an_order_of_its_own_that_equals_the_offers_is_found_by_a_control() -> None:
    model = Model({"TLS 1.2": (0x002F, 0x0035, 0xC013)})
    survey = surveyed(model, parts=("suites",))
    assert survey.suites["TLS 1.2"].order.whose == "server"
    assert survey.prober.controls == 2  # the order, and whether long lists are read to the end


def test_groups_and_schemes_are_found_for_the_versions_that_have_them() -> None:
    survey = surveyed(MODERN)
    found = {(each.topic.kind, each.topic.protocol, each.accepted) for each in survey.further if each.accepted}
    assert found == {
        ("group", "TLS 1.3", (0x001D, 0x0017)),
        ("group", "TLS 1.2", (0x001D, 0x0017)),
        ("signature_scheme", "TLS 1.3", (0x0804,)),
        ("signature_scheme", "TLS 1.3", (0x0403,)),
        ("signature_scheme", "TLS 1.2", (0x0401, 0x0804)),
        ("signature_scheme", "TLS 1.2", (0x0403,)),
    }
    assert survey.prober.connections == survey.fewest_connections


def test_nothing_is_asked_about_a_version_that_is_refused() -> None:
    survey = surveyed(Model({"TLS 1.0": OLD}))
    assert {each.topic.protocol for each in survey.further} == {"TLS 1.0"}


@pytest.mark.parametrize("budget", [1, 7, 20, 30])
def test_what_the_budget_does_not_reach_is_untested(budget: int) -> None:
    model = Model(EVERY)
    survey = surveyed(model, budget=budget)
    assert len(model.offers) == budget
    truth = by_code(model)
    for protocol, elimination in survey.suites.items():
        assert len(elimination.results) == len(asked_suites(protocol))
        for code, result in elimination.results.items():
            if result.state == "untested":
                assert result.reason == f"skipped: the budget of {budget} connections was spent"
            else:
                assert (result.state == "accepted") == (code in truth[protocol])
    assert any("untested" in states(survey, protocol) for protocol in EVERY)


def test_ssl_2_lists_what_it_accepts_in_one_answer() -> None:
    elimination = surveyed(Model(EVERY)).suites["SSL 2.0"]
    assert elimination.accepted == EVERY["SSL 2.0"]
    assert elimination.fewest_connections == 1
    assert elimination.results[0x020080] == Result("refused", "not among those that the server lists")


def test_where_backends_contradict_each_other_the_refusal_of_one_is_not_a_refusal() -> None:
    current = Model({"TLS 1.2": (0xC030, 0xC02F, 0xC02B), "TLS 1.3": (0x1302, 0x1301, 0x1303)})
    lagging = Model({"TLS 1.0": OLD, "TLS 1.1": OLD, "TLS 1.2": OLD})
    noticed = 0
    for seed in range(60):
        survey = surveyed(Fleet((current, current, lagging), random.Random(seed)), parts=("suites",))
        if survey.prober.is_mixed:
            noticed += 1
            assert all("refused" not in states(survey, protocol) for protocol in EVERY)
            results = [result for elimination in survey.suites.values() for result in elimination.results.values()]
            assert any(MIXED in str(result.reason) for result in results)
    # The others met each machine with other questions, where nothing contradicts.
    assert noticed >= 30


def test_a_contradiction_that_stays_is_the_servers_own() -> None:
    survey = surveyed(Model(MODERN.suites, reads=100), parts=("suites",))
    assert not survey.prober.is_mixed
    assert "refused" in states(survey, "TLS 1.2")
