"""Reading `find_rotations` from the top: how often one goes back to a file that one has left."""

import sys
from itertools import groupby
from pathlib import Path
from types import FrameType

import toolkit
from toolkit.analyse import find_rotations

PACKAGE = Path(toolkit.__file__).parent
GENERAL = {"instants.py", "sampling.py", "columns.py", "arguments.py", "__init__.py"}
"""Operations on instants and shares, and checks of arguments, understood by their names, as those of pandas are."""

ON_ARRAYS = "arrays.py"
"""Operations on arrays, understood by their names, as those of NumPy are."""


def _files_entered() -> list[str]:
    """The file that each call leads to from another one; the same call from the same function counts once."""
    calls: dict[tuple[str, str, str, str], None] = {}

    def record(frame: FrameType, event: str, _: object) -> None:
        file = frame.f_code.co_filename
        if event != "call" or not file.startswith(str(PACKAGE)) or Path(file).name in GENERAL:
            return
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(str(PACKAGE)):
            caller = caller.f_back
        origin = ("", "") if caller is None else (caller.f_code.co_filename, caller.f_code.co_name)
        if origin[0] != file:
            calls[*origin, file, frame.f_code.co_name] = None

    tables = toolkit.load_example("lab-sample")
    before = sys.getprofile()
    sys.setprofile(record)
    try:
        find_rotations(tables)
    finally:
        sys.setprofile(before)
    return [Path(file).name for _, _, file, _ in calls]


def test_one_seldom_goes_back() -> None:
    entered = _files_entered()
    stages = [file for file in entered if file != ON_ARRAYS]
    assert {"rotations.py", "succession.py", "slots.py", "pairs.py"} <= set(stages)
    assert len(stages) - len(set(stages)) <= 7
    stays = [file for file, _ in groupby(entered)]
    assert len(stays) - len(set(stays)) <= 13
