"""Client CPU of one first flight, compared with Python's `ssl` in one run: `python tests/benchmarks/bench_wire.py`.

Ours reads a recorded flight repeatedly: it makes the hello, reads the flight, verifies the signature and writes the
closure alerts. Python's `ssl` has one shared context and a server of the same library in memory; only the client is
timed. Both verify the handshake signature; neither judges the chain. `ssl` reports neither the group nor the chain.
"""

import ssl
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.wire.crafted import drip
from tests.wire.peers import InMemory, PyOpenSSL, context, converse, pyopenssl_context
from toolkit.reference import Offer, offers
from toolkit.wire import Handshake

BLOCKS, REPEATS = 9, 200
PLAIN = replace(offers()["any"], groups=(29, 23, 24), key_shares=(29,))


def ours(offer: Offer, peer: Callable[[bytes], bytes]) -> Callable[[], float]:
    """A first flight, recorded and then read again; gives the CPU seconds of one."""
    _, flight = converse(Handshake(offer, server_name="mx.lab.test", entropy=drip(1)), peer)

    def once() -> float:
        entropy = drip(1)
        begin = time.thread_time()
        handshake = Handshake(offer, server_name="mx.lab.test", entropy=entropy)
        handshake.start()
        handshake.receive(flight)
        spent = time.thread_time() - begin
        assert handshake.answer.is_sound, handshake.answer
        return spent

    return once


def python_ssl(server: ssl.SSLContext, version: ssl.TLSVersion) -> Callable[[], float]:
    """A handshake of the standard library against itself; gives the client's CPU seconds."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode, client.maximum_version = False, ssl.CERT_NONE, version

    def once() -> float:
        peer, spent, done = InMemory(server), 0.0, False
        begin = time.thread_time()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        connection = client.wrap_bio(incoming, outgoing, server_hostname="mx.lab.test")
        while not done:
            try:
                connection.do_handshake()
                connection.getpeercert(binary_form=True)
                done = True
            except ssl.SSLWantReadError:
                spent += time.thread_time() - begin
                incoming.write(peer(outgoing.read()))
                begin = time.thread_time()
        return spent + time.thread_time() - begin

    return once


def main() -> None:
    """Print the table."""
    v12, v13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    old, new = replace(PLAIN, versions=("TLS 1.2",), suites=offers()["tls12"].suites), PLAIN
    cases = {
        "TLS 1.2, RSA": (ours(old, InMemory(context("RSA", version=v12))), python_ssl(context("RSA"), v12)),
        "TLS 1.2, P-256": (ours(old, InMemory(context("EC", version=v12))), python_ssl(context("EC"), v12)),
        "TLS 1.3, RSA": (ours(new, InMemory(context("RSA"))), python_ssl(context("RSA"), v13)),
        "TLS 1.3, P-256": (ours(new, InMemory(context("EC"))), python_ssl(context("EC"), v13)),
        "TLS 1.3, P-256, ML-KEM": (ours(offers()["any"], PyOpenSSL(pyopenssl_context("EC"))), None),
    }
    print("client CPU per first flight, median of blocks (lowest), µs")
    print(f"{'':24} {'tls-toolkit':>16} {'ssl, shared context':>20} {'ratio':>6}")
    for name, (mine, theirs) in cases.items():
        blocks: dict[str, list[float]] = {"ours": [], "ssl": []}
        for _ in range(BLOCKS):
            for label, once in (("ours", mine), ("ssl", theirs)):
                if once is not None:
                    blocks[label].append(statistics.median(once() for _ in range(REPEATS)) * 1e6)
        shown = [f"{statistics.median(found):6.0f} ({min(found):.0f})" if found else "" for found in blocks.values()]
        ratio = f"{statistics.median(blocks['ssl']) / statistics.median(blocks['ours']):.1f}" if blocks["ssl"] else ""
        print(f"{name:24} {shown[0]:>16} {shown[1]:>20} {ratio:>6}")


if __name__ == "__main__":
    main()
