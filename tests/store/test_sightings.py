"""`Store.sightings()` counts in the store what `find_sightings` counts in frames."""

import random
from datetime import timedelta
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from tests.store.tables import BEGIN, SERVICES, certificate, look
from toolkit import schema
from toolkit.analyse import find_sightings
from toolkit.store import Store
from toolkit.tables import Tables


def drawn_tables(seed: int) -> Tables:
    """Looks in no order at few instants, some undated, failed, of several sources, of certificates without a row."""
    draw = random.Random(seed)
    facts = [
        {"key_type": draw.choice(["RSA", "EC", None]), "not_before": draw.choice([None, BEGIN]), "names": names}
        for names in ((), None, ("a.test",), ("a.test", "b.test"), None)
    ]
    looks = [
        look(
            None if draw.random() < 0.1 else BEGIN + timedelta(hours=draw.randrange(12)),
            draw.choice([None, "a", "b", "c", "d", "e", "f", "g"]),
            round=f"r{number % 7}",
            sample=number,
            service=draw.choice([*SERVICES, None]),
            host=draw.choice(["h", None]),
            server_name=draw.choice(["n", "m", None]),
            source=draw.choice(["live", "lab", "lab, odd"]),
        )
        for number in range(draw.choice([0, 1, 5, 60, 400]))
    ]
    return Tables.from_frames(
        schema.frame("observations", looks),
        schema.frame("certificates", [certificate(name, **fact) for name, fact in zip("abcde", facts, strict=True)]),
    )


@pytest.mark.parametrize("seed", range(12))
def test_both_ways_of_counting_agree(tmp_path: Path, seed: int) -> None:
    tables = drawn_tables(seed)
    store = Store(tmp_path / "s")
    half = len(tables.observations) // 2
    for part in (tables.observations[half:], tables.observations[:half], tables.observations[: half // 2]):
        store.append(Tables.from_frames(observations=part, certificates=tables.certificates))
    assert_frame_equal(store.sightings(), find_sightings(tables))
    assert_frame_equal(find_sightings(store.load()), find_sightings(tables))
