"""Causes: why several certificates were seen in one window."""

from typing import Final

import numpy as np
import pandas as pd

from toolkit import columns
from toolkit.analyse.arrays import as_instants
from toolkit.analyse.causes.diagnosis import Evidence, Told, tell_cause
from toolkit.analyse.rotation.rotations import find_rotations
from toolkit.analyse.rotation.shares import window_length
from toolkit.analyse.slots import find_looks, joined_sources
from toolkit.sampling import MIN_SHARE
from toolkit.tables import Tables, require_tables

DTYPES: Final = {
    **dict.fromkeys(["service", "host"], "string"),
    **dict.fromkeys(["window_from_at", "window_until_at"], columns.DTYPES["instant"]),
    **dict.fromkeys(["leaf_sha256", "other_sha256"], "string"),
    **dict.fromkeys(["looks", "other_looks"], "Int64"),
    "cause": "string",
    "confidence": "Float64",
    "evidence": "string",
    "source": "string",
}
"""Columns of `explain_leaves`, in order, and their dtypes."""

CAUSES: Final = (
    "rotation", "key-type pair", "addresses differ", "stuck machine", "rollback", "default certificate",
    "names differ", "other chain", "re-issue", "unrelated", "unclear",
)  # fmt: skip
"""The closed vocabulary of `explain_leaves`."""


def explain_leaves(
    tables: Tables, *, window: str = "7D", min_share: float = MIN_SHARE, sticky: bool = False
) -> pd.DataFrame:
    """Why a service showed more than one certificate within a window: one row per window and pair of leaves.

    In each window each other leaf is set beside the leaf shown most. The causes, the first that applies:

    - `other chain`: the same leaf with another chain;
    - `key-type pair`: leaves of two key types, both for the host;
    - `default certificate`: shown for different names, one of the two for none that it covers;
      `names differ`: each shown for its own names;
    - `unrelated`: asked for the same name, they have no name in common, and not both cover the one asked; where no
      name was asked for, `unclear`;
    - `rollback`: the line went from one back to the other within the window (`find_rotations`, `is_rollback`);
    - `stuck machine`: the older one stayed after the rest had settled, for longer than two windows: on a share that
      fell no more, for three times as long as the fall before it, and longer than machines that switch at random times
      would leave the last one (chance 5 %); or on one address, for eight times as long as all the others took. Each
      roll-out of two machines looks like one that is stuck: `unclear`, as is what stays for longer than one window;
    - `re-issue`: the same key, begun with over half of the other's life left;
    - `addresses differ`: within rounds, which leaf was shown depends on the address (chance below 0.1 %);
    - `rotation`: one replaces the other: the order of all their looks is no chance (5 %);
    - `unclear`: the looks do not tell.

    | column | dtype | meaning | null means |
    |---|---|---|---|
    | `service`, `host` | string | of the service | as in `observations` |
    | `window_from_at`, `window_until_at` | instant | the window, end exclusive | never null |
    | `leaf_sha256` | string | the leaf shown most in the window | never null |
    | `other_sha256` | string | the other leaf (the same for `other chain`) | never null |
    | `looks`, `other_looks` | Int64 | looks that showed each | never null |
    | `cause` | string | one of the above | never null |
    | `confidence` | Float64 | from 0 to 1: one less the chance that the evidence arises otherwise | `unclear` |
    | `evidence` | string | what it rests on, in words | never null |
    | `source` | string | sources of the service's looks, sorted, joined by `, ` | never null |

    The older one is that with the earlier `not_before`, first sighting, hash, as in `find_rotations`. Leaves whose row
    is missing or whose key type is not known are `unclear`: they may be the other half of a pair of key types.

    Windows begin at whole multiples of their length since 1970-01-01 UTC. What happened before and after a window
    counts as evidence too.

    Independent looks are assumed. Where rounds of several looks at an address never showed both leaves, they may have
    stuck to one machine (source affinity): one look of each round counts then, and a leaf that comes back or stays on
    is `unclear`, because one machine of several that is met again looks the same; unless no address changed more than
    once, as if it were one machine. Two statements settle that:
    `sticky=True` counts rounds throughout (the first look of each at an address), which holds where a balancer picks
    anew from round to round; `min_share=1` says that one machine answers. Affinity longer than the gap between rounds
    cannot be repaired.

    Raises `UsageError` for a window that is no length.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="imaps://imap.lab.test:993")
    >>> why = toolkit.explain_leaves(tables, window="30D")
    >>> columns = ["window_from_at", "looks", "other_looks", "cause", "confidence"]
    >>> print(toolkit.chart.tabulate(why[why["cause"] == "rollback"], columns=columns))
    window_from_at looks other_looks    cause confidence
        2025-10-09    20           9 rollback       0.95
    """
    require_tables(tables, "explain_leaves")
    length = window_length(window)
    shown = _looks_by_service(tables, length)
    pairs = pd.concat([_chains(shown), _leaves(shown)], ignore_index=True)
    rotations = find_rotations(tables, min_share=min_share, sticky=sticky)
    evidence = Evidence(tables.certificates, rotations, is_one_machine=min_share == 1, by_round=sticky, long=length)
    told = _told(pairs, shown, evidence)
    services = shown.drop_duplicates("unit").set_index("unit")[["service", "host"]]
    sources = joined_sources(shown[["unit"]], shown["source"])
    frame = pd.DataFrame(
        {
            **services.reindex(pairs["unit"]).reset_index(drop=True),
            "window_from_at": as_instants(pairs["window"].to_numpy(np.int64) * length),
            "window_until_at": as_instants((pairs["window"].to_numpy(np.int64) + 1) * length),
            **pairs[["leaf_sha256", "other_sha256", "looks", "other_looks"]],
            "cause": pd.Series([one.cause for one in told], dtype="string"),
            "confidence": pd.Series([one.confidence for one in told], dtype="Float64"),
            "evidence": pd.Series([one.evidence for one in told], dtype="string"),
            "source": sources.reindex(pairs["unit"]).array,
        }
    ).astype(DTYPES)
    return frame.sort_values(["service", "host", "window_from_at", "leaf_sha256", "other_sha256"], ignore_index=True)


