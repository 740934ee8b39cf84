"""Expiry: what ends when, what has been replaced already, and what is overdue by the usual lead time of its slot."""

from itertools import zip_longest
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd

from toolkit.analyse.expiry.leads import USUAL_LEAD, with_usual_leads
from toolkit.analyse.expiry.routine import Floats, late_ratios, planned_days
from toolkit.analyse.expiry.served import certificates_of_slots, known_at
from toolkit.analyse.expiry.successors import with_successors
from toolkit.analyse.held import with_held
from toolkit.analyse.slots import SLOT, all_sources
from toolkit.arguments import require_choice
from toolkit.columns import Column, dtypes, returns
from toolkit.instants import SECOND, Instant, as_spans, days, has_ended, within_calendar, zoned
from toolkit.tables import Tables, is_held_alone, require_tables

Thresholds = Literal["lifetime", "days"]

OUT_OF_USE: Final = ("replaced", "withdrawn")
"""States of certificates that are no longer served."""

IN_USE: Final = ("valid", "expiring", "expired", "replacing", "not_yet_valid")
"""States of certificates that the last look showed, with known dates."""

_SHARES: Final = (("1/12", 1 / 12), ("1/6", 1 / 6), ("1/3", 1 / 3))
_DAYS: Final = (("7 d", 7.0), ("14 d", 14.0), ("30 d", 30.0))

_NUMBERS: Final = (
    "lifetime_days", "usual_lead_days", "usual_spacing_days", "routine_lifetime_days", "is_led_by_end", "routine_blur",
)  # fmt: skip

_UNUSUAL: Final = 0.025
"""A renewal is overdue where at most this share of the slot's renewals come as late."""

_UNREADABLE: Final = "its dates cannot be read, or it is not in the tables"

_OF_SLOT: Final = (
    Column("service", "text", "of the slot", "the source names no service"),
    Column("host", "text", "of the slot", "the source names no host"),
    Column("server_name", "text", "of the slot", "the client sent no server name"),
    Column("key_type", "text", "of the slot", "the certificate did not parse, or is not in the tables"),
)
_LAST_LOOK: Final = Column("last_look_at", "instant", "last dated look at the slot that got a leaf", "none is dated")

EXPIRY: Final = (
    *_OF_SLOT,
    Column("leaf_sha256", "text", "the certificate"),
    Column("subject", "text", "of the certificate", "it did not parse, or is not in the tables"),
    Column("issuer", "text", "of the certificate", "it did not parse, or is not in the tables"),
    Column("not_before", "instant", "start of its validity", _UNREADABLE),
    Column("not_after", "instant", "end of its validity, inclusive", _UNREADABLE),
    Column("lifetime_days", "number", "its validity, the last second counted", _UNREADABLE, "d"),
    Column("days_left", "number", "from `now` to its end; negative: it has ended", _UNREADABLE, "d"),
    Column(
        "state",
        "text",
        "`replaced`: no longer shown, and a newer one is; `replacing`: still shown, and so is a newer one; `expired`: "
        "shown after its end; `lapsed`: expired after its last observation; `withdrawn`: not shown last, and what is "
        "shown is older; `not_yet_valid`: it begins after `now`; `expiring`: past a threshold; `valid`; `unknown`: its "
        "dates are not known, and no look shows that it was replaced",
    ),
    Column(
        "threshold",
        "text",
        "the tightest threshold passed by a certificate that is `expiring` or `replacing`",
        "none is passed, or another state",
    ),
    Column("first_seen_at", "instant", "first dated look that showed it", "only undated looks showed it"),
    Column("last_seen_at", "instant", "last dated look that showed it", "only undated looks showed it"),
    Column("looks", "integer", "looks that showed it, undated ones included"),
    Column("is_shown_last", "boolean", "the slot's last round showed it", "only undated looks showed it"),
    Column(
        "successor_state",
        "text",
        "`seen`: the slot showed a newer certificate; `issued`: the tables hold a newer one for the same names and key "
        "type that the slot never showed",
        "neither",
    ),
    Column("successor_sha256", "text", "the next newer certificate", "none"),
    Column("usual_lead_days", "number", "the slot's usual lead time (`describe_usual_leads`)", "no usual lead", "d"),
    Column(
        "renew_by_at",
        "instant",
        "day on which the slot's usual routine replaces it: at the usual lead or spacing, whichever varies less",
        "no usual lead, no longer shown, `lapsed`, its successor is there, or outside of the years 1 to 9999",
    ),
    Column(
        "overdue_days",
        "number",
        "from `renew_by_at` to `now`; 0 where it is not due yet, or not later than 97.5 % of the slot's renewals",
        "as `renew_by_at`, or a successor may exist already: the usual lead was not seen by looks, or no look was made "
        "since it was due",
        "d",
    ),
    Column("source", "text", "sources of the looks, sorted, joined by `, `"),
)
"""The columns of `summarise_expiry`."""

