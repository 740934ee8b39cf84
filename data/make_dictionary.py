"""Write the data dictionary of `toolkit.schema` into data/README.md: `python data/make_dictionary.py`."""

from pathlib import Path
from typing import Final

from toolkit import schema

README: Final = Path(__file__).resolve().parent / "README.md"
BEGIN: Final = "<!-- data dictionary: written by make_dictionary.py -->\n"
END: Final = "<!-- end of the data dictionary -->\n"


def with_dictionary(text: str) -> str:
    """The text with the dictionary between its two marker lines."""
    before, _, rest = text.partition(BEGIN)
    _, marker, after = rest.partition(END)
    if not marker:
        raise ValueError(f"{README} lacks the line {BEGIN if not rest else END!r}")
    return before + BEGIN + schema.dictionary() + END + after


if __name__ == "__main__":
    README.write_text(with_dictionary(README.read_text(encoding="utf-8")), encoding="utf-8")
