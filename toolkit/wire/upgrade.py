"""The cleartext dialogue before TLS: STARTTLS and similar commands.

This module separates the bytes received into units (lines, messages); the commands and replies are in `dialogues`.
"""

import re
from typing import Final

from toolkit.errors import UsageError
from toolkit.text import not_known
from toolkit.wire.answer import REASON_LIMIT
from toolkit.wire.binary_dialogues import ldap_message
from toolkit.wire.dialogue_state import DialogueState, shown
from toolkit.wire.dialogues import DIALOGUES

LIMIT: Final = 1 << 16
"""Bytes accepted from a server, unless the caller says otherwise."""

_NAME = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}\Z")
_CONTACT = re.compile(r"[!-~](?:[ -~]{0,198}[!-~])?\Z")


def check_client_name(name: str, given: str = "ehlo=") -> None:
    """Raises `UsageError` for a name that EHLO cannot give; `given`: what the user gave it for.

    >>> from toolkit.wire import check_client_name
    >>> check_client_name("client.example")
    >>> check_client_name("two words")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    toolkit.errors.UsageError: ehlo='two words' cannot be given by EHLO: write a host name or an address literal ...
    """
    if not isinstance(name, str) or not _NAME.match(name):
        raise UsageError(
            f"{given}{name!r:.300} cannot be given by EHLO: write a host name or an address literal such as [::1]."
        )


def check_contact(contact: str, given: str = "contact=") -> None:
    """Raises `UsageError` for a contact that does not fit into a command; `given`: what the user gave it for.

    >>> from toolkit.wire import check_contact
    >>> check_contact("mailto:scans@example.org")
    >>> check_contact("two\\nlines")
    Traceback (most recent call last):
    toolkit.errors.UsageError: contact='two\\nlines': write one line of at most 200 printable ASCII characters, such \
as an e-mail address or a URL.
    """
    if not isinstance(contact, str) or not _CONTACT.match(contact):
        raise UsageError(
            f"{given}{contact!r:.300}: write one line of at most 200 printable ASCII characters, such as an e-mail "
            "address or a URL."
        )


