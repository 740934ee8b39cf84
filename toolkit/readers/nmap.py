"""nmap's XML (`-oX`): the scripts `ssl-cert` and `ssl-enum-ciphers`, and ports that did not answer."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from toolkit.readers.markup import XmlRecords
from toolkit.readers.scans import Scan, Server, Times, ders_of, make_server
from toolkit.readers.spelling import (
    attribute_of,
    instant_of,
    instant_of_seconds,
    protocol_of,
    serial_of_hex,
    suite_of,
)
from toolkit.tables import Tables

_ASKED: Final = ("SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2")
"""What `ssl-enum-ciphers` asks for, in any release, version by version."""

_LISTS_ALL: Final = (7, 30)
"""The release from which it lists each of them that is accepted; before, it missed TLS 1.2 (nmap's changelog)."""

_NOT_LISTED: Final = (
    "nmap asks for this version, lists those that answer its hello, and not this one; a connection that was dropped "
    "would look the same"
)
_SILENT: Final = (
    "nmap does not ask for SSL 2.0, nor before 7.92 for TLS 1.3, which it misses at some servers "
    "(https://github.com/nmap/nmap/issues/3147); before 7.30 it missed TLS 1.2. Between versions that it lists, and "
    "below TLS 1.3, its hello may have lacked the signature scheme (RSASSA-PSS, Ed25519), or a connection was dropped"
)
_CUT: Final = "the file is cut short"

# Reasons of nmap for a port that is not open → outcome.
_CLOSED: Final = {"conn-refused": "port_closed", "reset": "port_closed", "no-response": "timeout"}

_STARTTLS: Final = {
    **{name: name for name in ("smtp", "imap", "pop3", "ftp", "ldap", "lmtp", "sieve")},
    "postgresql": "postgres",
}
_KEY_TYPES: Final = {"rsa": "RSA", "ec": "EC", "dsa": "DSA"}


def read_nmap(path: Path) -> Tables:
    """The tables of a report in XML; ports without a result of the TLS scripts and open ports of UDP have no rows.

    The list of `ssl-enum-ciphers` is complete by its own word: it asks for SSL 3.0 to TLS 1.2, each by itself, and
    prints nothing before it has asked for all. Of a port with a list, those that are not in it are `refused` (since
    nmap 7.30); a connection that failed meanwhile would look the same. `untested` are, where they are not listed,
    SSL 2.0 and TLS 1.3, a version between others, TLS 1.2 where TLS 1.3 is (nmap's hello has neither RSASSA-PSS nor
    Ed25519), and everything where no version is. Raises `ReadError` for a file that declares entities.
    """
    scan = Scan(path, "nmap")
    records = XmlRecords(path, {"host"}, units={"port"})
    for host in records:
        scan.name_version(records.root.get("version"))
        _read_host(scan, host, records.root)
    scan.leave_out_rest(records.problem)
    return scan.tables()


def _read_host(scan: Scan, host: Element, root: dict[str, str]) -> None:
    address = next((one.get("addr") for one in host.iter("address") if one.get("addrtype") in ("ipv4", "ipv6")), None)
    asked = next((one.get("name") for one in host.iter("hostname") if one.get("type") == "user"), None)
    begins = instant_of_seconds(host.get("starttime") or root.get("start"))
    times = Times(begins=begins, ends=instant_of_seconds(host.get("endtime")))
    for port in host.iter("port"):
        if port.get("protocol") != "tcp":
            continue
        server = make_server(
            asked or address, port.get("portid"), address=address, server_name=asked, starttls=_upgraded(port)
        )
        if server is None:
            scan.leave_out("a port without address or number")
        else:
            _read_port(scan, port, server, times)


def _upgraded(port: Element) -> str | None:
    """The protocol that the scripts upgraded: empty for TLS from the start, None where the port decides."""
    service = port.find("service")
    if service is None or service.get("method") == "table":
        return None
    return "" if service.get("tunnel") == "ssl" else _STARTTLS.get(service.get("name", ""))


def _read_port(scan: Scan, port: Element, server: Server, times: Times) -> None:
    state = port.find("state")
    if state is None:
        return
    if state.get("state") != "open":
        reason = state.get("reason", "")
        said = f"{state.get('state')}: {reason}"
        scan.look(server, times, outcome=_CLOSED.get(reason, "unreachable"), stage="connect", reason=said)
        return
    scripts = {script.get("id"): script for script in port.iter("script")}
    shown, ciphers = scripts.get("ssl-cert"), scripts.get("ssl-enum-ciphers")
    versions = [] if ciphers is None else [one for one in ciphers.findall("table") if protocol_of(one.get("key"))]
    if shown is None and not versions:
        return
    leaf = None if shown is None else _read_certificate(scan, shown)
    times = scan.begin(server, times)
    scan.look(
        server,
        times,
        stage="certificate" if leaf else "hello",
        leaf_sha256=leaf,
        reason="nmap does not say what was negotiated",
    )
    if ciphers is None:
        return
    for version in versions:
        _read_version(scan, version, server, times)
    listed = {str(protocol_of(one.get("key"))) for one in versions}
    refused = _refused(listed) if listed and _lists_all(scan.tool) else []
    scan.answer_versions(server, times, refused, "refused", _NOT_LISTED)
    scan.answer_rest(server, times, {*listed, *refused}, _SILENT)


def _refused(listed: set[str]) -> list[str]:
    """The versions that nmap asked for and did not list, without those that its hello may not have reached."""
    lowest = min(listed)  # their names are in the order of the versions
    doubtful = {one for one in _ASKED if lowest < one < max(listed)} | ({"TLS 1.2"} if "TLS 1.3" in listed else set())
    return [one for one in _ASKED if one not in listed and one not in doubtful]


def _lists_all(tool: str) -> bool:
    release = re.match(r"nmap (\d{1,4})\.(\d{1,4})", tool)
    return release is not None and (int(release[1]), int(release[2])) >= _LISTS_ALL


def _read_version(scan: Scan, version: Element, server: Server, times: Times) -> None:
    protocol = protocol_of(version.get("key"))
    elements = {one.get("key"): one.text for one in version.findall("elem")}
    preference = elements.get("cipher preference")
    reason = None if preference is None else f"cipher preference: {preference}"
    scan.answer(server, times, "accepted", protocol=protocol, reason=reason)
    listed = next((table for table in version.findall("table") if table.get("key") == "ciphers"), None)
    ranked = preference == "server"
    for rank, row in enumerate([] if listed is None else listed.findall("table"), 1):
        facts = {one.get("key"): one.text for one in row.findall("elem")}
        name, code = suite_of(facts.get("name"))
        if name is not None:
            scan.answer(
                server, times, "accepted", protocol=protocol, suite=name, suite_code=code,
                rank=rank if ranked else None, reason=facts.get("kex_info"),
            )  # fmt: skip


def _read_certificate(scan: Scan, shown: Element) -> str | None:
    facts = {one.get("key"): (one.text or "").strip() for one in shown.iter("elem")}
    for der in ders_of(facts.get("pem")):
        return scan.add_certificate(der)
    tables = {one.get("key"): one for one in shown.findall("table")}
    dates = {one.get("key"): one.text for one in _elements(tables.get("validity"))}
    key = {one.get("key"): one.text for one in _elements(tables.get("pubkey"))}
    bits = key.get("bits") or ""
    return scan.describe(
        {
            "cert_sha256": facts.get("sha256"),
            "subject": _name(tables.get("subject")),
            "issuer": _name(tables.get("issuer")),
            "serial": serial_of_hex(facts.get("serial")),
            "not_before": instant_of(dates.get("notBefore"), zone="Z"),
            "not_after": instant_of(dates.get("notAfter"), zone="Z"),
            "key_type": _KEY_TYPES.get(key.get("type") or ""),
            "key_bits": int(bits) if bits.isdecimal() and len(bits) < 6 else None,
            "signature_algorithm": facts.get("sig_algo") or None,
        },
        sha1=facts.get("sha1"),
    )


def _name(table: Element | None) -> str | None:
    """The attributes as RFC 4514 writes them; nmap's order is not the certificate's, so they are sorted."""
    parts = [f"{attribute_of(one.get('key') or '')}={one.text or ''}" for one in _elements(table)]
    return ",".join(sorted(re.sub(r'([\\"+,;<>])', r"\\\1", part) for part in parts)) or None


def _elements(table: Element | None) -> Iterable[Element]:
    return [] if table is None else table.findall("elem")
