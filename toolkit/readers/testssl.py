"""testssl.sh's JSON (flat and pretty) and CSV, versions 2.9 to 3.3: a list of findings about each server."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from toolkit.readers.opening import as_objects, line_of, parse_json, read_plain, read_value
from toolkit.readers.scans import UNDATED, Scan, Server, State, Times, ders_of, make_server, outcome_of
from toolkit.readers.spelling import instant_of, instant_of_seconds, protocol_of, serial_of_hex, suite_of
from toolkit.tables import Tables

_VERSIONS: Final = {
    "sslv2": "SSL 2.0", "sslv3": "SSL 3.0", "tls1": "TLS 1.0", "tls1_1": "TLS 1.1", "tls1_2": "TLS 1.2",
    "tls1_3": "TLS 1.3",
}  # fmt: skip
_CIPHER: Final = re.compile(r"cipher-(ssl2|sslv2|ssl3|sslv3|tls1(?:_[0-3])?)_x([0-9a-fA-F]{2,6})\Z")
_ORDER: Final = re.compile(r"cipher_order[-_](\w+)\Z")
_CERTIFICATE: Final = re.compile(r"(?:cert|host_certificate)(?: <#\d+>)?\Z")
_NUMBERED: Final = re.compile(r" <(?:cert )?#\d+>\Z")
_SHA256: Final = re.compile(r"SHA256 ([0-9A-Fa-f]{64})")
_SHA1: Final = re.compile(r"SHA1 ([0-9A-Fa-f]{40})(?: / ([0-9A-Fa-f]+))?")
_VALIDITY: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) --> (\d{4}-\d\d-\d\d \d\d:\d\d)")
_SAN: Final = re.compile(r"(?:subjectAltName \(SAN\) : *)?(.*)\Z")
_ONCE: Final = {"service", "scanproblem", *_VERSIONS}
"""Findings that a scan of a server has once, in lower case."""

_GROUPS: Final = {"FS_ECDHE_curves", "FS_KEMs", "PFS_ECDHE_curves", "FS_curves", "pfs_ecdhe_curves", "ecdhe_curves"}

# What is whole in damaged JSON: a finding, or the facts about a server that precede its findings.
_BEGINS: Final = re.compile(r'\{\s*"(?:id|targetHost|service)"')
_HEADER: Final = re.compile(r'\{(?:\s*"\w+"\s*:\s*"[^"]*"\s*,)+(?=\s*"\w+"\s*:\s*\[)')
_PAIR: Final = re.compile(r'"(\w+)"\s*:\s*"([^"]*)"')
_MOST_FAILURES: Final = 1000

_UNRESOLVED: Final = "/"
_UTC: Final = ":00Z"


class _Finding(NamedTuple):
    """One row: where, its name, and what was found; `place` is host, address, port and STARTTLS protocol."""

    place: tuple[str, str, str, str | None]
    id: str
    finding: str


def read_testssl(path: Path) -> Tables:
    """The tables of a report in JSON or CSV. Only the pretty form says when it was made, and by which version.

    A version that testssl.sh calls offered, and of which it lists no suite though it lists those of others, is
    `accepted` with that contradiction as the reason. Of a file that is cut short, the findings that are whole are read.
    """
    document, damage = read_plain(path)
    scan = Scan(path, "testssl.sh")
    if damage:
        scan.leave_out(damage)
    times = UNDATED
    if document.lstrip()[:1] in ("{", "["):
        found, times = _of_json(document, scan)
    else:
        found = list(_of_csv(document, scan))
    places: dict[tuple[str, str, str, str | None], list[_Finding]] = {}
    for finding in found:
        if finding.place[0] and not finding.place[0].startswith(_UNRESOLVED):
            places.setdefault(finding.place, []).append(finding)
    for (host, address, port, starttls), findings in places.items():
        server = make_server(host, port, address=address, server_name=host, starttls=starttls)
        if server is None:
            scan.leave_out(f"findings about {host}:{port}, which is not a server")
            continue
        for one in _scans(findings):
            _read_server(scan, server, scan.begin(server, times), one)
    if not places:
        scan.leave_out("it names no server: testssl.sh ended before it had resolved the target")
    return scan.tables()


def _of_json(document: str, scan: Scan) -> tuple[list[_Finding], Times]:
    try:
        report = parse_json(document)
    except ValueError:
        return _salvage(document, scan), UNDATED
    if isinstance(report, list):
        return [row for one in report if (row := _flat(one)) is not None], UNDATED
    scan.name_version(str(report.get("version", "")).split("from")[0].strip())
    begins = instant_of_seconds(report.get("startTime"))
    took = _seconds(report.get("scanTime"))
    times = Times(begins=begins, ends=None if begins is None or took is None else begins + timedelta(seconds=took))
    found: list[_Finding] = []
    for result in as_objects(report.get("scanResult")):
        found += _pretty(result, report)
    return found, times


def _salvage(document: str, scan: Scan) -> list[_Finding]:
    """The findings of a file that is not JSON as a whole, such as one that is cut short."""
    found: list[_Finding] = []
    place: dict[str, Any] = {}
    at = last = failures = 0
    while failures < _MOST_FAILURES and (match := _BEGINS.search(document, at)):
        at = match.end()
        if header := _HEADER.match(document, match.start()):
            place, at = dict(_PAIR.findall(header[0])), header.end()
            continue
        value = read_value(document, match.start())
        if value is None:
            failures += 1
            continue
        one, at = value
        if isinstance(one, dict) and "finding" in one:
            last = at
            found += [_row(one, *_place(place, {}))] if "ip" not in one else filter(None, [_flat(one)])
    scan.leave_out("the JSON is cut short or damaged; findings that are whole were read", line=line_of(document, last))
    return found


def _flat(one: object) -> _Finding | None:
    if not isinstance(one, dict) or not isinstance(one.get("ip"), str):
        return None
    host, _, address = one["ip"].partition("/")
    return _row(one, host or address or _UNRESOLVED, address, str(one.get("port", "")), None)


def _pretty(result: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[_Finding]:
    place = _place(result, report)
    for value in result.values():
        for one in value if isinstance(value, list) else []:
            if isinstance(one, dict) and "id" in one:
                yield _row(one, *place)
    if "id" in result:  # a problem in place of a result
        yield _row(result, *place)


def _place(result: Mapping[str, Any], report: Mapping[str, Any]) -> tuple[str, str, str, str | None]:
    host = result.get("targetHost") or report.get("target host") or result.get("ip") or ""
    service = str(result.get("service", "")).lower()
    starttls = next((name for name in ("smtp", "imap", "pop3", "ftp", "ldap", "lmtp") if service == name), None)
    port = result.get("port") or report.get("port") or ""
    return str(host), str(result.get("ip") or ""), str(port), starttls


def _row(one: Mapping[str, Any], host: str, address: str, port: str, starttls: str | None) -> _Finding:
    return _Finding((host, address, port, starttls), str(one.get("id")), str(one.get("finding")))


def _of_csv(document: str, scan: Scan) -> Iterator[_Finding]:
    reader = csv.reader(io.StringIO(document, newline=None), strict=True)
    try:
        for cells in reader:
            if not cells or cells[0] == "id":  # the names of the columns, of each file that was joined
                continue
            if len(cells) < 5:
                scan.leave_out("a row with too few cells", line=reader.line_num)
                continue
            host, _, address = cells[1].partition("/")
            yield _Finding((host or address or _UNRESOLVED, address, cells[2], None), cells[0], cells[4])
    except csv.Error as error:
        scan.leave_out(f"the CSV is cut short or damaged ({error})", line=reader.line_num)


def _scans(findings: list[_Finding]) -> Iterator[list[_Finding]]:
    """The findings of each scan of a server: the next one begins with `service`, or with a version asked again."""
    begins, seen = 0, set[str]()
    for at, name in enumerate(one.id.lower() for one in findings):
        if name in seen or (name == "service" and seen):
            yield findings[begins:at]
            begins, seen = at, set()
        if name in _ONCE:
            seen.add(name)
    yield findings[begins:]


def _read_server(scan: Scan, server: Server, times: Times, findings: list[_Finding]) -> None:
    by_id: dict[str, str] = {}
    for one in findings:
        by_id.setdefault(one.id, one.finding)
    suites: dict[str, dict[int, str]] = {}
    for one in findings:
        if (match := _CIPHER.match(one.id)) and (protocol := _protocol(match[1])):
            suites.setdefault(protocol, {}).setdefault(int(match[2], 16), one.finding)
    versions = {protocol: by_id[name] for name in by_id if (protocol := _VERSIONS.get(name.lower()))}
    problem = by_id.get("scanProblem")
    if problem is not None and not versions and not suites:
        scan.look(server, times, outcome=outcome_of(problem), stage="connect", reason=problem)
        return
    leaf, chain = _read_certificates(scan, findings, by_id)
    is_reached = bool(suites or leaf) or any(_state(said) == "accepted" for said in versions.values())
    if is_reached:
        stage = "certificate" if leaf else "hello"
        reason = problem or "testssl.sh does not say what was negotiated"
        scan.look(server, times, stage=stage, leaf_sha256=leaf, chain_sha256=chain, reason=reason)
    for protocol, said in versions.items():
        words = said
        if _state(said) == "accepted" and suites and protocol not in suites and any(p in suites for p in versions):
            words = f"{said}; but it lists no suite of this version"
        scan.answer(server, times, _state(said), protocol=protocol, reason=words)
    for protocol, listed in suites.items():
        is_ranked = any(
            _protocol(match[1]) == protocol and by_id[name].startswith("server")
            for name in by_id
            if (match := _ORDER.match(name))
        )
        for rank, (code, said) in enumerate(listed.items(), 1):
            name, known = suite_of((said.split() or [""])[-1], _ssl2_code(code, protocol))
            scan.answer(
                server, times, "accepted", protocol=protocol, suite=name, suite_code=known,
                rank=rank if is_ranked else None,
            )  # fmt: skip
        if protocol not in versions:
            scan.answer(server, times, "accepted", protocol=protocol, reason="suites of this version are listed")
    for name in _GROUPS & by_id.keys():
        scan.answer_groups(server, times, [one for one in by_id[name].split() if any(map(str.isdigit, one))])
    scan.answer_rest(server, times, {*versions, *suites}, "testssl.sh has no finding about this version")


def _state(said: str) -> State:
    words = said.lower()
    if "not offered" in words:
        return "refused"
    return "accepted" if "offered" in words and "not test" not in words else "untested"


def _protocol(spelling: str) -> str | None:
    return _VERSIONS.get(spelling.lower()) or protocol_of(spelling.replace("ssl", "sslv"))


def _ssl2_code(code: int, protocol: str) -> int | None:
    """testssl.sh leaves out leading zeros, so that codes of SSL 2.0, which have three bytes, are as they are."""
    return code if protocol != "SSL 2.0" or code > 0xFFFF else None


def _read_certificates(
    scan: Scan, findings: list[_Finding], by_id: dict[str, str]
) -> tuple[str | None, tuple[str, ...] | None]:
    """The leaf, and the chain where it was printed whole."""
    for one in findings:
        if _CERTIFICATE.match(one.id):
            for der in ders_of(one.finding):
                return scan.add_certificate(der), None
    said = {_NUMBERED.sub("", name): value for name, value in reversed(by_id.items())}
    prints = said.get("fingerprint", "")
    sha1, sha256, dates = _SHA1.search(prints), _SHA256.search(prints), _VALIDITY.search(said.get("expiration", ""))
    names = _SAN.match(said.get("cert_subjectAltName") or said.get("san") or "")
    begins = dates[1] if dates else said.get("cert_notBefore", "")
    ends = dates[2] if dates else said.get("cert_notAfter", "")
    leaf = scan.describe(
        {
            "cert_sha256": sha256[1] if sha256 else said.get("cert_fingerprintSHA256"),
            "serial": serial_of_hex(sha1[2] if sha1 else said.get("cert_serialNumber")),
            "names": tuple(names[1].split()) if names and names[1] and "No SAN" not in names[1] else None,
            "not_before": instant_of(begins + _UTC),
            "not_after": instant_of(ends + _UTC),
        },
        sha1=sha1[1] if sha1 else said.get("cert_fingerprintSHA1"),
    )
    return leaf, None


def _seconds(took: object) -> float | None:
    digits = str(took)
    return float(digits) if digits.isdecimal() and len(digits) < 9 else None
