"""Forecast: the renewals of the coming years, and the day from which today's cadence can no longer be kept."""

from collections.abc import Hashable
from typing import Any, Final

import numpy as np
import pandas as pd

from toolkit.analyse.expiry.leads import LARGEST_SHARE, NOT_OBSERVED
from toolkit.analyse.expiry.summary import assess_expiry
from toolkit.analyse.slots import SLOT
from toolkit.columns import Column, dtypes, returns
from toolkit.errors import UsageError
from toolkit.instants import DAY, SECOND, Instant, zoned
from toolkit.reference.rules import Cap, validity_caps
from toolkit.tables import Tables, require_tables

MOST_YEARS: Final = 30
MOST_RENEWALS: Final = 10_000
"""Renewals of one slot: a lifetime of a minute must not fill the memory."""

_LAST_YEAR: Final = 9998
_LATEST: Final = pd.Timestamp("9999-12-31 23:59:59", tz="UTC").as_unit("us")
_CURRENT: Final = ("valid", "expiring", "replacing", "expired", "not_yet_valid")
_NONE: Final = "no forecast"

RENEWALS: Final = (
    Column("service", "text", "of the slot", "the source names no service"),
    Column("host", "text", "of the slot", "the source names no host"),
    Column("server_name", "text", "of the slot", "the client sent no server name"),
    Column("key_type", "text", "of the slot", "the certificate did not parse"),
    Column("leaf_sha256", "text", "the certificate from which the forecast starts"),
    Column("renewal", "integer", "number of the renewal; 1 is the next", _NONE),
    Column("year", "integer", "year of `renews_at`", _NONE),
    Column("renews_at", "instant", "day of issue of the new certificate", _NONE),
    Column("not_after", "instant", "end of the new certificate, inclusive", _NONE),
    Column("usual_lifetime_days", "number", "lifetime of the certificate from which the forecast starts", _NONE, "d"),
    Column("usual_lead_days", "number", "the slot's usual lead time", _NONE, "d"),
    Column(
        "usual_lead_basis",
        "text",
        "`seen`, `issued`: as in `describe_usual_leads`; `assumed`: a third of the lifetime, where no rotation of the "
        "slot was fully observed",
        _NONE,
    ),
    Column("usual_lead_reason", "text", "why there is no usual lead", "there is one"),
    Column("lifetime_days", "number", "lifetime of the new certificate", _NONE, "d"),
    Column("lead_days", "number", "from `renews_at` to the end of the certificate that is replaced", _NONE, "d"),
    Column("cap_days", "integer", "longest validity allowed on the day of issue", "no cap holds, or no forecast", "d"),
    Column("is_capped", "boolean", "the usual lifetime is longer than the cap allows", _NONE),
    Column(
        "is_lead_cut",
        "boolean",
        "`lead_days` is not the usual lead: the predecessor was capped, or the usual lead exceeds half of its lifetime",
        _NONE,
    ),
    Column(
        "is_overdue",
        "boolean",
        "the renewal was due before `now` by the usual lead",
        "the basis is not `seen`, so that a successor may exist already; or no forecast",
    ),
    Column(
        "cadence_ends_at",
        "instant",
        "first renewal of the slot that is capped or whose lead is cut; the same in all rows of the slot",
        "the usual lifetime and lead hold to the end of the forecast, or no forecast",
    ),
    Column("source", "text", "sources of the looks at the certificate, sorted, joined by `, `"),
)
"""The columns of `forecast_renewals`."""


