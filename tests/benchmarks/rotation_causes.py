"""Does `explain_leaves` name the cause that the lab had? A confusion table over scenarios, labelled by their truth.

A window's label is what the truth says happened to the two certificates in it. Where a window holds the end of one
cause and the begin of another, either is right. Half of each scenario's parameters were kept out of development.
"""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd

from toolkit.analyse import explain_leaves
from toolkit.lab import Plan, scenario, simulate, tell_truth

RUNS, AT_ONCE = 100, 25
"""Runs of each scenario, and how many of them are services of one simulation."""

LEAST = 0.95
WINDOW = pd.Timedelta(days=7)
DAY = timedelta(days=1)

SPECIFIC = {"stuck_machine": "stuck machine", "addresses": "addresses differ", "rollback": "rollback"}
"""Causes in the truth → in the frame; a rotation lies under each of them."""

DEVELOPED = {
    "steady": ({}, {"machines": 3}),
    "slow-rollout": ({}, {"machines": 5, "roll_out": 10 * DAY}),
    "stuck-machine": ({}, {"machines": 20}),
    "rollback": ({}, {"machines": 8, "delay": 8 * DAY}),
    "dual-keys": ({}, {"machines": 3}),
    "late": ({}, {"machines": 2}),
    "emergency": ({}, {"machines": 10}),
    "issuer-move": ({}, {"machines": 3}),
    "short-lived": ({}, {"machines": 3}),
    "anycast": ({}, {"addresses": 2, "delay": 8 * DAY}),
}
KEPT = {
    "steady": ({"machines": 12, "roll_out": 2 * DAY}, {"machines": 1}),
    "slow-rollout": ({"machines": 20}, {"machines": 7, "roll_out": 20 * DAY}),
    "stuck-machine": ({"machines": 15, "delay": 25 * DAY}, {"machines": 8, "roll_out": 2 * DAY}),
    "rollback": ({"machines": 4, "roll_out": 3 * DAY}, {"machines": 15, "delay": 10 * DAY}),
    "dual-keys": ({"machines": 8}, {"machines": 1}),
    "late": ({"machines": 9}, {"delay": 2 * DAY}),
    "emergency": ({"machines": 3}, {"delay": 20 * DAY}),
    "issuer-move": ({"machines": 10}, {"roll_out": 6 * DAY}),
    "short-lived": ({"machines": 8}, {"roll_out": timedelta(hours=6)}),
    "anycast": ({"addresses": 4, "machines": 2}, {"addresses": 3, "machines": 5, "delay": 4 * DAY}),
}


def causes(parameters: dict[str, tuple[dict[str, object], ...]], *, seed: int, runs: int = RUNS) -> list[str]:
    """Print the confusion table of the parameters; what missed its limit."""
    table: Counter[tuple[str, str]] = Counter()
    for name, several in parameters.items():
        for number in range(max(runs // AT_ONCE, len(several))):
            changes = several[number % len(several)]
            table.update(labelled(name, {"services": AT_ONCE} | changes, seed + number))
    told = sorted({cause for pair in table for cause in pair})
    print(f"\nCauses: {runs} runs of each of {', '.join(parameters)}\n{'truth':20}" + "".join(f"{c:>18}" for c in told))
    missed = []
    for label in sorted({label for label, _ in table}):
        row = [table[label, cause] for cause in told]
        clear = sum(row) - table[label, "unclear"]
        recall = table[label, label] / max(clear, 1)
        shown = sum(table[other, label] for other, _ in {pair for pair in table if pair[1] == label})
        precision = table[label, label] / max(shown, 1)
        print(f"{label:20}" + "".join(f"{n:18,}" for n in row) + f"   precision {precision:.3f} recall {recall:.3f}")
        missed += [f"{label}: {what} {value:.3f}" for what, value in (("precision", precision), ("recall", recall))
                   if value < LEAST]  # fmt: skip
    return missed


def labelled(name: str, changes: dict[str, object], seed: int) -> list[tuple[str, str]]:
    """(truth, told) of every window with several leaves."""
    schedule = scenario(name, **changes).schedule(seed)
    plan = Plan.every(timedelta(hours=6), schedule.begins_at, schedule.ends_at, samples=6)
    offers = ("rsa", "ecdsa") if name == "dual-keys" else ("any",)
    plan = replace(plan, offers=offers, spacing=timedelta(seconds=2), look_loss=0.1, round_loss=0.05)
    found = explain_leaves(simulate(schedule, seed, plan))
    truth = tell_truth(schedule, seed)
    types = truth.certificates.set_index("cert_sha256")["key_type"]
    causes_of = dict(iter(truth.causes.groupby("service")))
    pairs = []
    for row in found.itertuples():
        right = _right(row, causes_of.get(row.service, truth.causes.iloc[:0]), types, name)
        pairs.append((row.cause if row.cause in right else right[0], row.cause))
    return pairs


def _right(row: object, truth: pd.DataFrame, types: pd.Series, name: str) -> list[str]:
    """The causes that are right for a window, the most specific first.

    The truth says "addresses" only while one address is done and another has not begun; in `anycast` they differ
    all through a roll-out, so that saying so is right there too.
    """
    one, other = types[row.leaf_sha256], types[row.other_sha256]
    if one != other:
        return ["key-type pair"]
    until = truth["ends_at"].fillna(row.window_until_at)
    own = truth[(truth["key_type"] == one) & truth["cause"].isin(SPECIFIC)]
    during = own[(own["begins_at"] < row.window_until_at) & (until[own.index] > row.window_from_at)]
    if during.empty:
        return ["rotation", "addresses differ"] if name == "anycast" else ["rotation"]
    whole = during[(during["begins_at"] <= row.window_from_at) & (until[during.index] >= row.window_until_at)]
    right = [SPECIFIC[cause] for cause in dict.fromkeys([*whole["cause"], *during["cause"]])]
    return right if len(whole) else [*right, "rotation"]


if __name__ == "__main__":
    np.set_printoptions(suppress=True)
    print(causes(DEVELOPED, seed=1))
