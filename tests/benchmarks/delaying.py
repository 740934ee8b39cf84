"""A proxy that counts connections and delays them by a round-trip time, in a process of its own.

    python -m tests.benchmarks.delaying TARGET_PORT ROUND_TRIP_MS

prints its port, then on each line read the number of connections since. One round trip passes before anything is
carried, as TCP's own handshake would take it, then half of one each way.
"""

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]


class _Side(asyncio.Protocol):
    """One end of a carried connection; what it reads is written to the other end after half a round trip."""

    def __init__(self, half: float) -> None:
        self.other: asyncio.Transport | None = None
        self.transport: asyncio.Transport | None = None
        self._half = half
        self._waiting: list[bytes | None] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def join(self, other: asyncio.Transport) -> None:
        self.other = other
        for data in self._waiting:
            self._later(data)

    def data_received(self, data: bytes) -> None:
        self._waiting.append(data) if self.other is None else self._later(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.append(None) if self.other is None else self._later(None)

    def _later(self, data: bytes | None) -> None:
        assert self.other is not None
        deliver = self.other.close if data is None else lambda: self._deliver(data)
        asyncio.get_running_loop().call_later(self._half, deliver) if self._half else deliver()

    def _deliver(self, data: bytes) -> None:
        if self.other is not None and not self.other.is_closing():
            self.other.write(data)


class _Proxy:
    def __init__(self, port: int, round_trip: float) -> None:
        self.connections = 0
        self._port, self._round_trip = port, round_trip
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self) -> _Side:
        self.connections += 1
        front = _Side(self._round_trip / 2)
        task = asyncio.get_running_loop().create_task(self._carry(front))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return front

    async def _carry(self, front: _Side) -> None:
        await asyncio.sleep(self._round_trip)
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            _, back = await loop.create_connection(lambda: _Side(self._round_trip / 2), "127.0.0.1", self._port)
            assert front.transport is not None
            assert back.transport is not None
            back.join(front.transport)
            front.join(back.transport)


async def _serve(port: int, round_trip: float) -> None:
    loop, proxy = asyncio.get_running_loop(), _Proxy(port, round_trip)
    server = await loop.create_server(proxy.accept, "0.0.0.0", 0, backlog=4096)  # on every address of loopback
    print(server.sockets[0].getsockname()[1], flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        print(proxy.connections, flush=True)
        proxy.connections = 0


class Delayed:
    """A context in which `port` leads to the target's, slower; `count()` gives the connections since the last call."""

    def __init__(self, port: int, round_trip_ms: int) -> None:
        self._command = [sys.executable, "-m", "tests.benchmarks.delaying", str(port), str(round_trip_ms)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port = self._read()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def count(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]) / 1000))
