"""The chart of a rehearsal: what a cell says, the order of the rows, and what is best."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.axes import Axes

from tests.chart.frames import HOSTILE, typed
from toolkit.analyse.expiry.rehearsal import REHEARSAL
from toolkit.chart import plot_rehearsal
from toolkit.columns import dtypes
from toolkit.errors import UsageError


def course(service: str = "smtp://a:25", **facts: object) -> dict[str, object]:
    row = {"service": service, "host": "a", "server_name": "a", "key_type": "EC", "year": 2027, "plan": "lead",
           "change": "none", "probability": 0.05, "is_best": False, "source": "lab"}  # fmt: skip
    return row | facts


def frame(*rows: dict[str, object]) -> pd.DataFrame:
    return typed(pd.DataFrame(rows, columns=list(dtypes(REHEARSAL)))).astype(dtypes(REHEARSAL))


def words(ax: Axes) -> list[str]:
    return [artist.get_text() for artist in ax.texts]


def best(ax: Axes) -> list[str]:
    return [artist.get_text() for artist in ax.texts if artist.get_gid() == "best"]


def cells(ax: Axes) -> list[str]:
    return [str(patch.get_gid()).removeprefix("cell-") for patch in ax.patches if patch.get_gid()]


@pytest.mark.parametrize(
    ("chances", "state", "shown"),
    [
        ([0.0], "seldom", "0 %"), ([0.004], "seldom", "<1 %"), ([0.01], "sometimes", "1 %"),
        ([0.006], "seldom", "<1 %"), ([0.094], "sometimes", "9 %"), ([0.095], "often", "10 %"),
        ([0.1], "often", "10 %"), ([0.999], "often", ">99 %"), ([1.0], "often", "100 %"),
        ([0.2, 0.6], "often", "20 to 60 %"), ([0.0, 1.0, 0.2], "open", "0 to 100 %"), ([None], "unknown", "?"),
    ],
)  # fmt: skip
def test_a_cell_shows_the_plans_of_today(chances: list[float | None], state: str, shown: str) -> None:
    plans = [course(plan=plan, probability=p) for plan, p in zip(("lead", "spacing", "share"), chances, strict=False)]
    ax = plot_rehearsal(frame(*plans, course(plan="ari", change="plan", probability=0.5)))
    assert cells(ax) == [state]
    assert shown in words(ax)


def test_the_best_courses_of_the_worst_year_stand_at_the_row_with_what_they_leave() -> None:
    ax = plot_rehearsal(
        frame(
            course(is_best=None),
            course(year=2028, probability=1.0),
            course(plan="ari", change="plan", is_best=True, probability=0.0),
            course(plan="ari", change="plan", is_best=True, year=2028, probability=0.3),
            course(change="second_ca", is_best=True, year=2028, probability=0.31),
            course("smtp://b:25", is_best=None, probability=0.5),
            *(course("smtp://d:25", plan=plan, is_best=True, probability=0.02) for plan in ("lead", "share", "ari")),
            course("smtp://c:25", is_best=None, probability=0.0),
            course("smtp://c:25", plan="ari", change="plan", is_best=None, probability=0.5),
        )
    )
    assert best(ax) == [
        "2028: ARI or second CA, 31 %",
        "2027: none of the changes lowers it",
        "2027: lead or 2 others, 2 %",
        "",
    ]


def test_the_worst_slots_come_first_and_those_not_rehearsed_last() -> None:
    rows = [course(f"smtp://mx{n}:25", probability=n / 100) for n in range(50)]
    ax = plot_rehearsal(frame(course("smtp://new:25", probability=None, plan=None, is_best=None), *rows))
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    assert labels == [f"smtp://mx{n}:25" for n in range(49, 9, -1)]
    assert "and 11 slots more, left out" in words(ax)


def test_an_empty_rehearsal_is_said_and_another_frame_refused() -> None:
    _, given = plt.subplots()
    assert plot_rehearsal(frame(), ax=given) is given
    assert any(text.startswith("No slot") for text in words(given))
    with pytest.raises(UsageError, match=r"toolkit\.rehearse"):
        plot_rehearsal(pd.DataFrame({"year": [2027]}))


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_drawn_harmless(name: str) -> None:
    axes = plot_rehearsal(frame(course(name)))
    axes.figure.draw_without_rendering()
    assert all("$" not in text.get_text().replace(r"\$", "") for text in axes.get_yticklabels())
