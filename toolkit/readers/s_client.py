"""Transcripts of `openssl s_client`, with and without `-showcerts`, `-brief`, of OpenSSL 1.0 to 3.

Session keys and tickets, which it prints too, are not kept.
"""

import re
import shlex
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

from toolkit.readers.scans import Scan, Server, Times, make_server
from toolkit.readers.spelling import group_of, instant_of, instant_of_seconds, protocol_of, suite_of
from toolkit.readers.transcripts import Transcript, outcome_of_error, text_lines
from toolkit.reference import signature_schemes
from toolkit.tables import Tables

_MARKS: Final = (
    re.compile(r"(?:\S*[$#>%] *)?(?:.*[|;&(] *)?(?P<command>openssl s_client .*)"),
    re.compile(r"Connecting to (?P<address>[\da-fA-F.:]{2,45})\Z"),
    re.compile(r"CONNECTED\([\dA-Fa-f]{8}\)|CONNECTION ESTABLISHED"),
)
"""Lines with which a run begins, in their order; one that is not later than the last begins another run."""

_FACTS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:New|Reused), \(?(?P<suite_version>[\w./]+)\)?, Cipher is (?P<suite>[\w()-]+)",
        r"\s*Protocol(?: version)?\s*: (?P<version>\S+)",
        r"Ciphersuite: (?P<suite>\S+)",
        r"(?:Server|Peer) Temp Key: (?P<group>.+)",
        r"Negotiated TLS1.3 group: (?P<group>\S+)",
        r"Peer signature type: (?P<scheme>\S+)",
        r"\s*Start Time: (?P<seconds>\d{1,12})\b",
        r"\s*Verify return code: \d+ \((?P<verification>[^)]*)\)",
        r"Verification(?: error)?: (?P<verification>.+)",
        r"subject=(?P<subject>.+)",
        r"issuer=(?P<issuer>.+)",
        r"   v:NotBefore: (?P<not_before>.+); NotAfter: (?P<not_after>.+)",
        r".*SSL alert number (?P<alert>\d{1,3})",
        r"<<< [^,]{1,20},? Alert \[length \w+\], fatal (?P<alert>\w{1,60})",
        r"SSL3 alert read:fatal:(?P<alert>[\w ]{1,60})",
        r"(?:[\dA-Fa-f]{1,20}:)?(?P<error>error:.*|(?:connect|read|write):errno=\d+)",
        r"(?P<error>.*(?:connect error|[Cc]onnection refused).*)",
        r"(?P<error>didn't find starttls in server response.*|Call to SSL_CONF_cmd.*|.*lookup failure.*)",
    )
)
_LISTED: Final = re.compile(r" {1,2}\d+ s:")

_ERRORS: Final = (
    ("lookup failure", "not_resolved"), ("errno=111", "port_closed"), ("efused", "port_closed"),
    ("errno=110", "timeout"), ("errno=104", "reset"), ("errno=113", "unreachable"), ("errno=101", "unreachable"),
    ("find starttls", "no_starttls"), ("wrong version number", "not_tls"), ("unknown protocol", "not_tls"),
    ("packet length too long", "not_tls"), ("http request", "not_tls"), ("no protocols available", "cannot_offer"),
    ("no cipher", "cannot_offer"), ("SSL_CONF_cmd", "cannot_offer"), ("unsupported protocol", "cannot_offer"),
    ("dh key too small", "cannot_offer"), ("unexpected eof", "closed"), ("errno=0", "closed"),
    ("connect error", "unreachable"),
)  # fmt: skip
"""Words of an error → outcome. What this client could not offer or accept is not an answer of the server."""


