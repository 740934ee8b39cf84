"""The opening of a handshake, from the ClientHello to the end of the server's first flight.

Steps: `records` are separated, alerts and ChangeCipherSpec handled, handshake messages assembled. The ServerHello is
read here, the messages after it in `flights`. Exceptions of the parsers become outcomes; none leaves this module.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm

from toolkit.reference import Offer, suites
from toolkit.wire import alerts, messages, ssl2
from toolkit.wire.answer import Answer
from toolkit.wire.cursor import Cursor, MalformedError, TooLargeError
from toolkit.wire.flights import ClassicFlight, Flight, Tls13Flight
from toolkit.wire.groups import Entropy, Share, can_share, make_shares
from toolkit.wire.hello import (
    CODES,
    COOKIE,
    KEY_SHARE,
    PROTOCOLS,
    SIGNED_CERTIFICATE_TIMESTAMP,
    check_server_name,
    client_hello,
    obstacle,
)
from toolkit.wire.keys import HandshakeKeys, can_decrypt, derive, hash_name
from toolkit.wire.messages import RETRY_RANDOM, ServerHello
from toolkit.wire.records import (
    ALERT,
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    HANDSHAKE,
    NotTlsError,
    Records,
    record,
)
from toolkit.wire.versions import TLS13, chosen_version, fits, is_downgrade

LIMIT: Final = 1 << 18
"""Bytes accepted from a server, unless the caller says otherwise."""

_COMPATIBLE: Final = record(CHANGE_CIPHER_SPEC, 0x0303, b"\x01")  # RFC 8446, D.4


class Handshake:
    """The opening of a TLS handshake: `start()` gives the hello, `receive()` takes what the server sends.

    Usage: write what `start()` returns; then for each piece read, write what `receive()` returns (mostly nothing; the
    second hello after a HelloRetryRequest, and the closure alerts at the end), until `is_done`; then close. At the end
    of the stream call `receive_eof()`, at a reset `receive_reset()`, and when the time is up
    `abandon("timeout", reason)`. Nothing raises for what a server sends; `answer` has the result.

    The closure alerts are `user_canceled` and `close_notify`, encrypted in TLS 1.3; SSL 3.0 has only `close_notify`.

    - `offer`: what the hello offers; `dataclasses.replace(offer, …)` makes variants (one suite, no key share, …). Key
      shares of groups that are not offered are left out. `versions=("SSL 2.0",)` sends an SSL 2.0 CLIENT-HELLO. For an
      offer that cannot be made, `start()` returns nothing and the outcome is `cannot_offer`. So is the outcome of a
      TLS 1.3 answer that needs a key share or a suite that is not available here.
    - `server_name`: host name for SNI; None: no SNI. An address is a `UsageError` (RFC 6066, 3).
    - `limit`: bytes accepted before the outcome is `too_large`.
    - `entropy`: called for the client random (32 bytes; SSL 2.0: 16), then the session id (32 bytes, with TLS 1.3),
      then the private keys in the order of the offer's key shares. The same bytes give the same hello, so a recorded
      flight can be read again.
    - `shares`: makes the key shares; a `SharePool` hands out the same ones to several handshakes.

    >>> from toolkit.wire import Handshake
    >>> from toolkit.reference import offers
    >>> handshake = Handshake(offers()["any"], server_name="mx.example.org")
    >>> hello = handshake.start()
    >>> handshake.receive(bytes.fromhex("15 0301 0002 02 46"))
    b''
    >>> handshake.answer.outcome, handshake.answer.reason
    ('refused', 'alert protocol_version (70)')
    >>> late, reset, ended = (Handshake(offers()["any"], server_name=None) for _ in range(3))
    >>> late.abandon("timeout", "no answer within 10 s"), reset.receive_reset(), ended.receive_eof()
    (None, None, None)
    >>> late.answer.outcome, reset.answer.outcome, ended.answer.outcome
    ('timeout', 'reset', 'closed')
    """

    def __init__(
        self,
        offer: Offer,
        *,
        server_name: str | None,
        limit: int = LIMIT,
        entropy: Entropy = os.urandom,
        shares: Callable[[Iterable[int], Entropy], dict[int, Share]] = make_shares,
    ) -> None:
        if server_name is not None:
            check_server_name(server_name)
        self._offer, self._server_name, self._limit = offer, server_name, limit
        self._entropy, self._make_shares = entropy, shares
        self._answer = Answer()
        self._accepted = 0
        self._reply: list[bytes] = []
        self._records = Records()
        self._old_hello = bytearray() if offer.versions == ("SSL 2.0",) else None
        self._pending = bytearray()
        self._random = self._session_id = self._transcript = b""
        self._shares: dict[int, Share] = {}
        self._retry: ServerHello | None = None
        self._version = 0
        self._flight: Flight | None = None
        self._keys: HandshakeKeys | None = None

    @property
    def is_done(self) -> bool:
        """Whether the handshake has ended: write what the last call returned, and close."""
        return self._answer.outcome is not None

    @property
    def answer(self) -> Answer:
        """What is known so far."""
        return self._answer

    def start(self) -> bytes:
        """The ClientHello, to be sent first."""
        offer = self._offer
        if (why_not := obstacle(offer)) is not None:
            self._end("cannot_offer", why_not)
            return b""
        try:
            return self._first_hello()
        except OverflowError:
            self._end("cannot_offer", "a number or a list of the offer does not fit into its field of the hello")
        except UnsupportedAlgorithm as error:
            self._end("cannot_offer", f"a key share cannot be made by the installed cryptography ({error})")
        return b""

    def _first_hello(self) -> bytes:
        offer = self._offer
        if self._old_hello is not None:
            challenge = self._entropy(16)
            self._random = challenge.rjust(32, b"\0")  # RFC 5246, E.2: the random for a newer server
            return ssl2.client_hello(offer.suites, challenge)
        self._random = self._entropy(32)
        if "TLS 1.3" in offer.versions:
            self._session_id = self._entropy(32)  # RFC 8446, D.4
            self._shares = self._make_shares([code for code in offer.key_shares if code in offer.groups], self._entropy)
        # RFC 8446, 5.1 and RFC 5246, E.1: the first record has the oldest version, with any offer.
        return self._hello("SSL 3.0" if offer.versions == ("SSL 3.0",) else "TLS 1.0")

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the server and return the bytes to send now. After the end, bytes are ignored."""
        if self.is_done:
            return b""
        room = self._limit - self._accepted
        self._accepted += len(data)
        try:
            self._read(data[:room])
        except MalformedError as error:
            self._end("malformed", str(error))
        except NotTlsError as error:
            self._end("not_tls", str(error))
        except TooLargeError as error:
            self._end("too_large", str(error))
        if len(data) > room and not self.is_done:
            self._end("too_large", f"more than {self._limit} bytes before the flight was complete")
        reply = b"".join(self._reply)
        self._reply.clear()
        return reply

    def receive_eof(self) -> None:
        """The server closed the stream: `closed`, or `refused` if it sent an alert before."""
        self._end_of_stream("closed", "the connection ended")

    def receive_reset(self) -> None:
        """The connection was reset: `reset`, or `refused` if the server sent an alert before."""
        self._end_of_stream("reset", "the connection was reset")

    def abandon(self, outcome: str, reason: str) -> None:
        """The caller gives up, mostly with `timeout`; does nothing once the handshake has ended."""
        if not self.is_done:
            self._end(outcome, reason)

    def _hello(self, record_version: str) -> bytes:
        cookie = self._retry.extensions.get(COOKIE) if self._retry else None
        message = client_hello(
            self._offer,
            self._server_name,
            random=self._random,
            session_id=self._session_id,
            shares=self._shares,
            cookie=cookie,
        )
        self._transcript += message
        return record(HANDSHAKE, CODES[record_version], message)

    def _read(self, data: bytes) -> None:
        if self._old_hello is not None and self._read_old(self._old_hello, data):
            return
        self._records.feed(data)
        while not self.is_done and (found := self._records.next()) is not None:
            kind, content = found
            if self._keys is not None and kind == APPLICATION_DATA:
                kind, content = self._keys.server.decrypt(content)
                if kind == CHANGE_CIPHER_SPEC:
                    raise MalformedError("an encrypted ChangeCipherSpec")
            elif self._keys is not None and kind == HANDSHAKE:
                raise MalformedError("a cleartext handshake message after the ServerHello")
            if kind == HANDSHAKE:
                self._read_handshake(content)
            elif kind == ALERT:
                self._read_alerts(content)
            elif kind == CHANGE_CIPHER_SPEC and self._is_compatible(content):
                continue
            else:
                raise MalformedError(f"a record of type {kind} before the flight was complete")

    def _read_old(self, buffer: bytearray, data: bytes) -> bool:
        """Whether the server answers in SSL 2.0; a TLS alert is read as usual."""
        buffer += data
        if not buffer or not ssl2.is_record(buffer[0]):
            return False
        if (parsed := ssl2.parse_answer(buffer)) is not None:
            self._answer.protocol = "SSL 2.0"
            if isinstance(parsed, str):
                self._end("refused", parsed)
            else:
                self._answer.chain, self._answer.suites, self._answer.stage = parsed.chain, parsed.suites, "finished"
                self._answer.has_ocsp_staple = self._answer.has_sct = False
                self._end("ok")
        return True

    def _is_compatible(self, content: bytes) -> bool:
        """RFC 8446, 5 and D.4: a ChangeCipherSpec of TLS 1.3 is ignored."""
        return (self._keys is not None or self._retry is not None) and content == b"\x01" and not self._pending

    def _read_alerts(self, content: bytes) -> None:
        if len(content) % 2:
            raise MalformedError(f"an alert of {len(content)} bytes")
        for level, code in zip(content[::2], content[1::2], strict=True):
            self._answer.alert = code
            # In TLS 1.3 the level has no meaning (RFC 8446, 6); before, the flight may follow a warning such as
            # unrecognized_name.
            if level != alerts.WARNING or code == alerts.CLOSE_NOTIFY or self._version == TLS13:
                if code == alerts.USER_CANCELED:
                    continue
                self._end("refused", f"alert {alerts.name(code)}")
                return

    def _read_handshake(self, content: bytes) -> None:
        pending = self._pending
        pending += content
        while len(pending) >= 4 and not self.is_done:
            size = 4 + (pending[1] << 16 | pending[2] << 8 | pending[3])
            if size > self._limit:
                self._end("too_large", f"{messages.name(pending[0])} of {size} bytes announced")
            if len(pending) < size:
                return
            message = bytes(pending[:size])
            del pending[:size]
            kind = message[0]
            if kind == messages.HELLO_REQUEST and self._version != TLS13 and size == 4:
                continue  # RFC 5246, 7.4.1.1: ignored during a handshake
            if self._flight is not None:
                if self._flight.read(kind, message):
                    self._end("ok")
            elif kind == messages.SERVER_HELLO:
                self._read_server_hello(message)
            else:
                raise MalformedError(f"{messages.name(kind)} where the ServerHello was due")

    def _read_server_hello(self, message: bytes) -> None:
        hello = messages.parse_server_hello(message[4:])
        answer, offer = self._answer, self._offer
        version = self._version = chosen_version(hello)
        answer.protocol, answer.suite_code = PROTOCOLS[version], hello.suite
        if answer.protocol not in offer.versions:
            answer.add_fault("version_not_offered", f" ({answer.protocol})")
        if hello.suite not in offer.suites:
            answer.add_fault("suite_not_offered", f" (0x{hello.suite:04x})")
        if hello.compression:
            answer.add_fault("compression_chosen", f" ({hello.compression})")
        suite = suites().get(hello.suite)
        if suite is not None and suite.versions and not fits(suite.versions[0], version):
            answer.add_fault("suite_of_another_version", f" ({suite.name})")
        if version == TLS13:
            self._read_hello_13(hello, message)
            return
        if self._retry is not None:
            raise MalformedError(f"{answer.protocol} after a HelloRetryRequest")
        if is_downgrade(hello.random[-8:], version, offer.versions):
            answer.add_fault("downgrade_marked")
        answer.has_sct = bool(hello.extensions.get(SIGNED_CERTIFICATE_TIMESTAMP))
        answer.stage = "certificate"
        self._flight = ClassicFlight(answer, offer, version, self._random + hello.random, suite)

    def _read_hello_13(self, hello: ServerHello, message: bytes) -> None:
        answer = self._answer
        if "TLS 1.3" not in self._offer.versions:
            raise MalformedError("TLS 1.3, which was not offered")
        if self._pending:  # RFC 8446, 5.1: messages must not span key changes
            raise MalformedError("bytes after the ServerHello in its record")
        if hello.session_id != self._session_id:
            answer.add_fault("session_id_not_echoed")
        if self._retry is not None and hello.suite != self._retry.suite:  # RFC 8446, 4.1.4
            raise MalformedError("another suite than in the HelloRetryRequest")
        if hello.random == RETRY_RANDOM:
            self._answer_retry(hello, message)
            return
        self._transcript += message
        share = Cursor(hello.extensions.get(KEY_SHARE, b""), "the key share")
        group, peer = share.number(2), share.vector(2)
        share.finish()
        answer.group_code = group
        if group not in self._offer.groups:
            answer.add_fault("group_not_offered", f" (0x{group:04x})")
        if group not in self._shares:
            raise MalformedError(f"a key share of group 0x{group:04x}, of which none was sent")
        shared = self._shares[group].agree(peer)
        answer.stage = "certificate"
        if not self._can_continue(hello.suite):
            return
        transcript = hashlib.new(hash_name(hello.suite), self._transcript)
        self._keys = derive(hello.suite, shared, transcript.digest())
        self._flight = Tls13Flight(answer, self._offer, self._keys, transcript)

    def _answer_retry(self, retry: ServerHello, message: bytes) -> None:
        """Send the second ClientHello (RFC 8446, 4.1.2 and 4.1.4)."""
        answer, offer = self._answer, self._offer
        if self._retry is not None:
            raise MalformedError("a second HelloRetryRequest")
        answer.is_retried = True
        if (selected := retry.extensions.get(KEY_SHARE)) is not None:
            if len(selected) != 2:
                raise MalformedError("the HelloRetryRequest's key share is not a group")
            group = answer.group_code = int.from_bytes(selected)
            if group not in offer.groups:
                answer.add_fault("group_not_offered", f" (0x{group:04x})")
                raise MalformedError("a HelloRetryRequest for a group that was not offered")
            if group in self._shares:
                raise MalformedError("a HelloRetryRequest for a share that was sent")
            if not can_share(group):
                self._end(
                    "cannot_offer", f"the server asks for a key share of group 0x{group:04x}, which cannot be made here"
                )
                return
            self._shares = self._make_shares([group], self._entropy)
        elif COOKIE not in retry.extensions:
            raise MalformedError("a HelloRetryRequest that changes nothing")
        if not self._can_continue(retry.suite):
            return
        cookie = retry.extensions.get(COOKIE)
        if cookie is not None:
            framed = Cursor(cookie, "the cookie")
            retry.extensions[COOKIE] = framed.vector(2)
            framed.finish()
        self._retry = retry
        digest = hashlib.new(hash_name(retry.suite), self._transcript).digest()
        self._transcript = bytes((messages.MESSAGE_HASH, 0, 0, len(digest))) + digest + message
        try:
            self._reply += [_COMPATIBLE, self._hello("TLS 1.2")]
        except OverflowError as error:
            size = len(retry.extensions.get(COOKIE, b""))
            raise MalformedError(f"a HelloRetryRequest's cookie of {size} bytes, too long for a ClientHello") from error

    def _can_continue(self, suite: int) -> bool:
        """Whether records of this TLS 1.3 suite can be decrypted; if not, the handshake ends."""
        if not can_decrypt(suite):
            words = f"records of suite 0x{suite:04x} cannot be decrypted here"
            if {"suite_not_offered", "suite_of_another_version"} & set(self._answer.faults):
                raise MalformedError(words)
            self._end("cannot_offer", words)
        return not self.is_done

    def _end_of_stream(self, outcome: str, words: str) -> None:
        if self.is_done:
            return
        if self._answer.alert is not None:
            self._end("refused", f"alert {alerts.name(self._answer.alert)}, then {words}")
        else:
            where = "in the middle of a record" if self._records.is_midway() else f"after {self._accepted} bytes"
            self._end(outcome, f"{words} {where}")

    def _end(self, outcome: str, reason: str | None = None) -> None:
        self._answer.outcome = outcome
        if reason is not None:
            noted, self._answer.reason = self._answer.reason, None
            self._answer.note(reason if noted is None else f"{reason}; {noted}")
        if outcome in {"ok", "cannot_offer"} and self._version:
            self._reply.append(self._closure_alerts())

    def _closure_alerts(self) -> bytes:
        """RFC 8446, 6.1: the client cancels the handshake, which is not an error. SSL 3.0 has no `user_canceled`."""
        last = bytes((alerts.WARNING, alerts.CLOSE_NOTIFY))
        canceled = bytes((alerts.WARNING, alerts.USER_CANCELED))
        if self._keys is not None:
            protect = self._keys.client.encrypt
            compatible = b"" if self._retry else _COMPATIBLE
            return compatible + protect(ALERT, canceled) + protect(ALERT, last)
        version = min(self._version, CODES["TLS 1.2"])
        first = record(ALERT, version, canceled) if version > CODES["SSL 3.0"] else b""
        return first + record(ALERT, version, last)
