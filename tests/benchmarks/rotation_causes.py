"""Does `explain_leaves` name the cause that the lab had? A confusion table over scenarios, labelled by their truth.

A window's label is what the truth says happened to the two certificates in it. Where a window holds the end of one
cause and the begin of another, either is right. Half of each scenario's parameters were kept out of development.
"""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import repeat
from typing import Any

import pandas as pd

from toolkit import Tables
from toolkit.analyse import explain_leaves
from toolkit.analyse.causes.explain import CAUSES
from toolkit.lab import SamplingPlan, Truth, scenario, simulate, tell_truth

RUNS, AT_ONCE = 100, 20
"""Runs of each scenario, and how many of them are services of one simulation."""

_AT_WORK = 2
"""Scenarios at a time: the cores that the benchmarks reckon with."""

LEAST, LEAST_FOUND = 0.95, 0.90
"""At least this share of the causes found is right, and this share of the decidable causes is found: a stuck backend
and the slow end of a roll-out have some windows in common."""

WINDOW = pd.Timedelta(days=7)
_NEVER = pd.Timestamp.max.tz_localize("UTC")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

SPECIFIC = {"stuck_backend": "stuck backend", "addresses": "addresses differ", "rollback": "rollback"}
"""Causes in the truth → in the frame; a rotation lies under each of them."""

Table = Counter[tuple[str, str]]
"""(truth, found) → windows."""

Parameters = dict[str, tuple[dict[str, Any], ...]]
"""Scenario → changes of its parameters, run in turn; `gap` and `samples` are the plan's, `sticky` the explainer's.

`undecided`: a fleet so small that each of its roll-outs is, or may well be, one machine that stays behind: of two
always, of three where the second comes early. What is found must be right all the same.
"""

