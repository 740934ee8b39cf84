"""data/README.md says of every column what `toolkit.schema` says."""

import runpy

import pytest

from tests.conftest import ROOT
from toolkit import schema

README = ROOT / "data" / "README.md"
SCRIPT = ROOT / "data" / "make_dictionary.py"


def test_the_dictionary_is_the_schemas() -> None:
    text = README.read_text(encoding="utf-8")
    assert schema.dictionary() in text, "run: .venv/bin/python data/make_dictionary.py"
    assert runpy.run_path(str(SCRIPT))["with_dictionary"](text) == text


def test_a_readme_without_its_markers_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="lacks the line"):
        runpy.run_path(str(SCRIPT))["with_dictionary"]("# Data\n")


def test_each_folder_has_its_line() -> None:
    folders = {path.name for path in (ROOT / "data").iterdir() if path.is_dir() and path.name != "__pycache__"}
    for name in folders:
        assert f"`{name}/`" in README.read_text(encoding="utf-8")
