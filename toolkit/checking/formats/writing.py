"""`render`: the rows of a check as text in one of the formats."""

from collections.abc import Callable
from importlib import import_module
from typing import Final

import pandas as pd

from toolkit.arguments import require_choice
from toolkit.checking.formats.judged import Judged
from toolkit.checking.verdicts import CHECKS
from toolkit.columns import dtypes, require_columns
from toolkit.extras import require_extras
from toolkit.instants import Instant, zoned

FORMATS: Final = {
    "sarif": "results for code scanning (SARIF 2.1.0)",
    "junit": "a test report in XML; needs the extra `formats`",
    "openmetrics": "metrics for Prometheus; needs the extra `metrics`",
    "github": "annotations of a GitHub workflow",
    "ical": "a calendar of ends and findings; needs the extra `formats`",
    "defectdojo": "findings for DefectDojo (Generic Findings Import)",
}
"""Name of a format → what it is for. The module of the same name in this package writes it."""

_EXTRAS: Final = {"openmetrics": "metrics"}
"""Name of a format → the extra that brings what it imports, if that is not `formats`."""


def render(checks: pd.DataFrame, format: str, *, now: Instant, source: str) -> str:  # noqa: A002  as in `read`
    """The rows of `check` in a format that another program reads: one of `FORMATS`.

    `now` is the instant that was judged, `source` a name of what was judged. Findings have their severity,
    `finding_id`, evidence and advice; accepted ones are marked as accepted; rows that are fine or unknown are counted
    or listed.
    The result ends with a line break, and is the same for the same rows.

    Raises `UsageError` for what is not a frame of `check`, for an unknown format, and where the extra is not installed
    that it needs.

    >>> import toolkit
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample")
    >>> tables = tables.within(since="2026-01-01T00:00:00Z", services="smtp://legacy.lab.test:25")
    >>> checks = toolkit.check(tables, now="2026-01-24T00:00Z", roots=Lab().roots, policy="ietf")
    >>> lines = toolkit.checking.render(checks, "github", now="2026-01-24T00:00Z", source="lab-sample")
    >>> lines.splitlines()[1][:62]
    '::error title=expiry%3A expired::smtp://legacy.lab.test:25: RS'
    """
    require_columns(checks, dtypes(CHECKS), call="render", source="check")
    require_choice("format", format, FORMATS)
    with require_extras(f"The format {format}", _EXTRAS.get(format, "formats")):
        write: Callable[[Judged], str] = import_module(f"toolkit.checking.formats.{format}").write
    return write(Judged(checks, zoned(now, "now"), source))
