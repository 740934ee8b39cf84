"""What expires when, what has been replaced already, and who is late by his own habit?"""

from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

import pandas as pd

from toolkit import columns
from toolkit.analyse.expiry.habits import COLUMNS as HABITS
from toolkit.analyse.expiry.habits import with_habits
from toolkit.analyse.sightings import find_sightings
from toolkit.analyse.slots import SLOT
from toolkit.errors import UsageError
from toolkit.instants import SECOND, as_spans, days, has_ended, within_calendar, zoned
from toolkit.tables import Tables, require_tables

OUT_OF_USE: Final = ("replaced", "withdrawn")
"""States of what is no longer served."""

VISIT: Final = pd.Timedelta(days=1)
"""Looks of one round further apart than this are not one visit: recorded series call all their years one round."""

_SHARES: Final = (("1/12", 1 / 12), ("1/6", 1 / 6), ("1/3", 1 / 3))
_DAYS: Final = (("7 d", 7.0), ("14 d", 14.0), ("30 d", 30.0))

DTYPES: Final = {
    "service": "string",
    "host": "string",
    "server_name": "string",
    "key_type": "string",
    "leaf_sha256": "string",
    "subject": "string",
    "issuer": "string",
    "not_before": columns.DTYPES["instant"],
    "not_after": columns.DTYPES["instant"],
    "lifetime_days": "Float64",
    "days_left": "Float64",
    "share_left": "Float64",
    "first_seen_at": columns.DTYPES["instant"],
    "last_seen_at": columns.DTYPES["instant"],
    "looks": "Int64",
    "last_look_at": columns.DTYPES["instant"],
    "is_shown_last": "boolean",
    "successor_state": "string",
    "successor_sha256": "string",
    "state": "string",
    "threshold": "string",
    **HABITS,
    "renew_by_at": columns.DTYPES["instant"],
    "overdue_days": "Float64",
    "source": "string",
}


