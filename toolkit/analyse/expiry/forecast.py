"""Forecast: the renewals of the coming years, and the day from which today's routine can no longer be kept."""

from collections.abc import Hashable
from datetime import timedelta
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas.api.typing import NaTType

from toolkit.analyse.expiry.limits import cap_on, caps_of
from toolkit.analyse.expiry.routine import COVERAGES, FEW, Spread, planned_days, routine_of
from toolkit.analyse.expiry.summary import assess_expiry
from toolkit.analyse.slots import SLOT
from toolkit.arguments import require_whole
from toolkit.columns import Column, dtypes, returns
from toolkit.errors import UsageError
from toolkit.instants import DAY, DAY_IN_MICROS, SECOND, Instant, zoned
from toolkit.tables import Tables, require_tables

MOST_YEARS: Final = 30
MOST_RENEWALS: Final = 10_000
"""Renewals of one slot: a lifetime of a minute must not fill the memory."""

_LAST_YEAR: Final = 9998
_LATEST: Final = pd.Timestamp("9999-12-31 23:59:59", tz="UTC").as_unit("us")
_CURRENT: Final = ("valid", "expiring", "replacing", "expired", "not_yet_valid")
_NO_END: Final = "the lead is assumed, or it is outside of the years 1 to 9999"
_ENDS: Final = tuple(f"{end}_{coverage * 100:.0f}_at" for coverage in COVERAGES for end in ("earliest", "latest"))

_MOST_WAITING: Final = 0.9
"""While more than this share of the certificates of a slot live as long, its plan stands as it is."""

RENEWALS: Final = (
    Column("service", "text", "of the slot", "the source names no service"),
    Column("host", "text", "of the slot", "the source names no host"),
    Column("server_name", "text", "of the slot", "the client sent no server name"),
    Column("key_type", "text", "of the slot", "the certificate did not parse"),
    Column("leaf_sha256", "text", "the certificate from which the forecast starts"),
    Column("renewal", "integer", "number of the renewal; 1 is the next"),
    Column(
        "renews_at",
        "instant",
        "day of issue of the new certificate, not before `now`; for an overdue slot the first day that is left, which "
        "may be earlier than its intervals",
    ),
    Column("expected_at", "instant", "`renews_at` by the usual routine, also where that is before `now`"),
    *(
        Column(name, "instant", f"{name.split('_')[0]} end of the {name[-5:-3]} % prediction interval", _NO_END)
        for name in _ENDS
    ),
    Column("not_after", "instant", "end of the new certificate, inclusive"),
    Column("usual_lifetime_days", "number", "lifetime of the certificate from which the forecast starts", unit="d"),
    Column("usual_lead_days", "number", "the slot's usual lead time", unit="d"),
    Column(
        "usual_lead_basis",
        "text",
        "`seen`, `issued`: as in `describe_usual_leads`; `assumed`: a third of the lifetime, for the reason in "
        "`usual_lead_reason` there",
    ),
    Column("lifetime_days", "number", "lifetime of the new certificate", unit="d"),
    Column("lead_days", "number", "from `renews_at` to the end of the certificate that is replaced", unit="d"),
    Column("cap_days", "integer", "longest validity allowed on the day of issue", "no cap holds", "d"),
    Column("is_capped", "boolean", "the usual lifetime is longer than the cap allows"),
    Column(
        "is_lead_cut",
        "boolean",
        "the predecessor was capped, so that `lead_days` is not the usual lead",
    ),
    Column(
        "is_overdue",
        "boolean",
        "the renewal is later than 97.5 % of the slot's renewals (`overdue_days` of `summarise_expiry` is above 0)",
        "a successor may exist already: the basis is not `seen`, or no look was made since it was due",
    ),
    Column(
        "routine_ends_at",
        "instant",
        "first renewal of the slot that is capped or whose lead is cut; the same in all rows of the slot",
        "the usual lifetime and lead hold to the end of the forecast",
    ),
    Column("source", "text", "sources of the looks at the certificate, sorted, joined by `, `"),
)
"""The columns of `forecast_renewals`."""


