"""zgrab2's JSON lines: the TLS handshake in the result of any of its modules."""

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from toolkit import text
from toolkit.readers.json_lines import read_objects
from toolkit.readers.opening import as_list, as_object
from toolkit.readers.scans import Scan, Times, der_of, make_server
from toolkit.readers.spelling import group_of, instant_of, protocol_of, suite_of
from toolkit.tables import Tables

# Module → port of its TLS where no other is given, and the protocol that it upgrades: empty for TLS from the start.
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

_UPGRADES: Final = frozenset(("tls", "starttls", "auth_tls", "auth_ssl"))
"""Keys of a result that asked for TLS on a connection without it."""

_HOST_AND_PORT: Final = re.compile(r"(\[[\da-fA-F:.]{2,45}\]|[^:\[\]/]{1,255})(?::(\d{1,5}))?")

_Facts = Mapping[str, Any]
_Handshake = tuple[str | None, int | None, _Facts]
"""Host and port where a request named them, and what zgrab2 logged of the handshake."""


def read_zgrab2(path: Path) -> Tables:
    """The tables of a file of JSON lines; a result that shows no attempt at a TLS handshake has no row.

    Each request by https has a row, those that were redirected too. A failure has one where the module is `tls`, or
    its result shows that it asked for TLS. A line that cannot be read is left out with its number.
    """
    scan = Scan(path, "zgrab2")
    without = 0
    for number, record in read_objects(path, scan):
        data = record.get("data")
        if not isinstance(data, dict):
            scan.leave_out("an object without results", line=number)
            continue
        for name, result in data.items():
            if isinstance(result, dict):
                module = str(result.get("protocol") or name)
                handshakes = _handshakes(module, result)
                without += not handshakes
                for handshake in handshakes:
                    is_last = handshake is handshakes[-1]
                    _read_handshake(scan, record, module, result, handshake, is_last=is_last, number=number)
    if without:
        scan.leave_out(f"{text.counted(without, 'result')} without a TLS handshake")
    return scan.tables()


def _read_handshake(
    scan: Scan, record: _Facts, module: str, result: _Facts, handshake: _Handshake, *, is_last: bool, number: int
) -> None:
    port, starttls = _MODULES.get(module, (None, ""))
    name, named_port, log = handshake
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
        return
    times = Times(at=instant_of(result.get("timestamp")))
    status = str(result.get("status"))
    hello = as_object(log.get("server_hello"))
    if not hello:
        outcome, stage = _FAILURES.get(status, ("unreachable", None))
        reason = f"{status}: {result.get('error')}" if result.get("error") else status
        scan.look(server, times, outcome=outcome, stage=stage, reason=reason)
        return
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
        reason=None if status == "success" or not is_last else f"{status}: {result.get('error')}",
    )  # fmt: skip


def _handshakes(module: str, result: _Facts) -> list[_Handshake]:
    """Those that a result shows to have been attempted; one that several requests share is one."""
    has_failed = result.get("status") != "success"
    found = as_object(result.get("result"))
    responses = [*as_list(found.get("redirect_response_chain")), found.get("response")]
    requests = [as_object(as_object(one).get("request")) for one in responses]
    last = requests[-1]
    handshakes = [
        (*_requested(request), log)
        for request in requests
        if (log := next(_logs(request), {}))
        or (request is last and has_failed and _url(request).get("scheme") == "https")
    ]
    if handshakes:
        return [one for one, _ in groupby(handshakes)]
    log = next(_logs(found), {})
    return [(None, None, log)] if log or (has_failed and (module == "tls" or not _UPGRADES.isdisjoint(found))) else []


def _url(request: _Facts) -> _Facts:
    return as_object(request.get("url"))


def _requested(request: _Facts) -> tuple[str | None, int | None]:
    """Host and port that a request of `http` asked by https."""
    url = _url(request)
    if url.get("scheme") != "https" or not isinstance(url.get("host"), str):
        return None, None
    match = _HOST_AND_PORT.fullmatch(url["host"])
    return (match[1].strip("[]"), int(match[2] or 443)) if match else (None, None)


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