def summarise_expiry(
    tables: Tables, *, now: datetime | str, thresholds: Literal["lifetime", "days"] = "lifetime"
) -> pd.DataFrame:
    """Every certificate of every line, with the days it has left, whether it was replaced, and the line's habit.

    A line is a (service, server_name, key_type). What is known at `now` counts: not the looks after it (an undated
    look is no earlier than its `observed_from` and the beginning of its leaf), not a certificate that only such looks
    showed, and not one that begins after `now` and that nobody has seen. "Shown last" means: by a look of the line's
    last round, at most a day before the line's last dated look, and no undated look at a newer certificate is later.
    Rows are ordered by service, host, server name, key type and `not_before`. Looks without a leaf have no row. A
    certificate whose dates cannot be read, or that is not in the tables, has one with the state `unknown`.

    Columns, in order:

    - `service`, `host`, `server_name`, `key_type`, `leaf_sha256`, `subject`, `issuer` (string)
    - `not_before`, `not_after` (instant, null: cannot be read, or not in the tables; so are the numbers that rest on
      them), `lifetime_days`, `days_left` (Float64 [d], negative: ended; the
      lifetime counts the last second, RFC 5280 section 4.1.2.5), `share_left` (Float64, of the lifetime; negative:
      ended, above 1: not begun, null: the end precedes the beginning)
    - `first_seen_at`, `last_seen_at` (instant, null: only undated looks showed it), `looks` (Int64),
      `last_look_at` (instant, the line's last dated look that got a leaf; null: none is dated)
    - `is_shown_last` (boolean, null: no look at this certificate is dated)
    - `successor_state` (string: `seen` the line showed a newer certificate, `issued` the tables hold a newer one for
      the same names and key type that the line never showed; null: neither), `successor_sha256` (string, the
      next one)
    - `state` (string): `replaced` no longer shown and a newer one is; `replacing` still shown, and so is a newer
      one; `expired` shown after its end; `lapsed` ended, but nobody has looked since; `withdrawn` not shown last,
      and what is shown instead is older; `not_yet_valid`; `expiring` past a threshold; `valid`; `unknown` its dates are
      not known, and nothing shows that it was replaced
    - `threshold` (string, the tightest threshold passed by what is `expiring`, or `replacing` and still shown; null:
      none, or in another state)
    - `habit_basis` (string: `seen`, from rotations looked at; `issued`, from the dates in the line's certificates;
      null: no habit), `habit_rotations` (Int64, how many it rests on), `usual_lead_days` (Float64 [d], median
      of how long before its predecessor's end a successor was first shown; for `issued`, began to be valid),
      `usual_lead_spread_days` (Float64 [d], longest lead less shortest), `habit_reason` (string, why there is no habit:
      no rotation was fully observed, or fewer than half of those were renewals; null: there is one). The rules are
      in `toolkit.analyse.expiry.habits`
    - `renew_by_at` (instant, end less the habitual lead; null also outside of the years 1 to 9999), `overdue_days`
      (Float64 [d] from then to `now`, 0 where it is not due yet); null: no habit, no longer shown, lapsed, or the
      successor that the habit asks for is there. `overdue_days` is null for `issued`, too: a successor may have been
      issued that nothing here shows yet
    - `source` (string)

    `thresholds`: `lifetime` (1/3, 1/6, 1/12 of the lifetime left: 30, 15 and 7.5 days of 90) or `days` (30, 14, 7).
    A certificate that only undated looks showed is `replaced` where a newer one was shown after the latest
    instant of those looks, or after its own end; else its dates alone decide, and `is_shown_last` is null.

    Raises `UsageError` where `now` has no zone, or `thresholds` is neither.

    >>> import toolkit
    >>> from datetime import UTC, datetime
    >>> tables = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    >>> expiry = toolkit.summarise_expiry(tables, now=datetime(2026, 1, 24, tzinfo=UTC))
    >>> print(toolkit.chart.tabulate(expiry, columns=["key_type", "not_after", "days_left", "state"]))
    key_type        not_after days_left    state
          EC 2025-07-28 23:59    -179.0 replaced
          EC 2025-09-26 23:59    -119.0 replaced
          EC 2025-11-25 23:59     -59.0 replaced
          EC 2026-01-24 23:59         1 replaced
          EC 2026-03-25 23:59      61.0    valid
    """
    require_tables(tables, "summarise_expiry")
    today = zoned(now, "now")
    tables = _until(tables, today)
    if thresholds not in ("lifetime", "days"):
        raise UsageError(f"thresholds={thresholds!r}: write 'lifetime' or 'days'.")
    frame = _certificates_of_lines(tables)
    frame = _with_successors(frame, tables.certificates)
    ends = frame["not_after"] + SECOND
    lifetime = ends - frame["not_before"]
    frame["lifetime_days"] = days(lifetime)
    frame["days_left"] = days(ends - today)
    frame["share_left"] = ((ends - today) / lifetime).where(lifetime > pd.Timedelta(0))
    frame["threshold"] = find_thresholds(frame["share_left"], frame["days_left"], thresholds)
    frame["state"] = _states(frame, today)
    frame.loc[~frame["state"].isin(["expiring", "replacing"]), "threshold"] = pd.NA
    frame = _with_renewal(frame, today)
    return frame[list(DTYPES)].astype(DTYPES)


def find_thresholds(share_left: pd.Series, days_left: pd.Series, thresholds: Literal["lifetime", "days"]) -> pd.Series:
    """The tightest threshold that each row has passed (string; null: none), by share of the lifetime or by days."""
    left, steps = (share_left, _SHARES) if thresholds == "lifetime" else (days_left, _DAYS)
    passed = pd.Series(pd.NA, index=left.index, dtype="string")
    for name, most in reversed(steps):
        passed[(left <= most).fillna(False)] = name
    return passed


