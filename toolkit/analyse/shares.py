"""Shares: how often each certificate was shown in a window of looks, with Clopper–Pearson intervals."""

from typing import Literal

import pandas as pd

from toolkit.tables import Tables


def estimate_shares(
    tables: Tables,
    *,
    window: str = "1D",
    by: Literal["line", "address", "rotation"] = "line",
    sticky: bool = False,
) -> pd.DataFrame:
    """The share of looks that each certificate got in each window: one row per line, window and leaf.

    `window` is a length as pandas writes it (`1D`, `6h`, `30min`); windows begin at whole multiples since
    1970-01-01 UTC, and hold their beginning, not their end. `by="address"` counts each address apart;
    `by="rotation"` gives the roll-out curve of each rotation: the windows from the last look before its successor
    was first seen to the first look after its predecessor was last seen, both leaves in each, zeros included.

    | column | dtype | meaning | null means |
    |---|---|---|---|
    | `service`, `host`, `server_name`, `key_type` | string | of the line | as in `find_sightings` |
    | `address` | string | IP address | not `by="address"`, or not known |
    | `predecessor_sha256`, `successor_sha256` | string | the rotation | not `by="rotation"` |
    | `leaf_sha256` | string | the certificate counted | never null |
    | `window_from_at`, `window_until_at` | instant | the window, end exclusive | never null |
    | `looks` | Int64 | looks (sticky: rounds) of the line in the window | never null |
    | `leaf_looks` | Int64 | those that showed the leaf | never null |
    | `share` | Float64 | `leaf_looks` / `looks` | never null |
    | `share_min`, `share_max` | Float64 | two-sided 95 % Clopper–Pearson for the window's mean | never null |
    | `share_below` | Float64 | one-sided 95 %: none in `looks` looks means less than this share | leaf was seen |
    | `source` | string | as in `find_sightings` | never null |

    The interval assumes independent looks. It is for the mean share over the looks of the window, at the vantage
    of the looks; a window without looks has no row. Raises `UsageError` for a window that is no length.
    """
    raise NotImplementedError
