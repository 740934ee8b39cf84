"""SMTP TLS reports (RFC 8460) in JSON: what senders of mail met at the servers of a domain, as observations of theirs.

Contacts and identifiers of reports, and the addresses of senders, are not kept.
"""

import re
from pathlib import Path
from typing import Any, Final

from toolkit.readers.json_lines import read_objects
from toolkit.readers.opening import as_object, as_objects
from toolkit.readers.scans import Scan, Server, Times, make_server
from toolkit.readers.spelling import instant_of
from toolkit.tables import Tables
from toolkit.text import counted, plain

_SMTP: Final = 25
_POLICIES: Final = 2
"""How deeply the policies are nested: of a report that is cut short, those that are whole are read."""

_LONGEST: Final = 200
"""Characters of a reporter's own words that are kept."""

_ADDRESSES: Final = re.compile(r"\S*@\S*|\[?(?:[\da-fA-F]*:){2,}[\da-fA-F:.]*\]?|(?:\d{1,3}\.){3}\d{1,3}")
"""Of people and of hosts, as the reason of a failure may hold them."""

_HANDSHAKEN: Final = ("certificate-host-mismatch", "certificate-expired", "certificate-not-trusted")
_BEFORE: Final = (
    "tlsa-invalid", "dnssec-invalid", "dane-required",
    "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid",
)  # fmt: skip


def read_tls_report(path: Path) -> Tables:
    """The tables of a report: a row per failure that it details, and one per policy for the sessions that succeeded.

    Instants are bounded by the days of the report. `vantage` is the organisation that reports; `reason` has its result
    type (RFC 8460, section 4.3) and the number of sessions. The outcome is `no_starttls` for `starttls-not-supported`;
    `ok`, with the stage `certificate`, where the sender did not accept the certificate; `skipped` where the policy
    itself failed, before a session; `closed` for any other failure, whose kind the report does not say. Of sessions
    that succeeded the report names the domain and no server: `host` is the domain, and the service null.
    """
    scan = Scan(path, "an SMTP TLS report")
    for number, report in read_objects(path, scan, depth=_POLICIES):
        policies = report.get("policies")
        if not isinstance(policies, list):
            scan.leave_out("it has no policies", line=number)
            continue
        days = as_object(report.get("date-range"))
        times = Times(begins=instant_of(days.get("start-datetime")), ends=instant_of(days.get("end-datetime")))
        reporter = report.get("organization-name")
        vantage = reporter if isinstance(reporter, str) and "@" not in reporter else None
        for policy in as_objects(policies):
            _read_policy(scan, policy, times, vantage)
    return scan.tables()


def _read_policy(scan: Scan, reported: Any, times: Times, vantage: str | None) -> None:
    policy, summary = as_object(reported.get("policy")), as_object(reported.get("summary"))
    domain = policy.get("policy-domain")
    kind = f"policy {plain(policy.get('policy-type'), limit=_LONGEST)}"
    succeeded = summary.get("total-successful-session-count")
    of_domain = make_server(domain, _SMTP, starttls="smtp")
    if isinstance(succeeded, int) and succeeded > 0:
        _look(scan, of_domain, times, vantage, is_server=False, reason=f"{_sessions(succeeded)} succeeded; {kind}")
    details = as_objects(reported.get("failure-details"))
    for detail in details:
        named = detail.get("receiving-mx-hostname")
        server = make_server(named, _SMTP, address=detail.get("receiving-ip"), starttls="smtp")
        result = plain(detail.get("result-type"), limit=_LONGEST)
        said = [f"{result}: {_sessions(detail.get('failed-session-count'))}", kind]
        if code := detail.get("failure-reason-code"):
            said.append(_ADDRESSES.sub("…", plain(code, limit=_LONGEST)))
        facts = {"outcome": _outcome(result), "stage": "certificate" if result in _HANDSHAKEN else None}
        _look(scan, server or of_domain, times, vantage, is_server=server is not None, reason="; ".join(said), **facts)
    failed = summary.get("total-failure-session-count")
    if isinstance(failed, int) and failed > 0 and not details:
        reason = f"{_sessions(failed)} failed, without details; {kind}"
        _look(scan, of_domain, times, vantage, is_server=False, outcome="closed", reason=reason)


def _look(
    scan: Scan, server: Server | None, times: Times, vantage: str | None, *, is_server: bool, **facts: object
) -> None:
    unnamed = {} if is_server else {"service": None, "port": None}
    if server is None:
        server, unnamed = Server("smtp", "unknown", _SMTP), {"service": None, "port": None, "host": None}
    scan.look(server, times, **{"round": scan.round_of_file, "vantage": vantage, **unnamed, **facts})


def _outcome(result: str) -> str:
    if result == "starttls-not-supported":
        return "no_starttls"
    if result in _HANDSHAKEN:
        return "ok"
    return "skipped" if result in _BEFORE else "closed"


def _sessions(count: object) -> str:
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        return "an unknown number of sessions"
    return counted(count, "session")