def read_s_client(path: Path) -> Tables:
    """The tables of a file with one transcript or several.

    The server is named only by the command, where it is in the file, and in OpenSSL 3.2 and later its address; else
    service and host are null. `Start Time` dates the look; TLS 1.3 prints it with a ticket alone. Without `-showcerts`
    the chain is null, unless it is of one certificate.
    """
    scan = Scan(path, "openssl s_client")
    runs: list[Transcript] = []
    last = len(_MARKS)
    for number, line in text_lines(path, scan):
        if not runs:
            runs.append(Transcript(number))
        if isinstance(line, bytes):
            runs[-1].pem_lines.append(line)
            continue
        for place, mark in enumerate(_MARKS):
            if match := mark.match(line):
                if place <= last < len(_MARKS):
                    _finish(scan, runs.pop())
                    runs.append(Transcript(number))
                last = place
                for name, said in match.groupdict().items():
                    runs[-1].note(name, said)
                break
        else:
            _read_line(runs[-1], line)
    for run in runs:
        _finish(scan, run)
    return scan.tables()


def _read_line(run: Transcript, line: str) -> None:
    if _LISTED.match(line):
        run.listed += 1
        return
    for pattern in _FACTS:
        if match := pattern.match(line):
            for name, said in match.groupdict().items():
                run.note(name, said)


def _finish(scan: Scan, run: Transcript) -> None:
    facts = run.facts
    server, times = _server(facts), Times(at=instant_of_seconds(facts.get("seconds")))
    suite = facts.get("suite", "")
    if suite in {"", "(NONE)"} and not run.pem_lines:
        _look_at_failure(scan, run, server, times)
        return
    held = run.add_certificates(scan)
    name, code = suite_of(suite) if suite.strip("()") not in {"", "NONE"} else (None, None)
    scheme = facts.get("scheme")
    is_known = scheme in {known.name for known in signature_schemes().values()}
    said = facts.get("verification")
    run.look(
        scan, server, times, stage="certificate" if held or "subject" in facts else "hello",
        protocol=_protocol(facts), suite=name, suite_code=code, group=_group(facts.get("group")),
        signature_scheme=scheme if is_known else None, reason=f"verification: {said}" if said else None,
        leaf_sha256=held[0] if held else None,
        chain_sha256=tuple(held) if held and run.listed in {0, len(held)} and run.listed else None,
        **({} if held else _printed(facts)),
    )  # fmt: skip


def _look_at_failure(scan: Scan, run: Transcript, server: Server | None, times: Times) -> None:
    error, alert = run.facts.get("error", ""), run.facts.get("alert")
    if not error and not alert and not run.facts:
        scan.leave_out("a transcript without an answer", line=run.line)
        return
    outcome = "refused" if alert else outcome_of_error(error, _ERRORS) or "closed"
    reason = f"alert {alert}; {error}" if alert else error or "no certificate and no suite was printed"
    run.look(scan, server, times, outcome=outcome, reason=reason.strip("; ")[:300])


def _server(facts: Mapping[str, str]) -> Server | None:
    options = _options(facts.get("command", ""))
    address = facts.get("address")
    named = options.get("connect", "")
    host, _, port = named.rpartition(":")
    if not host:
        return None
    return make_server(
        host.strip("[]"), port, address=address, server_name=options.get("servername"), starttls=options.get("starttls")
    )


def _options(command: str) -> dict[str, str]:
    """The options of the command that say what was asked."""
    try:
        words = shlex.split(command.partition("|")[0].partition("<")[0])
    except ValueError:
        return {}
    pairs = pairwise(words)
    return {option.lstrip("-"): value for option, value in pairs if option in {"-connect", "-servername", "-starttls"}}


def _protocol(facts: Mapping[str, str]) -> str | None:
    """The version; `New, TLSv1.0` names the version that the suite is from, which decides it for the last two alone."""
    of_suite = protocol_of(facts.get("suite_version"))
    return protocol_of(facts.get("version")) or (of_suite if of_suite in {"TLS 1.2", "TLS 1.3"} else None)


def _group(said: str | None) -> str | None:
    """The group of `X25519, 253 bits` or `ECDH, P-256, 256 bits`."""
    named = (group_of(part.strip()) for part in (said or "").split(","))
    return next((group for group in named if group), None)


def _printed(facts: Mapping[str, str]) -> dict[str, object]:
    """What is printed of a leaf that is not there itself."""
    return {
        "printed_subject": facts.get("subject"),
        "printed_issuer": facts.get("issuer"),
        "printed_not_before": instant_of(facts.get("not_before")),
        "printed_not_after": instant_of(facts.get("not_after")),
    }
