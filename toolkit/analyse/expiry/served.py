"""The certificates that each slot showed, as far as they were known at an instant."""

from dataclasses import replace

import pandas as pd

from toolkit.analyse.rounds import is_last_visit
from toolkit.analyse.sightings import find_sightings
from toolkit.analyse.slots import SLOT
from toolkit.tables import Tables


def known_at(tables: Tables, today: pd.Timestamp) -> Tables:
    """The looks that are not certainly later than `today`, and the certificates that they show or that had begun."""
    looks, held = tables.observations, tables.certificates
    known_since_at = _known_since(looks, held)
    is_later = (known_since_at > today).fillna(False) & ~(looks["observed_until"] <= today).fillna(False)
    is_shown = held["cert_sha256"].isin(looks.loc[~is_later, "leaf_sha256"].unique())
    is_shown_later = held["cert_sha256"].isin(looks.loc[is_later, "leaf_sha256"].unique())
    begins_later = (held["not_before"] > today).fillna(False)
    known = held[is_shown | ~(is_shown_later | begins_later)]
    return replace(tables, observations=looks[~is_later], certificates=known)


def certificates_of_slots(tables: Tables) -> pd.DataFrame:
    """One row per slot and certificate: its facts, when it was seen, and when the slot was last looked at."""
    looks = tables.observations.loc[
        tables.observations["leaf_sha256"].notna(),
        ["service", "host", "server_name", "round", "leaf_sha256", "observed_at", "observed_from", "observed_until"],
    ]
    facts = tables.certificates[
        ["cert_sha256", "subject", "issuer", "names", "key_type", "not_before", "not_after"]
    ].rename(columns={"cert_sha256": "leaf_sha256"})
    looks = looks.merge(facts[["leaf_sha256", "key_type"]], how="left", on="leaf_sha256")
    of_slot = looks.groupby(SLOT, dropna=False, sort=False)
    looks["last_look_at"] = of_slot["observed_at"].transform("max")
    looks["is_shown_last"] = is_last_visit(looks["observed_at"], of_slot.ngroup(), looks["round"])
    looks["known_since_at"] = _known_since(looks, tables.certificates)
    looks["known_until_at"] = looks["observed_at"].fillna(looks["observed_until"])
    seen = looks.groupby([*SLOT, "leaf_sha256"], dropna=False, sort=False).agg(
        first_seen_at=("observed_at", "min"),
        last_seen_at=("observed_at", "max"),
        known_since_at=("known_since_at", "max"),
        known_until_at=("known_until_at", "max"),
        seen_by=("known_until_at", "min"),
        is_bounded=("known_until_at", "count"),
        looks=("leaf_sha256", "size"),
        last_look_at=("last_look_at", "max"),
        is_shown_last=("is_shown_last", "any"),
    )
    frame = seen.reset_index().merge(facts.drop(columns="key_type"), how="left", on="leaf_sha256")
    before = find_sightings(tables)[[*SLOT, "leaf_sha256", "previous_look_at", "source"]]
    frame = frame.merge(before, how="left", on=[*SLOT, "leaf_sha256"])
    frame["is_shown_last"] = frame["is_shown_last"].astype("boolean").where(frame["last_seen_at"].notna())
    frame["last_seen_by"] = frame["known_until_at"]
    frame["known_until_at"] = frame["known_until_at"].where(frame["is_bounded"] == frame["looks"])
    return frame.sort_values([*SLOT, "not_before", "first_seen_at", "leaf_sha256"], ignore_index=True)


def _known_since(looks: pd.DataFrame, certificates: pd.DataFrame) -> pd.Series:
    """The instant of each look; of an undated one the earliest possible, which is not before its certificate begins."""
    begins = certificates.drop_duplicates("cert_sha256").set_index("cert_sha256")["not_before"]
    bound = begins.reindex(looks["leaf_sha256"]).set_axis(looks.index)
    bound = bound.where(~(bound < looks["observed_from"]).fillna(False), looks["observed_from"])
    return looks["observed_at"].fillna(bound.fillna(looks["observed_from"]))
