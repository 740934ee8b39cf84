"""Transcripts of `gnutls-cli`, with and without `--print-cert`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from toolkit.readers.mail_suites import read_suite
from toolkit.readers.scans import Scan, Times, make_server
from toolkit.readers.spelling import group_of, instant_of, protocol_of, serial_of_hex
from toolkit.readers.transcripts import Transcript, outcome_of_error, text_lines
from toolkit.reference import signature_schemes
from toolkit.tables import Tables

_BEGINS: Final = re.compile(r"Processed \d+ CA certificate")
_FACTS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"Resolving '(?P<host>[^':]+)(?::(?P<service>[^']+))?'\.\.\.",
        r"Connecting to '(?P<address>\[?[\da-fA-F.:]+\]?):(?P<port>\d{1,5})'\.\.\.",
        r"Could not connect to (?P<address>\S+):(?P<port>\d{1,5}): (?P<error>.+)",
        r"Cannot resolve (?P<host>\S+?):.*(?P<error>resol.*)",
        r"- Got a certificate list of (?P<listed>\d{1,4}) certificates",
        r"- Description: (?P<description>\(.+\))",
        r"- Status: (?P<status>.+?)\.? *\Z",
        r"\*\*\* Received alert \[(?P<alert>\d{1,3})\]",
        r"\*\*\* Fatal error: (?P<error>.+)",
        r"(?:\*\*\* )?(?P<error>.*(?:STARTTLS|timed? ?out|reset by peer).*)",
    )
)
_CERTIFICATE: Final = re.compile(
    r" - subject `(?P<subject>.*?)', issuer `(?P<issuer>.*?)', serial 0x(?P<serial>[0-9a-f]+), "
    r"(?P<key>[\w./+-]+) key (?P<bits>\d{1,6}) bits,.*? signed using (?P<signature>[\w-]+)(?: \(broken!\))?, "
    r"activated `(?P<begins>[^']+)', expires `(?P<ends>[^']+)'"
)
_SPKI: Final = re.compile(r"\s*sha256:(?P<digits>[0-9a-f]{64})\Z")
_OLD_EXCHANGE: Final = re.compile(r"(?P<exchange>(?:EC)?DHE)-(?P<signature>RSA|ECDSA|DSS)(?:-(?P<group>\S+))?")

_ERRORS: Final = (
    ("efused", "port_closed"), ("resol", "not_resolved"), ("STARTTLS", "no_starttls"), ("timed", "timeout"),
    ("reset", "reset"), ("nexpected TLS packet", "not_tls"), ("unexpected", "malformed"), ("terminated", "closed"),
    ("certificate", "ok"), ("priorities", "cannot_offer"), ("security level", "cannot_offer"),
    ("supported", "cannot_offer"), ("route", "unreachable"), ("unreachable", "unreachable"),
)  # fmt: skip
_KEY_TYPES: Final = {"RSA": "RSA", "EC/ECDSA": "EC", "ECDSA": "EC", "DSA": "DSA", "RSA-PSS": "RSA"}


def read_gnutls_cli(path: Path) -> Tables:
    """The tables of a file with one transcript or several.

    A certificate that is not printed as PEM is described by its line. The looks have no date, because gnutls-cli prints
    none.
    """
    scan = Scan(path, "gnutls-cli")
    run: Transcript | None = None
    shown: list[dict[str, object]] = []
    has_begun = False
    for number, line in text_lines(path, scan):
        if isinstance(line, str) and _BEGINS.match(line):
            if has_begun and run is not None:
                _finish(scan, run, shown)
                run, shown = None, []
            has_begun = True
        run = run or Transcript(number)
        if isinstance(line, bytes):
            run.pem_lines.append(line)
        elif match := _CERTIFICATE.match(line):
            shown.append(_described(match))
        elif (match := _SPKI.match(line)) and shown:
            shown[-1].setdefault("spki_sha256", match["digits"])
        else:
            for pattern in _FACTS:
                for name, said in match.groupdict().items() if (match := pattern.match(line)) else ():
                    run.note(name, said)
    if run is not None:
        _finish(scan, run, shown)
    return scan.tables()


def _described(match: re.Match[str]) -> dict[str, object]:
    return {
        "subject": match["subject"], "issuer": match["issuer"], "serial": serial_of_hex(match["serial"]),
        "key_type": _KEY_TYPES.get(match["key"], match["key"]), "key_bits": int(match["bits"]),
        "not_before": instant_of(match["begins"].replace(" UTC", "Z").replace(" ", "T")),
        "not_after": instant_of(match["ends"].replace(" UTC", "Z").replace(" ", "T")),
    }  # fmt: skip


def _finish(scan: Scan, run: Transcript, shown: list[dict[str, object]]) -> None:
    facts = run.facts
    server = make_server(
        facts.get("host") or facts.get("address", "").strip("[]"), facts.get("port"), address=facts.get("address")
    )
    held = run.add_certificates(scan) or [name for one in shown if (name := scan.describe(one))]
    error, alert, description = facts.get("error", ""), facts.get("alert"), facts.get("description")
    if description is None and not held:
        if not facts:
            scan.leave_out("a transcript without an answer", line=run.line)
            return
        outcome = "refused" if alert else outcome_of_error(error, _ERRORS) or "closed"
        reason = f"alert {alert}; {error}" if alert else error or "it ends before an answer"
        run.look(scan, server, Times(), outcome="closed" if outcome == "ok" else outcome, reason=reason.strip("; "))
        return
    is_whole = facts.get("listed") == str(len(held))
    said = [f"verification: {facts['status']}"] if "status" in facts else []
    run.look(
        scan, server, Times(), stage="certificate" if held else "hello", leaf_sha256=held[0] if held else None,
        chain_sha256=tuple(held) if held and is_whole else None, reason="; ".join([*said, error]).strip("; ") or None,
        **_handshake(description),
    )  # fmt: skip


def _handshake(description: str | None) -> Mapping[str, object]:
    """Version, suite, group and scheme of `(TLS1.2-X.509)-(ECDHE-SECP256R1)-(RSA-SHA256)-(AES-128-GCM)`."""
    parts = re.findall(r"\(([^()]*)\)", description or "")
    if not parts:
        return {}
    protocol = protocol_of(parts[0].removesuffix("-X.509"))
    rest = parts[1:]
    if rest and (old := _OLD_EXCHANGE.fullmatch(rest[0])):
        rest[:1] = ["-".join(filter(None, (old["exchange"], old["group"]))), old["signature"]]
    is_plain = bool(rest) and rest[0] == "RSA"
    spelling = ("_" if is_plain else "__").join(part.replace("-", "_") for part in rest)
    name, code, group = read_suite(spelling, protocol) if rest else (None, None, None)
    schemes = {scheme.name for scheme in signature_schemes().values()}
    scheme = next((named for part in rest if (named := part.replace("-", "_").lower()) in schemes), None)
    return {
        "protocol": protocol, "suite": name, "suite_code": code, "signature_scheme": scheme,
        "group": group or (group_of(rest[0].partition("-")[2]) if rest else None),
    }  # fmt: skip
