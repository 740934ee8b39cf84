"""Prints the oldest version that each dependency may have, as constraints for pip: `make oldest` tests with them.

The versions are the floors in `pyproject.toml`: of what the package needs, and of the extras `EXTRAS`. The floors of
the extras `UNTESTED` are not tested.
"""

import re
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

EXTRAS = ("cluster", "formats", "interactive", "lab", "lint", "metrics")
"""The extras that `make oldest` installs, in their oldest versions."""

UNTESTED = ("book", "checkout", "dev", "excel", "notebooks", "types")
"""The extras whose floors no test installs."""


def constraints() -> list[str]:
    """A line `name==version` per dependency, with its marker. Raises `ValueError` for one that has no floor."""
    lines = []
    extras = [requirement for extra in EXTRAS for requirement in PROJECT["optional-dependencies"][extra]]
    for requirement in [*PROJECT["dependencies"], *extras]:
        if not re.match(r"[\w-]+(\[\w+\])?>=\d[\d.]*(;|$)", requirement):
            raise ValueError(f"pyproject.toml: {requirement!r} is not name>=version. Write its oldest version.")
        lines.append(re.sub(r"(\[\w+\])?>=", "==", requirement, count=1))  # pip takes no extras in constraints
    return lines


if __name__ == "__main__":
    print("\n".join(constraints()))
