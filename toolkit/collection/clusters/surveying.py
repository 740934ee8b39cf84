"""A survey on a Dask cluster: each worker surveys a shard of the addresses, and keeps what it found in the store."""

from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from toolkit import schema
from toolkit.collection.clusters.collecting import ClusterRecorder, open_store, services_of
from toolkit.collection.clusters.runner import ClusterRunner, ShardLink
from toolkit.collection.planning import RoundPlan
from toolkit.collection.reports import TargetsKnown
from toolkit.collection.surveys.address import Part
from toolkit.collection.surveys.prober import Effort
from toolkit.collection.surveys.runner import Pace, SurveyRunner
from toolkit.collection.surveys.surveying import SurveyRecorder
from toolkit.store import Store
from toolkit.store.counting import surveyed_places

if TYPE_CHECKING:
    from distributed import Client

_SHARD_SURVEYS: Final = 64
"""Most surveys of a shard, unless one address has more: what a worker that ends loses is surveyed again."""


@dataclass(frozen=True, slots=True)
class SurveyTerms:
    """How each address of a survey is asked."""

    parts: tuple[Part, ...]
    effort: Effort
    pace: Pace


def survey_shard(
    shard: RoundPlan, link: ShardLink, *, terms: SurveyTerms, path: str, round_: str, vantage: str | None
) -> int | None:
    """Make the surveys of a shard that the store does not have, and keep them; the fewest connections they allow.

    None where an earlier worker has kept some of them. Raises `StoreError` as `open_store`.
    """
    store = open_store(path, round_)
    done = surveyed_places(store, round_, services_of(shard))
    places = []
    for place in shard.places or ():
        left = tuple(target for target in place.targets if (target.service, place.address or None) not in done)
        if left:
            places.append(replace(place, targets=left))
    runner = SurveyRunner(replace(shard, places=places), parts=terms.parts, effort=terms.effort, pace=terms.pace)
    recorder = SurveyRecorder(round_, shard, vantage, runner, requests=link.stopping)
    with suppress(KeyboardInterrupt):
        recorder.run(progress=False)
    # The answers are committed last: a shard that has some has all its handshakes too.
    store.append(replace(recorder.found, rounds=schema.empty("rounds")))
    link.count_kept(len(runner.surveyed))
    return None if done else sum(each.survey.fewest_connections for each in runner.surveyed)


class ClusterSurveyRecorder(ClusterRecorder):
    """Records the round of a survey on a cluster. Its progress counts the addresses surveyed."""

    _title, _unit = "Surveying", "address"

    def __init__(
        self, name: str, plan: RoundPlan, vantage: str | None, *, client: "Client", store: Store, terms: SurveyTerms
    ) -> None:
        work = partial(survey_shard, terms=terms, path=store.path, round_=name, vantage=vantage)
        self._cluster = ClusterRunner(plan, client, name, work=work, most=_SHARD_SURVEYS)
        super().__init__(name, plan, vantage, self._cluster, store)
        self._terms = terms

    def _settings(self) -> dict[str, object]:
        terms = self._terms
        return super()._settings() | {"parts": terms.parts} | asdict(terms.effort) | asdict(terms.pace)

    def _looks_planned(self, known: TargetsKnown) -> int | None:
        """None: the number of handshakes depends on the answers."""
        return None

    def _counts(self) -> dict[str, object]:
        known = [result for result in self._cluster.results if result is not None]
        bound = sum(known) if len(known) == len(self._cluster.results) else None
        return super()._counts() | {"connections_bound": bound}