DEVELOPED: Parameters = {
    "steady": ({}, {"backends": 3}),
    "slow-rollout": (
        {},
        {"backends": 5, "roll_out": 10 * DAY},
        {"backends": 20},
        {"backends": 7, "roll_out": 20 * DAY},
    ),
    "stuck-backend": (
        {},
        {"backends": 20},
        {"affinity": DAY},
        {"backends": 12, "affinity": 6 * HOUR, "sticky": True},
        {"backends": 12, "affinity": 12 * HOUR},
        {"backends": 4},
        {"backends": 5, "addresses": 2, "samples": 3},
        {"backends": 1, "addresses": 2, "samples": 3},
        {"backends": 2, "undecided": True},
        {"backends": 3, "undecided": True},
        {"backends": 15, "delay": 25 * DAY},
        {"backends": 8, "roll_out": 2 * DAY},
        {"backends": 9, "affinity": 4 * HOUR, "sticky": True, "delay": 40 * DAY},
        {"backends": 16, "affinity": 8 * HOUR},
        {"backends": 5, "delay": 35 * DAY, "roll_out": 2 * DAY},
        {"backends": 4, "delay": 40 * DAY, "samples": 4, "drop_rate": 0.1},
        {"backends": 3, "addresses": 2, "delay": 45 * DAY, "samples": 3},
        {"backends": 1, "addresses": 2, "delay": 36 * DAY, "samples": 2, "gap": 12 * HOUR},
        {"backends": 2, "delay": 20 * DAY, "samples": 4, "undecided": True},
        {"backends": 3, "delay": 50 * DAY, "gap": 12 * HOUR, "undecided": True},
    ),
    "rollback": (
        {},
        {"backends": 8, "delay": 8 * DAY},
        {"backends": 3, "addresses": 2, "samples": 3},
        {"affinity": 3 * HOUR, "sticky": True},
        {"affinity": DAY},
        {"backends": 4, "roll_out": 3 * DAY},
        {"backends": 15, "delay": 10 * DAY},
        {"backends": 6, "affinity": 2 * DAY},
    ),
    "dual-keys": ({}, {"backends": 3}),
    "late": ({}, {"backends": 2}),
    "emergency": ({}, {"backends": 10}),
    "issuer-move": ({}, {"backends": 3}),
    "short-lived": ({}, {"backends": 3}),
    "anycast": (
        {},
        {"addresses": 2, "delay": 8 * DAY},
        {"addresses": 4, "backends": 2},
        {"addresses": 3, "backends": 5, "delay": 4 * DAY},
        {"addresses": 5, "backends": 1},
        {"addresses": 3, "backends": 3, "delay": 6 * DAY},
    ),
    "sticky": (
        {},
        {"backends": 3, "affinity": 3 * HOUR, "sticky": True},
        {"affinity": 4 * DAY, "roll_out": 8 * DAY},
        {"affinity": DAY, "addresses": 2, "roll_out": 8 * DAY},
        {"backends": 5, "affinity": 6 * HOUR, "sticky": True, "addresses": 3, "roll_out": 4 * DAY},
    ),
    "default-certificate": (
        {"services": 20, "generations": 2},
        {"services": 20, "generations": 2, "backends": 1, "samples": 1, "drop_rate": 0.1, "defer_rate": 0.1},
    ),
    "other-chain": (
        {"generations": 2},
        {"generations": 2, "chain": "bare", "backends": 2, "samples": 2, "gap": 12 * HOUR},
        {"generations": 2, "chain": "rooted", "backends": 10, "drop_rate": 0.1, "defer_rate": 0.1},
    ),
    "re-issue": (
        {"generations": 3},
        {"generations": 3, "backends": 1, "samples": 2, "reuse_key": True},
        {"generations": 3, "addresses": 3, "samples": 2},
    ),
    "unrelated": (
        {"generations": 3},
        {"generations": 3, "backends": 2, "samples": 2, "defer_rate": 0.2},
        {"generations": 3, "backends": 1, "delay": 3 * DAY},
        {"generations": 3, "backends": 2, "addresses": 2, "delay": 6 * DAY, "defer_rate": 0.1},
    ),
}
KEPT: Parameters = {
    "steady": ({"backends": 12, "roll_out": 2 * DAY}, {"backends": 1}),
    "slow-rollout": ({"backends": 12}, {"backends": 6, "roll_out": 16 * DAY}),
    "stuck-backend": (
        {"backends": 10, "delay": 28 * DAY},
        {"backends": 6, "roll_out": 3 * DAY, "delay": 38 * DAY},
        {"backends": 14, "affinity": 5 * HOUR, "sticky": True, "delay": 32 * DAY},
        {"backends": 10, "affinity": 10 * HOUR},
        {"backends": 25, "delay": 45 * DAY, "drop_rate": 0.1},
        {"backends": 4, "delay": 30 * DAY, "samples": 5},
        {"backends": 2, "addresses": 3, "delay": 40 * DAY, "samples": 3},
        {"backends": 1, "addresses": 3, "delay": 42 * DAY, "samples": 3, "gap": 12 * HOUR},
        {"backends": 2, "delay": 30 * DAY, "gap": 12 * HOUR, "undecided": True},
        {"backends": 3, "delay": 25 * DAY, "samples": 4, "undecided": True},
    ),
    "rollback": (
        {"backends": 5, "roll_out": 2 * DAY},
        {"backends": 10, "delay": 12 * DAY},
        {"backends": 4, "affinity": 12 * HOUR},
    ),
    "dual-keys": ({"backends": 8}, {"backends": 1}),
    "late": ({"backends": 9}, {"delay": 2 * DAY}),
    "emergency": ({"backends": 3}, {"delay": 20 * DAY}),
    "issuer-move": ({"backends": 10}, {"roll_out": 6 * DAY}),
    "short-lived": ({"backends": 8}, {"roll_out": timedelta(hours=6)}),
    "anycast": (
        {"addresses": 7, "backends": 1, "delay": 3 * DAY, "samples": 3},
        {"addresses": 5, "backends": 4, "delay": 7 * DAY, "drop_rate": 0.1},
        {"addresses": 3, "backends": 1, "delay": 4 * DAY, "samples": 2, "gap": 12 * HOUR},
    ),
    "sticky": (
        {"backends": 8, "affinity": 12 * HOUR},
        {"backends": 4, "affinity": 2 * DAY, "roll_out": 6 * DAY, "samples": 3},
        {"backends": 12, "affinity": 7 * DAY, "roll_out": 5 * DAY, "drop_rate": 0.1},
        {"backends": 6, "affinity": 5 * HOUR, "sticky": True, "addresses": 2, "roll_out": 5 * DAY},
    ),
    "default-certificate": (
        {"services": 20, "generations": 2, "backends": 3, "samples": 2, "gap": 12 * HOUR, "defer_rate": 0.2},
        {"services": 20, "generations": 2, "backends": 8, "key_types": ("EC",), "scheme": "https", "drop_rate": 0.1},
    ),
    "other-chain": (
        {"generations": 2, "chain": "bare", "backends": 4, "delay": 10 * DAY, "samples": 3},
        {"generations": 2, "chain": "crossed", "backends": 1, "delay": 40 * DAY, "defer_rate": 0.1},
        {"generations": 2, "chain": "rooted", "backends": 7, "gap": 12 * HOUR, "drop_rate": 0.2},
    ),
    "re-issue": (
        {"generations": 3, "backends": 8, "delay": 20 * DAY, "defer_rate": 0.1},
        {"generations": 3, "backends": 3, "delay": 4 * DAY, "gap": 12 * HOUR, "drop_rate": 0.1},
    ),
    "unrelated": (
        {"generations": 3, "backends": 3, "delay": 20 * DAY, "samples": 3, "drop_rate": 0.1},
        {"generations": 3, "backends": 8, "key_types": ("EC",), "gap": 12 * HOUR},
        {"generations": 3, "backends": 3, "addresses": 2, "delay": 8 * DAY, "samples": 4},
    ),
}
"""Parameters that nothing was developed with: they are run to print the table, and not tuned for.

Where they show something wrong, they join those above, and others take their place here.
"""


