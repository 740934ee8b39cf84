"""Causes: why a service shows more than one certificate in a window."""

from toolkit.analyse.causes.explain import explain_leaves

__all__ = ["explain_leaves"]
