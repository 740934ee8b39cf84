"""What a scanner's file says, row by row: the tables that `observe` and `survey` make, with source and tool."""

import base64
import binascii
import hashlib
import ipaddress
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final, Literal

from toolkit import pem, schema, text
from toolkit.certificates import describe_certificate, parse_certificate
from toolkit.errors import ReadError, ReadWarning
from toolkit.files import open_regular
from toolkit.hosts import bracketed
from toolkit.readers.batches import find_recipient
from toolkit.readers.looks import UNDATED, Looks, ShownFacts, Times
from toolkit.readers.spelling import group_of, suite_of
from toolkit.schema import PROTOCOLS
from toolkit.schemes import SCHEMES_OF_PORTS, UPGRADES
from toolkit.tables import Tables

__all__ = [
    "UNDATED", "Scan", "Server", "ShownFacts", "State", "Times", "der_of", "ders_of", "make_server", "outcome_of",
]  # fmt: skip

State = Literal["accepted", "refused", "untested"]

BATCH: Final = 50_000
"""Rows of a table that are handed over together, where a file is read in batches."""

_MOST_NAMED: Final = 5
_DIGESTED: Final = 1 << 20
_HIGHEST_PORT: Final = 65535
_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}")

_FAILED: Final = (
    ("port_closed", ("refused", "rejected", "conn-refused", "reset")),
    ("timeout", ("timed out", "timeout", "time out", "no-response", "did not respond")),
    ("not_resolved", ("resolve", "no such host", "dns", "lookup")),
)


@dataclass(frozen=True, slots=True)
class Server:
    """A service that a tool asked, at one address, with a name in the hello or without."""

    scheme: str
    host: str
    port: int
    address: str | None = None
    server_name: str | None = None

    @property
    def service(self) -> str:
        """`scheme://host:port`."""
        return f"{self.scheme}://{bracketed(self.host)}:{self.port}"


def make_server(
    host: object, port: object, *, address: object = None, server_name: object = None, starttls: object = None
) -> Server | None:
    """The server that a tool names; None where host or port cannot be one.

    `starttls`: the protocol that the tool upgraded (`smtp`), empty where it began with TLS, None where it does not say:
    then the port says it, as for `host:port` on the command line.
    """
    number = _port(port)
    if number is None or not isinstance(host, str):
        return None
    upgraded = None if starttls is None else str(starttls).lower()
    return _server(host, number, _text(address), _text(server_name), upgraded)


@lru_cache(maxsize=1 << 14)
def _server(host: str, port: int, address: str | None, server_name: str | None, upgraded: str | None) -> Server | None:
    name = text.storable(host.strip().rstrip(".").lower())
    if not name:
        return None
    scheme = meant = SCHEMES_OF_PORTS.get(port, "tls")
    if upgraded in UPGRADES:
        scheme = str(upgraded)
    elif upgraded is not None and meant in UPGRADES:
        scheme = "tls"
    asked = server_name if server_name and not _address(server_name) else None
    return Server(scheme, name, port, _address(address) or _address(name), asked and text.storable(asked.lower()))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def outcome_of(words: object) -> str:
    """How a look ended of which a tool only says in words that it failed.

    >>> outcome_of("connect: Connection refused"), outcome_of("Can't connect")
    ('port_closed', 'unreachable')
    """
    said = str(words).lower()
    return next((outcome for outcome, marks in _FAILED if any(mark in said for mark in marks)), "unreachable")


