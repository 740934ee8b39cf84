"""Which versions, ciphers and key lengths does each server accept?"""

from datetime import datetime
from functools import cache
from numbers import Integral
from typing import Final, Literal

import pandas as pd
from pandas.api.types import pandas_dtype

from toolkit import schema
from toolkit.analyse.slots import joined_sources
from toolkit.columns import DTYPES
from toolkit.errors import UsageError
from toolkit.instants import DAY, days, zoned
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
"""What tells questions apart."""

_ROUND: Final = ["service", "host", "round", "basis"]
VISIT: Final = [*_ROUND, "begins", "ends"]
"""What tells visits apart, in the columns of `by_visit`."""

_BOUNDS: Final = ["observed_at", "observed_from", "observed_until"]

_DTYPES: Final = {
    "service": "string",
    "host": "string",
    "round": "string",
    "basis": "string",
    "observed_at": DTYPES["instant"],
    "observed_from": DTYPES["instant"],
    "observed_until": DTYPES["instant"],
    "age_days": "Float64",
    "is_latest": "boolean",
    "protocol": "string",
    "cipher": "string",
    "key_bits": "Int64",
    "strength_bits": "Int64",
    "group": "string",
    "signature_scheme": "string",
    "has_forward_secrecy": "boolean",
    "is_aead": "boolean",
    "is_post_quantum": "boolean",
    "accepted": "Int64",
    "refused": "Int64",
    "untested": "Int64",
    "state": "string",
    "suites": "object",
    "first_choice": "string",
    "looks": "Int64",
    "source": "string",
}


