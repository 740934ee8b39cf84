"""What mail servers log about TLS: Postfix, Exim, Sendmail, Dovecot and OpenSMTPD.

For an outgoing connection the row is a look at the other server. For an incoming one the row is a look at the logging
server itself, by a client that is not kept; port and service are null then. A handshake that failed is a row as well,
with the reason or the server that the next line of the same process names (Postfix, Sendmail). People's addresses,
subjects and message ids are not kept.

Strangers choose much of a log: subjects, replies, user names. A line counts where the program that wrote it is one that
makes TLS connections, and where the words are those that follow its name.
"""

import re
from pathlib import Path
from typing import Final, NamedTuple

from toolkit.errors import ReadError
from toolkit.readers.mail_failures import (
    ADDRESS,
    DOVECOT_LOGIN,
    EXIM_ID,
    EXIM_STAMP,
    FAILURES,
    HOST,
    LOGIN,
    MORE,
    OWN_STAMP,
    describe_failure,
    waits_for_more,
)
from toolkit.readers.mail_stamps import CONTAINER, STAMP, TRADITIONAL, times_at, times_in
from toolkit.readers.mail_suites import BITS, describe_handshake
from toolkit.readers.opening import read_marked_lines
from toolkit.readers.scans import Scan, ShownFacts, Times, make_server
from toolkit.tables import Tables

_MOST_OPEN: Final = 10_000
"""Connections of OpenSMTPD that are waited for at a time."""

_HEAD: Final = re.compile(
    rf"(?P<stamp>{STAMP.pattern})?(?:{TRADITIONAL.pattern})?"
    rf"(?:(?:(?P<machine>[\w.-]{{1,255}}+) )?(?:<?\w+\.\w+>? )?(?!\w+-login: )(?P<program>[\w./-]++)"
    r"(?:(?:\[\d+\])?:| \d+ - -) (?:\[ID \d+ \w+\.\w+\] )?|[A-Z_]+\t)?"
)
"""What a service of syslog writes before a message (RFC 3164, RFC 5424; BusyBox and Solaris add the facility, and what
keeps the output of containers adds a time of its own)."""

_CONTAINER: Final = re.compile(CONTAINER.encode())

_PROGRAM: Final = re.compile(
    r"(?P<Postfix>(?:[\w.-]+/)+(?:smtpd?|lmtp|tlsproxy)|posttls-finger)|(?P<OpenSMTPD>smtpd)|(?P<Dovecot>dovecot)"
    r"|(?P<Exim>exim[\w.-]*)|(?P<Sendmail>(?:sendmail|sm-)[\w-]*)"
)
"""The programs that make TLS connections, by their names in syslog."""

_POSTFIX: Final = re.compile(
    rf"(?P<said>Anonymous|Untrusted|Trusted|Verified) TLS connection established (?P<way>to|from) (?:{HOST})?{ADDRESS}"
    rf"(?::(?P<port>\d{{1,5}}))?(?: to [\w.-]+)?: (?P<version>[\w.]+) with cipher (?P<suite>[\w-]+) \({BITS} bits\)"
    r"(?: key-exchange (?P<group>[\w-]+))?"
)
_SENDMAIL: Final = re.compile(
    rf"STARTTLS=(?P<way>client|server), relay=(?:{HOST})?+(?:[^,\[]*?{ADDRESS})?[^,]*, version=(?P<version>[\w./]+), "
    rf"verify=(?P<said>\w+), cipher=(?P<suite>[\w-]+), bits={BITS}\Z"
)
_WORD: Final = r'(?:[^\s"]++|"(?:[^"\\]++|\\.)*+")'
"""A part of one of Exim's words: blanks are in one only between quotes."""

_EXIM: Final = re.compile(
    rf"{EXIM_STAMP}{EXIM_ID}(?P<way><=|=>|==|\*\*) {_WORD}++(?: [(<]{_WORD}*+)*+(?: (?!H=)[A-Z]{_WORD}*+)*+"
    rf" H=(?:{HOST} )?(?:\([^()\s\"]*\) )?{ADDRESS}(?::(?P<port>\d{{1,5}}))?\*?(?: (?![STCX]=)[A-Z]{_WORD}*+)*+"
    rf" X=(?P<version>[\w.]+):(?P<suite>[\w-]+):{BITS}(?: CV=(?P<said>\w+))?"
)
"""Exim's fields in their order: the address, its router and transport, `H=`, `X=`; replies and subjects come later."""

