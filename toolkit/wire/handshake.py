"""One look at a server from the hello on."""

import os
from collections.abc import Callable

from toolkit.reference import Offer
from toolkit.wire.answer import Answer

LIMIT = 1 << 18
"""Bytes accepted from a server, unless the caller says otherwise."""


class Handshake:
    """The opening of a TLS handshake: `start()` gives the hello, `receive()` takes what the server sends.

    Strategy: write what `start()` returns; then for each piece read, write what `receive()` returns (mostly
    nothing; the second hello after a HelloRetryRequest, and the farewell at the end), until `is_done`; then close.
    At the end of the stream call `receive_eof()`, at a reset `receive_reset()`, and when the time is up
    `abandon("timeout", reason)`. Nothing here raises on what a server sends; `answer` says what came of it.

    The farewell is `user_canceled` and `close_notify`, encrypted in TLS 1.3.

    `offer`: what the hello offers; `dataclasses.replace(offer, …)` makes ad hoc ones (one suite, no key share, …).
    `versions=("SSL 2.0",)` sends an SSL 2.0 CLIENT-HELLO. An offer that cannot be made ends in `cannot_offer`:
    `start()` returns nothing and `is_done` is true at once.
    `server_name`: host name for SNI, null sends none. An address is a `UsageError` (RFC 6066, 3).
    `limit`: bytes accepted before the look ends as `too_large`.
    `entropy`: called for the client random (32), then the session id (32, with TLS 1.3), then the private keys in the
    order of the offer's key shares: the same bytes give the same hello, so a recorded flight can be read again.
    """

    def __init__(
        self,
        offer: Offer,
        *,
        server_name: str | None,
        limit: int = LIMIT,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        raise NotImplementedError

    @property
    def is_done(self) -> bool:
        """The look has ended: write what the last call returned, and close."""
        raise NotImplementedError

    @property
    def answer(self) -> Answer:
        """What is known so far."""
        raise NotImplementedError

    def start(self) -> bytes:
        """The hello, to be sent first."""
        raise NotImplementedError

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the server; returned are the bytes to send now. After the end nothing is read."""
        raise NotImplementedError

    def receive_eof(self) -> None:
        """The server closed the stream: `closed`, or `refused` if its last word was an alert."""
        raise NotImplementedError

    def receive_reset(self) -> None:
        """The connection was reset: `reset`, or `refused` if its last word was an alert."""
        raise NotImplementedError

    def abandon(self, outcome: str, reason: str) -> None:
        """The driver gives up, mostly with `timeout`; does nothing once the look has ended."""
        raise NotImplementedError
