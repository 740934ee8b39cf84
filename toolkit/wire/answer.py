"""What came of a hello: the facts, how it ended, and what was wrong though it could be read."""

from dataclasses import dataclass
from typing import Final

FAULTS: Final[dict[str, str]] = {
    "version_not_offered": "the server answered with a version that was not offered",
    "suite_not_offered": "the server answered with a suite that was not offered",
    "suite_of_another_version": "the suite needs another version than the server chose",
    "group_not_offered": "the key exchange uses a group that was not offered",
    "share_unusable": "the key share is no usable point of its curve, or no number of its group",
    "key_unfit": "the certificate's key is not of the kind that the suite or the signature's scheme needs",
    "scheme_not_offered": "the handshake signature uses a scheme that was not offered",
    "scheme_of_another_version": "the handshake signature uses a scheme of another version than the server chose",
    "signature_wrong": "the handshake signature does not verify with the leaf's key",
    "compression_chosen": "the server chose a compression that was not offered",
    "session_id_not_echoed": "the server did not echo the session id (RFC 8446, 4.1.3)",
    "certificate_out_of_place": "a certificate is shown or asked for, which the suite does without",
    "downgrade_marked": "the server marked a downgrade although it knows a newer version that was offered",
}
"""The closed vocabulary of `Answer.faults`: wrong, but readable, so the flight was read on."""


REASON_LIMIT: Final = 400
"""Characters kept of a reason; what is quoted in it is hostile."""


@dataclass(slots=True)
class Answer:
    """What is known of a server's first flight. It grows while the flight is read and stands once the look has ended.

    `outcome`: one of `schema.OUTCOMES`; null until the look has ended.
    `stage`: `hello` until the ServerHello, `certificate` until the Certificate, `finished` after it: what was
        awaited last.
    `reason`: why, in words, at most a few hundred characters; may quote hostile text. Null: nothing to add.
    `protocol`: as `schema.PROTOCOLS` writes it; null before the ServerHello.
    `suite_code`: code point of the suite chosen; null before the ServerHello and for SSL 2.0.
    `group_code`: code point of the key exchange's group, also when only a HelloRetryRequest named it, and for
        finite-field parameters that equal a group of RFC 7919. Null: static RSA, other parameters, or not so far.
    `signature_scheme_code`: code point of the handshake signature's scheme. Null: none, or before TLS 1.2, where
        the key's type decides (RSA: MD5 and SHA-1, others: SHA-1).
    `chain`: DER of each certificate as served, leaf first; empty: none came. Of a chain with more than 1,000, the first
        1,000, and the outcome is `too_large`.
    `is_key_proven`: true: a handshake signature was verified with the leaf's key; false: it was wrong; null: the
        exchange carries none (static RSA, anonymous), it did not come so far, or it `is_unchecked`.
    `is_unchecked`: a handshake signature came whose key or scheme is one that cannot be checked here (`reason` says
        so).
    `has_ocsp_staple`: an OCSP response came; `has_sct`: certificate timestamps came by extension. Null: the flight
        did not come so far.
    `alert`: code of the last alert (RFC 8446, 6); null: none came.
    `is_retried`: a HelloRetryRequest was seen.
    `exchange_bits`: size of the finite-field prime, or of the temporary RSA key of an export suite; null: neither.
    `suites`: SSL 2.0 only: the cipher kinds that the server lists (24 bit codes); the client would choose.
    `faults`: keys of `FAULTS`, in the order met.
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
        """The whole first flight was read and nothing was found wrong in it."""
        return self.outcome == "ok" and not self.faults

    def note(self, words: str) -> None:
        """Add to the reason."""
        self.reason = (words if self.reason is None else f"{self.reason}; {words}")[:REASON_LIMIT]

    def add_fault(self, fault: str, detail: str = "") -> None:
        """Note a fault, once."""
        if fault not in self.faults:
            self.faults += (fault,)
            self.note(f"{FAULTS[fault]}{detail}")
