"""Which services answer: one row per service, from its observations with and without an answer."""

from collections.abc import Hashable
from typing import Any, Final

import pandas as pd

from toolkit import text
from toolkit.analyse.rounds import OBSERVED_DAYS, days_of_visits
from toolkit.analyse.slots import joined_sources
from toolkit.analyse.support.summary import surveyed
from toolkit.checking.in_service import MADE, NOT_ASKED, InService, name_services
from toolkit.checking.verdicts import CHECKS
from toolkit.columns import dtypes
from toolkit.tables import Tables

DOWN_VISITS: Final = 3
"""An address without an answer in this many consecutive visits is a finding, a service a critical one."""

INTERMITTENT_SHARE: Final = 0.1
"""The share of visits in the window without an answer from which a service that answers again is a finding (`low`).

A choice: if failures are independent, a client that tries twice fails in 1 of 100 attempts.
"""

OFTEN_SHARE: Final = 0.25
"""The same share, from which that finding is `medium`: such a client fails in 1 of 16 attempts."""

_DTYPES: Final = {
    name: dtypes(CHECKS)[name]
    for name in (
        "service", "host", "verdict", "severity", "found", "reason", "source", "evidence_count", "first_at", "last_at",
    )
} | {"about": "string"}  # fmt: skip
_CUT_SHORT: Final = "too_large"
"""The outcome of an answer that was cut off at a limit of this program: the service answered, with unknown content."""

_BEFORE_CONNECTED: Final = ("resolve", "connect")


def judge_reachability(scope: InService) -> pd.DataFrame:
    """A row per service that was observed or surveyed in the window, with the columns of `check`.

    A visit is what one round observed of a service within a day. It is answered if at least one of its observations
    is.

    - `unreachable` or `failing`: none of the last `DOWN_VISITS` visits was answered, or no visit in the window was.
      `unreachable`: no connection was made. `failing`: connections were made, and no handshake succeeded. `medium`
      until `DOWN_VISITS` visits support it: a single visit may have met a restart, or a fault of this machine's network
    - `partly_reachable`: an address that answered before did not in its last `DOWN_VISITS` visits, and others did
    - `intermittent`: `DOWN_VISITS` visits in the window or more, and `INTERMITTENT_SHARE` of them, were not answered,
      and it answered in one of the last `DOWN_VISITS`. `low`, and `medium` from `OFTEN_SHARE` on
    - `unknown`: the last visits failed, and are too few for a finding; or they have only answers that were cut off at a
      limit of this program (`too_large`)

    Observations that were not made (block list, budget, an offer that this program cannot make) and refusals within a
    survey do not count.
    """
    looks = _visits(scope)
    near = looks if scope.since is None else looks[looks["at"] >= scope.since]
    of_failing = looks[looks["name"].isin(_find_failing(looks, near))]
    failing = [_failing(str(name), group, scope) for name, group in of_failing.groupby("name", sort=False)]
    rows: list[dict[Hashable, Any]] = [row for row in failing if row is not None]
    rows += _answering(near[~near["name"].isin({row["name"] for row in rows})]).to_dict("records")
    observed = set(near["name"])
    support = scope.tables.support
    answered = support.loc[support["state"] != "untested", "service"].unique()
    surveyed = scope.services[scope.services["service"].isin(answered) & ~scope.services["name"].isin(observed)]
    rows += [
        {"name": row["name"], "service": row["service"], "host": row["host"], "verdict": "reachable",
         "found": "answered a survey", "first_at": row["surveyed_at"], "last_at": row["surveyed_at"]}
        for row in surveyed.to_dict("records")
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES).assign(check="reachability")
    return frame if scope.since is None else _aged(frame, scope)


def find_dated_ahead(tables: Tables, present: pd.Timestamp) -> pd.DataFrame:
    """A row per service with observations or answers that are dated after the present, which are not judged.

    Those of a lab are left out: its clock is turned on purpose.
    """
    rows = pd.concat([tables.observations, surveyed(tables)], ignore_index=True)
    began = rows["observed_at"].fillna(rows["observed_from"])
    is_ahead = (began > present).fillna(value=False) & ~rows["source"].isin(MADE)
    rows = rows.assign(at=began, name=name_services(rows))[is_ahead]
    found = rows.groupby("name", sort=False, as_index=False).agg(
        service=("service", "first"), host=("host", "first"), evidence_count=("at", "size"),
        first_at=("at", "min"), last_at=("at", "max"), source=("source", _joined),
    )  # fmt: skip
    when = f"dated after {present:%Y-%m-%d %H:%M}, the present"
    words = [f"{text.counted(count, 'row')} {when}" for count in found["evidence_count"]]
    return found.assign(check="reachability", verdict="dated_ahead", found=pd.Series(words, dtype="string"))


