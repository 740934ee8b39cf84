"""Files that come with the package: the notebooks, and small sets of observations as examples."""

import shutil
from pathlib import Path
from typing import Final

from toolkit.errors import UsageError
from toolkit.text import not_known

EXAMPLES: Final = {
    "google-mail": "certificates and ciphers of Google's mail servers, 2007 to 2026 (recorded)",
    "google-headers": "what Google's mail servers negotiated, header by header, 2019 to 2026 (recorded)",
    "tools-sample": "what six scanners answered about one server (lab)",
    "web-series": "certificates of eight web hosts, 2023 to 2026 (recorded)",
    "cross-signatures": "two chains whose issuers have several certificates, 2015 and 2021 (recorded)",
    "lab-sample": "seven services of a lab through eight months (lab)",
}
"""Name → what it holds, and whether it was recorded or made in a lab. `data/README.md` names the sources."""

LOGS: Final = "lab-logs"
"""The folder of data with the log of a mail server in a lab, which lesson 10 reads as a file."""


def notebook_folder() -> Path:
    """The folder of the notebooks: of the checkout, or of the installed package."""
    return _shipped("notebooks")


def find_source(named: str) -> str:
    """The folder of an example where the text is its name and no such path exists; else the text itself."""
    return str(example_folder(named)) if named in EXAMPLES and not Path(named).exists() else named


def example_folder(name: str) -> Path:
    """The folder of an example, as `toolkit.read` reads it. Raises `UsageError` for a name not in `EXAMPLES`."""
    if name not in EXAMPLES:
        raise UsageError(not_known("example ", name, EXAMPLES))
    return _shipped("data") / name


def copy_lessons(folder: Path) -> list[Path]:
    """Copy the notebooks into `folder/notebooks`, and the examples with their description into `folder/data`.

    The notebooks are returned.

    Raises `UsageError` where one of the two exists already, so that your files are never replaced, and where `folder`
    or a folder above it is a file.
    """
    for place in (folder, *folder.parents):
        if place.exists() and not place.is_dir():
            raise UsageError(f"{place} is a file: name a folder for the lessons; it is made if it does not exist.")
    for part in ("notebooks", "data"):
        if (folder / part).exists():
            raise UsageError(f"{folder / part} exists already: name another folder, or remove it.")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(
        notebook_folder(), folder / "notebooks", ignore=shutil.ignore_patterns("*.py", ".*", "__pycache__", "book")
    )
    for name in (*EXAMPLES, LOGS):
        shutil.copytree(_shipped("data") / name, folder / "data" / name)
    shutil.copy(_shipped("data") / "README.md", folder / "data" / "README.md")
    return sorted((folder / "notebooks").glob("[0-9][0-9]-*.ipynb"))


def _shipped(name: str) -> Path:
    package = Path(__file__).resolve().parent
    carried = package / "_shipped" / name
    return carried if carried.is_dir() else package.parent / name
