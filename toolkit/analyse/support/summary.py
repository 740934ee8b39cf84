"""Versions, ciphers and key lengths that each service accepts."""

from functools import cache
from numbers import Integral
from typing import Final, Literal

import pandas as pd
from pandas.api.types import pandas_dtype

from toolkit import schema
from toolkit.analyse.rounds import days_of_visits
from toolkit.analyse.slots import joined_sources
from toolkit.arguments import require_choice
from toolkit.columns import Column, dtypes, returns
from toolkit.instants import Instant, days, zoned
from toolkit.reference import Suite, find_suite, groups, suites
from toolkit.tables import Tables, require_tables

By = Literal["cipher", "protocol", "group", "signature_scheme"]

_KEYS: Final[dict[str, list[str]]] = {
    "cipher": ["protocol", "cipher", "key_bits", "strength_bits"],
    "protocol": ["protocol"],
    "group": ["protocol", "group"],
    "signature_scheme": ["protocol", "signature_scheme"],
}
_FACTS: Final[dict[str, list[str]]] = {
    "cipher": ["has_forward_secrecy", "is_aead"],
    "protocol": ["has_forward_secrecy", "is_aead"],
    "group": ["is_post_quantum"],
    "signature_scheme": [],
}
QUESTION: Final = ["protocol", "suite", "group", "signature_scheme", "key_type"]
"""The columns that identify a question."""

_ROUND: Final = ["service", "host", "round", "basis"]
VISIT: Final = [*_ROUND, "begins", "ends"]
"""The columns of `by_visit` that identify a visit (`toolkit.analyse.rounds`)."""

_BOUNDS: Final = ["observed_at", "observed_from", "observed_until"]

SUPPORT: Final = (
    Column("service", "text", "the service", "the source does not say"),
    Column("host", "text", "its host", "the source does not say"),
    Column("round", "text", "the round of the answers", "the source has no rounds"),
    Column("basis", "text", "`survey`: questions of the table `support`; `negotiated`: handshakes"),
    Column("observed_at", "instant", "last answer of the round or day", "not known to the instant"),
    Column("observed_from", "instant", "first answer, or the bound before it", "nothing bounds it"),
    Column("observed_until", "instant", "last answer, or the bound after it", "nothing bounds it"),
    Column("age_days", "number", "from `observed_until` to `now`", "nothing bounds it", unit="d"),
    Column(
        "is_latest", "boolean", "the latest of the service and basis; one known by bounds counts by their end, an "
        "undated one only where all are undated",
    ),
    Column("protocol", "text", "version", "the question named none, or the source is ambiguous"),
    Column("cipher", "text", "only `by=\"cipher\"`: family, such as RC4, 3DES, AES, ChaCha20", "an unknown suite"),
    Column("key_bits", "integer", "only `by=\"cipher\"`: key size, 168 for 3DES", "an unknown suite", unit="bits"),
    Column("strength_bits", "integer", "only `by=\"cipher\"`: strength, 112 for 3DES", "an unknown suite", unit="bits"),
    Column("group", "text", "only `by=\"group\"`: group of the key exchange"),
    Column("signature_scheme", "text", "only `by=\"signature_scheme\"`: signature scheme"),
    Column("has_forward_secrecy", "boolean", "only by cipher and protocol: an accepted suite has it", "none accepted"),
    Column("is_aead", "boolean", "only by cipher and protocol: an accepted suite is AEAD", "none accepted"),
    Column("is_post_quantum", "boolean", "only `by=\"group\"`: the group is post-quantum", "an unknown group"),
    Column("accepted", "integer", "questions that are accepted at one address or more"),
    Column("refused", "integer", "questions that are refused at every address"),
    Column("untested", "integer", "the other questions"),
    Column("state", "text", "`accepted` where a question is, else `untested` where one is, else `refused`"),
    Column("suites", "texts", "only by cipher and protocol: names of the accepted suites, by rank, then name"),
    Column(
        "first_choice", "text", "what the server ranks first for the version, in the row that holds it",
        "another row holds it, or no rank is known",
    ),
    Column("looks", "integer", "rows of the tables that were counted"),
    Column("source", "text", "their sources", "the tables do not say"),
)  # fmt: skip
"""The columns of `summarise_support`, for every `by`."""


