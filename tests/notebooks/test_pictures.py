"""The README's pictures are remade by one command, and are small."""

import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest

from tests.notebooks.pages import FOLDER

PICTURES = sorted((FOLDER / "pictures").glob("*"))


def test_one_command_remakes_every_picture(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(FOLDER / "make_pictures.py"), str(tmp_path)]
    made = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (made.returncode, made.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == [path.name for path in PICTURES]
    for path in PICTURES:
        new, kept = (matplotlib.image.imread(folder / path.name) for folder in (tmp_path, path.parent))
        # Sizes follow the rows and labels; a pixel or two may come from another build of the font engine.
        assert new.shape == pytest.approx(kept.shape, abs=4), f"{path.name} is old: run notebooks/make_pictures.py"


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_it_is_small(path: Path) -> None:
    assert path.suffix == ".png"
    assert path.stat().st_size < 120_000
