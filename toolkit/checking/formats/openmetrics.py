"""Metrics in the text format of OpenMetrics 1.0: counts of all rows, and a series for each finding."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from toolkit.checking.counts import count_services
from toolkit.checking.formats.judged import Judged
from toolkit.checking.verdicts import SEVERITIES

MOST_SERIES: Final = 1000
"""Findings that have a series of their own, the most severe first; the others are counted."""

_LABELS: Final = ("finding_id", "check", "kind", "verdict", "severity", "service", "server_name", "state")


def write(judged: Judged) -> str:
    """The metrics as text."""
    registry = CollectorRegistry()
    registry.register(_StateCollector(judged))
    return bytes(generate_latest(registry)).decode()


def metrics(judged: Judged) -> Iterator[Metric]:
    """Each metric, as a collector of `prometheus_client` gives them."""
    severities = GaugeMetricFamily("tls_toolkit_findings", "Findings that are not accepted", labels=["severity"])
    listed = judged.findings
    for severity in SEVERITIES:
        severities.add_metric([severity], sum(row.severity == severity and row.state == "finding" for row in listed))
    yield severities
    services = GaugeMetricFamily("tls_toolkit_services", "Services or statements by state", labels=["check", "state"])
    for row in count_services(judged.checks).to_dict("records"):
        for state in ("findings", "accepted", "fine", "unknown"):
            services.add_metric([str(row["check"]), state], row[state])
    yield services
    finding = GaugeMetricFamily("tls_toolkit_finding", "Observations that support the finding", labels=_LABELS)
    for one in listed[:MOST_SERIES]:
        finding.add_metric([getattr(one, label) for label in _LABELS], one.rows)
    yield finding
    yield GaugeMetricFamily(
        "tls_toolkit_findings_not_listed", "Findings without a series", value=max(len(listed) - MOST_SERIES, 0)
    )
    yield GaugeMetricFamily(
        "tls_toolkit_judged_timestamp_seconds", "The instant that was judged", value=judged.now.timestamp()
    )
    dated = judged.checks["last_at"]
    newest = dated[dated <= judged.now].max()
    if newest == newest:  # not NaT  # noqa: PLR0124
        yield GaugeMetricFamily(
            "tls_toolkit_newest_row_timestamp_seconds",
            "The newest evidence until that instant",
            value=newest.timestamp(),
        )


class _StateCollector(Collector):
    def __init__(self, judged: Judged) -> None:
        self._judged = judged

    def collect(self) -> Iterator[Metric]:
        return metrics(self._judged)
