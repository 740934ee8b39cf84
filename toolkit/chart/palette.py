"""Colours that judge, and colours that only tell apart; colour-blind readers and grey print lose neither.

Eight colours of M. Okabe and K. Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/; no meaning
in this package rests on colour alone. `FINE`, `CAUTION` and `BAD` are judgements, `NEUTRAL` is what nothing judges:
what is not known does not stand out.
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
"""Notes, grid labels, things without a state: the lightest grey that can be read on white (WCAG 2.1, 4.5 to 1)."""
PAPER: Final = "#F2F2F2"
"""Bands behind rows, cells without an answer."""
GRID: Final = "#E3E3E3"

FINE: Final = BLUE
CAUTION: Final = ORANGE
BAD: Final = "#B2182B"  # of ColorBrewer: the red of Okabe and Ito is too close to their orange without M cones
NEUTRAL: Final = "#9AA0A6"

LIVES: Final = (BLUE, ORANGE)
"""Successive certificates of a slot take turns; their lane says the same again."""


@dataclass(frozen=True, slots=True)
class Style:
    """How one state is drawn: the words for the legend, and colour, marker and hatch that each say it."""

    words: str
    colour: str
    marker: str
    hatch: str


MARKERS: Final = {"SSL 2.0": "X", "SSL 3.0": "v", "TLS 1.0": "s", "TLS 1.1": "D", "TLS 1.2": "o", "TLS 1.3": "^"}
"""Protocol version → marker."""

NO_PROTOCOL: Final = "P"
"""Where a source is ambiguous or silent."""
