"""`check --serve`: metrics of a check over HTTP, for Prometheus."""

import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from toolkit.checking.formats.judged import Judged
from toolkit.checking.formats.openmetrics import metrics
from toolkit.cli.codes import FINE
from toolkit.cli.messages import print_message
from toolkit.errors import OutputError, ToolkitError, UsageError
from toolkit.instants import zoned

if TYPE_CHECKING:
    from toolkit.cli.checks import CheckRun

FRESH_SECONDS: Final = 60.0
"""How long verdicts are served before they are judged again, when they are asked for."""


class Judging(Collector):
    """The metrics of the last verdicts; judges again where they are older than `FRESH_SECONDS`.

    `tls_toolkit_check_success` is 0 where the source could not be judged again: the metrics are then the last ones.
    """

    def __init__(
        self,
        judgement: "CheckRun",
        judge: Callable[[], "CheckRun"],
        source: str,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._judgement, self._judge, self._source, self._clock = judgement, judge, source, clock
        self._judged_at, self._is_right = clock(), True
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """Each metric; called by `prometheus_client` for each request."""
        with self._lock:
            if self._clock() - self._judged_at >= FRESH_SECONDS:
                self._judge_again()
            judgement, is_right = self._judgement, self._is_right
        yield GaugeMetricFamily("tls_toolkit_check_success", "1: the source was judged", value=float(is_right))
        yield from metrics(Judged(judgement.checks, zoned(judgement.now, "now"), self._source))

    def _judge_again(self) -> None:
        self._judged_at = self._clock()
        try:
            self._judgement, self._is_right = self._judge(), True
        except ToolkitError as error:
            self._is_right = False
            print_message(f"{self._source} could not be judged again: {error}")


def serve(place: str, judgement: "CheckRun", judge: Callable[[], "CheckRun"], source: str) -> int:
    """Serve the metrics at `[HOST]:PORT` until interrupted."""
    host, port = _read_place(place)
    registry = CollectorRegistry()
    registry.register(Judging(judgement, judge, source))
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise OutputError(f"Nothing can listen at {host}:{port}: {error.strerror}. Choose another port.") from error
    shown = f"[{host}]" if ":" in host else host
    print(f"Serving http://{shown}:{server.server_port}/metrics; Ctrl-C ends it.", flush=True)
    try:
        wait_for_interrupt()
    except KeyboardInterrupt:
        print("The server has ended.")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    return FINE


def wait_for_interrupt() -> None:
    """Return never; Ctrl-C and SIGTERM raise `KeyboardInterrupt`."""
    threading.Event().wait()


def _read_place(place: str) -> tuple[str, int]:
    """Host and port; without a host 127.0.0.1, so that nothing is served to others unless it is asked for."""
    host, _, port = place.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise UsageError(f"--serve {place!r:.60}: write a port such as :9464, or 0.0.0.0:9464 for other machines.")
    return host.strip("[]") or "127.0.0.1", int(port)
