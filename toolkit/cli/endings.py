"""Certificates without an observation of a service: when each expires, and in which state it is."""

from datetime import datetime
from typing import Final, Literal

import pandas as pd

from toolkit.analyse.expiry.summary import find_thresholds
from toolkit.columns import Column, dtypes, returns
from toolkit.instants import DAY, SECOND

FINDINGS: Final = ("expired", "not_yet_valid", "expiring", "unknown")
"""States of a certificate that need attention."""

ENDINGS: Final = (
    Column("subject", "text", "of the certificate", "it did not parse"),
    Column("issuer", "text", "of the certificate", "it did not parse"),
    Column("cert_sha256", "text", "SHA-256 of the certificate"),
    Column("not_before", "instant", "start of its validity", "cannot be read"),
    Column("not_after", "instant", "end of its validity", "cannot be read"),
    Column("days_left", "number", "time to the end of its validity; negative where it has expired", "cannot be read",
           "d"),
    Column("state", "text", "`expired`, `not_yet_valid`, `expiring`, `valid` or `unknown` (dates that cannot be read)"),
    Column("threshold", "text", "the tightest threshold that it has passed", "it is not `expiring`"),
)  # fmt: skip
"""The columns of `find_endings`."""


@returns(ENDINGS)
def find_endings(certificates: pd.DataFrame, now: datetime, thresholds: Literal["lifetime", "days"]) -> pd.DataFrame:
    """One row per certificate, the first to expire first; dates that cannot be read come before all others."""
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
    ordered = rows.sort_values("not_after", na_position="first", kind="stable", ignore_index=True)
    return ordered.astype(dtypes(ENDINGS))
