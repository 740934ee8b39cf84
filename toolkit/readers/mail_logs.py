"""What mail servers log about TLS: Postfix, Exim, Sendmail, Dovecot and OpenSMTPD.

For an outgoing connection the row is a look at the other server. For an incoming one the row is a look at the logging
server itself, by a client that is not kept; port and service are null then. A handshake that failed is a row as well.
People's addresses, subjects and message ids are not kept.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from toolkit.errors import ReadError
from toolkit.readers.mail_suites import BITS, describe_handshake
from toolkit.readers.opening import read_marked_lines
from toolkit.readers.scans import Scan, Shown, Times, make_server
from toolkit.tables import Tables

_MOST_OPEN: Final = 10_000
"""Connections of OpenSMTPD that are waited for at a time."""

_ZONES: Final = (timedelta(hours=-14), timedelta(hours=12))
"""From a local time to the first and the last instant that it can mean (UTC+14 to UTC-12)."""

_ISO: Final = re.compile(r"(?:<\d+>\d? ?)?(\d{4}-\d\d-\d\d[T ][\d:.]{8,15}) ?(Z|[+-]\d\d:?\d\d)?\s")
_TRADITIONAL: Final = re.compile(r"(?:<\d+>)?([A-Z][a-z]{2} [ \d]\d [\d:]{8}) ")
_STAMP: Final = re.compile(f"(?:{_ISO.pattern}|{_TRADITIONAL.pattern})")
_WRITER: Final = re.compile(r"\s*([\w.-]{1,255}) [\w./-]+(?:\[\d+\])?: ")

_HOST: Final = r"(?P<host>[\w.-]{1,255})"
_ADDRESS: Final = r"\[(?:IPv6:)?(?P<address>[\da-fA-F.:]{2,45})\]"

_POSTFIX: Final = re.compile(
    rf"(?P<said>\w+) TLS connection established (?P<way>to|from) {_HOST}{_ADDRESS}(?::(?P<port>\d{{1,5}}))?: "
    rf"(?P<version>\S+) with cipher (?P<suite>\S+) \({BITS} bits\)(?: key-exchange (?P<group>[\w-]+))?"
)
_SENDMAIL: Final = re.compile(
    rf"STARTTLS=(?P<way>client|server), relay=(?:{_HOST})?(?:[^,\[]*?{_ADDRESS})?[^,]*, version=(?P<version>[^,]+), "
    rf"verify=(?P<said>[^,]+), cipher=(?P<suite>[^,]+), bits={BITS}"
)
_EXIM: Final = re.compile(
    rf" (?P<way><=|=>|==|\*\*) \S+ .*?\bH=(?:{_HOST} )?(?:\([^)]*\) )?{_ADDRESS}(?::(?P<port>\d{{1,5}}))?.*? "
    rf"X=(?P<version>[\w.]+):(?P<suite>[\w-]+):{BITS}(?: CV=(?P<said>\w+))?"
)
_OWN_STAMP: Final = r"[A-Z][a-z]{2} [ \d]\d [\d:]{8} "
_LOGIN: Final = r"(?P<login>imap|pop3|managesieve|submission)-login: "
DOVECOT_FILE: Final = _OWN_STAMP + _LOGIN
"""What begins a line of the file that Dovecot writes itself (`log_path`): no machine and no program."""

_DOVECOT_LOGIN: Final = rf"(?:dovecot(?:\[\d+\])?: |\A{_OWN_STAMP}){_LOGIN}.*\blip=(?P<address>[\da-fA-F.:]{{2,45}})\b"
_DOVECOT: Final = re.compile(
    rf"{_DOVECOT_LOGIN}.*\b(?P<version>(?:TLS|SSL)v[\d.]+) with cipher (?P<suite>\S+) \({BITS} bits\)"
)
_OPENSMTPD: Final = re.compile(
    r"\bsmtpd\[\d+\]: (?P<session>[0-9a-f]{16}) (?P<way>mta|smtp) tls ciphers="
    rf"(?P<version>[\w.]+):(?P<suite>[\w-]+):{BITS}"
)
_OPENSMTPD_MTA: Final = re.compile(
    r"\bsmtpd\[\d+\]: (?P<session>[0-9a-f]{16}) mta (?:connecting address=\S+://(?P<address>\[[\da-fA-F:.]+\]|[\d.]+):"
    r'(?P<port>\d{1,5}) host=(?P<host>[\w.-]+)|cert-check result="\w+" fingerprint="SHA256:(?P<leaf>[0-9a-f]{64})")'
)

_ERROR: Final = r"(?P<error>[^@<>\[\]]{1,200})"
"""What a library says; no address, and none of people."""

_FAILURES: Final = tuple(
    (tool, mark, re.compile(pattern))
    for tool, mark, pattern in (
        (
            "Postfix",
            "SSL_connect error",
            rf"(?P<call>SSL_connect) error (?P<way>to) {_HOST}{_ADDRESS}:(?P<port>\d{{1,5}}): {_ERROR}",
        ),
        ("Postfix", "SSL_accept error", rf"(?P<call>SSL_accept) error from \S{{1,300}}: {_ERROR}"),
        ("Sendmail", "STARTTLS=server, error: ", rf"error: (?P<call>accept) failed=-?\d+, reason={_ERROR}, SSL_error="),
        ("Exim", "TLS error on connection from ", rf" \((?P<call>SSL_accept|gnutls_handshake)\): {_ERROR}"),
        (
            "Exim",
            "TLS error on connection to ",
            rf"(?P<way>to) {_HOST} {_ADDRESS}.* \((?P<call>SSL_connect|gnutls_handshake)\): {_ERROR}",
        ),
        (
            "Dovecot",
            "TLS handshaking",
            rf"{_DOVECOT_LOGIN}, (?P<call>TLS handshaking)(?:: {_ERROR})?(?:, session=|\Z)",
        ),
    )
)
"""A handshake that failed: the program, words that each of its lines has, and its pattern."""

_ENDS: Final = (("timed out", "timeout"), ("reset", "reset"))
_REFUSED: Final = {
    True: ("alert",),
    False: (
        "no shared cipher",
        "No supported cipher",
        "unsupported protocol",
        "version too low",
        "inappropriate fallback",
    ),
}
"""Whether the server is the other one → words by which a library says that the server refused the hello."""

_UNSAID: Final = ("-1", "0")
"""What Postfix writes where its library says more in another line."""

_ANY_PORT: Final = 25
"""The port of a `Server` whose port is not known; the row has none."""

_MARKS: Final = (b"TLS", b"SSL", b" mta ")
_LONGEST: Final = 1 << 16
_ALMOST: Final = re.compile(
    r"TLS connection established (?:to|from) |STARTTLS=\w+, relay=\S+, version=|(?:mta|smtp) tls ciphers="
    r"|SSL_(?:connect|accept) error |, TLS handshaking|STARTTLS=client, error: |reason=io-error: handshake failed"
)


_WORDINGS: Final = (
    ("Postfix", "TLS connection established", _POSTFIX),
    ("Sendmail", "STARTTLS=", _SENDMAIL),
    ("OpenSMTPD", " tls ciphers=", _OPENSMTPD),
    ("Dovecot", "-login: ", _DOVECOT),
    ("Exim", " X=", _EXIM),
)
"""The program, a word that each of its lines has, and its pattern."""

_TO_OTHERS: Final = ("to", "client", "mta", "=>", "==", "**", "->")
"""How programs say that they made the connection."""

_TRADITIONAL_SIZE: Final = 16
_MOST_SHOWN: Final = 50_000


class Found(NamedTuple):
    """A TLS line: the program, what its pattern found, and whether the server named is the other one."""

    tool: str
    match: re.Match[str]
    is_other: bool


def read_mail_log(path: Path) -> Tables:
    """The tables of a log, of one program or of several.

    `printed_bits` is the first number of `112/168`, the bits in use; `reason` has both. A time without a zone bounds
    the instant; one without a year does not date it, and is kept in `date_basis`. A line that looks like one about TLS
    and cannot be read is left out, with its number in a warning. Raises `ReadError` where no line is about TLS.
    """
    log = _Log(Scan(path, "a mail server"))
    for number, line in read_marked_lines(path, _MARKS):
        if line is None or len(line) > _LONGEST:
            log.scan.leave_out("a line that is too long", line=number)
        else:
            log.take(line, number)
    log.flush()
    tables = log.scan.tables()
    if not log.scan.has_looks:
        raise ReadError(
            f"{path} has no line about a TLS connection. Postfix writes them with smtp_tls_loglevel = 1, Sendmail with "
            "LogLevel 8, Exim with log_selector = +tls_cipher, Dovecot with %k in login_log_format_elements."
        )
    return tables


class _Log:
    """Reads lines, and keeps OpenSMTPD's connections until the line about their certificate."""

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self._servers: dict[str, re.Match[str]] = {}
        self._waiting: dict[str, tuple[Found, Times, dict[str, object]]] = {}
        self._shown: dict[bytes, Shown] = {}
        """Lines without their time and process → what their look shows."""

    def take(self, line: bytes, number: int) -> None:
        """Take a line with a word about TLS."""
        end = line.find(b" ") + 1 if line[4:5] == b"-" else _TRADITIONAL_SIZE
        begin = line.find(b"[", end)
        key = line[end:begin] + line[line.find(b"]", begin) :]
        if (shown := self._shown.get(key)) is not None:
            self.scan.look_again(shown, _times_of(line[:end].decode("ascii", "replace")))
            return
        text = line.decode("utf-8", "replace").rstrip()
        stamp = _STAMP.match(text)
        shown = self._read(text, _times_of(stamp[0]) if stamp else Times(), number)
        if shown is not None and stamp and stamp.end() == end < begin:
            if len(self._shown) >= _MOST_SHOWN:
                self._shown.clear()
            self._shown[key] = shown

    def _read(self, line: str, times: Times, number: int) -> Shown | None:
        """What the look of the line shows; None where there is none yet, or none that another line could repeat."""
        if (" mta " in line) and (match := _OPENSMTPD_MTA.search(line)):
            self._read_mta(match)
        elif found := _find(line, _FAILURES):
            return self._look_by(found, line, times, _describe_failure(found))
        elif found := _find(line, _WORDINGS):
            return self._read_found(found, line, times)
        elif _ALMOST.search(line):
            self.scan.leave_out("its words about TLS are not those of a mail server that is known", line=number)
        return None

    def flush(self) -> None:
        """Take the connections whose certificate no line names."""
        for found, times, facts in self._waiting.values():
            self._look_at(found, self._servers.get(found.match["session"]), times, facts)
        self._waiting.clear()

    def _read_mta(self, match: re.Match[str]) -> None:
        session = match["session"]
        if match["host"]:
            if len(self._servers) >= _MOST_OPEN:
                self.flush()
                self._servers.clear()
            self._servers[session] = match
        elif session in self._waiting:
            found, times, facts = self._waiting.pop(session)
            leaf = self.scan.describe({"cert_sha256": match["leaf"]})
            self._look_at(
                found, self._servers.get(session), times, facts | {"leaf_sha256": leaf, "stage": "certificate"}
            )

    def _read_found(self, found: Found, line: str, times: Times) -> Shown | None:
        match = found.match
        cells = match.groupdict()
        facts = describe_handshake(
            match["version"], match["suite"], match["bits"], group=cells.get("group"), said=cells.get("said")
        )
        if found.is_other and found.tool == "OpenSMTPD":
            self._waiting[match["session"]] = found, times, facts
            return None
        return self._look_by(found, line, times, facts)

    def _look_by(self, found: Found, line: str, times: Times, facts: dict[str, object]) -> Shown | None:
        """Take a look at the server that the line names, or at the one that wrote it."""
        if login := found.match.groupdict().get("login"):
            facts["reason"] = "; ".join(filter(None, (f"log-in by {login}", str(facts["reason"] or ""))))
        if not found.is_other:
            return self._look_at(found, None, times, facts | {"host": _own_name(line, found)})
        return self._look_at(found, found.match, times, facts)

    def _look_at(
        self, found: Found, named: re.Match[str] | None, times: Times, facts: dict[str, object]
    ) -> Shown | None:
        cells = named.groupdict() if named else {}
        address, port = cells.get("address"), cells.get("port")
        host = (cells.get("host") or "").strip("[]") or address
        if host == "unknown":
            host = address
        own = found.match.groupdict().get("address") if found.tool == "Dovecot" else None
        server = make_server(
            host or "unknown", port or _ANY_PORT, address=address or own, starttls="" if port == "465" else "smtp"
        )
        if server is None:
            self.scan.leave_out("a server whose port cannot be one")
            return None
        unknown = {} if port else {"service": None, "port": None}
        if not host:
            unknown["host"] = None
        return self.scan.look(server, times, **{**unknown, "tool": found.tool, **facts})


