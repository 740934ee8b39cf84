"""`ask`: the answer of the plain call, row for row, however the services are divided into groups."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import toolkit
from tests.conftest import unused_client
from tests.store.tables import BEGIN, certificate, look
from toolkit import analyse, asking, schema
from toolkit.errors import ClusterError, StoreError, UsageError
from toolkit.lab import Lab
from toolkit.store.services import ServiceGroup, load_group
from toolkit.tables import Tables

NOW = "2025-11-20T00:00:00Z"
TODAY = "2026-01-24T00:00:00Z"

ANALYSES: list[tuple[Any, dict[str, Any]]] = [
    (toolkit.find_sightings, {}),
    (toolkit.find_rotations, {}),
    (toolkit.estimate_shares, {"window": "30D"}),
    (toolkit.estimate_shares, {"by": "address"}),
    (toolkit.estimate_shares, {"by": "rotation"}),
    (toolkit.explain_leaves, {"window": "30D"}),
    (toolkit.summarise_expiry, {"now": NOW}),
    (toolkit.summarise_expiry, {"now": "2025-09-01T00:00:00Z", "thresholds": "days"}),
    (toolkit.describe_usual_leads, {"now": NOW}),
    (toolkit.forecast_renewals, {"now": NOW}),
    (toolkit.rehearse, {"now": NOW, "years": 1, "runs": 100}),
    *((toolkit.summarise_support, {"now": NOW, "by": by}) for by in ("cipher", "protocol")),
    (toolkit.verify_chains, {"roots": Lab().roots}),
    (toolkit.verify_chains, {"roots": Lab().roots, "intermediates": "held", "as_of": NOW}),
    (toolkit.find_lineages, {}),
    (toolkit.find_sharing, {}),
    (toolkit.replay_trust, {"roots": Lab().roots, "since": "2025-01-01T00:00:00Z", "until": NOW}),
]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> toolkit.Store:
    """The lab's year, a recorded series, sources that name no service, and certificates that were never observed."""
    store = toolkit.Store(tmp_path_factory.mktemp("asking") / "store")
    lab = toolkit.load_example("lab-sample").within(until="2025-11-15T00:00:00Z")
    mail = toolkit.load_example("google-mail")
    store.append(lab.within(until="2025-09-01T00:00:00Z"))
    store.append(lab.within(since="2025-09-01T00:00:00Z"))
    toolkit.Store(store.path).append(lab.within(services="smtp://mx.lab.test:25"))
    store.append(mail)
    nameless = lab.observations.assign(service=pd.NA, round="nameless")[::9].astype({"service": "string"})
    store.append(Tables.from_frames(nameless))
    store.append(toolkit.load_example("web-series"))
    return store


@pytest.fixture(scope="module")
def loaded(stored: toolkit.Store) -> Tables:
    return stored.load()


