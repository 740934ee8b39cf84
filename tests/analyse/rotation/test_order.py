"""No answer depends on the order of rows, or on rows that come twice."""

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from tests.analyse.drawn import certificates, looks, services
from toolkit import Tables
from toolkit.analyse import estimate_shares, explain_leaves, find_lineages, find_rotations, find_sharing


def _tables(shown: list[str]) -> Tables:
    """A service per string, at two addresses each, with RSA certificates A, B, C and an EC certificate D."""
    observed = services(shown, per_round=4).observations
    addresses = [f"127.0.0.{1 + number % 2}" for number in range(len(observed))]
    names = dict.fromkeys("ABC", ("mx.test", "b.test"))
    known = certificates("ABCD", key_type={"D": "EC"}, names=names)
    return Tables.from_frames(observed.assign(address=pd.array(addresses, "string")), known)


# A call costs much more than a service does: few calls, each with several services.
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
@settings(max_examples=2, deadline=None)
@given(
    shown=st.lists(st.text("ABCD.", min_size=1, max_size=30), min_size=6, max_size=6),
    random=st.randoms(use_true_random=False),
)
def test_order_and_repeats(ask, shown, random):
    known = _tables(shown)
    rows = list(range(len(known.observations))) * 2
    random.shuffle(rows)
    again = Tables.from_frames(known.observations.iloc[rows], known.certificates.iloc[::-1])
    pd.testing.assert_frame_equal(ask(again), ask(known))


def test_looks_at_one_instant_are_in_the_order_of_their_addresses() -> None:
    """Not of their rows: at one instant the first address shows A and the second B, and one backend answers."""
    observed = looks("AB" * 4, per_round=2)
    at = observed.groupby("round")["observed_at"].transform("min")
    addresses = pd.array(["127.0.0.1", "127.0.0.2"] * 4, "string")
    observed = observed.assign(observed_at=at, sample=pd.array([0] * 8, "Int64"), address=addresses)
    known = Tables.from_frames(observed, certificates("AB"))
    again = Tables.from_frames(observed.iloc[::-1], certificates("AB"))
    rotations = find_rotations(known, min_share=1)
    assert rotations["is_rollback"].tolist() == [False, *[True] * 6]
    pd.testing.assert_frame_equal(find_rotations(again, min_share=1), rotations)
