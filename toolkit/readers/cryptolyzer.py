"""cryptolyzer's JSON (`--output-format json`): versions, suites, groups and keys of one target, or all of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from toolkit import text
from toolkit.errors import ReadError
from toolkit.readers.opening import as_list, as_object, parse_json, read_plain
from toolkit.readers.scans import UNDATED, Scan, Server, make_server
from toolkit.readers.spelling import instant_of, protocol_of, serial_of
from toolkit.tables import Tables

_SILENT: Final = "cryptolyzer lists the versions that it found; it does not list this one, nor say why"
_NOT_ASKED: Final = "this report of cryptolyzer does not say whether the version is accepted"
_NO_SUITE: Final = "cryptolyzer found no suite, and does not say whether the server refused or failed"
_SHORT: Final = {"common_name": "CN", "organization_name": "O", "organizational_unit_name": "OU", "country_name": "C",
                 "locality_name": "L", "state_or_province_name": "ST"}  # fmt: skip

_Facts = Mapping[str, Any]


def read_cryptolyzer(path: Path) -> Tables:
    """The tables of one analysis, or of all of a target. Neither the version of cryptolyzer nor a date is in the file.

    What cryptolyzer did not find is `untested`: it does not say whether the server refused. Raises `ReadError` for a
    file that is not JSON as a whole.
    """
    document, damage = read_plain(path)
    scan = Scan(path, "cryptolyzer")
    try:
        report = parse_json(document)
    except ValueError as error:
        raise ReadError(f"{path} is not JSON, or is cut short: {damage or text.plain(error)}. Get it again.") from error
    if not isinstance(report, dict):
        raise ReadError(f"{path} is not a report of cryptolyzer: the JSON is not an object. Get it again.")
    server = _server(as_object(report.get("target")))
    if server is None:
        raise ReadError(f"{path} is not a report of cryptolyzer: it names no target. Get it again.")
    parts = list(_parts(report))
    chains = [chain for part in parts for chain in _chains(scan, part)]
    is_reached = bool(chains) or any(
        part.get("cipher_suites") or part.get("versions") or part.get("curves") for part in parts
    )
    for chain in chains or ([()] if is_reached else []):
        scan.look(
            server, UNDATED, stage="certificate" if chain else "hello", leaf_sha256=chain[0] if chain else None,
            chain_sha256=chain or None, reason="cryptolyzer does not say what was negotiated",
        )  # fmt: skip
    _answer(scan, server, parts)
    return scan.tables()


def _parts(report: _Facts) -> Iterator[_Facts]:
    """The analyses of a report: itself, or each of an analysis `all`."""
    if "proto_version" in as_object(report.get("target")) and any(
        isinstance(report.get(name), list) for name in ("cipher_suites", "pubkeys", "curves", "versions")
    ):
        yield report
        return
    for value in report.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and "target" in one:
                yield one


def _server(target: _Facts) -> Server | None:
    scheme = target.get("scheme")
    starttls = scheme if scheme not in ("tls", "https", "smtps", "imaps", "pop3s", "ldaps", "ftps") else ""
    host, address = target.get("address"), target.get("ip")
    return make_server(host, target.get("port"), address=address, server_name=host, starttls=starttls)


def _chains(scan: Scan, part: _Facts) -> Iterator[tuple[str, ...]]:
    for key in as_list(part.get("pubkeys")):
        items = as_list(as_object(as_object(key).get("certificate_chain")).get("items"))
        found = [_describe(scan, as_object(item)) for item in items]
        if found:
            yield tuple(one for one in found if one is not None)


def _describe(scan: Scan, item: _Facts) -> str | None:
    prints, dates = as_object(item.get("fingerprints")), as_object(item.get("validity"))
    names, size = item.get("subject_alternative_names"), as_object(item.get("size")).get("value")
    bits = size if isinstance(size, int) else item.get("key_size")
    return scan.describe(
        {
            "cert_sha256": prints.get("SHA2_256") or prints.get("SHA256"),
            "subject": _name(item.get("subject")),
            "issuer": _name(item.get("issuer")),
            "serial": serial_of(item.get("serial_number")),
            "names": tuple(map(str, names)) if isinstance(names, list) and names else None,
            "not_before": instant_of(dates.get("not_before"), zone="+00:00"),
            "not_after": instant_of(dates.get("not_after"), zone="+00:00"),
            "key_bits": bits if isinstance(bits, int) and not isinstance(bits, bool) else None,
        },
        sha1=prints.get("SHA1"),
    )


def _name(attributes: object) -> str | None:
    """The attributes in cryptolyzer's order reversed, which is that of RFC 4514."""
    parts = [
        f"{_SHORT.get(name, name)}={value}" for name, value in as_object(attributes).items() if isinstance(value, str)
    ]
    return ",".join(reversed(parts)) or None


def _answer(scan: Scan, server: Server, parts: list[_Facts]) -> None:
    found: dict[str, str | None] = {}
    said_all = False
    untested: dict[str, str] = {}
    for part in parts:
        protocol = protocol_of(as_object(part.get("target")).get("proto_version"))
        if isinstance(part.get("versions"), list):
            said_all = True
            found |= {version: None for one in part["versions"] if (version := protocol_of(one))}
        suites = part.get("cipher_suites")
        if isinstance(suites, list) and protocol is not None:
            if suites:
                found.setdefault(protocol, "suites of this version are listed")
            else:
                untested[protocol] = _NO_SUITE
            ranked = part.get("cipher_suite_preference") is True
            scan.answer_suites(server, UNDATED, protocol, suites, is_ranked=ranked)
        if isinstance(part.get("curves"), list):
            scan.answer_groups(server, UNDATED, part["curves"], protocol=protocol)
    for version, reason in found.items():
        scan.answer(server, UNDATED, "accepted", protocol=version, reason=reason)
    for version, reason in untested.items():
        if version not in found:
            scan.answer(server, UNDATED, "untested", protocol=version, reason=reason)
    scan.answer_rest(server, UNDATED, {*found, *untested}, _SILENT if said_all else _NOT_ASKED)
