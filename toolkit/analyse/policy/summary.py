"""Summaries of what `judge` returns: one row per policy, rule, service and verdict, in time linear in the rows."""

from collections.abc import Callable
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import Bools, Ints, Texts, instants
from toolkit.analyse.policy.findings import FINDINGS
from toolkit.arguments import require_choice
from toolkit.columns import Column, dtypes, require_columns, returns

By = Literal["verdict", "found", "run"]

SUMMARY: Final = (
    Column("policy", "text", "name of the policy"),
    Column("rule", "text", "name of the rule"),
    Column("level", "text", "`must`, `should`, or `statement` (a published statement)"),
    Column("service", "text", "service of the evidence", "the source does not say"),
    Column("host", "text", "host of the evidence", "the source does not say"),
    Column("verdict", "text", "`falls short`, `contradicted`, `unknown`, `confirmed` or `meets`"),
    Column("found", "text", "the distinct things found, at most five named", "there is no evidence"),
    Column("required", "text", "what the rule asks for, in words"),
    Column("authority", "text", "documents and sections of the rule, at most three named"),
    Column("rule_from_at", "instant", "from when the rule holds, the earliest of the rows", "not known"),
    Column("evidence_count", "integer", "number of rows with evidence"),
    Column("first_at", "instant", "earliest instant of the evidence", "nothing bounds it"),
    Column("last_at", "instant", "latest instant of the evidence", "nothing bounds it"),
    Column(
        "evidence", "text", "positions in the tables, such as `observations 3; support 7–14`, at most eight ranges a "
        "table", "there is no evidence",
    ),
    Column("reason", "text", "why it is unknown, or cannot be ordered in time", "neither applies"),
    Column("source", "text", "sources of the evidence, at most five named", "the tables do not say"),
)  # fmt: skip
"""The columns of `summarise_findings`."""

_WORST_FIRST: Final = ("falls short", "contradicted", "unknown", "confirmed", "meets")
_GROUP: Final = ["policy", "rule", "level", "service", "host"]
_MOST_NAMED: Final = {"found": 5, "required": 1, "authority": 3, "reason": 2, "source": 5}
_MOST_RANGES: Final = 8


@returns(SUMMARY)
def summarise_findings(findings: pd.DataFrame, *, by: By = "verdict") -> pd.DataFrame:
    """Count the verdicts of `judge`: one row per policy, rule, service and verdict, the worst first.

    `by="found"` gives one row per distinct thing found as well. `by="run"` gives one row per run: consecutive dated
    rows with the same verdict, by time, sorted by policy, rule and service. `first_at` and `last_at` are then those of
    the first and the last row of the run; what held between two runs is not known. Rows whose evidence lacks a bound,
    or whose bounds overlap those of a row with another verdict, cannot be ordered: they come last, with a `reason`.

    Raises `UsageError` for another frame and for an unknown `by`.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample")
    >>> tables = tables.within(until="2025-06-15T00:00:00Z", services="smtp://legacy.lab.test:25")
    >>> summary = toolkit.summarise_findings(toolkit.judge(tables, "ietf"))
    >>> short = summary[summary["verdict"] == "falls short"]
    >>> print(toolkit.chart.tabulate(short, columns=["rule", "level", "evidence_count"]))
               rule  level evidence_count
    forward-secrecy should             25
                rc4   must              8
               ssl3   must              1
       strength-128 should              4
              tls10   must              1
              tls11   must              1
    """
    _require_findings(findings, by)
    reason = findings["reason"].astype("string")
    keys = [*_GROUP, "verdict"]
    if by == "run":
        findings = findings.iloc[np.argsort(_numbers(findings, _GROUP), kind="stable")]
        run, reason = _runs(findings)
        findings = findings.assign(run=run, reason=reason)
    group = _numbers(findings, keys if by == "verdict" else [*keys, by])
    frame = findings.iloc[np.unique(group, return_index=True)[1]][keys].reset_index(drop=True)
    of_group = findings.assign(is_row=findings["evidence_row"].notna()).groupby(group)
    frame["rule_from_at"] = of_group["rule_from_at"].min()
    frame["evidence_count"] = of_group["is_row"].sum()
    frame["first_at"] = of_group["observed_from"].min()
    frame["last_at"] = of_group["observed_until"].max()
    for name, most in _MOST_NAMED.items():
        frame[name] = _listed(findings[name], group, most).reindex(frame.index)
    frame["evidence"] = _ranges(findings, group).reindex(frame.index)
    return _in_order(frame.reindex(columns=list(dtypes(SUMMARY))).astype(dtypes(SUMMARY)), by)


def _require_findings(findings: pd.DataFrame, by: By) -> None:
    require_columns(findings, dtypes(FINDINGS), call="summarise_findings", source="judge")
    require_choice("by", by, get_args(By))


def _in_order(frame: pd.DataFrame, by: By) -> pd.DataFrame:
    """Sorted by policy, the worst verdict first; runs by policy, rule, service and time."""
    worst = frame["verdict"].map({verdict: rank for rank, verdict in enumerate(_WORST_FIRST)})
    keys = ["rule", "service", "host"]
    order = ["policy", *keys, "has_no_place", "first_at"] if by == "run" else ["policy", "worst", *keys]
    ranked = frame.assign(worst=worst, has_no_place=frame["reason"].notna())
    return ranked.sort_values(order, kind="stable", ignore_index=True)[list(dtypes(SUMMARY))]


