"""The forms of a question: the order, the length and the fillers with which it is asked.

An answer, or silence, is the server's answer to the question only if it does not depend on the form. Two things see to
that. What was struck from a list leaves a filler in its place, and hellos are padded to one length: each hello of a
chain differs from the accepted one before it in one code, and from those of other TLS versions not in length. And
before silence is taken for a refusal, the same question is asked in forms that differ in all of this.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final, Literal

from toolkit.collection.surveys.offers import FILLERS, LENGTH, popular_first
from toolkit.collection.surveys.verdicts import Item
from toolkit.reference import Offer
from toolkit.schema import PROTOCOLS

Codes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """Which of these does the server take, in this version? `items` are in the order in which they are offered.

    `kept`: the last of them, where an offer without it would be refused for another reason. Before TLS 1.3 that is the
    curve of an EC certificate, which must be among the groups offered (RFC 8422, section 5.1).
    """

    kind: Item
    protocol: str
    items: Codes
    build: Callable[[Codes], Offer]
    kept: int | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """How a question is asked.

    `order`: as the items are listed, the same backwards, or the popular ones first. `length`: of the hello, in bytes.
    `has_fillers`: what is not asked about any more leaves a filler in its place. `has_room`: one filler more stands
    first, in the place that a control gives to what is known to be accepted.
    """

    order: Literal["listed", "backwards", "popular"]
    length: int
    has_fillers: bool = True
    has_room: bool = False


LISTED: Final = Form("listed", LENGTH)
BACKWARDS: Final = Form("backwards", 1303, has_room=True)
POPULAR: Final = Form("popular", 1251, has_fillers=False)
"""The lengths differ modulo 256, and fit one packet with all that a survey asks. SSL has no padding: there 1303 can be
reached with fillers of two bytes (SSL 3.0) and of three (SSL 2.0)."""

OTHERS: Final = {LISTED: (BACKWARDS, POPULAR), BACKWARDS: (LISTED, POPULAR), POPULAR: (BACKWARDS, LISTED)}
"""Form in which silence was met → forms in which the question is asked again."""

_SSL_SIZES: Final = {"SSL 2.0": (25, 3), "SSL 3.0": (45, 2)}
"""Bytes of a hello without suites, and of each suite (draft-hickman-netscape-ssl-00, with a challenge of 16 bytes;
RFC 6101, 5.6.1.2, with the signalling suite of RFC 5746)."""


def put_in_form(question: Question, places: Codes, asked: Collection[int], form: Form) -> Offer:
    """The hello that asks about these, which are some of the `places`."""
    offer = question.build(_arrange(question, places, asked, form))
    if form.has_room and question.kind != "suite":
        offer = replace(offer, suites=(FILLERS[-1], *offer.suites))
    return in_length(offer, form)


def add_known(question: Question, places: Codes, asked: Collection[int], form: Form, known: int) -> Offer:
    """The same hello, but one item that was accepted stands before the others."""
    listed = _arrange(question, places, asked, form)
    return in_length(question.build((known, *listed[form.has_room :])), form)


def add_control(
    question: Question, places: Codes, asked: Collection[int], form: Form, *, control: Offer, known: int
) -> Offer:
    """The same hello, but it offers what the control does as well, and first the suite that was accepted with it.

    SSL 2.0 is offered alone: its control is another hello of that length.
    """
    if question.protocol == "SSL 2.0":
        return in_length(control, form)
    listed = _arrange(question, places, asked, form)
    offer = question.build(listed[form.has_room :] if question.kind == "suite" else listed)
    both = replace(
        offer,
        versions=tuple(version for version in PROTOCOLS if version in {*offer.versions, *control.versions}),
        suites=(known, *offer.suites),
        groups=_union(control.groups, offer.groups),
        key_shares=control.key_shares or offer.key_shares,
        signature_schemes=_union(control.signature_schemes, offer.signature_schemes),
        signature_schemes_cert=_union(control.signature_schemes_cert, offer.signature_schemes_cert),
    )
    return in_length(both, form)


def _union(first: Codes, second: Codes) -> Codes:
    return tuple(dict.fromkeys([*first, *second]))


def _arrange(question: Question, places: Codes, asked: Collection[int], form: Form) -> Codes:
    left = frozenset(asked) - {question.kept}
    places = tuple(item for item in places if item != question.kept)
    listed = [item if item in left else FILLERS[at % len(FILLERS)] for at, item in enumerate(places)]
    if not form.has_fillers:
        listed = [item for item in listed if item in left]
    if form.order == "backwards":
        listed.reverse()
    elif form.order == "popular":
        popular = popular_first(question.protocol) if question.kind == "suite" else ()
        rank = {item: at for at, item in enumerate(popular)}
        listed.sort(key=lambda item: rank.get(item, 0))
    if form.has_room:
        listed.insert(0, FILLERS[-1])
    if question.kept is not None and question.kept in asked:
        listed.append(question.kept)
    return tuple(listed)


def in_length(offer: Offer, form: Form) -> Offer:
    """The offer at the length of the form. One without a length of its own, for servers that choke, stays short."""
    if offer.length is None:
        return offer
    if offer.versions[-1] not in _SSL_SIZES:
        return replace(offer, length=form.length)
    if form is LISTED or not form.has_fillers:
        return offer
    fixed, size = _SSL_SIZES[offer.versions[-1]]
    missing = max((form.length - fixed) // size - len(offer.suites), 0)
    return replace(offer, suites=(*offer.suites, *(FILLERS[at % len(FILLERS)] for at in range(missing))))
