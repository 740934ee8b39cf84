"""`watch`: rounds one after another at the instants of a clock that the tests turn; nothing sleeps."""

import json
import re
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import toolkit
from tests.conftest import not_on_windows
from toolkit import schema
from toolkit.cli import main
from toolkit.cli.codes import INTERRUPTED, NOTHING_REACHED, USAGE
from toolkit.collection import WatchedRound
from toolkit.errors import OutputError, UsageError
from toolkit.lab import Lab, scenario

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
CLOSED = "tls://127.0.0.1:1"
HOUR = timedelta(hours=1)


class Time:
    """A clock and a way to wait for it; `on_wait` is called before each wait and may turn the clock as well."""

    def __init__(self, on_wait: Callable[["Time"], None] = lambda _: None) -> None:
        self.now, self.waited, self._on_wait = BEGINS, 0, on_wait

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        assert 0 < seconds <= 30
        self.waited += 1
        self._on_wait(self)
        self.now += timedelta(seconds=seconds)


def watched(store: object, time: Time, **asked: Any) -> list[WatchedRound]:
    made: list[WatchedRound] = []
    asked = {"every": "1h", "jitter": 0, "rounds": 3, "each": made.append} | asked
    frame = toolkit.watch(CLOSED, store, clock=time, wait=time.wait, **asked)  # type: ignore[arg-type]
    assert frame["round"].tolist() == [done.round for done in made]
    return made


def hours(made: list[WatchedRound]) -> list[float]:
    return [(done.began_at - BEGINS) / HOUR for done in made]


def test_rounds_begin_at_the_interval_and_are_all_kept(tmp_path: Path) -> None:
    made = watched(tmp_path, Time())
    assert hours(made) == [0, 1, 2]
    assert [(done.observed, done.failed, done.missed) for done in made] == [(1, 1, 0)] * 3
    kept = toolkit.Store(tmp_path).load()
    assert list(kept.observations["round"]) == [done.round for done in made]
    assert list(kept.observations["observed_at"]) == [done.began_at for done in made]


def test_jitter_delays_each_round_and_does_not_add_up(tmp_path: Path) -> None:
    made = hours(watched(tmp_path, Time(), jitter=0.2, rounds=6))
    delays = [hour - number for number, hour in enumerate(made)]
    assert delays[0] == 0
    assert all(0 <= delay <= 0.2 for delay in delays)
    assert len(set(delays[1:])) > 1


def test_after_sleep_one_round_is_made_and_the_others_are_reported_as_missed(tmp_path: Path) -> None:
    def sleep_once(time: Time) -> None:
        if time.waited == 10:
            time.now += 5.3 * HOUR  # the machine slept

    made = watched(tmp_path, Time(sleep_once))
    assert [done.missed for done in made] == [0, 4, 0]
    assert 5.3 < hours(made)[1] < 5.5
    assert hours(made)[2] == 6, "the next round is at the interval again"
    assert "4 rounds missed before" in str(made[1])


def test_a_round_longer_than_the_interval_is_followed_by_one_round(tmp_path: Path) -> None:
    time = Time()

    def last_long(done: WatchedRound) -> None:
        made.append(done)
        if len(made) == 1:
            time.now += 2.5 * HOUR

    made: list[WatchedRound] = []
    toolkit.watch(CLOSED, tmp_path, every=HOUR, jitter=0, rounds=3, each=last_long, clock=time, wait=time.wait)
    assert (hours(made), [done.missed for done in made]) == ([0, 2.5, 3], [0, 1, 0])


def test_a_clock_that_is_set_back_far_does_not_stop_the_watch(tmp_path: Path) -> None:
    def set_back(time: Time) -> None:
        if time.waited == 5:
            time.now -= timedelta(days=400)

    time = Time(set_back)
    made = watched(tmp_path, time)
    assert len(made) == 3
    assert time.waited < 5 + 1 + 2 * 120


def test_a_second_watch_of_the_store_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    def second(_: WatchedRound) -> None:
        with pytest.raises(UsageError, match=r"Another watch of .* is running"):
            watched(tmp_path, Time())

    time = Time()
    toolkit.watch(CLOSED, tmp_path, every="1h", rounds=2, each=second, clock=time, wait=time.wait)
    assert len(watched(tmp_path, time)) == 3, "the lock is released"


def test_the_health_file_is_replaced_after_each_round(tmp_path: Path) -> None:
    file = tmp_path / "health.json"
    seen = []

    def read(done: WatchedRound) -> None:
        seen.append(json.loads(file.read_text()))
        assert seen[-1]["round"] == done.round

    time = Time()
    toolkit.watch(
        CLOSED, tmp_path / "s", every="1h", jitter=0, rounds=2, each=read, health=file, clock=time, wait=time.wait
    )
    assert [one["began_at"] for one in seen] == ["2026-01-01T00:00:00+00:00", "2026-01-01T01:00:00+00:00"]
    assert [one["next_at"] for one in seen] == ["2026-01-01T01:00:00+00:00", "2026-01-01T02:00:00+00:00"]
    assert {(one["observed"], one["failed"], one["missed"]) for one in seen} == {(1, 1, 0)}
    assert [path.name for path in tmp_path.glob("health*")] == ["health.json"]
    with pytest.raises(OutputError, match="Name a file in a folder"):
        watched(tmp_path / "s", Time(), health=tmp_path / "missing" / "health.json")


