"""When will what be renewed in the coming years, and on which day does today's habit stop working?"""

from collections.abc import Hashable
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from toolkit.analyse.expiry.habits import LARGEST_SHARE, NOT_OBSERVED
from toolkit.analyse.expiry.summary import summarise_expiry
from toolkit.analyse.slots import SLOT
from toolkit.columns import DTYPES
from toolkit.errors import UsageError
from toolkit.instants import DAY, SECOND, zoned
from toolkit.reference.rules import Cap, validity_caps
from toolkit.tables import Tables, require_tables

MOST_YEARS: Final = 30
MOST_RENEWALS: Final = 10_000
"""Of one line: a lifetime of a minute must not fill the memory."""

_LAST_YEAR: Final = 9998
_LATEST: Final = pd.Timestamp("9999-12-31 23:59:59", tz="UTC").as_unit("us")
_CURRENT: Final = ("valid", "expiring", "replacing", "expired", "not_yet_valid")

_DTYPES: Final = {
    "service": "string",
    "host": "string",
    "server_name": "string",
    "key_type": "string",
    "leaf_sha256": "string",
    "renewal": "Int64",
    "year": "Int64",
    "renews_at": DTYPES["instant"],
    "not_after": DTYPES["instant"],
    "usual_lifetime_days": "Float64",
    "usual_lead_days": "Float64",
    "habit_basis": "string",
    "habit_reason": "string",
    "lifetime_days": "Float64",
    "lead_days": "Float64",
    "cap_days": "Int64",
    "is_capped": "boolean",
    "is_lead_cut": "boolean",
    "is_overdue": "boolean",
    "habit_breaks_at": DTYPES["instant"],
    "source": "string",
}


def forecast_renewals(tables: Tables, *, now: datetime | str, years: int = 3) -> pd.DataFrame:
    """The renewals of the next years, one row each, by every line's own cadence under SC-081v3's caps.

    A line is a (service, server_name, key_type). It starts from the newest certificate that it still shows by
    `summarise_expiry`; a line whose last certificate lapsed unwatched has no rows, because nobody knows what it
    shows today. Each renewal falls `lead` days before its predecessor ends, and not before `now`. The new
    certificate lives as long as the last one did, or as long as the cap of its day of issue allows (CA/Browser
    Forum, ballot SC-081v3: 398, 200, 100, 47 days; counted to the last second). The lead keeps its share of the
    lifetime (habitual lead by habitual lifetime): where a cap cuts the lifetime to a half, the lead of what is issued
    under it is a half too, so that the rhythm changes as much as the lifetime does. The share is at most a half, since
    more is no renewal in `toolkit.analyse.expiry.habits`; a longer lead was learnt from longer certificates. A line
    gets at most 10,000 rows. A line whose rotations are known and mostly not renewals (`toolkit.analyse.expiry.habits`)
    has no forecast: its one row says so in `habit_reason`, and everything about a renewal is null. The caps bind
    certificates of publicly trusted CAs; for a private CA the rows say what a public one would have to do.

    Columns, in order:

    - `service`, `host`, `server_name`, `key_type`, `leaf_sha256` (string, what the forecast starts from)
    - `renewal` (Int64, 1 is the next; null: no forecast), `year` (Int64), `renews_at` (instant, day of issue),
      `not_after` (instant, of the new certificate, inclusive)
    - `usual_lifetime_days`, `usual_lead_days` (Float64 [d]), `habit_basis` (string: `seen` and `issued` as in
      `summarise_expiry`; `assumed`: a third of the lifetime, where no rotation of the line was fully observed; null:
      no forecast), `habit_reason` (string, as in `summarise_expiry`; null: there is a habit)
    - `lifetime_days`, `lead_days` (Float64 [d], of this renewal: of the new certificate, and before the end of
      the one that it replaces), `cap_days` (Int64 [d], longest validity allowed on
      that day), `is_capped` (boolean, the habit's lifetime exceeds it), `is_lead_cut` (boolean, `lead_days` is not
      the habitual lead: the predecessor was capped, or the habitual lead exceeds half of its lifetime),
      `is_overdue` (boolean, the habit wanted it before `now`; null: the basis is not `seen`, so that a successor may
      be there already)
    - `habit_breaks_at` (instant, the day on which today's habit stops working: the line's first renewal that is
      capped or whose lead is cut, the same in all its rows; null: none of them)
    - `source` (string)

    Raises `UsageError` where `now` has no zone, `years` is not a whole number from 1 to 30, or the forecast would go
    beyond the year 9998 (instants end with 9999).

    >>> import toolkit
    >>> from datetime import UTC, datetime
    >>> tables = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    >>> renewals = toolkit.forecast_renewals(tables, now=datetime(2026, 1, 24, tzinfo=UTC), years=1)
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
    expiry = summarise_expiry(tables, now=now)
    current = expiry[expiry["state"].isin(_CURRENT) & (expiry["lifetime_days"] > 0)]
    starts = current.drop_duplicates(SLOT, keep="last")
    horizon = today + pd.DateOffset(years=int(years))
    rows = [row for start in starts.to_dict("records") for row in _renewals(start, today, horizon)]
    frame = pd.DataFrame(rows, columns=list(_DTYPES))
    for column in ("renews_at", "not_after", "habit_breaks_at"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame.astype(_DTYPES)


def cap_of(issued: pd.Timestamp) -> Cap | None:
    """The cap for a certificate issued at that instant; none before the first one that is counted in days.

    >>> [cap_of(pd.Timestamp(day, tz="UTC")).days for day in ("2026-03-14 23:59:59", "2026-03-15")]
    [398, 200]
    """
    return next(
        (cap for cap in validity_caps() if cap.since <= issued and (cap.until is None or issued < cap.until)), None
    )


def _renewals(start: dict[Hashable, Any], today: pd.Timestamp, horizon: pd.Timestamp) -> list[dict[str, object]]:
    """The rows of one line, from the certificate it starts from to the horizon."""
    named = {name: start[name] for name in (*SLOT, "leaf_sha256", "habit_reason", "source")}
    is_known = not pd.isna(start["habit_basis"])
    if not is_known and start["habit_reason"] != NOT_OBSERVED:
        return [named]
    ends = start["not_after"] + SECOND
    lifetime = ends - start["not_before"]
    lead = float(start["usual_lead_days"]) * DAY if is_known else lifetime / 3
    # Below zero it is a habit too: renewed after the end.
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
                "habit_basis": start["habit_basis"] if is_known else "assumed",
                "lifetime_days": valid / DAY,
                "lead_days": used / DAY,
                "cap_days": cap.days if cap else pd.NA,
                "is_capped": lifetime > allowed,
                "is_lead_cut": is_cut,
                "is_overdue": wanted < today if start["habit_basis"] == "seen" else pd.NA,
            }
        )
        ends = issued + valid.floor("s")
    broken = next((row["renews_at"] for row in rows if row["is_capped"] or row["is_lead_cut"]), pd.NaT)
    return [row | {"habit_breaks_at": broken} for row in rows]