@returns(SUPPORT)
def summarise_support(tables: Tables, *, now: Instant, by: By = "cipher") -> pd.DataFrame:
    """Summarise what each service accepts and refuses, and what is untested, by cipher, protocol, group or scheme.

    One row per service, round, basis and version, and per cipher, group or signature scheme where `by` says so. The
    basis is `survey` (the questions of the table `support`) or `negotiated` (what handshakes in `observations`
    negotiated: it is accepted, and nothing is known about the rest). Handshakes of a survey (`offer="survey"`) are not
    counted again.

    The addresses of a service are taken together. A round of more than a day, such as a recorded series, is split by
    UTC day. Rows whose instant is known by bounds form a group with those of the same bounds; so do undated ones. Rows
    that cannot have been before `now` are not counted. A version that was asked about without a suite counts for
    `by="protocol"` only. Columns that do not belong to `by` are absent.

    Raises `UsageError` where `now` is not an instant with a zone, and for an unknown `by`.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    >>> support = toolkit.summarise_support(tables, now="2026-01-24T00:00Z", by="protocol")
    >>> latest = support[support["is_latest"]]
    >>> print(toolkit.chart.tabulate(latest, columns=["basis", "age_days", "protocol", "state", "suites"]))
         basis age_days protocol    state                                                        suites
        survey      3.0  SSL 3.0  refused                                                             –
        survey      3.0  TLS 1.0  refused                                                             –
        survey      3.0  TLS 1.1  refused                                                             –
        survey      3.0  TLS 1.2 accepted TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_ECDSA_WITH_A…
        survey      3.0  TLS 1.3 accepted TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20…
    negotiated      0.0  TLS 1.3 accepted                                        TLS_AES_128_GCM_SHA256
    """
    require_tables(tables, "summarise_support")
    today = zoned(now, "now")
    require_choice("by", by, _KEYS)
    answers = pd.concat([surveyed(tables), _negotiated(tables)], ignore_index=True)
    answers = by_visit(answers[~(answers["observed_from"] > today).fillna(False)])
    item = "suite" if by in ("cipher", "protocol") else by
    asked = answers[item].notna()
    if by == "protocol":
        others = answers["group"].notna() | answers["signature_scheme"].notna() | answers["key_type"].notna()
        asked = answers["protocol"].notna() & (answers["suite"].notna() | ~others)
    questions = _with_facts(take_together(answers[asked]))
    grouped = questions.groupby([*VISIT, *_KEYS[by]], dropna=False, sort=False)
    cells = grouped.ngroup()
    frame = grouped.agg(
        **{state: (state, "sum") for state in schema.STATES},
        looks=("looks", "sum"),
        **{fact: (fact, "max") for fact in _FACTS[by]},
    ).reset_index()
    ranked = questions.assign(cell=cells)[questions["state"] == "accepted"]
    ranked = ranked.sort_values(["rank", item], na_position="last")
    named: dict[int, dict[str, None]] = {}
    for cell, name in zip(ranked["cell"], ranked[item], strict=True):
        if isinstance(name, str):
            named.setdefault(cell, {})[name] = None
    frame["suites"] = [tuple(named.get(cell, ())) for cell in frame.index]
    known = questions["source"].notna()
    sources = joined_sources(pd.DataFrame({"cell": cells[known]}), questions.loc[known, "source"])
    frame["source"] = sources.reindex(frame.index)
    first = ranked[ranked["rank"] == 1].drop_duplicates("cell").set_index("cell")[item]
    frame["first_choice"] = first.reindex(frame.index)
    frame["state"] = pd.Series("refused", index=frame.index, dtype="string")
    frame.loc[frame["untested"] > 0, "state"] = "untested"
    frame.loc[frame["accepted"] > 0, "state"] = "accepted"
    return _finished(_with_dates(frame, answers, today), by)


def surveyed(tables: Tables) -> pd.DataFrame:
    """The questions of `support`, with the host of the service and the source of the round.

    `observed_from` and `observed_until` are the instant where it is known.
    """
    rows = tables.support[["service", "round", *_BOUNDS, *QUESTION, "suite_code", "state", "rank"]].copy()
    known = tables.observations[["service", "round", "source"]].dropna().drop_duplicates(["service", "round"])
    rows = rows.merge(known, how="left", on=["service", "round"])
    by_round = tables.rounds.drop_duplicates("round").set_index("round")["source"]
    rows["source"] = rows["source"].fillna(rows["round"].map(by_round).astype("string"))
    rows["host"] = hosts_of(rows["service"])
    return _bounded(rows).assign(basis="survey")


def hosts_of(services: pd.Series) -> pd.Series:
    """The host in the name of each service (`scheme://host:port`); null where there is none."""
    distinct = services.drop_duplicates()
    hosts = distinct.str.extract(r"://\[?(.+?)\]?:\d+$", expand=False)
    return services.map(dict(zip(distinct, hosts, strict=True))).astype("string")


def _negotiated(tables: Tables) -> pd.DataFrame:
    """What handshakes negotiated, as accepted questions."""
    looks = tables.observations
    rows = looks[(looks["protocol"].notna() | looks["suite"].notna()) & (looks["offer"] != "survey").fillna(True)]
    columns = ["service", "host", "round", *_BOUNDS, "protocol", "suite", "group", "signature_scheme",
               "suite_code", "source"]  # fmt: skip
    unknown = pd.Series(pd.NA, rows.index, dtype="string")
    rank = pd.Series(pd.NA, rows.index, dtype="Int64")
    return _bounded(rows[columns]).assign(basis="negotiated", state="accepted", key_type=unknown, rank=rank)