DOVECOT_FILE: Final = OWN_STAMP + LOGIN
"""What begins a line of the file that Dovecot writes itself (`log_path`): no machine and no program."""

_DOVECOT: Final = re.compile(
    rf"{DOVECOT_LOGIN}.*\b(?P<version>(?:TLS|SSL)v[\d.]+) with cipher (?P<suite>\S+) \({BITS} bits\)"
)
_OPENSMTPD: Final = re.compile(
    r"(?P<session>[0-9a-f]{16}) (?P<way>mta|smtp) tls ciphers="
    rf"(?P<version>[\w.]+):(?P<suite>[\w-]+):{BITS}"
)
_OPENSMTPD_MTA: Final = re.compile(
    r"(?P<session>[0-9a-f]{16}) mta (?:connecting address=\S+://(?P<address>\[[\da-fA-F:.]+\]|[\d.]+):"
    r'(?P<port>\d{1,5}) host=(?P<host>[\w.-]+)|cert-check result="\w+" fingerprint="SHA256:(?P<leaf>[0-9a-f]{64})")'
)

_ANY_PORT: Final = 25
"""The port of a `Server` whose port is not known; the row has none."""

_MARKS: Final = (b"TLS", b"SSL", b" mta ")
_LONGEST: Final = 1 << 16
_ALMOST: Final = re.compile(
    r"TLS connection established (?:to|from) |STARTTLS=\w+, relay=\S+, version=|(?:mta|smtp) tls ciphers="
    r"|SSL_(?:connect|accept) error |, TLS handshaking|STARTTLS=client, error: |reason=io-error: handshake failed"
    r"| P=\w*smtps\w* (?:L\S* )?X=| H=.{1,200} X=(?:TLS|SSL)[\w.]*:[\w-]+:\d"
    r"|-login: .{1,400}(?:TLS|SSL)v[\d.]+ with cipher |TLS error on .{1,400}\((?:SSL_\w+|gnutls_handshake)\): "
)
"""Words about TLS wherever they stand in a line; what is between them is bounded, as the time to look for them."""

_WORDINGS: Final = (
    ("Postfix", "TLS connection established", _POSTFIX),
    ("Sendmail", "STARTTLS=", _SENDMAIL),
    ("OpenSMTPD", " tls ciphers=", _OPENSMTPD),
    ("Dovecot", "-login: ", _DOVECOT),
    ("Exim", " X=", _EXIM),
)
"""The program, a word that each of its lines has, and its pattern."""

_TO_OTHERS: Final = ("to", "client", "mta", "smtp-out", "=>", "==", "**", "->")
"""How programs say that they made the connection."""

_SYSLOG: Final = re.compile(
    rb"((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{6}))?(Z|[+-]\d\d:?\d\d)? |[A-Z][a-z]{2} [ \d]\d [\d:]{8} )"
    rb"(?:([\w.-]+ [\w./-]+)\[\d+\]: )?"
)
_BEFORE_CLIENT: Final = (b"TLS connection established", b"SSL_accept error")
"""What Postfix writes before ` from ` and a client, which is not kept."""

_NAMES: Final = b"ruleset=tls_server, arg1=SOFTWARE, "
"""What Sendmail writes before the name of a server with which the handshake failed."""

_REPEATS: Final = b"STARTTLS=client: "
"""What begins a message in which Sendmail writes the reason again, before the one that names the server."""

_MOST_KNOWN: Final = 50_000
_FARTHEST: Final = 1000
"""Lines of the log between one that does not say everything and that of the same process which says more."""


class Found(NamedTuple):
    """A TLS line: the program, what its pattern found, and the name of the machine that wrote it, as syslog has it."""

    tool: str
    match: re.Match[str]
    machine: str | None

    @property
    def is_other(self) -> bool:
        """Whether the server named is the other one."""
        return self.match.groupdict().get("way") in _TO_OTHERS


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


class _Held(NamedTuple):
    """A failed handshake, of which the next line of the process may say more: its line as found, the line as the key of
    `_Log._known`, when, and its number.
    """

    found: Found
    key: bytes
    times: int | Times
    number: int


