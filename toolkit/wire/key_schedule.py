"""The key schedule of TLS 1.3 from the bytes of a handshake and its shared secret (RFC 8446, sections 7.1 and 7.3).

Contract: bytes that are not such a handshake, or a wrong secret, raise `UsageError`, which says what is missing. Keys
without a pre-shared key and without a HelloRetryRequest are derived.
"""

from dataclasses import dataclass, replace
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from toolkit.errors import UsageError
from toolkit.wire import messages
from toolkit.wire.cursor import MalformedError
from toolkit.wire.keys import IV_SIZE, SUITES, Protection, expand_label, protection
from toolkit.wire.messages import RETRY_RANDOM
from toolkit.wire.records import APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, NotTlsError, Records, record
from toolkit.wire.versions import TLS13, chosen_version

_PRE_SHARED_KEY: Final = 41
_CLIENT_HELLO: Final = 1
_EXPAND: Final = "HKDF-Expand-Label"
_HELLOS, _FLIGHT = "ClientHello to ServerHello", "ClientHello to Finished of the server"


@dataclass(frozen=True, slots=True)
class Step:
    """One derivation. None: an extraction has no label, and a value whose transcript is incomplete is not known."""

    name: str
    derived_from: str | None
    operation: str
    label: str | None
    transcript: str | None
    input: bytes | None
    length: int
    value: bytes | None
    section: str


class _Steps:
    """The steps so far, with the hash of the suite."""

    def __init__(self, algorithm: hashes.HashAlgorithm) -> None:
        self.made: list[Step] = []
        self.value: dict[str, bytes | None] = {}
        self._hash = algorithm

    def extract(self, name: str, salt: str | None, secret: bytes) -> None:
        size = self._hash.digest_size
        key = bytes(size) if salt is None else self.value[salt]
        value = None if key is None else HKDF.extract(self._hash, key, secret)
        self._add(Step(name, salt, "HKDF-Extract", None, None, secret, size, value, "RFC 8446, 7.1"))

    def derive(self, name: str, secret: str, label: str, content: bytes | None, transcript: str | None = None) -> None:
        """Derive-Secret: the context is the hash of the messages, which are None where they are incomplete."""
        context = None
        if content is not None:
            digest = hashes.Hash(self._hash)
            digest.update(content)
            context = digest.finalize()
        step = Step(name, secret, _EXPAND, label, transcript, context, self._hash.digest_size, None, "RFC 8446, 7.1")
        self._expand(step)

    def expand(self, name: str, secret: str, label: str, size: int, section: str) -> None:
        """An expansion without a context."""
        self._expand(Step(name, secret, _EXPAND, label, None, b"", size, None, section))

    def add_traffic(self, secret: str, name: str, key_size: int) -> None:
        """The key and the IV of one direction."""
        self.expand(f"{name}_key", secret, "key", key_size, "RFC 8446, 7.3")
        self.expand(f"{name}_iv", secret, "iv", IV_SIZE, "RFC 8446, 7.3")

    def _expand(self, step: Step) -> None:
        secret = self.value[step.derived_from or ""]
        if secret is not None and step.input is not None:
            value = expand_label(secret, (step.label or "").encode(), step.input, step.length, self._hash)
            step = replace(step, value=value)
        self._add(step)

    def _add(self, step: Step) -> None:
        self.value[step.name] = step.value
        self.made.append(step)


def derive_keys(sent: bytes, answer: bytes, shared: bytes) -> tuple[Step, ...]:
    """Each step from the early secret to the application keys, in an order in which each needs only earlier ones."""
    client_hello = _first_message(sent, _CLIENT_HELLO, "The sent bytes")
    server_hello = _first_message(answer, messages.SERVER_HELLO, "The answer")
    suite = _suite(server_hello)
    _, key_size, algorithm = SUITES[suite]
    hellos, zeros = client_hello + server_hello, bytes(algorithm.digest_size)
    steps = _Steps(algorithm)
    steps.extract("early_secret", None, zeros)
    steps.derive("early_derived_secret", "early_secret", "derived", b"")
    steps.extract("handshake_secret", "early_derived_secret", shared)
    for side in ("client", "server"):
        secret = f"{side}_handshake_traffic_secret"
        steps.derive(secret, "handshake_secret", f"{side[0]} hs traffic", hellos, _HELLOS)
        steps.add_traffic(secret, f"{side}_handshake", key_size)
        steps.expand(f"{side}_finished_key", secret, "finished", algorithm.digest_size, "RFC 8446, 4.4.4")
    flight = _decrypt(answer, _protection(suite, steps.value))[1]
    steps.derive("handshake_derived_secret", "handshake_secret", "derived", b"")
    steps.extract("master_secret", "handshake_derived_secret", zeros)
    for side in ("client", "server"):
        secret = f"{side}_application_traffic_secret"
        whole = None if flight is None else hellos + flight
        steps.derive(secret, "master_secret", f"{side[0]} ap traffic", whole, _FLIGHT)
        steps.add_traffic(secret, f"{side}_application", key_size)
    return tuple(steps.made)


