"""tlsx's JSON lines (`-json`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.readers.json_lines import Repeats, read_objects
from toolkit.readers.scans import Scan, Server, ShownFacts, Times, ders_of, make_server, outcome_of
from toolkit.readers.spelling import group_of, instant_of, name_of_rfc4514, protocol_of, serial_of_hex, suite_of
from toolkit.tables import Tables

_Facts = Mapping[str, Any]


def read_tlsx(path: Path) -> Tables:
    """The tables of a file of JSON lines; a line that cannot be read is left out with its number.

    tlsx does not say its version. What it lists of versions and suites is what it found (`-version-enum`,
    `-cipher-enum`); what it does not list has no row.
    """
    scan = Scan(path, "tlsx")
    repeats = Repeats(scan, "timestamp")
    for number, record in read_objects(path, scan, repeats):
        server = make_server(
            record.get("host"), record.get("port"), address=record.get("ip"), server_name=record.get("sni"), starttls=""
        )
        if server is None:
            scan.leave_out("an object without host or port", line=number)
            repeats.remember(None)
        else:
            times = Times(at=instant_of(record.get("timestamp")))
            is_survey = "version_enum" in record or "cipher_enum" in record
            shown = _read_record(scan, record, server, scan.begin(server, times) if is_survey else times)
            repeats.remember(None if is_survey else shown)
    return scan.tables()


def _read_record(scan: Scan, record: _Facts, server: Server, times: Times) -> ShownFacts:
    if record.get("probe_status") is False or record.get("error"):
        said = str(record.get("error") or "probe_status: false")
        return scan.look(server, times, outcome=outcome_of(said), reason=said)
    chain = [_read_certificate(scan, record)]
    above = record.get("chain")
    chain += [_read_certificate(scan, one) for one in above if isinstance(one, dict)] if isinstance(above, list) else []
    known = tuple(one for one in chain if one is not None)
    name, code = suite_of(record.get("cipher"))
    shown = scan.look(
        server, times, stage="certificate" if known else "hello", protocol=protocol_of(record.get("tls_version")),
        suite=name, suite_code=code, group=group_of(record.get("key_exchange")),
        leaf_sha256=chain[0], chain_sha256=known if isinstance(above, list) and chain[0] else None,
    )  # fmt: skip
    listed = record.get("version_enum")
    for one in listed if isinstance(listed, list) else []:
        if protocol := protocol_of(one):
            scan.answer(server, times, "accepted", protocol=protocol)
    suites = record.get("cipher_enum")
    for one in suites if isinstance(suites, list) else []:
        _answer_suites(scan, server, times, one)
    return shown


def _answer_suites(scan: Scan, server: Server, times: Times, listed: object) -> None:
    if not isinstance(listed, dict):
        return
    ciphers = listed.get("ciphers")
    kinds = ciphers.values() if isinstance(ciphers, dict) else [ciphers]
    names = [name for kind in kinds if isinstance(kind, list) for name in kind]
    scan.answer_suites(server, times, protocol_of(listed.get("version")), names, is_ranked=False)


def _read_certificate(scan: Scan, shown: _Facts) -> str | None:
    for der in ders_of(shown.get("certificate")):
        return scan.add_certificate(der)
    prints = shown.get("fingerprint_hash")
    prints = prints if isinstance(prints, dict) else {}
    names = shown.get("subject_an")
    facts = {
        "cert_sha256": prints.get("sha256"),
        "subject": name_of_rfc4514(shown.get("subject_dn")),
        "issuer": name_of_rfc4514(shown.get("issuer_dn")),
        "names": tuple(map(str, names)) if isinstance(names, list) else None,
        "serial": serial_of_hex(shown.get("serial")),
        "not_before": instant_of(shown.get("not_before")),
        "not_after": instant_of(shown.get("not_after")),
    }
    return scan.describe(facts, sha1=prints.get("sha1"))
