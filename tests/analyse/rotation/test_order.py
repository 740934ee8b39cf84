"""No answer depends on the order of rows, or on rows that come twice."""

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from tests.analyse.drawn import certificates, looks
from toolkit import Tables
from toolkit.analyse import estimate_shares, explain_leaves, find_lineages, find_rotations, find_sharing


def _tables(shown: str, other: str) -> Tables:
    """Two services, at two addresses each, with RSA certificates A, B, C and an EC certificate D."""
    addresses = [["127.0.0.1", "127.0.0.2"][number % 2] for number in range(len(shown))]
    one = looks(shown, per_round=4).assign(address=addresses)
    two = looks(other, per_round=3).assign(service="smtp://b.test:25", host="b.test", server_name="b.test")
    names = dict.fromkeys("ABC", ("mx.test", "b.test"))
    return Tables.from_frames(pd.concat([one, two]), certificates("ABCD", key_type={"D": "EC"}, names=names))


@pytest.mark.parametrize(
    "ask",
    [
        lambda tables: estimate_shares(tables, window="6h"),
        lambda tables: estimate_shares(tables, window="6h", by="address", sticky=True),
        lambda tables: estimate_shares(tables, window="6h", by="rotation"),
        lambda tables: explain_leaves(tables, window="1D"),
        lambda tables: find_rotations(tables, basis="names"),
        find_lineages,
        find_sharing,
    ],
    ids=["shares", "shares by address", "roll-outs", "causes", "rotations by names", "lineages", "sharing"],
)
@settings(max_examples=5, deadline=None)
@given(
    shown=st.text("ABCD.", min_size=1, max_size=30),
    other=st.text("ABD.", min_size=1, max_size=12),
    random=st.randoms(use_true_random=False),
)
def test_order_and_repeats(ask, shown, other, random):
    known = _tables(shown, other)
    rows = list(range(len(known.observations))) * 2
    random.shuffle(rows)
    again = Tables.from_frames(known.observations.iloc[rows], known.certificates.iloc[::-1])
    pd.testing.assert_frame_equal(ask(again), ask(known))
