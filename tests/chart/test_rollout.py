"""One rotation close up: a mark per look, brackets for the bounds, dotted where there is none."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tests.chart.frames import HOSTILE, at, drawn, points, typed, words
from toolkit.chart import plot_rollout
from toolkit.errors import UsageError


def look(when: str, leaf: str, sample: int = 0, address: str = "192.0.2.1", **facts: object) -> dict:
    row = {"observed_at": at(when), "service": "smtp://mx.example:25", "server_name": "mx.example",
           "address": address, "sample": sample, "leaf_sha256": leaf, "source": "lab"}  # fmt: skip
    return row | facts


def looks(*rows: dict) -> pd.DataFrame:
    return typed(pd.DataFrame(list(rows)).astype({"sample": "Int64", "address": "string"}))


def rotation(**facts: object) -> pd.DataFrame:
    row = {
        "service": "smtp://mx.example:25", "host": "mx.example", "server_name": "mx.example", "key_type": "RSA",
        "predecessor_sha256": "a", "successor_sha256": "b", "start_min_at": at("2026-05-02"),
        "start_max_at": at("2026-05-03"), "midpoint_min_at": pd.NaT, "midpoint_max_at": pd.NaT,
        "done_min_at": at("2026-05-05"),
        "done_max_at": pd.NaT, "source": "lab",
    }  # fmt: skip
    return typed(pd.DataFrame([row | facts]))


SEEN = looks(
    look("2026-05-02", "a"), look("2026-05-03", "a"), look("2026-05-03", "b", sample=1), look("2026-05-05", "a"),
    look("2026-05-05", "b", address="192.0.2.2"), look("2026-05-06", "b"), look("2026-05-06", "other"),
    look("2026-05-06", "b", service="smtp://elsewhere:25"), look("2030-01-01", "b"),
)  # fmt: skip


def test_every_look_near_the_rotation_is_a_mark_on_its_address() -> None:
    axes = plot_rollout(SEEN, rotation=rotation())
    assert (points(axes, "old"), points(axes, "new")) == (3, 3)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["192.0.2.1", "192.0.2.2"]


def test_many_addresses_are_in_the_order_of_their_numbers_and_some_are_left_out() -> None:
    many = pd.concat([SEEN.assign(address=f"192.0.2.{number}") for number in range(30)])
    axes = plot_rollout(many, rotation=rotation())
    assert [tick.get_text() for tick in axes.get_yticklabels()][8:11] == ["192.0.2.8", "192.0.2.9", "192.0.2.10"]
    assert "and 10 addresses more, left out" in words(axes)


def test_brackets_are_solid_between_two_ends_dotted_towards_an_unknown_end_and_absent_without_any() -> None:
    axes = plot_rollout(SEEN, rotation=rotation())
    (start,) = drawn(axes, "bracket-start")
    (done,) = drawn(axes, "bracket-done")
    assert start.get_linestyle() == "-"
    assert list(start.get_xdata()) == [at("2026-05-02").timestamp() / 86400, at("2026-05-03").timestamp() / 86400]
    assert done.get_linestyle() == ":"
    assert len(drawn(axes, "bracket-end")) == 3
    assert "midpoint: not bounded" in words(axes)


def test_backends_of_a_servers_log_have_rows() -> None:
    log = SEEN.rename(columns={"observed_at": "served_at"}).assign(backend=[0, 1, 0, 1, 0, 1, 0, 0, 1])
    labels = [tick.get_text() for tick in plot_rollout(log, rotation=rotation()).get_yticklabels()]
    assert labels == ["192.0.2.1  backend 0", "192.0.2.1  backend 1", "192.0.2.2  backend 0"]


def test_one_rotation_is_chosen_and_without_looks_nothing_is_drawn() -> None:
    with pytest.raises(UsageError, match=r"A row is given as a frame, .*: write frame\.iloc\[\[0\]\], not"):
        plot_rollout(SEEN, rotation=rotation().iloc[0])  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="one rotation"):
        plot_rollout(SEEN, rotation=rotation().iloc[:0])
    _, given = plt.subplots()
    named = rotation(start_max_at=pd.NaT, done_min_at=pd.NaT)
    assert plot_rollout(SEEN, rotation=named, ax=given) is given
    assert "No dated look showed either certificate." in words(given)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_drawn_harmless(name: str) -> None:
    named = SEEN.assign(service=name, address=name)
    axes = plot_rollout(named, rotation=rotation(service=name))
    axes.figure.draw_without_rendering()
    assert all("$" not in text.replace(r"\$", "") for text in words(axes))
