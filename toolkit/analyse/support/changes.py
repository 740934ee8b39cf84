"""Changes between two surveys: what each service gained and lost."""

from typing import Final

import numpy as np
import pandas as pd

from toolkit.analyse.support.summary import QUESTION, VISIT, by_visit, date_visits, surveyed, take_together
from toolkit.columns import Column, dtypes, returns
from toolkit.tables import Tables, require_tables

_SERVICE: Final = ["service", "host"]
_INSTANTS: Final = ["observed_at", "observed_from", "observed_until"]

CHANGES: Final = (
    Column("service", "text", "the service"),
    Column("host", "text", "its host"),
    Column("question", "text", "`protocol`, `suite`, `group`, `signature_scheme`, `key_type` or `first_choice`"),
    Column("protocol", "text", "version that the question was asked in", "the question names none"),
    Column("item", "text", "what was asked about: a version, a suite, a group, …"),
    Column("key_type", "text", "key type that the question was asked with", "the question names none"),
    Column("change", "text", "`gained`, `lost`; of `first_choice` `changed`: another suite is ranked first"),
    Column("before", "text", "state in the earlier survey, `accepted` or `refused`; of `first_choice` the suite"),
    Column("after", "text", "state in the later survey; of `first_choice` the suite"),
    Column("before_at", "instant", "instant of the earlier survey", "not known to the instant"),
    Column("after_at", "instant", "instant of the later survey", "not known to the instant"),
    Column("changed_from_at", "instant", "earliest instant of the change: of the earlier survey", "nothing bounds it"),
    Column("changed_until_at", "instant", "latest instant of the change: of the later survey", "nothing bounds it"),
    Column("source", "text", "source of the later survey", "the tables do not say"),
)
"""The columns of `find_changes`."""


@returns(CHANGES)
def find_changes(before: Tables, after: Tables) -> pd.DataFrame:
    """Find every answer that differs between two surveys of a service: one row per change.

    For each service, the last survey round of `before` is compared with the last one of `after` (a round that is known
    by bounds counts by their end). Addresses are taken together: accepted where one address accepts, refused where all
    refuse. Only a change between `accepted` and `refused` is a change; a question that was untested or not asked in one
    of the surveys never is. A version is gained where every question about it was refused and one is accepted now, and
    lost in the opposite case; its suites have rows of their own.

    Raises `UsageError` for anything but `Tables`.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://legacy.lab.test:25")
    >>> before, after = tables.within(until="2025-08-01T00:00:00Z"), tables.within(since="2025-08-01T00:00:00Z")
    >>> changes = toolkit.find_changes(before, after)
    >>> print(toolkit.chart.tabulate(changes, columns=["question", "protocol", "item", "change"], rows=3))
    question protocol    item change
    protocol  SSL 3.0 SSL 3.0   lost
    protocol  TLS 1.0 TLS 1.0   lost
    protocol  TLS 1.1 TLS 1.1   lost
    … and 24 more rows
    """
    require_tables(before, "find_changes")
    require_tables(after, "find_changes")
    then, now = _latest(before), _latest(after)
    parts = [
        _compared(_items(then), _items(now), ["question", "protocol", "item", "key_type"]),
        _compared(_versions(then), _versions(now), ["question", "protocol", "item"]),
        _first_choices(then, now),
    ]
    frame = pd.concat([part for part in parts if not part.empty] or parts[:1], ignore_index=True)
    return (
        frame.reindex(columns=list(dtypes(CHANGES)))
        .astype(dtypes(CHANGES))
        .sort_values(list(dtypes(CHANGES))[:6], ignore_index=True)
    )


def _latest(tables: Tables) -> pd.DataFrame:
    """The questions of the last survey round of each service, with its instant."""
    answers = by_visit(surveyed(tables))
    dated = date_visits(answers).sort_values("known_at", na_position="first", kind="stable")
    return take_together(answers).merge(dated.drop_duplicates(_SERVICE, keep="last"), on=VISIT)


def _items(questions: pd.DataFrame) -> pd.DataFrame:
    """The questions with `question`, the kind of each, and `item`, what it asked about."""
    kinds = [name for name in QUESTION if name != "protocol"]
    asked = questions[questions[kinds].notna().any(axis=1)]
    kind = np.select([asked[name].notna().to_numpy() for name in kinds], kinds, default="")
    item = asked["suite"].fillna(asked["group"]).fillna(asked["signature_scheme"]).fillna(asked["key_type"])
    return asked.assign(question=pd.Series(kind, asked.index, dtype="string"), item=item)


def _versions(questions: pd.DataFrame) -> pd.DataFrame:
    """The versions: accepted where a question about it is, refused where all are, else untested."""
    asked = questions[questions["protocol"].notna()]
    grouped = asked.groupby([*_SERVICE, "protocol"], dropna=False, sort=False)
    frame = grouped.agg(
        accepted=("accepted", "sum"), refused=("refused", "sum"), asked=("state", "size"),
        source=("source", "first"), **{name: (name, "first") for name in _INSTANTS},
    ).reset_index()  # fmt: skip
    state = np.where(
        frame["accepted"] > 0, "accepted", np.where(frame["refused"] == frame["asked"], "refused", "untested")
    )
    return frame.assign(
        state=pd.Series(state, frame.index, dtype="string"), question="protocol", item=frame["protocol"]
    )


def _compared(then: pd.DataFrame, now: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The keys that are accepted in one survey and refused in the other."""
    columns = [*_SERVICE, *keys, "state", *_INSTANTS, "source"]
    pairs = then[columns].merge(now[columns], on=[*_SERVICE, *keys], suffixes=("_then", "_now"))
    gained = (pairs["state_then"] == "refused") & (pairs["state_now"] == "accepted")
    lost = (pairs["state_then"] == "accepted") & (pairs["state_now"] == "refused")
    pairs = pairs.assign(change=pd.Series(np.where(gained, "gained", "lost"), pairs.index, dtype="string"))
    return _named(pairs[gained | lost], "state")


def _first_choices(then: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """The versions whose first choice is known in both surveys and differs."""
    keys = [*_SERVICE, "protocol"]
    sides = [
        side.loc[(side["rank"] == 1).fillna(False) & side["suite"].notna(), [*keys, "suite", *_INSTANTS, "source"]]
        .drop_duplicates(keys)
        for side in (then, now)
    ]  # fmt: skip
    pairs = sides[0].merge(sides[1], on=keys, suffixes=("_then", "_now"))
    pairs = pairs[pairs["suite_then"] != pairs["suite_now"]]
    return _named(pairs.assign(question="first_choice", item=pairs["protocol"], change="changed"), "suite")


def _named(pairs: pd.DataFrame, value: str) -> pd.DataFrame:
    names = {f"{value}_then": "before", f"{value}_now": "after", "source_now": "source"}
    names |= {"observed_at_then": "before_at", "observed_at_now": "after_at"}
    names |= {"observed_from_then": "changed_from_at", "observed_until_now": "changed_until_at"}
    return pairs.rename(columns=names)
