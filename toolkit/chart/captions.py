"""Sentences and tables next to a chart; text from servers and certificates is made harmless."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from string import Formatter
from typing import Any, Final

import numpy as np
import pandas as pd

from toolkit import text
from toolkit.arguments import require_whole
from toolkit.columns import FORMER_NAMES, MOVED
from toolkit.errors import UsageError
from toolkit.tables import Tables

_HASH: Final = 12
"""Hexadecimal digits shown of a hash."""

_BREAK: Final = re.compile(r"(_(?=\w)|[./:,](?=[A-Za-z]))")
"""Characters after which a long word may be broken; none of them is part of an HTML entity."""

_SHORT: Final = re.compile(rf"\d{{4}}-\d\d-\d\d( \d\d:\d\d)?\Z|[0-9a-f]{{{_HASH}}}…\Z|[A-Za-z0-9-]{{1,20}}\Z")
"""A date, a cut hash, or a name such as `X25519MLKEM768` or `mozilla-intermediate`."""

_UNBROKEN: Final = 12
"""Characters of a name up to which its hyphens are no place for a break."""

_LONG: Final = 64
"""Characters of a text from which on it claims no more width, so that the texts next to it keep theirs."""

_UNTYPESET: Final = "tex2jax_ignore mathjax_ignore"
"""The HTML classes that MathJax (versions 2 and 3) ignores, so that dollar signs stay as they are."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A sentence or a table with two forms: HTML in a notebook (`html`), plain text elsewhere (`words`).

    >>> import toolkit
    >>> shown = toolkit.chart.say("{n:# look}.", n=3)
    >>> shown
    3 looks.
    >>> shown.html
    '<p class="tex2jax_ignore mathjax_ignore">3 looks.</p>'
    """

    html: str
    words: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.words

    __str__ = __repr__


def say(sentence: str, **values: object) -> Shown:
    """A sentence with values from the data; null is written as `unknown`.

    `sentence` is a format string and may contain HTML; the values are made harmless. `{n:# look}` writes a number and
    the word, in the plural where the number is not 1. Raises `UsageError` where a value is missing or does not fit its
    format.

    >>> from toolkit.chart import say
    >>> print(say("{host} has {days:.1f} days left.", host="mx.example", days=3.14159))
    mx.example has 3.1 days left.
    >>> print(say("{n:# look} at {m:# service}.", n=1200, m=1))
    1,200 looks at 1 service.
    >>> say("It is {name}.", name="<b>").html
    '<p class="tex2jax_ignore mathjax_ignore">It is &lt;b&gt;.</p>'

    >>> import toolkit
    >>> observations = toolkit.load_example("google-mail").observations
    >>> toolkit.chart.say("{n:# look} at {m:# service}.", n=len(observations), m=observations["service"].nunique())
    65 looks at 12 services.
    """
    try:
        html, words = (formatter.format(sentence, **values) for formatter in (_Html(), _Words()))
    except (KeyError, IndexError) as error:
        raise UsageError(f"The sentence needs a value that was not given: {error}. Give it by keyword.") from error
    except (ValueError, TypeError) as error:
        raise UsageError(f"{sentence!r:.80} cannot be formatted with these values: {error}.") from error
    return Shown(f'<p class="{_UNTYPESET}">{html}</p>', words)


def tabulate(
    frame: pd.DataFrame,
    *,
    columns: Sequence[str] | Mapping[str, str] | None = None,
    rows: int = 20,
    width: int = 60,
) -> Shown:
    """The first `rows` rows of a frame, rounded for display: short dates, cut hashes, null as a dash, harmless text.

    `columns` selects and orders the columns; a mapping also gives each a heading (column → heading). The number of
    further rows is given below the table. A text of more than `width` characters is cut and ends with an ellipsis.
    Raises `UsageError` for a column that the frame does not have,
    and where `frame` is not a DataFrame.

    >>> import pandas as pd
    >>> from toolkit.chart import tabulate
    >>> print(tabulate(pd.DataFrame({"host": ["mx.example"], "days_left": [3.14159]})))
          host days_left
    mx.example      3.14

    >>> import toolkit
    >>> certificates = toolkit.load_example("web-series").certificates
    >>> toolkit.chart.tabulate(certificates, columns=["cert_sha256", "key_type", "not_after"], rows=2)
      cert_sha256 key_type        not_after
    0082e828f5e0…       EC 2025-11-03 19:21
    0245f647525c…      RSA 2024-11-06 14:38
    … and 168 more rows
    """
    _require_frame(frame)
    for name, number, least in (("rows", rows, 0), ("width", width, 1)):
        require_whole(name, number, least=least)
    chosen = frame if columns is None else frame[_known(columns, frame)]
    headings: Mapping[str, str] = columns if isinstance(columns, Mapping) else {}
    head = chosen.head(rows)
    cells = pd.DataFrame(
        {
            text.plain(headings.get(str(name), name)): [_cell(str(name), value, width) for value in head[name]]
            for name in head
        },
        dtype=object,
    )
    rest = len(frame) - rows
    more = f"… and {text.counted(rest, 'more row')}" if rest > 0 else "" if len(frame) else "no rows"
    table = cells.map(_as_html).rename(columns=_as_html)
    html = table.to_html(escape=False, index=False, border=0, classes=_UNTYPESET)
    return Shown(html + (f"<p>{more}</p>" if more else ""), "\n".join([cells.to_string(index=False), more]).rstrip())


def _require_frame(frame: object) -> None:
    if not isinstance(frame, pd.DataFrame):
        advice = "one of its frames, such as tables.observations" if isinstance(frame, Tables) else "a frame"
        raise UsageError(f"tabulate takes a pandas DataFrame, not {text.type_name(frame)}: give {advice}.")


def _known(columns: Sequence[str] | Mapping[str, str], frame: pd.DataFrame) -> list[str]:
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        raise UsageError(f"columns={columns!r:.60}: write a list of names, [{columns!r:.60}].")
    for name in columns:
        if name not in frame:
            known = [str(column) for column in frame]
            hint = text.did_you_mean(str(name), known) or f" There are: {', '.join(known)}."
            if FORMER_NAMES.get(name) in known:
                hint = f" It is now called {FORMER_NAMES[name]!r}."
            elif name in MOVED:
                hint = f" It is among the columns of {MOVED[name]}."
            raise UsageError(f"The frame has no column {name!r}.{hint}")
    return list(columns)


def _as_html(words: str) -> str:
    """Text as HTML that may wrap within names and URLs but not within a date, a hash or a short name.

    Of these, a longer name may be broken after a hyphen. So a wide table fits, and stays legible.
    """
    if _SHORT.match(words):
        parts = re.split(r"(?<=-)(?=\D)", words) if len(words) > _UNBROKEN else [words]
        return "<wbr>".join(f'<span style="white-space: nowrap">{part}</span>' for part in parts)
    html = _BREAK.sub(r"\1<wbr>", text.for_html(words))
    return f'<div style="max-width: {_LONG // 2}em">{html}</div>' if len(words) > _LONG else html


class _Words(Formatter):
    """Formats values as plain text: null is `unknown`, text is one visible line, integers get thousands separators."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if _is_null(value):
            return "unknown"
        if format_spec.startswith("# "):
            return text.counted(value, format_spec.removeprefix("# "))
        if not format_spec and isinstance(value, int) and not isinstance(value, bool):
            return f"{value:,}"
        return text.plain(format(value, format_spec) if format_spec else value)


class _Html(_Words):
    def format_field(self, value: Any, format_spec: str) -> str:
        return text.for_html(super().format_field(value, format_spec))


def _cell(name: str, value: Any, width: int) -> str:
    if _is_null(value):
        return "–"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}" if value == value.normalize() else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return text.plain(", ".join(str(item) for item in value), limit=width) or "–"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 10 or name.endswith("_days") else f"{value:.3g}"
    return text.plain(value, limit=_HASH if name.endswith("_sha256") else width)


def _is_null(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and isnan(value))
