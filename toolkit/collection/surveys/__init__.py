"""Surveys: what each server accepts, proven handshake by handshake."""

from toolkit.collection.surveys.estimating import estimate_survey
from toolkit.collection.surveys.surveying import survey

__all__ = ["estimate_survey", "survey"]
