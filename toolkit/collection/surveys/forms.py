"""The topics of a survey, and the forms in which they are asked: order, length and fillers of the ClientHello.

An answer or a silence answers the question only if it does not depend on the form of the hello. Two measures ensure
that. An item removed from a list leaves a filler in its place, and hellos are padded to one length: so each hello of a
series differs from the accepted one before it in one code, and hellos of all TLS versions have the same length. And
before silence counts as a refusal, the same items are asked about in forms that differ in order, length and fillers.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final, Literal

from toolkit.collection.surveys.offers import FILLERS, LENGTH, Codes, popular_first
from toolkit.collection.surveys.verdicts import ItemKind
from toolkit.reference import Offer
from toolkit.schema import PROTOCOLS


@dataclass(frozen=True, slots=True)
class Topic:
    """Questions that are asked together: which of these items does the server accept in this version?

    `kind`: what the items are. `items`: in the order in which they are offered. `build`: makes the offer of some items.
    `required`: the last item, where an offer without it would be refused for another reason; None: there is none.
    Before TLS 1.3 that is the curve of an EC certificate, which must be among the groups (RFC 8422, section 5.1).
    """

    kind: ItemKind
    protocol: str
    items: Codes
    build: Callable[[Codes], Offer]
    required: int | None = None


@dataclass(frozen=True, slots=True)
class HelloForm:
    """How a hello lists the items.

    `order`: as in the topic, backwards, or with the popular ones first. `length`: of the hello, in bytes.
    `has_fillers`: an item that is not asked about any more leaves a filler in its place. `has_room`: one filler more
    comes first, in the place where a control has an item that is known to be accepted.
    """

    order: Literal["listed", "backwards", "popular"]
    length: int
    has_fillers: bool = True
    has_room: bool = False


LISTED: Final = HelloForm("listed", LENGTH)
BACKWARDS: Final = HelloForm("backwards", 1303, has_room=True)
POPULAR: Final = HelloForm("popular", 1251, has_fillers=False)
"""The lengths differ modulo 256 and fit into one packet. SSL has no padding; fillers of two bytes (SSL 3.0) and three
bytes (SSL 2.0) can reach 1303 bytes."""

OTHERS: Final = {LISTED: (BACKWARDS, POPULAR), BACKWARDS: (LISTED, POPULAR), POPULAR: (BACKWARDS, LISTED)}
"""Form that got no answer → forms in which the items are asked about again."""

_SSL_SIZES: Final = {"SSL 2.0": (25, 3), "SSL 3.0": (45, 2)}
"""Bytes of a hello without suites, and of each suite (draft-hickman-netscape-ssl-00, with a challenge of 16 bytes;
RFC 6101, 5.6.1.2, with the signalling suite of RFC 5746)."""


def put_in_form(topic: Topic, places: Codes, asked: Collection[int], form: HelloForm) -> Offer:
    """The hello that asks about these items, which are some of the `places`."""
    offer = topic.build(_arrange(topic, places, asked, form))
    if form.has_room and topic.kind != "suite":
        offer = replace(offer, suites=(FILLERS[-1], *offer.suites))
    return with_length(offer, form)


def add_known(topic: Topic, places: Codes, asked: Collection[int], form: HelloForm, known: int) -> Offer:
    """The same hello, with one item that was accepted before the others."""
    listed = _arrange(topic, places, asked, form)
    return with_length(topic.build((known, *listed[form.has_room :])), form)


def add_control(
    topic: Topic, places: Codes, asked: Collection[int], form: HelloForm, *, control: Offer, known: int
) -> Offer:
    """The same hello, which also offers what the control does, first the suite that was accepted with it.

    SSL 2.0 can only be offered alone: its control is another hello of that length.
    """
    if topic.protocol == "SSL 2.0":
        return with_length(control, form)
    listed = _arrange(topic, places, asked, form)
    offer = topic.build(listed[form.has_room :] if topic.kind == "suite" else listed)
    both = replace(
        offer,
        versions=tuple(version for version in PROTOCOLS if version in {*offer.versions, *control.versions}),
        suites=(known, *offer.suites),
        groups=_union(control.groups, offer.groups),
        key_shares=control.key_shares or offer.key_shares,
        signature_schemes=_union(control.signature_schemes, offer.signature_schemes),
        signature_schemes_cert=_union(control.signature_schemes_cert, offer.signature_schemes_cert),
    )
    return with_length(both, form)


def _union(first: Codes, second: Codes) -> Codes:
    return tuple(dict.fromkeys([*first, *second]))


def _arrange(topic: Topic, places: Codes, asked: Collection[int], form: HelloForm) -> Codes:
    open_items = frozenset(asked) - {topic.required}
    places = tuple(item for item in places if item != topic.required)
    listed = [item if item in open_items else FILLERS[at % len(FILLERS)] for at, item in enumerate(places)]
    if not form.has_fillers:
        listed = [item for item in listed if item in open_items]
    if form.order == "backwards":
        listed.reverse()
    elif form.order == "popular":
        popular = popular_first(topic.protocol) if topic.kind == "suite" else ()
        rank = {item: at for at, item in enumerate(popular)}
        listed.sort(key=lambda item: rank.get(item, 0))
    if form.has_room:
        listed.insert(0, FILLERS[-1])
    if topic.required is not None and topic.required in asked:
        listed.append(topic.required)
    return tuple(listed)


def with_length(offer: Offer, form: HelloForm) -> Offer:
    """The offer padded to the length of the form; an offer without a length (a short hello) as it is."""
    if offer.length is None:
        return offer
    if offer.versions[-1] not in _SSL_SIZES:
        return replace(offer, length=form.length)
    if form is LISTED or not form.has_fillers:
        return offer
    fixed, size = _SSL_SIZES[offer.versions[-1]]
    missing = max((form.length - fixed) // size - len(offer.suites), 0)
    return replace(offer, suites=(*offer.suites, *(FILLERS[at % len(FILLERS)] for at in range(missing))))
