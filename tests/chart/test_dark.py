"""Charts on a dark page: nothing keeps a colour that is meant for paper, and nothing else changes."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgba
from matplotlib.text import Text

import toolkit
from tests.chart.test_palette import contrast
from toolkit.chart.palette import BAD, BLUE, DARK, INK, WHITE
from toolkit.errors import UsageError

TABLES = toolkit.load_example("lab-sample").within(services=["imaps://imap.lab.test:993", "smtp://legacy.lab.test:25"])
NOW = "2026-01-24T00:00:00Z"


def draw() -> list[Axes]:
    return [
        toolkit.chart.plot_rotations(toolkit.find_rotations(TABLES), now=NOW),
        toolkit.chart.plot_expiry(toolkit.summarise_expiry(TABLES, now=NOW)),
        toolkit.chart.plot_support(toolkit.summarise_support(TABLES, now=NOW)),
    ]


def texts(ax: Axes) -> list[Text]:
    return [part for part in ax.figure.findobj(Text) if part.get_text().strip() and part.get_visible()]


def test_words_can_be_read_and_stay_the_same() -> None:
    for light, ax in zip(draw(), draw(), strict=True):
        dark = toolkit.chart.darken(ax)
        dark.figure.draw_without_rendering()
        light.figure.draw_without_rendering()
        assert [part.get_text() for part in texts(dark)] == [part.get_text() for part in texts(light)]
        assert to_hex(dark.figure.get_facecolor()) == DARK[WHITE].lower()
        assert to_hex(dark.get_facecolor()) == DARK[WHITE].lower()
        for part in (*dark.get_xticklabels(), *dark.get_yticklabels(), dark.title):
            assert contrast(to_hex(part.get_color()), DARK[WHITE]) > 4.5


def test_opacity_and_what_is_not_of_the_palette_stay() -> None:
    _, ax = plt.subplots()
    bar = ax.bar([0], [1], facecolor=BLUE, alpha=0.4, edgecolor="none")[0]
    other = ax.plot([0, 1], color="#123456")[0]
    points = ax.scatter([0, 1], [0, 1], color=[BAD, "#123456"])
    tick = ax.plot([0], [0], marker="|", color=INK)[0]
    toolkit.chart.darken(ax)
    assert bar.get_facecolor() == pytest.approx(to_rgba(DARK[BLUE], 0.4))
    assert bar.get_edgecolor()[3] == 0
    assert to_hex(other.get_color()) == "#123456"
    assert [to_hex(colour) for colour in points.get_facecolor()] == [DARK[BAD].lower(), "#123456"]
    assert to_hex(tick.get_markeredgecolor()) == DARK[INK].lower()


def test_twice_is_as_once_and_another_thing_is_refused() -> None:
    _, ax = plt.subplots()
    line = toolkit.chart.darken(toolkit.chart.darken(ax)).plot([0], color=WHITE)[0]
    assert toolkit.chart.darken(ax) is ax
    assert to_hex(line.get_color()) == WHITE.lower()
    with pytest.raises(UsageError, match="matplotlib's Axes, not Figure"):
        toolkit.chart.darken(ax.figure)  # type: ignore[arg-type]


def test_pages_have_every_slot_once_in_the_order_of_names() -> None:
    sightings = toolkit.find_sightings(TABLES)
    many = pd.concat([sightings.assign(service=f"smtp://mx{n}.example:25") for n in (10, 9, 1, 2)], ignore_index=True)
    pages = toolkit.chart.split_pages(many, rows=2)
    assert [page["service"].nunique() for page in pages] == [1, 1, 1, 1]
    assert [page["service"].iloc[0] for page in pages] == [f"smtp://mx{n}.example:25" for n in (1, 2, 9, 10)]
    assert sorted(pd.concat(pages).index) == list(many.index)
    (whole,) = toolkit.chart.split_pages(many)
    assert len(whole) == len(many)
    by_service = toolkit.chart.split_pages(many[["service"]], rows=3)
    assert [page["service"].nunique() for page in by_service] == [3, 1]


def test_pages_of_nothing_and_of_another_frame() -> None:
    (nothing,) = toolkit.chart.split_pages(toolkit.find_sightings(TABLES)[:0])
    assert nothing.empty
    with pytest.raises(UsageError, match="whole number from 1"):
        toolkit.chart.split_pages(nothing, rows=0)
    with pytest.raises(UsageError, match="with the column `service`"):
        toolkit.chart.split_pages(pd.DataFrame({"a": []}))
