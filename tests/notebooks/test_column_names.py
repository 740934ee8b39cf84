"""The lessons, the report, the pages of the book and the README use no former name of a column."""

import re
from pathlib import Path

import pytest

from notebooks.book import columns
from tests.conftest import ROOT
from toolkit import schema
from toolkit.columns import FORMER_NAMES
from toolkit.overview import OVERVIEW
from toolkit.store.describing import INFO

FOLDER = ROOT / "notebooks"
PAGES = [ROOT / "README.md", *(path for kind in ("ipynb", "md", "py") for path in sorted(FOLDER.rglob(f"*.{kind}")))]
PRESENT = {
    *(column.name for frame in (*columns.frames().values(), OVERVIEW, INFO) for column in frame),
    *schema.OUTCOMES,
}
"""What a frame or a vocabulary has today: the number of `rows` of a table, the outcome `skipped`."""

FORMER = re.compile(rf"""[`'"]({"|".join(FORMER_NAMES.keys() - PRESENT)})\\?[`'"]""")


def test_the_former_names_are_found() -> None:
    assert FORMER.findall("""`first_seen`, frame["last_seen"], frame[\\"known_from\\"], 'known_from_at'""") == [
        "first_seen",
        "last_seen",
        "known_from",
    ]


def test_every_new_name_is_a_column() -> None:
    assert set(FORMER_NAMES.values()) - PRESENT == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_page_uses_a_former_name(path: Path) -> None:
    assert FORMER.findall(path.read_text(encoding="utf-8")) == []
