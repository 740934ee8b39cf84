"""Hostile servers, with what an observation of each must give; `python -m tests.collection.zoo` serves them."""

from tests.collection.zoo import breaking, thirteen, upgrading

ANIMALS = (*upgrading.ANIMALS, *breaking.ANIMALS, *thirteen.ANIMALS)
