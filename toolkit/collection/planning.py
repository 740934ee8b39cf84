"""The plan of a round: which targets are observed with which offers, how often and within which limits."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from toolkit.arguments import require_boolean, require_whole
from toolkit.collection.limits import Limits
from toolkit.collection.names import Resolver
from toolkit.collection.observation import LookRequest
from toolkit.collection.places import Place
from toolkit.collection.settling import Settling
from toolkit.errors import UsageError
from toolkit.reference import Offer, offers as known_offers
from toolkit.targets import MailDomain, Target, Targets, expand_targets
from toolkit.text import not_known
from toolkit.wire import check_client_name, check_contact

LookKey = tuple[str, str | None, str | None, str, int]
"""service, address, server name, offer, sample: unique among the looks of one round."""


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """What a round asks.

    `known`: keys of looks that an earlier run of the round has made; they are left out.
    `most_looks`: looks that are made; the rest are recorded as skipped. None: no limit.
    `settling`: decides about looks beyond `samples`; None: none are made.
    `resting`: services that are not asked in this round, and why.
    `places`: where the targets are; None: names are looked up. `targets` then has no part in it.
    """

    targets: Sequence[Target | MailDomain]
    offers: Sequence[Offer]
    samples: int
    addresses: int | None
    limits: Limits
    clock: Callable[[], datetime]
    resolver: Resolver | None = None
    keep_bytes: bool = False
    ehlo: str | None = None
    contact: str | None = None
    known: Collection[LookKey] = ()
    most_looks: int | None = None
    settling: Settling | None = None
    resting: Mapping[str, str] = field(default_factory=dict)
    places: Sequence[Place] | None = None

    def requests(self, place: Place) -> Iterator[LookRequest]:
        """The planned looks at a place, without those that are known; one of each offer where it is not asked."""
        for sample in range(self.samples if place.outcome is None else 1):
            for offer in self.offers:
                for target in place.targets:
                    request = LookRequest(target, place.address, offer, sample)
                    if key_of(request) not in self.known:
                        yield request

    def count(self, place: Place) -> int:
        """The number of `requests`."""
        if self.known:
            return sum(1 for _ in self.requests(place))
        return len(place.targets) * len(self.offers) * (self.samples if place.outcome is None else 1)


def make_plan(
    targets: Targets,
    offers: str | Sequence[str | Offer],
    *,
    samples: int,
    addresses: int | None,
    limits: Limits,
    clock: Callable[[], datetime],
    resolver: Resolver | None,
    keep_bytes: bool,
    ehlo: str | None,
    contact: str | None = None,
) -> RoundPlan:
    """The plan of a round; `UsageError` for an argument that makes no sense."""
    if not isinstance(offers, Iterable):
        raise UsageError(f"offers={offers!r:.60}: give the name of an offer, such as 'any', or several in a list.")
    if not isinstance(limits, Limits):
        raise UsageError(f"limits={limits!r:.60}: give toolkit.Limits, such as toolkit.Limits(connect_seconds=5).")
    require_whole("samples", samples)
    if addresses is not None:
        require_whole("addresses", addresses)
    check_clock(clock)
    require_boolean("keep_bytes", keep_bytes)
    if ehlo is not None:
        check_client_name(ehlo)
    if contact is not None:
        check_contact(contact)
    named = {offer.name: offer for offer in map(_offer, [offers] if isinstance(offers, str) else offers)}
    if not named:
        raise UsageError("No offer given: name at least one, such as offers=('any',).")
    most = None if limits.max_planned is None else int(limits.max_planned // (len(named) * samples))
    expanded = expand_targets(targets, most=most)
    if most is not None and len(expanded) > most:
        raise UsageError(
            f"This round would make more than {limits.max_planned:,} looks, with one address for each host: the limit "
            "is max_planned. Ask for less, or raise the limit: Limits(max_planned=…), --max-planned N. How many it "
            "would make: estimate_round, --dry-run."
        )
    return RoundPlan(
        expanded,
        list(named.values()),
        samples=samples,
        addresses=addresses,
        limits=limits,
        clock=clock,
        resolver=resolver,
        keep_bytes=keep_bytes,
        ehlo=ehlo,
        contact=contact,
        most_looks=limits.max_looks,
    )


def check_clock(clock: object) -> None:
    """`UsageError` for a clock that cannot be called."""
    if not callable(clock):
        raise UsageError(f"clock={clock!r:.60}: give a function that returns an instant, such as the clock of a lab.")


def _offer(offer: str | Offer) -> Offer:
    if isinstance(offer, Offer):
        return offer
    known = known_offers()
    if not isinstance(offer, str) or offer not in known:
        raise UsageError(not_known("offer ", offer, known))
    return known[offer]


def key_of(request: LookRequest) -> LookKey:
    """The key of the look among the looks of its round."""
    target = request.target
    return (target.service, request.address or None, target.server_name, request.offer.name, request.sample)
