"""Rotations: from one certificate of a slot to the next, with bounds; shares during a roll-out; lineages."""

from toolkit.analyse.rotation.lineages import find_lineages
from toolkit.analyse.rotation.rotations import describe_rotations, find_rotations
from toolkit.analyse.rotation.shares import estimate_shares

__all__ = ["describe_rotations", "estimate_shares", "find_lineages", "find_rotations"]
