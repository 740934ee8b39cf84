"""Servers that end with the test, and limits that make giving up quick."""

from collections.abc import Iterator

import pytest

from tests.collection.servers import Loopback
from toolkit.collection import Limits


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with Loopback() as servers:
        yield servers


@pytest.fixture
def brief() -> Limits:
    """Limits for servers that never come to an end."""
    return Limits(resolve_seconds=0.5, connect_seconds=5, upgrade_seconds=0.3, answer_seconds=0.3, total_seconds=5)
