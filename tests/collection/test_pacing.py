"""Rates, back-off across rounds, allow lists and estimates: how politely a round asks."""

import asyncio
import heapq
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path

import pandas as pd
import pytest

import toolkit
from tests.collection.servers import Loopback, Reader, Writer, closed_port
from toolkit.collection import Limits, collect, observe, runner
from toolkit.collection.pacing import Key, Pacing
from toolkit.collection.resting import find_resting
from toolkit.errors import UsageError
from toolkit.store import Store
from toolkit.tables import Tables
from toolkit.targets import Target, parse_target


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


class Time:
    """An event loop's time and `call_later`, without waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._due, (self.now + seconds, self._count, call))

    def run(self) -> None:
        while self._due:
            self.now, _, call = heapq.heappop(self._due)
            call()


def begin_all(limits: Limits, wanted: list[tuple[Target, str]]) -> dict[str, list[float]]:
    """When the connections begin that are all wanted at once, for each service."""
    time = Time()
    pacing = Pacing(limits, time.call_later)
    begun: dict[str, list[float]] = {}

    def ask(target: Target, address: str) -> None:
        if pacing.may_begin(target, address, lambda: ask(target, address)):
            begun.setdefault(target.service, []).append(time.now)

    for target, address in wanted:
        ask(target, address)
    time.run()
    assert sum(map(len, begun.values())) == len(wanted), "something was forgotten"
    assert not pacing._waiting, "something is remembered of what is over"
    return begun


EXACT = Limits(rate_jitter=0)
A, B, C = (parse_target(f"smtp://{name}") for name in ("a.mx.example.org", "b.mx.example.org", "www.example.net"))


def test_connections_to_one_address_are_apart_and_others_do_not_wait() -> None:
    begun = begin_all(replace(EXACT, address_rate=2), [(A, "192.0.2.1")] * 3 + [(B, "192.0.2.2")] * 2)
    assert begun[A.service] == pytest.approx([0, 0.5, 1])
    assert begun[B.service] == pytest.approx([0, 0.5])


def test_the_addresses_of_one_name_share_its_rate() -> None:
    begun = begin_all(replace(EXACT, host_rate=1), [(A, "192.0.2.1"), (A, "198.51.100.1"), (B, "192.0.2.1")])
    assert begun == {A.service: pytest.approx([0, 1]), B.service: [0]}


@pytest.mark.parametrize(
    ("target", "address"), [(B, "198.51.100.1"), (C, "192.0.2.200")], ids=["a name above both", "a network"]
)
def test_a_provider_is_a_name_or_a_network(target: Target, address: str) -> None:
    limits = replace(EXACT, provider_rate=0.25)
    assert begin_all(limits, [(A, "192.0.2.1"), (target, address)])[target.service] == pytest.approx([4])
    assert begin_all(limits, [(A, "192.0.2.1"), (C, "198.51.100.1")])[C.service] == [0]


def test_what_waits_for_a_slow_address_leaves_the_providers_turns_to_others() -> None:
    limits = replace(EXACT, address_rate=0.1, provider_rate=1)
    wanted = [(A, "192.0.2.1")] * 2 + [(B, f"192.0.2.{number}") for number in range(2, 8)]
    begun = begin_all(limits, wanted)
    assert begun[A.service] == pytest.approx([0, 10])
    assert begun[B.service] == pytest.approx([1, 2, 3, 4, 5, 6])


def test_jitter_makes_intervals_longer_by_up_to_its_share() -> None:
    begun = begin_all(Limits(address_rate=1, rate_jitter=0.5), [(A, "192.0.2.1")] * 50)[A.service]
    apart = [later - earlier for earlier, later in pairwise(begun)]
    assert 1 <= min(apart) < max(apart) <= 1.5


def test_the_looks_of_a_round_and_a_survey_are_paced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look asks its rate before it is made; a survey waits for it as well."""
    asked: list[str] = []

    class Counting(Pacing):
        def may_begin(self, target: Target, address: str, later: Callable[[], None]) -> bool:
            asked.append(address)
            return super().may_begin(target, address, later)

    monkeypatch.setattr(runner, "Pacing", Counting)
    target = f"tls://127.0.0.1:{closed_port()}"
    limits = Limits(address_rate=500, host_rate=500, provider_rate=500)
    assert len(observe(target, samples=5, limits=limits, progress=False).observations) == 5
    assert len(asked) >= 5
    asked.clear()
    looks = toolkit.survey(target, limits=limits, rate=None, progress=False).observations
    assert len(asked) >= len(looks) > 0


def test_a_round_can_end_while_a_connection_waits_for_its_rate(loopback: Loopback, brief: Limits) -> None:
    """Nothing begins after the end, and nothing is left to be reported."""

    async def answer(reader: Reader, writer: Writer) -> None:
        end.set()
        await reader.read(-1)

    end = asyncio.Event()
    plan = toolkit.collection.rounds.make_plan(
        f"tls://127.0.0.1:{loopback.serve(answer)}", "any", samples=3, addresses=None,
        limits=replace(brief, address_rate=0.001), clock=lambda: datetime.now(UTC), resolver=None, keep_bytes=False,
        ehlo=None,
    )  # fmt: skip
    looks = 0
    with runner.Runner(plan) as running:
        running.start_looking()
        for report in running.reports():
            looks += isinstance(report, runner.Look)
            if looks:
                running.cancel()
    assert looks == 1


