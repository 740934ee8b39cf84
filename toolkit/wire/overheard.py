"""A handshake that others made, from the bytes of both directions: what can be seen without a key.

Contract: sans-IO, as `handshake`. `from_client` and `from_server` take pieces of the two streams in order, each as it
was sent; nothing raises for what is in them. Clear text before TLS (STARTTLS) is passed over: TLS begins where a
piece begins with a hello. Of TLS 1.3 the version, the suite and the group can be seen; the certificate is encrypted.
"""

from datetime import date
from typing import Final

from toolkit.reference import Offer, suites
from toolkit.wire import alerts, messages, ssl2
from toolkit.wire.answer import Answer
from toolkit.wire.cursor import Cursor, MalformedError, TooLargeError
from toolkit.wire.flights import ClassicFlight
from toolkit.wire.handshake import LIMIT
from toolkit.wire.hello import (
    CLIENT_HELLO,
    CODES,
    KEY_SHARE,
    PROTOCOLS,
    SERVER_NAME,
    SIGNATURE_ALGORITHMS,
    SIGNED_CERTIFICATE_TIMESTAMP,
    SUPPORTED_GROUPS,
    SUPPORTED_VERSIONS,
)
from toolkit.wire.messages import RETRY_RANDOM, ServerHello
from toolkit.wire.records import ALERT, CHANGE_CIPHER_SPEC, HANDSHAKE, NotTlsError, Records
from toolkit.wire.versions import TLS13, chosen_version

_NEW_SESSION_TICKET: Final = 4
_DRAFTS: Final = (0x7E, 0x7F)
_LONGEST_CLEAR: Final = 1 << 20
"""Bytes of clear text in one direction after which a connection is not expected to change to TLS."""

_KEPT_CLEAR: Final = 1 << 10

_OLD_HEADER: Final = 11
"""Bytes of a CLIENT-HELLO of SSL 2.0 before the suites: its record, version and three sizes."""


