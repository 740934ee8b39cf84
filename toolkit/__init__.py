"""Watch TLS over time: collect what servers show, keep it in DataFrames, ask and chart."""

from toolkit.tables import Tables

__all__ = ["Tables"]
__version__ = "0.1.0"
