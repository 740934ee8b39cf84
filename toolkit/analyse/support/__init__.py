"""Support: what servers accept, how that changed between surveys, and what several tools said about it."""

from toolkit.analyse.support.changes import find_changes
from toolkit.analyse.support.summary import summarise_support
from toolkit.analyse.support.tools import compare_tools

__all__ = ["compare_tools", "find_changes", "summarise_support"]