class Overheard:
    """One connection. `is_done`: nothing more can be learned, and further pieces are ignored."""

    __slots__ = (
        "_clear", "_client", "_hello_bytes", "_is_old_hello", "_offer", "_pending", "_random", "_server", "_size",
        "_version", "answer", "clear_text", "flight", "has_hello", "is_done", "is_ended_by", "server_name",
    )  # fmt: skip

    def __init__(self) -> None:
        self.answer = Answer()
        self.server_name: str | None = None
        self.has_hello = False
        """Whether a hello of the client or of the server was seen, so that it is a connection of TLS."""
        self.is_done = False
        self.clear_text = b""
        """The end of what the client sent before its hello."""
        self.flight: ClassicFlight | None = None
        self._client: Records | None = None
        self._server: Records | None = None
        self._hello_bytes = bytearray()
        self._pending = bytearray()
        self._offer: Offer | None = None
        self._random = b""
        self._is_old_hello = False
        self._clear = self._size = self._version = 0

    def from_client(self, piece: bytes) -> None:
        """Take what the client sent."""
        if self.is_done or self._offer is not None:
            return
        if self._client is None:
            if not self.has_hello and is_old_client_hello(piece):
                self.has_hello = self._is_old_hello = True
                self._read_old_hello(piece)
                return
            if not is_client_hello(piece):
                self._pass_over(piece, is_client=True)
                return
            self._client, self.has_hello = Records(), True
        try:
            self._client.feed(piece)
            while self._offer is None and (found := self._client.next()) is not None:
                if found[0] != HANDSHAKE:
                    raise MalformedError(f"a record of type {found[0]} in the hello of the client")
                self._hello_bytes += found[1]
                if len(self._hello_bytes) > LIMIT:
                    raise TooLargeError("the hello of the client is too large")
                self._read_hello()
        except (MalformedError, NotTlsError, TooLargeError, ValueError) as error:
            self.answer.note(f"the hello of the client cannot be read ({error})")
            self._offer = _no_offer()

    def from_server(self, piece: bytes) -> None:
        """Take what the server sent."""
        if self.is_done:
            return
        self._size += len(piece)
        try:
            if self._server is None and not self._begin_server(piece):
                return
            self._read_server(piece)
        except MalformedError as error:
            self.end("malformed", str(error))
        except NotTlsError as error:
            self.end("not_tls", str(error))
        except TooLargeError as error:
            self.end("too_large", str(error))
        if self._size > LIMIT and not self.is_done:
            self.end("too_large", f"more than {LIMIT} bytes before the flight was complete")

    def end(self, outcome: str, reason: str | None = None) -> None:
        """The connection ended, or what follows it is not known; does nothing once the outcome is known."""
        if not self.is_done:
            self.is_done = True
            if self.answer.alert is not None and outcome in {"closed", "reset"}:
                outcome, reason = "refused", f"alert {alerts.name(self.answer.alert)}"
            self.answer.outcome = outcome
            if reason:
                self.answer.note(reason)

    def _begin_server(self, piece: bytes) -> bool:
        """Whether TLS begins with this piece of the server's."""
        if self._is_old_hello and (self._pending or ssl2.is_record(piece[0])):
            self._pending += piece
            parsed = ssl2.parse_answer(self._pending)
            if parsed is not None:
                self.answer.protocol = "SSL 2.0"
                if isinstance(parsed, str):
                    self.end("refused", parsed)
                else:
                    self.answer.chain, self.answer.suites, self.answer.stage = parsed.chain, parsed.suites, "finished"
                    self.end("ok")
            return False
        if not self.has_hello and not is_server_hello(piece):
            self._pass_over(piece, is_client=False)
            return False
        self._server, self.has_hello, self._size = Records(), True, len(piece)
        return True

    def _pass_over(self, piece: bytes, *, is_client: bool) -> None:
        self._clear += len(piece)
        if is_client:
            self.clear_text = (self.clear_text + piece[-_KEPT_CLEAR:])[-_KEPT_CLEAR:]
        if self._clear > _LONGEST_CLEAR:
            self.is_done = True

    def _read_server(self, piece: bytes) -> None:
        assert self._server is not None
        self._server.feed(piece)
        while not self.is_done and (found := self._server.next()) is not None:
            kind, content = found
            if kind == HANDSHAKE:
                self._pending += content
                self._read_messages()
            elif kind == ALERT:
                self._read_alert(content)
            elif kind == CHANGE_CIPHER_SPEC and self.answer.protocol is None and self.answer.suite_code is not None:
                continue  # RFC 8446, D.4: after a HelloRetryRequest
            elif kind == CHANGE_CIPHER_SPEC and self.flight is not None and not self.answer.chain:
                self.end("ok", "the session was resumed, so no certificate was sent")
            elif not (kind == CHANGE_CIPHER_SPEC and self.answer.is_retried):
                raise MalformedError(f"a record of type {kind} before the flight was complete")

    def _read_alert(self, content: bytes) -> None:
        if len(content) != 2:
            raise MalformedError(f"an alert of {len(content)} bytes")
        level, code = content
        self.answer.alert = code
        if level != alerts.WARNING or code == alerts.CLOSE_NOTIFY:
            self.end("refused", f"alert {alerts.name(code)}")

    def _read_messages(self) -> None:
        pending = self._pending
        while len(pending) >= 4 and not self.is_done:
            size = 4 + (pending[1] << 16 | pending[2] << 8 | pending[3])
            if size > LIMIT:
                raise TooLargeError(f"{messages.name(pending[0])} of {size} bytes announced")
            if len(pending) < size:
                return
            message = bytes(pending[:size])
            del pending[:size]
            kind = message[0]
            if kind in (messages.HELLO_REQUEST, _NEW_SESSION_TICKET):
                continue
            if self.flight is not None:
                is_last = self.flight.read(kind, message)
                if not self._random:
                    self._forget_checks()
                if is_last:
                    self.end("ok", None if self._random else "the hello of the client is not known")
            elif kind == messages.SERVER_HELLO:
                self._read_server_hello(message[4:])
            else:
                raise MalformedError(f"{messages.name(kind)} where the ServerHello was due")

    def _forget_checks(self) -> None:
        """Without the hello of the client neither its random, which is signed, nor what it offered is known."""
        self.answer.is_key_proven, self.answer.faults, self.answer.reason = None, (), None

    def _read_server_hello(self, body: bytes) -> None:
        answer = self.answer
        if (
            body[:1] and body[0] in _DRAFTS and len(body) >= 36
        ):  # drafts before 22 had neither session id nor compression
            answer.suite_code = int.from_bytes(body[34:36])
            self.end("ok", f"version 0x{body[:2].hex()}, a draft of TLS 1.3")
            return
        hello = messages.parse_server_hello(body)
        answer.suite_code = hello.suite
        if (selected := hello.extensions.get(SUPPORTED_VERSIONS, b"\3\4"))[:1] and selected[0] in _DRAFTS:
            answer.group_code = _group_of(hello)
            if hello.random != RETRY_RANDOM:
                self.end("ok", f"version 0x{selected.hex()}, a draft of TLS 1.3")
            return
        version = self._version = chosen_version(hello)
        answer.protocol = PROTOCOLS[version]
        if version == TLS13:
            answer.group_code = _group_of(hello)
            if hello.random == RETRY_RANDOM:
                answer.is_retried = True
                answer.note("the server asked for another key share (HelloRetryRequest)")
                return
            answer.stage = "certificate"
            self.end("ok", "TLS 1.3 encrypts the certificate")
            return
        answer.stage = "certificate"
        answer.has_sct = bool(hello.extensions.get(SIGNED_CERTIFICATE_TIMESTAMP))
        offer = self._offer or _no_offer()
        self.flight = ClassicFlight(answer, offer, version, self._random + hello.random, suites().get(hello.suite))

    def _read_hello(self) -> None:
        """RFC 8446, 4.1.2, once it is complete."""
        data = self._hello_bytes
        if len(data) < 4 or len(data) < 4 + int.from_bytes(data[1:4]):
            return
        cursor = Cursor(bytes(data[4 : 4 + int.from_bytes(data[1:4])]), "the ClientHello")
        version, self._random = cursor.number(2), cursor.take(32)
        cursor.vector(1)
        listed = _codes(cursor.vector(2))
        cursor.vector(1)
        extensions: dict[int, bytes] = {}
        if cursor.at < cursor.end:
            inner = Cursor(cursor.vector(2), "the ClientHello")
            while inner.at < inner.end:
                kind = inner.number(2)
                extensions.setdefault(kind, inner.vector(2))
        self.server_name = _server_name(extensions.get(SERVER_NAME, b""))
        offered = _codes(extensions[SUPPORTED_VERSIONS][1:]) if SUPPORTED_VERSIONS in extensions else ()
        versions = offered or tuple(code for code in CODES.values() if CODES["SSL 3.0"] <= code <= version)
        self._offer = _offer(
            versions, listed, _codes(extensions.get(SUPPORTED_GROUPS, b"")[2:]),
            _codes(extensions.get(SIGNATURE_ALGORITHMS, b"")[2:]),
        )  # fmt: skip

    def _read_old_hello(self, piece: bytes) -> None:
        """The hello of SSL 2.0 (RFC 5246, E.2), which may offer newer versions."""
        cursor = Cursor(piece, "the CLIENT-HELLO", 3)
        try:
            version, size, session, challenge = (cursor.number(2) for _ in range(4))
            kinds = cursor.take(size)
            cursor.take(session)
            self._random = cursor.take(challenge).rjust(32, b"\0")
        except MalformedError as error:
            self.answer.note(str(error))
            self._offer = _no_offer()
            return
        listed = tuple(int.from_bytes(kinds[at : at + 3]) for at in range(0, len(kinds) - 2, 3))
        self._offer = _offer(tuple(code for code in CODES.values() if code <= version), listed, (), ())