def causes(parameters: Parameters, *, seed: int, runs: int = RUNS) -> list[str]:
    """Print the confusion table of the parameters, and how each scenario fared; what missed its limit."""
    with ProcessPoolExecutor(_AT_WORK) as pool:
        found = pool.map(_found, parameters, parameters.values(), repeat(seed), repeat(runs))
        by_scenario = dict(zip(parameters, found, strict=True))
    table: Table = Counter()
    for tables in by_scenario.values():
        table.update(tables[True] + tables[False])
    print(f"\nCauses: windows of {runs} or more runs of each scenario, truth by the cause found")
    return [*_by_cause(table), *_by_scenario(by_scenario)]


def _by_cause(table: Table) -> list[str]:
    found = dict(zip(CAUSES, "abcdefghij", strict=False)) | {"unclear": " unclear"}
    missing = sorted({cause for pair in table for cause in pair} - set(found))
    found |= {cause: f" {cause}" for cause in missing}
    print(f"{'':22}" + "".join(f"{letter:>7}" for letter in found.values()) + "  precision   recall")
    missed = []
    for label, letter in found.items():
        row = [table[label, cause] for cause in found]
        if not sum(row):
            continue
        right = table[label, label]
        precision = right / max(sum(table[other, label] for other in found), 1)
        recall = right / max(sum(row) - table[label, "unclear"], 1)
        cells = "".join(f"{n:7,}" if n else f"{'·':>7}" for n in row)
        print(f"{letter:2}{label:20}{cells}{precision:11.3f}{recall:9.3f}")
        missed += [f"{label}: {what} {value:.3f}" for what, value in (("precision", precision), ("recall", recall))
                   if value < LEAST]  # fmt: skip
    return missed


def _by_scenario(tables: dict[str, dict[bool, Table]]) -> list[str]:
    print(f"\n{'':22}{'windows':>8}{'right':>8}{'unclear':>8}{'wrong':>8}   right of found  right of decidable")
    missed = []
    for name, halves in tables.items():
        right, unclear = (sum(map(count, halves.values())) for count in (_right, _unclear))
        windows = sum(table.total() for table in halves.values())
        found, decidable = right / max(windows - unclear, 1), _right(halves[True]) / max(halves[True].total(), 1)
        shown = f"{decidable:20.3f}" if halves[True] else f"{'none':>20}"
        print(f"{name:22}{windows:8,}{right:8,}{unclear:8,}{windows - right - unclear:8,}{found:16.3f}{shown}")
        missed += [f"{name}: {found:.3f} of the causes found are right"] if found < LEAST else []
        missed += (
            [f"{name}: {decidable:.3f} of the decidable causes are found"]
            if halves[True] and decidable < LEAST_FOUND
            else []
        )
    return missed


def _right(table: Table) -> int:
    return sum(number for (label, found), number in table.items() if label == found)


def _unclear(table: Table) -> int:
    return sum(number for (label, found), number in table.items() if found == "unclear" != label)


def _found(name: str, several: tuple[dict[str, Any], ...], seed: int, runs: int) -> dict[bool, Table]:
    """(truth, found) of the runs in which every cause is decidable, and of those in which not all are."""
    tables: dict[bool, Table] = {True: Counter(), False: Counter()}
    number, done = 0, 0
    while done < runs or number < len(several):
        changes = {"services": AT_ONCE} | several[number % len(several)]
        is_decidable = name != "sticky" and not {"affinity", "undecided"} & set(changes)
        tables[is_decidable].update(labelled(name, changes, seed + number))
        number, done = number + 1, done + changes["services"]
    return tables


