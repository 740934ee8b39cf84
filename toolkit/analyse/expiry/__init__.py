"""Expiry: what ends when, how long before that its successor usually appears, and what follows from that."""

from toolkit.analyse.expiry.forecast import forecast_renewals
from toolkit.analyse.expiry.summary import summarise_expiry

__all__ = ["forecast_renewals", "summarise_expiry"]
