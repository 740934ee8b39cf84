"""Support: what servers accept, and how that changed between surveys."""

from toolkit.analyse.support.changes import find_changes
from toolkit.analyse.support.summary import summarise_support

__all__ = ["find_changes", "summarise_support"]
