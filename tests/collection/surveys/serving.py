"""A server of the standard library's `ssl` on loopback, and a proxy before it that has accidents, as its dice say."""

import asyncio
import contextlib
import random
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Collection, Iterator

from tests.wire.peers import context


@contextlib.contextmanager
def answering(serve: Callable[[socket.socket], None], host: str = "127.0.0.1") -> Iterator[int]:
    """The port of a server that hands each connection to `serve`, in a thread of its own."""

    def accept(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server((host, 0), backlog=128) as listening:
        thread = threading.Thread(target=accept, args=(listening,), daemon=True)
        thread.start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@contextlib.contextmanager
def serving(ciphers: str, oldest: ssl.TLSVersion) -> Iterator[int]:
    """The port of a server with an RSA certificate that prefers its own order."""
    made = context("RSA", ciphers=ciphers)
    made.minimum_version = oldest
    made.options |= ssl.OP_CIPHER_SERVER_PREFERENCE

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.settimeout(10)
            with made.wrap_socket(connection, server_side=True):
                pass

    with answering(serve) as port:
        yield port


@contextlib.contextmanager
def dropping(port: int, lengths: Collection[int]) -> Iterator[int]:
    """The port of a proxy that closes without a word where the length of the hello is one of these modulo 256."""

    def carry(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(10)
            hello = connection.recv(65536)
            while len(hello) < 5 + int.from_bytes(hello[3:5]) and hello[0] == 22:
                hello += connection.recv(65536)
            if (len(hello) - 5) % 256 in lengths:
                return
            with socket.create_connection(("127.0.0.1", port), 10) as behind:
                behind.sendall(hello)
                threading.Thread(target=carry, args=(connection, behind), daemon=True).start()
                carry(behind, connection)

    with answering(serve) as made:
        yield made


@contextlib.contextmanager
def accidents(port: int, *, seed: int, share: float) -> Iterator[int]:
    """The port of a proxy that, for that share of connections, resets, closes, says nothing, or cuts the answer."""
    dice = random.Random(seed)
    loop = asyncio.new_event_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        accident = dice.choice(["reset", "close", "drop", "cut"]) if dice.random() < share else ""
        try:
            if accident == "reset":
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if accident == "close":
                return
            if accident == "drop":
                await reader.read()  # until the client gives up
                return
            behind, to_server = await asyncio.open_connection("127.0.0.1", port)
            try:
                to_server.write(await reader.read(65536))
                while answer := await behind.read(65536):
                    writer.write(answer[:40] if accident == "cut" else answer)
                    if accident == "cut":
                        return
                    if more := await reader.read(65536):
                        to_server.write(more)
                    else:
                        return
            finally:
                to_server.close()
        except OSError:
            pass
        finally:
            writer.close()
            tasks.discard(task)

    async def leave(server: asyncio.Server) -> None:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(carry, "127.0.0.1", 0), loop).result(10)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(leave(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
