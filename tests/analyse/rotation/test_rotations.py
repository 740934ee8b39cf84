"""`find_rotations` on slots small enough to read, and on the recorded series."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from tests.analyse.drawn import BEGIN, DAY, at, certificates, described, looks, pairs, service, services, tables
from tests.benchmarks import fleet
from toolkit import Tables, schema
from toolkit.analyse import find_rotations, find_sightings
from toolkit.analyse.arrays import as_instants
from toolkit.analyse.rotation.pairs import CONFIDENCE_BOUNDS, ROTATIONS
from toolkit.columns import dtypes
from toolkit.errors import UsageError

ROWS = [
    ("", []),
    ("A", []),
    ("AAA", []),
    ("AAABBB", ["A>B"]),
    ("AABABBABBB", ["A>B"]),  # a roll-out: looks alternate
    ("AB.BAB..B", ["A>B"]),
    ("ABC", ["A>B", "B>C"]),
    ("ACCC", ["A>C"]),  # the next one seen
    ("AABBAA", ["A>B"]),  # too few looks to distinguish a roll-back from a roll-out
    ("AAABBBAAA", ["A>B?", "B>A!?"]),
    ("AAAABBBBBAAAAA", ["A>B", "B>A!"]),
    ("AABB" + "A" * 59, ["A>B", "B>A!"]),
    ("ABAC", ["A>B?", "B>A!?", "A>C"]),
    ("ABCA", ["A>B?", "B>C", "C>A!?"]),
    ("ACBCD", ["A>C", "C>B?", "B>C!?", "C>D"]),  # as google.com in March 2024
    ("BABB", ["A>B?"]),  # the older one seen after the newer one
    ("A" * 5 + "B" * 20 + "A" * 20 + "B" * 20, ["A>B", "B>A!", "A>B!"]),
    ("A" * 9 + "AB" * 20 + "A" * 100 + "B" * 100, ["A>B", "B>A!", "A>B!"]),  # a canary, taken back
]


@pytest.fixture(scope="module")
def found_in_each() -> pd.DataFrame:
    """The rotations of one service per string of `ROWS`: a call costs much more than a service does."""
    return find_rotations(services(shown for shown, _ in ROWS))


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[shown for shown, _ in ROWS])
def test_rows(number, found_in_each):
    assert pairs(found_in_each[found_in_each["service"] == service(number)]) == ROWS[number][1]


def test_with_one_backend_every_change_back_is_a_rollback():
    assert pairs(find_rotations(tables("ABABB"), min_share=1)) == ["A>B", "B>A!", "A>B!"]


def test_columns_and_dtypes():
    for found in (
        find_rotations(Tables.from_frames()),
        find_rotations(Tables.from_frames(), basis="names"),
        find_rotations(find_sightings(Tables.from_frames())),
        find_rotations(tables("AABB")),
        find_rotations(tables("AABB"), basis="names"),
        find_rotations(find_sightings(tables("AABB"))),
    ):
        assert {name: str(dtype) for name, dtype in found.dtypes.items()} == dtypes(ROTATIONS)


def test_certain_bounds_and_sightings():
    row = described(tables("AABABB")).iloc[0]
    assert (row["start_max_at"], row["done_min_at"]) == (at(2), at(3))
    assert row["overlap_min_days"] == 0  # one backend may have been switched back
    assert (row["successor_previous_look_at"], row["predecessor_next_look_at"]) == (at(1), at(4))
    assert row["is_interleaved"]
    assert row["has_too_few_looks"]
    assert (row["looks_needed"], row["looks_before"], row["looks_after"]) == (59, 2, 2)


def test_one_backend_is_exactly_the_sighting_gap():
    found = described(tables("AAABBBBCC"), min_share=1)
    assert (found["start_min_at"] == found["successor_previous_look_at"]).all()
    assert (found["done_max_at"] == found["predecessor_next_look_at"]).all()
    gap = (found["predecessor_next_look_at"] - found["successor_previous_look_at"]) / DAY
    assert (found["overlap_max_days"] == gap).all()
    assert (found["overlap_max_days"] == 1 / 24).all()


def test_too_few_looks_are_null_and_enough_are_not():
    found = described(tables("A" * 58 + "B" * 58)).iloc[0]
    assert found[["start_min_at", "done_max_at", "overlap_max_days"]].isna().all()
    found = described(tables("A" * 92 + "B" * 92)).iloc[0]
    assert (found["start_min_at"], found["done_max_at"]) == (at(92 - 59), at(92 + 58))
    assert found["overlap_max_days"] == pytest.approx(92 / 24)
    assert not found["has_too_few_looks"]


def test_distances_have_both_bounds():
    row = described(tables("A" * 92 + "B" * 92)).iloc[0]
    for what, least, most in (
        (
            "lead",
            row["predecessor_not_after"] - row["start_max_at"],
            row["predecessor_not_after"] - row["start_min_at"],
        ),
        (
            "deployment_delay",
            row["start_min_at"] - row["successor_not_before"],
            row["start_max_at"] - row["successor_not_before"],
        ),
        (
            "margin",
            row["predecessor_not_after"] - row["done_max_at"],
            row["predecessor_not_after"] - row["done_min_at"],
        ),
    ):
        assert (row[f"{what}_min_days"], row[f"{what}_max_days"]) == pytest.approx((least / DAY, most / DAY))


def test_other_leaves_count_as_looks_without_the_certificate():
    others = "A" * 30 + "C" * 30
    row = find_rotations(tables(others + "D" * 60)).iloc[1]
    assert row["start_min_at"] == at(1)


def test_sticky_counts_rounds():
    shown = "A" * 12 * 60 + "B" * 12 * 60
    by_looks = find_rotations(tables(shown, per_round=12)).iloc[0]
    by_rounds = find_rotations(tables(shown, per_round=12), sticky=True).iloc[0]
    assert by_looks["start_min_at"] == at(60 - 5) + 2 * pd.Timedelta(seconds=1)
    assert by_rounds["start_min_at"] == at(60 - 59)
    assert by_rounds["done_max_at"] == at(60 + 58)
    assert (by_rounds["start_max_at"], by_rounds["done_min_at"]) == (by_looks["start_max_at"], by_looks["done_min_at"])


def test_a_round_that_showed_the_successor_is_not_counted_before_it():
    shown = "AAA" * 59 + "AAB" + "BBB" * 59
    assert find_rotations(tables(shown, per_round=3), sticky=True).iloc[0]["start_min_at"] == at(0)


@pytest.mark.parametrize("sticky", [True, False])
def test_stickiness_is_suspected(sticky):
    rng = np.random.default_rng(5)
    rounds = [rng.choice(["A", "B"], 1 if sticky else 12, p=[1 - share, share]) for share in np.linspace(0, 1, 60)]
    shown = "".join("".join(one) * (12 if sticky else 1) for one in rounds)
    row = find_rotations(tables("A" * 24 + shown + "B" * 24, per_round=12)).iloc[0]
    assert row["is_sticky_suspected"] == sticky


def test_rounds_that_stick_to_one_backend_are_not_rollbacks():
    shown = "AAAAAA" * 3 + "BBBBBB" + "AAAAAA" * 2 + "BBBBBB" * 2 + "AAAAAA" + "BBBBBB" * 4
    found = find_rotations(tables(shown, per_round=6))
    assert pairs(found) == ["A>B"]
    assert found["is_sticky_suspected"].tolist() == [True]


def test_few_rounds_do_not_decide_stickiness():
    assert pd.isna(find_rotations(tables("A" * 24 + "B" * 24, per_round=12)).iloc[0]["is_sticky_suspected"])


def test_two_key_types_are_not_a_rotation():
    assert find_rotations(tables("ABABABBB", key_type={"B": "EC"})).empty


def test_certificates_of_unknown_type_are_in_no_rotation():
    given_ = tables("AABB")
    assert find_rotations(Tables.from_frames(given_.observations)).empty
    assert find_rotations(Tables.from_frames(given_.observations, certificates("B"))).empty


def test_a_validity_that_ends_before_it_begins_is_computed_as_it_stands():
    row = described(tables("AABB", not_after={"B": BEGIN - 300 * DAY})).iloc[0]
    assert row["validity_overlap_days"] < 0
    assert row["succession"] == "reissue_or_parallel"


def test_validity_overlap_counts_both_ends():
    begin, end = at(0), at(24) - pd.Timedelta(seconds=1)
    row = find_rotations(tables("AB", not_before=begin, not_after=end), basis="names")
    assert row.empty  # one generation
    row = find_rotations(tables("AB", not_before={"A": begin - 50 * DAY, "B": begin}, not_after=end)).iloc[0]
    assert row["validity_overlap_days"] == 1.0


def test_flags():
    changed = {
        "spki_sha256": {"B": "key A"},
        "issuer": {"C": "CN=another"},
        "names": {"B": ("mx.test", "new.test"), "C": ("new.test",)},
        "not_after": {"A": at(1), "C": BEGIN + 200 * DAY},
    }
    found = described(tables("AAABBBCCC", **changed))
    assert found["has_same_key"].tolist() == [True, False]
    assert found["is_issuer_changed"].tolist() == [False, True]
    assert found["names_added"].tolist() == [("new.test",), ()]
    assert found["names_removed"].tolist() == [(), ("mx.test",)]
    assert found["is_expired_while_served"].tolist() == [True, False]
    assert found["is_served_before_valid"].tolist() == [False, True]
    assert found.loc[1, "lifetime_change_days"] == pytest.approx(180 - 90 + 1 / 86400)


def test_unseen_certificates_are_issued_in_between_and_never_seen_in_the_slot():
    elsewhere = looks("E").assign(service="smtp://other.test:25", host="other.test", server_name="other.test")
    known = certificates(
        "ABCDEFG",
        is_precertificate={"B": True, "G": True},
        names={"D": ("else.test",)},
        serial={"G": "C"},
        spki_sha256={"G": "key C"},
        not_before={"G": certificates("C").loc[0, "not_before"]},
        not_after={"G": certificates("C").loc[0, "not_after"]},
    )
    given_ = Tables.from_frames(pd.concat([looks("AAFF"), elsewhere]), known)
    found = described(given_)
    # D has other names; G is C's pre-certificate; B's final certificate is not known.
    assert found["unseen_sha256"].tolist() == [("B", "C", "E")]
    assert described(given_, min_share=1).loc[0, "unseen_sha256"] == ("B", "C", "E")


def test_undated_looks_are_not_a_rotation_but_count_as_seen():
    undated = looks("B").assign(observed_at=pd.NaT, date_basis="undated", round="undated")
    found = described(Tables.from_frames(pd.concat([looks("AACC"), undated]), certificates("ABC")))
    assert pairs(found) == ["A>C"]
    assert found.loc[0, "unseen_sha256"] == ()


def test_from_sightings_the_certain_bounds_and_one_backend():
    known = tables("A" * 92 + "ABAB" + "B" * 92 + "C")
    from_looks, from_sightings = described(known), described(find_sightings(known))
    assert from_sightings[CONFIDENCE_BOUNDS].isna().all(axis=None)
    assert from_sightings["unseen_sha256"].tolist() == [None, None]
    needs_looks = {
        *CONFIDENCE_BOUNDS, "lead_max_days", "deployment_delay_min_days", "margin_min_days", "looks_before", "basis",
        "looks_after", "is_sticky_suspected", "unseen_sha256", "has_too_few_looks", "is_midpoint_contradicted",
    }  # fmt: skip
    same = [name for name in from_looks if name not in needs_looks]
    pd.testing.assert_frame_equal(from_sightings[same], from_looks[same])
    known = tables("AAABBBBCC")
    ends = ["start_min_at", "done_max_at", "overlap_max_days"]
    pd.testing.assert_frame_equal(
        described(find_sightings(known), min_share=1)[ends], described(known, min_share=1)[ends]
    )


def test_wrong_questions():
    with pytest.raises(UsageError, match="a share is above 0"):
        find_rotations(tables("AB"), min_share=0)
    with pytest.raises(UsageError, match="looks"):
        find_rotations(tables("AB"), basis="hearsay")  # type: ignore[arg-type]  # what a user may type
    with pytest.raises(UsageError, match=r"find_rotations\(basis='names'\) takes Tables, not a DataFrame"):
        find_rotations(find_sightings(tables("AB")), basis="names")


# A call costs much more than a slot does: few calls, each with the slots of several services.
@settings(max_examples=4, deadline=None)
@given(
    st.lists(st.text("ABCD.", max_size=40), min_size=8, max_size=8),
    st.randoms(use_true_random=False),
    st.sampled_from([1, 0.5]),
    st.booleans(),
)
def test_row_order_and_repeats_do_not_matter(shown, random, min_share, sticky):
    known = services(shown, per_round=3)
    rows = list(range(len(known.observations))) * 2
    random.shuffle(rows)
    again = Tables.from_frames(known.observations.iloc[rows], known.certificates.iloc[::-1])
    asked = {"min_share": min_share, "sticky": sticky}
    pd.testing.assert_frame_equal(find_rotations(again, **asked), find_rotations(known, **asked))


@pytest.mark.parametrize("min_share", [1, 0.5, 0.2])
@settings(max_examples=2, deadline=None)
@given(st.lists(st.text("ABC.", max_size=60), min_size=12, max_size=12))
def test_bounds_are_in_order_and_every_certificate_is_reached(min_share, shown):
    all_found = described(services(shown, per_round=2), min_share=min_share)
    for number, letters in enumerate(shown):
        found = all_found[all_found["service"] == service(number)]
        seen = set(letters) - {"."}
        assert len(found) >= max(len(seen) - 1, 0)
        reached = set(found["predecessor_sha256"]) | set(found["successor_sha256"])
        assert reached == (seen if len(seen) > 1 else set())
    for low, high in (("start_min_at", "start_max_at"), ("done_min_at", "done_max_at"),
                      ("midpoint_min_at", "midpoint_max_at")):  # fmt: skip
        assert (all_found[low] < all_found[high])[all_found[[low, high]].notna().all(axis=1)].all()
    overlaps = all_found[["overlap_min_days", "overlap_max_days"]].dropna()
    assert (overlaps["overlap_max_days"] >= overlaps["overlap_min_days"]).all()


@pytest.mark.parametrize("plan", fleet.PLANS, ids=lambda plan: plan.name)
def test_the_benchmarks_bounds_are_those_of_the_function(plan):
    """The coverage that `make bench-rotation` prints is that of the function users call: same looks, same ends."""
    runs = fleet.run(plan, 3, np.random.default_rng(11))
    simulated = fleet.bound(runs, plan.min_share)
    shown = schema.conform("observations", pd.concat([_observed(runs, number) for number in range(3)]))
    found = described(Tables.from_frames(shown, certificates("AB")), min_share=plan.min_share)
    assert pairs(found) == ["A>B"] * 3
    for name in ("start_min_at", "start_max_at", "done_min_at", "done_max_at", "midpoint_min_at", "midpoint_max_at"):
        assert found[name].tolist() == as_instants(getattr(simulated, name)).tolist(), name
    assert found["overlap_max_days"].tolist() == pytest.approx((simulated.overlap_max / (24 * fleet.HOUR)).tolist())


def _observed(runs: fleet.Runs, number: int) -> pd.DataFrame:
    run = slice(runs.lo[number], runs.hi[number])
    observed_at = as_instants(runs.at[run])
    rows = pd.DataFrame({"observed_at": observed_at, "leaf_sha256": np.where(runs.new[run], "B", "A")})
    rows["round"] = runs.round[run].astype(str)
    rows["sample"] = rows.groupby("round").cumcount()
    return rows.assign(date_basis="observed", source="simulated", service=service(number), outcome="ok")


def test_rounds_that_overlap_are_ordered_by_instants():
    one, other = looks("AAAA", gap=2), looks("AABB", begin=0.5, gap=2).assign(round="late")
    other["sample"] = range(4)
    both = find_rotations(Tables.from_frames(pd.concat([other, one]), certificates("AB"))).iloc[0]
    assert (both["start_max_at"], both["done_min_at"]) == (at(4.5), at(6))


def test_after_a_clock_jumped_back_looks_are_ordered_by_their_instants():
    jumped = pd.concat([looks("AAAB"), looks("BBB", begin=1).assign(round=["x", "y", "z"])])
    row = described(Tables.from_frames(jumped, certificates("AB"))).iloc[0]
    assert (row["start_max_at"], row["done_min_at"]) == (at(1), at(2))
    assert row["is_interleaved"]


def test_each_source_of_both_is_named_once():
    mixed = looks("AABB").assign(source=["lab", "lab", "live", "lab"])
    assert find_rotations(Tables.from_frames(mixed, certificates("AB")))["source"].tolist() == ["lab, live"]


@pytest.mark.parametrize("shown", ["A", "....", ""])
def test_one_certificate_has_no_rotation(shown):
    assert find_rotations(tables(shown)).empty
    assert find_rotations(tables(shown), basis="names").empty


def test_a_contradicted_midpoint_is_not_for_want_of_looks():
    """The share of B rises to a third and stays: it never reached one half."""
    shown = "A" * 120 + "AAB" * 130 + "C" * 120
    row = described(tables(shown)).iloc[0]
    assert row[["midpoint_min_at", "midpoint_max_at"]].isna().all()
    assert row["is_midpoint_contradicted"]
    assert row["has_too_few_looks"] == row[["start_min_at", "done_max_at", "overlap_max_days"]].isna().any()
    few = described(tables("AAABBB")).iloc[0]
    assert not few["is_midpoint_contradicted"]
    assert few["has_too_few_looks"]
