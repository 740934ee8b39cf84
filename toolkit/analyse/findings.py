"""Rules with dates, and what the tables say about each: meets, falls short, or unknown."""

from datetime import datetime
from typing import Literal

import pandas as pd

from toolkit.tables import Tables


def judge(tables: Tables, policy: str, *, as_of: datetime | Literal["observed"] = "observed") -> pd.DataFrame:
    """A finding per rule and row of evidence: what the rule asks, what the row shows, and since when it held.

    `as_of` chooses the rules, not the evidence: `observed` judges each row by the rules of its own day (a 2015
    scan is not a 2026 failure), an instant judges every row by the rules of that day. Where no edition of a policy
    was in force, or the row's day is not known well enough to tell which one was, the verdict is `unknown`.

    Policies (`toolkit.reference.policies()`): `ietf` (RFC 7465, 7568, 8996, 9325), `mozilla-modern`,
    `mozilla-intermediate`, `mozilla-old`, `nist`, `baseline` (certificates: RFC 5280, CA/Browser Forum), and
    `google-help`, a set of dated claims whose verdicts are `confirmed`, `contradicted` and `unknown`.

    What is judged: handshakes that came to an answer, by what they negotiated and the leaf they showed; answers
    of surveys, where `accepted` falls short of a prohibition, `refused` meets it, and `untested` leaves it unknown.

    Columns, in order:

    - `policy`, `edition`, `rule` (string), `verdict` (string), `service`, `host`, `server_name` (string)
    - `subject` (string, what is judged: `protocol`, `suite`, `group`, `certificate`, …), `found` (string, what the row
      shows), `required` (string, what the rule asks, in words), `protocol`, `suite`, `leaf_sha256` (string)
    - `since` (instant, from when the rule or claim held; null: no edition was in force), `as_of` (instant, the day
      whose rules were applied; null: the row is undated)
    - `observed_at` (instant, of the evidence; null: undated), `evidence_table` (string: `observations`, `support`,
      `certificates`), `evidence_row` (Int64, position in that table; null: no evidence)
    - `reason` (string, why it is unknown; null elsewhere), `authority` (string, document and section), `source`
      (string, of the evidence)

    Raises `UsageError` for a policy that does not exist or an `as_of` without a zone.
    """
    raise NotImplementedError


def summarise_findings(findings: pd.DataFrame) -> pd.DataFrame:
    """The findings counted: one row per policy, rule, service and verdict, worst verdict first.

    Columns: `policy`, `edition`, `rule`, `service`, `host`, `verdict` (string), `found` (string, the distinct values
    found, at most five), `required`, `authority` (string), `since` (instant, the earliest), `rows` (Int64),
    `first_at`, `last_at` (instant, of the dated evidence; null: all undated), `evidence` (string, such as
    `support 7–14, observations 3`), `source` (string).
    """
    raise NotImplementedError
