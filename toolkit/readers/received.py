"""`Received:` headers (RFC 5321, section 4.4) of a mailbox, a Maildir or a message: the TLS of each delivery.

The row is a look at the server that wrote the header, by the client that sent the mail, which is not kept: protocol and
suite depend on what both support. Nothing else of a message is kept.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from toolkit.errors import ReadError
from toolkit.readers.mail_suites import BITS, describe_handshake
from toolkit.readers.opening import read_lines
from toolkit.readers.scans import Scan, Times, make_server
from toolkit.tables import Tables

_LONGEST: Final = 1 << 14
"""Bytes of one header, unfolded."""

_ANY_PORT: Final = 25
"""The port of a `Server`, which needs one; the row has none, because the header does not say it."""

_COMMENT: Final = re.compile(r"\([^()]*\)")
_BY: Final = re.compile(
    r"(?:^| )by (?:\[(?:IPv6:)?(?P<address>[\da-f.:]{2,45})\]|(?P<host>[\w-]{1,63}(?:\.[\w-]{1,63})*)\.?)(?=[ ;]|\Z)",
    re.IGNORECASE,
)
"""The server, by its name or as an address literal (RFC 5321, section 4.1.3)."""


_NAMED: Final = r"\(version=(?P<version>[\w./]+),? cipher=(?P<suite>[\w-]+)"

_WORDINGS: Final = (
    ("Microsoft Exchange", re.compile(rf"Microsoft SMTP Server {_NAMED}\)")),
    ("Sendmail", re.compile(rf"{_NAMED} bits={BITS} verify=(?P<said>\w+)")),
    ("Google", re.compile(rf"{_NAMED}(?: bits={BITS})?")),
    ("Postfix", re.compile(
        r"\(using (?P<version>[\w.]+) with cipher (?P<suite>[\w-]+) \((?P<bits>\d{1,5}/\d{1,5}) bits\)"
        r"(?: key-exchange (?P<group>[\w-]+))?")),
    ("OpenSMTPD", re.compile(
        rf"\(OpenSMTPD\) .*\((?P<version>[\w.]+):(?P<suite>[\w-]+):{BITS}:(?P<said>\w+)")),
    ("Exim", re.compile(r"\((?P<version>(?:TLS|SSL)[\w.]+)\) tls (?P<suite>[\w-]+)")),
    ("Exim", re.compile(r"\((?P<version>(?:TLS|SSL)[\w.]+):(?P<suite>[\w-]+)(?::(?P<bits>\d{1,5}))?")),
    ("Microsoft Exchange", re.compile(r"Microsoft SMTP Server \((?P<version>TLS)\)")),
)  # fmt: skip
"""The program and how it words TLS; the first that is found decides."""


def read_received(path: Path) -> Tables:
    """The tables of a mailbox (mbox), a message, or a Maildir. Raises `ReadError` where no header names TLS.

    `service` and `port` are null: a header names the server and not the port, which may be 25, 465 or 587.
    """
    scan = Scan(path, "a mail server")
    for file in list_messages(path) if path.is_dir() else [path]:
        for number, header in _headers_of(file, scan):
            _read_header(scan, header, number)
    tables = scan.tables()
    if not scan.has_looks:
        raise ReadError(f"{path} has no Received header that names TLS: name a mailbox or a message that has.")
    return tables


def list_messages(folder: Path) -> list[Path]:
    """The messages of a Maildir; empty where the folder is another one."""
    parts = [folder / name for name in ("cur", "new")]
    if not all(part.is_dir() for part in parts):
        return []
    return sorted(file for part in parts for file in part.iterdir() if file.is_file() and not file.is_symlink())


def _headers_of(path: Path, scan: Scan) -> Iterator[tuple[int, str]]:
    """Line and text of each Received header, unfolded; the bodies of messages are passed over."""
    is_header, held, began = True, b"", 0
    for number, line in read_lines(path):
        if held and line is not None and line[:1] in (b" ", b"\t") and line.strip():
            held += line[: max(_LONGEST - len(held), 0)]
            continue
        if held:
            yield began, " ".join(scan.decode(held, began).split())
            held = b""
        if line is None:
            continue
        if line.startswith(b"From "):
            is_header = True
        elif not line.strip():
            is_header = False
        elif is_header and line[:9].lower() == b"received:":
            held, began = line[9:_LONGEST], number
    if held:
        yield began, " ".join(scan.decode(held, began).split())


def _read_header(scan: Scan, header: str, number: int) -> None:
    found = next(((tool, match) for tool, wording in _WORDINGS if (match := wording.search(header))), None)
    if found is None:
        return
    tool, match = found
    by = _BY.search(_COMMENT.sub("", header))
    at = _instant(header.rpartition(";")[2])
    server = make_server(by["host"] or by["address"], _ANY_PORT, starttls="smtp") if by else None
    if server is None or at is None:
        scan.leave_out("a Received header that does not name its server and its time", line=number)
        return
    cells = match.groupdict()
    facts = describe_handshake(
        cells["version"], cells.get("suite"), cells.get("bits"), group=cells.get("group"), said=cells.get("said")
    )
    scan.look(server, Times(at), service=None, port=None, tool=tool, **facts)


def _instant(date: str) -> datetime | None:
    try:
        read = parsedate_to_datetime(date.strip())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
