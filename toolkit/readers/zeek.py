"""Zeek's logs of TLS connections and certificates, `ssl.log` and `x509.log`: TSV or JSON, by file or folder."""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from toolkit import schema, text
from toolkit.epoch import microseconds
from toolkit.errors import ReadError, ReadWarning
from toolkit.readers.opening import parse_json, read_lines
from toolkit.readers.scans import Scan, Server, ShownFacts, make_server
from toolkit.readers.spelling import (
    HOST_NAME,
    group_of,
    instant_of,
    instant_of_seconds,
    protocol_of,
    serial_of_hex,
    suite_of,
)
from toolkit.readers.zeek_lines import Columns, ConnectionLine, Record
from toolkit.tables import Tables

NAMES: Final = re.compile(r"(?:.*[-_.])?(ssl|x509)\b.*\.log")
"""Names of the files of a folder that are read: `ssl.log`, `x509.00:00:00-01:00:00.log.gz`, `sensor-ssl.log`, …"""

_LOGS: Final = frozenset(("ssl", "x509"))
"""One of these is a word of what lines of these logs call their log, in `#path` or `_path`: `ssl`, `x509_red`, …"""

_OF_TLS: Final = frozenset(
    ("established", "cert_chain_fps", "cert_chain_fuids", "curve", "last_alert", "resumed", "ssl_history")
)
"""Keys that only `ssl.log` has: one of them is in a line about TLS that does not name its log."""

_SHA256: Final = 64
_KEY_TYPES: Final = {"rsa": "RSA", "ecdsa": "EC", "dsa": "DSA"}

_MOST_SHOWN: Final = 50_000
"""Connections without their client that are remembered; of these, only the instant of a line is read."""

_FILE: Final = re.compile(r"F\w*")
_LEAST_MILLISECONDS: Final = 10**11
"""Of 1973 in milliseconds; in seconds, of the year 5138."""


def read_zeek(path: Path) -> Tables:
    """The tables of one log, or of the logs of a folder and of the folders in it, where Zeek keeps a day each.

    `ssl.log` names certificates by file (Zeek before 4.1) or fingerprint; `x509.log`, in the same folder, describes
    them. Without it, what `ssl.log` prints itself is in the `printed_` columns. The clients' addresses, names and
    certificates are not kept. Lines of other logs (`conn`, `http`) are counted and left out. A line that cannot be
    read, or has no instant, is left out with its number.
    """
    files = find_logs(path) if path.is_dir() else [path]
    if not files:
        raise ReadError(f"{path} holds no ssl.log or x509.log: name the folder that does.")
    logs, parts, unreadable = Logs(), [], []
    for file in files:
        try:
            parts.append(logs.read(file))
        except ReadError as error:
            unreadable.append(error)
    if not parts:
        raise unreadable[0]
    for reason in unreadable:
        warnings.warn(f"left out: {reason}", ReadWarning, stacklevel=4)
    with_rows = [part for part in (*parts, logs.rest()) if len(part.observations) or len(part.certificates)]
    return with_rows[0] if len(with_rows) == 1 else Tables.concat(with_rows)


def find_logs(folder: Path) -> list[Path]:
    """The logs of certificates, then those of connections, in the folder and in the folders in it."""
    found = {file: NAMES.match(file.name) for pattern in ("*.log*", "*/*.log*") for file in folder.glob(pattern)}
    logs = {file: match[1] for file, match in found.items() if match and file.is_file()}
    return sorted(logs, key=lambda file: (logs[file] == "ssl", str(file)))


