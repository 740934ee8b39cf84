"""When will what be renewed in the coming years, and on which day does today's habit stop working?"""

from datetime import datetime

import pandas as pd

from toolkit.tables import Tables


def forecast_renewals(tables: Tables, *, now: datetime, years: int = 3) -> pd.DataFrame:
    """The renewals of the next years, one row each, by every line's own cadence under SC-081v3's caps.

    A line is a (service, server_name, key_type); the certificate it starts from is the newest that it showed
    (a line whose newest ended before `now` with no look since is left out: nobody knows what it shows today).
    Each renewal is due `lead` days before the predecessor ends, and its certificate lives as long as the last
    one did, or as the cap of its day of issue allows (CA/Browser Forum ballot SC-081v3: 398, 200, 100, 47 days).
    Where the lead no longer fits into the capped lifetime, the lead keeps its share of the lifetime instead.
    The caps bind certificates of publicly trusted CAs; for a private CA they say what a public one would do.

    Columns: `service`, `host`, `server_name`, `key_type` (string), `leaf_sha256` (string, the certificate the
    forecast starts from), `renewal` (Int64, 1 is the next), `year` (Int64), `renews_at` (instant, day of issue),
    `not_after` (instant, inclusive), `habit_lifetime_days`, `lifetime_days`, `lead_days` (Float64 [d]),
    `cap_days` (Int64 [d], the longest validity allowed on that day), `is_capped` (boolean, the habit's lifetime
    exceeds the cap), `habit_basis` (string: `seen` from rotations seen, `issued` from dates in certificates,
    `assumed` one third of the lifetime where the line has only one certificate), `habit_breaks_at` (instant,
    the first renewal at which today's lifetime or lead is impossible, the same in all rows of the line; null:
    not in these years), `is_overdue` (boolean, should have happened before `now`), `source` (string).

    Raises `UsageError` where `now` has no zone or `years` is not between 1 and 30.
    """
    raise NotImplementedError
