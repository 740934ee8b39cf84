"""What is in service at an instant: the last answers of each service within a window.

Rows that are earlier, superseded, dated after the instant or undated are not judged; they are counted.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd

from toolkit import schema
from toolkit.analyse import summarise_expiry
from toolkit.analyse.arrays import Bools
from toolkit.analyse.expiry.summary import OUT_OF_USE
from toolkit.analyse.rounds import LONGEST_VISIT, OBSERVED_DAYS, is_last_visit
from toolkit.analyse.support.summary import hosts_of, surveyed
from toolkit.arguments import require_boolean
from toolkit.columns import require_columns
from toolkit.instants import FIRST, Instant, zoned
from toolkit.reference import offers
from toolkit.tables import Tables, named_certificates, require_tables

MADE: Final = ("lab", "simulated")
"""Sources whose rows were made: their clock is turned on purpose."""

SURVEYED_DAYS: Final = 100
"""As `OBSERVED_DAYS`, for answers of surveys: a quarter, because surveys are made less often."""

SERVED: Final = ["service", "host", "server_name", "leaf_sha256"]
"""The columns that identify a certificate in service. In place of a slot's key type they have its certificate."""

NOT_ASKED: Final = ("skipped", "cannot_offer")
"""Outcomes that say nothing about a service."""

_ASKED: Final = ["service", "host", "server_name", "vantage", "source", "offer"]
_KINDS: Final = ("suite", "group", "signature_scheme", "key_type")


@dataclass(frozen=True, slots=True, eq=False)
class InService:
    """What `check` judges.

    - `tables`: the rows that are judged. The leaf of an observation is null where another certificate has replaced it
    - `known`: all rows that were known at `now`, of any age (`find_known`). The index of both is the position in the
      tables given
    - `since`, `surveyed_since`: where the windows of observations and of surveys begin (None: everything is judged)
    - `newest`: the instant of the newest row of `known` (None: no row is dated)
    - `expiry`: `summarise_expiry` of the tables given

    `services` has a row per (service, host): `last_at` (instant, last dated row until `now`), `observed_at` (instant,
    last observation until `now`), `surveyed_at` (instant, last answer of a survey until `now`), `later_at` (instant,
    first row dated after `now`), `is_judged` (boolean, has rows in `tables`), `is_asked` (boolean, was observed in the
    window, with or without an answer).

    `left_out` counts the rows that are not judged, for `observations` and for `answers` of surveys: `superseded` (in
    the window), `not_asked` (in the window; the budget was spent, or the offer cannot be made), `earlier` (before the
    window), `later` (after `now`), `undated`. Observations in the window without an answer do not count as left out:
    they are judged by reachability, or with the answers of their survey.

    >>> import toolkit
    >>> from datetime import UTC, datetime
    >>> tables = toolkit.load_example("lab-sample")
    >>> scope = toolkit.checking.find_in_service(tables, now=datetime(2026, 1, 24, tzinfo=UTC))
    >>> print(toolkit.chart.tabulate(scope.services, columns=["service", "last_at", "is_judged"], rows=2))
                      service    last_at is_judged
     https://www.lab.test:443 2026-01-24       yes
    imaps://imap.lab.test:993 2026-01-24       yes
    … and 5 more rows
    """

    tables: Tables
    known: Tables
    now: pd.Timestamp
    newest: pd.Timestamp | None
    since: pd.Timestamp | None
    surveyed_since: pd.Timestamp | None
    expiry: pd.DataFrame
    services: pd.DataFrame
    left_out: dict[str, dict[str, int]]

    @property
    def is_outdated(self) -> bool:
        """Whether the newest row is older than `OBSERVED_DAYS`, so that what is in service at `now` is not known."""
        return (
            self.since is not None
            and self.newest is not None
            and self.now - self.newest > pd.Timedelta(days=OBSERVED_DAYS)
        )