@dataclass
class Logs:
    """What is known across the logs of a folder."""

    identifiers: dict[str, str] = field(default_factory=dict)
    """File or fingerprint by which Zeek names a certificate → its `cert_sha256`."""
    of_servers: set[str] = field(default_factory=set)
    """The `cert_sha256` of certificates that a server showed."""
    of_clients: set[str] = field(default_factory=set)
    """File or fingerprint of those that a client showed."""
    waiting: dict[str, dict[str, object]] = field(default_factory=dict)
    """`cert_sha256` → the row of a certificate that no server has shown yet: it may be a client's."""

    def read(self, path: Path) -> Tables:
        """The tables of one log."""
        scan = Scan(path, "Zeek")
        columns = Columns()
        shown_by: dict[bytes | tuple[object, ...], ShownFacts] = {}
        for number, line in read_lines(path):
            found = columns.split_off_client(line) if line else None
            key = self._key(scan, found) if found else b""
            shown = shown_by.get(key) if found else None
            if found and shown is None and (record := _record_of(line, columns, scan, number)):
                shown = self._read_record(scan, record, number)
                if len(shown_by) >= _MOST_SHOWN:
                    shown_by.clear()
                if shown is not None:
                    shown_by[key] = shown
            if found and shown is not None:
                scan.look_again(shown, found.at)
            elif not found and (record := _record_of(line, columns, scan, number)):
                at = _instant(record.get("ts"))
                if at is None:
                    scan.leave_out("it has no instant (ts)", line=number)
                elif (shown := self._read_record(scan, record, number)) is not None:
                    scan.look_again(shown, microseconds(at))
        if columns.others:
            scan.leave_out(f"{text.counted(columns.others, 'line')} of other logs than ssl.log and x509.log")
        return scan.tables()

    def rest(self) -> Tables:
        """The certificates that neither a server nor a client showed."""
        of_clients = {self.identifiers.get(named, named) for named in self.of_clients}
        rows = [row for identifier, row in self.waiting.items() if identifier not in of_clients]
        return Tables.from_frames(certificates=schema.frame("certificates", rows))

    def _key(self, scan: Scan, line: ConnectionLine) -> bytes | tuple[object, ...]:
        """What lines have in common that show the same: of files, the certificates that are in them."""
        if line.of_client:
            self.of_clients.update(_FILE.findall(line.of_client.decode("ascii", "replace")))
        if not line.of_server:
            return line.rest
        return line.rest, *(self._name(scan, file) for file in _FILE.findall(line.of_server.decode("ascii", "replace")))

    def _read_record(self, scan: Scan, record: Record, number: int) -> ShownFacts | None:
        """Take what a record says. For a connection, return what its look shows."""
        if "id.resp_h" in record and ("_path" in record or not _OF_TLS.isdisjoint(record)):
            return self._read_connection(scan, record, number)
        if "certificate.issuer" in record or "certificate.serial" in record:
            self._read_certificate(scan, record)
        else:
            scan.leave_out("it describes neither a connection of TLS nor a certificate", line=number)
        return None

    def _read_certificate(self, scan: Scan, record: Record) -> None:
        if record.get("client_cert") is True and record.get("host_cert") is not True:
            return
        fingerprint, file = _text(record.get("fingerprint")), _text(record.get("id"))
        key = _text(record.get("certificate.key_type"))
        bits = record.get("certificate.key_length")
        facts = {
            "cert_sha256": fingerprint if fingerprint and len(fingerprint) == _SHA256 else None,
            "subject": _text(record.get("certificate.subject")),
            "issuer": _text(record.get("certificate.issuer")),
            "serial": serial_of_hex(record.get("certificate.serial")),
            "names": (*_texts(record.get("san.dns")), *_texts(record.get("san.ip"))) or None,
            "not_before": _instant(record.get("certificate.not_valid_before")),
            "not_after": _instant(record.get("certificate.not_valid_after")),
            "key_type": _KEY_TYPES.get(key or ""),
            "key_bits": int(str(bits)) if re.fullmatch(r"[0-9]{1,6}", str(bits)) else None,
            "key_curve": group_of(record.get("certificate.curve")),
            "signature_algorithm": _text(record.get("certificate.sig_alg")),
            "is_ca": value if isinstance(value := record.get("basic_constraints.ca"), bool) else None,
        }
        described = scan.description(facts, sha1=fingerprint)
        if described is None:
            return
        identifier = str(described["cert_sha256"])
        for name in (fingerprint, file):
            if name:
                self.identifiers[name] = identifier
        if identifier not in self.of_servers:
            self.waiting[identifier] = described
        else:
            scan.keep(described)

    def _read_connection(self, scan: Scan, record: Record, number: int) -> ShownFacts | None:
        printed = _text(record.get("version"))
        if printed and printed.startswith("DTLS"):
            scan.leave_out("connections of DTLS, which is not TLS over TCP")
            return None
        server = _server_of(record)
        if server is None:
            scan.leave_out("it has no address or port of a server", line=number)
            return None
        self.of_clients.update(_chain(record, "client_cert_chain"))
        chain = [self._name(scan, one) for one in _chain(record, "cert_chain")]
        known = tuple(one for one in chain if one is not None)
        alert = _text(record.get("last_alert"))
        said = [f"last alert: {alert}"] if alert else []
        if printed and protocol_of(printed) is None:
            said.append(f"version: {printed}")
        if printed is None:
            is_refused = alert is not None and "l" in (_text(record.get("ssl_history")) or "l")
            said.append("Zeek saw no hello of the server")
            return scan.showing(server, outcome="refused" if is_refused else "closed", reason="; ".join(said))
        name, code = suite_of(_text(record.get("cipher")))
        leaf = chain[0] if chain else None
        stage = "finished" if record.get("established") is True else "certificate" if leaf else "hello"
        return scan.showing(
            server, stage=stage, reason="; ".join(said) or None, protocol=protocol_of(printed), suite=name,
            suite_code=code, group=group_of(record.get("curve")), leaf_sha256=leaf,
            chain_sha256=known if chain and len(known) == len(chain) else None,
            **({} if leaf else _printed(record)),
        )  # fmt: skip

    def _name(self, scan: Scan, named: str) -> str | None:
        """The identifier of a certificate that a server showed; of one without a description its fingerprint."""
        identifier, row = self.identifiers.get(named), None
        if identifier is None and len(named) == _SHA256 and (row := scan.description({"cert_sha256": named})):
            identifier = named if named == row["cert_sha256"] else str(row["cert_sha256"])  # one text for both
            self.identifiers[named] = identifier
        if identifier is not None and identifier not in self.of_servers:
            self.of_servers.add(identifier)
            if described := self.waiting.pop(identifier, row):
                scan.keep(described)
            else:
                scan.describe({"cert_sha256": named})
        return identifier