class _Log:
    """Reads lines, and keeps what is not known until a later line says more."""

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self._servers: dict[str, re.Match[str]] = {}
        self._waiting: dict[str, tuple[Found, Times, dict[str, object]]] = {}
        """Connections of OpenSMTPD, until the line about their certificate."""
        self._held: dict[bytes, _Held] = {}
        """Program and process → its failed handshake; the earlier ones first."""
        self._named: dict[bytes, re.Match[str]] = {}
        """Program, process and second → the server that Sendmail names before it says that the handshake failed."""
        self._known: dict[bytes, ShownFacts | Found] = {}
        """Lines without their time, process and client → what they say."""
        self._alike: dict[object, ShownFacts] = {}
        """What looks show, or the words by which a line says it → the same, once."""

    def take(self, line: bytes, number: int) -> None:
        """Take a line with a word about TLS."""
        head = _SYSLOG.match(line)
        if head is None and (container := _CONTAINER.match(line)):
            line = line[container.end() :]
            head = _SYSLOG.match(line)
        if head is None or head[5] is None:
            if isinstance(said := self._read(line, number, may_wait=False), ShownFacts):
                self.scan.look_again(said, times_at(head) if head else times_in(line.decode("utf-8", "replace")))
            return
        before, found, after = line[head.end() :].partition(b" from ")
        if found and before.endswith(_BEFORE_CLIENT):
            after = after[after.find(b" ") :]
        key, process = head[5] + before + found + after, line[head.end(1) : head.end()]
        if self._held and process in self._held and self._release(process, line[head.end() :], key, number):
            return
        said = self._known.get(key) or self._remember(key, self._read(line, number, may_wait=True))
        if isinstance(said, ShownFacts):
            self.scan.look_again(said, times_at(head))
        elif said is not None and (named := self._named.pop((head[2] or head[1]) + process, None)):
            self._take(self._fail(said, named), times_at(head))
        elif said is not None:
            self._hold(process, _Held(said, key, times_at(head), number))
        elif _NAMES in line and (named := MORE.match(self.scan.decode(line[head.end() :], number))):
            if len(self._named) >= _MOST_OPEN:
                self._named.clear()
            self._named[(head[2] or head[1]) + process] = named

    def _remember(self, key: bytes, said: ShownFacts | Found | None) -> ShownFacts | Found | None:
        if said is not None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = said
        return said

    def _read(self, raw: bytes, number: int, *, may_wait: bool) -> ShownFacts | Found | None:
        """What the line says; None where that is nothing, or nothing that another line could repeat."""
        line = self.scan.decode(raw, number).rstrip()
        head = _HEAD.match(line)
        start = head.end() if head else 0
        if " mta " in line and (match := _OPENSMTPD_MTA.match(line, start)) and _may_write("OpenSMTPD", head):
            self._read_mta(match)
        elif found := _find(line, head, FAILURES):
            return found if may_wait and waits_for_more(found.tool, found.match) else self._fail(found)
        elif found := _find(line, head, _WORDINGS):
            return self._read_found(found, line)
        elif _ALMOST.search(line):
            self.scan.leave_out("its words about TLS are not those of a mail server that is known", line=number)
        return None

    def _hold(self, process: bytes, held: _Held) -> None:
        """Keep a failed handshake until its process says more; those that wait too long are taken as they are."""
        while self._held and held.number - next(iter(self._held.values())).number > _FARTHEST:
            self._take_first()
        self._held[process] = held

    def _take_first(self) -> None:
        held = self._held.pop(next(iter(self._held)))
        self._take(self._fail(held.found), held.times)

    def _release(self, process: bytes, message: bytes, key: bytes, number: int) -> bool:
        """Take the failed handshake of the process with its next message; whether that is all the message says."""
        if message.startswith(_REPEATS):
            return True
        held = self._held.pop(process)
        both = held.key + b"\n" + key
        said = self._known.get(both)
        more = None if said else MORE.match(self.scan.decode(message, number))
        if number - held.number > _FARTHEST or not (said or more):
            self._take(self._fail(held.found), held.times)
        else:
            said = said or self._remember(both, self._fail(held.found, more))
            self._take(said if isinstance(said, ShownFacts) else None, held.times)
        return bool(said or more)

    def _fail(self, found: Found, more: re.Match[str] | None = None) -> ShownFacts | None:
        """What a look shows that failed; `more` has the reason or the server that its own line does not name."""
        facts = describe_failure(found.match, is_other=found.is_other, said=more["error"] if more else None)
        named = more if more and more["host"] else found.match
        is_by_session = found.tool == "OpenSMTPD"
        return self._show_by(found, self._servers.get(named["session"]) if is_by_session else named, facts)

    def flush(self) -> None:
        """Take the looks of which no line says more."""
        self._flush_waiting()
        while self._held:
            self._take_first()

    def _flush_waiting(self) -> None:
        for found, times, facts in self._waiting.values():
            self._take(self._show(found, self._servers.get(found.match["session"]), facts), times)
        self._waiting.clear()

    def _take(self, shown: ShownFacts | None, times: int | Times) -> None:
        if shown is not None:
            self.scan.look_again(shown, times)

    def _read_mta(self, match: re.Match[str]) -> None:
        session = match["session"]
        if match["host"]:
            if len(self._servers) >= _MOST_OPEN:
                self._flush_waiting()
                self._servers.clear()
            self._servers[session] = match
        elif session in self._waiting:
            found, times, facts = self._waiting.pop(session)
            leaf = self.scan.describe({"cert_sha256": match["leaf"]})
            facts |= {"leaf_sha256": leaf, "stage": "certificate"}
            self._take(self._show(found, self._servers.get(session), facts), times)

    def _read_found(self, found: Found, line: str) -> ShownFacts | None:
        match = found.match
        alike = found.tool, found.machine, match.groups()
        if shown := self._alike.get(alike):
            return shown
        cells = match.groupdict()
        facts = describe_handshake(
            match["version"], match["suite"], match["bits"], group=cells.get("group"), said=cells.get("said")
        )
        if found.is_other and found.tool == "OpenSMTPD":
            self._waiting[match["session"]] = found, times_in(line), facts
            return None
        return self._remember_alike(alike, self._show_by(found, match, facts))

    def _remember_alike(self, alike: object, shown: ShownFacts | None) -> ShownFacts | None:
        if shown is not None:
            if len(self._alike) >= _MOST_KNOWN:
                self._alike.clear()
            self._alike[alike] = shown
        return shown

    def _show_by(self, found: Found, named: re.Match[str] | None, facts: dict[str, object]) -> ShownFacts | None:
        """What a look shows at the server that was named, or at the one that wrote the line."""
        if login := found.match.groupdict().get("login"):
            facts["reason"] = "; ".join(filter(None, (f"log-in by {login}", str(facts["reason"] or ""))))
        if not found.is_other:
            return self._show(found, None, facts | {"host": found.machine})
        return self._show(found, named, facts)

    def _show(self, found: Found, named: re.Match[str] | None, facts: dict[str, object]) -> ShownFacts | None:
        cells = named.groupdict() if named else {}
        address, port = cells.get("address"), cells.get("port")
        host = (cells.get("host") or "").strip("[]") or address
        if host == "unknown":
            host = address
        own = found.match.groupdict().get("address") if found.tool == "Dovecot" else None
        alike = found.tool, host, address or own, port, *facts.items()
        if (shown := self._alike.get(alike)) is None:
            server = make_server(
                host or "unknown", port or _ANY_PORT, address=address or own, starttls="" if port == "465" else "smtp"
            )
            if server is None:
                self.scan.leave_out("a server whose port cannot be one")
                return None
            unknown = {} if port else {"service": None, "port": None}
            if not host:
                unknown["host"] = None
            shown = self.scan.showing(server, **{**unknown, "tool": found.tool, **facts})
        return self._remember_alike(alike, shown)


def _find(
    line: str, head: re.Match[str] | None, wordings: tuple[tuple[str, str, re.Pattern[str]], ...]
) -> Found | None:
    """What the line says about TLS after what syslog wrote; None where it says nothing that is understood."""
    for tool, mark, pattern in wordings:
        if mark in line and _may_write(tool, head) and (match := pattern.match(line, head.end() if head else 0)):
            machine = head["machine"] if head and head["stamp"] else None
            return Found(tool, match, machine.lower() if machine else None)
    return None


def _may_write(tool: str, head: re.Match[str] | None) -> bool:
    """Whether the tool may have written a line that begins so: its program is named, or none is."""
    program = head["program"] if head else None
    written = _PROGRAM.fullmatch(program) if program else None
    return not program or (written is not None and written.lastgroup == tool)