def find_in_service(tables: Tables, *, now: Instant, history: bool = False) -> InService:
    """Find the rows that show what is in service at `now`; with `history`, all rows that were known at `now`.

    A *visit* is what one round observed of a service within a day. Observations count where they are answers in the
    last visit, which is found separately for each service, server name, offer, vantage and source. For an address that
    did not answer in that visit, its last earlier answer counts. Answers of a survey count where they belong to the
    last survey of the service that asked the same kind of question and got an answer.

    Only rows within a window count: `OBSERVED_DAYS` (observations) and `SURVEYED_DAYS` (surveys) before the newest row
    that was known at `now`. A row known by bounds is dated by their end.

    Raises `UsageError` where `now` has no zone.

    >>> import toolkit
    >>> from datetime import UTC, datetime
    >>> tables = toolkit.load_example("lab-sample")
    >>> scope = toolkit.checking.find_in_service(tables, now=datetime(2026, 1, 24, tzinfo=UTC))
    >>> len(scope.tables.observations), len(scope.known.observations), f"{scope.since:%Y-%m-%d}"
    (19, 1520, '2025-12-20')
    """
    require_tables(tables, "find_in_service")
    require_boolean("history", history)
    today = zoned(now, "now")
    expiry = summarise_expiry(tables, now=now)
    numbered = replace(
        tables,
        observations=tables.observations.reset_index(drop=True),
        support=tables.support.reset_index(drop=True),
    )
    looks, answers = _dated(numbered.observations, today), _dated(numbered.support, today)
    instants = [rows.loc[~rows["is_later"], "at"].max() for rows in (looks, answers)]
    newest = max((instant for instant in instants if not pd.isna(instant)), default=None)
    since = surveyed_since = None
    is_judged, is_judged_answer = ~looks["is_later"].to_numpy(), ~answers["is_later"].to_numpy()
    if not history:
        since, surveyed_since = (_days_before(newest or today, days) for days in (OBSERVED_DAYS, SURVEYED_DAYS))
        is_judged = _is_last_answer(looks, since)
        is_judged_answer = _is_last_survey(answers, surveyed_since)
    observations = numbered.observations[is_judged]
    return InService(
        tables=with_looks(
            replace(numbered, support=numbered.support[is_judged_answer]),
            observations if history else _without_replaced(observations, expiry),
        ),
        known=find_known(numbered, now=today),
        now=today,
        newest=newest,
        since=since,
        surveyed_since=surveyed_since,
        expiry=expiry,
        services=_services(looks, answers, is_judged, is_judged_answer, since),
        left_out={
            "observations": _left_out(looks, is_judged, since),
            "answers": _left_out(answers, is_judged_answer, surveyed_since),
        },
    )


def find_known(tables: Tables, *, now: Instant) -> Tables:
    """The rows that were known at `now`: not dated after it, or undated; without certificates only later looks show.

    A row known by bounds is dated by their end. Raises `UsageError` where `now` has no zone.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample")
    >>> known = toolkit.checking.find_known(tables, now="2025-12-31T00:00Z")
    >>> f"{tables.observations['observed_at'].max():%Y-%m-%d}, {known.observations['observed_at'].max():%Y-%m-%d}"
    '2026-01-24, 2025-12-31'
    """
    require_tables(tables, "find_known")
    today = zoned(now, "now")
    looks, answers = (rows[~_dated(rows, today)["is_later"]] for rows in (tables.observations, tables.support))
    if len(looks) == len(tables.observations):
        return replace(tables, support=answers)
    gone = named_certificates(tables.observations) - named_certificates(looks)
    held = tables.certificates[~tables.certificates["cert_sha256"].isin(gone)]
    return replace(tables, observations=looks, support=answers, certificates=held)


def with_looks(tables: Tables, looks: pd.DataFrame) -> Tables:
    """The tables with some of their looks; without looks, no certificate either.

    Certificates without any look are judged as held. Those of looks that are left out must not be.
    """
    certificates = tables.certificates if len(looks) else schema.empty("certificates")
    return replace(tables, observations=looks, certificates=certificates)


def date_present(tables: Tables, *, clock: Instant) -> datetime:
    """The instant from which days are counted: `clock`, or the newest row where that is up to a day after `clock`.

    A row can be dated after `clock`, because the clock of the machine that recorded it was ahead of this one. Rows that
    are dated more than a day after `clock`, and those of a lab, are ignored.

    >>> import toolkit
    >>> tables = toolkit.load_example("google-mail")
    >>> str(toolkit.checking.date_present(tables, clock="2024-12-22T12:00Z"))
    '2024-12-22 19:56:53+00:00'
    """
    present = zoned(clock, "clock")
    rows = pd.concat([tables.observations, tables.support.assign(source=surveyed(tables)["source"].array)])
    instants = rows.loc[~rows["source"].isin(MADE), "observed_at"]
    ahead = instants[(instants > present) & (instants - present <= LONGEST_VISIT)].max()
    return present if pd.isna(ahead) else ahead


def name_services(rows: pd.DataFrame) -> pd.Series:
    """A name for the service of each row (string, never null): the service, else the host, else `service not said`.

    >>> import pandas as pd
    >>> from toolkit.checking import name_services
    >>> rows = pd.DataFrame({"service": ["https://mx:443", None, None], "host": ["mx", "www", None]})
    >>> list(name_services(rows))
    ['https://mx:443', 'www', 'service not said']
    """
    require_columns(rows, ("service", "host"), call="name_services", source="check, or the table `observations`,")
    return rows["service"].fillna(rows["host"]).fillna("service not said")


