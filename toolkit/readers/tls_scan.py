"""tls-scan's JSON (`--pretty` or a line each), with the summary that it prints after it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from toolkit.readers.json_lines import read_objects
from toolkit.readers.scans import UNDATED, Scan, Server, Times, ders_of, make_server
from toolkit.readers.spelling import instant_of, protocol_of, serial_of_hex, suite_of
from toolkit.tables import Tables

_NOT_LISTED: Final = "tls-scan does not list this version"
_KEY_TYPES: Final = ("RSA", "EC", "DSA")
_SHORT: Final = re.compile(r"[\\\"+,<>]")

_Facts = Mapping[str, Any]


def read_tls_scan(path: Path) -> Tables:
    """The tables of a scan. It has neither a version of the tool nor a date; suites are listed without a version.

    A suite that tls-scan calls not supported is `refused`.
    """
    scan = Scan(path, "tls-scan")
    for number, record in read_objects(path, scan):
        server = make_server(
            record.get("host") or record.get("ip"), record.get("port"), address=record.get("ip"),
            server_name=record.get("host"), starttls=None,
        )  # fmt: skip
        if server is None:
            scan.leave_out("an object without host or port", line=number)
        else:
            _read_record(scan, record, server, scan.begin(server, UNDATED))
    return scan.tables()


def _read_record(scan: Scan, record: _Facts, server: Server, times: Times) -> None:
    shown = record.get("certificateChain")
    chain = [_read_certificate(scan, one) for one in shown if isinstance(one, dict)] if isinstance(shown, list) else []
    known = tuple(one for one in chain if one is not None)
    words = str(record.get("cipher") or "").split()
    name, code = suite_of(words[0]) if words else (None, None)
    stapled = record.get("ocspStapled")
    scan.look(
        server, times, stage="certificate" if known else "hello", protocol=protocol_of(record.get("tlsVersion")),
        suite=name, suite_code=code, leaf_sha256=known[0] if known else None, chain_sha256=known or None,
        has_ocsp_staple=stapled if isinstance(stapled, bool) else None,
    )  # fmt: skip
    versions = record.get("tlsVersions")
    if isinstance(versions, list):
        accepted = [protocol for one in versions if (protocol := protocol_of(one))]
        for protocol in accepted:
            scan.answer(server, times, "accepted", protocol=protocol)
        scan.answer_rest(server, times, accepted, _NOT_LISTED)
    suites = record.get("cipherSuite")
    if isinstance(suites, dict):
        for key, state in (("supported", "accepted"), ("notSupported", "refused")):
            listed = suites.get(key)
            for spelling in dict.fromkeys(map(str, listed)) if isinstance(listed, list) else ():
                found, number = suite_of(spelling)
                scan.answer(server, times, state, suite=found, suite_code=number, reason=f"tls-scan: {key}")  # type: ignore[arg-type]


def _read_certificate(scan: Scan, shown: _Facts) -> str | None:
    for der in ders_of(shown.get("certificatePem") or shown.get("pem")):
        return scan.add_certificate(der)
    key, bits = shown.get("publicKeyAlg"), shown.get("publicKeySize")
    names = shown.get("subjectAltName")
    prints = re.sub(r":", "", str(shown.get("sha1Fingerprint") or "")) or None
    return scan.describe(
        {
            "subject": _name(shown.get("subject")),
            "issuer": _name(shown.get("issuer")),
            "serial": serial_of_hex(shown.get("serialNo")),
            "names": tuple(re.findall(r"(?:DNS|IP Address):([^,\s]+)", names)) if isinstance(names, str) else None,
            "not_before": instant_of(shown.get("notBefore")),
            "not_after": instant_of(shown.get("notAfter")),
            "key_type": key if key in _KEY_TYPES else None,
            "key_bits": bits if isinstance(bits, int) else None,
            "signature_algorithm": shown.get("signatureAlg") if isinstance(shown.get("signatureAlg"), str) else None,
        },
        sha1=prints,
    )


def _name(printed: object) -> str | None:
    """`CN=a; O=b` as RFC 4514 writes it."""
    if not isinstance(printed, str) or not printed:
        return None
    return ",".join(_SHORT.sub(lambda match: "\\" + match[0], part) for part in printed.split("; "))