def _until(tables: Tables, today: pd.Timestamp) -> Tables:
    """What was known: looks that are not known to be later, and certificates that they show or that had begun."""
    looks, held = tables.observations, tables.certificates
    known_since = _known_since(looks, held)
    is_later = (known_since > today).fillna(False) & ~(looks["observed_until"] <= today).fillna(False)
    is_shown = held["cert_sha256"].isin(looks.loc[~is_later, "leaf_sha256"])
    is_shown_later = held["cert_sha256"].isin(looks.loc[is_later, "leaf_sha256"])
    begins_later = (held["not_before"] > today).fillna(False)
    known = held[is_shown | ~(is_shown_later | begins_later)]
    return replace(tables, observations=looks[~is_later], certificates=known)


def _known_since(looks: pd.DataFrame, certificates: pd.DataFrame) -> pd.Series:
    """The instant of each look; of an undated one the earliest possible: nobody serves what is not yet signed."""
    begins = certificates.drop_duplicates("cert_sha256").set_index("cert_sha256")["not_before"]
    bound = begins.reindex(looks["leaf_sha256"]).set_axis(looks.index)
    bound = bound.where(~(bound < looks["observed_from"]).fillna(False), looks["observed_from"])
    return looks["observed_at"].fillna(bound.fillna(looks["observed_from"]))


def _certificates_of_lines(tables: Tables) -> pd.DataFrame:
    """One row per line and certificate: the certificate's facts, when it was seen, when the line was last looked at."""
    looks = tables.observations.loc[
        tables.observations["leaf_sha256"].notna(),
        ["service", "host", "server_name", "round", "leaf_sha256", "observed_at", "observed_from", "observed_until"],
    ]
    facts = tables.certificates[
        ["cert_sha256", "subject", "issuer", "names", "key_type", "not_before", "not_after"]
    ].rename(columns={"cert_sha256": "leaf_sha256"})
    looks = looks.merge(facts[["leaf_sha256", "key_type"]], how="left", on="leaf_sha256")
    line = looks.groupby(SLOT, dropna=False, sort=False)["observed_at"]
    looks["last_look_at"] = line.transform("max")
    last_round = looks.loc[looks["observed_at"] == looks["last_look_at"], [*SLOT, "round"]].drop_duplicates()
    looks = looks.merge(last_round.assign(is_last_round=True), how="left", on=[*SLOT, "round"])
    looks["is_shown_last"] = looks["is_last_round"].notna() & (
        (looks["last_look_at"] - looks["observed_at"]) <= VISIT
    ).fillna(False)
    looks["known_since"] = _known_since(looks, tables.certificates)
    looks["known_until"] = looks["observed_at"].fillna(looks["observed_until"])
    seen = looks.groupby([*SLOT, "leaf_sha256"], dropna=False, sort=False).agg(
        first_seen_at=("observed_at", "min"),
        last_seen_at=("observed_at", "max"),
        known_since=("known_since", "max"),
        known_until=("known_until", "max"),
        is_bounded=("known_until", "count"),
        looks=("leaf_sha256", "size"),
        last_look_at=("last_look_at", "max"),
        is_shown_last=("is_shown_last", "any"),
    )
    frame = seen.reset_index().merge(facts.drop(columns="key_type"), how="left", on="leaf_sha256")
    before = find_sightings(tables)[[*SLOT, "leaf_sha256", "previous_look_at", "source"]]
    frame = frame.merge(before, how="left", on=[*SLOT, "leaf_sha256"])
    frame["is_shown_last"] = frame["is_shown_last"].astype("boolean").where(frame["last_seen_at"].notna())
    frame["known_until"] = frame["known_until"].where(frame["is_bounded"] == frame["looks"])
    return frame.sort_values([*SLOT, "not_before", "first_seen_at", "leaf_sha256"], ignore_index=True)


