"""Colours of judgements, and colours that only distinguish; readable for colour-blind readers and in grey print.

Eight colours of M. Okabe and K. Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/. No meaning
in this package is carried by colour alone. `FINE`, `CAUTION` and `BAD` are judgements; `NEUTRAL` is for states without
a judgement.
"""

from dataclasses import dataclass
from typing import Final

BLACK: Final = "#000000"
ORANGE: Final = "#E69F00"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
BLUE: Final = "#0072B2"
RED: Final = "#D55E00"
PURPLE: Final = "#CC79A7"

INK: Final = "#333333"
"""Words and axes."""
FAINT: Final = "#767676"
"""Notes, grid labels, marks without a state: the lightest grey with enough contrast on white (WCAG 2.1, 4.5:1)."""
PAPER: Final = "#F2F2F2"
"""Bands behind rows, cells without an answer."""
GRID: Final = "#E3E3E3"

FINE: Final = BLUE
CAUTION: Final = ORANGE
BAD: Final = "#B2182B"  # from ColorBrewer: with deuteranopia the red of Okabe and Ito is too close to their orange
NEUTRAL: Final = "#9AA0A6"

WHITE: Final = "#FFFFFF"
"""The page, and what is written on dark colours."""

DARK: Final = {
    WHITE: "#16181D",
    BLACK: WHITE,
    INK: "#E8E8E8",
    FAINT: "#A3A7AC",
    PAPER: "#24272D",
    GRID: "#3B3F46",
    NEUTRAL: "#5F656B",
    BLUE: "#5AA9E6",
    SKY: "#B5E0FF",
    ORANGE: "#B36B00",
    BAD: "#FF9AA2",
    RED: "#FF9955",
    GREEN: "#3CC79B",
    PURPLE: "#E3A3C8",
    YELLOW: "#8A7F00",
}
"""Colour on a white page → its counterpart on a dark one. What is written on a colour is exchanged with it."""

LIVES: Final = (BLUE, ORANGE)
"""Successive certificates of a slot alternate between these; their vertical position shows the same."""


@dataclass(frozen=True, slots=True)
class Style:
    """How one state is drawn: the words for the legend, colour, marker and hatch."""

    words: str
    colour: str
    marker: str
    hatch: str


MARKERS: Final = {"SSL 2.0": "X", "SSL 3.0": "v", "TLS 1.0": "s", "TLS 1.1": "D", "TLS 1.2": "o", "TLS 1.3": "^"}
"""Protocol version → marker."""

NO_PROTOCOL: Final = "P"
"""The marker where a source does not give the protocol version, or is ambiguous."""