class Scan:
    """Collects what one file of a tool says; `tables` gives it, with one warning about everything left out.

    Within `toolkit.readers.batches.handing_over`, full batches of rows go to the recipient; `tables` gives the rest.
    """

    def __init__(self, path: Path, program: str) -> None:
        self._path = path
        self._program = program
        self.tool = program
        self._source = text.storable(path.name)
        self._recipient = find_recipient()
        self._most = BATCH if self._recipient else sys.maxsize
        self.has_looks = False
        """Whether a look was added."""
        self.has_rows = False
        """Whether anything was added."""
        self._looks = Looks()
        self._certificates: dict[str, dict[str, object]] = {}
        self._support: list[dict[str, object]] = []
        self._scans: Counter[int] = Counter()
        """Hash of a round, a service and an address → how many scans there were; a file can have millions of keys."""
        self._left_out: dict[str, None] = {}
        self._unnamed = 0
        self._is_damaged = self._is_other_encoding = False

    def name_version(self, version: object) -> None:
        """Give the rows that follow the version of the program, if the file says it."""
        self.tool = text.storable(f"{self._program} {version}") if version else self._program

    def add_certificate(self, der: bytes) -> str:
        """Add a certificate; return its identifier."""
        return self.keep(parse_certificate(der))

    def describe(self, facts: Mapping[str, object], *, sha1: str | None = None) -> str | None:
        """Add what the tool says about a certificate; return its identifier, None where it says nothing."""
        described = self.description(facts, sha1=sha1)
        return None if described is None else self.keep(described)

    def description(self, facts: Mapping[str, object], *, sha1: str | None = None) -> dict[str, object] | None:
        """The row of a certificate by what the tool says about it, for `keep`; None where it says nothing."""
        said = {name: _storable(value) for name, value in facts.items() if value is not None}
        if not said and sha1 is None:
            return None
        self.has_rows = True
        return describe_certificate({**said, "tool": self.tool}, sha1=sha1)

    def keep(self, certificate: dict[str, object]) -> str:
        """Add a row of `certificates`; return its identifier.

        Of repeats in a batch, the first with its DER is kept, else the first that says more than the identifier.
        """
        identifier = str(certificate["cert_sha256"])
        held = self._certificates.get(identifier)
        if held is None or (held["der"] is None and (certificate["der"] is not None or _is_bare(held))):
            self._certificates[identifier] = certificate
            self.has_rows = True
            if len(self._certificates) >= self._most:
                self._hand_over()
        return identifier

    def look(self, server: Server, times: Times, *, outcome: object = "ok", **facts: object) -> ShownFacts:
        """Add a look: `facts` are columns of `observations`, before what the server and the times say.

        Returns what it shows, for `look_again`.
        """
        shown = self.showing(server, outcome=outcome, **facts)
        self.look_again(shown, times)
        return shown

    def showing(self, server: Server, *, outcome: object = "ok", **facts: object) -> ShownFacts:
        """What a look shows, for `look_again`, which adds each look that shows the same."""
        row: dict[str, object] = {
            "source": self._source,
            "tool": self.tool,
            "service": server.service,
            "host": server.host,
            "port": server.port,
            "address": server.address,
            "server_name": server.server_name,
            "outcome": outcome,
        }
        for name, value in facts.items():
            row[name] = value if value is None else _storable(value)
        self.has_looks = self.has_rows = True
        return ShownFacts(row)

    def look_again(self, shown: ShownFacts, at: int | Times) -> None:
        """Add a look that shows what an earlier one did; `at` in microseconds since 1970, or what is known of it."""
        if isinstance(at, int):
            self._looks.add_at(shown, at)
        else:
            self._looks.add(shown, at)
        if len(self._looks) >= self._most:
            self._hand_over()

    def begin(self, server: Server, times: Times) -> Times:
        """The times of a scan of the server that begins here, for its looks and answers.

        A second scan of the server in one round has a round of its own: its answers do not repeat the first scan's.
        """
        key = hash((self._round_at(times), server.service, server.address))
        self._scans[key] += 1
        return replace(times, number=self._scans[key])

    def answer(self, server: Server, times: Times, state: State, **facts: object) -> None:
        """Add the answer to a question: `facts` are columns of `support`."""
        self._support.append(
            {
                **times.cells(),
                "round": self._round_at(times),
                "tool": self.tool,
                "service": server.service,
                "address": server.address,
                "state": state,
                **{name: _storable(value) for name, value in facts.items()},
            }
        )
        self.has_rows = True
        if len(self._support) >= self._most:
            self._hand_over()

    def answer_suites(
        self, server: Server, times: Times, protocol: str | None, spellings: Iterable[object], *, is_ranked: bool
    ) -> None:
        """The suites that were accepted, in the server's order of preference where `is_ranked`."""
        seen: set[object] = set()
        for spelling in spellings:
            name, code = suite_of(spelling)
            if name is None or name in seen:
                continue
            seen.add(name)
            rank = len(seen) if is_ranked else None
            self.answer(server, times, "accepted", protocol=protocol, suite=name, suite_code=code, rank=rank)

    def answer_groups(
        self, server: Server, times: Times, spellings: Iterable[object], *, protocol: str | None = None
    ) -> None:
        """The groups that were accepted; those that are not known are left out with a word."""
        for spelling in spellings:
            group = group_of(spelling)
            if group is None:
                self.leave_out(f"the group {text.plain(spelling, limit=40)!r} is not known")
            else:
                self.answer(server, times, "accepted", protocol=protocol, group=group)

    def answer_versions(
        self, server: Server, times: Times, protocols: Iterable[str], state: State, reason: str
    ) -> None:
        """The same answer about each of the versions."""
        for protocol in protocols:
            self.answer(server, times, state, protocol=protocol, reason=reason)

    def answer_rest(self, server: Server, times: Times, known: Iterable[str], reason: str) -> None:
        """Every version that is not among those `known` is untested, for that reason."""
        answered = set(known)
        rest = (protocol for protocol in PROTOCOLS if protocol not in answered)
        self.answer_versions(server, times, rest, "untested", reason)

    def decode(self, line: bytes, number: int) -> str:
        """The text of a line. Bytes that are not UTF-8 become U+FFFD, which a `ReadWarning` says once."""
        try:
            return line.decode()
        except UnicodeDecodeError:
            if not self._is_other_encoding:
                self._is_other_encoding = True
                said = f"{self._path}, line {number}: bytes that are not UTF-8 are read as U+FFFD, also in names."
                warnings.warn(said, ReadWarning, stacklevel=5)
        return line.decode("utf-8", "replace")

    def leave_out(self, reason: str, *, line: int | None = None, is_damage: bool = False) -> None:
        """Note something of the file that is in no row; with its line, or `is_damage`, where the file is damaged."""
        self._is_damaged |= is_damage or line is not None
        if len(self._left_out) < _MOST_NAMED:
            self._left_out[reason if line is None else f"line {line}: {reason}"] = None
        else:
            self._unnamed += 1

    def leave_out_rest(self, problem: tuple[int, str] | None) -> None:
        """Note the line from which a file could not be read, and why; None: all of it was."""
        if problem is not None:
            line, words = problem
            self.leave_out(f"{words}; what is whole before it was read", line=line)

    def tables(self) -> Tables:
        """What was added and not handed over. What was left out is named by one `ReadWarning`.

        Raises `ReadError` where the file is damaged and nothing was added.
        """
        if self._left_out:
            words = "; ".join(self._left_out) + (f"; and {self._unnamed:,} more" if self._unnamed else "")
            words = text.plain(words, limit=1000)
            if self._is_damaged and not self.has_rows:
                raise ReadError(f"{self._path}: nothing in it can be read ({words}). Get the file again.")
            warnings.warn(f"{self._path}: left out: {words}.", ReadWarning, stacklevel=5)
        return self._rest()

    def _hand_over(self) -> None:
        """Give the recipient a batch."""
        if self._recipient:
            self._recipient.take(self._rest())

    def _rest(self) -> Tables:
        """What was added since the last batch, which is dropped here."""
        certificates, self._certificates = list(self._certificates.values()), {}
        support, self._support = self._support, []
        return Tables.from_frames(
            self._looks.take_frame(self._round_at, self.round_of_file) if len(self._looks) else None,
            schema.frame("certificates", certificates),
            schema.frame("support", support),
        )

    def _round_at(self, times: Times) -> str:
        """Runs of one tool at one time are one round, also from several files; undated ones are named by content."""
        instant = times.begins or times.ends
        named = self.round_of_file if instant is None else f"{self.tool}, {instant.isoformat()}"
        return named if times.number == 1 else f"{named}, scan {times.number}"

    @cached_property
    def round_of_file(self) -> str:
        """The round of rows that belong together because they are in one file."""
        return f"{self.tool}, {text.storable(self._path.name)} {self._digest}"

    @cached_property
    def _digest(self) -> str:
        """Digest of the file's beginning and size, or of the folder's file names: two files may share a name."""
        if self._path.is_dir():
            names = "\n".join(sorted(str(file.relative_to(self._path)) for file in self._path.glob("*/*")))
            return hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        with open_regular(self._path) as file:
            beginning = file.read(_DIGESTED)
            size = file.seek(0, 2)
        return hashlib.sha256(beginning + str(size).encode()).hexdigest()[:8]


