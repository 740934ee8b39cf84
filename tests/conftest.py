"""What every test shares: where outside truth lies, which programs it needs."""

import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import settings

from toolkit.collection.clusters.clients import open_cluster

settings.register_profile("house", deadline=None)  # a busy machine is not a failure
settings.load_profile("house")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of files that others made, next to the checkout; it is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("../shared does not exist here: the files that others made are not part of the project")
    return SHARED


def need(program: str) -> str:
    """The path of a program from Debian; without it the test is skipped, and in CI it fails."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        if os.environ.get("TLS_TOOLKIT_CI"):
            pytest.fail(f"{program} is not installed, and .ci/run must install it")
        pytest.skip(f"{program} is not installed")
    return found


_GUARD = "import os, sys; sys.stdin.read(); os.kill(int(sys.argv[1]), 9)"


@contextmanager
def ending_with_tests(process: "subprocess.Popen[Any]") -> Iterator[None]:
    """Kill the process at the end of the context, and also when the test process is killed.

    A guard kills it when its own standard input ends, which the test process holds open.
    """
    command, nowhere = [sys.executable, "-ISc", _GUARD, str(process.pid)], subprocess.DEVNULL
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, start_new_session=True
    ) as guard:
        try:
            yield
        finally:
            process.kill()
            guard.kill()


def not_on_windows(missing: str) -> pytest.MarkDecorator:
    """The mark of a test that needs what Windows does not have; `missing` names it, in the reason of the skip."""
    return pytest.mark.skipif(sys.platform == "win32", reason=f"Windows has no {missing}")


@pytest.fixture(name="need", scope="session")
def _need() -> object:
    return need


_CLUSTER = ExitStack()
"""Ends the cluster of `client`, if one runs."""


@cache
def _start_cluster() -> Any:
    _CLUSTER.callback(_start_cluster.cache_clear)
    return _CLUSTER.enter_context(open_cluster(None, 2))


@pytest.fixture
def client() -> Any:
    """A client of a Dask cluster of two processes here. It costs seconds to start, and as much again while idle.

    So it ends with the last of the tests in a row that use it. A test may have ended a worker, and another one takes
    its place after a while: `wait_for_workers(2)`.
    """
    pytest.importorskip("distributed")
    return _start_cluster()


def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """End the cluster where the next test does not use it."""
    if not _uses_cluster(nextitem):
        _CLUSTER.close()


def _uses_cluster(item: pytest.Item | None) -> bool:
    return "client" in getattr(item, "fixturenames", ())


def unused_client() -> Any:
    """What passes for a client of a Dask cluster, for a call that is refused before it uses it."""
    return Mock(spec=pytest.importorskip("distributed").Client)


def pytest_configure() -> None:
    """Handle SIGINT as a program in the foreground does: what `nohup` or a script starts with `&` ignores it.

    What is collected stays until the end, so that searching it for garbage finds little.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the tests of a cluster until the end, so that it is started once."""
    items.sort(key=_uses_cluster)


def pytest_collection_finish() -> None:
    """Collect garbage less often: searching what the suite holds after collection took a fifth of its time."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
