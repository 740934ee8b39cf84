"""`survey`: what each server accepts, proven handshake by handshake, here or on the workers of a cluster."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Final, TypedDict, cast

from toolkit import schema
from toolkit.collection.clusters.collecting import ClusterRecorder, open_store, services_of
from toolkit.collection.clusters.runner import ClusterRunner, ShardLink
from toolkit.collection.interrupt import interrupts, warns_of_interrupt
from toolkit.collection.limits import POLITE, Limits, check_not_negative, check_positive
from toolkit.collection.names import Resolver
from toolkit.collection.places import Place
from toolkit.collection.planning import RoundPlan, make_plan
from toolkit.collection.progress import Bar
from toolkit.collection.recorder import Requests, RoundRecorder, new_round_name, now
from toolkit.collection.reports import TargetsKnown
from toolkit.collection.surveys.address import PARTS, Part, chosen_parts, count_topics
from toolkit.collection.surveys.prober import Effort
from toolkit.collection.surveys.rows import support_rows
from toolkit.collection.surveys.runner import Pace, SurveyRunner, SurveyTerms, skip_survey
from toolkit.errors import UsageError
from toolkit.reference import Offer
from toolkit.store import Store, as_store
from toolkit.store.counting import surveyed_places
from toolkit.tables import Tables, named_certificates
from toolkit.targets import Targets
from toolkit.workers import require_client

if TYPE_CHECKING:
    from distributed import Client

_OFFER: Final = Offer("survey", None, date(2026, 11, 24), (), (), (), (), (), (), "each hello of a survey differs")
"""The placeholder for the offers of a survey in the plan; rows of looks that could not be made have its name."""

_SHARD_SURVEYS: Final = 64
"""Most surveys of a shard, unless one address has more: what a worker that ends loses is surveyed again."""


class SurveyOptions(TypedDict, total=False):
    """The options of `survey` that `settle` passes on."""

    concurrency: int
    rate: float | None
    budget: int
    splits: int
    pause_seconds: float
    addresses: int | None
    limits: Limits
    vantage: str | None
    clock: Callable[[], datetime]
    resolver: Resolver | None
    progress: bool
    keep_bytes: bool
    ehlo: str | None
    contact: str | None
    store: Store | str | PathLike[str] | None
    client: "Client | None"


def survey(
    targets: Targets,
    *,
    parts: Part | Sequence[Part] = PARTS,
    concurrency: int = 2,
    rate: float | None = 20.0,
    budget: int = 500,
    splits: int = 0,
    pause_seconds: float = 2.0,
    addresses: int | None = None,
    limits: Limits = POLITE,
    vantage: str | None = None,
    clock: Callable[[], datetime] = now,
    resolver: Resolver | None = None,
    progress: bool = True,
    keep_bytes: bool = False,
    ehlo: str | None = None,
    contact: str | None = None,
    store: Store | str | PathLike[str] | None = None,
    client: "Client | None" = None,
) -> Tables:
    """Find out what each target accepts: versions, suites, groups, signature schemes, certificates, preferences.

    Each handshake offers one version and everything that is still in question; it proves one acceptance or refuses the
    rest. So a topic (such as the suites of TLS 1.2) takes one handshake for each accepted item, and one more.
    `estimate_survey` says beforehand what that costs.

    - `targets`, `addresses`, `vantage`, `clock`, `resolver`, `progress`, `keep_bytes`, `ehlo`, `contact`: as in
      `observe`.
    - `parts`: what is asked besides the versions: `suites` (always), `groups`, `signature_schemes` (from which the key
      types of the server's certificates follow).
    - `concurrency`: connections at a time to one address.
    - `rate`: connections started per second at one address; None: no limit.
    - `budget`: connections to one address at most; questions beyond it are `untested`.
    - `splits`: how often the longest series of handshakes at an address may be split in two where connections are free.
      That saves time; each split costs one refusal more, and the rank beyond the first choice is then null.
    - `pause_seconds`: the pause after a 421, a 4xx or a reset; doubled each time, up to a minute.
    - `limits`: as in `observe`, except `per_host` and `max_looks`, which `concurrency` and `budget` replace.

    - `store`: where the survey is kept as well: a `Store`, or the path or URL of one. None: it is only returned.
    - `client`: a `distributed.Client`. Its workers survey a part of the addresses each and keep what they find out in
      the store, which must be given and which they open with the credentials of their own environment. What is
      returned is then read from the store. An address is surveyed by one worker; if that ends, by another. A part that
      fails three times, or once for a full disk, is described in `end_reason`. None: this process makes the handshakes.

    `support` has one row per address and question: one for each version, and one for each version and suite, group,
    signature scheme and key type. A target that could not be asked (blocked, or a name without an address) has these
    rows too, all `untested`.

    - `state` is `accepted` (the server chose it), `refused` (an alert that refuses, an answer with a lower version, or
      the same silence in three forms of the question, with controls accepted between and after them), else `untested`.
      Silence that depends on the length of the hello, its order, its number of suites, or the number of connections is
      not a refusal. `reason` says what the state rests on.
    - `is_sound` says whether everything in the server's first flight was right, because a server may choose what it
      does not implement correctly. None: the flight could not be read or checked to its end.
    - `rank` is null where the order of preference is the client's or not known. Schemes are ranked per key type.

    Where several backends answer at one address, the rows are the answers of those that happened to answer. If the same
    offer was accepted once and refused another time, nothing is `refused`, and `reason` says why. Backends whose
    answers never contradict each other are indistinguishable from one.

    `observations` has one row per handshake, with the offer `survey`. The end row of `rounds` has `connections` and
    `connections_bound`, the fewest connections that give these answers, controls included.

    Raises `UsageError` for arguments that make no sense; never for what a server or network does. Ctrl-C ends the
    survey early and returns what was found out, with an `InterruptWarning`; the rest is `untested`.

    >>> import toolkit
    >>> found = toolkit.survey("tls://127.0.0.1:1", progress=False)
    >>> found.observations["outcome"].unique().tolist(), found.support["state"].unique().tolist()
    (['port_closed'], ['untested'])
    """
    asked = chosen_parts(parts)
    require_client(client)
    check_positive(concurrency=concurrency, budget=budget, rate=rate)
    check_not_negative(splits=splits, pause_seconds=pause_seconds)
    plan = make_plan(
        targets,
        (_OFFER,),
        samples=1,
        addresses=addresses,
        limits=limits,
        clock=clock,
        resolver=resolver,
        keep_bytes=keep_bytes,
        ehlo=ehlo,
        contact=contact,
    )
    terms = SurveyTerms(asked, Effort(budget, splits), Pace(concurrency, rate, pause_seconds))
    name = new_round_name(clock)
    kept = None if store is None else as_store(store)
    if kept is not None:
        kept.prepare()
    if client is not None:
        if kept is None:
            raise UsageError("A survey on a cluster needs a store: the workers keep what they find out in it.")
        kept.require_no_options()
        on_cluster = ClusterSurveyRecorder(name, plan, vantage, client=client, store=kept, terms=terms)
        with warns_of_interrupt(lambda: on_cluster.row):
            on_cluster.run(progress=progress)
        return _of_round(kept, on_cluster.row)
    recorder = SurveyRecorder(name, plan, vantage, SurveyRunner(plan, terms))
    # An interrupt returns what was found out, because the caller has no other way to get it.
    with warns_of_interrupt(lambda: recorder.row):
        recorder.run(progress=progress)
    if kept is not None:
        kept.append(recorder.found)
    return recorder.found


def _of_round(store: Store, row: dict[str, object]) -> Tables:
    """What the store has of the round with this end row; empty where the round was not begun."""
    if not row:
        return Tables.from_frames()
    kept = store.load(services=cast("tuple[str, ...]", row["services"]))
    frames = {
        name: frame[frame["round"] == row["round"]].reset_index(drop=True)
        for name, frame in (("observations", kept.observations), ("support", kept.support), ("rounds", kept.rounds))
    }
    if frames["rounds"].empty:  # a round without rows: its end row says why
        frames["rounds"] = schema.frame("rounds", [row])
    is_named = kept.certificates["cert_sha256"].isin(named_certificates(frames["observations"]))
    return Tables(certificates=kept.certificates[is_named].reset_index(drop=True), **frames)


class SurveyRecorder(RoundRecorder):
    """Records the round of a survey; `found` holds everything once the round has ended, and is empty before."""

    _title, _unit = "Surveying", "topic"

    def __init__(
        self, name: str, plan: RoundPlan, vantage: str | None, runner: SurveyRunner, *, requests: Requests = interrupts
    ) -> None:
        super().__init__(name, plan, vantage, runner, keep=lambda _: None, requests=requests)
        self.found = Tables.from_frames()
        self._phases: list[dict[str, object]] = []
        self._surveys = runner

    def _progress(self) -> tuple[int, int]:
        """Topics answered and topics in all. A target that is not asked yet counts as one address."""
        surveyed = list(self._surveys.surveyed)
        unknown = max(self._targets - len({each.target for each in surveyed}), 0)
        topics = sum(each.survey.topics for each in surveyed) + unknown * count_topics(self._surveys.terms.parts)
        return sum(each.survey.answered_topics for each in surveyed), topics

    def _draw(self, bar: Bar) -> None:
        bar.show(*self._progress(), connections=self._connections)

    def _settings(self) -> dict[str, object]:
        return super()._settings() | self._surveys.terms.settings()

    def _looks_planned(self, known: TargetsKnown) -> int | None:
        """None: the number of handshakes depends on the answers."""
        return None

    def _counts(self) -> dict[str, object]:
        fewest = sum(each.survey.fewest_connections for each in self._surveys.surveyed)
        return super()._counts() | {"connections_bound": fewest}

    def _keep_batch(self, phase: dict[str, object] | None = None) -> None:
        """Keep nothing before the end: the results rest on all handshakes together."""
        if phase is None or self._described is None:
            return
        self.row = self._described | {"written_at": self._plan.clock()} | phase
        self._phases.append(self.row)
        if phase["phase"] == "end":
            rows = []
            for each in self._surveys.surveyed:
                rows += support_rows(each, round_=self._name, observed_at=each.ended_at or self._plan.clock())
            # The rows have distinct keys, so `from_frames` need not look for repeats.
            self.found = Tables(support=schema.frame("support", rows), **self._rows.frames(self._phases))


def _survey_shard(
    shard: RoundPlan, link: ShardLink, *, terms: SurveyTerms, path: str, round_: str, vantage: str | None
) -> int | None:
    """Make the surveys of a shard that the store does not have, and keep them; the fewest connections they allow.

    Runs on a worker. None where an earlier worker has kept some of them. Raises `StoreError` as `open_store`.
    """
    store = open_store(path, round_)
    done = surveyed_places(store, round_, services_of(shard))
    left = replace(shard, places=_not_surveyed(shard.places or (), done))
    runner = SurveyRunner(left, terms)
    recorder = SurveyRecorder(round_, shard, vantage, runner, requests=link.stopping)
    with suppress(KeyboardInterrupt):
        recorder.run(progress=False)
    # The answers are committed last: a shard that has some has all its handshakes too.
    store.append(replace(recorder.found, rounds=schema.empty("rounds")))
    link.count_kept(len(runner.surveyed))
    return None if done else sum(each.survey.fewest_connections for each in runner.surveyed)


def _not_surveyed(places: Iterable[Place], done: Collection[tuple[str, str | None]]) -> list[Place]:
    """The places with the targets whose service and address are not among those that are `done`."""
    left = []
    for place in places:
        targets = tuple(target for target in place.targets if (target.service, place.address or None) not in done)
        if targets:
            left.append(replace(place, targets=targets))
    return left


class ClusterSurveyRecorder(ClusterRecorder):
    """Records the round of a survey on a cluster. Its progress counts the addresses surveyed."""

    _title, _unit = "Surveying", "address"

    def __init__(
        self, name: str, plan: RoundPlan, vantage: str | None, *, client: "Client", store: Store, terms: SurveyTerms
    ) -> None:
        work = partial(_survey_shard, terms=terms, path=store.path, round_=name, vantage=vantage)
        self._cluster = ClusterRunner(plan, client, name, work=work, most=_SHARD_SURVEYS)
        super().__init__(name, plan, vantage, self._cluster, store)
        self._terms = terms

    def _finish(self, end_reason: str) -> None:
        super()._finish(end_reason)
        if self._described is not None and end_reason == "interrupted":
            # After the end row, which a second interrupt would otherwise prevent.
            self._keep_untested()

    def _keep_untested(self) -> None:
        """Keep the rows of the surveys that no worker has kept: everything is `untested`."""
        places = self._cluster.places
        done = surveyed_places(self._store, self._name, {each.service for place in places for each in place.targets})
        left = [(target, place) for place in _not_surveyed(places, done) for target in place.targets]
        for begin in range(0, len(left), _SHARD_SURVEYS):
            rows: list[dict[str, object]] = []
            for target, place in left[begin : begin + _SHARD_SURVEYS]:
                ended_at = self._plan.clock()
                skipped = skip_survey(target, place, self._terms, ended_at)
                rows += support_rows(skipped, round_=self._name, observed_at=ended_at)
            self._store.append(replace(Tables.from_frames(), support=schema.frame("support", rows)))

    def _settings(self) -> dict[str, object]:
        return super()._settings() | self._terms.settings()

    def _looks_planned(self, known: TargetsKnown) -> int | None:
        """None: the number of handshakes depends on the answers."""
        return None

    def _counts(self) -> dict[str, object]:
        known = [result for result in self._cluster.results if result is not None]
        bound = sum(known) if len(known) == len(self._cluster.results) else None
        return super()._counts() | {"connections_bound": bound}
