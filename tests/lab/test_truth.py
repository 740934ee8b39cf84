"""The truth of schedules that can be read off by hand, and of drawn ones against a count by brute force."""

from datetime import timedelta

import pandas as pd
import pytest

from tests.lab.schedules import BEGIN, backend, day, issue, schedule
from toolkit.errors import LabError
from toolkit.lab import NAMES, Backend, Schedule, Service, Switch, scenario, tell_truth
from toolkit.lab.authority import issue_all


def test_a_rotation_begins_with_the_first_backend_and_is_done_with_the_last() -> None:
    made = schedule(backend((0, 0), (10, 1)), backend((0, 0), (12, 1)), backend((0, 0), (15, 1)))
    truth = tell_truth(made)
    old, new, *_ = (issued.sha256 for issued in issue_all(made, 0))
    (rotation,) = truth.rotations.to_dict("records")
    assert rotation == {
        "service": "smtp://mx.lab.test:25",
        "server_name": "mx.lab.test",
        "key_type": "RSA",
        "predecessor_sha256": old,
        "successor_sha256": new,
        "started_at": day(10),
        "midpoint_at": day(12),
        "done_at": day(15),
        "backend_count": 3,
        "is_rollback": False,
    }
    assert len(truth.serving) == 6
    assert truth.serving["served_until_at"].isna().sum() == 3
    (cause,) = truth.causes.to_dict("records")
    assert (cause["cause"], cause["begins_at"], cause["ends_at"]) == ("rotation", day(10), day(15))


def test_a_backend_that_never_leaves_keeps_its_rotation_open() -> None:
    truth = tell_truth(schedule(backend((0, 0), (10, 1)), backend((0, 0))))
    (rotation,) = truth.rotations.to_dict("records")
    assert (rotation["started_at"], rotation["midpoint_at"]) == (day(10), day(10))
    assert rotation["done_at"] is pd.NaT
    assert truth.causes["ends_at"].isna().all()


def test_half_is_null_where_the_successor_never_has_half() -> None:
    truth = tell_truth(schedule(backend((0, 0), (10, 1), (11, 2)), backend((0, 0), (20, 2)), backend((0, 0), (20, 2))))
    first, second = truth.rotations.to_dict("records")
    assert (first["started_at"], first["midpoint_at"], first["done_at"]) == (day(10), pd.NaT, day(20))
    assert (second["started_at"], second["midpoint_at"], second["done_at"]) == (day(11), day(20), day(11))


def test_a_slot_that_moves_to_another_key_type_ends_without_a_successor() -> None:
    switches = (Switch(BEGIN, "RSA", 0), Switch(day(20), "RSA", None), Switch(day(20), "EC", 1))
    made = Schedule(
        "by hand", BEGIN, day(60), (issue(0), issue(1, "EC")), (Service("smtp", "mx.lab.test", (Backend(switches),)),)
    )
    truth = tell_truth(made)
    assert truth.rotations.empty
    assert truth.serving[["key_type", "served_from_at", "served_until_at"]].to_dict("records") == [
        {"key_type": "EC", "served_from_at": day(20), "served_until_at": pd.NaT},
        {"key_type": "RSA", "served_from_at": BEGIN, "served_until_at": day(20)},
    ]


def test_what_was_before_the_schedule_is_clipped_or_left_out() -> None:
    truth = tell_truth(schedule(backend((-30, 0), (-5, 1), (10, 2))))
    assert truth.serving["served_from_at"].tolist() == [BEGIN, day(10)]


@pytest.mark.parametrize("name", NAMES)
def test_rotations_agree_with_a_count_of_what_each_backend_serves(name: str) -> None:
    """S and D from `serving` alone, by asking at each instant who serves what."""
    drawn = scenario(name).schedule(11)
    hashes = [issued.sha256 for issued in issue_all(drawn, 11)]
    truth = tell_truth(drawn, 11)
    moment = timedelta(seconds=1)
    for rotation in truth.rotations[~truth.rotations["is_rollback"]].itertuples():
        service = next(s for s in drawn.services if s.service == rotation.service)

        server_name, key_type = rotation.server_name, rotation.key_type

        def served(
            at: pd.Timestamp, service: Service = service, server_name: str = server_name, key_type: str = key_type
        ) -> set[str]:
            found = (m.serving(at.to_pydatetime(), server_name).get(key_type) for m in service.backends)
            return {hashes[number] for number in found if number is not None}

        assert rotation.successor_sha256 in served(rotation.started_at)
        assert rotation.successor_sha256 not in served(rotation.started_at - moment)
        assert rotation.predecessor_sha256 not in served(rotation.done_at)
        assert rotation.predecessor_sha256 in served(rotation.done_at - moment)


def test_a_schedule_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(LabError, match="not in time order"):
        schedule(backend((5, 0), (3, 1)))
    with pytest.raises(LabError, match="not of key type EC"):
        schedule(backend((0, 0), key_type="EC"))
    with pytest.raises(LabError, match="without a backend"):
        schedule()
    with pytest.raises(LabError, match=r"implementation 'nginx' is not known\. Known: ssl"):
        schedule(backend((0, 0), implementation="nginx"))
    with pytest.raises(LabError, match=r"scheme 'gopher' is not known\. Known: smtp"):
        schedule(backend((0, 0)), scheme="gopher")
