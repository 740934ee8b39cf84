"""A round is kept as it goes: interrupted, failing, killed or continued, what was seen stays."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from tests.collection.servers import Loopback, Reader, Writer
from tests.conftest import ROOT, not_on_windows
from toolkit import load_example
from toolkit.certificates import parse_certificate
from toolkit.collection import Limits, collect, last_resort, observe, recorder
from toolkit.collection.observation import Look, LookRequest
from toolkit.collection.rows import Rows
from toolkit.errors import InterruptWarning, StoreError, UsageError
from toolkit.reference import offers
from toolkit.store import Store
from toolkit.tables import Tables
from toolkit.targets import parse_target
from toolkit.wire import Answer


async def busy(reader: Reader, writer: Writer) -> None:
    writer.write(b"421 busy\r\n")
    await reader.read(-1)


class Pausing:
    """Answers so many connections; at the next one it calls `at_pause` and says nothing more."""

    def __init__(self, answers: int, at_pause: object = None) -> None:
        self.left, self.at_pause = answers, at_pause

    async def __call__(self, reader: Reader, writer: Writer) -> None:
        if self.left:
            self.left -= 1
            await busy(reader, writer)
        else:
            if callable(self.at_pause):
                self.at_pause()
            await reader.read(-1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def one_by_one() -> Limits:
    return Limits(per_host=1, upgrade_seconds=20)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_what_is_collected_is_what_is_observed(loopback: Loopback, store: Store, brief: Limits) -> None:
    url = f"smtp://127.0.0.1:{loopback.serve(busy)}"
    end = collect(url, store, samples=3, limits=brief, progress=False)
    kept = store.load()
    assert len(kept.observations) == 3
    assert set(kept.observations["round"]) == {end["round"]}
    assert list(kept.rounds.sort_values("phase")["phase"]) == ["end", "start"]
    assert (end["phase"], end["looks"], end["looks_ok"], end["end_reason"]) == ("end", 3, 0, "finished")
    assert end["services"] == (url,)
    seen = observe(url, samples=3, limits=brief, progress=False)
    changing = ["observed_at", "round", "connect_ms"]
    for name in ("observations", "certificates"):
        left, right = getattr(seen, name), getattr(kept, name)
        pd.testing.assert_frame_equal(*(f.drop(columns=changing, errors="ignore") for f in (left, right)))


@not_on_windows("signal that a process sends to itself or another")
def test_an_interrupt_keeps_what_was_seen_and_comes_through(
    loopback: Loopback, store: Store, one_by_one: Limits
) -> None:
    url = f"smtp://127.0.0.1:{loopback.serve(Pausing(3, interrupt))}"
    with pytest.raises(KeyboardInterrupt) as interrupted:
        collect(url, store, samples=9, limits=one_by_one, progress=False)
    kept = store.load()
    name = kept.rounds["round"].iloc[0]
    assert str(interrupted.value) == (
        f"Interrupted: 3 looks kept in {store.path}. To make the rest, collect again with resume={name!r} "
        f"(--resume {name})."
    )
    assert list(kept.observations["outcome"]) == ["deferred"] * 3
    assert list(kept.rounds["end_reason"].dropna()) == ["interrupted"]
    assert list(kept.rounds["looks"].dropna()) == [3]


@not_on_windows("signal that a process sends to itself or another")
def test_an_interrupted_observe_returns_what_was_seen(loopback: Loopback, one_by_one: Limits) -> None:
    url = f"smtp://127.0.0.1:{loopback.serve(Pausing(2, interrupt))}"
    with pytest.warns(InterruptWarning, match=r"^Interrupted after 2 looks; the others were not made\.$"):
        tables = observe(url, samples=9, limits=one_by_one, progress=False)
    assert list(tables.observations["sample"]) == [0, 1]
    assert tables.rounds["end_reason"].iloc[1] == "interrupted"


@not_on_windows("signal that a process sends to itself or another")
def test_an_interrupted_round_continues_where_it_stopped(loopback: Loopback, store: Store, one_by_one: Limits) -> None:
    server = Pausing(3, interrupt)
    url = f"smtp://127.0.0.1:{loopback.serve(server)}"
    with pytest.raises(KeyboardInterrupt):
        collect(url, store, samples=5, limits=one_by_one, progress=False)
    server.at_pause = None
    name = store.load().rounds["round"].iloc[0]
    end = collect(url, store, samples=5, limits=replace(one_by_one, upgrade_seconds=0.1), resume=name, progress=False)
    kept = store.load()
    assert list(kept.observations["outcome"]) == ["deferred"] * 3 + ["timeout"] * 2
    assert sorted(kept.observations["sample"]) == [0, 1, 2, 3, 4]
    assert set(kept.observations["round"]) == {name}
    assert (end["round"], end["looks"]) == (name, 2)
    assert list(kept.rounds["phase"]) == ["start", "end"] * 2
    assert list(kept.rounds["end_reason"].dropna()) == ["interrupted", "finished"]


@not_on_windows("signal that a process sends to itself or another")
def test_each_run_of_a_round_keeps_its_end_row(loopback: Loopback, store: Store, one_by_one: Limits) -> None:
    server = Pausing(2, interrupt)
    url = f"smtp://127.0.0.1:{loopback.serve(server)}"
    name = None
    for answers in (2, 3):
        server.left = answers
        with pytest.raises(KeyboardInterrupt):
            collect(url, store, samples=9, limits=one_by_one, resume=name, progress=False)
        kept = store.load()
        name = kept.rounds["round"].iloc[0]
    ends = kept.rounds[kept.rounds["phase"] == "end"]
    assert list(ends["end_reason"]) == ["interrupted"] * 2
    assert list(ends["looks"]) == [2, 3]
    assert len(kept.observations) == 5


def test_batches_are_kept_as_the_round_goes(
    loopback: Loopback, brief: Limits, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(recorder, "_BATCH_LOOKS", 2)
    appended: list[Tables] = []

    class Watched(Store):
        def append(self, tables: Tables) -> None:
            appended.append(tables)
            super().append(tables)

    url = f"smtp://127.0.0.1:{loopback.serve(busy)}"
    collect(url, Watched(tmp_path / "s"), samples=5, limits=brief, progress=False)
    assert [len(tables.observations) for tables in appended] == [0, 2, 2, 1]
    assert [list(tables.rounds["phase"]) for tables in appended] == [["start"], [], [], ["end"]]


def test_a_store_that_fails_ends_the_round_and_says_so(
    loopback: Loopback, brief: Limits, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(recorder, "_BATCH_LOOKS", 1)
    store = Store(tmp_path / "s")
    collect(f"smtp://127.0.0.1:{loopback.serve(busy)}", store, limits=brief, progress=False)

    def full(frame: object) -> None:
        raise StoreError("no space left")

    monkeypatch.setattr(store._tables["observations"], "append", full)
    with pytest.raises(StoreError, match=r"no space left Of the \d+ looks? of round \S+, \d+ were made .* resume='"):
        collect(f"smtp://127.0.0.1:{loopback.serve(Pausing(1))}", store, samples=9, limits=brief, progress=False)
    assert len(store.load().observations) == 1


def test_a_store_that_fails_once_loses_no_look(
    loopback: Loopback, brief: Limits, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(recorder, "_BATCH_LOOKS", 2)

    class Failing(Store):
        appends = 0

        def append(self, tables: Tables) -> None:
            self.appends += 1
            if self.appends == 3:
                raise StoreError("busy.")
            super().append(tables)

    store = Failing(tmp_path / "s")
    url = f"smtp://127.0.0.1:{loopback.serve(busy)}"
    with pytest.raises(StoreError, match=r"^busy\. 4 looks of round (\S+) are kept; resume='\1' \(--resume \1\) co"):
        collect(url, store, samples=9, limits=brief, progress=False)
    kept = store.load()
    assert len(kept.observations) == 4
    assert list(kept.rounds["end_reason"].dropna()) == ["interrupted"]


@pytest.mark.parametrize("settle", [False, True])
def test_no_look_is_made_before_the_start_row_is_kept(
    loopback: Loopback, brief: Limits, tmp_path: Path, settle: bool
) -> None:
    class Unwritable(Store):
        def append(self, tables: Tables) -> None:
            raise StoreError("read-only.")

    url = f"smtp://127.0.0.1:{loopback.serve(busy)}"
    with pytest.raises(StoreError, match=r"^read-only\. The round was not begun, nothing was observed\.$"):
        collect(url, Unwritable(tmp_path / "s"), settle=settle, limits=brief, progress=False)
    assert loopback.connections == 0


def test_a_round_that_has_only_its_start_row_can_be_continued(loopback: Loopback, store: Store, brief: Limits) -> None:
    ended = observe("https://127.0.0.1:1", limits=brief, progress=False).rounds
    url = f"smtp://127.0.0.1:{loopback.serve(busy)}"
    start = ended[ended["phase"] == "start"].assign(round="r", services=[(url,)])
    store.append(Tables.from_frames(rounds=start))
    assert collect(url, store, samples=2, limits=brief, resume="r", progress=False)["looks"] == 2
    kept = store.load()
    assert set(kept.observations["round"]) == {"r"}
    assert sorted(kept.rounds["phase"]) == ["end", "start", "start"]


def test_a_path_stands_for_its_store(loopback: Loopback, brief: Limits, tmp_path: Path) -> None:
    url = f"smtp://127.0.0.1:{loopback.serve(busy)}"
    for path in (tmp_path / "s", str(tmp_path / "s")):
        collect(url, path, limits=brief, progress=False)
    assert len(Store(tmp_path / "s").load().observations) == 2


@pytest.mark.parametrize("wrong", [None, 7, ["s"], pd.DataFrame()])
def test_a_value_that_is_not_a_store_is_refused_with_advice(wrong: object) -> None:
    with pytest.raises(UsageError, match=r"A store is a toolkit\.Store, the path of a folder, or a URL"):
        collect("https://127.0.0.1:1", wrong, progress=False)  # type: ignore[arg-type]  what is tested


def test_of_the_block_list_only_count_and_digest_are_kept(store: Store, brief: Limits) -> None:
    def settings(*blocked: str) -> dict[str, object]:
        limits = replace(brief, blocked=blocked)
        end = collect("https://127.0.0.1:1", store, limits=limits, progress=False)
        assert "192.0.2" not in end["settings"]
        kept: dict[str, object] = json.loads(end["settings"])["limits"]["blocked"]
        return kept

    both = settings("192.0.2.0/24", "b.test")
    assert both["count"] == 2
    assert both == settings("b.test", "192.0.2.0/24")
    assert both != settings("192.0.2.0/25", "b.test")
    assert settings() == {"count": 0, "sha256": None}


def test_a_clock_that_fails_loses_nothing_that_was_seen(loopback: Loopback, store: Store, one_by_one: Limits) -> None:
    instants = iter(pd.date_range("2026-01-01", periods=3, tz="UTC"))

    def clock() -> datetime:
        try:
            return next(instants)
        except StopIteration:
            raise RuntimeError("the clock has stopped") from None

    url = f"smtp://127.0.0.1:{loopback.serve(busy)}"
    with pytest.raises(RuntimeError, match="the clock has stopped"):
        collect(url, store, samples=9, limits=one_by_one, clock=clock, progress=False)
    # The name of the round and its start took two of the three instants, one was left for a look.
    assert len(store.load().rounds) == 1


_KILLED = """
import sys
from toolkit.collection import Limits, collect, recorder
from toolkit.store import Store