@returns(RENEWALS)
def forecast_renewals(tables: Tables, *, now: Instant, years: int = 3) -> pd.DataFrame:
    """The renewals of the next years by the usual routine of each slot, under the coming caps: one row each.

    A slot is a (service, server_name, key_type). The forecast starts from the certificate that took over last of those
    that the slot still shows (`summarise_expiry`); a slot whose last certificate ended without a look since has no
    rows, because it is not known what it shows today. The slot keeps its usual routine (`describe_usual_leads`): it
    replaces a certificate at the usual lead or after the usual spacing, whichever varied less. The new certificate
    lives as long as the last one did, or as long as the cap of its day of issue allows (CA/Browser Forum, ballot
    SC-081v3: 398, 200, 100, 47 days; counted to the last second). The caps bind certificates of publicly trusted CAs;
    for a private CA the rows say what a public one would have to do. Let's Encrypt issues for shorter: where it is the
    issuer, the caps of the policy `lets-encrypt` hold as well (64 days from 2027-02-10, 45 days from 2028-02-16), or
    those of `lets-encrypt-tlsserver` (45 days since 2026-05-13) where the certificate has no common name, as in the
    profile `tlsserver`.

    Where a cap shortens the lifetime, the spacing keeps its share of the lifetime, or its length where that leaves at
    least a third of the lifetime. With fewer than three fully observed renewals a third of the lifetime is assumed as
    the lead. A slot gets at most 10,000 rows.

    The intervals (`earliest_80_at` to `latest_95_at`) assume that spacings are independent and vary as in the past
    (Student's t of their logarithms), and that the next renewal is outside of the routine, such as a re-issue, with a
    chance of 0.5 / (renewals learned from + 1). They do not know of a change of routine. Where the basis is `issued`,
    the next certificate may have been issued before `now`.

    The intervals end with the certificate that is replaced, unless the slot may let it expire: a renewal learned from
    came after the end of its predecessor, the present certificate is expired or overdue, or the interval of 80 % would
    begin after that end. Of 27 new certificates in the lab sample, one was first seen after the end of the last one,
    and that slot has no routine. Undated looks do not show whether a certificate was in service after its end.

    They also assume that the present certificate was still in service when a successor would have been seen. With dated
    looks that is the last of them. Undated looks are taken to go on after the last one for as long as the longest time
    between two new certificates so far, and to show a successor as soon after its issue as the slowest one so far. Each
    of these is wrong with a chance of 1 / (times so far + 1), and the intervals begin earlier accordingly.

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
    require_whole("years", years, most=MOST_YEARS)
    if today.year + years > _LAST_YEAR:
        raise UsageError(f"now={today.isoformat()}, years={years}: a forecast ends in {_LAST_YEAR} at the latest.")
    starts = find_starts(tables, today)
    horizon = today + pd.DateOffset(years=int(years))
    rows = [row for start in starts.to_dict("records") for row in _renewals(start, today, horizon)]
    frame = pd.DataFrame(rows, columns=list(dtypes(RENEWALS)))
    for column in RENEWALS:
        if column.kind == "instant":
            frame[column.name] = pd.to_datetime(frame[column.name], utc=True)
    return frame.astype(dtypes(RENEWALS))


def find_starts(tables: Tables, today: pd.Timestamp) -> pd.DataFrame:
    """The certificate of each slot from which a forecast starts: of those it still shows, the one that took over last.

    The rows of `assess_expiry`, with the slot's routine; at most one per slot, sorted by slot.
    """
    expiry = assess_expiry(tables, today)
    current = expiry[expiry["state"].isin(_CURRENT) & (expiry["lifetime_days"] > 0)]
    place = current["seen_by"].fillna(current["not_before"])
    newest = current.assign(place=place).sort_values(["place", "not_before"], kind="stable")
    return newest.drop_duplicates(SLOT, keep="last").sort_index()


def _renewals(start: dict[Hashable, Any], today: pd.Timestamp, horizon: pd.Timestamp) -> list[dict[str, object]]:
    """The rows of one slot, from the certificate that it starts with to the horizon."""
    named = {name: start[name] for name in (*SLOT, "leaf_sha256", "source")}
    routine = routine_of(start)
    is_known = not pd.isna(start["usual_lead_basis"])
    begins, ends = start["not_before"], start["not_after"] + SECOND
    lifetime = valid = ends - begins
    bounds, caps = _RenewalDates(start, today), caps_of(start)
    limit = pd.NaT if bounds.may_expire else ends
    rows: list[dict[str, object]] = []
    while len(rows) < MOST_RENEWALS:
        is_cut = valid < lifetime
        planned = begins + _planned(valid, routine)
        wanted = planned if rows else bounds.expect(planned, ends)
        issued = max(wanted, today).floor("s")
        if issued >= horizon:
            break
        cap = cap_on(issued, caps)
        allowed = cap.days * DAY if cap else lifetime
        valid = min(lifetime, allowed, _LATEST - issued)
        rows.append(
            {
                **named,
                **bounds.around(planned, limit=limit, step=len(rows) + 1, before=rows[-1] if rows else {}),
                "renewal": len(rows) + 1,
                "renews_at": issued,
                "expected_at": wanted.floor("s"),
                "not_after": issued + valid.floor("s") - SECOND,
                "usual_lifetime_days": lifetime / DAY,
                "usual_lead_days": start["usual_lead_days"] if is_known else lifetime / DAY / 3,
                "usual_lead_basis": start["usual_lead_basis"] if is_known else "assumed",
                "lifetime_days": valid / DAY,
                "lead_days": (ends - wanted) / DAY,
                "cap_days": cap.days if cap else pd.NA,
                "is_capped": lifetime > allowed,
                "is_lead_cut": is_cut,
                "is_overdue": pd.NA if pd.isna(start["overdue_days"]) else start["overdue_days"] > 0 and not rows,
            }
        )
        begins, ends, limit = issued, issued + valid.floor("s"), limit + valid.floor("s")
    broken = next((row["renews_at"] for row in rows if row["is_capped"] or row["is_lead_cut"]), pd.NaT)
    return [row | {"routine_ends_at": broken} for row in rows]


def _planned(valid: pd.Timedelta, routine: dict[str, Any]) -> pd.Timedelta:
    """The age at which the routine replaces a certificate that is valid for so long."""
    age = float(planned_days(np.array(valid / DAY), **routine))
    return pd.Timedelta(timedelta(microseconds=round(age * DAY_IN_MICROS)))


def spread_of(start: dict[Hashable, Any], today: pd.Timestamp) -> Spread | None:
    """How the renewals of a slot vary, given how long its certificate was seen in service; None: no routine."""
    if pd.isna(start["usual_lead_basis"]):
        return None
    in_service = min(start["watched_until"], today) - start["longest_delay"]
    age = 0.0 if pd.isna(in_service) else (in_service - start["not_before"]) / DAY
    return Spread(start["routine_ratios"], blur=float(start["routine_blur"]), age=age, doubt=start["watch_doubt"])


class _RenewalDates:
    """When the renewals of one slot are expected, given that its certificate has not been replaced yet."""

    def __init__(self, start: dict[Hashable, Any], today: pd.Timestamp) -> None:
        self._begins = start["not_before"]
        self._spread = spread_of(start, today)
        is_overdue = pd.notna(start["overdue_days"]) and start["overdue_days"] > 0
        came_late = pd.notna(start["shortest_lead_days"]) and start["shortest_lead_days"] < 0
        self.may_expire: Final = bool(start["state"] == "expired" or is_overdue or came_late)

    def expect(self, planned: pd.Timestamp, ends: pd.Timestamp) -> pd.Timestamp:
        """The planned date; later if at least 10 % of past renewals would have come by the certificate's present age.

        Few spacings do not show how much later, so the planned date is kept.
        """
        if self._spread is None or self._spread.count < FEW:
            return planned
        if self._spread.waiting(self._age(planned)) > _MOST_WAITING:
            return planned
        (age,) = self._spread.next_ages((0.5,), planned=self._age(planned))
        middle = _after(self._begins, age)
        return planned if pd.isna(middle) else max(min(middle, ends), planned)

    def around(
        self, planned: pd.Timestamp, *, limit: pd.Timestamp | NaTType, step: int, before: dict[str, Any]
    ) -> dict[str, object]:
        """The ends of the intervals of the renewal number `step`.

        None is earlier than that of the renewal `before`, or later than `limit` (null: there is none).
        """
        if self._spread is None:
            return {}
        age = self._age(planned)
        if step == 1:
            ages = self._spread.next_ages(self._spread.shares, planned=age)
        else:
            ages = self._spread.later_ages(planned=age, step=step)
        if pd.notna(limit) and ages[0] < self._age(limit):
            ages = np.minimum(ages, self._age(limit))
        ends = {name: _after(self._begins, age) for name, age in zip(_ENDS, ages, strict=True)}
        return {name: max(end, before.get(name, end)) if pd.notna(end) else end for name, end in ends.items()}

    def _age(self, at: pd.Timestamp) -> float:
        return max(float((at - self._begins) / DAY), SECOND / DAY)


def _after(begins: pd.Timestamp, age: float) -> pd.Timestamp | NaTType:
    """The instant at that age [d]; null beyond the calendar."""
    if not age < (_LATEST - begins) / DAY:
        return pd.NaT
    return (begins + timedelta(microseconds=round(age * DAY_IN_MICROS))).floor("s")
