"""What one answer proves about an offer, and what it does not.

`refused` needs proof, which must follow the question and not the form of the hello (`forms`):

- an answer with a lower version;
- an alert that refuses, from a server that reads such hellos. In a chain, the hello before it was accepted and differs
  in one code. At the first hello of a version, `protocol_version` says it; after any other alert shorter hellos are
  tried, unless one as long was accepted in another version;
- the same silence to the question in three forms, with a control between them that is the same hello and holds one
  accepted suite more, and another control when everything was asked. One answer to what was once met with silence, in
  whatever form, and silence proves nothing at the whole address.

Everything else is `untested`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from toolkit import schema
from toolkit.collection.surveys.offers import FILLERS
from toolkit.reference import Group, Offer, SignatureScheme, Suite, groups, signature_schemes, suites
from toolkit.wire import Answer

Item = Literal["suite", "group", "signature_scheme"]

REFUSING_ALERTS: Final = {
    40: "handshake_failure",
    47: "illegal_parameter",
    70: "protocol_version",
    71: "insufficient_security",
}
"""RFC 8446, section 6.2: the alerts that refuse what was offered. Others may have any cause."""

SILENT: Final = ("closed", "reset")
"""Outcomes that may be a server's way to refuse."""

TRANSIENT: Final = ("timeout", "deferred", "port_closed", "unreachable")
"""Outcomes that may pass; asked once more, then they are `untested`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer proves.

    `kind`: `accepted` (the server chose `item`), `listed` (SSL 2.0: the answer lists what is accepted), `refused` (all
    that was offered), `silent` (closed or reset, which may be a refusal), `unproven`. `reason`: what it rests on.
    `is_passing`: asking again may help. `is_silence`: refused without a word, in each form.
    """

    kind: Literal["accepted", "listed", "refused", "silent", "unproven"]
    reason: str
    item: int | None = None
    is_passing: bool = False
    is_silence: bool = False


CHOSEN: Final[Mapping[Item, Callable[[Answer], int | None]]] = {
    "suite": lambda answer: answer.suite_code,
    "group": lambda answer: answer.group_code,
    "signature_scheme": lambda answer: answer.signature_scheme_code,
}
"""Where an answer names what was chosen: the ServerHello; the HelloRetryRequest, key share or ServerKeyExchange; the
handshake signature."""


def judge(kind: Item, protocol: str, offered: Collection[int], answer: Answer) -> Verdict:
    """The verdict on an offer of one version that asked about these suites, groups or schemes."""
    if answer.protocol is not None and answer.protocol != protocol:
        if schema.PROTOCOLS.index(answer.protocol) < schema.PROTOCOLS.index(protocol):
            return Verdict("refused", f"answered with {answer.protocol}")
        return Verdict("unproven", f"answered with {answer.protocol}, which was not offered")
    if answer.protocol == "SSL 2.0":
        if answer.outcome == "ok":
            return Verdict("listed", "the server lists what it accepts")
        return Verdict("refused", str(answer.reason))
    item = CHOSEN[kind](answer)
    if item is not None:
        if item in offered:
            return Verdict("accepted", "", item)
        why_not = "which names nothing" if item in FILLERS else "which was not offered"
        return Verdict("unproven", f"answered with {name_of(kind, item)}, {why_not}")
    if answer.outcome == "ok":
        own = "" if answer.exchange_bits is None else f" but {answer.exchange_bits}-bit parameters of its own"
        return Verdict("unproven", f"answered with none of those offered{own}")
    words = answer.outcome if answer.reason is None else f"{answer.outcome}: {answer.reason}"
    if answer.outcome == "refused" and answer.alert in REFUSING_ALERTS:
        return Verdict("refused", f"alert {REFUSING_ALERTS[answer.alert]}")
    if answer.outcome in SILENT:
        return Verdict("silent", str(words), is_passing=True)
    return Verdict("unproven", str(words), is_passing=answer.outcome in TRANSIENT)


def is_accepted(offer: Offer, answer: Answer) -> bool:
    """Whether the server chose a version and a suite of the offer."""
    return answer.protocol in offer.versions and answer.suite_code in offer.suites and answer.suite_code not in FILLERS


def soundness(answer: Answer) -> bool | None:
    """`support.is_sound` of an accepted offer: null where the flight was cut, or cannot be read or checked here."""
    if answer.is_unchecked and answer.is_sound:
        return None
    if answer.outcome in ("ok", "malformed", "refused"):
        return answer.is_sound
    return None


_KNOWN: Final[Mapping[Item, Callable[[], Mapping[int, Suite | Group | SignatureScheme]]]] = {
    "suite": suites,
    "group": groups,
    "signature_scheme": signature_schemes,
}


def name_of(kind: Item, code: int) -> str:
    """The item's name in the registry, else its code."""
    known = _KNOWN[kind]()
    return known[code].name if code in known else f"0x{code:04x}"
