"""Colours of judgements stay apart with every kind of colour blindness; in grey print they are not needed."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from toolkit.chart.expiry import STATES
from toolkit.chart.judgement import JUDGEMENTS
from toolkit.chart.palette import BAD, CAUTION, DARK, FAINT, FINE, INK, LIVES, NEUTRAL, PAPER, WHITE

# G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency" (2009), table 1, severity 1.0; linear RGB.
SIMULATED = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def linear(colour: str) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB, D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, other: str) -> float:
    """WCAG 2.1, relative luminance."""
    dark, light = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


LIGHT = {colour: colour for colour in DARK}
on_both_pages = pytest.mark.parametrize("page", [LIGHT, DARK], ids=["light", "dark"])


@on_both_pages
@pytest.mark.parametrize("sight", SIMULATED)
@pytest.mark.parametrize("colours", [(FINE, CAUTION, BAD, NEUTRAL), LIVES], ids=["judgements", "lives"])
def test_colours_are_apart_however_they_are_seen(sight: str, colours: tuple[str, ...], page: dict[str, str]) -> None:
    seen = {colour: lab(SIMULATED[sight] @ linear(page[colour])) for colour in colours}
    for one, other in itertools.combinations(colours, 2):
        # A difference of 2.3 is just noticeable; ten times that is another colour.
        assert np.linalg.norm(seen[one] - seen[other]) > 23, (one, other)


@on_both_pages
def test_what_is_written_can_be_read(page: dict[str, str]) -> None:
    for name, look in JUDGEMENTS.items():
        assert contrast(page[look.colour], page[look.ink]) > 3.8, name
    for words, below in ((INK, WHITE), (INK, PAPER), (FAINT, WHITE)):
        assert contrast(page[words], page[below]) > 4.5


@on_both_pages
def test_every_mark_stands_out_from_the_page(page: dict[str, str]) -> None:
    for colour in (FINE, BAD, INK, FAINT):
        assert contrast(page[colour], page[WHITE]) > 3


def test_only_what_is_fine_has_the_colour_of_fine() -> None:
    assert {name for name, look in JUDGEMENTS.items() if look.colour == FINE} == {"allowed"}
    assert {name for name, style in STATES.items() if style.colour == FINE} == {"valid"}
    assert {name for name, style in STATES.items() if style.colour == BAD} == {"expired"}
