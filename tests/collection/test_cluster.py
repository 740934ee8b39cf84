"""A round on a cluster: the rows of one process, whatever happens to the workers."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pandas as pd
import pytest

import toolkit
from tests.collection.servers import Loopback, closed_port
from tests.collection.test_rounds import Pausing, Reader, Writer, busy
from tests.conftest import not_on_windows, unused_client
from toolkit.collection import Limits, collect, recorder
from toolkit.collection.clusters import clients, collecting, runner
from toolkit.collection.clusters.runner import ShardLink
from toolkit.collection.clusters.shards import count_looks, make_shards
from toolkit.collection.places import Place
from toolkit.collection.planning import RoundPlan, make_plan
from toolkit.collection.reports import PartFailed, Report, RoundRunner, TargetsKnown
from toolkit.collection.settling import Settling
from toolkit.errors import ClusterError, StoreError, StoreFullError, UsageError
from toolkit.schema import OBSERVATION_KEY
from toolkit.store import Store
from toolkit.tables import Tables
from toolkit.targets import Target, parse_target

CHANGING = ["observed_at", "round", "connect_ms", "written_at"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def make(targets: Any, **settings: Any) -> RoundPlan:
    limits = settings.pop("limits", Limits())
    usual = {"samples": 1, "addresses": None, "clock": recorder.now, "resolver": None, "keep_bytes": False}
    return make_plan(targets, ("any",), limits=limits, ehlo=None, **(usual | settings))


def rows(store: Store) -> pd.DataFrame:
    looks = store.load().observations.sort_values(list(OBSERVATION_KEY[1:]), ignore_index=True)
    return looks.drop(columns=[name for name in CHANGING if name in looks])


def test_a_cluster_keeps_the_rows_of_one_process(loopback: Loopback, tmp_path: Path, client: Any) -> None:
    port = loopback.serve(busy, "0.0.0.0")
    targets = [
        *(f"smtp://127.0.1.{n}:{port}" for n in range(1, 9)),
        f"smtp://two.test:{port}",
        "mx:a.test",
        "mx:b.test",
    ]
    settings: dict[str, Any] = {
        "samples": 2,
        "limits": Limits(blocked=("127.0.1.3",), resolve_seconds=5),
        "resolver": loopback.answer_dns(
            {("two.test", "A"): ["127.0.1.1", "127.0.2.1"], ("a.test", "MX"): ["10 127.0.0.1."], ("b.test", "MX"): []}
        ),
        "progress": False,
    }
    here, there = Store(tmp_path / "here"), Store(tmp_path / "there")
    alone = collect(targets, here, **settings)
    together = collect(targets, there, client=client, **settings)
    pd.testing.assert_frame_equal(rows(there), rows(here))
    assert set(rows(here)["outcome"]) == {"deferred", "skipped", "not_resolved"}
    names = [name for name in alone.index if name not in CHANGING]
    pd.testing.assert_series_equal(together[names], alone[names], check_names=False)


def assert_each_look_is_kept_once(store: Store, count: int) -> None:
    looks = store.load().observations
    assert len(looks) == count
    assert not looks.duplicated(["service", "address", "sample"]).any()


def test_a_worker_of_another_version_is_named_before_a_round(
    store: Store, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.wait_for_workers(1)
    monkeypatch.setattr(toolkit, "__version__", "0.0.1")
    with pytest.raises(ClusterError, match=r"worker at tcp://\S+ has version 0\.2.*Install version 0\.0\.1"):
        collect("tls://127.0.0.1:1", store, client=client, progress=False)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", r"there was no answer in 0\.5 s"),
        (b"HTTP/1.0 400 Bad Request", "another program answers"),
        (None, r"another program answers, or it closed the connection\."),
    ],
)
def test_what_is_not_a_scheduler_is_named_in_time(
    answer: bytes | None, why: str, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(clients, "_CONNECT_SECONDS", 0.5)

    async def tell(reader: Reader, writer: Writer) -> None:
        if answer is None:
            await reader.read(1)
            return
        writer.write(answer)
        await reader.read(-1)

    address = f"tcp://127.0.0.1:{loopback.serve(tell)}"
    with (
        pytest.raises(ClusterError, match=f"No scheduler answers at {address}: {why}"),
        clients.open_cluster(address, None),
    ):
        pass


def test_a_refused_connection_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(clients, "_CONNECT_SECONDS", 0.5)
    with pytest.raises(ClusterError, match="refused"), clients.open_cluster(f"tcp://127.0.0.1:{closed_port()}", None):
        pass


def test_the_address_of_a_worker_is_named(client: Any) -> None:
    worker = next(iter(client.scheduler_info()["workers"]))
    with pytest.raises(UsageError, match=f"'{worker}': a worker of Dask answers"), clients.open_cluster(worker, None):
        pass


@not_on_windows("mask of signals")
def test_an_interrupt_while_a_cluster_starts_closes_it_and_does_not_reach_its_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    distributed = pytest.importorskip("distributed")
    ended: list[str] = []
    masks: list[str] = []

    @contextmanager
    def begin(*_: object, **__: object) -> Iterator[None]:
        os.kill(os.getpid(), signal.SIGINT)
        code = "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
        masks.append(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        yield
        os.kill(os.getpid(), signal.SIGINT)  # another one while it closes
        ended.append("closed")

    monkeypatch.setattr(distributed, "LocalCluster", begin)
    monkeypatch.setattr(distributed, "Client", begin)
    with pytest.raises(KeyboardInterrupt), clients.open_cluster(None, 2):
        ended.append("not interrupted")
    assert ended == ["closed", "closed"]
    assert all("SIGINT" in mask and "SIGTERM" in mask for mask in masks)


@not_on_windows("SIGKILL")
def test_the_shard_of_a_killed_worker_is_made_again(loopback: Loopback, store: Store, client: Any) -> None:
    victim = next(iter(client.run(os.getpid).values()))

    async def kill_once(reader: Reader, writer: Writer) -> None:
        if loopback.connections == 40:
            os.kill(victim, signal.SIGKILL)
        await busy(reader, writer)

    port = loopback.serve(kill_once, "0.0.0.0")
    targets = [f"smtp://127.0.1.{n}:{port}" for n in range(1, 31)]
    end = collect(targets, store, samples=5, client=client, progress=False)
    assert (end["looks"], end["connections"], end["end_reason"]) == (150, 150, "finished")
    assert_each_look_is_kept_once(store, 150)
    assert victim not in client.run(os.getpid).values()


def test_a_scheduler_with_tls_is_reached_with_the_settings_of_dask() -> None:
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    made = distributed.Security.temporary()
    settings = {"ca-file": made.tls_ca_file}
    for role in ("scheduler", "worker", "client"):
        settings |= {f"{role}.{part}": getattr(made, f"tls_{role}_{part}") for part in ("cert", "key")}
    with (
        dask.config.set({f"distributed.comm.tls.{name}": value for name, value in settings.items()}),
        distributed.LocalCluster(
            n_workers=0, host="tls://127.0.0.1", dashboard_address="127.0.0.1:0", security=distributed.Security()
        ) as cluster,
        clients.open_cluster(cluster.scheduler_address, None) as client,
    ):
        assert client is not None
        assert client.scheduler_info()["address"] == cluster.scheduler_address
    with pytest.raises(UsageError, match=r"distributed\.comm\.tls"), clients.open_cluster("tls://127.0.0.1:1", None):
        pass


@not_on_windows("signal that a process sends to itself or another")
def test_the_shard_of_a_worker_that_hangs_is_made_again(loopback: Loopback, store: Store, client: Any) -> None:
    client.wait_for_workers(2)  # another test may have ended one
    addresses = {pid: address for address, pid in client.run(os.getpid).items()}

    async def give_up(address: str, dask_scheduler: Any) -> None:
        # Instead of waiting until it has been silent for too long.
        dask_scheduler.workers[address].last_seen = 0
        await dask_scheduler.check_worker_ttl()

    hanging: list[int] = []

    async def hang_once(reader: Reader, writer: Writer) -> None:
        if loopback.connections >= 40 and not hanging:
            hanging.extend(peers_of(writer))
            for victim in hanging:
                os.kill(victim, signal.SIGSTOP)
                threading.Thread(target=client.run_on_scheduler, args=[give_up, addresses[victim]]).start()
        await busy(reader, writer)

    port = loopback.serve(hang_once, "0.0.0.0")
    targets = [f"smtp://127.0.1.{n}:{port}" for n in range(1, 31)]
    end = collect(targets, store, samples=5, client=client, progress=False)
    assert (end["looks"], end["connections"], end["end_reason"]) == (150, 150, "finished")
    assert_each_look_is_kept_once(store, 150)
    assert loopback.connections > 150, "the looks that it had not kept are made again"


def test_a_shard_that_fails_three_times_is_in_the_end_row(
    loopback: Loopback, store: Store, client: Any, tmp_path: Path
) -> None:
    port, ours, attempts = loopback.serve(busy, "0.0.0.0"), os.getpid(), tmp_path / "attempts"

    def clock() -> datetime:
        if os.getpid() != ours and not attempts.with_name("mended").exists():
            with attempts.open("a") as file:
                file.write("x")
            raise OSError("this machine has no clock")
        return datetime.now(UTC)

    url = f"smtp://127.0.1.1:{port}"
    end = collect(url, store, client=client, clock=clock, progress=False)
    assert end["end_reason"] == "failed: 1 look at 127.0.1.1: OSError: this machine has no clock"
    assert (attempts.read_text(), end["looks"], loopback.connections) == ("xx" * 3, 0, 0), "each try asks twice"
    attempts.with_name("mended").touch()
    end = collect(url, store, client=client, clock=clock, resume=end["round"], progress=False)
    assert (end["end_reason"], end["looks"]) == ("finished", 1)


def test_a_worker_whose_disk_is_full_tries_once(loopback: Loopback, store: Store, client: Any, tmp_path: Path) -> None:
    ours, attempts = os.getpid(), tmp_path / "attempts"

    def clock() -> datetime:
        if os.getpid() != ours:
            with attempts.open("a") as file:
                file.write("x")
            raise StoreFullError("no space is left")
        return datetime.now(UTC)

    port = loopback.serve(busy, "0.0.0.0")
    targets = [f"smtp://127.0.1.{n}:{port}" for n in range(1, 21)]
    end = collect(targets, store, client=client, clock=clock, limits=Limits(concurrency=1), progress=False)
    said = r"failed: \d looks at 127\.0\.1\.\d+ and \d more; and \d more parts of the round: no space is left"
    assert re.fullmatch(said, end["end_reason"])
    assert len(attempts.read_text()) <= len(client.nthreads())


@not_on_windows("signal that a process sends to itself or another")
def test_a_shard_that_ends_its_worker_three_times_is_in_the_end_row(
    loopback: Loopback, store: Store, client: Any
) -> None:
    ours = os.getpid()

    def clock() -> datetime:
        if os.getpid() != ours:
            os.kill(os.getpid(), signal.SIGKILL)
        return datetime.now(UTC)

    url = f"smtp://127.0.1.1:{loopback.serve(busy, '0.0.0.0')}"
    end = collect(url, store, client=client, clock=clock, progress=False)
    assert (end["end_reason"], end["looks"]) == ("failed: 1 look at 127.0.1.1: its worker ended 3 times", 0)


@not_on_windows("signal that a process sends to itself or another")
def test_an_interrupt_ends_the_shards(loopback: Loopback, store: Store, client: Any) -> None:
    once = iter([signal.SIGINT])
    pausing = Pausing(5, lambda: os.kill(os.getpid(), next(once, 0)))
    port = loopback.serve(pausing, "0.0.0.0")
    targets = [f"smtp://127.0.1.{n}:{port}" for n in range(1, 5)]
    limits = Limits(concurrency=1, upgrade_seconds=20)
    with pytest.raises(KeyboardInterrupt, match=r"[345] looks kept .*resume="):
        collect(targets, store, samples=4, limits=limits, client=client, progress=False)
    kept = store.load()
    assert list(kept.rounds["end_reason"].dropna()) == ["interrupted"]
    assert list(kept.rounds["looks"].dropna()) == [len(kept.observations)]


@not_on_windows("signal that a process sends to itself or another")
def test_an_interrupt_does_not_wait_for_a_worker_that_hangs(
    loopback: Loopback, store: Store, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    psutil = pytest.importorskip("psutil", reason="psutil comes with distributed")
    client.wait_for_workers(2)
    monkeypatch.setattr(runner, "_STOP_SECONDS", 0)
    hanging: list[Any] = []

    async def hang_once(reader: Reader, writer: Writer) -> None:
        if not hanging:
            hanging.extend(map(psutil.Process, peers_of(writer)))
            for victim in hanging:
                victim.suspend()
                os.kill(os.getpid(), signal.SIGINT)
        await busy(reader, writer)

    port = loopback.serve(hang_once, "0.0.0.0")
    with pytest.raises(KeyboardInterrupt, match=r"looks? kept"):
        collect([f"smtp://127.0.1.{n}:{port}" for n in range(1, 31)], store, client=client, progress=False)
    assert hanging[0].status() == psutil.STATUS_STOPPED, "the scheduler has not given it up"
    assert list(store.load().rounds["end_reason"].dropna()) == ["interrupted"]
    hanging[0].resume()


def peers_of(writer: Writer) -> list[int]:
    """The process that has opened the connection; none where it has closed it meanwhile."""
    psutil = pytest.importorskip("psutil", reason="psutil comes with distributed")
    peer = writer.get_extra_info("peername")
    return [made.pid for made in psutil.net_connections("tcp4") if made.laddr == peer and made.pid]


class Failing(RoundRunner):
    """A round whose parts fail, for one reason after the other."""

    def __init__(self, *reasons: str) -> None:
        self._reasons = reasons

    def __enter__(self) -> Self:
        return self

    def start_looking(self) -> None:
        pass

    def reports(self) -> Iterator[Report | None]:
        yield TargetsKnown([], ())
        for number, reason in enumerate(self._reasons):
            yield PartFailed(f"part {number}", reason)


class Remade:
    """A future whose result was lost, and that has it again when it is looked at a second time."""

    def __init__(self) -> None:
        self._statuses = iter(["lost", "finished"])

    @property
    def status(self) -> str:
        return next(self._statuses)

    def add_done_callback(self, call: Callable[[Any], object]) -> None:
        call(self)


def test_a_shard_whose_worker_ended_with_the_result_is_waited_for() -> None:
    cluster = runner.ClusterRunner(make("tls://a.test"), unused_client(), "r", work=collecting.collect_shard, most=1)
    future: Any = Remade()
    assert list(cluster._follow([future])) == [None, future]


def test_after_the_scheduler_is_lost_more_looks_may_be_kept() -> None:
    def submit(*_: object, key: str, **__: object) -> Any:
        return SimpleNamespace(key=key, status="cancelled", add_done_callback=lambda call: call(submit(key=key)))

    client: Any = SimpleNamespace(submit=submit)
    cluster = runner.ClusterRunner(make("tls://a.test"), client, "r", work=collecting.collect_shard, most=1)
    place = Place((parse_target("tls://127.0.0.1"),), "127.0.0.1")
    why = "the connection to the cluster was lost, and what its workers were making may still be kept"
    assert list(cluster._make([replace(cluster._plan, places=[place])])) == [PartFailed("1 look at 127.0.0.1", why)]


def test_parts_that_failed_for_one_reason_are_counted() -> None:
    for reasons, said in (
        ("aaa", "failed: part 0; and 2 more parts of the round: a"),
        (
            "abccdd",
            "failed: part 0: a; part 1: b; part 2; and 1 more part of the round: c; and 2 more parts of the round",
        ),
        ("", "finished"),
    ):
        made = recorder.RoundRecorder("r", make("tls://a.test"), None, Failing(*reasons), lambda _: None)
        made.run(progress=False)
        assert made.row["end_reason"] == said


class Counting(ShardLink):
    """A link of a shard that is made in this process."""

    def count_kept(self, looks: int) -> None:
        pass


def test_what_the_store_has_is_not_made_again(loopback: Loopback, store: Store) -> None:
    target = parse_target(f"smtp://127.0.1.1:{loopback.serve(busy, '0.0.0.0')}")
    collect(target, store, samples=3, progress=False)
    (round_,) = store.load().observations["round"].unique()
    shard = replace(make(target, samples=5, limits=Limits(max_looks=4)), places=[Place((target,), "127.0.1.1")])
    for _ in range(2):
        collecting.collect_shard(shard, Counting("topic"), path=store.path, round_=round_, vantage=None)
    looks = store.load().observations
    assert looks["sample"].tolist() == [0, 1, 2, 3, 4]
    assert looks["outcome"].tolist() == ["deferred"] * 4 + ["skipped"], "the budget is that of the shard, not of a try"
    assert loopback.connections == 4


def test_a_shard_that_cannot_be_kept_says_why_and_nothing_of_the_round(
    loopback: Loopback, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = parse_target(f"smtp://127.0.1.1:{loopback.serve(busy, '0.0.0.0')}")
    round_ = collect(target, store, progress=False)["round"]

    def full(store: Store, tables: Tables) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(Store, "append", full)
    shard = replace(make(target, samples=2), places=[Place((target,), "127.0.1.1")])
    with pytest.raises(StoreError, match=r"^The disk is full\.$"):
        collecting.collect_shard(shard, Counting("topic"), path=store.path, round_=round_, vantage=None)


def test_a_worker_with_another_folder_at_the_path_is_an_error(store: Store) -> None:
    with pytest.raises(StoreError, match="does not have the round r as this worker sees it"):
        collecting.open_store(store.path, "r")


def test_a_store_with_options_is_refused_before_anything_is_asked(store: Store) -> None:
    secret = Store(store.path, storage_options={"AWS_SECRET_ACCESS_KEY": "not-to-be-seen"})
    with pytest.raises(UsageError, match="storage_options"):
        collect("tls://127.0.0.1:1", secret, client=unused_client(), progress=False)
    assert not secret.exists()


def places_of(shards: list[RoundPlan]) -> list[list[str]]:
    return [[place.address for place in shard.places or ()] for shard in shards]


def place(address: str, *services: str, **more: Any) -> Place:
    return Place(tuple(map(parse_target, services)), address, **more)


def shards_of(places: list[Place], most: int = 2, **settings: Any) -> list[RoundPlan]:
    change: Callable[[RoundPlan], RoundPlan] = settings.pop("change", lambda plan: plan)
    return make_shards(change(make("tls://a.test", **settings)), places, threads=1, most=most)


def test_hosts_that_share_an_address_are_in_one_shard() -> None:
    shared = [place("192.0.2.1", f"tls://h{n}.test") for n in range(5)]
    others = [place(f"192.0.2.{n}", "tls://other.test") for n in range(2, 6)]
    shards = places_of(shards_of([*others, *shared]))
    assert shards[0] == ["192.0.2.1"] * 5, "the longest first, although it has more than the most"
    assert sorted(map(len, shards[1:])) == [2, 2]
    assert sorted(address for shard in shards[1:] for address in shard) == [f"192.0.2.{n}" for n in range(2, 6)]


def test_a_tunnel_is_counted_by_host() -> None:
    tunnelled = [parse_target(f"tls://{name}.test", connect_to="127.0.0.1:9") for name in "ab"]
    shards = shards_of([Place(tuple(tunnelled), "127.0.0.1")], most=1)
    assert [[target.host for place in shard.places or () for target in place.targets] for shard in shards] == [
        ["a.test"], ["b.test"],
    ]  # fmt: skip


def test_a_round_that_settles_has_a_service_in_one_shard() -> None:
    both = [place("192.0.2.1", "tls://a.test"), place("192.0.2.2", "tls://a.test"), place("192.0.2.3", "tls://b.test")]
    assert sorted(map(len, places_of(shards_of(both, most=1)))) == [1, 1, 1]
    settling = shards_of(both, most=1, change=lambda plan: replace(plan, settling=Settling("r", 0.05)))
    assert sorted(map(len, places_of(settling))) == [1, 2]


def test_the_budget_is_spent_once() -> None:
    asked = [place(f"192.0.2.{n}", "tls://a.test") for n in range(4)]
    failed = place("", "tls://b.test", outcome="not_resolved", reason="no")
    shards = shards_of([*asked, failed], samples=3, most=3, limits=Limits(max_looks=7))
    assert [shard.most_looks for shard in shards] == [3, 3, 1, 0, 0]
    assert sum(map(count_looks, shards)) == 13


def test_shards_that_run_at_a_time_share_the_rates_of_hosts_and_providers() -> None:
    asked = [place(f"192.0.2.{n}", "tls://a.test") for n in range(12)]
    limits = Limits(address_rate=1.0, provider_rate=6.0)
    for threads, rate in ((1, 6.0), (3, 2.0), (100, 0.5)):
        shards = make_shards(make("tls://a.test", limits=limits), asked, threads=threads, most=100)
        assert {
            (shard.limits.address_rate, shard.limits.host_rate, shard.limits.provider_rate) for shard in shards
        } == {(1.0, None, rate)}


def test_a_shard_without_looks_is_not_made() -> None:
    target: Target = parse_target("tls://a.test")
    known = {(target.service, "192.0.2.1", "a.test", "any-2026", 0)}
    both = [place("192.0.2.1", "tls://a.test"), place("192.0.2.2", "tls://a.test")]
    assert places_of(shards_of(both, change=lambda plan: replace(plan, known=known))) == [["192.0.2.2"]]