def divide(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Let a group have at most that many rows."""
    monkeypatch.setattr(asking, "_ROWS", most)


def named(case: tuple[Any, dict[str, Any]]) -> str:
    return f"{case[0].__name__} {sorted(set(case[1]) - {'roots'})}"


@pytest.mark.parametrize("case", ANALYSES, ids=named)
def test_the_answer_is_that_of_the_plain_call(
    stored: toolkit.Store, loaded: Tables, case: tuple[Any, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    divide(monkeypatch, 1500)
    analysis, options = case
    assert len(asking._groups(stored, analysis, 1)) >= 3
    expected = analysis(loaded, **options)
    assert len(expected)
    assert_frame_equal(toolkit.ask(stored, analysis, **options), expected)


@pytest.fixture(scope="module")
def of_certificates(loaded: Tables, tmp_path_factory: pytest.TempPathFactory) -> toolkit.Store:
    """A store of some of the certificates, none of them observed."""
    store = toolkit.Store(tmp_path_factory.mktemp("certificates") / "store")
    store.append(Tables.from_frames(certificates=loaded.certificates[::9]))
    return store


@pytest.mark.parametrize("case", {analysis: (analysis, options) for analysis, options in ANALYSES}.values(), ids=named)
def test_a_store_of_certificates_alone_is_judged_as_by_the_plain_call(
    of_certificates: toolkit.Store, case: tuple[Any, dict[str, Any]]
) -> None:
    analysis, options = case
    held = of_certificates.load()
    assert_frame_equal(toolkit.ask(of_certificates, analysis, **options), analysis(held, **options))


def test_every_analysis_that_can_be_split_is_compared() -> None:
    split = (*asking._OF_SERVICES, *asking._OF_SUCCESSORS, *asking._OF_CHAINS, *asking._OF_SIGHTINGS)
    assert {analysis for analysis, _ in ANALYSES} == set(split)
    frames = {getattr(analyse, name) for name in analyse.__all__}
    assert frames == {*split, *asking._ACROSS}, "a new analysis is either split or refused"


@pytest.fixture
def entangled(tmp_path: Path) -> toolkit.Store:
    """Services whose answers depend on certificates that only other services showed, some after `TODAY`."""
    later = pd.Timestamp(TODAY) + pd.Timedelta(days=9)

    def held(name: str, days: int) -> dict[str, object]:
        begins = BEGIN + pd.Timedelta(days=days)
        return certificate(name, names=("x.test",), not_before=begins, not_after=begins + pd.Timedelta(days=30))

    certificates = [held("a", 0), held("elsewhere", 4), held("elsewhere, later", 2), held("never shown", 13)]
    shown = [
        ("smtp://a.test:25", "a", BEGIN + pd.Timedelta(days=1)),
        ("smtp://b.test:25", "elsewhere", BEGIN + pd.Timedelta(days=5)),
        ("smtp://c.test:25", "elsewhere, later", later),
    ]
    looks = [look(at, leaf, service=service, sample=n) for n, (service, leaf, at) in enumerate(shown)]
    store = toolkit.Store(tmp_path / "store")
    store.append(Tables.from_frames(schema.frame("observations", looks), schema.frame("certificates", certificates)))
    return store


def test_certificates_that_only_other_services_showed_count(
    entangled: toolkit.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    divide(monkeypatch, 1)
    for analysis in (toolkit.summarise_expiry, toolkit.forecast_renewals, toolkit.describe_usual_leads):
        assert_frame_equal(toolkit.ask(entangled, analysis, now=TODAY), analysis(entangled.load(), now=TODAY))
    expected = toolkit.summarise_expiry(entangled.load(), now=TODAY)
    of_a = expected[expected["service"] == "smtp://a.test:25"]
    group = ServiceGroup(frozenset({"smtp://a.test:25"}))
    alone = toolkit.summarise_expiry(load_group(entangled, group, {}), now=TODAY)
    assert of_a["successor_state"].tolist() == ["issued"]
    assert alone["successor_state"].isna().all(), "the example would not need services in groups"


@pytest.mark.parametrize("first", ["a description", "the certificate"])
def test_of_a_certificate_that_repeats_the_row_with_its_der_counts(tmp_path: Path, first: str) -> None:
    known = [certificate(name, not_before=BEGIN + pd.Timedelta(days=n)) for n, name in enumerate("ab")]
    described = [row | {"der": None, "not_before": BEGIN - pd.Timedelta(days=9), "key_type": "EC"} for row in known[1:]]
    store = toolkit.Store(tmp_path / "store")
    for rows in (described, known) if first == "a description" else (known, described):
        toolkit.Store(store.path).append(Tables.from_frames(certificates=schema.frame("certificates", rows)))
    looks = [look(BEGIN + pd.Timedelta(days=n), name, sample=n) for n, name in ((1, "a"), (2, "b"))]
    store.append(Tables.from_frames(schema.frame("observations", looks)))
    rotations = toolkit.ask(store, toolkit.find_rotations)
    assert rotations["successor_not_before"].tolist() == [known[1]["not_before"]]
    assert_frame_equal(rotations, toolkit.find_rotations(store.load()))


@pytest.mark.parametrize("analysis", asking._ACROSS, ids=lambda analysis: analysis.__name__)
def test_what_cannot_be_split_says_what_to_do(stored: toolkit.Store, analysis: Any) -> None:
    with pytest.raises(UsageError, match=rf"{analysis.__name__} .*cannot be split by service: call it on store.load"):
        toolkit.ask(stored, analysis)


def test_wrong_arguments_are_refused_before_anything_is_read(stored: toolkit.Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="by host name across services"):
        toolkit.ask(stored, toolkit.find_rotations, basis="names")
    with pytest.raises(UsageError, match="'find_rotations' is not an analysis"):
        toolkit.ask(stored, "find_rotations")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="min_share"):
        toolkit.ask(stored, toolkit.find_rotations, min_share=2)
    with pytest.raises(StoreError, match="holds no store yet"):
        toolkit.ask(tmp_path / "none", toolkit.find_sightings)
    secret = toolkit.Store(stored.path, storage_options={"AWS_SECRET_ACCESS_KEY": "not-to-be-seen"})
    with pytest.raises(UsageError, match="storage_options") as caught:
        toolkit.ask(secret, toolkit.find_sightings, client=unused_client())
    assert "not-to-be-seen" not in str(caught.value)


def test_a_store_without_rows_has_an_answer_without_rows(tmp_path: Path) -> None:
    store = toolkit.Store(tmp_path / "store")
    store.prepare()
    assert_frame_equal(toolkit.ask(store, toolkit.find_rotations), toolkit.find_rotations(Tables.from_frames()))


def test_the_workers_of_a_cluster_give_the_same_answer(stored: toolkit.Store, loaded: Tables, client: Any) -> None:
    expected = toolkit.find_rotations(loaded)
    assert_frame_equal(toolkit.ask(stored, toolkit.find_rotations, client=client), expected)
    assert len(stored.to_dask("observations")) == len(loaded.observations)


def test_a_worker_of_another_version_is_named_before_anything_is_asked(
    stored: toolkit.Store, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.wait_for_workers(1)
    monkeypatch.setattr(toolkit, "__version__", "0.0.1")
    with pytest.raises(ClusterError, match=r"worker at tcp://\S+ has version 0\.2.*Install version 0\.0\.1"):
        toolkit.ask(stored, toolkit.find_sightings, client=client)