def summarise_support(tables: Tables, *, now: datetime | str, by: By = "cipher") -> pd.DataFrame:
    """What each service accepts, refuses, and was not asked: by version and cipher, version, group or scheme.

    Two bases, told apart by the column `basis`: `survey`, the questions of the table `support`; and `negotiated`,
    what handshakes in `observations` ended in (each accepted once; it says nothing about the rest). Handshakes of a
    survey (`offer="survey"`) are in `support` already and not counted twice. Rows are per service and round,
    addresses taken together; a round of more than a day (a recorded series) is split by UTC day. Rows whose instant is
    known by bounds stand apart, together with those of the same bounds; so do undated ones in a round of more than a
    day. Rows that cannot have been before `now` are not counted.

    Columns, in order (those that `by` does not ask for are absent):

    - `service`, `host` (string), `round` (string), `basis` (string)
    - `observed_at` (instant, the last of the round or day; null: not known to the instant), `observed_from`,
      `observed_until` (instant, the first and the last answer, or what bounds them; null: nothing does), `age_days`
      (Float64 [d] from `observed_until` to `now`; null: nothing bounds it)
    - `is_latest` (boolean, the service's latest of that basis; one known by bounds counts by their end, one without
      any only where no other is)
    - `protocol` (string; null: the question named no version, or the source is ambiguous)
    - for `cipher`: `cipher` (string: RC4, 3DES, AES, ChaCha20, …), `key_bits`, `strength_bits` (Int64 [bits]:
      3DES is 168 and 112); for `group`: `group`; for `signature_scheme`: `signature_scheme` (string)
    - for `cipher` and `protocol`: `has_forward_secrecy`, `is_aead` (boolean, any accepted suite; null: none is
      accepted); for `group`: `is_post_quantum` (boolean, null: a group that `toolkit.reference` does not know)
    - `accepted`, `refused`, `untested` (Int64, questions by state; one asked at several addresses is accepted
      where one accepted, refused where all refused, else untested)
    - `state` (string: `accepted` where any is, else `untested` where any is, else `refused`)
    - for `cipher` and `protocol`: `suites` (object, tuple of the accepted suites' names, by rank, then name)
    - `first_choice` (string, what the server ranks first for that version, in the row that holds it; null elsewhere,
      and where no rank is known)
    - `looks` (Int64, rows of the tables behind it), `source` (string, null: the tables do not say)

    A suite that `toolkit.reference` does not know has `cipher`, `key_bits` and `strength_bits` null; a version that
    was asked about without a suite counts for `protocol` only. Raises `UsageError` where `now` has no zone.

    >>> import toolkit
    >>> from datetime import UTC, datetime
    >>> tables = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    >>> support = toolkit.summarise_support(tables, now=datetime(2026, 1, 24, tzinfo=UTC), by="protocol")
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
    if by not in _KEYS:
        raise UsageError(f"by={by!r}: write one of {', '.join(_KEYS)}.")
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
    """The questions of `support`, row by row, with the host and the source that the other tables tell.

    `observed_from` and `observed_until` are the instant where it is known.
    """
    rows = tables.support[["service", "round", *_BOUNDS, *QUESTION, "suite_code", "state", "rank"]].copy()
    known = tables.observations[["service", "round", "source"]].dropna().drop_duplicates(["service", "round"])
    rows = rows.merge(known, how="left", on=["service", "round"])
    by_round = tables.rounds.drop_duplicates("round").set_index("round")["source"]
    rows["source"] = rows["source"].fillna(rows["round"].map(by_round).astype("string"))
    rows["host"] = rows["service"].str.extract(r"://\[?(.+?)\]?:\d+$", expand=False)
    return _bounded(rows).assign(basis="survey")


def _negotiated(tables: Tables) -> pd.DataFrame:
    """What handshakes ended in."""
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
    """One row per question of a round, its addresses taken together."""
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
        names[column] = pd.Series(facts, names.index, dtype=object).astype(pandas_dtype(_DTYPES[column]))
    questions = questions.merge(names, how="left", on=["suite", "suite_code"])
    for column in ("has_forward_secrecy", "is_aead"):
        questions[column] = questions[column].where(questions["state"] == "accepted")
    return questions.assign(is_post_quantum=questions["group"].map(_post_quantum()).astype("boolean"))


def suite_of(name: object, code: object) -> Suite | None:
    """The suite that a row names: by code where it has one, else by name; none where the reference has neither."""
    if isinstance(code, Integral) and int(code) in suites():
        return suites()[int(code)]
    return find_suite(name) if isinstance(name, str) else None


@cache
def _post_quantum() -> dict[str, bool]:
    return {group.name: group.is_post_quantum for group in groups().values()}


def by_visit(answers: pd.DataFrame) -> pd.DataFrame:
    """The answers with `begins` and `ends`, which tell the visits of a round apart.

    Both are the UTC day of an answer where the round took more than a day, and the bounds of an answer whose instant is
    not known; null where there is nothing to tell apart.
    """
    instants = answers.groupby(_ROUND, dropna=False, sort=False)["observed_at"]
    is_long = (instants.transform("max") - instants.transform("min")) > DAY
    is_dated = answers["observed_at"].notna()
    day = answers["observed_at"].dt.floor("D").where(is_long)
    return answers.assign(
        begins=day.where(is_dated, answers["observed_from"]), ends=day.where(is_dated, answers["observed_until"])
    )


def date_visits(answers: pd.DataFrame) -> pd.DataFrame:
    """One row per visit: `observed_at`, `observed_from`, `observed_until`, and `known_at`, by which visits are ordered.

    That is the instant, else the end of its bounds, else their beginning; null where nothing bounds it.
    """
    instants = answers.groupby(VISIT, dropna=False, sort=False)
    dated = instants.agg(
        observed_at=("observed_at", "max"), observed_from=("observed_from", "min"),
        observed_until=("observed_until", "max"),
    ).reset_index()  # fmt: skip
    known = dated["observed_at"].fillna(dated["observed_until"]).fillna(dated["observed_from"])
    return dated.assign(known_at=known)


def _with_dates(frame: pd.DataFrame, answers: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    """When each visit was, and whether it is the service's latest."""
    dated = date_visits(answers)
    latest = dated.groupby(["service", "host", "basis"], dropna=False, sort=False)["known_at"].transform("max")
    dated["is_latest"] = (dated["known_at"] == latest) | latest.isna()
    dated["age_days"] = days(today - dated["observed_until"])
    return frame.merge(dated, how="left", on=VISIT)


def _finished(frame: pd.DataFrame, by: By) -> pd.DataFrame:
    shown = {*_ROUND, *_KEYS[by], *_FACTS[by], *schema.STATES, *_BOUNDS, "age_days", "is_latest", "state",
             "first_choice", "looks", "source", *(["suites"] if by in ("cipher", "protocol") else [])}  # fmt: skip
    dtypes = {name: dtype for name, dtype in _DTYPES.items() if name in shown}
    order = [*_ROUND[:2], "known_at", "round", "basis", *_KEYS[by]]
    return frame.sort_values(order, ignore_index=True)[list(dtypes)].astype(dtypes)
