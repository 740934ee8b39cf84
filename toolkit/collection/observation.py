"""One look: connect, upgrade, send the ClientHello, read the server's flight, close. Every end is an outcome."""

import asyncio
import errno
import ipaddress
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from time import perf_counter
from typing import Final, cast

from toolkit.collection import last_resort
from toolkit.collection.limits import Limits
from toolkit.reference import Offer
from toolkit.schemes import UPGRADES
from toolkit.targets import Target
from toolkit.wire import Answer, Handshake, SharePool, Upgrade

# POSIX errno.h: errors of a connection that could not be made, or that broke.
_OUTCOMES: Final = {
    errno.ECONNREFUSED: "port_closed",
    errno.ETIMEDOUT: "timeout",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "reset",
    errno.EMFILE: "skipped",
    errno.ENFILE: "skipped",
    errno.ENOBUFS: "skipped",
    errno.ENOMEM: "skipped",
}
_SHARES: Final = SharePool()
"""The key shares of all looks of this process."""

_SECOND_NAME: Final = "mail.example.com"
"""What EHLO gives where a server refuses our address: the name that `openssl s_client` gives. Servers accept it, and it
discloses nothing about this machine."""

_NO_ROOM: Final = "not connected: this machine has no room for another connection ({}); lower Limits(concurrency=…)"


@dataclass(frozen=True, slots=True)
class LookRequest:
    """A look to make: the target, the address, the offer, and the index of the sample among equal looks."""

    target: Target
    address: str
    offer: Offer
    sample: int


@dataclass(frozen=True, slots=True)
class Look:
    """A look that was made, or could not be made. `request.address` is empty where no address is known.

    `answer`: how it ended, even if TLS was not reached. `connect_ms`, `answer_ms`: None as in the schema.
    `sent`, `received`: None unless bytes are kept.
    """

    request: LookRequest
    observed_at: datetime
    answer: Answer
    connect_ms: float | None = None
    answer_ms: float | None = None
    sent: bytes | None = None
    received: bytes | None = None
    is_connected: bool = False


async def look(
    request: LookRequest,
    *,
    limits: Limits,
    clock: Callable[[], datetime],
    keep_bytes: bool,
    ehlo: str | None,
    contact: str | None,
) -> Look:
    """Make the look. Nothing that a server or a network does raises an error.

    `ehlo`: the name that EHLO and LHLO give. None: our address, then a fixed name where a server refuses it.
    `contact`: what IMAP's ID says where the server lists it. None: nothing.
    """
    target, loop = request.target, asyncio.get_running_loop()
    observed_at = clock()
    handshake = Handshake(request.offer, server_name=target.server_name, limit=limits.answer_bytes, shares=_SHARES)
    hello = last_resort.contain(handshake.start, partial(_give_up, handshake))
    if handshake.is_done:
        return Look(request, observed_at, handshake.answer)
    port = target.connect_to[1] if target.connect_to else target.port
    ends_at = loop.time() + limits.total_seconds
    dialogue = _Dialogue(
        target, handshake, hello, limits=limits, ends_at=ends_at, keep_bytes=keep_bytes, ehlo=ehlo, contact=contact
    )
    started = perf_counter()
    try:
        async with asyncio.timeout(min(limits.connect_seconds, limits.total_seconds)) as waiting:
            await loop.create_connection(lambda: dialogue, request.address, port)
    except OSError as error:
        # A time limit of ours is a TimeoutError, and so is ETIMEDOUT, the operating system's.
        if waiting.expired():
            answer = Answer("timeout", "connect", f"not connected within {limits.connect_seconds:g} s")
        else:
            answer = _not_connected(error)
        return Look(request, observed_at, answer)
    connect_ms = (perf_counter() - started) * 1000
    try:
        await dialogue.ended
    finally:
        dialogue.close()
    return Look(
        request,
        observed_at,
        dialogue.answer(),
        connect_ms=connect_ms,
        answer_ms=dialogue.answer_ms,
        sent=bytes(dialogue.sent) if keep_bytes else None,
        received=bytes(dialogue.received) if keep_bytes else None,
        is_connected=True,
    )