def test_a_rate_that_allows_the_next_connection_while_a_round_is_aborted_begins_none(
    brief: Limits, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A look ends slowly after the round was cancelled; meanwhile the rate's interval is over."""
    looks, allowed, allow = [], asyncio.Event(), Pacing._allow

    async def look(*args: object, **settings: object) -> None:
        looks.append(1)
        running.cancel()
        try:
            await asyncio.Event().wait()
        finally:
            await allowed.wait()

    def allow_and_say(pacing: Pacing, key: Key) -> None:
        try:
            allow(pacing, key)
        finally:
            allowed.set()

    monkeypatch.setattr(runner, "look", look)
    monkeypatch.setattr(Pacing, "_allow", allow_and_say)
    plan = toolkit.collection.rounds.make_plan(
        "tls://127.0.0.1:1", "any", samples=3, addresses=None, limits=replace(brief, address_rate=50),
        clock=lambda: datetime.now(UTC), resolver=None, keep_bytes=False, ehlo=None,
    )  # fmt: skip
    with runner.Runner(plan) as running:
        running.start_looking()
        list(running.reports())
    assert len(looks) == 1
    assert not caplog.records, "asyncio reports a callback that failed"


def test_a_list_is_read_from_a_file(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("# ours\n192.0.2.0/24\n\nFaß.de  # by name\n2001:db8::/32\n198.51.100.7\n", encoding="utf-8")
    limits = Limits(blocked=(f"@{listed}", "mx.example.org"))
    blocked = ("192.0.2.9", "xn--fa-hia.de", "2001:db8::1", "198.51.100.7", "mx.example.org")
    assert all(map(limits.blocks, blocked))
    assert not any(map(limits.blocks, ("192.0.3.1", "example.org", "2001:db9::1", "198.51.100.8")))
    listed.write_text("192.0.2.0/24\nnot a host\n", encoding="utf-8")
    with pytest.raises(UsageError, match="line 2: 'not a host' is neither a network nor a host name"):
        Limits(allowed=(f"@{listed}",))
    with pytest.raises(UsageError, match="cannot be read"):
        Limits(blocked=(f"@{tmp_path / 'missing'}",))


def test_a_long_list_is_searched_at_once() -> None:
    """Each entry is looked at when the list is made, and not again in each search."""
    limits = Limits(blocked=tuple(f"10.{number // 256}.{number % 256}.0/24" for number in range(20_000)))
    assert sum(limits.blocks(f"10.{number // 256}.{number % 256}.1") for number in range(20_100)) == 20_000


def test_what_is_not_on_the_allow_list_is_a_row(loopback: Loopback, brief: Limits) -> None:
    async def busy(reader: Reader, writer: Writer) -> None:
        writer.write(b"421 busy\r\n")
        await reader.read(-1)

    port = loopback.serve(busy, "0.0.0.0")
    targets = [f"smtp://127.0.{number}.1:{port}" for number in (3, 4)]
    looks = observe(targets, limits=replace(brief, allowed=("127.0.3.0/24",)), progress=False).observations
    assert dict(zip(looks["address"].fillna(""), looks["outcome"], strict=True)) == {
        "127.0.3.1": "deferred",
        "": "skipped",
    }
    assert "127.0.4.1 is not on the allow list" in looks["reason"].tolist()
    assert loopback.connections == 1


@pytest.mark.parametrize("entry", ["127.0.0.0/8", "::ffff:127.0.0.0/104", "::ffff:0:0/96"])
@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "0.0.0.0"])
def test_an_address_is_blocked_in_each_form(entry: str, address: str) -> None:
    assert Limits(blocked=(entry,)).blocks(address)
    assert not Limits(blocked=("::/8",)).blocks(address), "it is an IPv4 address"
    assert not Limits(blocked=("192.0.2.0/24",)).blocks(address)


def test_the_unspecified_address_is_that_of_this_machine() -> None:
    assert Limits(blocked=("::1/128",)).blocks("::")
    assert Limits(blocked=("0.0.0.0",)).blocks("0.0.0.0")
    assert not Limits(blocked=("0.0.0.0",)).blocks("127.0.0.1")


def test_a_name_is_not_looked_up_where_only_names_are_allowed() -> None:
    assert Limits(allowed=("a.test",)).why_skipped("b.test") == "b.test is not on the allow list"
    assert Limits(allowed=("a.test", "192.0.2.1")).why_skipped("b.test") is None
    assert Limits(allowed=("a.test", "192.0.2.1")).why_skipped("b.test", "192.0.2.1") is None
    assert Limits(allowed=("a.test",), blocked=("192.0.2.1",)).why_skipped("a.test", "192.0.2.1") is not None


