"""The overview of tables: one row per service, with its looks, failures, certificates and gaps."""

from typing import Final

import pandas as pd

from toolkit import schema, text
from toolkit.columns import Column, dtypes
from toolkit.instants import days

OVERVIEW: Final = (
    Column("service", "text", "the service", "the row of all looks whose source does not name it"),
    Column("source", "text", "sources of its looks; their number where there are more than three", "it has no look"),
    Column("first_look_at", "instant", "first look that is dated to the instant", "there is none"),
    Column("last_look_at", "instant", "last look that is dated to the instant", "there is none"),
    Column("looks", "integer", "looks"),
    Column("looks_ok", "integer", "looks with the outcome `ok`"),
    Column("failures", "text", "number of the other looks by outcome, the most frequent first", "no look failed"),
    Column("certificates", "integer", "distinct leaf certificates"),
    Column("longest_gap_days", "number", "longest time between two looks that are dated to the instant",
           "fewer than two are", unit="d"),
    Column("questions", "integer", "answers of surveys"),
    Column("undated", "integer", "looks and answers without an instant and without bounds"),
    Column("known_from_at", "instant", "earliest instant or bound of a look or an answer", "there is none"),
    Column("known_until_at", "instant", "latest instant or bound of a look or an answer", "there is none"),
)  # fmt: skip
"""The columns of `Tables.overview`."""


def summarise_services(looks: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """One row per service of `observations` and `support`, and one for rows without a service; columns `OVERVIEW`."""
    by_service = looks.groupby("service", dropna=False)
    held = [frame for frame in (looks, answers) if len(frame)] or [looks]
    rows = pd.concat([frame[["service", *schema.INSTANTS]] for frame in held])
    bounds = rows.groupby("service", dropna=False)[schema.INSTANTS]
    is_undated = rows[schema.INSTANTS].isna().all(axis=1)
    dated = looks[["service", "observed_at"]].sort_values("observed_at")
    gaps = dated.groupby("service", dropna=False)["observed_at"].diff()
    sizes = looks[looks["outcome"] != "ok"].groupby(["service", "outcome"], dropna=False).size()
    failed = sizes.to_frame("count").reset_index()
    failed = failed.sort_values(["service", "count"], ascending=[True, False], kind="stable")
    counted = (failed["count"].astype("string") + " " + failed["outcome"]).groupby(failed["service"], dropna=False)
    found = pd.DataFrame(
        {
            "source": by_service["source"].agg(_named_or_counted),
            "first_look_at": by_service["observed_at"].min(),
            "last_look_at": by_service["observed_at"].max(),
            "looks": by_service.size(),
            "looks_ok": (looks["outcome"] == "ok").groupby(looks["service"], dropna=False).sum(),
            "failures": counted.agg(", ".join),
            "certificates": by_service["leaf_sha256"].nunique(),
            "longest_gap_days": days(gaps.groupby(dated["service"], dropna=False).max()),
            "questions": answers.groupby("service", dropna=False).size(),
            "undated": is_undated.groupby(rows["service"], dropna=False).sum(),
            "known_from_at": bounds.min().min(axis=1),
            "known_until_at": bounds.max().max(axis=1),
        }
    )
    counts = ["looks", "looks_ok", "certificates", "questions"]
    found[counts] = found[counts].fillna(0)
    return found.rename_axis("service").reset_index().astype(dtypes(OVERVIEW))


def _named_or_counted(sources: pd.Series) -> str:
    named = sorted(sources.unique())
    return ", ".join(named) if len(named) <= 3 else f"{len(named)} sources"


def describe_services(services: "pd.Series[str]") -> str:
    """The number of distinct services, and of the rows whose source does not name the service.

    >>> import pandas as pd
    >>> from toolkit.overview import describe_services
    >>> describe_services(pd.Series(["smtp://mx.example:25", "smtp://mx.example:25", None], dtype="string"))
    '1 service, 1 without a service'
    """
    words, unnamed = text.counted(services.nunique(), "service"), int(services.isna().sum())
    return f"{words}, {unnamed:,} without a service" if unnamed else words


def describe_source(frame: pd.DataFrame) -> str:
    """The kinds of source of the rows, joined by ` + `: `lab`, `simulated`, `live`, `recorded`; empty where unknown.

    >>> import pandas as pd
    >>> from toolkit.overview import describe_source
    >>> describe_source(pd.DataFrame({"source": ["lab", "live", "lab"]}))
    'lab + live'
    """
    if "source" not in frame:
        return ""
    known = {"lab", "simulated", "live"}
    named = {str(source) for source in frame["source"].dropna()}
    # Frames join several sources by commas; a recorded source is a citation, which may contain commas.
    parts = {part for source in named for part in source.split(", ")}
    kinds = sorted(parts & known) + (["recorded"] if parts - known else [])
    return " + ".join(kinds)
