"""What an animal of the zoo is, and how it talks to a client. No code of `toolkit` makes what it sends."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


class Connection:
    """One connection, seen from the server."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader, self._writer = reader, writer

    async def command(self) -> bytes:
        """What the client sends next. A client that waits for its reply sends one command at a time."""
        return await self._reader.read(1 << 16)

    async def hello(self) -> bytes:
        """The next ClientHello, whole: one record, or the message of SSL 2.0."""
        head = await self._reader.readexactly(2)
        if head[0] >= 0x80:
            return head + await self._reader.readexactly((head[0] & 0x7F) << 8 | head[1])
        head += await self._reader.readexactly(3)
        content = await self._reader.readexactly(int.from_bytes(head[3:5]))
        # RFC 8446, D.4: a ChangeCipherSpec stands before the second hello.
        return await self.hello() if head[0] == 20 else head + content

    async def skip(self, count: int) -> None:
        """Read that many bytes of the client."""
        await self._reader.readexactly(count)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def drip(self, data: bytes, seconds: float = 0.0) -> None:
        """The bytes one at a time."""
        for at in range(len(data)):
            await self.send(data[at : at + 1])
            await asyncio.sleep(seconds)

    async def flood(self, piece: bytes) -> None:
        """The piece again and again, until the client breaks the connection."""
        while True:
            await self.send(piece)
            await asyncio.sleep(0)

    async def wait(self) -> None:
        """Say nothing until the client is gone."""
        await self._reader.read(-1)

    def reset(self) -> None:
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Behaviour = Callable[[Connection], Awaitable[None]]
"""What an animal does on one connection; when it returns, the connection is closed."""


Reply = Callable[[bytes], bytes]
"""Makes the bytes that answer a ClientHello."""


@dataclass(frozen=True)
class Animal:
    """A hostile server and what an observation of it must give.

    - `ending`: outcome and stage. `or_ending`: another one, where it depends on which end is faster.
    - `kept`: certificates kept of its chain.
    - `protocol`, `named`: the version that its ServerHello answers with, and the names of the suites, groups, schemes
      and key types that it really chooses. A survey may call only those accepted, and only newer versions refused.
    - `refuses`: it refuses by an alert what it does not choose, so a survey may call anything refused.
    """

    name: str
    scheme: str
    behaviour: Behaviour
    ending: str
    kept: int = 0
    protocol: str | None = None
    named: frozenset[str] = frozenset()
    refuses: bool = False
    or_ending: str | None = None


def silent(*said: bytes) -> Behaviour:
    """Answers the hello with these bytes and then nothing."""
    return replying(lambda _: b"".join(said))


def replying(reply: Reply) -> Behaviour:
    """Answers the hello, then nothing."""

    async def behave(connection: Connection) -> None:
        await connection.send(reply(await connection.hello()))
        await connection.wait()

    return behave


def closing(reply: Reply) -> Behaviour:
    """Answers the hello and closes."""

    async def behave(connection: Connection) -> None:
        await connection.send(reply(await connection.hello()))

    return behave


def resetting(reply: Reply) -> Behaviour:
    """Answers the hello and resets the connection; what was received before a reset can still be read."""

    async def behave(connection: Connection) -> None:
        await connection.send(reply(await connection.hello()))
        connection.reset()

    return behave


def dripping(reply: Reply, seconds: float = 0.0) -> Behaviour:
    """Answers the hello a byte at a time."""

    async def behave(connection: Connection) -> None:
        await connection.drip(reply(await connection.hello()), seconds)
        await connection.wait()

    return behave


def flooding(piece: bytes, before: Reply = lambda _: b"") -> Behaviour:
    """Answers the hello, and then repeats the piece without end."""

    async def behave(connection: Connection) -> None:
        await connection.send(before(await connection.hello()))
        await connection.flood(piece)

    return behave


def streaming(reply: Callable[[bytes], Iterable[bytes]]) -> Behaviour:
    """Answers the hello with pieces that are made as they are sent."""

    async def behave(connection: Connection) -> None:
        for piece in reply(await connection.hello()):
            await connection.send(piece)
            await asyncio.sleep(0)
        await connection.wait()

    return behave
