"""Successors: the next newer certificate of a slot, shown there or only issued for the same names."""

import pandas as pd


def with_successors(frame: pd.DataFrame, slots: pd.Series, certificates: pd.DataFrame) -> pd.DataFrame:
    """The rows of `certificates_of_slots` with their successor, and with what the slot showed of newer certificates.

    `slots` numbers the slots. Adds `successor_sha256` and `successor_state` (as in `summarise_expiry`), `newer_seen`
    (when a newer certificate was last seen; null: none was) and `is_newer_shown_last`; `is_shown_last` becomes false
    where an undated look at a newer certificate is later than the slot's last dated look.
    """
    frame["successor_sha256"] = frame["leaf_sha256"].groupby(slots).shift(-1)
    frame["successor_state"] = pd.Series("seen", index=frame.index, dtype="string").where(
        frame["successor_sha256"].notna()
    )
    frame["newer_seen"] = _latest_below(frame["known_since_at"], slots)
    is_overtaken = (frame["newer_seen"] > frame["last_look_at"]).fillna(False)
    shown_last = frame["last_seen_at"].where(frame["is_shown_last"].fillna(False).astype(bool))
    frame["is_newer_shown_last"] = _latest_below(shown_last, slots).notna() | is_overtaken
    frame.loc[is_overtaken & frame["last_seen_at"].notna(), "is_shown_last"] = False
    issued = _issued(frame, certificates)
    without = frame["successor_state"].isna() & issued.notna()
    frame.loc[without, "successor_state"] = "issued"
    frame.loc[without, "successor_sha256"] = issued[without]
    return frame


def _latest_below(instants: pd.Series, slots: pd.Series) -> pd.Series:
    """For each row the latest instant among the rows below it in its slot, which are the newer certificates."""
    upwards = instants[::-1]
    running = upwards.groupby(slots).cummax().groupby(slots).ffill()
    return running.groupby(slots).shift(1)[::-1]


def _issued(frame: pd.DataFrame, certificates: pd.DataFrame) -> pd.Series:
    """For each row the next certificate of the tables with the same names and key type and a later `not_before`."""
    held = certificates.loc[
        certificates["names"].notna() & certificates["not_before"].notna() & certificates["key_type"].notna(),
        ["cert_sha256", "names", "key_type", "not_before"],
    ].copy()
    held["names"] = _name_set(held["names"])
    held = held[held["names"] != ""].sort_values("not_before", kind="stable")
    wanted = frame.loc[frame["not_before"].notna(), ["names", "key_type", "not_before"]].copy()
    wanted["names"] = _name_set(wanted["names"])
    found = pd.merge_asof(
        wanted.reset_index().sort_values("not_before", kind="stable"),
        held,
        on="not_before",
        by=["names", "key_type"],
        direction="forward",
        allow_exact_matches=False,
    )
    return found.set_index("index")["cert_sha256"].reindex(frame.index).astype("string")


def _name_set(names: pd.Series) -> pd.Series:
    """Each row's names as one text that is equal where the sets are equal; empty where there are none."""
    sets = ["\n".join(sorted(set(row))) if isinstance(row, tuple) else "" for row in names]
    return pd.Series(sets, names.index, dtype="string")
