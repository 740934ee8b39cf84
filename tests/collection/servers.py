"""Small servers on loopback: an event loop in a thread, a handler for each port."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from toolkit.collection.names import Resolver

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Handler = Callable[[Reader, Writer], Awaitable[None]]


class Loopback:
    """Servers that live as long as the context; `connections` counts those that were accepted."""

    def __init__(self) -> None:
        self.connections = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._handlers: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._transports: list[asyncio.DatagramTransport] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def serve(self, handler: Handler, host: str = "127.0.0.1") -> int:
        """Serve on a free port, which is returned."""

        async def attend(reader: Reader, writer: Writer) -> None:
            self.connections += 1  # and no other one before the handler reads it
            # A client that gives up closes or resets, whatever the handler was doing, and the end cancels.
            with contextlib.suppress(ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
                await handler(reader, writer)

        def accept(reader: Reader, writer: Writer) -> None:
            task = self._loop.create_task(attend(reader, writer))
            self._handlers.add(task)
            task.add_done_callback(self._handlers.discard)
            task.add_done_callback(lambda _: writer.transport.abort())  # called as well if it never began

        async def start() -> int:
            server = await asyncio.start_server(accept, host, 0)
            self._servers.append(server)
            port: int = server.sockets[0].getsockname()[1]
            return port

        return asyncio.run_coroutine_threadsafe(start(), self._loop).result(timeout=10)

    def answer_dns(self, records: dict[tuple[str, str], list[str] | str]) -> Resolver:
        """A resolver whose only server answers with the records: (name, type) → values, or an rcode's name.

        `SILENT` stands for no answer at all. What is not listed has no records; a name without any does not exist.
        """

        class Server(asyncio.DatagramProtocol):
            transport: asyncio.DatagramTransport

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport = cast("asyncio.DatagramTransport", transport)

            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                query = dns.message.from_wire(data)
                reply = dns.message.make_response(query)
                reply.flags |= dns.flags.RA
                question = query.question[0]
                name = question.name.to_text(omit_final_dot=True)
                kind = dns.rdatatype.to_text(question.rdtype)
                found = records.get((name, kind), [])
                if found == "SILENT":
                    return
                if isinstance(found, str):
                    reply.set_rcode(dns.rcode.from_text(found))
                elif found:
                    reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
                elif not any(known == name for known, _ in records):
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                self.transport.sendto(reply.to_wire(), addr)

        async def start() -> int:
            transport, _ = await self._loop.create_datagram_endpoint(Server, ("127.0.0.1", 0))
            self._transports.append(transport)
            port: int = transport.get_extra_info("sockname")[1]
            return port

        resolver = Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = asyncio.run_coroutine_threadsafe(start(), self._loop).result(timeout=10)
        return resolver

    async def _leave(self) -> None:
        this = asyncio.current_task()
        while tasks := asyncio.all_tasks() - {this}:  # a server must not be closed while it accepts a connection
            for handler in tasks & self._handlers:
                handler.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for server in self._servers:
            server.close()
        for transport in self._transports:
            transport.close()
        for server in self._servers:
            await server.wait_closed()


def closed_port() -> int:
    """A port on loopback on which no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