def _told(pairs: pd.DataFrame, shown: pd.DataFrame, evidence: Evidence) -> list[Told]:
    """The cause of each pair, from its looks in the window and all looks of its service."""
    # Each pair takes its looks from these: plain objects, and no column that nobody reads.
    texts = shown[["unit", "server_name", "address", "leaf_sha256"]].astype(object)
    judged = texts.join(shown[["at", "window", "round", "cell"]])
    by_unit = dict(iter(judged.groupby("unit")))
    told = []
    for unit, window, leaf, other in zip(
        pairs["unit"], pairs["window"], pairs["leaf_sha256"], pairs["other_sha256"], strict=True
    ):
        looks = by_unit[unit]
        looks = looks[(looks["leaf_sha256"] == leaf) | (looks["leaf_sha256"] == other)]
        told.append(tell_cause(evidence, looks, looks["window"] == window, leaf, other))
    return told


def _looks_by_service(tables: Tables, length: int) -> pd.DataFrame:
    """Dated looks with what causes are judged by; `unit` is the service (the host, where none is named)."""
    looks = find_looks(tables)
    rows = tables.observations.iloc[looks.row].reset_index(drop=True)
    shown = rows[["service", "host", "server_name", "address", "chain_sha256", "source", "leaf_sha256"]].copy()
    shown["unit"] = shown["service"].fillna(shown["host"]).fillna("")
    shown = shown.assign(at=looks.at, window=looks.at // length, round=looks.round)
    cells = shown.assign(line=looks.line).groupby(["line", "address", "round"], dropna=False, sort=False)
    return shown.assign(cell=cells.ngroup())


def _leaves(shown: pd.DataFrame) -> pd.DataFrame:
    """In each window the leaf shown most (of several the first by hash) beside each other one."""
    counts = shown.groupby(["unit", "window", "leaf_sha256"], as_index=False).size()
    counts = counts.sort_values(["unit", "window", "size", "leaf_sha256"], ascending=[True, True, False, True])
    first = counts.drop_duplicates(["unit", "window"])
    others = counts[counts.duplicated(["unit", "window"])]
    pairs = others.merge(first, on=["unit", "window"], suffixes=("_other", ""))
    return pairs.rename(columns={"leaf_sha256_other": "other_sha256", "size_other": "other_looks", "size": "looks"})


def _chains(shown: pd.DataFrame) -> pd.DataFrame:
    """Windows in which a leaf came with several chains: looks with the most frequent one, and with the others."""
    counts = shown.dropna(subset="chain_sha256").groupby(["unit", "window", "leaf_sha256", "chain_sha256"]).size()
    by_leaf = counts.groupby(["unit", "window", "leaf_sha256"])
    counted = pd.DataFrame({"looks": by_leaf.max(), "all": by_leaf.sum(), "chains": by_leaf.size()}).reset_index()
    several = counted[counted["chains"] > 1]
    return several.assign(other_sha256=several["leaf_sha256"], other_looks=several["all"] - several["looks"])
