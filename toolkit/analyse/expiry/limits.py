"""Limits on the lifetime of certificates: those of public CAs, and Let's Encrypt's own steps for what it issues."""

from collections.abc import Hashable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from toolkit.instants import DAY, SECOND
from toolkit.reference.rules import Cap, validity_caps

_OF_LETS_ENCRYPT: Final = "O=Let's Encrypt"
"""In an issuer: Let's Encrypt's own limits hold as well."""


def caps_of(certificate: Mapping[Hashable, Any]) -> tuple[Cap, ...]:
    """The caps for the successors of a certificate, from its row: SC-081v3's, and those of its issuer and profile.

    A certificate of Let's Encrypt without a common name is of its profile `tlsserver`, unless it lives longer than that
    profile allowed on its first day.

    >>> import pandas as pd
    >>> begins = pd.Timestamp("2026-04-01", tz="UTC")
    >>> row = {"issuer": "CN=R13,O=Let's Encrypt,C=US", "subject": "CN=a.example", "not_before": begins}
    >>> row["not_after"] = begins + 90 * DAY - SECOND
    >>> days = pd.to_datetime(["2026-06-01", "2027-02-10", "2028-02-16"], utc=True)
    >>> [cap_on(day, caps_of(row)).days for day in days]
    [200, 64, 45]
    >>> [cap_on(day, caps_of(row | {"subject": ""})).days for day in days]
    [45, 45, 45]
    """
    caps = validity_caps()
    if not isinstance(certificate["issuer"], str) or _OF_LETS_ENCRYPT not in certificate["issuer"]:
        return caps
    of_server = validity_caps("lets-encrypt-tlsserver")
    allowed = cap_on(certificate["not_before"], of_server)
    lifetime = certificate["not_after"] + SECOND - certificate["not_before"]
    is_of_server = "CN=" not in str(certificate["subject"]) and not (allowed and lifetime > allowed.days * DAY)
    return caps + (of_server if is_of_server else validity_caps("lets-encrypt"))


def cap_on(issued: datetime, caps: Iterable[Cap]) -> Cap | None:
    """The tightest cap for a certificate issued at that instant; None: there is none yet.

    >>> import pandas as pd
    >>> [cap_on(pd.Timestamp(day, tz="UTC"), validity_caps()).days for day in ("2026-03-14 23:59:59", "2026-03-15")]
    [398, 200]
    """
    held = [cap for cap in caps if cap.since <= issued and (cap.until is None or issued < cap.until)]
    return min(held, key=lambda cap: cap.days, default=None)
