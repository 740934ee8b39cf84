"""Roll-outs and roll-backs of what is in service, as rows of a check."""

from typing import Final

import pandas as pd

from toolkit.analyse import explain_leaves, find_rotations
from toolkit.checking.in_service import InService, name_services
from toolkit.checking.judgements.endings import expiry_severity
from toolkit.tables import Tables

_PLACE: Final = ["service", "host", "server_name", "key_type"]
_LATE: Final = ("1/6", "14 d", "1/12", "7 d")
"""Thresholds by which a roll-out should have ended: the first is where renewals usually begin."""

_LONG: Final = pd.Timedelta(days=14)
"""No backend is stuck in the first two windows of `explain_leaves` after the successor appeared."""

_AGAIN: Final = "an older certificate is shown again; too few observations tell a roll-back from a roll-out"


def judge_rotation(scope: InService, shown: pd.DataFrame) -> pd.DataFrame:
    """A row per certificate in use (`find_in_use`), with columns of `check`.

    `rolled_back`: the slot showed a newer certificate, and shows this older one again (`find_rotations`). `incomplete`:
    this one is still shown, although its successor is, and at most a sixth of its lifetime or 14 days are left, or it
    stays on some backends for longer than the roll-out took elsewhere (`explain_leaves`, `stuck backend`). `replacing`:
    the roll-out goes on.
    `settled`: neither.
    """
    rows = shown[shown["is_shown_last"].fillna(value=False)].reset_index(drop=True)
    verdict = pd.Series("settled", rows.index, dtype="string").mask(rows["state"] == "replacing", "replacing")
    is_stuck = _is_stuck(scope, rows)
    verdict = verdict.mask((rows["state"] == "replacing") & (rows["threshold"].isin(_LATE) | is_stuck), "incomplete")
    newer, is_certain = _find_taken_back(scope, rows)
    verdict = verdict.mask(newer.notna(), "unknown").mask(newer.notna() & is_certain, "rolled_back")
    successor = rows["successor_sha256"].str[:12]
    name = "certificate " + rows["leaf_sha256"].str[:12]
    found = (name + " is in service").mask(rows["state"] == "replacing", name + " and its successor " + successor)
    found = found.mask(verdict == "incomplete", name + " is still shown, and so is its successor " + successor)
    found = found.mask(newer.notna(), name + " is shown again, after the newer " + newer.str[:12])
    severity = pd.Series("medium", rows.index, dtype="string").where(verdict.isin(["incomplete", "rolled_back"]))
    near = expiry_severity(rows["state"].replace({"replacing": "expiring"}), rows["threshold"])
    return pd.DataFrame(
        {
            "check": "rotation",
            **{column: rows[column] for column in ["service", "host", "server_name", "leaf_sha256", "source"]},
            "about": rows["key_type"],
            "verdict": verdict,
            "severity": near.where(verdict == "incomplete").fillna(severity),
            "found": found,
            "evidence_count": rows["looks"],
            "first_at": rows["first_seen_at"],
            "last_at": rows["last_seen_at"],
            "reason": pd.Series(pd.NA, rows.index, dtype="string").mask(verdict == "unknown", _AGAIN),
        }
    )


def _is_stuck(scope: InService, rows: pd.DataFrame) -> pd.Series:
    """Whether backends keep a certificate that the rest of the roll-out has left."""
    newer = scope.expiry[[*_PLACE, "leaf_sha256", "first_seen_at"]]
    newer = newer.rename(columns={"leaf_sha256": "successor_sha256", "first_seen_at": "succeeded_at"})
    began = rows[[*_PLACE, "successor_sha256"]].merge(newer, how="left")["succeeded_at"]
    is_long = (rows["last_seen_at"] - began > _LONG).fillna(value=False)
    replacing = rows[(rows["state"] == "replacing") & is_long]
    none = pd.Series(False, rows.index)
    if replacing.empty:
        return none
    causes = explain_leaves(_of_services(scope.known, replacing))
    last = causes.groupby(["service", "host"], dropna=False)["window_until_at"].transform("max")
    stuck = causes[(causes["cause"] == "stuck backend") & (causes["window_until_at"] == last)]
    keys = {(*place, leaf) for column in ("leaf_sha256", "other_sha256")
            for *place, leaf in stuck[["service", "host", column]].itertuples(index=False)}  # fmt: skip
    own = rows[["service", "host", "leaf_sha256"]].itertuples(index=False, name=None)
    return pd.Series([key in keys for key in own], rows.index, dtype=bool)


def _find_taken_back(scope: InService, rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The newer certificate that a slot showed before this one (null: none), and whether that is certainly a roll-back.

    The state `withdrawn` of the newer one is the sign; the order of all looks decides.
    """
    gone = scope.expiry[scope.expiry["state"] == "withdrawn"]
    if scope.since is not None:
        gone = gone[gone["last_seen_at"] >= scope.since]
    gone = gone.merge(rows[_PLACE].drop_duplicates(), on=_PLACE)
    newest = gone.sort_values("not_before").drop_duplicates(_PLACE, keep="last")[[*_PLACE, "leaf_sha256"]]
    newer = rows[_PLACE].merge(newest, how="left", on=_PLACE)["leaf_sha256"]
    if gone.empty:
        return newer, pd.Series(False, rows.index)
    rotations = find_rotations(_of_services(scope.known, gone))
    back = rotations[rotations["is_rollback"].fillna(value=False) & ~rotations["is_ambiguous"].fillna(value=True)]
    back = back[[*_PLACE, "predecessor_sha256", "successor_sha256"]].drop_duplicates()
    own = rows[_PLACE].assign(predecessor_sha256=newer, successor_sha256=rows["leaf_sha256"])
    is_back = own.merge(back.assign(is_back=True), how="left", on=list(back.columns))["is_back"].notna()
    return newer, is_back


def _of_services(tables: Tables, rows: pd.DataFrame) -> Tables:
    """The tables with the observations of the services of these rows alone."""
    is_of = name_services(tables.observations).isin(set(name_services(rows)))
    return Tables(tables.observations[is_of].reset_index(drop=True), tables.certificates, tables.support[:0],
                  tables.rounds)  # fmt: skip
