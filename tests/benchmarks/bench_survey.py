"""Surveys side by side with nmap, sslscan, sslyze and testssl.sh: the same servers, in the same run.

Ours reads whole first flights, checks their signatures and makes rows; the others read what they need. Compared is
what all of them do, versions and suites, at eight connections; below stand the whole survey, the whole process, what
a round trip of 100 ms costs, and the default politeness. The others' start-up (the same command at a closed port) is
printed with them. Servers and clients share this machine's cores.

    python -m tests.benchmarks.bench_survey

testssl.sh takes up to half a minute a server and is run once; `sslyze` is looked for on the path and in $SSLYZE. What
is not installed is said and left out.
"""

import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import toolkit
from tests.benchmarks.delaying import Delayed
from tests.collection.surveys import daemons as more
from tests.interop import daemons
from toolkit.targets import parse_target

ROUNDS = 5
SECONDS = 600
SPLITS = 2
"""Where no time is lost between question and answer; more cost more than they save."""
MOST_SPLITS = 8
TARGETS = {"nginx": 5.0, "Postfix": 2.5, "JSSE": 2.0}
"""How many times faster than nmap a survey is to be, within bound + 8 connections."""
SLOW_TARGETS = {"nginx": 1.0, "JSSE": 5.0}
"""Seconds that it may take at 100 ms a round trip."""


@dataclass(frozen=True)
class Server:
    name: str
    scheme: str
    port: int


@dataclass(frozen=True)
class Result:
    seconds: float
    suites: int | None
    connections: int | None = None
    bound: int | None = None


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[list[Server]]:
    """nginx as it is configured today, Postfix with everything OpenSSL has, JSSE with everything it has."""
    daemons.make_certificates(folder)
    more.make_more(folder)
    today = "ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;"
    daemons.run("openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", "dh.pem",
                cwd=folder)  # fmt: skip
    wide = (
        "smtpd_tls_protocols = >=TLSv1\nsmtpd_tls_ciphers = low\ntls_low_cipherlist = ALL:!SRP:!PSK:@SECLEVEL=0\n"
        f"smtpd_tls_dh1024_param_file = {folder}/dh.pem\n"
    )
    with (
        daemons.nginx(folder, today) as nginx,
        daemons.postfix(folder, wide) as postfix,
        tempfile.TemporaryDirectory() as state,
        more.jsse(folder, Path(state), is_short_lived=False) as (jsse, _),
    ):
        yield [
            Server("nginx", "https", nginx["https"]),
            Server("Postfix", "smtp", postfix["smtp"]),
            Server("JSSE", "https", jsse),
        ]


def ours(server: Server, **settings: object) -> Result:
    target = parse_target(f"{server.scheme}://mail.interop.test:443", connect_to=f"127.0.0.1:{server.port}")
    given = {"parts": ("suites",), "concurrency": 8, "rate": None, "progress": False} | settings
    began = perf_counter()
    tables = toolkit.survey(target, **given)  # type: ignore[arg-type]  # the settings differ from line to line
    seconds, end = perf_counter() - began, tables.rounds.iloc[-1]
    found = tables.support[tables.support["suite"].notna() & (tables.support["state"] == "accepted")]
    return Result(seconds, len(found), int(end["connections"]), int(end["connections_bound"]))


def process(server: Server) -> Result:
    program = str(Path(sys.executable).with_name("tls-toolkit"))
    command = [program, "survey", f"{server.scheme}://mail.interop.test:443", "--parts"]
    command += ["suites", "--concurrency", "8", "--rate", "0", "--connect-to", f"127.0.0.1:{server.port}"]
    seconds, printed = timed(command)
    return Result(seconds, len(re.findall(r"^ +suite ", printed, re.MULTILINE)))


def nmap(server: Server, folder: Path) -> Result:
    service = {"https": "https", "smtp": "smtp"}[server.scheme]
    (folder / "services").write_text(f"{service}\t{server.port}/tcp\t0.9\n")
    command = [
        "nmap",
        "-Pn",
        "-n",
        "--servicedb",
        str(folder / "services"),
        "--script",
        "ssl-enum-ciphers",
        "127.0.0.1",
    ]
    seconds, printed = timed(command)
    return Result(seconds, len(re.findall(r"^\| +TLS_\w+ \(", printed, re.MULTILINE)))


def sslscan(server: Server, _: Path) -> Result:
    upgrade = ["--starttls-smtp"] if server.scheme == "smtp" else []
    seconds, printed = timed(["sslscan", "--no-colour", *upgrade, f"127.0.0.1:{server.port}"])
    return Result(seconds, len(re.findall(r"^(?:Preferred|Accepted) ", printed, re.MULTILINE)))


def sslyze(server: Server, folder: Path) -> Result:
    upgrade = ["--starttls", "smtp"] if server.scheme == "smtp" else []
    versions = ["--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3"]
    program = shutil.which("sslyze") or os.environ["SSLYZE"]
    command = [program, *versions, *upgrade, "--mozilla_config", "disable", f"127.0.0.1:{server.port}"]
    seconds, printed = timed(command)
    return Result(seconds, len(re.findall(r"^ +TLS_\w+ +\d+", printed, re.MULTILINE)))


