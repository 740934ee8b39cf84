"""Causes: why several certificates were seen in one window."""

from typing import Final

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import as_instants
from toolkit.analyse.causes.diagnosis import Context, Diagnosis, diagnose
from toolkit.analyse.rotation.rotations import find_rotations
from toolkit.analyse.rotation.shares import window_length
from toolkit.analyse.slots import find_slot_looks, joined_sources
from toolkit.arguments import require_boolean
from toolkit.columns import Column, dtypes, returns
from toolkit.sampling import MIN_SHARE
from toolkit.tables import Tables, require_tables

CAUSES: Final = (
    "rotation", "key-type pair", "addresses differ", "stuck backend", "rollback", "default certificate",
    "names differ", "other chain", "re-issue", "unrelated", "unclear",
)  # fmt: skip
"""The closed vocabulary of `explain_leaves`."""

EXPLANATIONS: Final = (
    Column("service", "text", "of the looks", "as in `observations`"),
    Column("host", "text", "of the looks", "as in `observations`"),
    Column("window_from_at", "instant", "start of the window"),
    Column("window_until_at", "instant", "end of the window, exclusive"),
    Column("leaf_sha256", "text", "SHA-256 of the leaf certificate shown most in the window"),
    Column("other_sha256", "text", "SHA-256 of the other leaf certificate (the same for `other chain`)"),
    Column("looks", "integer", "looks in the window that showed the first"),
    Column("other_looks", "integer", "looks in the window that showed the other"),
    Column("cause", "text", "one of the causes above"),
    Column("confidence", "number", "from 0 to 1: 1 minus the probability of the same looks without this cause",
           "`cause` is `unclear`"),
    Column("explanation", "text", "what the cause was inferred from, in words"),
    Column("source", "text", "sources of the service's looks, sorted, joined by `, `"),
)  # fmt: skip
"""The columns of `explain_leaves`."""


@returns(EXPLANATIONS)
def explain_leaves(
    tables: Tables, *, window: str = "7D", min_share: float = MIN_SHARE, sticky: bool = False
) -> pd.DataFrame:
    """Why a service showed more than one certificate within a window: one row per window and pair of certificates.

    In each window every other leaf certificate is compared with the one that was shown most. `cause` is the first that
    applies:

    - `other chain`: the same leaf with another chain;
    - `key-type pair`: certificates of two key types, both for the host;
    - `default certificate`: shown for different names, and one of the two for names that it does not cover;
      `names differ`: each shown for its own names;
    - `unrelated`: asked for the same name, they have no name in common, and not both cover the one asked for; if no
      name was asked for, `unclear`;
    - `rollback`: the slot went from one back to the other within the window (`find_rotations`, `is_rollback`);
    - `stuck backend`: the older one stayed in service for longer than two windows after the roll-out had settled
      elsewhere. Either on a share that fell no further, for three times as long as the fall before it, and longer than
      the last of several backends that switch at random times would (p ≤ 0.05); or on one address, for eight times as
      long as all the others took. A roll-out of two backends always looks like that, so it is `unclear`, as is an older
      one that stays for between one and two windows;
    - `re-issue`: the same key, and over half of the other's validity was left at the start of the newer one;
    - `addresses differ`: within rounds, the certificate shown depends on the address (p ≤ 0.001);
    - `rotation`: one replaces the other; the order of all their looks is unlikely by chance (p ≤ 0.05);
    - `unclear`: the looks do not decide.

    The older of two certificates is the one with the earlier `not_before`, first sighting and hash, as in
    `find_rotations`. A certificate whose row is missing or whose key type is not known is `unclear`: the two may be of
    two key types. Windows begin at whole multiples of their length since 1970-01-01 UTC. Looks before and after a
    window are used too.

    Independent looks are assumed. If rounds of several looks at an address never showed both certificates, source
    affinity may have sent each round to one backend. Then only one look of each round counts, and a certificate that
    comes back or stays is `unclear`, because repeat hits on one of several backends look the same; unless no address
    changed more than once, as if it were one backend. Two statements by the caller resolve that: `sticky=True` counts
    rounds throughout (the first look of each at an address), which is right if a load balancer chooses again for each
    round; `min_share=1` states that one backend answers. Affinity that lasts longer than the time between rounds cannot
    be corrected.

    Raises `UsageError` for a window that is not a positive length.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="imaps://imap.lab.test:993")
    >>> why = toolkit.explain_leaves(tables, window="30D")
    >>> columns = ["window_from_at", "looks", "other_looks", "cause", "confidence"]
    >>> print(toolkit.chart.tabulate(why[why["cause"] == "rollback"], columns=columns))
    window_from_at looks other_looks    cause confidence
        2025-10-09    20           9 rollback       0.95
    """
    require_tables(tables, "explain_leaves")
    require_boolean("sticky", sticky)
    length = window_length(window)
    shown = _looks_by_service(tables, length)
    pairs = pd.concat([_chains(shown), _leaves(shown)], ignore_index=True)
    rotations = find_rotations(tables, min_share=min_share, sticky=sticky)
    context = Context(tables.certificates, rotations, is_one_backend=min_share == 1, by_round=sticky, long=length)
    diagnoses = _diagnoses(pairs, shown, context)
    services = shown.drop_duplicates("unit").set_index("unit")[["service", "host"]]
    sources = joined_sources(shown[["unit"]], shown["source"])
    frame = pd.DataFrame(
        {
            **services.reindex(pairs["unit"]).reset_index(drop=True),
            "window_from_at": as_instants(pairs["window"].to_numpy(np.int64) * length),
            "window_until_at": as_instants((pairs["window"].to_numpy(np.int64) + 1) * length),
            **pairs[["leaf_sha256", "other_sha256", "looks", "other_looks"]],
            "cause": pd.Series([one.cause for one in diagnoses], dtype="string"),
            "confidence": pd.Series([one.confidence for one in diagnoses], dtype="Float64"),
            "explanation": pd.Series([one.explanation for one in diagnoses], dtype="string"),
            "source": sources.reindex(pairs["unit"]).array,
        }
    ).astype(dtypes(EXPLANATIONS))
    return frame.sort_values(["service", "host", "window_from_at", "leaf_sha256", "other_sha256"], ignore_index=True)


