"""`describe_chains`: the same rows, with the columns that `verify_chains` and `replay_trust` leave out."""

import pandas as pd
import pytest

import toolkit
from tests.analyse.trust.minted import TODAY, mint_ca, mint_leaf, served
from toolkit import Tables
from toolkit.analyse.trust.details import DETAILS, describe_chains
from toolkit.analyse.trust.verify import TRUST
from toolkit.columns import dtypes
from toolkit.errors import UsageError

ROOT = mint_ca("Root")
MIDDLE = mint_ca("Middle", ROOT)
LEAF = mint_leaf(MIDDLE)
ROOTS = [ROOT.der]
SERVED = served([LEAF.der, MIDDLE.der])


def test_rows_index_and_other_columns_stay() -> None:
    verdicts = toolkit.verify_chains(SERVED, roots=ROOTS, as_of=[TODAY, "2001-01-01T00:00Z"])
    chosen = verdicts.iloc[::-1].assign(note="mine")
    described = describe_chains(chosen, SERVED, roots=ROOTS)
    assert list(dtypes((*TRUST, *DETAILS))) == [name for name in described if name != "note"]
    pd.testing.assert_frame_equal(described[list(chosen)], chosen)
    pd.testing.assert_frame_equal(describe_chains(described, SERVED, roots=ROOTS)[list(described)], described)
    assert described["missing_count"].tolist() == [0, 0]
    assert described.dtypes["valid_until_at"] == "datetime64[us, UTC]"
    nothing = toolkit.verify_chains(Tables.from_frames(), roots=ROOTS)
    assert describe_chains(nothing, Tables.from_frames(), roots=ROOTS).astype(object).empty


def test_undated_and_replayed_rows_are_described() -> None:
    undated = served([LEAF.der, MIDDLE.der], when=None)
    described = describe_chains(toolkit.verify_chains(undated, roots=ROOTS), undated, roots=ROOTS)
    assert described["is_order_right"].tolist() == [True]
    bare = served([LEAF.der], held=[MIDDLE.der])
    replayed = toolkit.replay_trust(bare, roots=ROOTS, since="2020-01-01T00:00Z", until="2040-01-01T00:00Z")
    described = describe_chains(replayed, bare, roots=ROOTS, intermediates="held")
    assert len(described) > 1
    assert set(described["missing_count"]) == {1}
    by_store = toolkit.replay_trust(bare, stores=["mozilla", "chrome"], since=TODAY, until=TODAY)
    assert describe_chains(by_store, bare, intermediates="held")["missing_count"].isna().all()


def test_rows_of_other_roots_or_tables_are_refused() -> None:
    verdicts = toolkit.verify_chains(SERVED, roots=ROOTS, as_of=TODAY)
    with pytest.raises(UsageError, match="the tables, roots and intermediates"):
        describe_chains(verdicts, SERVED, roots=[mint_ca("Another Root").der])
    with pytest.raises(UsageError, match="the tables, roots and intermediates"):
        describe_chains(verdicts, Tables.from_frames(), roots=ROOTS)
