"""Dating observations by what their source says, and by the SCTs in their leaf."""

import pandas as pd
import pytest

from toolkit.analyse.dating import find_bounds

SIGNED = "2023-10-16"


@pytest.mark.parametrize(
    ("until", "earliest"),
    [(None, SIGNED), ("2024-01-01", SIGNED), ("2020-07-01", None)],
    ids=["open", "later", "by a clock that was wrong"],
)
def test_an_scts_instant_is_the_earliest_unless_the_observation_ended_before(
    until: str | None, earliest: str | None
) -> None:
    instants = {"observed_at": None, "observed_from": None, "observed_until": until}
    looks = pd.DataFrame({name: pd.to_datetime([at], utc=True) for name, at in instants.items()})
    leaf = pd.DataFrame({"cert_sha256": ["aa"], "sct_at": pd.to_datetime([SIGNED], utc=True)})
    found = pd.DataFrame(find_bounds(looks.assign(leaf_sha256="aa"), leaf)).T
    expected = pd.to_datetime(pd.Series([earliest, until]), utc=True)
    assert found.iloc[0].isna().tolist() == expected.isna().tolist()
    assert (found.iloc[0].dropna().tolist()) == expected.dropna().tolist()
