"""SSL Labs' JSON (API versions 2 to 4, ssllabs-scan): hosts with their endpoints."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from toolkit import text
from toolkit.errors import ReadError
from toolkit.readers.opening import as_list, as_object, line_of, parse_json, read_plain, read_values
from toolkit.readers.scans import Scan, Server, Times, ders_of, make_server, outcome_of
from toolkit.readers.spelling import (
    group_of,
    instant_of_seconds,
    name_of_rfc4514,
    protocol_of,
    serial_of_hex,
    suite_of,
)
from toolkit.tables import Tables

_ASKED: Final = ("SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2")
"""Of these, its report says "No" where they are not listed."""

_NOT_LISTED: Final = "SSL Labs asks for this version and lists those that are supported"
_SILENT: Final = (
    "SSL Labs does not list it. It asks for TLS 1.3 since 2018, and misses it at some servers "
    "(https://github.com/ssllabs/ssllabs-scan/issues/1005); of an assessment that is not ready, nothing follows"
)
_READY: Final = "Ready"

_Facts = Mapping[str, Any]


def read_ssllabs(path: Path) -> Tables:
    """The tables of an assessment, one or several hosts; each endpoint is an address of the service.

    SSL 2.0 to TLS 1.2 are `refused` where an endpoint that is ready lists other versions; TLS 1.3 is `untested` then.
    Of a file that is cut short, the hosts that are whole are read. Raises `ReadError` where there is none.
    """
    document, damage = read_plain(path)
    scan = Scan(path, "SSL Labs")
    for host in _hosts(document, damage, scan, path):
        scan.name_version(host.get("engineVersion"))
        times = Times(begins=_instant(host.get("startTime")), ends=_instant(host.get("testTime")))
        certificates = {str(one.get("id")): one for one in map(as_object, as_list(host.get("certs")))}
        for endpoint in map(as_object, as_list(host.get("endpoints"))):
            name = host.get("host")
            server = make_server(
                name, host.get("port", 443), address=endpoint.get("ipAddress"), server_name=name, starttls=""
            )
            if server is None:
                scan.leave_out("an endpoint without host or port")
            else:
                _read_endpoint(scan, endpoint, certificates, server, times)
    return scan.tables()


def _hosts(document: str, damage: str | None, scan: Scan, path: Path) -> Iterator[_Facts]:
    try:
        report = parse_json(document)
    except ValueError as error:
        start = len(document) - len(document.lstrip()) + 1
        whole = list(read_values(document, start)) if document.lstrip().startswith("[") else []
        if not whole:
            said = damage or text.plain(error)
            raise ReadError(f"{path} is not JSON, or is cut short: {said}. Get the file again.") from error
        scan.leave_out("the JSON is cut short after the last host that is whole", line=line_of(document, whole[-1][0]))
        report = [value for _, value in whole]
    yield from (as_object(one) for one in (report if isinstance(report, list) else [report]))


def _read_endpoint(
    scan: Scan, endpoint: _Facts, certificates: Mapping[str, _Facts], server: Server, times: Times
) -> None:
    said = str(endpoint.get("statusMessage"))
    details = as_object(endpoint.get("details"))
    if not details:
        scan.look(server, times, outcome=outcome_of(said), reason=said)
        return
    chains = [
        (
            bool(one.get("noSni")),
            tuple(_certificate(scan, str(name), certificates) for name in as_list(one.get("certIds"))),
        )
        for one in map(as_object, as_list(details.get("certChains")))
    ]
    times = scan.begin(server, times)
    unnamed = Server(server.scheme, server.host, server.port, server.address)
    for is_unnamed, chain in chains or [(False, ())]:
        scan.look(
            unnamed if is_unnamed else server, times, stage="certificate" if chain else "hello",
            leaf_sha256=chain[0] if chain else None, chain_sha256=chain or None,
            reason=None if said == _READY else said,
            has_ocsp_staple=details.get("ocspStapling") if isinstance(details.get("ocspStapling"), bool) else None,
        )  # fmt: skip
    known = [protocol for one in map(as_object, as_list(details.get("protocols"))) if (protocol := _protocol(one))]
    for protocol in known:
        scan.answer(server, times, "accepted", protocol=protocol)
    for listed in map(as_object, as_list(details.get("suites"))):
        _answer_suites(scan, server, times, listed)
    for group in map(as_object, as_list(as_object(details.get("namedGroups")).get("list"))):
        found = group_of(group.get("name"), group.get("id"))
        if found is not None:
            scan.answer(server, times, "accepted", group=found)
    refused = [one for one in _ASKED if one not in known] if known and said == _READY else []
    scan.answer_versions(server, times, refused, "refused", _NOT_LISTED)
    scan.answer_rest(server, times, {*known, *refused}, _SILENT)


def _protocol(listed: _Facts) -> str | None:
    return protocol_of(listed.get("id")) or protocol_of(f"{listed.get('name')} {listed.get('version')}")


def _answer_suites(scan: Scan, server: Server, times: Times, listed: _Facts) -> None:
    ranked = listed.get("preference") is True
    for rank, one in enumerate(map(as_object, as_list(listed.get("list"))), 1):
        code = one.get("id")
        name, known = suite_of(one.get("name"), code if isinstance(code, int) else None)
        if name is not None:
            scan.answer(
                server, times, "accepted", protocol=protocol_of(listed.get("protocol")), suite=name, suite_code=known,
                rank=rank if ranked else None,
            )  # fmt: skip


def _certificate(scan: Scan, identifier: str, certificates: Mapping[str, _Facts]) -> str:
    """The certificate of that identifier, which is its SHA-256, by its DER, else as described."""
    shown = certificates.get(identifier, {})
    for der in ders_of(shown.get("raw")):
        return scan.add_certificate(der)
    names, size = as_list(shown.get("altNames")), shown.get("keySize")
    facts = {
        "cert_sha256": shown.get("sha256Hash") or identifier,
        "subject": name_of_rfc4514(shown.get("subject")),
        "issuer": name_of_rfc4514(shown.get("issuerSubject")),
        "names": tuple(map(str, names)) or None,
        "serial": serial_of_hex(shown.get("serialNumber")),
        "not_before": _instant(shown.get("notBefore")),
        "not_after": _instant(shown.get("notAfter")),
        "key_type": shown.get("keyAlg") if shown.get("keyAlg") in ("RSA", "EC", "DSA") else None,
        "key_bits": size if isinstance(size, int) else None,
    }
    return str(scan.describe(facts, sha1=shown.get("sha1Hash")))


def _instant(milliseconds: object) -> Any:
    return instant_of_seconds(milliseconds / 1000) if isinstance(milliseconds, int | float) else None
