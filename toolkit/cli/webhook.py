"""`check --webhook`: the findings of a check, sent to a URL as JSON."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pandas as pd

from toolkit import __version__
from toolkit.checking import count
from toolkit.cli.printing import json_rows
from toolkit.errors import OutputError, UsageError

MOST_FINDINGS: Final = 200
"""Findings that are sent, the most severe first; `not_listed` counts the others."""

_SECONDS: Final = 10
_COLUMNS: Final = (
    "finding_id", "check", "rule", "level", "service", "server_name", "leaf_sha256", "verdict", "severity", "found",
    "required", "ends_at", "evidence_count", "first_at", "last_at", "reason", "advice",
)  # fmt: skip


class _NoRedirects(HTTPRedirectHandler):
    """A redirect is an error: findings go to no other place than the one that was given."""

    def redirect_request(self, *_: object) -> None:
        return None


def post(url: str, checks: pd.DataFrame, *, now: datetime, source: str) -> None:
    """POST one JSON object: `source`, `now`, `counts`, `findings` (without accepted ones), `not_listed`.

    Raises `UsageError` for another scheme than http and https and for a URL with a password, and `OutputError` where
    the server does not answer with 2xx within 10 seconds. No message holds more of the URL than its host: the path may
    be a secret.
    """
    host = host_of(url)
    request = Request(url, data=_body(checks, now=now, source=source), method="POST", headers={
        "Content-Type": "application/json", "User-Agent": f"tls-toolkit/{__version__}",
    })  # fmt: skip
    try:
        with build_opener(_NoRedirects).open(request, timeout=_SECONDS):
            pass
    except HTTPError as error:
        error.close()
        raise OutputError(f"The webhook at {host} answered {error.code}. See what it expects.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise OutputError(f"The webhook at {host} cannot be reached: {type(reason).__name__}. Try it again.") from None


def host_of(url: str) -> str:
    """The host and port of a URL that can be posted to; `UsageError` for any other URL."""
    wrong = "--webhook needs a URL such as https://example.org/hook"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"{wrong}.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"{wrong}.")
    if parts.username or parts.password:
        raise UsageError(f"{wrong}, without a user name and password: use a path that is a secret.")
    return f"{host}:{port}" if port else host


def _body(checks: pd.DataFrame, *, now: datetime, source: str) -> bytes:
    is_open = checks["is_finding"].eq(True).fillna(value=False) & checks["accepted_until_at"].isna()
    found = checks.loc[is_open, list(_COLUMNS)]
    sent: Mapping[str, object] = {
        "source": source, "now": now.isoformat(), "counts": count(checks),
        "findings": json_rows(found[:MOST_FINDINGS]), "not_listed": max(len(found) - MOST_FINDINGS, 0),
    }  # fmt: skip
    return json.dumps(sent).encode("ascii")
