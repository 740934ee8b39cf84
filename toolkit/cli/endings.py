"""Certificates without an observation of a service: when each expires, and in which state it is."""

from datetime import datetime
from typing import Final, Literal

import pandas as pd

from toolkit import schema
from toolkit.analyse.expiry.summary import find_thresholds
from toolkit.instants import DAY, SECOND
from toolkit.tables import Tables

FINDINGS: Final = ("expired", "not_yet_valid", "expiring", "unknown")
"""States of a certificate that need attention."""


def has_certificates_alone(tables: Tables) -> bool:
    """Whether the tables hold certificates and nothing else."""
    return len(tables.certificates) > 0 and not any(
        len(getattr(tables, name)) for name in schema.TABLES if name != "certificates"
    )


def find_endings(certificates: pd.DataFrame, now: datetime, thresholds: Literal["lifetime", "days"]) -> pd.DataFrame:
    """One row per certificate, the first to expire first.

    Columns: `subject`, `issuer`, `cert_sha256` (string), `not_before`, `not_after` (instant, null: cannot be read),
    `days_left` (Float64 [d], negative: ended; null as the dates), `state` (string: `expired`, `not_yet_valid`,
    `expiring`, `valid`, `unknown`), `threshold` (string, the tightest passed by what is `expiring`; null elsewhere).
    """
    rows = certificates[["subject", "issuer", "cert_sha256", "not_before", "not_after"]]
    left = rows["not_after"] + SECOND - pd.Timestamp(now)
    lifetime = rows["not_after"] + SECOND - rows["not_before"]
    days = (left / DAY).astype("Float64")
    share = (left / lifetime).where(lifetime > pd.Timedelta(0)).astype("Float64")
    threshold = find_thresholds(share, days, thresholds)
    state = pd.Series("valid", rows.index, dtype="string")
    state[threshold.notna()] = "expiring"
    state[(rows["not_before"] > pd.Timestamp(now)).fillna(False)] = "not_yet_valid"
    state[(left <= pd.Timedelta(0)).fillna(False)] = "expired"
    state[rows[["not_before", "not_after"]].isna().any(axis=1)] = "unknown"
    rows = rows.assign(days_left=days, state=state, threshold=threshold.mask(state != "expiring"))
    return rows.sort_values("not_after", na_position="first", kind="stable", ignore_index=True)
