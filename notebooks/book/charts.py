"""The gallery: every chart with the script that draws it. A script of `gallery/` begins with a docstring, its title.

It is named after the function, with a dash and a word where a function has several: `plot_support-services.py`.
"""

import ast
from pathlib import Path
from typing import Final

import matplotlib.pyplot as plt

from notebooks.book import api

SCRIPTS: Final = Path(__file__).resolve().parent / "gallery"
_DPI: Final = 110


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
        f":::{{container}} card\n[![{_title(script)}]({script.stem}.png)]({script.stem}.md)\n\n"
        f"[{_title(script)}]({script.stem}.md)\n:::\n"
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
    """Run every script and write the chart that it leaves as `ax` into the folder, as PNG."""
    for script in scripts():
        names: dict[str, object] = {}
        exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), names)
        names["ax"].figure.savefig(folder / f"{script.stem}.png", dpi=_DPI, bbox_inches="tight")  # type: ignore[attr-defined]
        plt.close("all")


def _title(script: Path) -> str:
    return (ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or "").splitlines()[0].rstrip(".")


def _page(script: Path) -> str:
    code = script.read_text(encoding="utf-8")
    words = ast.get_docstring(ast.parse(code)) or ""
    title, _, more = words.partition("\n")
    shown = code.partition('"""\n')[2].partition('"""\n')[2] if "\n" in words else code.partition('"""\n')[2]
    name = f"chart.{function_of(script)}"
    return (
        f"# {title.rstrip('.')}\n\n{more.strip()}\n\n```{{image}} {script.stem}.png\n:alt: {title}\n```\n\n"
        f"```python\n{shown.strip()}\n```\n\n"
        f"[`toolkit.{name}`](/{api.FOLDER}/{name}.md) describes the frame and the options.\n"
    )