USUAL_LEADS: Final = (*_OF_SLOT, _LAST_LOOK, *USUAL_LEAD, EXPIRY[-1])
"""The columns of `describe_usual_leads`."""


@returns(EXPIRY)
def summarise_expiry(tables: Tables, *, now: Instant, thresholds: Thresholds = "lifetime") -> pd.DataFrame:
    """Every certificate of every slot: the days it has left, whether it was replaced, and whether a renewal is overdue.

    A slot is a (service, server_name, key_type). Only what is known at `now` counts: looks after `now` are left out (an
    undated look is not earlier than its `observed_from` and the start of its leaf), and so are certificates that only
    such looks showed, or that begin after `now` and were never seen. "Shown last" means: by a look of the slot's last
    round, at most a day before the slot's last dated look, and not followed by an undated look at a newer certificate.
    A certificate that only undated looks showed is `replaced` where a newer one was shown after the latest possible
    instant of those looks, or after its own end; otherwise its dates alone decide.

    `now` is ISO 8601 text, a datetime or a Timestamp, with a zone. `thresholds`: `lifetime` (1/3, 1/6, 1/12 of the
    lifetime left: 30, 15 and 7.5 days of 90) or `days` (30, 14, 7). The last second of a lifetime counts (RFC 5280,
    section 4.1.2.5). Rows are sorted by service, host, server name, key type and `not_before`. Looks without a leaf
    have no row.

    Tables without observations, such as a folder of certificates, have a row for each leaf. `host` is then the common
    name or the first name of the certificate, and every column about looks is null, `looks` 0.

    Raises `UsageError` where `tables` is not `Tables`, `now` is not an instant with a zone, or `thresholds` is neither.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    >>> expiry = toolkit.summarise_expiry(tables, now="2026-01-24 00:00Z")
    >>> print(toolkit.chart.tabulate(expiry, columns=["key_type", "not_after", "days_left", "state"]))
    key_type        not_after days_left    state
          EC 2025-07-28 23:59    -179.0 replaced
          EC 2025-09-26 23:59    -119.0 replaced
          EC 2025-11-25 23:59     -59.0 replaced
          EC 2026-01-24 23:59         1 replaced
          EC 2026-03-25 23:59      61.0    valid
    """
    require_tables(tables, "summarise_expiry")
    frame = assess_expiry(tables, zoned(now, "now"), thresholds)
    return frame[list(dtypes(EXPIRY))].astype(dtypes(EXPIRY))


@returns(USUAL_LEADS)
def describe_usual_leads(tables: Tables, *, now: Instant) -> pd.DataFrame:
    """The usual routine of every slot: its lead and its spacing, their spread, and how they were found; a row per slot.

    The lead of a renewal is how long before the predecessor's end the successor took over, the spacing how old the
    predecessor was then. Only what is known at `now` counts, as in `summarise_expiry`. A slot's certificates are
    followed in the order in which they were first seen. A certificate that was last seen before an earlier one was, or
    that was issued together with it, is parallel and did not take over; one that took over but does not end later is a
    re-issue; the others are renewals, however early they came.

    A renewal counts as fully observed where the look before the successor's first one was at most a tenth of the
    predecessor's lifetime earlier. Where looks show fewer than three, the dates in the slot's certificates are used.
    The usual lead and spacing are medians; with fewer than three fully observed renewals they are null.

    Raises `UsageError` where `tables` is not `Tables`, or `now` is not an instant with a zone.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    >>> leads = toolkit.describe_usual_leads(tables, now="2026-01-24 00:00Z")
    >>> columns = ["usual_lead_days", "usual_lead_spread_days", "usual_spacing_days", "usual_lead_rotations"]
    >>> print(toolkit.chart.tabulate(leads, columns=columns))
    usual_lead_days usual_lead_spread_days usual_spacing_days usual_lead_rotations
               25.0                    6.0               65.0                    4
    """
    require_tables(tables, "describe_usual_leads")
    frame = assess_expiry(tables, zoned(now, "now"))
    of_slot = frame.groupby(SLOT, dropna=False, sort=True)
    facts = [_LAST_LOOK, *USUAL_LEAD]
    slots = of_slot[[column.name for column in facts]].first()
    slots["source"] = of_slot["source"].agg(all_sources)
    return slots.reset_index()[list(dtypes(USUAL_LEADS))].astype(dtypes(USUAL_LEADS))


