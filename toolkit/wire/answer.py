"""The result of a handshake: facts, outcome, and faults (rules that a readable flight broke)."""

from dataclasses import dataclass
from typing import Final

FAULTS: Final[dict[str, str]] = {
    "version_not_offered": "the server answered with a version that was not offered",
    "suite_not_offered": "the server answered with a suite that was not offered",
    "suite_of_another_version": "the suite needs another version than the server chose",
    "group_not_offered": "the key exchange uses a group that was not offered",
    "share_unusable": "the key share is not a usable point of its curve or number of its group",
    "key_unfit": "the certificate's key is not of the type that the suite or the signature scheme needs",
    "scheme_not_offered": "the handshake signature uses a scheme that was not offered",
    "scheme_of_another_version": "the handshake signature uses a scheme of another version than the server chose",
    "signature_wrong": "the handshake signature does not verify with the leaf's key",
    "compression_chosen": "the server chose a compression that was not offered",
    "session_id_not_echoed": "the server did not echo the session id (RFC 8446, 4.1.3)",
    "certificate_out_of_place": "the server sent or requested a certificate, but the suite uses none",
    "downgrade_marked": "the server marked a downgrade: it supports a newer version that was offered",
}
"""The closed vocabulary of `Answer.faults`: rules that the server broke in a flight that could still be read."""


REASON_LIMIT: Final = 400
"""Characters kept of a reason, which may quote hostile text."""


@dataclass(slots=True)
class Answer:
    """What is known of a server's first flight. It grows while the flight is read, and is final once `outcome` is set.

    `outcome`: one of `schema.OUTCOMES`; None until the handshake has ended.
    `stage`: the message awaited last: `hello` until the ServerHello, `certificate` until the Certificate, `finished`
        after it.
    `reason`: why, in at most 400 characters; may quote hostile text. None: nothing to add.
    `protocol`: as `schema.PROTOCOLS` writes it; None before the ServerHello.
    `suite_code`: code point of the chosen suite; None before the ServerHello and for SSL 2.0.
    `group_code`: code point of the key exchange's group, also when only a HelloRetryRequest named it, and for
        finite-field parameters that equal a group of RFC 7919. None: static RSA, other parameters, or not reached.
    `signature_scheme_code`: code point of the handshake signature's scheme. None: none, or before TLS 1.2, where
        the key's type decides (RSA: MD5 and SHA-1, others: SHA-1).
    `chain`: DER of each certificate as served, leaf first; empty: none was sent. Of a chain with more than 1,000, the
        first 1,000, and the outcome is `too_large`.
    `is_key_proven`: true: a handshake signature was verified with the leaf's key; false: it was wrong; None: the
        exchange has none (static RSA, anonymous), it was not reached, or it `is_unchecked`.
    `is_unchecked`: the handshake signature has a key or a scheme that cannot be checked here (see `reason`).
    `has_ocsp_staple`: the server sent an OCSP response. `has_sct`: it sent certificate timestamps in an extension.
        None: not reached.
    `alert`: code of the last alert (RFC 8446, 6); None: none was sent.
    `is_retried`: the server sent a HelloRetryRequest.
    `exchange_bits`: size of the finite-field prime, or of the temporary RSA key of an export suite; None: neither.
    `suites`: SSL 2.0 only: the cipher kinds that the server lists (24 bit codes); the client would choose.
    `faults`: keys of `FAULTS`, in order of occurrence.

    >>> from toolkit.wire import Answer
    >>> Answer(), Answer(outcome="ok").is_sound  # doctest: +ELLIPSIS
    (Answer(outcome=None, stage='hello', ...), True)
    """

    outcome: str | None = None
    stage: str = "hello"
    reason: str | None = None
    protocol: str | None = None
    suite_code: int | None = None
    group_code: int | None = None
    signature_scheme_code: int | None = None
    chain: tuple[bytes, ...] = ()
    is_key_proven: bool | None = None
    is_unchecked: bool = False
    has_ocsp_staple: bool | None = None
    has_sct: bool | None = None
    alert: int | None = None
    is_retried: bool = False
    exchange_bits: int | None = None
    suites: tuple[int, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether the whole first flight was read, without a fault."""
        return self.outcome == "ok" and not self.faults

    def note(self, words: str) -> None:
        """Append to the reason.

        >>> from toolkit.wire import Answer
        >>> answer = Answer(reason="one record was empty")
        >>> answer.note("the alert came late")
        >>> answer.reason
        'one record was empty; the alert came late'
        """
        self.reason = (words if self.reason is None else f"{self.reason}; {words}")[:REASON_LIMIT]

    def add_fault(self, fault: str, detail: str = "") -> None:
        """Add a fault, once.

        >>> from toolkit.wire import Answer
        >>> answer = Answer()
        >>> answer.add_fault("suite_not_offered", " (0x0005)")
        >>> answer.faults, answer.reason
        (('suite_not_offered',), 'the server answered with a suite that was not offered (0x0005)')
        """
        if fault not in self.faults:
            self.faults += (fault,)
            self.note(f"{FAULTS[fault]}{detail}")
