"""zgrab2's JSON lines: the TLS handshake in the result of any of its modules."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from toolkit import text
from toolkit.readers.json_lines import read_objects
from toolkit.readers.opening import as_list, as_object
from toolkit.readers.scans import Scan, Times, der_of, make_server
from toolkit.readers.spelling import group_of, instant_of, protocol_of, suite_of
from toolkit.tables import Tables

# Module → port that it asks where no other is given, and the protocol that it upgrades: empty for TLS from the start.
_MODULES: Final = {
    "tls": (443, ""), "http": (443, ""), "smtp": (25, "smtp"), "imap": (143, "imap"), "pop3": (110, "pop3"),
    "ftp": (21, "ftp"), "postgres": (5432, "postgres"), "mysql": (3306, "mysql"), "mssql": (1433, ""),
    "mongodb": (27017, ""), "redis": (6379, ""), "rdp": (3389, "rdp"), "ldap": (389, "ldap"),
    "amqp091": (5671, ""), "mqtt": (8883, ""),
}  # fmt: skip

_FAILURES: Final = {
    "connection-refused": ("port_closed", "connect"), "connection-timeout": ("timeout", "connect"),
    "connection-closed": ("closed", None), "io-timeout": ("timeout", None), "protocol-error": ("not_tls", None),
    "unknown-error": ("unreachable", None), "connection-reset": ("reset", None),
}  # fmt: skip

_HOST_AND_PORT: Final = re.compile(r"(\[[\da-fA-F:.]{2,45}\]|[^:\[\]/]{1,255})(?::(\d{1,5}))?")

_Facts = Mapping[str, Any]


def read_zgrab2(path: Path) -> Tables:
    """The tables of a file of JSON lines; a result of a module that attempted no TLS handshake has no row.

    A line that cannot be read is left out with its number.
    """
    scan = Scan(path, "zgrab2")
    without = 0
    for number, record in read_objects(path, scan):
        data = record.get("data")
        if not isinstance(data, dict):
            scan.leave_out("an object without results", line=number)
            continue
        for module, result in data.items():
            if isinstance(result, dict):
                without += not _read_result(scan, record, str(module), result, number)
    if without:
        scan.leave_out(f"{text.counted(without, 'result')} without a TLS handshake")
    return scan.tables()


def _read_result(scan: Scan, record: _Facts, module: str, result: _Facts, number: int) -> bool:
    """Whether it is about TLS."""
    port, starttls = _MODULES.get(str(result.get("protocol") or module), (None, ""))
    name, named_port = _requested(result)
    is_redirected = name not in (None, record.get("domain"), record.get("ip"))
    domain = name if is_redirected else record.get("domain")
    server = make_server(
        domain or record.get("ip"),
        named_port or result.get("port") or record.get("port") or port,
        address=None if is_redirected else record.get("ip"),
        server_name=domain,
        starttls=starttls,
    )
    if server is None:
        scan.leave_out("a result without host or port", line=number)
        return True
    times = Times(at=instant_of(result.get("timestamp")))
    log = next(_logs(result.get("result")), None)
    status = str(result.get("status"))
    if log is None or not as_object(log.get("server_hello")):
        if status == "success" and log is None:
            return False
        outcome, stage = _FAILURES.get(status, ("unreachable", None))
        reason = f"{status}: {result.get('error')}" if result.get("error") else status
        scan.look(server, times, outcome=outcome, stage=stage, reason=reason)
        return True
    hello = as_object(log["server_hello"])
    version = as_object(as_object(hello.get("supported_versions")).get("selected_version")) or as_object(
        hello.get("version")
    )
    suite, code = suite_of(
        as_object(hello.get("cipher_suite")).get("name"), as_object(hello.get("cipher_suite")).get("value")
    )
    shown = as_object(log.get("server_certificates"))
    raws = [as_object(shown.get("certificate")), *as_list(shown.get("chain"))]
    chain = tuple(scan.add_certificate(der) for one in raws if (der := der_of(as_object(one).get("raw"))))
    scan.look(
        server, times, stage="certificate" if chain else "hello",
        protocol=protocol_of(version.get("value")) or protocol_of(version.get("name")),
        suite=suite, suite_code=code, group=_group(log, hello),
        leaf_sha256=chain[0] if chain else None, chain_sha256=chain or None,
        has_ocsp_staple=hello.get("ocsp_stapling") if isinstance(hello.get("ocsp_stapling"), bool) else None,
        reason=None if status == "success" else f"{status}: {result.get('error')}",
    )  # fmt: skip
    return True


def _requested(result: _Facts) -> tuple[str | None, int | None]:
    """Host and port of the request whose handshake the result of `http` holds, after redirections."""
    response = as_object(as_object(result.get("result")).get("response"))
    url = as_object(as_object(response.get("request")).get("url"))
    if url.get("scheme") != "https" or not isinstance(url.get("host"), str):
        return None, None
    match = _HOST_AND_PORT.fullmatch(url["host"])
    return (match[1].strip("[]"), int(match[2]) if match[2] else None) if match else (None, None)


def _logs(value: object) -> Iterator[_Facts]:
    """Each handshake log within a result, at any depth."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(one.get("handshake_log"), dict):
                yield one["handshake_log"]
            waiting += [inner for inner in one.values() if isinstance(inner, dict)]


def _group(log: _Facts, hello: _Facts) -> str | None:
    curve = as_object(as_object(as_object(log.get("server_key_exchange")).get("ecdh_params")).get("curve_id"))
    share = as_object(hello.get("key_share") or hello.get("server_share"))
    found = curve or as_object(share.get("group"))
    return group_of(found.get("name"), found.get("id"))
