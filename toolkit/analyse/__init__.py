"""Ask: `Tables` in, frames out. Pure: no files, no network, no clock."""

from toolkit.analyse.causes import explain_leaves
from toolkit.analyse.lineages import find_lineages
from toolkit.analyse.rotations import find_rotations
from toolkit.analyse.shares import estimate_shares
from toolkit.analyse.sharing import find_sharing
from toolkit.analyse.sightings import find_sightings

__all__ = [
    "estimate_shares",
    "explain_leaves",
    "find_lineages",
    "find_rotations",
    "find_sharing",
    "find_sightings",
]
