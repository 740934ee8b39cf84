"""A server of a test ends also when the test process is killed."""

import subprocess
import sys

from tests.conftest import ROOT

_SERVER = """
from threading import Event
print("started", flush=True)
Event().wait(60)
print("still there", flush=True)
"""
_TESTS = f"""
import subprocess, sys
from tests.conftest import ending_with_tests
with subprocess.Popen([sys.executable, "-c", {_SERVER!r}]) as server, ending_with_tests(server):
    server.wait()
"""


def test_a_server_ends_with_a_test_process_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _TESTS], cwd=ROOT, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        assert tests.stdout.readline() == "started\n"
        tests.kill()
        # Its output ends when the server does, which has the same.
        assert tests.stdout.read() == ""