def _with_successors(frame: pd.DataFrame, certificates: pd.DataFrame) -> pd.DataFrame:
    """The rows with the next newer certificate of their line, seen or only issued, and when a newer one was seen."""
    lines = frame.groupby(SLOT, dropna=False, sort=False).ngroup()
    frame = with_habits(frame, lines)
    frame["successor_sha256"] = frame["leaf_sha256"].groupby(lines).shift(-1)
    frame["successor_state"] = pd.Series("seen", index=frame.index, dtype="string").where(
        frame["successor_sha256"].notna()
    )
    frame["newer_seen"] = _latest_below(frame["known_since"], lines)
    is_overtaken = (frame["newer_seen"] > frame["last_look_at"]).fillna(False)
    shown_last = frame["last_seen_at"].where(frame["is_shown_last"].fillna(False).astype(bool))
    frame["is_newer_shown_last"] = _latest_below(shown_last, lines).notna() | is_overtaken
    frame.loc[is_overtaken & frame["last_seen_at"].notna(), "is_shown_last"] = False
    issued = _issued(frame, certificates)
    without = frame["successor_state"].isna() & issued.notna()
    frame.loc[without, "successor_state"] = "issued"
    frame.loc[without, "successor_sha256"] = issued[without]
    return frame


def _latest_below(instants: pd.Series, lines: pd.Series) -> pd.Series:
    """For each row the latest instant among the rows of its line that stand below it: the newer certificates."""
    upwards = instants[::-1]
    running = upwards.groupby(lines).cummax().groupby(lines).ffill()
    return running.groupby(lines).shift(1)[::-1]


def _issued(frame: pd.DataFrame, certificates: pd.DataFrame) -> pd.Series:
    """For each row the next certificate of the tables with the same names and key type and a later beginning."""
    held = certificates.loc[
        certificates["names"].notna() & certificates["not_before"].notna() & certificates["key_type"].notna(),
        ["cert_sha256", "names", "key_type", "not_before"],
    ].copy()
    held["names"] = _name_set(held["names"])
    held = held[held["names"] != ""].sort_values("not_before", kind="stable")
    wanted = frame.loc[frame["not_before"].notna(), ["names", "key_type", "not_before"]].copy()
    wanted["names"] = _name_set(wanted["names"])
    found = pd.merge_asof(
        wanted.reset_index().sort_values("not_before", kind="stable"),
        held,
        on="not_before",
        by=["names", "key_type"],
        direction="forward",
        allow_exact_matches=False,
    )
    return found.set_index("index")["cert_sha256"].reindex(frame.index).astype("string")


def _with_renewal(frame: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    """When the habit wants each current certificate renewed, and how late that is."""
    is_done = (frame["successor_state"] == "seen").fillna(False) | (
        (frame["successor_state"] == "issued") & (frame["habit_basis"] == "issued")
    ).fillna(False)
    is_current = frame["state"].isin(["valid", "expiring", "expired", "not_yet_valid"]) & ~is_done
    renew_by = (frame["not_after"] + SECOND - as_spans(frame["usual_lead_days"])).where(is_current)
    frame["renew_by_at"] = within_calendar(renew_by)
    frame["overdue_days"] = days(today - renew_by).clip(lower=0).where(frame["habit_basis"] == "seen")
    return frame


def _name_set(names: pd.Series) -> pd.Series:
    """Each row's names as one text that is equal where the sets are equal; empty where there are none."""
    sets = ["\n".join(sorted(set(row))) if isinstance(row, tuple) else "" for row in names]
    return pd.Series(sets, names.index, dtype="string")


def _states(frame: pd.DataFrame, today: pd.Timestamp) -> pd.Series:
    """The word for each row; the first that fits stands."""
    shown = frame["is_shown_last"]
    is_shown = shown.fillna(False).astype(bool)
    is_gone = (~shown).fillna(False).astype(bool)
    undated_replaced = shown.isna() & (
        (frame["newer_seen"] > frame["known_until"]).fillna(False) | has_ended(frame["not_after"], frame["newer_seen"])
    )
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