def _visits(scope: InService) -> pd.DataFrame:
    """The observations that asked, with `name`, `at`, `is_ok`, `is_heard` and `visit`, by service and time."""
    looks = scope.known.observations
    at = looks["observed_at"].fillna(looks["observed_until"]).fillna(looks["observed_from"])
    looks = looks.assign(at=at, name=name_services(looks), is_ok=looks["outcome"] == "ok")
    looks = looks.assign(is_heard=looks["is_ok"] | (looks["outcome"] == _CUT_SHORT))
    is_asked = ~looks["outcome"].isin(NOT_ASKED) & (looks["is_ok"] | (looks["offer"] != "survey").fillna(True))
    looks = looks[is_asked & looks["at"].notna()].sort_values("at", kind="stable")
    days = days_of_visits(looks["at"], looks["name"], looks["round"])
    return looks.assign(visit=looks.groupby(["name", "round", days], dropna=False).ngroup())


def _find_failing(looks: pd.DataFrame, near: pd.DataFrame) -> set[str]:
    """The services that may be a finding or unknown: without an answer in the window, or in their last visits.

    Also those with an address that had no answer in its last visits.
    """
    is_answered = near["is_ok"].groupby(near["name"]).any()
    failing = set(is_answered.index[~is_answered])
    looks = looks[looks["name"].isin(is_answered.index)]
    for keys, column in ((["name"], "is_ok"), (["name", "address"], "is_heard")):
        rows = looks.dropna(subset=keys)
        has_answer = rows[column].groupby([rows["visit"], *(rows[key] for key in keys)]).transform("any")
        later = has_answer[::-1].astype("int8").groupby([rows[key][::-1] for key in keys]).cummax()[::-1]
        unanswered = rows[later == 0]
        visits = unanswered.groupby(keys)["visit"].nunique()
        failing |= set(visits.index[visits >= DOWN_VISITS].get_level_values("name"))
    return failing


def _answering(near: pd.DataFrame) -> pd.DataFrame:
    """A row for each service that answers, or did, with how many of its addresses and of its visits were answered."""
    near = near.assign(answering=near["address"].where(near["is_ok"]))
    found = near.groupby("name", sort=False).agg(
        service=("service", "first"), host=("host", "first"), evidence_count=("at", "size"), first_at=("at", "min"),
        last_at=("at", "max"), asked=("address", "nunique"), answering=("answering", "nunique"),
    ).join(_count_visits(near))  # fmt: skip
    failed = found["visits"] - found["answered"]
    is_often = failed / found["visits"] >= OFTEN_SHARE
    is_intermittent = (failed >= DOWN_VISITS) & (failed / found["visits"] >= INTERMITTENT_SHARE)
    is_unsure = (found["last_failed"] > 0) & ~is_intermittent
    last = [f"the last {text.counted(n, 'visit') if n > 1 else 'visit'} failed" for n in found["last_failed"]]
    last_failed = pd.Series(last, found.index, dtype="string").where(found["last_failed"] > 0)
    sources = joined_sources(near[["name"]], near["source"])
    return found.assign(
        verdict=pd.Series("reachable", found.index).mask(is_intermittent, "intermittent").mask(is_unsure, "unknown"),
        severity=pd.Series("low", found.index).mask(is_often, "medium").where(is_intermittent),
        found=[_answered(row) for row in found.assign(last=last_failed).to_dict("records")],
        reason=(last_failed + f"; a finding from {DOWN_VISITS} visits on").where(is_unsure),
        source=sources.reindex(found.index),
    ).reset_index()


def _count_visits(near: pd.DataFrame) -> pd.DataFrame:
    """Of each service: the `visits` in the window, how many were `answered`, and how many failed last in a row.

    A visit counts if it asked with an offer and a server name that the service ever answered in the window.
    """
    is_asked = near.groupby(["name", "offer", "server_name"], dropna=False, sort=False)["is_heard"].transform("any")
    is_answered = near[is_asked].groupby(["name", "visit"], sort=False)["is_heard"].any().astype("int8")
    is_before = is_answered[::-1].groupby("name").cummax()
    return pd.DataFrame(
        {
            "visits": is_answered.groupby("name").size(),
            "answered": is_answered.groupby("name").sum(),
            "last_failed": (is_before == 0).groupby("name").sum(),
        }
    )


def _answered(row: dict[Hashable, Any]) -> str:
    words = []
    if row["asked"] > 1:
        words.append(f"{row['answering']} of {row['asked']} addresses answered")
    if row["answered"] < row["visits"]:
        words.append(f"{row['answered']:,} of {text.counted(row['visits'], 'visit')} answered")
    return "; ".join([*words, *([] if pd.isna(row["last"]) else [row["last"]])]) or "answered"


