"""The runner: connections at a time, looks left out, budgets and block lists."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.collection.servers import Loopback, closed_port
from tests.conftest import ROOT, not_on_windows
from toolkit import schema
from toolkit.collection import Limits, observe, runner
from toolkit.collection.places import group_by_host
from toolkit.errors import UsageError
from toolkit.targets import Target, canonical_host, parse_target


class Counting:
    """Says 421 when `together` connections are open, or when no more come; remembers the most that ever were."""

    def __init__(self, together: int) -> None:
        self.together, self.open, self.most = together, 0, 0
        self.full = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most = max(self.most, self.open)
        if self.open >= self.together:
            self.full.set()
        await self.full.wait()
        # Connections that arrive while this one is open are counted.
        await reader.read(0)
        self.open -= 1
        writer.write(b"421 busy\r\n")
        await writer.drain()
        await reader.read(-1)


def lab_target(name: str, port: int) -> Target:
    return replace(parse_target(f"smtp://{name}.test:25", connect_to=f"127.0.0.1:{port}"), source="lab")


@pytest.mark.parametrize("per_host", [1, 2, 5])
def test_so_many_connections_at_a_time_to_one_host(loopback: Loopback, brief: Limits, per_host: int) -> None:
    """The server waits until the limit is reached: it is reached, or the look would time out; and never passed."""
    server = Counting(per_host)
    port = loopback.serve(server)
    looks = observe(
        f"smtp://127.0.0.1:{port}", samples=12, limits=replace(brief, per_host=per_host), progress=False
    ).observations
    assert set(looks["outcome"]) == {"deferred"}
    assert server.most == per_host


def test_so_many_connections_at_a_time_in_all(loopback: Loopback, brief: Limits) -> None:
    server = Counting(3)
    port = loopback.serve(server)
    limits = replace(brief, concurrency=3, per_host=2)
    targets = [lab_target(f"h{number}", port) for number in range(6)]
    looks = observe(targets, samples=4, limits=limits, progress=False).observations
    assert set(looks["outcome"]) == {"deferred"}
    assert server.most == 3


def test_a_slow_host_does_not_delay_the_others(loopback: Loopback, brief: Limits) -> None:
    """With two places, one of them taken by a host that never answers, all looks at the other are made."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    targets = [lab_target("slow", loopback.serve(silent)), lab_target("fast", loopback.serve(Counting(1)))]
    limits = replace(brief, concurrency=2, per_host=1)
    looks = observe(targets, samples=5, limits=limits, progress=False).observations
    seen = list(zip(looks["host"], looks["outcome"], strict=True))
    assert sorted(seen) == [("fast.test", "deferred")] * 5 + [("slow.test", "timeout")] * 5
    # The last of the fast ones was made before the second of the slow ones began.
    assert [host for host, _ in seen][:6].count("fast.test") == 5