def _bounded(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the bounds of their instant, which are the instant itself where it is known."""
    return rows.assign(**{name: rows["observed_at"].fillna(rows[name]) for name in _BOUNDS})


def take_together(answers: pd.DataFrame) -> pd.DataFrame:
    """One row per question and visit, the addresses taken together."""
    counted = answers.assign(**{state: answers["state"] == state for state in schema.STATES})
    keys = [*VISIT, *QUESTION]
    frame = (
        counted.groupby(keys, dropna=False, sort=False)
        .agg(
            **{state: (state, "sum") for state in schema.STATES},
            looks=("state", "size"),
            rank=("rank", "min"),
            suite_code=("suite_code", "first"),
            source=("source", "first"),
        )
        .reset_index()
    )
    state = pd.Series("untested", index=frame.index, dtype="string")
    state[frame["refused"] == frame["looks"]] = "refused"
    state[frame["accepted"] > 0] = "accepted"
    return frame.assign(state=state, **{name: (state == name).astype("int64") for name in schema.STATES})


def _with_facts(questions: pd.DataFrame) -> pd.DataFrame:
    """What `toolkit.reference` knows of each suite and group; forward secrecy and AEAD of accepted suites only."""
    names = questions[["suite", "suite_code"]].drop_duplicates()
    known = [suite_of(name, code) for name, code in zip(names["suite"], names["suite_code"], strict=True)]
    for column in ("cipher", "key_bits", "strength_bits", "has_forward_secrecy", "is_aead"):
        facts = [getattr(suite, column) if suite else None for suite in known]
        names[column] = pd.Series(facts, names.index, dtype=object).astype(pandas_dtype(dtypes(SUPPORT)[column]))
    questions = questions.merge(names, how="left", on=["suite", "suite_code"])
    for column in ("has_forward_secrecy", "is_aead"):
        questions[column] = questions[column].where(questions["state"] == "accepted")
    return questions.assign(is_post_quantum=questions["group"].map(_post_quantum()).astype("boolean"))


def suite_of(name: object, code: object) -> Suite | None:
    """The suite of a row, by its code, else by its name; None where the reference has neither."""
    if isinstance(code, Integral) and int(code) in suites():
        return suites()[int(code)]
    return find_suite(name) if isinstance(name, str) else None


@cache
def _post_quantum() -> dict[str, bool]:
    return {group.name: group.is_post_quantum for group in groups().values()}


def by_visit(answers: pd.DataFrame) -> pd.DataFrame:
    """The answers with `begins` and `ends`, which separate the visits of a round.

    In a round of more than a day both are the UTC day of the answer. For an answer that is known by bounds they are its
    bounds. Otherwise they are null, and the round is one visit.
    """
    is_dated = answers["observed_at"].notna()
    day = days_of_visits(answers["observed_at"], *(answers[key] for key in _ROUND))
    return answers.assign(
        begins=day.where(is_dated, answers["observed_from"]), ends=day.where(is_dated, answers["observed_until"])
    )


def date_visits(answers: pd.DataFrame) -> pd.DataFrame:
    """One row per visit: `observed_at`, `observed_from`, `observed_until`, and `known_at`, by which visits are ordered.

    `known_at` is the instant, else the end of its bounds, else their beginning; null where nothing bounds it.
    """
    instants = answers.groupby(VISIT, dropna=False, sort=False)
    dated = instants.agg(
        observed_at=("observed_at", "max"), observed_from=("observed_from", "min"),
        observed_until=("observed_until", "max"),
    ).reset_index()  # fmt: skip
    known = dated["observed_at"].fillna(dated["observed_until"]).fillna(dated["observed_from"])
    return dated.assign(known_at=known)


def _with_dates(frame: pd.DataFrame, answers: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    """The frame with the dates of each visit, its age, and whether it is the latest of the service."""
    dated = date_visits(answers)
    latest = dated.groupby(["service", "host", "basis"], dropna=False, sort=False)["known_at"].transform("max")
    dated["is_latest"] = (dated["known_at"] == latest) | latest.isna()
    dated["age_days"] = days(today - dated["observed_until"])
    return frame.merge(dated, how="left", on=VISIT)


def _finished(frame: pd.DataFrame, by: By) -> pd.DataFrame:
    shown = {*_ROUND, *_KEYS[by], *_FACTS[by], *schema.STATES, *_BOUNDS, "age_days", "is_latest", "state",
             "first_choice", "looks", "source", *(["suites"] if by in ("cipher", "protocol") else [])}  # fmt: skip
    types = {name: dtype for name, dtype in dtypes(SUPPORT).items() if name in shown}
    order = [*_ROUND[:2], "known_at", "round", "basis", *_KEYS[by]]
    return frame.sort_values(order, ignore_index=True)[list(types)].astype(types)
