"""The text alternative of a chart, for readers who do not see it."""

from functools import partial
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.dates import DateLocator, num2date
from matplotlib.figure import Figure

from toolkit import text
from toolkit.errors import UsageError

_MOST_NAMED: Final = 8
"""Row labels that are named; further ones are counted."""


def describe_chart(ax: Axes) -> str:
    r"""The text alternative of a chart: its title, rows, dates, legend and notes, in one line of visible characters.

    `ax` is what a function `plot_…` returned. Put the text into the `alt` of an image. In a notebook it is already in
    the metadata of the output (`image/png`, `alt`). Raises `UsageError` for anything but matplotlib's `Axes`.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://relay.lab.test:587")
    >>> ax = toolkit.chart.plot_rotations(toolkit.find_rotations(tables))
    >>> toolkit.chart.describe_chart(ax)[:78]
    'Chart: Certificate rotations  ·  lab data. Rows: smtp://relay.lab.test:587. Fr'
    """
    if not isinstance(ax, Axes):
        raise UsageError(
            f"describe_chart takes matplotlib's Axes, not {text.type_name(ax)}: give what plot_… returned."
        )
    rows = [_plain(tick.get_text()) for tick in ax.get_yticklabels() if tick.get_text()]
    parts = [f"Chart: {_plain(ax.get_title(loc='left')) or 'without a title'}"]
    if rows:
        more = f" and {len(rows) - _MOST_NAMED:,} more" if len(rows) > _MOST_NAMED else ""
        parts.append(f"Rows: {', '.join(rows[:_MOST_NAMED])}{more}")
    if isinstance(ax.xaxis.get_major_locator(), DateLocator):
        first, last = (num2date(end) for end in ax.get_xlim())
        parts.append(f"From {first:%Y-%m-%d} to {last:%Y-%m-%d}")
    if legend := ax.get_legend():
        words = [_plain(entry.get_text()) for entry in legend.get_texts()]
        parts.append(f"Legend: {', '.join(dict.fromkeys(words))}")
    parts += [_plain(note.get_text()) for note in ax.texts if note.get_gid() == "notes"]
    return text.plain(". ".join(parts) + ".", limit=2000)


def describe_output(figure: Figure) -> None:
    """Have IPython put the text alternatives of the charts in `figure` into the metadata of the picture it shows."""
    # IPython asks an object that it shows for this method. The picture itself is matplotlib's.
    figure._repr_mimebundle_ = partial(_metadata, figure)  # type: ignore[attr-defined]


def _metadata(figure: Figure, **_options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    titled = [ax for ax in figure.axes if ax.get_title(loc="left")]
    return {}, {"image/png": {"alt": " ".join(map(describe_chart, titled))}}


def _plain(words: str) -> str:
    """The words of a label as they are read: one line, without the escapes of `text.for_matplotlib`."""
    return " ".join(words.replace(r"\$", "$").split("\n")).strip()
