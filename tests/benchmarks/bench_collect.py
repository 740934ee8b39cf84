"""Looks per second, compared with other tools, on the same nginx, in the same run.

The fastest comparison is the standard library's `ssl` in 16 threads with one shared context, which fetches the leaf
certificate and parses nothing. Ours reads the whole flight, verifies the handshake signature, parses the certificates
and makes rows. Client and server share this machine's cores. Every look is at another address of 127.0.0.0/8, as when
many hosts are observed; medians and ratios of alternating runs are printed. SSLyze (`--certinfo`) is asked about fewer
addresses, where it is installed. Last, services behind a delaying proxy.

    python tests/benchmarks/bench_collect.py [LOOKS]
"""

import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks.delaying import Delayed  # noqa: E402
from tests.interop import daemons  # noqa: E402  the checkout is not on the path of a script
from toolkit.collection import Limits, observe  # noqa: E402
from toolkit.targets import parse_target  # noqa: E402

ROUNDS = 5
THREADS = 16
SSLYZE_LOOKS = 20
PROGRAMS = f"{os.environ.get('PATH', os.defpath)}:{ROOT}/build/programs"
"""Where SSLyze is looked for: CI installs it there."""
OURS = Limits(concurrency=50)

FAR = 2_000
"""Services behind the proxy."""
ROUND_TRIP_MS = 100
AT_ONCE = 500
FAR_SECONDS = 10.0
"""The limit on the time for all of them."""


def addresses(count: int) -> list[str]:
    return [f"127.{1 + number // 60000}.{number // 240 % 250}.{1 + number % 240}" for number in range(count)]


def with_ssl(hosts: list[str], port: int) -> int:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def fetch(host: str) -> bytes | None:
        with socket.create_connection((host, port), 15) as raw, context.wrap_socket(raw) as connection:
            return connection.getpeercert(binary_form=True)

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(der is not None for der in pool.map(fetch, hosts))


def with_ours(hosts: list[str], port: int, offer: str, limits: Limits = OURS) -> int:
    targets = [parse_target(f"https://{host}:{port}") for host in hosts]
    tables = observe(targets, offers=(offer,), limits=limits, progress=False)
    return int((tables.observations["outcome"] == "ok").sum())


def with_sslyze(program: str, hosts: list[str], port: int) -> int:
    servers = [f"{host}:{port}" for host in hosts]
    words = [program, "--certinfo", "--mozilla_config", "disable", *servers]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return printed.count("Certificate Chain #1")


def measured(work: Callable[[], int], looks: int) -> tuple[float, float]:
    """Looks per second, and milliseconds of the processor for each, in this process and those that it ran."""
    began, used = perf_counter(), sum(os.times()[:4])
    assert work() == looks, "not every look was answered"
    return looks / (perf_counter() - began), (sum(os.times()[:4]) - used) * 1000 / looks


def serve(folder: Path, kind: str) -> tuple[list[str], int]:
    """The command that starts an nginx on every address of loopback, and its port."""
    (port,) = daemons.free_ports(1)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{name}_temp_path {folder}/{kind}-{name};" for name in kinds)
    configuration = folder / f"{kind}.conf"
    configuration.write_text(
        f"worker_processes 1; pid {folder}/{kind}.pid; error_log {folder}/{kind}.log crit;"
        "events { worker_connections 4096; }"
        f"http {{ access_log off; ssl_session_cache off; ssl_session_tickets off; {places}"
        f"server {{ listen 0.0.0.0:{port} ssl backlog=4096; ssl_protocols TLSv1.2 TLSv1.3;"
        f"ssl_certificate {folder}/{kind}.pem; ssl_certificate_key {folder}/{kind}.key; }} }}"
    )
    return ["nginx", "-e", f"{folder}/{kind}.log", "-c", str(configuration)], port


def main(looks: int) -> bool:
    hosts = addresses(looks)
    print(f"{looks} looks, {ROUNDS} runs each, medians; Python {sys.version.split()[0]}")
    with daemons.state_folder() as folder:
        daemons.make_certificates(folder)
        for kind in ("rsa", "ec"):
            command, port = serve(folder, kind)
            with daemons.guarded(command, [*command, "-s", "stop"], folder / "start.log"):
                compare(kind, hosts, port)
                is_fast = observe_far(port)
    return is_fast


def observe_far(port: int) -> bool:
    """Whether `FAR` services, a round trip away, are observed within the limit."""
    with Delayed(port, ROUND_TRIP_MS) as proxy:
        limits = Limits(concurrency=AT_ONCE)
        began = perf_counter()
        answered = with_ours(addresses(FAR), proxy.port, "any", limits)
        seconds = perf_counter() - began
    print(f"\n{FAR:,} services at {ROUND_TRIP_MS} ms, {AT_ONCE} at once: {seconds:.1f} s (limit {FAR_SECONDS:.0f} s)")
    return answered == FAR and seconds < FAR_SECONDS


def compare(kind: str, hosts: list[str], port: int) -> None:
    own_offer = "rsa" if kind == "rsa" else "ecdsa"
    ways: dict[str, tuple[Callable[[], int], int]] = {
        f"stdlib ssl, {THREADS} threads, one context": (lambda: with_ssl(hosts, port), len(hosts)),
        f"observe, offer {own_offer}": (lambda: with_ours(hosts, port, own_offer), len(hosts)),
        "observe, offer tls12": (lambda: with_ours(hosts, port, "tls12"), len(hosts)),
    }
    if program := shutil.which("sslyze", path=PROGRAMS):
        few = hosts[:SSLYZE_LOOKS]
        ways["sslyze --certinfo"] = lambda: with_sslyze(program, few, port), len(few)
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for work, looks in ways.values():
        measured(work, looks)
    for _ in range(ROUNDS):
        for name, (work, looks) in ways.items():
            results[name].append(measured(work, looks))
    baseline = statistics.median(rate for rate, _ in results[next(iter(ways))])
    print(f"\n{kind.upper()} certificate")
    for name, runs in results.items():
        rate = statistics.median(rate for rate, _ in runs)
        own = statistics.median(own for _, own in runs)
        print(f"  {name:42} {rate:7.0f} looks/s  {own:6.2f} ms of client each  {rate / baseline:5.2f}×")


if __name__ == "__main__":
    try:
        sys.exit(0 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000) else 1)
    except FileNotFoundError as error:
        sys.exit(f"{error.filename} is not installed: apt install nginx-light openssl")
    except subprocess.TimeoutExpired as error:
        sys.exit(str(error))