def _is_bare(certificate: Mapping[str, object]) -> bool:
    """Whether the row says no more than the identifier and the tool."""
    return sum(value is not None for value in certificate.values()) <= 2


def ders_of(pem_text: object) -> list[bytes]:
    """The certificates of PEM in a field of a file, without placeholders of removed ones."""
    if not isinstance(pem_text, str):
        return []
    # testssl.sh writes them in one line, with `\\n` or blanks where lines ended.
    data = pem_text.replace("\\n", "\n").encode("utf-8", "replace")
    for mark in (b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"):
        data = data.replace(mark, b"\n" + mark + b"\n")
    blocks = pem.split_blocks(pem.split_lines(data))
    contents = [block.content for block in blocks if block.label in pem.CERTIFICATE_LABELS]
    return [content for content in contents if pem.first_element(content)]


def der_of(encoded: object) -> bytes | None:
    """The DER in base64; None where it is not."""
    if not isinstance(encoded, str) or not encoded:
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None


def _port(port: object) -> int | None:
    if type(port) is int:
        return port if 0 < port <= _HIGHEST_PORT else None
    digits = str(port).strip() if isinstance(port, int | str) and not isinstance(port, bool) else ""
    number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 5 else 0
    return number if 0 < number <= _HIGHEST_PORT else None


def _address(address: object) -> str | None:
    return _read_address(address) if isinstance(address, str) else None


@lru_cache(maxsize=1 << 14)
def _read_address(address: str) -> str | None:
    if _IPV4.fullmatch(address):
        return address
    try:
        return str(ipaddress.ip_address(address.strip("[] ")))
    except ValueError:
        return None


def _storable(value: object) -> object:
    if isinstance(value, str):
        return value if value.isascii() else text.storable(value)
    if isinstance(value, tuple):
        return tuple([one if type(one) is str and one.isascii() else text.storable(str(one)) for one in value])
    return value
