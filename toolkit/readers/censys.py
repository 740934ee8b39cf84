"""Censys' records of hosts, web properties and certificates in JSON, as its interfaces and its client print them.

Built from documentation, because no file of a user was at hand: the Search API 2.0 (`services[].tls.certificates`) and
the Platform API (`services[].tls.fingerprint_sha256`, `services[].cert`), as the models and answers that Censys and its
integrations publish have them. A field that is missing or of another type is left null.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from toolkit import text
from toolkit.readers.json_lines import read_objects
from toolkit.readers.opening import as_list, as_object, as_objects
from toolkit.readers.scans import Scan, Server, Times, make_server
from toolkit.readers.spelling import instant_of, name_from_the_root, protocol_of, serial_of, serial_of_hex, suite_of
from toolkit.schemes import UPGRADES
from toolkit.tables import Tables

_Facts = Mapping[str, Any]

_WRAPPERS: Final = ("result", "resource", "hits", "host_v1", "webproperty_v1", "certificate_v1")
"""What records are wrapped in: answers about one host or several, and of a search."""

_NOT_LISTED: Final = "Censys does not list this version"
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_KEY_TYPES: Final = {"RSA": "RSA", "ECDSA": "EC", "DSA": "DSA", "ED25519": "Ed25519"}
_LEVELS: Final = ("DV", "OV", "EV")
_HASHES: Final = (1, 224, 256, 384, 512)
_SIGNATURES: Final = {
    "MD5-RSA": "md5WithRSAEncryption",
    **{f"SHA{bits}-RSA": f"sha{bits}WithRSAEncryption" for bits in _HASHES},
    **{f"ECDSA-SHA{bits}": f"ecdsa-with-SHA{bits}" for bits in _HASHES},
}
"""How Go spells a signature algorithm → its name in RFC 3279, 4055 and 5758."""


def read_censys(path: Path) -> Tables:
    """The tables of a file of records: a look per service with TLS over TCP, and what is said about certificates.

    A version that Censys lists is `accepted`, any other `untested`: it does not say which ones were refused. A service
    that did not answer is not in a record, so that there are no failures. STARTTLS is known from the reply to it that a
    record quotes, else from the port.
    """
    scan = Scan(path, "Censys")
    without = 0
    for number, record in read_objects(path, scan):
        for one in _records(record):
            if isinstance(one.get("parsed"), dict):
                scan.describe(_certificate(one), sha1=_text(one.get("fingerprint_sha1")))
            elif "hostname" in one and "port" in one:
                without += not _read_service(scan, one, one, number)
            else:
                without += sum(not _read_service(scan, one, given, number) for given in as_objects(one["services"]))
    if without:
        scan.leave_out(f"{text.counted(without, 'service')} without TLS over TCP")
    return scan.tables()


def _records(given: _Facts) -> Iterator[_Facts]:
    """The records in what an interface answered, in their order."""
    waiting = [given]
    while waiting:
        one = waiting.pop()
        if isinstance(one.get("services"), list) or isinstance(one.get("parsed"), dict) or "hostname" in one:
            yield one
            continue
        within = [one.get(name) for name in _WRAPPERS]
        found = [inner for value in within for inner in (as_objects(value) or [as_object(value)]) if inner]
        waiting += reversed(found)


def _read_service(scan: Scan, host: _Facts, service: _Facts, number: int) -> bool:
    """Whether it is about TLS over TCP."""
    shown = as_object(service.get("tls"))
    held = as_object(service.get("cert"))
    transport = str(service.get("transport_protocol") or "tcp").lower()
    if transport != "tcp" or not (shown or held or _fingerprint(service.get("certificate"))):
        return False
    server = _server(host, service)
    if server is None:
        scan.leave_out("a service without address or port", line=number)
        return True
    times = scan.begin(server, Times(at=instant_of(service.get("observed_at") or service.get("scan_time"))))
    served = as_object(shown.get("certificates"))
    leaf = _leaf(scan, service, shown, served)
    above = as_objects(served.get("chain")) or as_objects(shown.get("presented_chain"))
    prints = (
        [] if above else [print_ for one in as_list(served.get("chain_fps_sha_256")) if (print_ := _fingerprint(one))]
    )
    chain = [scan.describe(_in_chain(one)) for one in above] + [scan.describe({"cert_sha256": one}) for one in prints]
    name, code = suite_of(shown.get("cipher_selected"))
    version = shown.get("version_selected")
    protocol = _protocol(version)
    scan.look(
        server, times, stage="certificate" if leaf else "hello", protocol=protocol, suite=name, suite_code=code,
        leaf_sha256=leaf, chain_sha256=(leaf, *(one for one in chain if one)) if leaf and chain else None,
        reason=f"version_selected: {version}" if version and protocol is None else None,
    )  # fmt: skip
    listed = [_protocol(one.get("version")) for one in as_objects(shown.get("versions"))]
    known = [one for one in dict.fromkeys(listed) if one]
    for one in known:
        scan.answer(server, times, "accepted", protocol=one, reason="Censys lists it")
    if known:
        scan.answer_rest(server, times, known, _NOT_LISTED)
    return True


def _server(host: _Facts, service: _Facts) -> Server | None:
    """A virtual host and a web property have a name, which was in the hello."""
    name = host.get("hostname") or host.get("name")
    spoken = str(service.get("service_name") or service.get("protocol") or "").lower()
    said = as_object(service.get(spoken))
    is_upgraded = spoken in UPGRADES and any(said.get(reply) for reply in ("start_tls", "starttls", "auth_tls"))
    address = host.get("ip") or service.get("ip")
    return make_server(
        name or address, service.get("port"), address=address, server_name=name,
        starttls=spoken if is_upgraded else None,
    )  # fmt: skip


def _leaf(scan: Scan, service: _Facts, shown: _Facts, served: _Facts) -> str | None:
    """The identifier of the leaf: by what the record says about it, else by its fingerprint alone."""
    held, data = as_object(service.get("cert")), as_object(served.get("leaf_data"))
    named = (service.get("certificate"), served.get("leaf_fp_sha_256"), shown.get("fingerprint_sha256"))
    known = next((print_ for one in named if (print_ := _fingerprint(one))), None)
    said = _certificate(held) if held else _leaf_data(data)
    given = {name: value for name, value in said.items() if value is not None}
    return scan.describe({"cert_sha256": known, **given}, sha1=_text(held.get("fingerprint_sha1")))


def _certificate(held: _Facts) -> dict[str, object]:
    """What the Platform says about a certificate, as columns of `certificates`."""
    parsed = as_object(held.get("parsed"))
    validity = as_object(parsed.get("validity_period") or parsed.get("validity"))
    kind = as_object(as_object(parsed.get("subject_key_info")).get("key_algorithm")).get("name")
    level = str(held.get("validation_level")).upper()
    return {
        "cert_sha256": _fingerprint(held.get("fingerprint_sha256")),
        "subject": name_from_the_root(parsed.get("subject_dn")),
        "issuer": name_from_the_root(parsed.get("issuer_dn")),
        "names": _names(held.get("names")),
        "serial": serial_of_hex(parsed.get("serial_number_hex")) or serial_of(parsed.get("serial_number")),
        "not_before": instant_of(validity.get("not_before") or validity.get("start"), zone="Z"),
        "not_after": instant_of(validity.get("not_after") or validity.get("end"), zone="Z"),
        "key_type": _KEY_TYPES.get(str(kind).upper()),
        "signature_algorithm": _signature(as_object(parsed.get("signature")).get("signature_algorithm")),
        "validation": level if level in _LEVELS else None,
    }


def _leaf_data(data: _Facts) -> dict[str, object]:
    """What the Search API says about a leaf, as columns of `certificates`."""
    return {
        "cert_sha256": _fingerprint(data.get("fingerprint")),
        "subject": name_from_the_root(data.get("subject_dn")),
        "issuer": name_from_the_root(data.get("issuer_dn")),
        "names": _names(data.get("names")),
        "key_type": _KEY_TYPES.get(str(data.get("pubkey_algorithm")).upper()),
        "key_bits": _bits(data.get("pubkey_bit_size")),
        "signature_algorithm": _signature(as_object(data.get("signature")).get("signature_algorithm")),
    }


def _in_chain(one: _Facts) -> dict[str, object]:
    return {
        "cert_sha256": _fingerprint(one.get("fingerprint_sha256") or one.get("fingerprint")),
        "subject": name_from_the_root(one.get("subject_dn")),
        "issuer": name_from_the_root(one.get("issuer_dn")),
    }


def _fingerprint(value: object) -> str | None:
    return value.lower() if isinstance(value, str) and _SHA256.fullmatch(value) else None


def _protocol(spelling: object) -> str | None:
    """`TLSv1_2`, `tlsv1_2`, `SSLv3`, `ss_lv_3`; DTLS is none of the versions that the tables have."""
    return protocol_of(spelling.replace("ss_lv_", "sslv")) if isinstance(spelling, str) else None


def _signature(algorithm: object) -> str | None:
    """The algorithm by its name, which is given alone or in an object."""
    return _SIGNATURES.get(str(as_object(algorithm).get("name") or algorithm))


def _names(listed: object) -> tuple[str, ...] | None:
    return tuple(name for name in as_list(listed) if isinstance(name, str)) or None


def _bits(size: object) -> int | None:
    return size if type(size) is int and 0 < size < 1 << 20 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
