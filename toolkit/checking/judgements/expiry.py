"""The ends of the certificates in use, as rows of a check."""

from collections.abc import Hashable
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from toolkit.analyse import describe_usual_leads
from toolkit.analyse.expiry.summary import OUT_OF_USE
from toolkit.checking.in_service import SERVED, InService, name_services
from toolkit.checking.judgements.endings import end_in_words, expiry_severity


def find_in_use(expiry: pd.DataFrame, scope: InService) -> pd.DataFrame:
    """The certificates that are judged and in use (`summarise_expiry`), with `parse_error` and `has_der`.

    `usual_lead_spread_days` is there for those that are overdue (`describe_usual_leads`).
    """
    in_use = expiry[~expiry["state"].isin(OUT_OF_USE)]
    judged = scope.tables.observations[SERVED].dropna(subset="leaf_sha256").drop_duplicates()
    shown = with_bytes_known(in_use.merge(judged, on=SERVED), scope.tables.certificates)
    return shown.assign(usual_lead_spread_days=_spreads(shown, scope))


def with_bytes_known(shown: pd.DataFrame, certificates: pd.DataFrame) -> pd.DataFrame:
    """The rows of `summarise_expiry` with `parse_error` and `has_der` of their certificates."""
    facts = certificates.drop_duplicates("cert_sha256").set_index("cert_sha256")[["parse_error", "der"]]
    facts = facts.reindex(shown["leaf_sha256"]).reset_index(drop=True)
    has_der = [isinstance(der, bytes) and bool(der) for der in facts["der"]]
    return shown.assign(parse_error=facts["parse_error"], has_der=pd.Series(has_der, dtype=bool))


def _spreads(shown: pd.DataFrame, scope: InService) -> pd.Series:
    """By how many days the lead times of the slot differed; null for certificates that are not overdue."""
    late = shown[(shown["overdue_days"] > 0).fillna(value=False)]
    if late.empty:
        return pd.Series(pd.NA, shown.index, dtype="Float64")
    looks = scope.known.observations
    tables = replace(scope.known, observations=looks[name_services(looks).isin(set(name_services(late)))])
    slot = ["service", "host", "server_name", "key_type"]
    leads = describe_usual_leads(tables, now=scope.now)[[*slot, "usual_lead_spread_days"]]
    return shown[slot].merge(leads, how="left", on=slot)["usual_lead_spread_days"]


def judge_expiry(shown: pd.DataFrame) -> pd.DataFrame:
    """A row per certificate in use (`find_in_use`), with columns of `check`.

    `overdue`: not renewed, although the slot's earlier certificates were renewed sooner before their end. That is so
    once it is overdue by more than the usual variation of the slot's lead times, and by more than a day.
    """
    is_unread = (shown["state"] == "unknown").astype(bool)
    is_unreadable = is_unread & shown["has_der"]
    verdict = shown["state"].where(shown["is_shown_last"].notna() | is_unread, "unknown")
    reason = pd.Series(pd.NA, shown.index, dtype="string")
    reason[shown["is_shown_last"].isna()] = "only undated observations show it"
    reason[shown["state"] == "lapsed"] = "it expired, and was not observed afterwards"
    reason[is_unread] = "the tables do not hold its dates"
    reason[is_unreadable] = shown["parse_error"].fillna("its dates cannot be read")
    verdict = verdict.mask(verdict == "lapsed", "unknown").mask(is_unreadable, "unreadable")
    is_overdue = (shown["overdue_days"] > shown["usual_lead_spread_days"].clip(lower=1)).fillna(value=False)
    verdict = verdict.mask((verdict == "valid") & is_overdue & shown["successor_state"].isna(), "overdue")
    return pd.DataFrame(
        {
            "check": "expiry",
            **{name: shown[name] for name in [*SERVED, "source"]},
            "about": shown["key_type"],
            "verdict": verdict,
            "severity": expiry_severity(shown["state"], shown["threshold"]),
            "found": [_time_left(row) for row in shown[_TIME_LEFT].to_dict("records")],
            "ends_at": shown["not_after"],
            "evidence_count": shown["looks"],
            "first_at": shown["first_seen_at"],
            "last_at": shown["last_seen_at"],
            "reason": reason,
        }
    )


_TIME_LEFT: Final = [
    "leaf_sha256", "key_type", "has_der", "not_after", "not_before", "days_left", "threshold", "state", "overdue_days",
    "successor_state",
]  # fmt: skip


def _time_left(row: dict[Hashable, Any]) -> str:
    """The end of the certificate in words."""
    name = f"{'' if pd.isna(row['key_type']) else row['key_type'] + ' '}certificate {row['leaf_sha256'][:12]}"
    if pd.isna(row["days_left"]):
        return f"{name} could not be read" if row["has_der"] else f"{name} is not known"
    words = f"{name} ends {end_in_words(row['not_after'], row['days_left'])}"
    if not pd.isna(row["threshold"]):
        words += f", at most {row['threshold']}" + (" of its lifetime" if "/" in row["threshold"] else "")
    if row["state"] == "not_yet_valid":
        words += f"; it begins {row['not_before']:%Y-%m-%d %H:%M}"
    if row["overdue_days"] and not pd.isna(row["overdue_days"]):
        words += f"; {row['overdue_days']:.1f} days later than the slot's usual lead time"
    if row["successor_state"] == "issued":
        words += "; a successor is issued"
    return words