class Upgrade:
    """A cleartext dialogue that asks a server to begin TLS.

    Usage: write what `start()` returns (nothing where the server speaks first), then for each piece read, write what
    `receive()` returns, until `is_done`. If `outcome` is `ok`, send the ClientHello now, before reading anything else.
    Otherwise it says why there is no TLS: `deferred`, `rejected`, `no_starttls`, `injected`, `not_tls` (the server does
    not speak the protocol), `too_large`, `closed`, `reset`; the last bytes to send are then QUIT or similar.

    - `scheme`: one of `schemes.UPGRADES`.
    - `host`: the name of the host, which XMPP sends.
    - `client_name`: the name that EHLO and LHLO give: a host name or an address literal (RFC 5321, 4.1.1.1).
    - `second_name`: given in the same session where the first name is refused; None: none.
    - `contact`: how to reach those who observe, said by IMAP's ID where the server lists it (RFC 2971); no other
      dialogue has a place for it. None: it is not said.
    - `limit`: bytes accepted before the outcome is `too_large`.

    Raises `UsageError` for another scheme, and for a name or a contact that does not fit into a command.

    >>> from toolkit.wire import Upgrade
    >>> upgrade = Upgrade("smtp", host="mx.example.org", client_name="client.example")
    >>> upgrade.start(), upgrade.receive(b"220 mx ESMTP\\r\\n")
    (b'', b'EHLO client.example\\r\\n')
    >>> upgrade.receive(b"250 mx\\r\\n"), upgrade.outcome, upgrade.reason
    (b'STARTTLS\\r\\n', None, None)
    >>> upgrade.receive(b"502 5.5.1 not implemented\\r\\n"), upgrade.outcome, upgrade.reason
    (b'QUIT\\r\\n', 'no_starttls', 'EHLO did not list STARTTLS; 502 5.5.1 not implemented')
    """

    def __init__(
        self,
        scheme: str,
        *,
        host: str,
        client_name: str,
        second_name: str | None = None,
        contact: str | None = None,
        limit: int = LIMIT,
    ) -> None:
        if scheme not in DIALOGUES:
            raise UsageError(not_known("scheme with an upgrade to TLS ", scheme, DIALOGUES))
        names = (client_name,) if second_name is None else (client_name, second_name)
        for name in names:
            check_client_name(name)
        if contact is not None:
            check_contact(contact)
        dialogue, self._unit, self._quit = DIALOGUES[scheme]
        self.host = host
        self._state = DialogueState(names, host, contact)
        self._dialogue = dialogue(self._state)
        self._buffer = bytearray()
        self._limit, self._accepted = limit, 0
        self._outcome: str | None = None
        self._reason: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether the dialogue has ended, see `outcome`."""
        return self._outcome is not None

    @property
    def outcome(self) -> str | None:
        """`ok`, or why there is no TLS (`schema.OUTCOMES`); None until the dialogue has ended."""
        return self._outcome

    @property
    def reason(self) -> str | None:
        """The reply that explains the outcome, at most 400 characters; with `ok`, a remark. None: nothing to add."""
        return self._reason

    def start(self) -> bytes:
        """The bytes to send first; empty where the server greets first."""
        return next(self._dialogue)

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the server and return the bytes to send now. After the end, bytes are ignored."""
        if self.is_done:
            return b""
        room = self._limit - self._accepted
        self._accepted += len(data)
        self._buffer += data[:room]
        reply = b""
        while not self.is_done and (unit := self._next()) is not None:
            try:
                reply += self._dialogue.send(unit)
            except StopIteration as end:
                reply += self._conclude(*end.value)
        if len(data) > room and not self.is_done:
            self._end("too_large", f"more than {self._limit} bytes before TLS: {shown(bytes(self._buffer[:80]))}")
        return reply

    def receive_eof(self) -> None:
        """The server closed the stream.

        >>> from toolkit.wire import Upgrade
        >>> upgrade = Upgrade("imap", host="mx.example.org", client_name="client.example")
        >>> upgrade.receive_eof()
        >>> upgrade.outcome, upgrade.reason
        ('closed', 'the connection ended after 0 bytes, before TLS')
        """
        self.abandon("closed", f"the connection ended after {self._accepted} bytes, before TLS")

    def receive_reset(self) -> None:
        """The connection was reset.

        >>> from toolkit.wire import Upgrade
        >>> upgrade = Upgrade("imap", host="mx.example.org", client_name="client.example")
        >>> upgrade.receive_reset()
        >>> upgrade.outcome
        'reset'
        """
        self.abandon("reset", f"the connection was reset after {self._accepted} bytes, before TLS")

    def abandon(self, outcome: str, reason: str) -> None:
        """The caller gives up, mostly with `timeout`; does nothing once the dialogue has ended.

        >>> from toolkit.wire import Upgrade
        >>> upgrade = Upgrade("imap", host="mx.example.org", client_name="client.example")
        >>> upgrade.abandon("timeout", "no greeting within 10 s")
        >>> upgrade.outcome, upgrade.reason
        ('timeout', 'no greeting within 10 s')
        """
        if self.is_done:
            return
        if self._state.refusal is not None:  # the server was asked once more, and its first refusal counts
            outcome, words = self._state.refusal
            reason = f"{words}; then {reason}"
        self._end(outcome, reason)

    def _next(self) -> bytes | None:
        """The next unit, removed from the buffer; None until it is complete."""
        size: int | None
        if self._unit == "line":
            size = self._buffer.find(b"\n") + 1 or None
        elif self._unit == "message":
            size = ldap_message(self._buffer)
            if size == 0:
                self._end("not_tls", f"not LDAP: {shown(bytes(self._buffer[:80]))}")
                return None
            if size is not None and size > self._limit:
                self._end("too_large", f"an LDAP message of {size} bytes announced")
                return None
        else:
            size = 1 if self._buffer else None
        if size is None or len(self._buffer) < size:
            return None
        unit = bytes(self._buffer[:size])
        del self._buffer[:size]
        return unit.rstrip(b"\r\n") if self._unit == "line" else unit

    def _conclude(self, outcome: str, reason: str | None) -> bytes:
        if outcome == "ok" and self._buffer:  # bytes injected before TLS must not be read as part of TLS
            outcome, reason = "injected", f"cleartext after the go-ahead: {shown(bytes(self._buffer[:80]))}"
        self._end(outcome, reason)
        if outcome == "ok":
            return self._state.last_words
        return self._quit if outcome in {"deferred", "rejected", "no_starttls"} else b""

    def _end(self, outcome: str, reason: str | None) -> None:
        words = "; ".join(filter(None, (self._state.remark, reason)))
        self._outcome, self._reason = outcome, words[:REASON_LIMIT] or None
