"""The lab's museum, surveyed, is what was recorded of smtp.gmail.com in 2015, first choices included."""

from pathlib import Path

import pandas as pd

import toolkit
from toolkit.lab import Lab
from toolkit.reference import find_suite


def test_the_museum_is_found_as_it_was_recorded(shared: Path) -> None:
    recorded = pd.read_csv(shared / "recorded" / "google_mail" / "support.csv")
    recorded = recorded[recorded["observed_on"] == "2015-11-25"]
    names = {"SSLv3": "SSL 3.0", "TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2"}
    taken, rejected, first = set(), set(), set()
    for row in recorded.itertuples():
        suite = find_suite(str(row.cipher))
        if row.protocol not in names or suite is None:
            continue
        pair = (names[str(row.protocol)], suite.name)
        (taken if row.accepted is True or row.accepted == "True" else rejected).add(pair)
        if row.preferred is True or row.preferred == "True":
            first.add(pair)
    assert (len(taken), len(first)) == (34, 4)
    with Lab("museum") as lab:
        tables = toolkit.survey(lab.targets, clock=lab.clock, rate=None, pause_seconds=0, progress=False)
    suites = tables.support[tables.support["suite"].notna()]

    def pairs(rows: pd.DataFrame) -> set[tuple[str, str]]:
        return set(zip(rows["protocol"], rows["suite"], strict=True))

    assert pairs(suites[suites["state"] == "accepted"]) == taken
    assert rejected <= pairs(suites[suites["state"] == "refused"])
    assert pairs(suites[suites["rank"] == 1]) == first
    assert set(tables.observations["source"]) == {"lab"}
    assert tables.support["observed_at"].max() <= pd.Timestamp(lab.ends_at)


def test_modern_machines_take_the_post_quantum_group() -> None:
    with Lab("modern") as lab:
        tables = toolkit.survey(lab.targets[:1], clock=lab.clock, rate=None, pause_seconds=0, progress=False)
    groups = tables.support[tables.support["group"].notna() & (tables.support["protocol"] == "TLS 1.3")]
    row = groups[groups["group"] == "X25519MLKEM768"].iloc[0]
    assert (row["state"], row["is_sound"]) == ("accepted", True)
