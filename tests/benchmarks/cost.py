"""What a daily observation of 10 million services costs, computed from a round that is measured here.

    python -m tests.benchmarks.cost [SERVICES OF THE MEASURED ROUND]

Measured: `bench_many`'s round (addresses of loopback, answered by one nginx with one ECDSA certificate, TLS 1.3), its
time of the processor, the bytes of the handshakes, and the bytes that its looks take in a compacted store; and the
bytes that the certificates of the example `web-series` take. Assumed, and printed: TCP/IP headers, how often
certificates change, and the latency, which costs open connections. Not counted: names to resolve, dialogues before
TLS, longer chains, services that do not answer, and parsing each new certificate.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time

import toolkit
from tests.benchmarks.bench_collect import ROOT, serve
from tests.benchmarks.bench_many import LIMITS, services
from tests.interop import daemons
from toolkit.collection import collect
from toolkit.store import Store

SERVICES = 10_000_000
MEASURED = 5_000

PACKETS, HEADERS = 12, 40
"""Packets of a look without a STARTTLS dialogue, and the bytes of the headers of each (IPv4, TCP)."""

CERTIFICATE_DAYS = 60
"""Days between two certificates of a service; a certificate for 90 days is usually renewed after 60."""

ROUND_TRIP_SECONDS, ROUND_TRIPS = 0.1, 3
"""Of a look far away: TCP, the hello, the end of the connection."""


def measure(count: int, port: int, path: str) -> dict[str, float]:
    """Make the round in this process, and compact its store; what one look took."""
    began = process_time()
    end = collect(services(count, port), path, limits=LIMITS, progress=False)
    took = process_time() - began
    store = Store(path)
    if int(end["looks_ok"]) != count:
        sys.exit(f"{end['looks_ok']} of {count} services answered.")
    few = collect(services(50, port), f"{path}-bytes", keep_bytes=True, limits=LIMITS, progress=False)
    looks = Store(f"{path}-bytes").load().observations
    traffic = (looks["sent_bytes"].map(len) + looks["answer_bytes"].map(len)).sum() / int(few["looks"])
    return {
        "connections": int(end["connections"]) / count,
        "cpu_seconds": took / count,
        "handshake_bytes": float(traffic),
        "stored_bytes": _stored(store, "observations") / count,
    }


def _stored(store: Store, table: str) -> float:
    """The bytes of a table after a compaction."""
    store.compact()
    return float(store.info().set_index("table")["size_bytes"][table])


def certificate_bytes(path: str) -> float:
    """The bytes that a stored certificate takes, of those that the web series shows."""
    store = Store(path)
    series = toolkit.load_example("web-series")
    store.append(series)
    return _stored(store, "certificates") / len(series.certificates)


def main(count: int) -> None:
    """Print what was measured, and the table."""
    with tempfile.TemporaryDirectory(prefix="tls-toolkit-") as kept, daemons.state_folder() as folder:
        daemons.make_certificates(folder)
        command, port = serve(folder, "ec")
        with daemons.guarded(command, [*command, "-s", "stop"], folder / "start.log"):
            words = ["-m", "tests.benchmarks.cost", "--round", str(count), str(port), str(Path(kept, "round"))]
            done = subprocess.run([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        one = json.loads(done.stdout)
        certificate = certificate_bytes(str(Path(kept, "certificates")))
    print(
        f"Measured with {count:,} services: {one['cpu_seconds'] * 1e3:.2f} ms of the processor, "
        f"{one['handshake_bytes']:,.0f} bytes of handshake and {one['stored_bytes']:.0f} bytes in the store for a "
        f"look; {certificate:,.0f} bytes in the store for a certificate."
    )
    print(
        f"Assumed: {PACKETS} packets with {HEADERS} bytes of headers for a look, a new certificate every "
        f"{CERTIFICATE_DAYS} days, {ROUND_TRIPS} round trips of {ROUND_TRIP_SECONDS * 1e3:.0f} ms.\n"
    )
    for name, value in table(one, certificate):
        print(f"| {name} | {value} |")


def table(one: dict[str, float], certificate: float) -> list[tuple[str, str]]:
    """The lines of the table: what a day costs with one look at each service."""
    traffic = SERVICES * (one["handshake_bytes"] + PACKETS * HEADERS)
    looks, certificates = SERVICES * one["stored_bytes"], SERVICES / CERTIFICATE_DAYS * certificate
    hours = SERVICES * one["cpu_seconds"] / 3600
    open_ = SERVICES / 86_400 * ROUND_TRIPS * ROUND_TRIP_SECONDS
    return [
        ("connections", f"{SERVICES * one['connections']:,.0f}"),
        ("connections in a second, over 24 hours", f"{SERVICES * one['connections'] / 86_400:,.0f}"),
        ("connections open at a time, over 24 hours", f"{open_:,.0f}"),
        ("traffic", f"{traffic / 1e9:,.0f} GB"),
        ("stored, looks", f"{looks / 1e9:,.2f} GB"),
        ("stored, new certificates", f"{certificates / 1e9:,.2f} GB"),
        ("stored in a year", f"{(looks + certificates) * 365 / 1e9:,.0f} GB"),
        ("time of one worker (one core)", f"{hours:,.1f} hours"),
        ("workers for a round in one hour", f"{max(1, -(-hours // 1)):,.0f}"),
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--round"]:
        print(json.dumps(measure(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else MEASURED)
