"""What transcripts of TLS clients have in common: lines, the certificates in them, and how a failure is worded."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from toolkit import pem
from toolkit.readers.opening import read_lines
from toolkit.readers.scans import Scan, Server, Times

_LONGEST: Final = 1 << 14
_MOST_PEM_LINES: Final = 1 << 18

_BEGINS: Final = b"-----BEGIN "
_ENDS: Final = b"-----END "


@dataclass(eq=False)
class Transcript:
    """What one run of a client printed: its first line, facts by name, and the lines of its certificates."""

    line: int
    facts: dict[str, str] = field(default_factory=dict)
    pem_lines: list[bytes] = field(default_factory=list)
    listed: int = 0
    """Certificates that the client says it was sent."""

    def note(self, name: str, said: str | None) -> None:
        """Keep a fact; the first one stays."""
        if said:
            self.facts.setdefault(name, said.strip())

    def add_certificates(self, scan: Scan) -> list[str]:
        """Take the certificates that are printed; their identifiers, in order."""
        found = []
        for block in pem.split_blocks(self.pem_lines):
            if block.error:
                scan.leave_out(block.error, line=self.line)
            elif block.label in pem.CERTIFICATE_LABELS:
                found.append(scan.add_certificate(block.content))
        return found

    def look(self, scan: Scan, server: Server | None, times: Times, **facts: object) -> None:
        """Take the look; a transcript need not name the server."""
        unnamed = {} if server else {"service": None, "host": None, "port": None}
        scan.look(server or Server("tls", "unknown", 443), times, **{**unnamed, **facts})


def text_lines(path: Path, scan: Scan) -> Iterator[tuple[int, str | bytes]]:
    """Number and text of each line; of a PEM block the bytes."""
    is_pem, count = False, 0
    for number, line in read_lines(path):
        if line is None:
            scan.leave_out("a line that is too long", line=number)
            continue
        is_pem = is_pem or line.startswith(_BEGINS)
        if is_pem:
            count += 1
            if count < _MOST_PEM_LINES:
                yield number, line
            is_pem = _ENDS not in line
        else:
            yield number, scan.decode(line[:_LONGEST], number).rstrip()


def outcome_of_error(words: str, known: Iterable[tuple[str, str]]) -> str | None:
    """The outcome of the first mark that is in the words; None where none is."""
    return next((outcome for mark, outcome in known if mark in words), None)
