"""Surveys: what each server accepts, proven handshake by handshake."""

from toolkit.collection.surveys.surveying import survey

__all__ = ["survey"]
