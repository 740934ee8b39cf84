"""Docstrings as MyST Markdown: examples as code blocks, names of public functions as links."""

import inspect
import re
from collections.abc import Mapping

_CODE = re.compile(r"(`[^`\n]+`)")


def as_markdown(docstring: str, links: Mapping[str, str]) -> str:
    """The text of a docstring, its doctests fenced; `links` maps a name in backticks to the page that it leads to."""
    blocks: list[str] = []
    example: list[str] = []
    for line in [*inspect.cleandoc(docstring).splitlines(), ""]:
        if example and not line.strip():
            blocks += ["```pycon", *example, "```", line]
            example = []
        elif example or line.lstrip().startswith(">>> "):
            example.append("" if line.strip() == "<BLANKLINE>" else line)
        else:
            blocks.append(_linked(line, links))
    return "\n".join(blocks).strip() + "\n"


def first_sentence(docstring: str) -> str:
    """What a list says of a name: the first paragraph up to the end of its first sentence."""
    paragraph = " ".join(inspect.cleandoc(docstring).split("\n\n")[0].split())
    return re.split(r"(?<=\.)\s(?=[A-Z`])", paragraph)[0]


def in_cell(words: str) -> str:
    """Words for a cell of a Markdown table."""
    return " ".join(words.split()).replace("|", "\\|")


def _linked(line: str, links: Mapping[str, str]) -> str:
    parts = _CODE.split(line)
    return "".join(_link(part, links) if part.startswith("`") else part.replace("<", "\\<") for part in parts)


def _link(code: str, links: Mapping[str, str]) -> str:
    name = code.strip("`").removeprefix("toolkit.").removesuffix("()")
    return f"[{code}]({links[name]})" if name in links else code
