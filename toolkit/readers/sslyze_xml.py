"""SSLyze's XML (`--xml_out`), versions 1 and 2; later ones write JSON alone."""

import re
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from toolkit.readers.markup import XmlRecords
from toolkit.readers.scans import UNDATED, Scan, Server, State, Times, ders_of, make_server, outcome_of
from toolkit.readers.spelling import attribute_of, group_of, instant_of, protocol_of, serial_of, suite_of
from toolkit.schema import PROTOCOLS
from toolkit.tables import Tables

_VERSIONS: Final = ("sslv2", "sslv3", "tlsv1", "tlsv1_1", "tlsv1_2", "tlsv1_3")
_CANNOT_OFFER: Final = "no ciphers available"
"""SSLyze's own OpenSSL cannot offer the suite: it was not asked about."""

_PLAIN: Final = ("https", "plain tls", "plain_tls", "tls", "ssl")
_KEY_TYPES: Final = {"RSA": "RSA", "EllipticCurve": "EC", "DSA": "DSA"}
_BETWEEN: Final = re.compile(r", (?=[A-Za-z][\w.]*=)")
_SPECIAL: Final = re.compile(r'[\\",+<>;]')
_TARGET: Final = re.compile(r"\s*\[?([^\]\s]+?)\]?:(\d{1,5})\s*\Z")


def read_sslyze_xml(path: Path) -> Tables:
    """The tables of a report in XML. The report has no date, so the rows are undated.

    A suite that SSLyze's OpenSSL could not offer is `untested`, and so is one whose connection ended in an error.
    """
    scan = Scan(path, "sslyze")
    records = XmlRecords(path, {"target", "invalidTarget"})
    for record in records:
        scan.name_version(records.root.get("SSLyzeVersion", "").rpartition(" v")[2])
        if record.tag == "invalidTarget":
            _read_failure(scan, record)
            continue
        wrapped = record.get("tlsWrappedProtocol", "").lower().replace("starttls", "").strip(" _")
        server = make_server(
            record.get("host"), record.get("port"), address=record.get("ip"), server_name=_name_asked(record),
            starttls="" if wrapped in _PLAIN else wrapped,
        )  # fmt: skip
        if server is None:
            scan.leave_out("a target without host or port")
        else:
            _read_target(scan, record, server, scan.begin(server, UNDATED))
    scan.leave_out_rest(records.problem)
    return scan.tables()


def _read_failure(scan: Scan, record: Element) -> None:
    said = record.get("error", "SSLyze could not connect")
    match = _TARGET.match(record.text or "")
    server = make_server(match[1], match[2], starttls="") if match else None
    if server is None:
        scan.leave_out(f"SSLyze says: {said}")
    else:
        scan.look(server, UNDATED, outcome=outcome_of(said), stage="connect", reason=said)


def _name_asked(target: Element) -> str | None:
    chain = target.find("certinfo/receivedCertificateChain")
    return None if chain is None else chain.get("suppliedServerNameIndication")


def _read_target(scan: Scan, target: Element, server: Server, times: Times) -> None:
    chain = tuple(
        name
        for one in target.findall("certinfo/receivedCertificateChain/certificate")
        if (name := _read_certificate(scan, one)) is not None
    )
    chosen: dict[str, object] = {}
    for tag, protocol in zip(_VERSIONS, PROTOCOLS, strict=True):
        listed = target.find(tag)
        if listed is None:
            scan.answer(server, times, "untested", protocol=protocol, reason="SSLyze was not asked to test it")
            continue
        _answer_version(scan, server, times, protocol, listed)
        preferred = listed.find("preferredCipherSuite/cipherSuite")
        if preferred is not None:
            name, code = suite_of(preferred.get("name"))
            chosen = {"protocol": protocol_of(protocol), "suite": name, "suite_code": code}
    failed = target.find("certinfo")
    said = None if failed is None else failed.get("exception")
    if chain or chosen or said:
        scan.look(
            server, times, stage="certificate" if chain else "hello", leaf_sha256=chain[0] if chain else None,
            chain_sha256=chain or None, reason=f"certinfo: {said}" if said else None, **chosen,
        )  # fmt: skip


def _answer_version(scan: Scan, server: Server, times: Times, protocol: str, listed: Element) -> None:
    accepted = listed.findall("acceptedCipherSuites/cipherSuite")
    rejected = listed.findall("rejectedCipherSuites/cipherSuite")
    states = [_state_of_rejected(one) for one in rejected]
    is_refused = "refused" in states or (not states and listed.get("isProtocolSupported") == "False")
    state: State = "accepted" if accepted else "refused" if is_refused else "untested"
    reason = listed.get("exception") or (None if state != "untested" else "SSLyze got no answer about it")
    scan.answer(server, times, state, protocol=protocol, reason=reason)
    groups = [("accepted", accepted), ("untested", listed.findall("errors/cipherSuite"))]
    answers: list[tuple[str, Element]] = [(state, one) for state, group in groups for one in group]
    for answered, one in [*answers, *zip(states, rejected, strict=True)]:
        name, code = suite_of(one.get("name"))
        scan.answer(
            server, times, answered, protocol=protocol, suite=name, suite_code=code,  # type: ignore[arg-type]
            reason=one.get("connectionStatus"),
        )  # fmt: skip


def _state_of_rejected(suite: Element) -> State:
    return "untested" if _CANNOT_OFFER in suite.get("connectionStatus", "").lower() else "refused"


def _read_certificate(scan: Scan, shown: Element) -> str | None:
    for der in ders_of(shown.findtext("asPEM")):
        return scan.add_certificate(der)
    key = shown.find("publicKey")
    size = "" if key is None else key.get("size", "")
    facts = {
        "subject": _name(shown.findtext("subject")),
        "issuer": _name(shown.findtext("issuer")),
        "serial": serial_of(shown.findtext("serialNumber")),
        "names": tuple(name.text for name in shown.findall("subjectAlternativeName/DNS") if name.text) or None,
        "not_before": instant_of(shown.findtext("notBefore"), zone="Z"),
        "not_after": instant_of(shown.findtext("notAfter"), zone="Z"),
        "key_type": None if key is None else _KEY_TYPES.get(key.get("algorithm", "")),
        "key_bits": int(size) if re.fullmatch(r"[0-9]{1,6}", size) else None,
        "key_curve": None if key is None else group_of(key.get("curve")),
    }
    return scan.describe(facts, sha1=shown.get("sha1Fingerprint") or None)


def _name(printed: str | None) -> str | None:
    """`countryName=BE, commonName=b` in the order and with the escapes of RFC 4514."""
    if not printed:
        return None
    parts = [part.partition("=") for part in _BETWEEN.split(printed)]
    escaped = ((kind, _SPECIAL.sub(lambda match: "\\" + match[0], value)) for kind, _, value in reversed(parts))
    return ",".join(f"{attribute_of(kind)}={value}" for kind, value in escaped)