def labelled(name: str, changes: dict[str, Any], seed: int) -> list[tuple[str, str]]:
    """(truth, found) of every window with several leaves, or with a leaf in several chains."""
    watched: dict[str, Any] = {"gap": 6 * HOUR, "samples": 6, "sticky": False, "undecided": False}
    changes = watched | changes
    gap, samples, sticky, _ = (changes.pop(key) for key in watched)
    schedule = scenario(name, **changes).schedule(seed)
    plan = SamplingPlan.every(gap, schedule.begins_at, schedule.ends_at, samples=samples)
    offers = ("rsa", "ecdsa") if name == "dual-keys" else ("any",)
    plan = replace(plan, offers=offers, spacing=timedelta(seconds=2), look_loss=0.1, round_loss=0.05)
    looks = simulate(schedule, seed, plan)
    found = explain_leaves(looks, sticky=sticky)
    truth = tell_truth(schedule, seed)
    judge = _Judge(truth)
    pairs: list[tuple[str, str]] = []
    row: Any
    for row in found.itertuples():
        right = judge.right(row)
        pairs.append((row.cause if row.cause in right else right[0], row.cause))
    return pairs + [("shown", "no row")] * (_several(looks) - len(found))


def _several(looks: Tables) -> int:
    """How many rows there must be: in each window each leaf but one, and each leaf that came in several chains."""
    rows = looks.observations.dropna(subset="leaf_sha256")
    windows = [rows["service"], rows["observed_at"].dt.floor(WINDOW)]
    leaves = rows.groupby(windows)["leaf_sha256"].nunique() - 1
    chains = rows.groupby([*windows, "leaf_sha256"])["chain_sha256"].nunique() > 1
    return int(leaves.sum() + chains.sum())


class _Judge:
    """What is right for a window, by the truth of its scenario."""

    def __init__(self, truth: Truth) -> None:
        self._types = truth.certificates.set_index("cert_sha256")["key_type"].to_dict()
        cause: Any
        span: Any
        self._causes: dict[str, list[Any]] = {}
        for cause in truth.causes.astype(object).where(truth.causes.notna(), None).itertuples():
            self._causes.setdefault(cause.service, []).append(cause)
        self._serving: dict[str, list[Any]] = {}
        for span in truth.serving.astype(object).where(truth.serving.notna(), None).itertuples():
            self._serving.setdefault(span.service, []).append(span)
        asked = truth.serving[["leaf_sha256", "server_name"]].drop_duplicates()
        self._asked = {leaf: set(own["server_name"]) for leaf, own in asked.groupby("leaf_sha256")}

    def right(self, row: Any) -> list[str]:
        """The causes that are right for a window, the most specific first."""
        leaf, other = row.leaf_sha256, row.other_sha256
        during = [
            cause
            for cause in self._causes.get(row.service, ())
            if cause.begins_at < row.window_until_at and (cause.ends_at or _NEVER) > row.window_from_at
        ]
        if leaf == other:
            return ["other chain"] if any(cause.cause == "other_chain" for cause in during) else ["one chain"]
        if not self._asked[leaf] & self._asked[other]:
            unknown = {cause.server_name for cause in during if cause.cause == "default_certificate"}
            return ["default certificate" if unknown & (self._asked[leaf] | self._asked[other]) else "names differ"]
        about = {cause.cause for cause in during if cause.leaf_sha256 in {leaf, other}}
        if "unrelated" in about:
            return ["unrelated"]
        if self._types[leaf] != self._types[other]:
            return ["key-type pair"]
        if "reissue" in about:
            return ["re-issue"]
        return self._by_time(row, [cause for cause in during if cause.key_type == self._types[leaf]])

    def _by_time(self, row: Any, during: list[Any]) -> list[str]:
        """By what happened to the line then.

        The truth says "addresses" only while one address is done and another has not begun; saying so is right, too,
        wherever the share of machines that serve a leaf was not the same behind each address.
        """
        during = [cause for cause in during if cause.cause in SPECIFIC]
        usual = ["rotation", "addresses differ"] if self._do_addresses_differ(row) else ["rotation"]
        if not during:
            return usual
        whole = [
            cause
            for cause in during
            if cause.begins_at <= row.window_from_at and (cause.ends_at or _NEVER) >= row.window_until_at
        ]
        right = [SPECIFIC[cause] for cause in dict.fromkeys(cause.cause for cause in [*whole, *during])]
        if whole:
            return right
        return [*right, *(usual if "stuck backend" not in right else ["rotation"])]

    def _do_addresses_differ(self, row: Any) -> bool:
        """Whether at some instant of the window the addresses' shares of the leaf differed."""
        serving = self._serving[row.service]
        instants = {row.window_from_at, *(one.served_from_at for one in serving)}
        for at in (at for at in instants if row.window_from_at <= at < row.window_until_at):
            shares: dict[str, list[bool]] = {}
            for one in serving:
                if one.served_from_at <= at < (one.served_until_at or _NEVER):
                    shares.setdefault(one.address, []).append(one.leaf_sha256 == row.leaf_sha256)
            if len({sum(shown) / len(shown) for shown in shares.values()}) > 1:
                return True
        return False


if __name__ == "__main__":
    print(causes(DEVELOPED, seed=1))