def decrypt_answer(answer: bytes, key: bytes, iv: bytes) -> bytes:
    """The records of the answer with the server's flight in the clear, as TLS 1.2 would send it."""
    suite = _suite(_first_message(answer, messages.SERVER_HELLO, "The answer"))
    if (len(key), len(iv)) != (SUITES[suite][1], IV_SIZE):
        raise UsageError(
            f"A key of {len(key)} bytes and an IV of {len(iv)} bytes do not fit the suite of this answer: "
            "give the keys that derive_keys returns for it."
        )
    return _decrypt(answer, protection(suite, key, iv))[0]


def _protection(suite: int, value: dict[str, bytes | None]) -> Protection:
    key, iv = value["server_handshake_key"], value["server_handshake_iv"]
    if key is None or iv is None:
        raise TypeError("the handshake keys depend on the hellos alone, which are complete")
    return protection(suite, key, iv)


def _decrypt(answer: bytes, keys: Protection) -> tuple[bytes, bytes | None]:
    """The records decrypted, and the messages of the flight, None where its Finished is missing."""
    records, done, plain, flight = Records(), 0, [], _DecryptedFlight()
    records.feed(answer)
    try:
        while (found := records.next()) is not None:
            kind, content = found
            done += 5 + len(content)
            if kind == APPLICATION_DATA and not flight.is_finished:
                kind, content = keys.decrypt(content)
                if kind == HANDSHAKE:
                    flight.add(content)
            if kind != CHANGE_CIPHER_SPEC:
                plain.append(record(kind, 0x0303, content))
    except (MalformedError, NotTlsError) as error:
        raise UsageError(
            f"The answer cannot be decrypted: {error}. Give the shared secret or the keys of this very handshake."
        ) from error
    return b"".join((*plain, answer[done:])), bytes(flight.messages) if flight.is_finished else None


class _DecryptedFlight:
    """The server's messages up to its Finished."""

    def __init__(self) -> None:
        self.messages, self._read, self.is_finished = bytearray(), 0, False

    def add(self, content: bytes) -> None:
        self.messages += content
        while len(self.messages) >= self._read + 4 and not self.is_finished:
            end = self._read + 4 + int.from_bytes(self.messages[self._read + 1 : self._read + 4])
            if end > len(self.messages):
                return
            self.is_finished = self.messages[self._read] == messages.FINISHED
            self._read = end
        if self.is_finished and self._read < len(self.messages):  # RFC 8446, 5.1
            raise MalformedError("bytes after the Finished in its record")


def _first_message(data: bytes, kind: int, what: str) -> bytes:
    """The first handshake message of the records, with its header."""
    records, content, wanted = Records(), bytearray(), messages.name(kind)
    records.feed(data)
    try:
        while (found := records.next()) is not None and found[0] == HANDSHAKE:
            content += found[1]
            if len(content) >= 4 and len(content) >= (size := 4 + int.from_bytes(content[1:4])):
                if content[0] != kind:
                    raise UsageError(f"{what} must begin with a {wanted}, not with a {messages.name(content[0])}.")
                return bytes(content[:size])
    except (MalformedError, NotTlsError) as error:
        raise UsageError(f"{what} must be the records of a handshake: {error}.") from error
    raise UsageError(f"{what} must hold a whole {wanted} in records, as observe(keep_bytes=True) keeps them.")


def _suite(server_hello: bytes) -> int:
    try:
        hello = messages.parse_server_hello(server_hello[4:])
        version = chosen_version(hello)
    except MalformedError as error:
        raise UsageError(f"The answer has no readable ServerHello: {error}.") from error
    if version != TLS13:
        raise UsageError("The answer is not TLS 1.3: older versions have another key schedule.")
    if hello.random == RETRY_RANDOM:
        raise UsageError("The answer begins with a HelloRetryRequest: observe again with a group of the server.")
    if _PRE_SHARED_KEY in hello.extensions:
        raise UsageError("The answer resumes a session: its keys depend on a pre-shared key, which is not known.")
    if hello.suite not in SUITES:
        raise UsageError(f"The answer chose suite 0x{hello.suite:04x}, whose keys cannot be derived here.")
    return hello.suite
