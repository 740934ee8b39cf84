"""The scenario `year`: three mail hosts that share certificates, as Google's do, and four other services."""

from datetime import datetime, timedelta

import numpy as np

from toolkit.lab.issuance import Draft, roll_out_times
from toolkit.lab.schedule import DAY, Backend, Schedule, Service, Switch

# Service → backends (at least, at most), implementation, settings, and the families of certificates that it serves.
_SERVICES = (
    ("smtp", "mx.lab.test", 25, (3, 6), "ssl", "current", ("mail", "mx")),
    ("smtp", "relay.lab.test", 587, (2, 5), "ssl", "current", ("mail",)),
    ("smtp", "submit.lab.test", 587, (2, 5), "ssl", "current", ("mail",)),
    ("smtps", "submit.lab.test", 465, (2, 4), "ssl", "current", ("mail",)),
    ("imaps", "imap.lab.test", 993, (2, 4), "ssl", "current", ("box",)),
    ("https", "www.lab.test", 443, (2, 3), "pyopenssl", "current", ("www",)),
    ("smtp", "legacy.lab.test", 25, (1, 1), "tlslite", "legacy", ("legacy",)),
)

# Family → key type, names, days between the starts of two roll-outs (at least, at most), days of life.
_FAMILIES = {
    "mail": ("RSA", ("mx.lab.test", "relay.lab.test", "submit.lab.test"), (60, 84), 100),
    "mx": ("EC", ("mx.lab.test",), (60, 84), 100),
    "box": ("RSA", ("imap.lab.test", "pop.lab.test"), (60, 84), 100),
    "www": ("EC", ("www.lab.test", "lab.test"), (60, 84), 100),
    "legacy": ("RSA", ("legacy.lab.test",), (150, 170), 198),
}


def draw_year(chance: np.random.Generator, begins_at: datetime) -> Schedule:
    """365 days of seven services and five families of certificates; every roll-out ends before the year does.

    Several services serve one family; each rolls it out to its own backends within its own days. The one backend of
    `legacy.lab.test` runs tlslite-ng with SSL 3.0 to TLS 1.2, RC4 and 3DES.
    """
    ends_at = begins_at + 365 * DAY
    draft = Draft()
    families = {name: _draw_family(chance, draft, name, begins_at, ends_at) for name in _FAMILIES}
    services = []
    for scheme, host, port, (fewest, most), implementation, settings, served in _SERVICES:
        backends = int(chance.integers(fewest, most + 1))
        switches: list[list[Switch]] = [[] for _ in range(backends)]
        for family in served:
            for issue, starts_at, roll_out in families[family]:
                times = _own_times(chance, backends, starts_at, roll_out)
                for own, at in zip(switches, times, strict=True):
                    own.append(Switch(max(at, begins_at), _FAMILIES[family][0], issue))
        services.append(
            Service(
                scheme,
                host,
                tuple(
                    Backend(
                        tuple(sorted(own, key=lambda switch: switch.at)),
                        implementation=implementation,
                        settings=settings,
                    )
                    for own in switches
                ),
                port,
            )
        )
    return Schedule("year", begins_at, ends_at, tuple(draft.issues), tuple(services))


def _draw_family(
    chance: np.random.Generator, draft: Draft, name: str, begins_at: datetime, ends_at: datetime
) -> list[tuple[int, datetime, timedelta]]:
    """Issues of a family, with start and length of each roll-out; the first is done when the year begins."""
    key_type, names, (shortest, longest), life = _FAMILIES[name]
    drawn = []
    starts_at = begins_at - float(chance.uniform(15, shortest - 15)) * DAY
    while starts_at + 14 * DAY < ends_at:
        # A successor is issued some days before it is first served.
        issue = draft.issue(names, key_type, starts_at - float(chance.uniform(1, 5)) * DAY, life * DAY)
        drawn.append((issue, starts_at, float(chance.uniform(2, 8)) * DAY))
        starts_at += float(chance.uniform(shortest, longest)) * DAY
    return drawn


def _own_times(chance: np.random.Generator, backends: int, starts_at: datetime, roll_out: timedelta) -> list[datetime]:
    """The switch times of one service within a family's roll-out; it starts within the first day."""
    delay = float(chance.uniform(0, 1)) * DAY
    return roll_out_times(chance, starts_at + delay, backends, roll_out - DAY)