def _find(line: str, wordings: tuple[tuple[str, str, re.Pattern[str]], ...]) -> Found | None:
    """What the line says about TLS; None where it says nothing that is understood."""
    for tool, mark, pattern in wordings:
        if mark in line and (match := pattern.search(line)):
            return Found(tool, match, match.groupdict().get("way") in _TO_OTHERS)
    return None


def _describe_failure(found: Found) -> dict[str, object]:
    """Columns of `observations` about a handshake that failed."""
    words = found.match["error"] or ""
    ended = next((outcome for mark, outcome in _ENDS if mark in words), "closed")
    is_refused = any(mark in words for mark in _REFUSED[found.is_other])
    reason = ": ".join(filter(None, (found.match["call"], words)))
    if words in _UNSAID:
        reason += "; the line does not say whether an alert was sent"
    return {"outcome": "refused" if is_refused else ended, "reason": reason}


def _own_name(line: str, found: Found) -> str | None:
    """The name of the machine that wrote the line, as syslog has it."""
    stamp = _ISO.match(line) or _TRADITIONAL.match(line)
    writer = _WRITER.match(line, stamp.end()) if stamp and found.tool != "Exim" else None
    return writer[1].lower() if writer else None


def _instant(stamp: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=4096)
def _times_of(stamp: str) -> Times:
    """When the line with that stamp was written."""
    if match := _ISO.match(stamp):
        local = _instant(match[1] + (match[2] or "Z"))
        if local is not None and match[2]:
            return Times(local)
        if local is not None:
            begins, ends = (local + zone for zone in _ZONES)
            return Times(begins=begins, ends=ends, words="between: a local time, whose zone is not in the log")
    if match := _TRADITIONAL.match(stamp):
        return Times(words=f"undated: {match[1]}, without a year and a zone")
    return Times()
