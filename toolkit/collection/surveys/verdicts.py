"""What one answer proves about an offer, and what it does not.

`refused` needs a proof, which must depend on the question and not on the form of the hello (`forms`):

- an answer with a lower version;
- an alert that refuses, from a server that reads such hellos. In a series, the hello before it was accepted and differs
  in one code. For the first hello of a version, `protocol_version` is enough; after any other alert shorter hellos are
  tried, unless one as long was accepted in another version;
- the same silence in three forms of the hello, with a control between them (the same hello with one accepted suite
  more) and another control at the end. If one hello is answered that got no answer before, in any form, silence proves
  nothing at that address.

Everything else is `untested`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from toolkit import schema
from toolkit.collection.surveys.offers import FILLERS
from toolkit.reference import Group, Offer, SignatureScheme, Suite, groups, signature_schemes, suites
from toolkit.reference.codes import name_of_code
from toolkit.wire import Answer

ItemKind = Literal["suite", "group", "signature_scheme"]

REFUSING_ALERTS: Final = {
    40: "handshake_failure",
    47: "illegal_parameter",
    70: "protocol_version",
    71: "insufficient_security",
}
"""RFC 8446, section 6.2: the alerts that refuse an offer. Others may have any cause."""

SILENT: Final = ("closed", "reset")
"""Outcomes that may be a silent refusal."""

TRANSIENT: Final = ("timeout", "deferred", "port_closed", "unreachable")
"""Outcomes that may pass: the question is asked once more, then it is `untested`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer proves.

    `kind`: `accepted` (the server chose `item`), `listed` (SSL 2.0: the answer lists what is accepted), `refused` (all
    that was offered), `silent` (closed or reset, which may be a refusal), `unproven`. `reason`: what it rests on.
    `is_passing`: asking again may help. `is_silence`: refused by silence in every form, without an alert.
    """

    kind: Literal["accepted", "listed", "refused", "silent", "unproven"]
    reason: str
    item: int | None = None
    is_passing: bool = False
    is_silence: bool = False


CHOSEN: Final[Mapping[ItemKind, Callable[[Answer], int | None]]] = {
    "suite": lambda answer: answer.suite_code,
    "group": lambda answer: answer.group_code,
    "signature_scheme": lambda answer: answer.signature_scheme_code,
}
"""What the server chose: from the ServerHello; from the HelloRetryRequest, key share or ServerKeyExchange; from the
handshake signature."""


def judge(kind: ItemKind, protocol: str, offered: Collection[int], answer: Answer) -> Verdict:
    """What the answer proves of an offer of one version with these suites, groups or schemes."""
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
        problem = "which is a GREASE value" if item in FILLERS else "which was not offered"
        return Verdict("unproven", f"answered with {name_of(kind, item)}, {problem}")
    if answer.outcome == "ok":
        own = "" if answer.exchange_bits is None else f", with {answer.exchange_bits}-bit parameters of its own"
        return Verdict("unproven", f"answered without any of those offered{own}")
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
    """`support.is_sound` of an accepted offer: None where its flight was cut short or cannot be checked."""
    if answer.is_unchecked and answer.is_sound:
        return None
    if answer.outcome in ("ok", "malformed", "refused"):
        return answer.is_sound
    return None


_KNOWN: Final[Mapping[ItemKind, Callable[[], Mapping[int, Suite | Group | SignatureScheme]]]] = {
    "suite": suites,
    "group": groups,
    "signature_scheme": signature_schemes,
}


def name_of(kind: ItemKind, code: int) -> str:
    """The item's name in the registry, else its code."""
    return name_of_code(_KNOWN[kind](), code)