def _failing(name: str, looks: pd.DataFrame, scope: InService) -> dict[Hashable, Any] | None:
    """The row of a service that does not answer, or not at every address, or with unknown content; None for others."""
    near = looks if scope.since is None else looks[looks["at"] >= scope.since]
    last = looks.iloc[-1]
    row: dict[Hashable, Any] = {"name": name, "service": last["service"], "host": last["host"],
           "evidence_count": len(near), "first_at": near["at"].min(), "last_at": near["at"].max(),
           "source": _joined(near["source"])}  # fmt: skip
    failed = _since_last(looks, "is_heard")
    if _is_down(failed, near["is_heard"]):
        last_ok = looks.loc[looks["is_heard"], "at"].max()
        before = "it never answered" if pd.isna(last_ok) else f"the last answer was on {last_ok:%Y-%m-%d %H:%M}"
        is_connected = (failed["stage"].notna() & ~failed["stage"].isin(_BEFORE_CONNECTED)).any()
        visits = failed["visit"].nunique()
        since = f"no answer since {failed['at'].min():%Y-%m-%d %H:%M} in {text.counted(visits, 'visit')}"
        is_few = visits < DOWN_VISITS
        later = f"; critical from {DOWN_VISITS} visits on" if is_few else ""
        return row | {"verdict": "failing" if is_connected else "unreachable",
                      "severity": "medium" if is_few else "critical",
                      "found": f"{since}, {_outcomes(failed)}; {before}{later}",
                      "evidence_count": len(failed), "first_at": failed["at"].min(),
                      "reason": _last_reason(failed)}  # fmt: skip
    unread = _since_last(looks, "is_ok")
    if _is_down(unread, near["is_ok"]):
        limit = _last_reason(unread[unread["outcome"] == _CUT_SHORT])
        why = "its answer is longer than this program reads" + ("" if limit is pd.NA else f": {limit}")
        return row | {"verdict": "unknown", "found": _outcomes(unread), "evidence_count": len(unread),
                      "first_at": unread["at"].min(), "reason": why}  # fmt: skip
    silent = _silent_addresses(looks, near)
    if not silent:
        return None
    words = [f"{address} has not answered since {since:%Y-%m-%d %H:%M}" for address, since in silent]
    about = ", ".join(sorted(address for address, _ in silent))
    return row | {"verdict": "partly_reachable", "found": "; ".join(words), "about": about}


def _is_down(failed: pd.DataFrame, is_answered: pd.Series) -> bool:
    """Whether the last `DOWN_VISITS` visits failed, or no visit in the window got an answer."""
    return len(failed) > 0 and (failed["visit"].nunique() >= DOWN_VISITS or not is_answered.any())


def _since_last(looks: pd.DataFrame, column: str) -> pd.DataFrame:
    """The observations after the last visit in which the column is true for one of them; they are ordered by time."""
    is_answered = looks[column].groupby(looks["visit"]).transform("any").to_numpy()
    positions = is_answered.nonzero()[0]
    return looks.iloc[positions[-1] + 1 :] if len(positions) else looks


def _silent_addresses(looks: pd.DataFrame, near: pd.DataFrame) -> list[tuple[str, pd.Timestamp]]:
    """Addresses of the last visit that answered earlier and not in their last `DOWN_VISITS` visits, and since when."""
    asked = near.loc[near["visit"] == near["visit"].iloc[-1], "address"].dropna().unique()
    if len(asked) < 2:
        return []
    silent = []
    for address in asked:
        of_address = looks[(looks["address"] == address).fillna(False)]
        failed = _since_last(of_address, "is_heard")
        if len(failed) < len(of_address) and failed["visit"].nunique() >= DOWN_VISITS:
            silent.append((str(address), failed["at"].min()))
    return silent


def _aged(frame: pd.DataFrame, scope: InService) -> pd.DataFrame:
    """The rows, unknown where the service was not observed recently: whether it answers today is not known."""
    is_old = (scope.now - frame["last_at"]) > pd.Timedelta(days=OBSERVED_DAYS)
    frame.loc[is_old, "verdict"] = "unknown"
    frame.loc[is_old, "severity"] = pd.NA
    frame.loc[is_old, "reason"] = f"not observed in the {OBSERVED_DAYS} days before {scope.now:%Y-%m-%d}"
    return frame


def _outcomes(failed: pd.DataFrame) -> str:
    counts = failed["outcome"].value_counts()
    return ", ".join(f"{count:,} × {outcome}" for outcome, count in counts.items())


def _last_reason(failed: pd.DataFrame) -> object:
    reasons = failed["reason"].dropna()
    return reasons.iloc[-1] if len(reasons) else pd.NA


def _joined(sources: pd.Series) -> str:
    return ", ".join(sorted(sources.dropna().unique()))
