"""The gallery: every chart with the script that draws it. A script of `gallery/` begins with a docstring, its title.

It is named after the function, with a dash and a word where a function has several: `plot_support-services.py`.
"""

import ast
from pathlib import Path
from typing import Any, Final

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from notebooks.book import api
from toolkit.chart import darken

SCRIPTS: Final = Path(__file__).resolve().parent / "gallery"
_DPI: Final = 110

_LEAST: Final = 4
"""Marks of a chart that shows something."""


def scripts() -> list[Path]:
    """The scripts, in the order of their names."""
    return sorted(SCRIPTS.glob("*.py"))


def function_of(script: Path) -> str:
    """The name of the plot function that the script shows."""
    return script.stem.partition("-")[0]


def pages() -> dict[str, str]:
    """Path → text: the page with all pictures, and a page for each."""
    made = {f"gallery/{script.stem}.md": _page(script) for script in scripts()}
    cards = "\n".join(
        f":::{{container}} card\n[{_pictures(script)}]({script.stem}.md)\n\n[{_title(script)}]({script.stem}.md)\n:::\n"
        for script in scripts()
    )
    entries = "\n".join(script.stem for script in scripts())
    made["gallery/index.md"] = (
        "# Gallery\n\nEvery chart of `toolkit.chart`, drawn from the examples that come with the package. "
        "A picture leads to its code.\n\n"
        f"::::{{container}} cards pictures\n{cards}::::\n\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"
    )
    return made


def draw(folder: Path) -> None:
    """Run every script and write the chart that it leaves as `ax` into the folder, as PNG for light and dark pages.

    Raises `ValueError` for a chart without a title or with hardly anything in it.
    """
    for script in scripts():
        names: dict[str, Any] = {}
        exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), names)
        ax: Axes = names["ax"]
        title = ax.get_title("left")
        marks = [*ax.lines, *ax.patches, *ax.collections, *ax.texts]
        if not title or title.lower().startswith("no ") or len(marks) < _LEAST:
            raise ValueError(f"{script.name} draws an empty chart ({title!r}): show data that fill it.")
        figure = plt.figure(ax.get_figure(root=True))
        figure.savefig(folder / f"{script.stem}.png", dpi=_DPI, bbox_inches="tight")
        darken(ax)
        figure.savefig(folder / f"{script.stem}-dark.png", dpi=_DPI, bbox_inches="tight")
        plt.close("all")


def _pictures(script: Path) -> str:
    """The picture of each theme; the theme hides the other one."""
    title = _title(script)
    return f"![{title}]({script.stem}.png){{.only-light}}![{title}]({script.stem}-dark.png){{.only-dark}}"


def _title(script: Path) -> str:
    return _parts(script)[0]


def _parts(script: Path) -> tuple[str, str, str]:
    """The title, what is said below it, and the code."""
    source = script.read_text(encoding="utf-8")
    docstring = ast.parse(source).body[0]
    title, _, words = (ast.get_docstring(ast.parse(source)) or "").partition("\n")
    return title.rstrip("."), words.strip(), "\n".join(source.splitlines()[docstring.end_lineno :]).strip()


def _page(script: Path) -> str:
    title, words, code = _parts(script)
    name = f"chart.{function_of(script)}"
    return (
        f"# {title}\n\n{words}\n\n{_pictures(script)}\n\n"
        f"```python\n{code}\n```\n\n"
        f"[`toolkit.{name}`](/{api.FOLDER}/{name}.md) describes the frame and the options.\n"
    )