def _server_of(record: Record) -> Server | None:
    """The server: by the name that the client asked for, where it can be one, else by its address."""
    address, name = _text(record.get("id.resp_h")), _text(record.get("server_name"))
    host = name if name and HOST_NAME.fullmatch(name) else address
    return make_server(host, record.get("id.resp_p"), address=address, server_name=name)


def _printed(record: Record) -> dict[str, object]:
    """What `ssl.log` itself prints of the leaf."""
    return {
        "printed_subject": _text(record.get("subject")),
        "printed_issuer": _text(record.get("issuer") or record.get("issuer_subject")),
        "printed_not_before": _instant(record.get("not_valid_before")),
        "printed_not_after": _instant(record.get("not_valid_after")),
    }


def _chain(record: Record, name: str) -> list[str]:
    return _texts(record.get(f"{name}_fps")) or _texts(record.get(f"{name}_fuids"))


def _record_of(line: bytes | None, columns: Columns, scan: Scan, number: int) -> Record | None:
    """What a line of these logs says, in TSV with the header of its part, or in JSON; None for other lines."""
    record: Record | None = None
    if line is None:
        scan.leave_out("it is too long", line=number)
    elif line.startswith(b"#"):
        columns.read(line)
    elif line.startswith(b"{"):
        try:
            value = parse_json(line)
        except ValueError:
            scan.leave_out("it is not a JSON object, or is cut short", line=number)
        else:
            record = {name: one for name, one in _flat(value).items() if one not in (None, "", [])}
    elif line.strip():
        record = columns.split(scan.decode(line, number))
        if record is None:
            scan.leave_out("its cells are not those of the header (#fields, #types)", line=number)
    if record and "_path" in record and not _is_of_these_logs(str(record["_path"])):
        columns.others += 1
        return None
    return record


@lru_cache(maxsize=64)
def _is_of_these_logs(path: str) -> bool:
    """Whether what a line calls its log has the name of one of these logs as a word."""
    return not _LOGS.isdisjoint(re.split(r"[-_.]", path))


def _flat(record: Mapping[str, object]) -> dict[str, object]:
    """`{"id": {"orig_h": …}}`, as programs that pass logs on write it, becomes `{"id.orig_h": …}`."""
    flat: dict[str, object] = {}
    for name, value in record.items():
        flat |= {f"{name}.{inner}": one for inner, one in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def _instant(value: object) -> datetime | None:
    """Seconds since 1970; or milliseconds (`JSON::TS_MILLIS`) or ISO 8601, as Zeek writes them on request."""
    if isinstance(value, int) and value >= _LEAST_MILLISECONDS:
        return instant_of_seconds(value / 1000)
    return instant_of_seconds(value) or instant_of(value)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
