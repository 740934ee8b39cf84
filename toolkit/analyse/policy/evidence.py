"""The rows that can be judged, with the instant that chooses the rules and their positions in the tables."""

from typing import Final

import pandas as pd

from toolkit.analyse.dating import find_bounds
from toolkit.analyse.held import with_held
from toolkit.analyse.support.summary import surveyed
from toolkit.tables import Tables, is_held_alone

IDENTITY: Final = ["service", "host", "server_name"]

_COLUMNS: Final = [
    *IDENTITY, "protocol", "suite", "suite_code", "group", "leaf_sha256", "state", "observed_at", "observed_from",
    "observed_until", "earliest", "latest", "evidence_table", "evidence_row", "source",
]  # fmt: skip


def find_shown(tables: Tables) -> pd.DataFrame:
    """The rows that show what a service accepts or serves: handshakes and the answers of surveys.

    `state` is `accepted` for a handshake. `observed_from` and `observed_until` bound the instant of the row, both
    inclusive (null: nothing bounds it). `earliest` and `latest` bound the day whose rules apply: the same, but a leaf
    was shown after its latest SCT. Of tables without observations, each leaf certificate is such a row, and its own
    evidence. Handshakes of a survey are left out where its answers are in `support`, which hold the same facts.
    """
    looks = with_held(tables).observations.reset_index(drop=True)
    shows = looks[["protocol", "suite", "group", "leaf_sha256"]].notna().any(axis=1)
    answered = tables.support[["service", "round"]].drop_duplicates().assign(is_answered=True)
    is_answered = (
        looks[["service", "round"]].merge(answered, how="left", on=["service", "round"])["is_answered"].notna()
    )
    repeated = (looks["offer"] == "survey").fillna(False) & is_answered.to_numpy()
    handshakes = looks[shows & ~repeated].assign(
        state="accepted",
        evidence_table="observations",
        observed_from=looks["observed_at"].fillna(looks["observed_from"]),
        observed_until=looks["observed_at"].fillna(looks["observed_until"]),
    )
    earliest, latest = find_bounds(looks, tables.certificates)
    handshakes = handshakes.assign(earliest=earliest, latest=latest, evidence_row=handshakes.index)
    if is_held_alone(tables):
        rows = pd.Index(tables.certificates["cert_sha256"]).get_indexer(handshakes["leaf_sha256"])
        handshakes = handshakes.assign(evidence_table="certificates", evidence_row=rows)
    return pd.concat([handshakes[_COLUMNS], _answers(tables)], ignore_index=True)


def _answers(tables: Tables) -> pd.DataFrame:
    answers = surveyed(tables)
    nothing = pd.Series(pd.NA, answers.index, dtype="string")
    return answers.assign(
        server_name=nothing,
        leaf_sha256=nothing,
        evidence_table="support",
        evidence_row=answers.index,
        earliest=answers["observed_from"],
        latest=answers["observed_until"],
    )[_COLUMNS]


def find_versions(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per handshake that negotiated a version, and per version, service and instant (or bounds) of a survey.

    In a survey a version is accepted where one question about it is (that row is the evidence), refused where all are.
    """
    known = rows[rows["protocol"].notna()]
    answers = known[known["evidence_table"] == "support"]
    keys = [*IDENTITY, "protocol", "observed_from", "observed_until"]
    marked = answers.assign(is_accepted=answers["state"] == "accepted", is_refused=answers["state"] == "refused")
    grouped = marked.groupby(keys, dropna=False, sort=False)
    is_accepted, is_refused = grouped["is_accepted"].transform("any"), grouped["is_refused"].transform("all")
    state = (
        pd.Series("untested", answers.index, dtype="string").mask(is_refused, "refused").mask(is_accepted, "accepted")
    )
    first = answers[(answers["state"] == "accepted") | ~is_accepted].drop_duplicates(keys)
    versions = first.assign(state=state[first.index])
    return pd.concat([known[known["evidence_table"] == "observations"], versions], ignore_index=True)


def find_certificates(rows: pd.DataFrame, certificates: pd.DataFrame) -> pd.DataFrame:
    """One row per leaf and service that showed it, dated by the day of issue. The evidence is the certificate's row."""
    positions = pd.Series(range(len(certificates)), index=certificates["cert_sha256"])
    shown = rows[rows["leaf_sha256"].isin(positions.index)]
    shown = shown.sort_values("observed_at", kind="stable").drop_duplicates([*IDENTITY, "leaf_sha256"])
    held = shown["leaf_sha256"].map(positions).astype("int64")
    issued = certificates["not_before"].reset_index(drop=True).iloc[held].set_axis(shown.index)
    return shown.assign(evidence_table="certificates", evidence_row=held, earliest=issued, latest=issued)