def testssl(server: Server, folder: Path) -> Result:
    upgrade = ["-t", "smtp"] if server.scheme == "smtp" else []
    report = folder / "testssl.csv"
    report.unlink(missing_ok=True)
    command = ["testssl", "--color", "0", "--warnings", "off", "-E", "--csvfile", str(report), *upgrade]
    seconds, _ = timed([*command, f"127.0.0.1:{server.port}"])
    return Result(seconds, report.read_text().count('"cipher-'))


Peer = Callable[[Server, Path], Result]


def peers() -> dict[str, Peer]:
    """The others that are installed; of the rest it is said."""
    every: dict[str, tuple[str, Peer]] = {
        "nmap ssl-enum-ciphers": ("nmap", nmap),
        "sslscan": ("sslscan", sslscan),
        "sslyze": (os.environ.get("SSLYZE", "sslyze"), sslyze),
        "testssl.sh -E (once)": ("testssl", testssl),
    }
    for name, (program, _) in every.items():
        if shutil.which(program) is None:
            print(f"{name}: not installed, left out")
    return {name: peer for name, (program, peer) in every.items() if shutil.which(program)}


def timed(command: list[str]) -> tuple[float, str]:
    began = perf_counter()
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return perf_counter() - began, done.stdout


def median(results: list[Result]) -> Result:
    last = results[-1]
    return Result(statistics.median(r.seconds for r in results), last.suites, last.connections, last.bound)


def counted(run: Callable[[Server], Result], server: Server) -> int:
    """Connections that a run makes, counted by a proxy that changes nothing."""
    with Delayed(server.port, 0) as proxy:
        run(Server(server.name, server.scheme, proxy.port))
        return proxy.count()


def line(name: str, result: Result, note: str = "") -> None:
    bound = "" if result.bound is None else f" (bound {result.bound})"
    connections = "" if result.connections is None else f"{result.connections}{bound}"
    print(f"  {name:44} {result.seconds:8.3f} s {result.suites if result.suites is not None else '':>5}  "
          f"{connections:20} {note}")  # fmt: skip


def compare(server: Server, others: dict[str, Peer], folder: Path) -> bool:
    """Print one server's table; whether the target was met."""
    own: list[Result] = []
    split: list[Result] = []
    theirs: dict[str, list[Result]] = {name: [] for name in others}
    ours(server)  # JSSE compiles itself during the first one
    ours(server)
    for number in range(ROUNDS):
        own.append(ours(server))
        split.append(ours(server, splits=SPLITS))
        for name, peer in others.items():
            if number == 0 or "once" not in name:
                theirs[name].append(peer(server, folder))
    mine, halved, best = median(own), median(split), None
    assert halved.connections is not None
    assert halved.bound is not None
    print(f"\n{server.name}: seconds (median of {ROUNDS}), suites found, connections")
    line("survey, versions and suites, 8 connections", mine, "every rank")
    line(f"the same, {SPLITS} splits", halved, "of split series the first choice only")
    (port,) = daemons.free_ports(1)
    for name, results in theirs.items():
        result = median(results)
        with contextlib.suppress(FileNotFoundError):
            start_up = others[name](Server(server.name, server.scheme, port), folder).seconds
        made = counted(lambda at, peer=others[name]: peer(at, folder), server) if "once" not in name else None  # type: ignore[misc]
        ratio = result.seconds / mine.seconds
        rest = (result.seconds - start_up) / mine.seconds
        less = f"{ratio:.1f}× ours; start-up {start_up:.2f} s, without it {rest:.1f}×"
        line(name, Result(result.seconds, result.suites, made), less)
        best = result.seconds if name.startswith("nmap") else best
    line("tls-toolkit survey, the whole process", median([process(server) for _ in range(ROUNDS)]))
    every = ("suites", "groups", "signature_schemes")
    line("survey, groups and schemes too", median([ours(server, parts=every) for _ in range(ROUNDS)]))
    line("survey, politely (2 connections, 20 a second)", ours(server, concurrency=2, rate=20.0))
    if best is None:
        return True
    met = best / min(mine.seconds, halved.seconds) >= TARGETS[server.name] and halved.connections <= halved.bound + 8
    print(
        f"  {best / mine.seconds:.1f} times faster than nmap, split {best / halved.seconds:.1f} times; "
        f"the target is {TARGETS[server.name]:g}: {'met' if met else 'MISSED'}"
    )
    return met


def slowly(server: Server) -> bool:
    """The same with 100 ms a round trip; whether the target was met."""
    with Delayed(server.port, 100) as proxy:
        at = Server(server.name, server.scheme, proxy.port)
        print(f"\n{server.name}, 100 ms a round trip")
        split = median([ours(at, splits=MOST_SPLITS) for _ in range(3)])
        line(f"survey, 8 connections, {MOST_SPLITS} splits", split)
        line("survey, 8 connections, no split", ours(at))
        line("survey, politely (2 connections, 20 a second)", ours(at, concurrency=2, rate=20.0))
        if shutil.which("nmap"):
            with tempfile.TemporaryDirectory() as folder:
                line("nmap ssl-enum-ciphers", nmap(at, Path(folder)))
    assert split.connections is not None
    assert split.bound is not None
    met = split.seconds < SLOW_TARGETS[server.name] and split.connections <= split.bound + 8
    print(f"  the target is {SLOW_TARGETS[server.name]:g} s: {'met' if met else 'MISSED'}")
    return met


def main() -> int:
    others = peers()
    with daemons.state_folder() as folder, servers(folder) as running:
        met = [compare(server, others, folder) for server in running]
        met += [slowly(server) for server in running if server.name in SLOW_TARGETS]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
