"""What several tools said about the same questions: where they agree, where not, and which of them could know."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from toolkit import schema
from toolkit.columns import Column, dtypes, returns
from toolkit.errors import UsageError
from toolkit.tables import Tables, require_tables

QUESTION: Final = ("service", "protocol", "suite", "group", "signature_scheme", "key_type")
"""What a question is about; a question about a version names nothing else."""

_COLUMNS: Final = {column.name: column for column in schema.TABLES["support"]}

COMPARED_TOOLS: Final = (
    *(_COLUMNS[name] for name in QUESTION),
    Column("tool", "text", "program and version that gave the answer", "not known"),
    Column("state", "text", "its answer: `accepted`, `refused` or `untested`"),
    Column("is_answered", "boolean", "it answered: `accepted` or `refused`; false: it did not ask, or could not"),
    Column(
        "is_backed",
        "boolean",
        "of an accepted version: the tool names a suite of that version which the server accepts",
        "not a version, or not accepted by this tool",
    ),
    Column(
        "agreement",
        "text",
        "of the answers: `agreed` (of at least two tools, the same), `disputed` (`accepted` and `refused`), "
        "`single` (one tool) or `unanswered`",
    ),
    Column("answered_at", "instant", "when the answer was given, or the latest bound of that", "not known"),
    Column("reason", "text", "what the answer rests on, in the words of the source", "nothing to add"),
)
"""The columns of `compare_tools`."""


@returns(COMPARED_TOOLS)
def compare_tools(tables: Tables, *, aliases: Mapping[str, str] | None = None) -> pd.DataFrame:
    """What each tool said about each question: one row per service, question and tool.

    A tool's last answer counts; `untested` counts only where the tool never answered. Answers without an instant may be
    the last, as may several of one instant: where they contradict each other, the tool has a row for each of the two,
    and disputes the question with itself. A tool has a row for each question that any tool was asked about the service,
    so that silence is visible: it is `untested`, with the reason that the tool does not mention it. Rows are sorted by
    question; versions come before their suites. `toolkit.settle` asks the disputed questions again.

    `aliases`: other names of a service (`{"tls://192.0.2.1:443": "tls://a.example:443"}`), because some tools name the
    address. Two tools that looked at different times may both be right: see `answered_at`.
    Raises `UsageError` for tables without answers of surveys.

    >>> import toolkit
    >>> compared = toolkit.compare_tools(toolkit.load_example("tools-sample"))
    >>> versions = compared[compared["suite"].isna() & (compared["protocol"] == "TLS 1.2")]
    >>> print(toolkit.chart.tabulate(versions, columns=["tool", "state", "is_backed", "agreement"]))
                 tool    state is_backed agreement
    cryptolyzer 1.6.1 untested         –  disputed
            nmap 7.80  refused         –  disputed
        sslscan 2.1.5  refused         –  disputed
         sslyze 5.2.0  refused         –  disputed
     testssl.sh 2.9.5  refused         –  disputed
     testssl.sh 3.2.3 accepted        no  disputed
    """
    require_tables(tables, "compare_tools")
    answers = tables.support
    if answers.empty:
        raise UsageError("compare_tools needs answers of surveys, and these tables have none: read a scanner's report.")
    if aliases is not None and not (
        isinstance(aliases, Mapping) and all(isinstance(one, str) for one in aliases.values())
    ):
        raise UsageError(f"aliases={aliases!r:.60}: give a dict of other names and services, both as text.")
    answers = answers.assign(
        service=answers["service"].replace(dict(aliases or {})),
        answered_at=answers["observed_at"].fillna(answers["observed_until"]),
        is_answered=answers["state"] != "untested",
    )
    said = _with_silence(_last(answers))
    return _judged(said).reindex(columns=list(dtypes(COMPARED_TOOLS))).astype(dtypes(COMPARED_TOOLS))


def _last(answers: pd.DataFrame) -> pd.DataFrame:
    """The answers that may be the last of a tool to a question, one of each state, whatever the order of the rows."""
    asked = [*QUESTION, "tool"]
    answers = answers.sort_values(["is_answered", "answered_at", "reason"], kind="stable", na_position="first")
    most = answers.groupby(asked, dropna=False)["is_answered"].transform("any")
    counted = answers[answers["is_answered"] == most]
    latest = counted.groupby(asked, dropna=False)["answered_at"].transform("max")
    is_last = counted["answered_at"].isna() | (counted["answered_at"] == latest)
    return counted[is_last].drop_duplicates([*asked, "state"], keep="last")


def _with_silence(said: pd.DataFrame) -> pd.DataFrame:
    """The rows, with one for each tool of a service and each question that this tool does not mention."""
    questions = said[list(QUESTION)].drop_duplicates()
    tools = said[["service", "tool"]].drop_duplicates()
    every = questions.merge(tools, on="service")
    joined = every.merge(said, on=[*QUESTION, "tool"], how="left")
    is_silent = joined["state"].isna()
    joined["reason"] = joined["reason"].mask(is_silent, "the report of this tool does not mention it")
    joined["state"] = joined["state"].fillna("untested")
    return joined.assign(is_answered=joined["is_answered"].astype("boolean").fillna(False))


def _judged(said: pd.DataFrame) -> pd.DataFrame:
    question = [said[name].astype(object).fillna("") for name in QUESTION]
    is_accepted, is_refused = said["state"] == "accepted", said["state"] == "refused"
    accepted = is_accepted.groupby(question).transform("sum")
    refused = is_refused.groupby(question).transform("sum")
    agreement = pd.Series("unanswered", said.index, dtype="string")
    agreement[accepted + refused == 1] = "single"
    agreement[(accepted + refused > 1) & ((accepted == 0) | (refused == 0))] = "agreed"
    agreement[(accepted > 0) & (refused > 0)] = "disputed"
    is_version = said[list(QUESTION[2:])].isna().all(axis=1)
    of_tool = ["service", "protocol", "tool"]
    named = said[is_accepted & said["suite"].notna()][of_tool].drop_duplicates().assign(has_suite=True)
    has_suite = said[of_tool].merge(named, on=of_tool, how="left")["has_suite"].to_numpy() == True  # noqa: E712
    is_backed = pd.Series(has_suite, said.index).astype("boolean").where(is_version & is_accepted)
    judged = said.assign(agreement=agreement, is_backed=is_backed)
    return judged.sort_values([*QUESTION, "tool", "state"], kind="stable", na_position="first", ignore_index=True)
