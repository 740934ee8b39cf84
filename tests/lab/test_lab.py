"""The running lab: what a client that we did not write is shown, what the servers log, and what is left behind."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import not_on_windows
from tests.lab.client import CONTEXT, context, look
from tests.lab.schedules import BEGIN, backend, day, issue, schedule
from toolkit.errors import LabError, UsageError
from toolkit.lab import Backend, Lab, SamplingPlan, Schedule, Service, Switch, draw_looks, scenario
from toolkit.lab.authority import issue_all
from toolkit.lab.balancer import CLOSED, DEFERRED, RESET
from toolkit.lab.schedule import SCHEMES
from toolkit.targets import Target

SEED = 21


@pytest.fixture(scope="module")
def walked() -> Iterator[tuple[Lab, pd.DataFrame]]:
    """A year, every service looked at every nine days, and what the client was shown."""
    shown = []
    with Lab("year", SEED) as lab:
        while True:
            for target in lab.targets:
                answer = look(target)
                shown.append({"at": lab.clock(), "service": target.service, "leaf_sha256": answer.leaf_sha256})
            if lab.clock() + timedelta(days=9) > lab.ends_at:
                break
            lab.clock.advance(timedelta(days=9))
        yield lab, pd.DataFrame(shown)


def test_a_second_client_is_shown_what_the_servers_log(walked: tuple[Lab, pd.DataFrame]) -> None:
    lab, shown = walked
    log = lab.log()
    assert (log["ending"] == "served").all()
    assert list(log["leaf_sha256"]) == list(shown["leaf_sha256"])
    assert list(log["service"]) == list(shown["service"])
    assert (log["served_at"] == pd.DatetimeIndex(shown["at"])).all()
    assert list(log["server_name"]) == [service.split("/")[2].split(":")[0] for service in shown["service"]]


def test_the_log_agrees_with_the_truth(walked: tuple[Lab, pd.DataFrame]) -> None:
    lab, _ = walked
    serving = lab.truth.serving
    for row in lab.log().itertuples():
        sighting = serving[
            (serving["service"] == row.service)
            & (serving["backend"] == row.backend)
            & (serving["key_type"] == row.key_type)
            & (serving["served_from_at"] <= row.served_at)
            & ~(serving["served_until_at"] <= row.served_at)
        ]
        assert list(sighting["leaf_sha256"]) == [row.leaf_sha256]


def test_served_looks_equal_simulated_ones(walked: tuple[Lab, pd.DataFrame]) -> None:
    lab, shown = walked
    plan = SamplingPlan.every(timedelta(days=9), lab.begins_at, lab.ends_at)
    hashes = [issued.sha256 for issued in issue_all(lab.schedule, SEED)]
    for looks in draw_looks(lab.schedule, SEED, plan):
        served = shown[shown["service"] == lab.schedule.services[looks.service].service]
        assert [hashes[number] for number in looks.issue] == list(served["leaf_sha256"])


def test_targets_say_lab_and_keep_their_names(walked: tuple[Lab, pd.DataFrame]) -> None:
    lab, _ = walked
    assert {target.source for target in lab.targets} == {"lab"}
    assert "smtp://mx.lab.test:25" in {target.service for target in lab.targets}
    assert all(target.connect_to and target.connect_to[0] == "127.0.0.1" for target in lab.targets)


def test_the_client_decides_between_key_types(walked: tuple[Lab, pd.DataFrame]) -> None:
    lab, _ = walked
    (target,) = [target for target in lab.targets if target.service == "smtp://mx.lab.test:25"]
    leaves = {}
    for ciphers in ("aRSA", "aECDSA"):
        answer = look(target, context(ciphers, ssl.TLSVersion.TLSv1_2))
        leaves[ciphers] = answer.leaf_sha256
    kinds = lab.truth.certificates.set_index("cert_sha256")["key_type"]
    assert kinds[leaves["aRSA"]] == "RSA"
    assert kinds[leaves["aECDSA"]] == "EC"


@pytest.mark.parametrize("implementation", ["ssl", "pyopenssl"])
def test_every_dialogue_is_understood_by_python_clients(implementation: str) -> None:
    server = backend((0, 0), (10, 1), implementation=implementation)
    services = tuple(Service(scheme, "mx.lab.test", (server,)) for scheme in SCHEMES)
    made = Schedule("by hand", BEGIN, day(60), (issue(0), issue(1)), services)
    with Lab(made) as lab:
        for at, issued in zip((BEGIN, day(10)), issue_all(made, 0), strict=True):
            lab.clock.turn(at)
            assert [look(target).leaf_sha256 for target in lab.targets] == [issued.sha256] * len(SCHEMES)
        assert set(lab.log()["protocol"]) == {"TLS 1.3"}


def test_both_key_types_of_pyopenssl_come_with_their_own_chain() -> None:
    switches = (Switch(BEGIN, "EC", 1), Switch(BEGIN, "RSA", 0))
    server = Backend(switches, implementation="pyopenssl")
    made = Schedule("by hand", BEGIN, day(9), (issue(0), issue(1, "EC")), (Service("tls", "mx.lab.test", (server,)),))
    with Lab(made) as lab:
        for ciphers, number in (("aRSA", 0), ("aECDSA", 1)):
            answer = look(lab.targets[0], context(ciphers, ssl.TLSVersion.TLSv1_2))
            assert answer.leaf_sha256 == issue_all(made, 0)[number].sha256
        assert list(lab.log()["key_type"]) == ["RSA", "EC"]


@pytest.mark.parametrize("implementation", ["ssl", "pyopenssl"])
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_server_name_decides_between_hosts(implementation: str, newest: ssl.TLSVersion) -> None:
    switches = (Switch(BEGIN, "RSA", 0), Switch(BEGIN, "EC", 1, "known.lab.test"))
    server = Backend(switches, implementation=implementation)
    issues = (issue(0, host="default.lab.test"), issue(1, "EC", host="known.lab.test"))
    names = ("known.lab.test", "KNOWN.lab.test", "unknown.lab.test")
    service = Service("tls", "mx.lab.test", (server,), server_names=names)
    made = Schedule("by hand", BEGIN, day(9), issues, (service,))
    with Lab(made) as lab:
        shown = [look(target, context(maximum=newest)).leaf_sha256 for target in lab.targets]
        default, known = (issued.sha256 for issued in issue_all(made, 0))
        assert shown == [known, known, default]
        assert list(lab.log()["leaf_sha256"]) == shown


def test_a_chain_is_complete_for_a_client_that_trusts_the_root() -> None:
    """The lab's time is set to ours, so that Python's verification can be left on."""
    now = pd.Timestamp.now("UTC").floor("s").to_pydatetime()
    trusting = ssl.create_default_context(cadata=b"".join(Lab("steady").roots))
    with Lab(scenario("dual-keys", begins_at=now, scheme="https")) as lab:
        look(lab.targets[0], trusting)


def test_a_client_that_breaks_off_has_been_served() -> None:
    """It asks, reads the flight, and goes away, as an instrument does."""
    for implementation in ("ssl", "pyopenssl"):
        with Lab(schedule(backend((0, 0), implementation=implementation), scheme="https")) as lab:
            _flight(lab.targets[0])
            (row,) = lab.log().to_dict("records")
            assert (row["ending"], row["leaf_sha256"]) == ("served", issue_all(lab.schedule, 0)[0].sha256)


def test_refusals_and_silence_are_logged_as_such() -> None:
    with Lab(schedule(backend((0, 0)), scheme="https")) as lab:
        with pytest.raises(ssl.SSLError):
            look(lab.targets[0], context("aECDSA", ssl.TLSVersion.TLSv1_2))
        with socket.create_connection(_where(lab.targets[0]), timeout=20) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert connection.recv(100) == b""  # closed, not reset, although the server did not read everything
        log = lab.log()
        assert list(log["ending"]) == ["refused", "refused"]
        assert log["leaf_sha256"].isna().all()
    with Lab(schedule(backend((0, 0)))) as lab:
        with socket.create_connection(_where(lab.targets[0]), timeout=20) as connection:
            assert connection.recv(100).startswith(b"220 ")
        assert list(lab.log()["ending"]) == ["gone"]


def test_drops_and_deferrals_come_when_they_were_drawn() -> None:
    made = schedule(backend((0, 0)), backend((0, 0)), drop_rate=0.3, defer_rate=0.2)
    (looks,) = draw_looks(made, 4, SamplingPlan((BEGIN,), samples=60))
    with Lab(made, 4) as lab:
        for ending in looks.ending:
            with socket.create_connection(_where(lab.targets[0]), timeout=20) as connection:
                assert connection.recv(100)[:4] == {CLOSED: b"", DEFERRED: b"421 "}.get(int(ending), b"220 ")
                if ending == RESET:
                    connection.sendall(b"EHLO me\r\n")
                    with pytest.raises(ConnectionResetError):
                        connection.recv(100)
        log = lab.log()
        assert list(log["backend"].fillna(-1)) == list(looks.backend)
        assert {"dropped", "deferred", "gone"} == set(log["ending"])


def test_anycast_addresses_have_backends_of_their_own() -> None:
    made = schedule(backend((0, 0)), backend((0, 1), address="127.0.0.2"))
    with Lab(made) as lab:
        first, second = lab.targets
        assert first.service == second.service
        assert [look(first).leaf_sha256, look(second).leaf_sha256] == [i.sha256 for i in issue_all(made, 0)[:2]]


def test_what_is_sent_behind_starttls_is_thrown_away() -> None:
    with Lab(schedule(backend((0, 0)))) as lab, socket.create_connection(_where(lab.targets[0]), timeout=20) as plain:
        assert plain.recv(100).startswith(b"220 ")
        plain.sendall(b"EHLO me\r\nSTARTTLS\r\nMAIL FROM:<a@lab.test>\r\n")
        received = b""
        while b"go ahead\r\n" not in received:
            received += plain.recv(1000)
        with CONTEXT.wrap_socket(plain, server_hostname="mx.lab.test") as secured:
            secured.sendall(b"NOOP\r\n")
            assert secured.recv(100) == b"250 mx.lab.test\r\n"


def test_an_endless_line_ends_the_conversation() -> None:
    with Lab(schedule(backend((0, 0)))) as lab, socket.create_connection(_where(lab.targets[0]), timeout=20) as plain:
        with suppress(OSError):
            plain.sendall(b"A" * 100_000)
            while plain.recv(1000):
                pass
        assert look(lab.targets[0])


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = threading.active_count()
    with Lab("steady") as lab:
        process = lab._servers._process  # type: ignore[union-attr]
        where = _where(lab.targets[0])
        look(lab.targets[0])
    assert process.returncode is not None
    assert threading.active_count() == before
    assert not list(tmp_path.iterdir())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where, timeout=20)
    with pytest.raises(LabError, match="not running"):
        _ = lab.targets
    with pytest.raises(LabError, match="not running"):
        lab.clock.advance(timedelta(days=1))


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_it_ends_however_the_context_ends(error: type[BaseException]) -> None:
    processes = []

    def run() -> None:
        with Lab("steady") as lab:
            processes.append(lab._servers._process)  # type: ignore[union-attr]
            raise error

    with pytest.raises(error):
        run()
    assert processes[0].returncode is not None


def test_servers_that_died_are_named_with_what_they_said() -> None:
    with Lab("steady") as lab:
        process = lab._servers._process  # type: ignore[union-attr]
        process.kill()
        process.wait(20)
        with pytest.raises(LabError, match="ended unexpectedly: no output"):
            lab.log()


@not_on_windows("SIGKILL")
def test_servers_end_with_their_parent(tmp_path: Path) -> None:
    """A parent that is killed cannot clean up; its servers notice."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, signal\nfrom toolkit.lab import Lab\n"
        "lab = Lab('steady').__enter__()\n"
        "print(lab._servers._process.pid, lab.targets[0].connect_to[1], flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert parent.returncode == -signal.SIGKILL
    pid, port = map(int, parent.stdout.split())
    # Its pipe ends with the parent. Nobody can wait for a grandchild, but its port is closed when it is gone.
    for _ in range(2000):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=20) as still:
                still.recv(1)
        except ConnectionError:
            break
    else:
        pytest.fail(f"process {pid} still listens")


