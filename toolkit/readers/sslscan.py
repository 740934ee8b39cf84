"""sslscan's XML (`--xml=`), versions 1 and 2."""

import re
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from toolkit.readers.markup import XmlRecords
from toolkit.readers.scans import UNDATED, Scan, Server, Times, ders_of, make_server, outcome_of
from toolkit.readers.spelling import group_of, instant_of, protocol_of, serial_of_hex, suite_of
from toolkit.tables import Tables

_NO_LIST: Final = "this version of sslscan prints no list of versions, and lists no suite of this one"
_NO_SUITES: Final = "sslscan lists no suite of this version: its OpenSSL cannot offer it, so it did not ask"
_ERROR: Final = re.compile(r"host (\S+)(?: \(([^)]*)\))? on port (\d+)")
_KEY_TYPES: Final = {"RSA": "RSA", "EC": "EC", "DSA": "DSA"}
_STATES: Final = {"accepted": "accepted", "preferred": "accepted", "rejected": "refused", "not accepted": "refused"}


def read_sslscan(path: Path) -> Tables:
    """The tables of a report in XML. The report has no date, so the rows are undated.

    A version that is enabled and of which no suite is listed was asked without its suites: those that are listed
    under other versions are `untested` for it.
    """
    scan = Scan(path, "sslscan")
    records = XmlRecords(path, {"ssltest", "error"})
    for record in records:
        scan.name_version(records.root.get("version"))
        if record.tag == "error":
            _read_error(scan, record.text or "")
            continue
        server = make_server(record.get("host"), record.get("port"), server_name=record.get("sniname"))
        if server is None:
            scan.leave_out("a test without host or port")
        else:
            _read_test(scan, record, server, scan.begin(server, UNDATED))
    scan.leave_out_rest(records.problem)
    return scan.tables()


def _read_error(scan: Scan, said: str) -> None:
    match = _ERROR.search(said)
    server = make_server(match[1], match[3], address=match[2], server_name=match[1]) if match else None
    if server is None:
        scan.leave_out(f"sslscan says: {said.strip()}")
    else:
        scan.look(server, UNDATED, outcome=outcome_of(said), stage="connect", reason=said.strip())


def _read_test(scan: Scan, test: Element, server: Server, times: Times) -> None:
    ciphers = test.findall("cipher")
    accepted = [one for one in ciphers if one.get("status") in ("accepted", "preferred")]
    first = next((one for one in accepted if one.get("status") == "preferred"), None)
    leaf, facts = _read_certificate(scan, test)
    if accepted or leaf:
        name, code = (None, None) if first is None else suite_of(first.get("cipher"), _code(first))
        protocol = None if first is None else protocol_of(first.get("sslversion"))
        scan.look(
            server, times, stage="certificate" if leaf else "hello", leaf_sha256=leaf, protocol=protocol,
            suite=name, suite_code=code, **facts,
        )  # fmt: skip
    _read_versions(scan, test, accepted, server, times)
    for cipher in ciphers:
        name, code = suite_of(cipher.get("cipher"), _code(cipher))
        state = _STATES.get(cipher.get("status", ""), "untested")
        scan.answer(
            server, times, state, protocol=protocol_of(cipher.get("sslversion")), suite=name, suite_code=code,  # type: ignore[arg-type]
            reason=cipher.get("status"),
        )  # fmt: skip
    for group in test.findall("group"):
        found = group_of(group.get("name"), _hex(group.get("id")))
        if found is None:
            scan.leave_out(f"the group {group.get('name')!r} is not known")
        else:
            scan.answer(server, times, "accepted", protocol=protocol_of(group.get("sslversion")), group=found)


def _read_versions(scan: Scan, test: Element, accepted: list[Element], server: Server, times: Times) -> None:
    listed = {protocol_of(one.get("sslversion")) for one in accepted} - {None}
    said = {
        protocol_of(f"{one.get('type')}v{one.get('version')}"): one.get("enabled") for one in test.findall("protocol")
    }
    for protocol, enabled in said.items():
        if protocol is None:
            continue
        is_enabled = enabled == "1"
        silent = is_enabled and bool(accepted) and protocol not in listed
        reason = f"sslscan: enabled={enabled}" + ("; it lists no suite of this version" if silent else "")
        scan.answer(server, times, "accepted" if is_enabled else "refused", protocol=protocol, reason=reason)
        if silent:
            for name, code in dict.fromkeys(suite_of(one.get("cipher"), _code(one)) for one in accepted):
                scan.answer(
                    server, times, "untested", protocol=protocol, suite=name, suite_code=code, reason=_NO_SUITES
                )
    if not said:
        for protocol in sorted(str(one) for one in listed):
            scan.answer(server, times, "accepted", protocol=protocol, reason="sslscan lists suites of this version")
    known = {one for one in (*said, *(listed if not said else ())) if one is not None}
    scan.answer_rest(server, times, known, _NO_LIST if not said else "sslscan does not list this version")


def _read_certificate(scan: Scan, test: Element) -> tuple[str | None, dict[str, object]]:
    """The leaf's identifier, and what is printed where there is no DER."""
    shown = next(iter(test.iter("certificate")), None)
    if shown is None:
        return None, {}
    for blob in shown.iter("certificate-blob"):
        for der in ders_of(blob.text):
            return scan.add_certificate(der), {}
    said = {child.tag: (child.text or "").strip() for child in shown}
    begins, ends = instant_of(said.get("not-valid-before")), instant_of(said.get("not-valid-after"))
    algorithm = said.get("signature-algorithm", "").removeprefix("Signature Algorithm:").strip() or None
    key = shown.find("pk")
    bits = (key.get("bits") or "") if key is not None else ""
    names = [part.partition(":") for part in said.get("altnames", "").split(", ") if part]
    leaf = scan.describe(
        {
            "names": tuple(name for kind, _, name in names if kind in ("DNS", "IP Address")) if names else None,
            "serial": serial_of_hex(said.get("serial")),
            "not_before": begins,
            "not_after": ends,
            "key_type": None if key is None else _KEY_TYPES.get(key.get("type") or ""),
            "key_bits": int(bits) if bits.isdecimal() and len(bits) < 6 else None,
            "signature_algorithm": algorithm,
        }
    )
    return leaf, {
        "printed_subject": said.get("subject") or None,
        "printed_issuer": said.get("issuer") or None,
        "printed_serial": said.get("serial") or None,
        "printed_not_before": begins,
        "printed_not_after": ends,
    }


def _code(cipher: Element) -> int | None:
    return _hex(cipher.get("id"))


def _hex(digits: str | None) -> int | None:
    return int(digits, 16) if digits and re.fullmatch(r"0x[0-9a-fA-F]{1,6}", digits) else None