def assess_expiry(tables: Tables, today: pd.Timestamp, thresholds: Thresholds = "lifetime") -> pd.DataFrame:
    """The rows of `summarise_expiry` with all columns that lead to them, those of `USUAL_LEAD` included."""
    require_choice("thresholds", thresholds, get_args(Thresholds))
    is_held = is_held_alone(tables)
    tables = with_held(tables) if is_held else known_at(tables, today)
    frame = certificates_of_slots(tables)
    if is_held:
        frame = frame.assign(looks=0, known_since_at=pd.Series(pd.NaT, frame.index, frame["known_since_at"].dtype))
    slots = frame.groupby(SLOT, dropna=False, sort=False).ngroup()
    frame = with_successors(with_usual_leads(frame, slots), slots, tables.certificates)
    if is_held:
        frame = frame.assign(successor_state=frame["successor_state"].replace("seen", "issued"))
    ends = frame["not_after"] + SECOND
    lifetime = ends - frame["not_before"]
    frame["lifetime_days"] = days(lifetime)
    frame["days_left"] = days(ends - today)
    share_left = ((ends - today) / lifetime).where(lifetime > pd.Timedelta(0))
    frame["threshold"] = find_thresholds(share_left, frame["days_left"], thresholds)
    frame["state"] = _states(frame, today)
    frame.loc[~frame["state"].isin(["expiring", "replacing"]), "threshold"] = pd.NA
    return _with_renewal(frame, today)


def find_thresholds(share_left: pd.Series, days_left: pd.Series, thresholds: Thresholds) -> pd.Series:
    """The tightest threshold that each row has passed (string; null: none), by share of the lifetime or by days."""
    left, steps = (share_left, _SHARES) if thresholds == "lifetime" else (days_left, _DAYS)
    passed = pd.Series(pd.NA, index=left.index, dtype="string")
    for name, most in reversed(steps):
        passed[(left <= most).fillna(False)] = name
    return passed


def _with_renewal(frame: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    """When each current certificate is due by the usual routine of its slot, and for how long it has been overdue."""
    is_done = (frame["successor_state"] == "seen").fillna(False) | (
        (frame["successor_state"] == "issued") & (frame["usual_lead_basis"] == "issued")
    ).fillna(False)
    is_current = frame["state"].isin(["valid", "expiring", "expired", "not_yet_valid"]) & ~is_done
    numbers = {name: frame[name].to_numpy(dtype="float64", na_value=np.nan) for name in _NUMBERS}
    planned = planned_days(
        numbers["lifetime_days"],
        lead=numbers["usual_lead_days"],
        spacing=numbers["usual_spacing_days"],
        usual=numbers["routine_lifetime_days"],
        by_lead=numbers["is_led_by_end"] == 1,
    )
    latest = planned * _latest_ratio(frame, numbers["routine_blur"])
    renew_by = (frame["not_before"] + as_spans(pd.Series(planned, index=frame.index))).where(is_current)
    is_unusual = days(today - frame["not_before"]) > latest
    is_shown_since = (frame["last_look_at"] >= renew_by) | (renew_by >= today)
    overdue = days(today - renew_by).clip(lower=0).where(is_unusual | renew_by.isna(), 0.0)
    frame["renew_by_at"] = within_calendar(renew_by)
    frame["overdue_days"] = overdue.where((frame["usual_lead_basis"] == "seen") & is_shown_since)
    return frame


def _latest_ratio(frame: pd.DataFrame, blur: Floats) -> Floats:
    """Age at replacement / planned age that 97.5 % of the renewals of a row's slot do not exceed; NaN: no routine."""
    found = np.full(len(frame), np.nan)
    rows = np.flatnonzero(frame["routine_ratios"].notna())
    if len(rows):
        ratios = np.array(list(zip_longest(*frame["routine_ratios"].iloc[rows], fillvalue=np.nan)), dtype="float64").T
        found[rows] = np.exp(late_ratios(ratios, blur[rows], _UNUSUAL, has_exceptions=False))
    return found


def _states(frame: pd.DataFrame, today: pd.Timestamp) -> pd.Series:
    """The state of each row: the first that applies."""
    shown = frame["is_shown_last"]
    is_shown = shown.fillna(False).astype(bool)
    is_gone = (~shown).fillna(False).astype(bool)
    is_newer_later = (frame["newer_seen"] > frame["known_until_at"]).fillna(False)
    undated_replaced = shown.isna() & (is_newer_later | has_ended(frame["not_after"], frame["newer_seen"]))
    state = pd.Series("valid", index=frame.index, dtype="string")
    words = (
        ("replaced", (is_gone & frame["is_newer_shown_last"]) | undated_replaced),
        ("withdrawn", is_gone),
        ("expired", is_shown & has_ended(frame["not_after"], frame["last_seen_at"])),
        ("lapsed", has_ended(frame["not_after"], today)),
        ("replacing", is_shown & frame["is_newer_shown_last"]),
        ("not_yet_valid", frame["not_before"] > today),
        ("expiring", frame["threshold"].notna()),
    )
    for word, holds in reversed(words):
        state[holds] = word
    is_unreadable = frame["not_before"].isna() | frame["not_after"].isna()
    state[is_unreadable] = "unknown"
    state[is_unreadable & is_gone] = "replaced"
    return state
