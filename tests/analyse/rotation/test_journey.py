"""Reading `find_rotations` from the top: how often one goes back to a file that one has left."""

import sys
from pathlib import Path
from types import FrameType

import toolkit
from toolkit.analyse import find_rotations

PACKAGE = Path(toolkit.__file__).parent
GENERAL = {"arrays.py", "instants.py", "sampling.py", "columns.py", "__init__.py"}
"""Operations on arrays, instants and shares, understood by their names, as those of NumPy are."""


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


def test_one_goes_back_at_most_ten_times() -> None:
    entered = _files_entered()
    assert {"rotations.py", "succession.py", "slots.py", "pairs.py"} <= set(entered)
    assert len(entered) - len(set(entered)) <= 10
