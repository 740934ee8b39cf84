"""Tables of a report as files: CSV with every column, Markdown and LaTeX with those that are shown."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from toolkit import text

_MOST: Final = 500
"""Characters of a cell in Markdown and LaTeX."""

_LATEX: Final = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    '"': r"\textquotedbl{}", "|": r"\textbar{}", "`": r"\textasciigrave{}",
}  # fmt: skip
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|$~&])")


def write_table(folder: Path, title: str, frame: pd.DataFrame, *, columns: Mapping[str, str]) -> None:
    """Write the frame as `title.csv`, `title.md` and `title.tex` into the folder, made where it does not exist.

    The CSV file has every column, and its cells are those of `Tables.to_csv`: no spreadsheet runs them. The others have
    `columns` (column → heading). Text from servers is neutralised for each format.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    safe = frame.map(_as_text).map(text.for_spreadsheet)
    safe.to_csv(folder / f"{name}.csv", index=False)
    shown = frame[list(columns)].map(_as_text)
    (folder / f"{name}.md").write_text(as_markdown(shown, columns), encoding="utf-8")
    (folder / f"{name}.tex").write_text(as_latex(shown, columns), encoding="utf-8")


def as_markdown(frame: pd.DataFrame, headings: Mapping[str, str]) -> str:
    """The frame of texts as a table of GitHub's Markdown; no cell becomes markup."""
    heads = [headings[str(name)] for name in frame]
    lines = [_row(heads, _for_markdown), "|" + "---|" * len(heads)]
    return "\n".join([*lines, *(_row(row, _for_markdown) for row in frame.itertuples(index=False))]) + "\n"


def as_latex(frame: pd.DataFrame, headings: Mapping[str, str]) -> str:
    r"""The frame of texts as a `longtable` (with `booktabs`); no cell becomes a command. Compile it with T1 fonts."""
    heads = [headings[str(name)] for name in frame]
    share = f"{0.96 / max(len(heads), 1):.3f}"
    columns = rf">{{\raggedright\arraybackslash}}p{{{share}\linewidth}}" * len(heads)
    begin = ["% \\usepackage[T1]{fontenc} \\usepackage{array,booktabs,longtable}",
             rf"\begin{{longtable}}{{@{{}}{columns}@{{}}}}", r"\toprule"]  # fmt: skip
    lines = [_latex_row(heads), r"\midrule", r"\endhead", *(_latex_row(row) for row in frame.itertuples(index=False))]
    return "\n".join([*begin, *lines, r"\bottomrule", r"\end{longtable}", ""])


def _row(cells: Iterable[str], escape: Callable[[str], str]) -> str:
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"


def _for_markdown(cell: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text.plain(cell, limit=_MOST)) or "–"


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(_for_latex(cell) for cell in cells) + r" \\"


def _for_latex(cell: str) -> str:
    shown = text.plain(cell, limit=_MOST)
    return "".join(_LATEX.get(character, character) for character in shown) or "--"


def _as_text(value: object) -> str:
    """The value as text; null is empty, an instant is ISO 8601."""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}" if value == value.normalize() else value.isoformat(timespec="seconds")
    if isinstance(value, tuple | list):
        return ", ".join(str(item) for item in value)
    return "" if pd.isna(value) else f"{value:.2f}" if isinstance(value, float) else str(value)  # type: ignore[call-overload]