@pytest.mark.parametrize("wrong", [
    {"every": "1"}, {"every": "0s"}, {"every": "0.5s"}, {"every": "1 year"}, {"every": "367d"}, {"every": "-1h"},
    {"every": timedelta(0)}, {"every": 3600}, {"every": "9" * 400 + "h"}, {"jitter": 0.6}, {"jitter": -1},
    {"jitter": float("nan")}, {"rounds": 0},
])  # fmt: skip
def test_an_argument_that_makes_no_sense_is_a_usage_error(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        watched(tmp_path / "store", Time(), **wrong)
    assert not (tmp_path / "store").exists()


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(scenario("steady", services=2, backends=2, generations=2), seed=7) as running:
        yield running


@pytest.fixture
def _signals_interrupt() -> Iterator[None]:
    """SIGTERM is handled like Ctrl-C, as on the command line."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@not_on_windows("signal that a process sends to itself or another")
@pytest.mark.usefixtures("_signals_interrupt")
def test_two_hours_of_a_lab_with_a_sigterm_and_a_resume_lose_and_double_nothing(lab: Lab, tmp_path: Path) -> None:
    """A round every 10 minutes; SIGTERM comes during the fifth, between its looks; then the watch is resumed."""
    samples = 3
    begins = lab.clock()
    looks_each = len(lab.targets) * samples
    looked = 0

    def clock() -> datetime:
        """The lab's clock. The third look of the fifth round waits until the main thread has received SIGTERM."""
        nonlocal looked
        if threading.current_thread() is not threading.main_thread():
            looked += 1
            if looked == 4 * looks_each + 3:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
                while signal.getsignal(signal.SIGTERM) is not signal.default_int_handler:
                    pass
        return lab.clock()

    def wait(seconds: float) -> None:
        lab.clock.advance(timedelta(seconds=seconds))

    made: list[WatchedRound] = []
    asked: dict[str, Any] = {
        "every": "10min", "jitter": 0, "samples": samples, "each": made.append, "clock": clock, "wait": wait,
        "limits": toolkit.Limits(per_host=1),
    }  # fmt: skip
    with pytest.raises(KeyboardInterrupt, match="Interrupted: ") as interrupt:
        toolkit.watch(lab.targets, tmp_path, **asked)
    (kept, name) = re.findall(r"(\d+) looks in 5 rounds kept.*--resume (\S+)\)", str(interrupt.value))[0]
    before = toolkit.Store(tmp_path).load()
    assert len(before.observations) == int(kept) < 5 * looks_each
    assert name == before.rounds["round"].iloc[-1]

    toolkit.watch(lab.targets, tmp_path, resume=name, rounds=8, **asked)
    after = toolkit.Store(tmp_path).load()
    assert lab.clock() - begins == timedelta(hours=2) - timedelta(minutes=10)
    assert made[4].round == name
    assert not after.observations[list(schema.OBSERVATION_KEY)].duplicated().any()
    assert after.observations.groupby("round").size().tolist() == [looks_each] * 12
    assert set(after.observations["outcome"]) == {"ok"}
    begun = after.observations.groupby("round", sort=False)["observed_at"].min()
    assert list(begun.diff().dropna().unique()) == [timedelta(minutes=10)]
    ends = after.rounds[after.rounds["phase"] == "end"]
    assert ends.loc[ends["end_reason"] == "finished", "round"].nunique() == 12
    assert ends.loc[ends["end_reason"] == "interrupted", "round"].tolist() == [name]


@pytest.mark.usefixtures("_signals_interrupt")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_between_rounds_says_what_is_kept_and_leaves_no_round_open(
    tmp_path: Path, number: signal.Signals
) -> None:
    def interrupt(time: Time) -> None:
        if time.now > BEGINS + 1.5 * HOUR:
            signal.raise_signal(number)

    with pytest.raises(KeyboardInterrupt, match=r"2 looks in 2 rounds kept in .*; no round is open"):
        watched(tmp_path, Time(interrupt), rounds=None)
    assert len(toolkit.Store(tmp_path).load().observations) == 2


@pytest.mark.usefixtures("_signals_interrupt")
def test_the_command_prints_a_line_for_each_round_and_the_line_that_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["watch", CLOSED, "--every", "1h", "--store", str(tmp_path / "my store"), "--resume", "old"]
    assert main([*command, "--rounds", "1"]) == USAGE
    assert "has no such round" in capsys.readouterr().err
    command = command[:-2]
    assert main([*command, "--rounds", "1"]) == NOTHING_REACHED
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: 1 look, 1 failed; next .* UTC\n", capsys.readouterr().out)
    assert main([*command, "--rounds", "1", "--json"]) == NOTHING_REACHED
    assert json.loads(capsys.readouterr().out)["observed"] == 1

    watching = toolkit.watch

    def interrupted(*given: Any, **asked: Any) -> Any:
        return watching(*given, **asked | {"wait": lambda _: signal.raise_signal(signal.SIGTERM)})

    monkeypatch.setattr(toolkit, "watch", interrupted)
    assert main(command) == INTERRUPTED
    complaints = capsys.readouterr().err
    assert "Interrupted: 1 look in 1 round kept" in complaints
    assert f"  tls-toolkit watch {CLOSED} --every 1h --store '{tmp_path / 'my store'}'\n" in complaints
    for words in (["--rounds", "5"], ["--rounds=5"]):
        assert main([*command, *words]) == INTERRUPTED
        assert capsys.readouterr().err.endswith("my store' --rounds 4\n"), "one of five was made"
