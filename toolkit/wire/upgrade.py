"""The dialogue in clear text before TLS: STARTTLS and its kin."""

LIMIT = 1 << 16
"""Bytes accepted from a server, unless the caller says otherwise."""


class Upgrade:
    """A clear-text dialogue that asks a server to begin TLS.

    Strategy: write what `start()` returns (nothing where the server speaks first), then for each piece read what
    `receive()` returns, until `is_done`. `outcome` is then `ok` (send the hello now, nothing else may be read
    before) or says why not: `deferred`, `rejected`, `no_starttls`, `injected`, `not_tls` (the server does not speak
    the protocol), `too_large`, `malformed`, `closed`, `reset`.

    `scheme`: one of `targets.UPGRADES`. `host`: the name asked for (none of today's dialogues sends it).
    `client_name`: how EHLO and LHLO introduce us: a host name or an address literal (RFC 5321, 4.1.1.1).
    `limit`: bytes accepted before the dialogue ends as `too_large`.
    """

    def __init__(self, scheme: str, *, host: str, client_name: str, limit: int = LIMIT) -> None:
        raise NotImplementedError

    @property
    def is_done(self) -> bool:
        """The dialogue has ended, see `outcome`."""
        raise NotImplementedError

    @property
    def outcome(self) -> str | None:
        """`ok`, or why there will be no TLS (`schema.OUTCOMES`); null until then."""
        raise NotImplementedError

    @property
    def reason(self) -> str | None:
        """The server's words where they say why, bounded in length; null: nothing to add."""
        raise NotImplementedError

    def start(self) -> bytes:
        """What to send first; empty where the server greets."""
        raise NotImplementedError

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the server; returned are the bytes to send now."""
        raise NotImplementedError

    def receive_eof(self) -> None:
        """The server closed the stream."""
        raise NotImplementedError

    def receive_reset(self) -> None:
        """The connection was reset."""
        raise NotImplementedError

    def abandon(self, outcome: str, reason: str) -> None:
        """The driver gives up, mostly with `timeout`; does nothing once the dialogue has ended."""
        raise NotImplementedError