@returns(RENEWALS)
def forecast_renewals(tables: Tables, *, now: Instant, years: int = 3) -> pd.DataFrame:
    """The renewals of the next years by the usual cadence of each slot, under the caps of SC-081v3: one row each.

    A slot is a (service, server_name, key_type). The forecast starts from the newest certificate that the slot still
    shows (`summarise_expiry`); a slot whose last certificate ended without a look since has no rows, because it is not
    known what it shows today. Each renewal falls `lead_days` before its predecessor ends, and not before `now`. The new
    certificate lives as long as the last one did, or as long as the cap of its day of issue allows (CA/Browser
    Forum, ballot SC-081v3: 398, 200, 100, 47 days; counted to the last second). The caps bind certificates of
    publicly trusted CAs; for a private CA the rows say what a public one would have to do.

    The lead keeps its share of the lifetime: where a cap halves the lifetime, the lead of the certificates issued under
    it is halved too. The share is at most one half, because an earlier replacement is not a renewal; a longer usual
    lead comes from longer certificates. A slot gets at most 10,000 rows. A slot whose rotations are mostly not renewals
    (`describe_usual_leads`) has no forecast: it has one row with `usual_lead_reason`.

    `now` is ISO 8601 text, a datetime or a Timestamp, with a zone. Raises `UsageError` where `tables` is not `Tables`,
    `now` is not an instant with a zone, `years` is not a whole number from 1 to 30, or the forecast would go beyond the
    year 9998 (instants end with 9999).

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    >>> renewals = toolkit.forecast_renewals(tables, now="2026-01-24 00:00Z", years=1)
    >>> columns = ["renews_at", "lifetime_days", "lead_days", "is_capped"]
    >>> print(toolkit.chart.tabulate(renewals, columns=columns, rows=3))
     renews_at lifetime_days lead_days is_capped
    2026-03-01          90.0      25.0        no
    2026-05-05          90.0      25.0        no
    2026-07-09          90.0      25.0        no
    … and 3 more rows
    """
    require_tables(tables, "forecast_renewals")
    today = zoned(now, "now")
    if not isinstance(years, int | np.integer) or isinstance(years, bool) or not 1 <= years <= MOST_YEARS:
        raise UsageError(f"years={years!r}: write a whole number from 1 to {MOST_YEARS}.")
    if today.year + years > _LAST_YEAR:
        raise UsageError(f"now={today.isoformat()}, years={years}: a forecast ends in {_LAST_YEAR} at the latest.")
    expiry = assess_expiry(tables, today)
    current = expiry[expiry["state"].isin(_CURRENT) & (expiry["lifetime_days"] > 0)]
    starts = current.drop_duplicates(SLOT, keep="last")
    horizon = today + pd.DateOffset(years=int(years))
    rows = [row for start in starts.to_dict("records") for row in _renewals(start, today, horizon)]
    frame = pd.DataFrame(rows, columns=list(dtypes(RENEWALS)))
    for column in ("renews_at", "not_after", "cadence_ends_at"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame.astype(dtypes(RENEWALS))


def cap_of(issued: pd.Timestamp) -> Cap | None:
    """The cap for a certificate issued at that instant; None before the first cap that is counted in days.

    >>> [cap_of(pd.Timestamp(day, tz="UTC")).days for day in ("2026-03-14 23:59:59", "2026-03-15")]
    [398, 200]
    """
    return next(
        (cap for cap in validity_caps() if cap.since <= issued and (cap.until is None or issued < cap.until)), None
    )


def _renewals(start: dict[Hashable, Any], today: pd.Timestamp, horizon: pd.Timestamp) -> list[dict[str, object]]:
    """The rows of one slot, from the certificate that it starts with to the horizon."""
    named = {name: start[name] for name in (*SLOT, "leaf_sha256", "usual_lead_reason", "source")}
    is_known = not pd.isna(start["usual_lead_basis"])
    if not is_known and start["usual_lead_reason"] != NOT_OBSERVED:
        return [named]
    ends = start["not_after"] + SECOND
    lifetime = ends - start["not_before"]
    lead = float(start["usual_lead_days"]) * DAY if is_known else lifetime / 3
    # A usual lead below zero counts too: the slot renews after the end.
    share = min(lead / lifetime, LARGEST_SHARE)
    valid = lifetime
    rows: list[dict[str, object]] = []
    while len(rows) < MOST_RENEWALS:
        is_cut = valid < lifetime or lead / lifetime > share
        used = valid * share if is_cut else lead
        wanted = ends - used
        issued = max(wanted, today).floor("s")
        if issued >= horizon:
            break
        cap = cap_of(issued)
        allowed = cap.days * DAY if cap else lifetime
        valid = min(lifetime, allowed, _LATEST - issued)
        rows.append(
            {
                **named,
                "renewal": len(rows) + 1,
                "year": issued.year,
                "renews_at": issued,
                "not_after": issued + valid.floor("s") - SECOND,
                "usual_lifetime_days": lifetime / DAY,
                "usual_lead_days": lead / DAY,
                "usual_lead_basis": start["usual_lead_basis"] if is_known else "assumed",
                "lifetime_days": valid / DAY,
                "lead_days": used / DAY,
                "cap_days": cap.days if cap else pd.NA,
                "is_capped": lifetime > allowed,
                "is_lead_cut": is_cut,
                "is_overdue": wanted < today if start["usual_lead_basis"] == "seen" else pd.NA,
            }
        )
        ends = issued + valid.floor("s")
    broken = next((row["renews_at"] for row in rows if row["is_capped"] or row["is_lead_cut"]), pd.NaT)
    return [row | {"cadence_ends_at": broken} for row in rows]
