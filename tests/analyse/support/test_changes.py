"""What was gained and lost between two surveys; an untested cell is never a change."""

import pandas as pd
import pytest

from tests.analyse.made import at
from tests.analyse.support.test_support import AES, GCM, RC4, answer, surveyed
from toolkit import Tables
from toolkit.analyse.support.changes import find_changes

LATER = {"round": "r2", "observed_at": at("2026-02-01")}


def changes(before: Tables, after: Tables) -> list[tuple[object, ...]]:
    frame = find_changes(before, after)
    return [tuple(row) for row in frame[["question", "protocol", "item", "change", "before", "after"]].to_numpy()]


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        ("accepted", "refused", "lost"), ("refused", "accepted", "gained"), ("accepted", "accepted", None),
        ("refused", "refused", None), ("accepted", "untested", None), ("untested", "accepted", None),
        ("refused", "untested", None), ("untested", "refused", None), ("untested", "untested", None),
    ],
)  # fmt: skip
def test_only_accepted_and_refused_change(then: str, now: str, expected: str | None) -> None:
    constant = ("TLS 1.2", AES, "accepted")
    before = surveyed(answer(*constant), answer("TLS 1.2", RC4, then))
    after = surveyed(answer(*constant, **LATER), answer("TLS 1.2", RC4, now, **LATER))
    assert changes(before, after) == ([("suite", "TLS 1.2", RC4, expected, then, now)] if expected else [])


def test_a_question_that_one_side_did_not_ask_is_not_a_change() -> None:
    before = surveyed(answer("TLS 1.2", AES, "accepted"))
    after = surveyed(answer("TLS 1.2", AES, "accepted", **LATER), answer("TLS 1.2", RC4, "accepted", **LATER))
    assert changes(before, after) == []


def test_a_version_is_lost_only_where_every_question_about_it_is_refused() -> None:
    before = surveyed(answer("TLS 1.0", RC4, "accepted"), answer("TLS 1.0", AES, "accepted"))
    after = surveyed(answer("TLS 1.0", RC4, "refused", **LATER), answer("TLS 1.0", AES, "refused", **LATER))
    assert ("protocol", "TLS 1.0", "TLS 1.0", "lost", "accepted", "refused") in changes(before, after)
    assert len(changes(before, after)) == 3
    partly = surveyed(answer("TLS 1.0", RC4, "refused", **LATER), answer("TLS 1.0", AES, "untested", **LATER))
    assert [row[0] for row in changes(before, partly)] == ["suite"]


def test_a_suite_that_one_address_still_accepts_is_not_lost() -> None:
    before = surveyed(answer("TLS 1.2", RC4, "accepted"))
    after = surveyed(
        answer("TLS 1.2", RC4, "refused", **LATER), answer("TLS 1.2", RC4, "accepted", address="192.0.2.2", **LATER)
    )
    assert changes(before, after) == []


def test_another_first_choice_is_said() -> None:
    before = surveyed(answer("TLS 1.2", AES, "accepted", rank=1), answer("TLS 1.2", GCM, "accepted", rank=2))
    after = surveyed(
        answer("TLS 1.2", AES, "accepted", rank=2, **LATER), answer("TLS 1.2", GCM, "accepted", rank=1, **LATER)
    )
    assert changes(before, after) == [("first_choice", "TLS 1.2", "TLS 1.2", "changed", AES, GCM)]
    row = find_changes(before, after).iloc[0]
    assert (row["before_at"], row["after_at"]) == (at("2026-01-01"), at("2026-02-01"))


def test_groups_schemes_and_key_types_are_questions_too() -> None:
    def asked(state: str, **when: object) -> Tables:
        return surveyed(
            answer("TLS 1.3", None, state, group="X25519MLKEM768", **when),
            answer("TLS 1.3", None, state, signature_scheme="ed25519", **when),
            answer("TLS 1.2", None, state, key_type="EC", **when),
        )

    found = changes(asked("refused"), asked("accepted", **LATER))
    assert {(row[0], row[2]) for row in found if row[0] != "protocol"} == {
        ("group", "X25519MLKEM768"), ("signature_scheme", "ed25519"), ("key_type", "EC"),
    }  # fmt: skip


def test_the_latest_round_of_each_side_is_compared() -> None:
    before = surveyed(
        answer("TLS 1.2", RC4, "refused", round="r0", observed_at=at("2025-01-01")), answer("TLS 1.2", RC4, "accepted")
    )
    after = surveyed(answer("TLS 1.2", RC4, "refused", **LATER))
    assert [row[3] for row in changes(before, after)] == ["lost", "lost"]


def test_a_survey_known_by_bounds_bounds_the_change() -> None:
    bounds = {"observed_at": None, "observed_from": at("2015-10-13"), "observed_until": at("2015-11-26")}
    older = answer("TLS 1.2", RC4, "refused", round="r0", observed_at=at("2015-06-01"))
    before = surveyed(older, answer("TLS 1.2", RC4, "accepted", round="r1", **bounds))
    after = surveyed(answer("TLS 1.2", RC4, "refused", **LATER))
    frame = find_changes(before, after)
    assert frame["change"].tolist() == ["lost", "lost"]
    row = frame.iloc[0]
    assert pd.isna(row["before_at"])
    assert (row["changed_from_at"], row["changed_until_at"]) == (at("2015-10-13"), at("2026-02-01"))
    (gained, _) = find_changes(after, before).to_dict("records")
    assert pd.isna(gained["after_at"])
    assert (gained["changed_from_at"], gained["changed_until_at"]) == (at("2026-02-01"), at("2015-11-26"))


def test_nothing_gives_an_empty_frame_with_the_columns() -> None:
    frame = find_changes(Tables.from_frames(), Tables.from_frames())
    assert frame.empty
    assert str(frame["before_at"].dtype) == "datetime64[us, UTC]"
    assert isinstance(frame, pd.DataFrame)