def is_client_hello(piece: bytes) -> bool:
    """Whether a piece begins with the record of a ClientHello."""
    return piece[:2] == b"\x16\x03" and len(piece) > 5 and piece[5] == CLIENT_HELLO


def is_server_hello(piece: bytes) -> bool:
    """Whether a piece begins with the record of a ServerHello."""
    return piece[:2] == b"\x16\x03" and len(piece) > 5 and piece[5] == messages.SERVER_HELLO


def is_old_client_hello(piece: bytes) -> bool:
    """Whether a piece is a CLIENT-HELLO of SSL 2.0, in one record, whose sizes add up."""
    return len(piece) >= _OLD_HEADER and len(piece) == _size_of_old_hello(piece)


def is_begun_hello(piece: bytes) -> bool:
    """Whether a piece may be the first bytes of a hello, of which too few are there to recognise it."""
    if piece[0] < 0x80:
        return len(piece) <= 5 and b"\x16\x03".startswith(piece[:2])
    if len(piece) >= _OLD_HEADER:
        return len(piece) < _size_of_old_hello(piece)
    return piece[2:3] in (b"", b"\1") and piece[3:4] in (b"", b"\0", b"\3")


def _size_of_old_hello(piece: bytes) -> int:
    """Bytes of the CLIENT-HELLO of SSL 2.0 that a piece begins with, at most 32,769; 0 where it begins with none."""
    if piece[0] < 0x80 or piece[2] != CLIENT_HELLO or piece[3] not in (0, 3):
        return 0
    size = (piece[0] & 0x7F) << 8 | piece[1]
    sizes = sum(int.from_bytes(piece[at : at + 2]) for at in (5, 7, 9))
    return 2 + size if size == 9 + sizes else 0


def _offer(
    versions: tuple[int, ...], listed: tuple[int, ...], groups: tuple[int, ...], schemes: tuple[int, ...]
) -> Offer:
    names = tuple(PROTOCOLS[code] for code in versions if code in PROTOCOLS) or ("TLS 1.2",)
    return Offer("overheard", None, date.min, names, listed, groups, (), schemes, (), "what a client offered")


def _no_offer() -> Offer:
    """In place of a hello that was not seen: nothing is said about what was offered."""
    return _offer((), (), (), ())


def _codes(listed: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(listed[at : at + 2]) for at in range(0, len(listed) - 1, 2))


def _group_of(hello: ServerHello) -> int | None:
    share = hello.extensions.get(KEY_SHARE, b"")
    return int.from_bytes(share[:2]) if len(share) >= 2 else None


def _server_name(extension: bytes) -> str | None:
    """RFC 6066, section 3: the first entry of the type host_name."""
    size = int.from_bytes(extension[3:5])
    name = extension[5 : 5 + size]
    return name.decode("ascii", "replace") or None if extension[2:3] == b"\0" and len(name) == size else None