def _dated(rows: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    """The rows with `at` (the instant, or the latest bound that is known) and `is_later` (`at` is after `today`)."""
    at = rows["observed_at"].fillna(rows["observed_until"]).fillna(rows["observed_from"])
    is_later = (at > today).fillna(False).astype(bool)
    if "host" not in rows:
        rows = rows.assign(host=hosts_of(rows["service"]))
    return rows.assign(at=at, is_later=is_later)


def _days_before(instant: pd.Timestamp, days: int) -> pd.Timestamp:
    length = pd.Timedelta(days=days)
    return instant - length if instant - FIRST > length else FIRST


def _is_last_answer(looks: pd.DataFrame, since: pd.Timestamp) -> Bools:
    """The observations that are in service, as a mask of the rows."""
    near = looks[~looks["is_later"] & (looks["at"] >= since).fillna(False)]
    # A new edition of an offer replaces the previous one.
    aliases = {name: offer.alias or name for name, offer in offers().items()}
    near = near.assign(offer=near["offer"].map(lambda name: aliases.get(name, name), na_action="ignore"))
    asked = _numbers(near, _ASKED)
    place = _numbers(near.assign(asked=asked), ["asked", "address"])
    is_ok = near["outcome"] == "ok"
    is_current = _is_last_visit(near, asked)
    is_current[is_ok] |= _is_last_visit(near[is_ok], asked[is_ok])
    is_in_use = is_ok & place.isin(place[is_current])
    is_last = _is_last_visit(near[is_in_use], place[is_in_use])
    chosen = np.zeros(len(looks), bool)
    chosen[is_last.index[is_last]] = True
    return chosen


def _is_last_survey(answers: pd.DataFrame, since: pd.Timestamp) -> Bools:
    """The answers of surveys that are in service, as a mask of the rows."""
    near = answers[~answers["is_later"] & (answers["at"] >= since).fillna(False)]
    kind = pd.Series("version", near.index)
    for name in reversed(_KINDS):
        kind = kind.mask(near[name].notna(), name)
    asked = _numbers(near.assign(kind=kind), ["service", "kind"])
    is_answered = near["state"] != "untested"
    has_answers = is_answered.groupby([asked, near["round"]]).transform("any")
    ever = has_answers.groupby(asked).transform("any")
    counted = has_answers | ~ever
    is_last = _is_last_visit(near[counted], asked[counted])
    chosen = np.zeros(len(answers), bool)
    chosen[is_last.index[is_last]] = True
    return chosen


def _is_last_visit(rows: pd.DataFrame, group: pd.Series) -> pd.Series:
    return is_last_visit(rows["at"], group, rows["round"])


def _numbers(rows: pd.DataFrame, columns: list[str]) -> pd.Series:
    return rows.groupby(columns, dropna=False, sort=False).ngroup()


def _without_replaced(looks: pd.DataFrame, expiry: pd.DataFrame) -> pd.DataFrame:
    """The observations; the leaf and the chain are null where the slot no longer serves the leaf."""
    gone = expiry.loc[expiry["state"].isin(OUT_OF_USE), SERVED].drop_duplicates()
    is_gone = looks[SERVED].merge(gone.assign(is_gone=True), how="left", on=SERVED)["is_gone"].notna().to_numpy()
    chain = looks["chain_sha256"].copy()
    chain[is_gone] = None
    return looks.assign(leaf_sha256=looks["leaf_sha256"].mask(is_gone), chain_sha256=chain)


def _services(
    looks: pd.DataFrame,
    answers: pd.DataFrame,
    is_judged: Bools,
    is_judged_answer: Bools,
    since: pd.Timestamp | None,
) -> pd.DataFrame:
    columns = ["service", "host", "at", "is_later"]
    is_near = ~looks["is_later"] & ((looks["at"] >= since).fillna(False) if since is not None else True)
    rows = pd.concat(
        [
            looks[columns].assign(is_survey=False, is_judged=is_judged, is_asked=is_near),
            answers[columns].assign(is_survey=True, is_judged=is_judged_answer, is_asked=False),
        ],
        ignore_index=True,
    )
    known = rows["at"].mask(rows["is_later"])
    rows = rows.assign(
        last_at=known,
        observed_at=known.mask(rows["is_survey"]),
        surveyed_at=known.where(rows["is_survey"]),
        later_at=rows["at"].where(rows["is_later"]),
        name=name_services(rows),
    )
    return rows.groupby("name", sort=False, as_index=False).agg(
        service=("service", "first"), host=("host", "first"), last_at=("last_at", "max"),
        observed_at=("observed_at", "max"), surveyed_at=("surveyed_at", "max"), later_at=("later_at", "min"),
        is_judged=("is_judged", "any"), is_asked=("is_asked", "any"),
    )  # fmt: skip


def _left_out(rows: pd.DataFrame, is_judged: Bools, since: pd.Timestamp | None) -> dict[str, int]:
    is_undated, is_later = rows["at"].isna(), rows["is_later"]
    is_earlier = ~is_later & ((rows["at"] < since).fillna(False) if since is not None else False)
    is_near = ~is_undated & ~is_earlier & ~is_later
    is_unasked = is_failed = pd.Series(False, rows.index)
    if "outcome" in rows:
        is_unasked = rows["outcome"].isin(NOT_ASKED)
        is_failed = is_near & ~is_unasked & (rows["outcome"] != "ok")
    is_left = ~is_judged & ~is_failed
    return {
        "superseded": int((is_left & is_near & ~is_unasked).sum()),
        "not_asked": int((is_left & is_near & is_unasked).sum()),
        "earlier": int((is_left & is_earlier).sum()),
        "later": int((is_left & is_later).sum()),
        "undated": int((is_left & is_undated).sum()),
    }
