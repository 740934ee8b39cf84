"""Causes: why several certificates were seen in one window."""

import pandas as pd

from toolkit.tables import Tables


def explain_leaves(tables: Tables, *, window: str = "7D", min_share: float = 0.05) -> pd.DataFrame:
    """Why a service showed more than one certificate within a window: one row per window and pair of leaves.

    In each window each other leaf is set beside the leaf shown most. The causes: `rotation`, `key-type pair`,
    `addresses differ`, `stuck machine`, `rollback`, `default certificate`, `other chain` (same leaf, another
    chain), `re-issue`, `unrelated`, or `unclear` where the looks do not tell.

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
    | `source` | string | as in `find_sightings` | never null |
    """
    raise NotImplementedError
