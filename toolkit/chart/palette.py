"""Colours that colour-blind readers can tell apart, each with a shape or a hatch that says the same again.

Eight colours of M. Okabe and K. Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/; no meaning
in this room rests on colour alone.
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
FAINT: Final = "#8A8A8A"
"""What is said beside: tags, grid labels, things without a state."""
PAPER: Final = "#F2F2F2"
"""Bands behind rows, cells without an answer."""

LIVES: Final = (BLUE, ORANGE)
"""Successive certificates of a line take turns; their lane says the same again."""


@dataclass(frozen=True, slots=True)
class Style:
    """How one state is drawn: the words for the legend, and colour, marker and hatch that each say it."""

    words: str
    colour: str
    marker: str
    hatch: str


PROTOCOLS: Final = {
    "SSL 2.0": Style("SSL 2.0", BLACK, "X", "xx"),
    "SSL 3.0": Style("SSL 3.0", RED, "v", "\\\\"),
    "TLS 1.0": Style("TLS 1.0", ORANGE, "s", "//"),
    "TLS 1.1": Style("TLS 1.1", PURPLE, "D", ".."),
    "TLS 1.2": Style("TLS 1.2", SKY, "o", ""),
    "TLS 1.3": Style("TLS 1.3", BLUE, "^", ""),
}
"""Protocol version → style."""

NO_PROTOCOL: Final = Style("version not known", FAINT, "P", "")
"""Where a source is ambiguous or silent."""