def _diagnoses(pairs: pd.DataFrame, shown: pd.DataFrame, context: Context) -> list[Diagnosis]:
    """The cause of each pair, from its looks in the window and all looks of its service."""
    # Texts as plain objects, which are faster to compare one by one.
    texts = shown[["unit", "server_name", "address", "leaf_sha256"]].astype(object)
    needed = texts.join(shown[["at", "window", "round", "cell"]])
    by_unit = dict(iter(needed.groupby("unit")))
    diagnoses = []
    for unit, window, leaf, other in zip(
        pairs["unit"], pairs["window"], pairs["leaf_sha256"], pairs["other_sha256"], strict=True
    ):
        looks = by_unit[unit]
        looks = looks[(looks["leaf_sha256"] == leaf) | (looks["leaf_sha256"] == other)]
        diagnoses.append(diagnose(context, looks, looks["window"] == window, leaf, other))
    return diagnoses


def _looks_by_service(tables: Tables, length: int) -> pd.DataFrame:
    """Dated looks with the columns that causes are inferred from; `unit` is the service, or the host without one."""
    looks = find_slot_looks(tables)
    rows = tables.observations.iloc[looks.row].reset_index(drop=True)
    shown = rows[["service", "host", "server_name", "address", "chain_sha256", "source", "leaf_sha256"]].copy()
    shown["unit"] = shown["service"].fillna(shown["host"]).fillna("")
    shown = shown.assign(at=looks.at, window=looks.at // length, round=looks.round)
    cells = shown.assign(slot=looks.slot).groupby(["slot", "address", "round"], dropna=False, sort=False)
    return shown.assign(cell=cells.ngroup())


def _leaves(shown: pd.DataFrame) -> pd.DataFrame:
    """In each window the leaf shown most (if several, the first by hash), paired with every other one."""
    counts = shown.groupby(["unit", "window", "leaf_sha256"], as_index=False).size()
    counts = counts.sort_values(["unit", "window", "size", "leaf_sha256"], ascending=[True, True, False, True])
    first = counts.drop_duplicates(["unit", "window"])
    others = counts[counts.duplicated(["unit", "window"])]
    pairs = others.merge(first, on=["unit", "window"], suffixes=("_other", ""))
    return pairs.rename(columns={"leaf_sha256_other": "other_sha256", "size_other": "other_looks", "size": "looks"})


def _chains(shown: pd.DataFrame) -> pd.DataFrame:
    """Windows in which a leaf came with several chains: looks with the most frequent chain, and with the others."""
    counts = shown.dropna(subset="chain_sha256").groupby(["unit", "window", "leaf_sha256", "chain_sha256"]).size()
    by_leaf = counts.groupby(["unit", "window", "leaf_sha256"])
    counted = pd.DataFrame({"looks": by_leaf.max(), "all": by_leaf.sum(), "chains": by_leaf.size()}).reset_index()
    several = counted[counted["chains"] > 1]
    return several.assign(other_sha256=several["leaf_sha256"], other_looks=several["all"] - several["looks"])