class Telling(Store):
    def append(self, tables):
        super().append(tables)
        print(len(tables.observations), flush=True)

recorder._BATCH_LOOKS = 2
collect(sys.argv[1], Telling(sys.argv[2]), samples=9, limits=Limits(per_host=1, upgrade_seconds=60), progress=False)
"""


def test_a_killed_round_loses_at_most_its_last_batch_and_continues(
    loopback: Loopback, store: Store, brief: Limits
) -> None:
    server = Pausing(5)
    url = f"smtp://127.0.0.1:{loopback.serve(server)}"
    command = [sys.executable, "-c", _KILLED, url, store.path]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        # The start row, then two batches; the fifth look waits for a third, and the sixth never ends.
        assert [process.stdout.readline() for _ in range(3)] == [b"0\n", b"2\n", b"2\n"]
        process.kill()
    kept = store.load()
    assert len(kept.observations) == 4
    assert list(kept.rounds["phase"]) == ["start"]
    server.left = 9
    end = collect(url, store, samples=9, limits=brief, resume=kept.rounds["round"].iloc[0], progress=False)
    assert end["looks"] == 5
    assert sorted(store.load().observations["sample"]) == list(range(9))


def test_a_batch_of_many_bytes_is_kept_at_once(
    loopback: Loopback, store: Store, brief: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def alert(reader: Reader, writer: Writer) -> None:
        await reader.read(5)
        writer.write(b"\x15\x03\x03\x00\x02\x02\x28")
        await reader.read(-1)

    kept: list[int] = []
    append = store.append

    def counting(tables: Tables) -> None:
        kept.append(len(tables.observations))
        append(tables)

    monkeypatch.setattr(store, "append", counting)
    monkeypatch.setattr(recorder, "_BATCH_BYTES", 100)
    url = f"https://127.0.0.1:{loopback.serve(alert)}"
    collect(url, store, samples=3, limits=brief, keep_bytes=True, progress=False)
    assert kept == [0, 1, 1, 1, 0]  # the start row, each look, the end row


def test_what_is_remembered_of_a_certificate_is_its_hash() -> None:
    rows = Rows(round_="r", vantage=None)
    request = LookRequest(parse_target("https://a.test"), "192.0.2.1", offers()["any"], 0)
    chain = (b"not a certificate", b"nor this one")
    held = [sys.getrefcount(der) for der in chain]
    for _ in range(2):
        rows.add(Look(request, datetime(2026, 1, 1, tzinfo=UTC), Answer("ok", "finished", chain=chain)))
    assert rows.size == sum(map(len, chain))
    assert len(rows.frames()["certificates"]) == 2
    rows.clear()
    assert (rows.size, [sys.getrefcount(der) for der in chain]) == (0, held)
    rows.add(Look(request, datetime(2026, 1, 1, tzinfo=UTC), Answer("ok", "finished", chain=chain)))
    assert len(rows.frames()["certificates"]) == 0


def test_a_chain_seen_before_is_not_parsed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []

    def counting(der: bytes) -> dict[str, object]:
        parsed.append(der)
        return parse_certificate(der)

    monkeypatch.setattr(last_resort, "parse_certificate", counting)
    ders = load_example("lab-sample").certificates["der"].head(12).tolist()
    chains = [(ders[n], ders[10], ders[11]) for n in range(10)]
    rows = Rows(round_="r", vantage=None)
    request = LookRequest(parse_target("https://a.test"), "192.0.2.1", offers()["any"], 0)
    for number in range(200):
        answer = Answer("ok", "finished", chain=chains[number % 10])
        rows.add(Look(replace(request, sample=number), datetime(2026, 1, 1, tzinfo=UTC), answer))
        if number % 50 == 49:
            store.append(rows.tables())
            rows.clear()
    assert sorted(parsed) == sorted(ders)
    assert len(store.load().observations) == 200
