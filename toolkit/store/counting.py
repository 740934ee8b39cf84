"""What a store has of one round: looks counted, and places surveyed, without loading them."""

import json
from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from toolkit import schema
from toolkit.store.keeping import Store
from toolkit.store.rows import unified, without_repeats
from toolkit.store.selecting import Selection, is_in


@dataclass(frozen=True, slots=True)
class LookCounts:
    """Looks of a round, those that ended `ok`, and those that opened a connection."""

    looks: int = 0
    looks_ok: int = 0
    connections: int = 0

    def since(self, before: "LookCounts") -> dict[str, object]:
        """What was added since `before`, as columns of `rounds`."""
        return {
            "looks": self.looks - before.looks,
            "looks_ok": self.looks_ok - before.looks_ok,
            "connections": self.connections - before.connections,
        }


def begun_with(store: Store, round_: str) -> tuple[set[str], list[dict[str, object]]]:
    """The services that the rows of the round name, and the settings that these rows have, each once.

    Neither where the store has no such round. Settings that are not recorded, or not JSON, are empty.
    """
    kept = store._tables["rounds"].read(["services", "settings"], is_in("round", {round_}))
    settings = kept["settings"].cast("string").unique().to_pylist()
    return set(pc.list_flatten(kept["services"]).to_pylist()), [read_settings(each) for each in settings]


def read_settings(kept: object) -> dict[str, object]:
    """What a row of `rounds` has as its settings; empty where they are not recorded, or not JSON."""
    try:
        settings = json.loads(kept if isinstance(kept, str) else "{}")
    except (ValueError, RecursionError):
        return {}
    return settings if isinstance(settings, dict) else {}


def count_round(store: Store, round_: str) -> LookCounts:
    """The looks that the store has of the round, repeats counted once."""
    columns = [*schema.OBSERVATION_KEY, "observed_at", "outcome", "connect_ms"]
    kept = store._tables["observations"].read(columns, is_in("round", {round_}))
    looks = without_repeats("observations", unified(kept))
    return LookCounts(
        looks=len(looks),
        looks_ok=pc.sum(pc.equal(looks["outcome"].cast("string"), "ok")).as_py() or 0,
        connections=len(looks) - looks["connect_ms"].null_count,
    )


def count_outcomes(store: Store, round_: str) -> pd.DataFrame:
    """The looks of the round by service, outcome, stage and reason (string, nullable); their number `looks` (int64)."""
    texts = ["service", "outcome", "stage", "reason"]
    kept = store._tables["observations"].read(
        [*dict.fromkeys([*schema.OBSERVATION_KEY, "observed_at", *texts])], is_in("round", {round_})
    )
    looks = without_repeats("observations", unified(kept)).select(texts)
    counted = looks.group_by(texts).aggregate([([], "count_all")])
    frame = pd.DataFrame({name: counted[name].cast(pa.string()).to_pandas().astype("string") for name in texts})
    return frame.assign(looks=counted["count_all"].to_pandas()).sort_values(texts, ignore_index=True)


def latest_outcomes(store: Store, rounds: int, selected: Selection) -> pd.DataFrame:
    """Which outcomes each service had in the latest rounds: `service`, `round`, `outcome` (string), `number` (int64).

    `number` orders the rounds by when they began. `selected`: the looks that count.
    """
    begun = store._tables["rounds"].read(["round", "written_at"], Selection(pc.field("phase") == "start")).to_pandas()
    latest = begun.sort_values("written_at")["round"].astype("string").drop_duplicates().tail(rounds)
    texts = ["service", "round", "outcome"]
    kept = unified(store._tables["observations"].read(texts, is_in("round", set(latest)) & selected))
    distinct = kept.group_by(texts).aggregate([])
    frame = pd.DataFrame({name: distinct[name].cast(pa.string()).to_pandas().astype("string") for name in texts})
    return frame.assign(number=frame["round"].map({name: number for number, name in enumerate(latest)}))


def surveyed_places(store: Store, round_: str, services: Collection[str]) -> set[tuple[str, str | None]]:
    """Service and address of the surveys of these services that the store has of the round."""
    named = set(services)
    if not named:
        return set()
    kept = store._tables["support"].read(["service", "address"], is_in("round", {round_}) & is_in("service", named))
    rows = kept.to_pandas().drop_duplicates().astype(object)
    return set(rows.where(rows.notna(), None).itertuples(index=False, name=None))