def test_a_round_that_is_larger_than_allowed_is_refused_before_anything_is_asked() -> None:
    endless = (f"tls://a{number}.test" for number in count())
    with pytest.raises(UsageError, match=r"would make more than 1,000 looks.*--max-planned N"):
        observe(endless, samples=600, limits=Limits(max_planned=1_000))
    assert next(endless) == "tls://a2.test"
    assert toolkit.estimate_round("tls://127.0.0.1:1", samples=10**7)["looks"].tolist() == [10**7]


def test_an_estimate_names_what_limits_a_round() -> None:
    many = [f"tls://127.0.{number}.1:1" for number in range(200)]
    (row,) = toolkit.estimate_round(many, samples=4, limits=Limits(concurrency=10)).to_dict("records")
    assert row == {
        "service_count": 200, "hosts": 200, "looks": 800, "seconds_min": pytest.approx(16), "limited_by": "concurrency"
    }  # fmt: skip
    (row,) = toolkit.estimate_round([*many, "smtp://127.0.0.1:1"], samples=4, limits=Limits(host_rate=0.1)).to_dict(
        "records"
    )
    assert (row["seconds_min"], row["limited_by"]) == (70, "127.0.0.1")


def test_an_estimate_leaves_out_what_the_lists_skip() -> None:
    targets = [f"tls://127.0.1.{number}:1" for number in range(200)]
    for lists, left, seconds in (
        ({"blocked": ["127.0.1.0/24"]}, 0, 0.0),
        ({"allowed": ["127.0.1.7"]}, 1, 0.1),
        ({"allowed": ["127.0.1.0/25"], "blocked": ["127.0.1.1"]}, 127, 126 / 5),
    ):
        (row,) = toolkit.estimate_round(targets, limits=Limits(provider_rate=5, **lists)).to_dict("records")
        assert (row["service_count"], row["hosts"], row["looks"]) == (200, left, left)
        assert row["seconds_min"] == pytest.approx(seconds)


class Rounds:
    """A store to which rounds are appended without asking anything."""

    def __init__(self, store: Store) -> None:
        self.store, self.count = store, 0

    def add(self, reason: str | None = None, **outcomes: str) -> None:
        """A round with these outcomes by host; `reason`: why looks were skipped."""
        self.count += 1
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=self.count)
        name = f"{at:%Y%m%dT%H%M%SZ}-{self.count:08x}"
        looks = [
            {
                "observed_at": at, "date_basis": "observed", "round": name, "service": f"tls://{host}.test:443",
                "sample": 0, "source": "lab", "outcome": outcome, "offer": "any-2026",
                "reason": reason if outcome == "skipped" else None,
            }
            for host, outcome in outcomes.items()
        ]  # fmt: skip
        begun = {"round": name, "written_at": at, "phase": "start", "source": "lab", "services": ()}
        self.store.append(Tables.from_frames(observations=pd.DataFrame(looks), rounds=pd.DataFrame([begun])))


def test_a_service_that_is_not_reached_is_asked_in_fewer_rounds_until_it_is(store: Store) -> None:
    """The rounds of a year of hours, shortened: asked in each, then in every 2nd, then in every 4th."""
    rounds = Rounds(store)
    asked = []
    for number in range(14):
        why = find_resting(store).get("tls://down.test:443")
        asked += [number] if why is None else []
        rounds.add(why, down="timeout" if why is None else "skipped", up="ok", refusing="refused")
    assert asked == [0, 1, 2, 3, 4, 6, 8, 12]
    said = "asked in one of 4 rounds: it was not reached in the last 14, of which 8 asked it"
    assert find_resting(store) == {"tls://down.test:443": said}
    rounds.add(down="ok", up="ok")
    assert find_resting(store) == {}


def test_a_round_that_a_block_list_skipped_says_nothing_about_the_service(store: Store) -> None:
    rounds, blocked = Rounds(store), "down.test is on the block list"
    for _ in range(4):
        rounds.add(down="port_closed")
        rounds.add(blocked, down="skipped")
    assert find_resting(store) == {}
    rounds.add(down="port_closed")
    rounds.add(blocked, down="skipped")
    said = "asked in one of 2 rounds: it was not reached in the last 5, of which 5 asked it"
    assert find_resting(store) == {"tls://down.test:443": said}


def test_a_service_that_rests_is_a_row_that_says_so(store: Store) -> None:
    down, other = (f"tls://127.0.0.{number}:{closed_port()}" for number in (1, 2))
    for _ in range(5):
        collect(down, store, back_off=True, progress=False)
    end = collect([down, other], store, back_off=True, progress=False)
    looks = store.load().observations
    last = looks[looks["round"] == end["round"]].set_index("service")
    assert last.loc[down, ["outcome", "stage"]].tolist() == ["skipped", "resolve"]
    assert last.loc[down, "reason"] == "asked in one of 2 rounds: it was not reached in the last 5, of which 5 asked it"
    assert last.loc[other, "outcome"] == "port_closed"
    assert json.loads(end["settings"])["resting"] == 1
    assert collect(down, store, back_off=True, progress=False)["connections"] == 0
