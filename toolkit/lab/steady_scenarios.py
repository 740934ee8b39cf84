"""Scenarios in which no certificate changes: the backends differ in what they accept."""

from datetime import datetime, timedelta
from typing import Final

from toolkit.lab.issuance import Draft
from toolkit.lab.schedule import Backend, Schedule, Service, Switch

STILLS: Final = {
    "museum": (("tlslite", "museum"),),
    "modern": (("pyopenssl", "current"), ("pyopenssl", "current")),
    "mixed": (("pyopenssl", "current"), ("pyopenssl", "current"), ("tlslite", "museum")),
}
"""Scenario → its backends: implementation and settings of each."""

_SPAN: Final = timedelta(days=30)


def draw_still(name: str, begins_at: datetime) -> Schedule:
    """Thirty days of one service. Backends of pyOpenSSL serve RSA and ECDSA, one of tlslite-ng the same RSA leaf."""
    host = f"{name}.lab.test"
    draft = Draft()
    issues = {
        key_type: draft.issue((host,), key_type, begins_at - _SPAN, 3 * _SPAN)
        for key_type in ("RSA", "EC")
        if key_type == "RSA" or name != "museum"
    }
    backends = tuple(
        Backend(
            tuple(
                Switch(begins_at, key_type, issue)
                for key_type, issue in issues.items()
                if key_type == "RSA" or implementation != "tlslite"
            ),
            implementation=implementation,
            settings=settings,
        )
        for implementation, settings in STILLS[name]
    )
    service = Service("smtp", host, backends, 587)
    return Schedule(name, begins_at, begins_at + _SPAN, tuple(draft.issues), (service,))