def test_targets_are_taken_no_faster_than_looks_are_made(brief: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many targets there are, few looks wait at a time; otherwise memory would grow with their number."""
    taken = made = most = 0

    async def find(host: str, **_: object) -> list[str]:
        nonlocal taken, most
        taken += 1
        most = max(most, taken - made)
        return [host]

    def clock() -> datetime:
        nonlocal made
        made += 1
        return datetime.now(UTC)

    monkeypatch.setattr(runner, "find_addresses", find)
    monkeypatch.setattr(runner, "_MOST_READY", 20)
    port = closed_port()
    targets = [f"tls://127.0.{number // 200}.{number % 200 + 1}:{port}" for number in range(600)]
    looks = observe(targets, limits=replace(brief, concurrency=5), clock=clock, progress=False).observations
    assert looks["service"].nunique() == 600
    assert set(looks["outcome"]) == {"port_closed"}
    assert 20 <= most <= 20 + 5 + runner.RESOLVED_AT_A_TIME


def test_targets_of_one_host_are_together_at_the_place_of_the_first() -> None:
    via = parse_target("https://other.test", connect_to="a.test:8443")
    listed = [*map(parse_target, ("https://a.test", "https://b.test", "smtp://a.test", "https://c.test")), via]
    grouped = [(host, list(map(str, together))) for host, together in group_by_host(listed)]
    assert grouped == [
        ("a.test", ["https://a.test:443", "smtp://a.test:25", "https://other.test:443"]),
        ("b.test", ["https://b.test:443"]),
        ("c.test", ["https://c.test:443"]),
    ]


def test_what_the_budget_does_not_reach_is_a_row(loopback: Loopback, brief: Limits) -> None:
    port = loopback.serve(Counting(1))
    looks = observe(
        f"smtp://127.0.0.1:{port}", samples=5, limits=replace(brief, max_looks=2), progress=False
    ).observations
    assert sorted(looks["outcome"]) == ["deferred"] * 2 + ["skipped"] * 3
    assert set(looks.loc[looks["outcome"] == "skipped", "reason"]) == {"the budget of 2 looks was spent"}
    assert loopback.connections == 2


def test_what_is_blocked_is_never_asked(loopback: Loopback, brief: Limits) -> None:
    port = loopback.serve(Counting(1))
    resolver = loopback.answer_dns({("a.test", "A"): ["127.0.0.1", "127.0.9.9"], ("b.test", "A"): ["127.0.0.1"]})
    limits = replace(brief, blocked=("b.test", "127.0.9.0/24", "::/0"))
    urls = [f"smtp://a.test:{port}", f"smtp://b.test:{port}"]
    looks = observe(urls, limits=limits, resolver=resolver, progress=False).observations
    seen = {
        (row.host, row.address if isinstance(row.address, str) else None): row.outcome for row in looks.itertuples()
    }
    assert seen == {
        ("a.test", "127.0.0.1"): "deferred",
        ("a.test", "127.0.9.9"): "skipped",
        ("b.test", None): "skipped",
    }
    assert loopback.connections == 1


def test_rows_say_what_was_asked_and_when(loopback: Loopback, brief: Limits) -> None:
    instants = iter(datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC) for second in range(60))
    target = lab_target("mail", loopback.serve(Counting(1)))
    tables = observe(
        target, offers=("rsa", "ecdsa", "rsa"), samples=2, limits=replace(brief, per_host=1), vantage="here",
        clock=lambda: next(instants), progress=False,
    )  # fmt: skip
    looks = tables.observations
    for name in schema.TABLES:
        schema.check(name, getattr(tables, name))
    assert len(looks) == 4
    assert looks["observed_at"].is_unique
    assert looks["observed_at"].is_monotonic_increasing
    row = looks.iloc[0]
    assert (row["service"], row["host"], row["port"], row["server_name"]) == (
        "smtp://mail.test:25", "mail.test", 25, "mail.test",
    )  # fmt: skip
    assert (row["address"], row["source"], row["vantage"]) == ("127.0.0.1", "lab", "here")
    assert list(looks["sample"]) == [0, 0, 1, 1]
    assert looks["offer"].str.startswith(("rsa-", "ecdsa-")).all()
    start, end = tables.rounds.to_dict("records")
    assert (start["phase"], end["phase"]) == ("start", "end")
    assert (start["source"], start["vantage"], start["looks_planned"]) == ("lab", "here", 4)
    assert (end["looks"], end["looks_ok"], end["connections"], end["end_reason"]) == (4, 0, 4, "finished")


def test_the_bytes_are_kept_where_asked(loopback: Loopback, brief: Limits) -> None:
    async def alert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(5)
        writer.write(b"\x15\x03\x03\x00\x02\x02\x28")
        await reader.read(-1)

    url = f"https://127.0.0.1:{loopback.serve(alert)}"
    (row,) = observe(url, limits=brief, keep_bytes=True, progress=False).observations.to_dict("records")
    assert row["sent_bytes"][:3] == b"\x16\x03\x01"
    assert row["answer_bytes"] == b"\x15\x03\x03\x00\x02\x02\x28"
    (row,) = observe(url, limits=brief, progress=False).observations.to_dict("records")
    assert row["sent_bytes"] is None
    assert row["answer_bytes"] is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"targets": []}, "No target"),
        ({"targets": "host:1"}, "does not imply a protocol"),
        ({"targets": "mx:192.0.2.1"}, "an address has no MX"),
        ({"targets": 5}, "or preset, not int"),
        ({"offers": ()}, "No offer"),
        ({"offers": ("none",)}, "offer 'none' is not known. Known: "),
        ({"offers": "anu"}, "Did you mean 'any'"),
        ({"samples": 0}, "samples=0"),
        ({"addresses": 0}, "addresses=0"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_asked(changed: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"targets": f"https://127.0.0.1:{closed_port()}", "progress": False} | changed
    with pytest.raises(UsageError, match=message):
        observe(**arguments)  # type: ignore[arg-type]  wrong arguments are what is tested


@pytest.mark.parametrize("entry", ["Faß.de.", "FASS.example", "mx_1.example."])
def test_a_blocked_name_is_compared_as_dns_is_asked(entry: str) -> None:
    limits = Limits(blocked=(entry,))
    assert limits.blocks(canonical_host(entry)[0])
    assert not limits.blocks("other.example")


@pytest.mark.parametrize(
    "wrong", [{"concurrency": 0}, {"total_seconds": -1.0}, {"blocked": ("10.0.0.0/33",)}, {"blocked": ("a b",)}]
)
def test_limits_must_make_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="Limits"):
        Limits(**wrong)  # type: ignore[arg-type]  wrong arguments are what is tested


def test_inside_a_running_loop_the_same_call_works(loopback: Loopback, brief: Limits) -> None:
    """As in a notebook, whose kernel runs a loop in the thread that makes the call."""
    port = loopback.serve(Counting(1))

    async def cell() -> int:
        return len(observe(f"smtp://127.0.0.1:{port}", limits=brief, progress=False).observations)

    assert asyncio.run(cell()) == 1


def test_progress_is_drawn_to_standard_error(
    loopback: Loopback, brief: Limits, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"smtp://127.0.0.1:{loopback.serve(Counting(1))}"
    observe(url, samples=3, limits=brief)
    assert "3/3" in capsys.readouterr().err
    observe(url, limits=brief, progress=False)
    drawn = capsys.readouterr()
    assert (drawn.out, drawn.err) == ("", "")


_FEW_FILES = """
import resource, sys
from toolkit.collection import Limits, observe, runner
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
limits = Limits(upgrade_seconds=0.2, concurrency=500, per_host=500)
looks = observe(sys.argv[1], samples=80, limits=limits, progress=False).observations
print(len(looks), *sorted(set(looks["outcome"])))
"""


@not_on_windows("limit on open files to set")
def test_a_process_that_may_open_few_files_sees_as_much(loopback: Loopback) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    url = f"smtp://127.0.0.1:{loopback.serve(silent)}"
    done = subprocess.run(
        [sys.executable, "-c", _FEW_FILES, url], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.stdout.split() == ["80", "timeout"], done.stderr
