"""Causes: why a service shows more than one certificate."""

from toolkit.analyse.causes.explain import explain_leaves

__all__ = ["explain_leaves"]