def _numbers(frame: pd.DataFrame, keys: list[str]) -> Ints:
    """The number of each row's group, counted in the order in which the groups appear."""
    return np.asarray(frame.groupby(keys, dropna=False, sort=False).ngroup(), dtype=np.int64)


def _runs(findings: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The number of the run of each row (null: it cannot be ordered in time), and the reason why it cannot."""
    group, verdict = _numbers(findings, _GROUP), _numbers(findings, [*_GROUP, "verdict"])
    is_dated = (findings["observed_from"].notna() & findings["observed_until"].notna()).to_numpy(dtype=bool)
    begins, ends = (instants(findings[name]) for name in ("observed_from", "observed_until"))
    is_mixed = _overlap_others(group, verdict, begins, ends, is_dated)
    placed = np.flatnonzero(is_dated & ~is_mixed)
    placed = placed[np.lexsort((ends[placed], begins[placed], group[placed]))]
    is_new = np.diff(verdict[placed], prepend=-1) != 0
    run = pd.Series(pd.NA, findings.index, dtype="Int64")
    run.iloc[placed] = np.cumsum(is_new)
    reason = findings["reason"].astype("string").mask(is_mixed, "its bounds overlap rows with another verdict")
    return run, reason.mask(~is_dated & reason.isna(), "not dated on both sides")


def _overlap_others(group: Ints, verdict: Ints, begins: Ints, ends: Ints, is_dated: Bools) -> Bools:
    """Whether the bounds of each row overlap those of a row of its group with another verdict.

    Such a row begins until this one ends, and has not ended before this one begins. `verdict` numbers the verdicts
    of all groups. It is false for rows that are dated to the instant.
    """
    is_wide = is_dated & (begins < ends)
    others = np.zeros(len(group), dtype=np.int64)
    for sign, of in ((1, group), (-1, verdict)):  # all of the group, without those of the same verdict
        dated, wide = of[is_dated], of[is_wide]
        begun = _count_until(dated, begins[is_dated], wide, ends[is_wide], "right")
        ended = _count_until(dated, ends[is_dated], wide, begins[is_wide], "left")
        others[is_wide] += sign * (begun - ended)
    is_mixed: Bools = others > 0
    return is_mixed


def _count_until(group: Ints, at: Ints, asked: Ints, until: Ints, side: Literal["left", "right"]) -> Ints:
    """The number of `at` in each group `asked` that are before `until` (`left`), or not after it (`right`)."""
    distinct = np.unique(np.concatenate((at, until)))
    width = len(distinct) + 1
    keys = np.sort(group * width + np.searchsorted(distinct, at))
    counted = np.searchsorted(keys, asked * width + np.searchsorted(distinct, until), side)
    return (counted - np.searchsorted(keys, asked * width)).astype(np.int64)


def _listed(values: pd.Series, group: Ints, most: int) -> pd.Series:
    """By number of the group: its distinct values, at most `most` of them named; null where there are none."""
    codes, distinct = pd.factorize(values)
    texts = np.array([str(value) for value in distinct.tolist()], dtype=object)
    pairs = pd.unique(group[codes >= 0] * max(len(texts), 1) + codes[codes >= 0])
    numbers, shown = np.divmod(pairs, max(len(texts), 1))
    order = np.argsort(numbers, kind="stable")
    names = texts[shown[order]]

    def in_words(part: slice) -> str:
        unnamed = part.stop - part.start - most
        return ", ".join(names[part][:most]) + (f" and {unnamed} more" if unnamed > 0 else "")

    return _of_groups(names, numbers[order], in_words)


def _ranges(findings: pd.DataFrame, group: Ints) -> pd.Series:
    """By number of the group: its rows of evidence by table, consecutive ones as a range; null where there are none."""
    has_row = findings["evidence_row"].notna().to_numpy(dtype=bool)
    table, distinct = pd.factorize(findings["evidence_table"][has_row], sort=True)
    of_table = group[has_row] * max(len(distinct), 1) + table
    position = findings["evidence_row"][has_row].to_numpy(dtype=np.int64)
    order = np.lexsort((position, of_table))
    of_table, position = of_table[order], position[order]
    firsts = np.flatnonzero((np.diff(of_table, prepend=-1) != 0) | (np.diff(position, prepend=0) > 1))
    first, last = position[firsts], position[np.append(firsts[1:], len(position))[: len(firsts)] - 1]
    bounds = zip(first.tolist(), last.tolist(), strict=True)
    ranges = np.array([str(one) if one == other else f"{one}–{other}" for one, other in bounds], dtype=object)

    def in_words(part: slice) -> str:
        words = ", ".join(ranges[part][:_MOST_RANGES])
        has_more = part.stop - part.start > _MOST_RANGES
        return words + (f", … ({int((last[part] - first[part] + 1).sum())} rows)" if has_more else "")

    found = _of_groups(ranges, of_table[firsts], in_words)
    numbers, codes = np.divmod(found.index.to_numpy(), max(len(distinct), 1))
    by_table = distinct.to_numpy(dtype=object)[codes] + " " + found.to_numpy(dtype=object)
    return _of_groups(by_table, numbers, lambda part: "; ".join(by_table[part]))


def _of_groups(words: Texts, numbers: Ints, in_words: Callable[[slice], str]) -> pd.Series:
    """By number of the group: its word, or its words joined by `in_words`. `numbers` is sorted."""
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    ends = np.append(starts[1:], len(numbers))
    found = words[starts]
    for place in np.flatnonzero(ends - starts > 1).tolist():
        found[place] = in_words(slice(int(starts[place]), int(ends[place])))
    return pd.Series(found, numbers[starts], dtype="string")
