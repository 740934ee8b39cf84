"""What crt.sh lists of Certificate Transparency logs, in JSON (`output=json`) or CSV with the same names."""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from toolkit.readers.json_lines import read_objects
from toolkit.readers.opening import read_lines
from toolkit.readers.scans import Scan
from toolkit.readers.spelling import instant_of, serial_of_hex
from toolkit.tables import Tables

_BETWEEN: Final = re.compile(r", (?=[A-Za-z][\w.]*=)")
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_SPECIAL: Final = re.compile(r'[\\",+<>;]')

_Record = Mapping[str, Any]


def read_crtsh(path: Path) -> Tables:
    """The certificates that are listed, without DER; there are no observations.

    A pre-certificate and its certificate are one row: they have one issuer and serial number, or, in lists without
    serial numbers, one issuer, validity and set of names. E-mail addresses are not kept.
    """
    scan = Scan(path, "crt.sh")
    entries: dict[object, tuple[_Record, dict[str, None]]] = {}
    for number, record in _records_of(path, scan):
        ends = instant_of(record.get("not_after"), zone="Z")
        if ends is None or not isinstance(record.get("issuer_name"), str):
            scan.leave_out("it names no issuer or no end of validity", line=number)
            continue
        identifier = record.get("id") or record.get("min_cert_id") or f"line {number}"
        _, names = entries.setdefault(str(identifier), (record, {}))
        listed = str(record.get("name_value") or "").split()
        names.update(dict.fromkeys(name.lower() for name in listed if "@" not in name))
    for record, names in entries.values():
        common = record.get("common_name")
        scan.describe(
            {
                "issuer": _name(record["issuer_name"]),
                "subject": f"CN={_escaped(common)}"
                if isinstance(common, str) and common and "@" not in common
                else None,
                "names": tuple(sorted(names)) or None,
                "serial": serial_of_hex(record.get("serial_number")),
                "not_before": instant_of(record.get("not_before"), zone="Z"),
                "not_after": instant_of(record.get("not_after"), zone="Z"),
            }
        )
    return scan.tables()


def _records_of(path: Path, scan: Scan) -> Iterator[tuple[int, _Record]]:
    first = next((line for _, line in read_lines(path) if line and line.strip()), b"")
    if first.lstrip()[:1] in (b"[", b"{"):
        yield from read_objects(path, scan)
        return
    texts = (scan.decode(line or b"", number) for number, line in read_lines(path))
    rows = csv.DictReader((line for text in texts for line in _LINE.findall(text)), strict=True)
    try:
        for row in rows:
            yield rows.line_num, {name: cell for name, cell in row.items() if name}
    except csv.Error as error:
        scan.leave_out(f"it is not CSV ({error})", line=rows.line_num)


def _name(printed: str) -> str:
    """`C=US, O="A, Inc.", CN=b`, as OpenSSL prints a name, in the order and with the escapes of RFC 4514."""
    parts = [part.partition("=") for part in _BETWEEN.split(printed)]
    return ",".join(f"{kind}={_escaped(value)}" for kind, _, value in reversed(parts))


def _escaped(value: str) -> str:
    plain = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    return _SPECIAL.sub(lambda match: "\\" + match[0], plain)
