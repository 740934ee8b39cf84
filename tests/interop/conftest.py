"""The servers, started once for all tests of a module that ask for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import daemons


@pytest.fixture(scope="session")
def certificates() -> Iterator[Path]:
    """A folder with an RSA and an ECDSA certificate and their chains, that servers may use for their state."""
    with daemons.state_folder() as folder:
        daemons.make_certificates(folder)
        yield folder


@pytest.fixture(scope="session")
def nginx(certificates: Path) -> Iterator[dict[str, int]]:
    """Scheme → port."""
    with daemons.nginx(certificates) as ports:
        yield ports


@pytest.fixture(scope="session")
def postfix(certificates: Path) -> Iterator[dict[str, int]]:
    """Scheme → port."""
    with daemons.postfix(certificates) as ports:
        yield ports


@pytest.fixture(scope="session")
def dovecot(certificates: Path) -> Iterator[dict[str, int]]:
    """Scheme → port."""
    with daemons.dovecot(certificates) as ports:
        yield ports


@pytest.fixture(scope="session")
def s_server(certificates: Path) -> Iterator[dict[str, int]]:
    """Scheme → port."""
    with daemons.s_server(certificates) as ports:
        yield ports