class _Dialogue(asyncio.Protocol):
    """Passes bytes between one connection and `Upgrade`, then `Handshake`, and measures time."""

    def __init__(
        self,
        target: Target,
        handshake: Handshake,
        hello: bytes,
        *,
        limits: Limits,
        ends_at: float,
        keep_bytes: bool,
        ehlo: str | None,
        contact: str | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self.answer_ms: float | None = None
        self.sent, self.received = bytearray(), bytearray()
        self._target, self._limits, self._ends_at = target, limits, ends_at
        self._handshake, self._hello = handshake, hello
        self._upgrade: Upgrade | None = None
        self._speaker: Upgrade | Handshake = handshake
        self._keep_bytes, self._ehlo, self._contact = keep_bytes, ehlo, contact
        self._hello_at = 0.0
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def answer(self) -> Answer:
        """How the look ended so far."""
        if self._upgrade is not None and self._upgrade.outcome != "ok":
            return Answer(self._upgrade.outcome, "upgrade", self._upgrade.reason)
        return self._handshake.answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # `create_connection` makes stream transports; those of uvloop are not a subclass.
        self._transport = cast("asyncio.Transport", transport)
        if self._target.scheme not in UPGRADES:
            self._send_hello()
            return
        own = transport.get_extra_info("sockname")
        upgrade = self._speaker = self._upgrade = Upgrade(
            self._target.scheme,
            host=self._target.host,
            client_name=self._ehlo or _address_literal(own[0] if own else "127.0.0.1"),
            second_name=None if self._ehlo else _SECOND_NAME,
            contact=self._contact,
            limit=self._limits.upgrade_bytes,
        )
        self._start_timer(self._limits.upgrade_seconds, "the dialogue before TLS")
        self._transport.write(last_resort.contain(upgrade.start, partial(_give_up, upgrade)))
        if upgrade.is_done:
            self._end()

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if self.ended.done():
            return
        speaker = self._speaker
        reply = last_resort.contain(lambda: speaker.receive(data), partial(_give_up, speaker))
        if speaker is self._handshake and self._keep_bytes:
            self.received += data
            self.sent += reply
        self._transport.write(reply)
        if speaker is self._upgrade and speaker.outcome == "ok":
            if speaker.reason is not None:
                self._handshake.answer.note(speaker.reason)
            self._send_hello()
        elif speaker.is_done:
            self._end()

    def eof_received(self) -> None:
        self._speaker.receive_eof()
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            self._speaker.receive_eof()
        elif isinstance(exc, OSError):
            self._speaker.receive_reset()
        else:
            # An error of this program, so it must not count as the server's behaviour.
            self._speaker.abandon(last_resort.OUTCOME, last_resort.explain(exc))
        self._end()

    def close(self) -> None:
        """Close the connection after sending what was written; abort it where the look was given up."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is None:
            return
        if self.answer().outcome in (None, "timeout", "too_large"):
            self._transport.abort()
        else:
            self._transport.close()

    def _send_hello(self) -> None:
        assert self._transport is not None
        self._speaker = self._handshake
        self._start_timer(self._limits.answer_seconds, "the answer to the hello")
        if self._keep_bytes:
            self.sent += self._hello
        self._hello_at = perf_counter()
        self._transport.write(self._hello)

    def _start_timer(self, seconds: float, what: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        left = self._ends_at - self._loop.time()
        reason = (
            f"{what} was not complete within {seconds:g} s"
            if seconds <= left
            else f"the whole look was not complete within {self._limits.total_seconds:g} s"
        )
        self._timer = self._loop.call_later(min(seconds, left), self._expire, reason)

    def _expire(self, reason: str) -> None:
        self._speaker.abandon("timeout", reason)
        self._end()

    def _end(self) -> None:
        if not self.ended.done():
            if self._handshake.answer.outcome == "ok":
                self.answer_ms = (perf_counter() - self._hello_at) * 1000
            self.ended.set_result(None)


@lru_cache(maxsize=256)
def _address_literal(address: str) -> str:
    """The address as EHLO gives it, which discloses no host name (RFC 5321, 4.1.3)."""
    own = ipaddress.ip_address(address.partition("%")[0])
    return f"[{own}]" if own.version == 4 else f"[IPv6:{own}]"


def _give_up(speaker: Upgrade | Handshake, reason: str) -> bytes:
    """End the dialogue after an error of this program: nothing more is sent, and what was seen before is kept."""
    speaker.abandon(last_resort.OUTCOME, reason)
    return b""


def _not_connected(error: OSError) -> Answer:
    outcome = _OUTCOMES.get(error.errno or 0, "unreachable")
    words = os.strerror(error.errno) if error.errno else str(error)
    return Answer(outcome, "connect", _NO_ROOM.format(words) if outcome == "skipped" else words)
