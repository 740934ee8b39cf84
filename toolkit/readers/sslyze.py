"""SSLyze's JSON (`--json_out`), versions 3 to 6."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from toolkit import text
from toolkit.errors import ReadError
from toolkit.readers.opening import as_object, as_objects, find_array, line_of, parse_json, read_plain, read_values
from toolkit.readers.scans import Scan, Server, State, Times, ders_of, make_server, outcome_of
from toolkit.readers.spelling import group_of, instant_of, protocol_of, serial_of, suite_of
from toolkit.tables import Tables

_SUITES: Final = "_cipher_suites"
_RESULTS: Final = "server_scan_results"
_HASH_OF_NOTHING: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

# What the server said, as SSLyze words it; a connection that ends without an alert proves nothing.
_REFUSALS: Final = ("TLS alert", "wrong version number")

_Facts = Mapping[str, Any]


def read_sslyze(path: Path) -> Tables:
    """The tables of a report in JSON. A suite that was answered by an alert, or by another version, is `refused`.

    A suite whose connection ended otherwise, and a scan command that failed or was not run, is `untested`. Of a file
    that is cut short, the servers that are whole are read; its version and date, which come at the end, are missing.
    Raises `ReadError` where nothing can be read.
    """
    document, damage = read_plain(path)
    scan = Scan(path, "sslyze")
    for server in _results(document, damage, scan, path):
        scan.name_version(server.version)
        _read_server(scan, server.result, server.times)
    return scan.tables()


class _ServerResult:
    def __init__(self, result: _Facts, version: str | None, times: Times) -> None:
        self.result, self.version, self.times = result, version, times


def _results(document: str, damage: str | None, scan: Scan, path: Path) -> Iterator[_ServerResult]:
    try:
        report = parse_json(document)
        results, failed = report[_RESULTS], report.get("server_connectivity_errors") or []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        start = find_array(document, _RESULTS)
        if start is None:
            raise ReadError(f"{path} is not a report of SSLyze ({text.plain(error)}). Get the file again.") from error
        whole = list(read_values(document, start))
        last = whole[-1][0] if whole else start
        reason = damage or "the JSON is cut short or damaged after the last server that is whole"
        scan.leave_out(reason, line=line_of(document, last))
        yield from (_ServerResult(value, None, Times()) for _, value in whole if isinstance(value, dict))
        return
    version = report.get("sslyze_version")
    # SSLyze writes UTC, without saying so before version 6.
    times = Times(
        begins=instant_of(report.get("date_scans_started"), zone="Z"),
        ends=instant_of(report.get("date_scans_completed"), zone="Z"),
    )
    known = version if isinstance(version, str) else None
    for result in results if isinstance(results, list) else []:
        if isinstance(result, dict):
            yield _ServerResult(result, known, times)
    for failure in failed if isinstance(failed, list) else []:
        if isinstance(failure, dict):
            yield _ServerResult({"server_info": failure, "failure": failure}, known, times)


def _read_server(scan: Scan, result: _Facts, times: Times) -> None:
    info = as_object(result.get("server_info")) or result
    where, how = as_object(info.get("server_location")), as_object(info.get("network_configuration"))
    server = make_server(
        where.get("hostname"),
        where.get("port"),
        address=where.get("ip_address"),
        server_name=how.get("tls_server_name_indication"),
        starttls=how.get("tls_opportunistic_encryption") or "",
    )
    if server is None:
        scan.leave_out("a server without host or port")
        return
    commands = _commands(result)
    trace = result.get("connectivity_error_trace") or as_object(result.get("failure")).get("error_message")
    if trace is not None or result.get("scan_status") == "ERROR_NO_CONNECTIVITY":
        said = _last_line(trace) or "SSLyze could not connect"
        scan.look(server, times, outcome=outcome_of(said), stage="connect", reason=said)
        return
    times = scan.begin(server, times)
    _look(scan, server, times, info, commands)
    for command, outcome in commands.items():
        if command.endswith(_SUITES):
            _answer_version(scan, server, times, command, outcome)
    _answer_curves(scan, server, times, as_object(commands.get("elliptic_curves")))


def _commands(result: _Facts) -> dict[str, _Facts]:
    """Command → its result, with `failed` in its place where it has none; two forms, of versions 3 and 4, and after."""
    old = result.get("scan_commands_results")
    if isinstance(old, dict):
        errors = as_object(result.get("scan_commands_errors"))
        done = {str(name): as_object(value) for name, value in old.items()}
        return done | {str(name): {"failed": _reason(value)} for name, value in errors.items()}
    found: dict[str, _Facts] = {}
    for name, attempt in as_object(result.get("scan_result")).items():
        value = as_object(attempt)
        if value.get("status") == "COMPLETED" and isinstance(value.get("result"), dict):
            found[str(name)] = value["result"]
        else:
            found[str(name)] = {"failed": f"{value.get('status')}: {_reason(value)}".strip(": ")}
    return found


def _reason(value: object) -> str:
    facts = as_object(value)
    reason = str(facts.get("error_reason") or facts.get("reason") or "")
    return ": ".join(filter(None, [reason, _last_line(facts.get("error_trace") or facts.get("exception_trace"))]))


def _last_line(trace: object) -> str:
    """What a Python traceback ends in: the error and its message."""
    return "".join(str(trace or "").rstrip().splitlines()[-1:]).strip()[-200:]


def _look(scan: Scan, server: Server, times: Times, info: _Facts, commands: Mapping[str, _Facts]) -> None:
    """What was negotiated when SSLyze first connected, with each certificate that it was shown."""
    probe = as_object(info.get("connectivity_result")) or as_object(info.get("tls_probing_result"))
    name, code = suite_of(probe.get("cipher_suite_supported"))
    facts = {"protocol": protocol_of(probe.get("highest_tls_version_supported")), "suite": name, "suite_code": code}
    deployments = as_object(commands.get("certificate_info")).get("certificate_deployments")
    chains = [_read_chain(scan, as_object(one)) for one in deployments] if isinstance(deployments, list) else []
    failed = as_object(commands.get("certificate_info")).get("failed")
    for chain in chains or [()]:
        scan.look(
            server, times, stage="certificate" if chain else "hello",
            reason=f"certificate_info: {failed}" if failed else None,
            leaf_sha256=chain[0] if chain else None, chain_sha256=chain or None, **facts,
        )  # fmt: skip
        facts = {}  # of the other certificates it is not said


def _read_chain(scan: Scan, deployment: _Facts) -> tuple[str, ...]:
    chain = deployment.get("received_certificate_chain")
    found = [_read_certificate(scan, as_object(one)) for one in chain] if isinstance(chain, list) else []
    return tuple(one for one in found if one is not None)


def _read_certificate(scan: Scan, shown: _Facts) -> str | None:
    for der in ders_of(shown.get("as_pem")):
        return scan.add_certificate(der)
    names = as_object(shown.get("subject_alternative_name")) or as_object(shown.get("subjectAlternativeName"))
    listed = names.get("dns_names") or names.get("dns") or names.get("DNS")
    sha256 = _hex_of(shown.get("fingerprint_sha256"))
    sha1 = _hex_of(shown.get("fingerprint_sha1"))
    if sha256 == _HASH_OF_NOTHING:  # of a certificate that was blanked
        sha256 = sha1 = None
    return scan.describe(
        {
            "cert_sha256": sha256,
            "subject": as_object(shown.get("subject")).get("rfc4514_string"),
            "issuer": as_object(shown.get("issuer")).get("rfc4514_string"),
            "names": tuple(map(str, listed)) if isinstance(listed, list) else None,
            "serial": serial_of(shown.get("serial_number") or shown.get("serialNumber")),
            "not_before": instant_of(shown.get("not_valid_before") or shown.get("notBefore"), zone="Z"),
            "not_after": instant_of(shown.get("not_valid_after") or shown.get("notAfter"), zone="Z"),
        },
        sha1=sha1,
    )


def _answer_version(scan: Scan, server: Server, times: Times, command: str, result: _Facts) -> None:
    protocol = protocol_of(command.removesuffix(_SUITES))
    if protocol is None:
        return
    if "failed" in result:
        scan.answer(server, times, "untested", protocol=protocol, reason=f"sslyze: {result['failed']}")
        return
    preferred = as_object(as_object(result.get("cipher_suite_preferred_by_server")).get("cipher_suite")).get("name")
    accepted, rejected = (
        as_objects(result.get("accepted_cipher_suites")),
        as_objects(result.get("rejected_cipher_suites")),
    )
    states = {_state(one) for one in rejected}
    reasons = sorted({str(one.get("error_message")).strip() for one in rejected})
    state: State = "accepted" if accepted else "refused" if states == {"refused"} else "untested"
    reason = None if accepted else "; ".join(reasons) or "sslyze lists no suite of this version"
    scan.answer(server, times, state, protocol=protocol, reason=reason)
    for one in accepted:
        spelling = as_object(one.get("cipher_suite")).get("name")
        name, code = suite_of(spelling)
        rank = 1 if preferred and spelling == preferred else None
        scan.answer(server, times, "accepted", protocol=protocol, suite=name, suite_code=code, rank=rank)
    for one in rejected:
        name, code = suite_of(as_object(one.get("cipher_suite")).get("name"))
        words = str(one.get("error_message")).strip()
        scan.answer(server, times, _state(one), protocol=protocol, suite=name, suite_code=code, reason=words)


def _state(rejected: _Facts) -> State:
    said = str(rejected.get("error_message"))
    return "refused" if any(mark in said for mark in _REFUSALS) else "untested"


def _answer_curves(scan: Scan, server: Server, times: Times, result: _Facts) -> None:
    scan.answer_groups(server, times, (one.get("name") for one in as_objects(result.get("supported_curves"))))
    for one in as_objects(result.get("rejected_curves")):
        group = group_of(one.get("name"))
        if group is not None:
            reason = "sslyze lists the curve as rejected"
            scan.answer(server, times, "refused", group=group, reason=reason)


def _hex_of(encoded: object) -> str | None:
    """A fingerprint in base64, as hex."""
    if not isinstance(encoded, str):
        return None
    try:
        return base64.b64decode(encoded, validate=True).hex()
    except (binascii.Error, ValueError):
        return None
