"""`estimate_shares`: counts by hand, intervals by scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.analyse.drawn import at, certificates, looks, tables
from toolkit import Tables
from toolkit.analyse.rotation.shares import SHARES, estimate_shares
from toolkit.columns import dtypes
from toolkit.errors import UsageError


def test_counts_and_intervals():
    found = estimate_shares(tables("AAB.ABBBBB"), window="6h")
    assert found["window_from_at"].tolist() == [at(0), at(0), at(6)]
    assert found["window_until_at"].tolist() == [at(6), at(6), at(12)]
    assert found["leaf_sha256"].tolist() == ["A", "B", "B"]
    assert (found["looks"].tolist(), found["leaf_looks"].tolist()) == ([5, 5, 4], [3, 2, 4])
    for row in found.itertuples():
        expected = stats.binomtest(row.leaf_looks, row.looks).proportion_ci(0.95, "exact")
        assert (row.share_min, row.share_max) == pytest.approx((expected.low, expected.high))
    assert found["share_below"].isna().all()


@pytest.mark.parametrize("by", ["slot", "address", "rotation"])
def test_columns_and_dtypes(by):
    for given in (Tables.from_frames(), tables("AAB.BB")):
        found = estimate_shares(given, by=by)
        assert {name: str(dtype) for name, dtype in found.dtypes.items()} == dtypes(SHARES)
        assert found.empty == given.observations.empty


def test_each_address_apart():
    both = looks("AABBAB").assign(address=["::1", "::2"] * 3)
    found = estimate_shares(Tables.from_frames(both, certificates("AB")), by="address")
    assert list(zip(found["address"], found["leaf_sha256"], found["leaf_looks"], found["looks"], strict=True)) == [
        ("::1", "A", 2, 3), ("::1", "B", 1, 3), ("::2", "A", 1, 3), ("::2", "B", 2, 3),
    ]  # fmt: skip


def test_a_roll_out_has_both_leaves_in_each_window():
    shown = "AAAA" + "AAAB" + "ABBB" + "BBBB" + "BBBB"
    found = estimate_shares(tables(shown, per_round=4), by="rotation", window="1h")
    new = found[found["leaf_sha256"] == "B"]
    assert new["window_from_at"].tolist() == [at(1), at(2)]
    assert new["share"].tolist() == [0.25, 0.75]
    shown = "AAAA" + "BBBB" + "BBBB"
    found = estimate_shares(tables(shown, per_round=4), by="rotation", window="1h")
    new, old = found[found["leaf_sha256"] == "B"], found[found["leaf_sha256"] == "A"]
    assert new["share"].tolist() == [0.0, 1.0]
    assert old["share"].tolist() == [1.0, 0.0]
    assert new["share_below"].tolist()[0] == pytest.approx(1 - 0.05 ** (1 / 4))
    assert (found["predecessor_sha256"] == "A").all()
    assert (found["successor_sha256"] == "B").all()


def test_other_leaves_are_looks_too():
    found = estimate_shares(tables("AABBCC"), window="6h")
    assert found["looks"].tolist() == [6, 6, 6]


def test_sticky_counts_rounds():
    found = estimate_shares(tables("AAAABBBB", per_round=4), sticky=True)
    assert found["looks"].tolist() == [2, 2]


@pytest.mark.parametrize("window", ["", "soon", "-1h", "0h", "NaT"])
def test_a_window_that_is_not_a_length(window):
    with pytest.raises(UsageError, match="window="):
        estimate_shares(tables("A"), window=window)


def test_unknown_by():
    with pytest.raises(UsageError, match="by="):
        estimate_shares(tables("A"), by="moon")  # type: ignore[arg-type]  # what a user may type


def test_coverage_is_at_least_95_percent():
    rng = np.random.default_rng(3)
    shares = rng.random(300)
    drawn = rng.random((300, 12)) < shares[:, None]
    shown = "".join(np.where(drawn, "B", "A").ravel())
    found = estimate_shares(tables(shown, per_round=12), window="1h")
    found = found[found["leaf_sha256"] == "B"]
    truth = pd.Series(shares, [at(hour) for hour in range(300)]).reindex(found["window_from_at"]).to_numpy()
    assert ((found["share_min"] <= truth) & (truth <= found["share_max"])).mean() >= 0.95
