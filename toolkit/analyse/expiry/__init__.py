"""Expiry: what ends when, how long before that its successor usually appears, and what follows from that."""

from toolkit.analyse.expiry.forecast import forecast_renewals
from toolkit.analyse.expiry.rehearsal import rehearse
from toolkit.analyse.expiry.summary import describe_usual_leads, summarise_expiry

__all__ = ["describe_usual_leads", "forecast_renewals", "rehearse", "summarise_expiry"]