def test_a_lab_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "toolkit.lab.tlslite_ng", raising=False)
    for name in {"tlslite", *(name for name in sys.modules if name.startswith("tlslite."))}:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=r"pip install 'tls-toolkit\[lab\]'"), Lab("year"):
        pass
    with Lab("steady") as lab:  # Python's own ssl is always there
        assert look(lab.targets[0])


def test_an_address_that_is_not_this_machine_is_named() -> None:
    with (
        pytest.raises(LabError, match="Cannot listen on 192"),
        Lab(schedule(backend((0, 0), address="192.0.2.1"))),
    ):
        pass


def test_a_server_that_breaks_stops_the_lab() -> None:
    """The fault is the server's: tlslite is configured with settings that list no suites."""
    with Lab(schedule(backend((0, 0), implementation="tlslite"))) as lab:
        with suppress(OSError):  # closed or reset, as the system has it
            look(lab.targets[0])
        with pytest.raises(LabError, match="a connection failed with LabError: tlslite serves one certificate"):
            lab.log()


def test_a_lab_starts_once() -> None:
    with Lab("steady") as lab, pytest.raises(LabError, match="already running"), lab:
        pass


@not_on_windows("signal that a process sends to itself or another")
def test_ctrl_c_is_for_the_parent_to_decide() -> None:
    with Lab("steady") as lab:
        os.kill(lab._servers._process.pid, signal.SIGINT)  # type: ignore[union-attr]
        assert look(lab.targets[0])


def _where(target: Target) -> tuple[str, int]:
    assert target.connect_to is not None
    return target.connect_to


def _flight(target: Target) -> None:
    """Send a hello and read until the server waits for our answer."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = CONTEXT.wrap_bio(incoming, outgoing, server_hostname=target.host)
    with socket.create_connection(_where(target), timeout=20) as connection:
        while True:
            try:
                asking.do_handshake()
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(1 << 16))
            else:
                return
