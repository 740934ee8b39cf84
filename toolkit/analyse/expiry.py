"""What expires when, what has been replaced already, and who is late by his own habit?"""

from datetime import datetime
from typing import Literal

import pandas as pd

from toolkit.tables import Tables


def summarise_expiry(
    tables: Tables, *, now: datetime, thresholds: Literal["lifetime", "days"] = "lifetime"
) -> pd.DataFrame:
    """Every certificate of every line, with the days it has left, whether it was replaced, and the line's habit.

    A line is a (service, server_name, key_type). Looks after `now` are not counted. "Shown last" means: in the
    last dated round of the line that got a leaf of its key type. Rows are ordered by service, server name, key
    type and `not_before`. Looks without a leaf, and leaves whose certificate is missing or unparsed, have no row.

    Columns, in order:

    - `service`, `host`, `server_name`, `key_type`, `leaf_sha256`, `subject`, `issuer` (string)
    - `not_before`, `not_after` (instant), `lifetime_days`, `days_left` (Float64 [d], negative: ended; the
      lifetime counts the last second, RFC 5280 section 4.1.2.5), `share_left` (Float64, of the lifetime)
    - `first_seen`, `last_seen` (instant, null: only undated looks showed it), `looks` (Int64),
      `last_look_at` (instant, the line's last dated look that got a leaf; null: none is dated)
    - `is_shown_last` (boolean, null: no look of the line is dated, or no look at this certificate is)
    - `successor` (string: `seen` the line showed a newer certificate, `issued` the tables hold a newer one for
      the same names and key type that the line never showed; null: neither), `successor_sha256` (string, the
      next one)
    - `state` (string): `replaced` no longer shown and a newer one is; `replacing` still shown, and so is a newer
      one; `expired` shown after its end; `lapsed` ended, but nobody has looked since; `withdrawn` not shown last,
      and what is shown instead is older; `not_yet_valid`; `expiring` past a threshold; `valid`
    - `threshold` (string, the tightest threshold passed; null: none, or not asked because it is replaced)
    - `habit_basis` (string: `seen`, from rotations looked at; `issued`, from the dates in the line's certificates;
      null: the line has a single certificate), `habit_rotations` (Int64, how many it rests on),
      `habit_lead_days` (Float64 [d], median: how long before its predecessor's end a successor was shown, for
      `issued` how long before it its validity began), `habit_spread_days` (Float64 [d], longest less shortest lead)
    - `renew_by_at` (instant, end less habitual lead; null: no habit, or a successor is there), `late_days`
      (Float64 [d], days since then, 0 when not yet due; null as `renew_by_at`)
    - `source` (string)

    `thresholds`: `lifetime` (1/3, 1/6, 1/12 of the lifetime left: 30, 15 and 7.5 days of 90) or `days` (30, 14, 7).
    Undated looks count as sightings of the certificate; they say nothing about the order, so a certificate
    seen only undated is `replaced` only where a look known to be later shows a newer one.

    Raises `UsageError` where `now` has no zone.
    """
    raise NotImplementedError
