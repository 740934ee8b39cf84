"""Shodan's banners: JSON lines (`shodan download`), or the answer about a host, which holds a list of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from toolkit import text
from toolkit.readers.json_lines import read_objects
from toolkit.readers.opening import as_list, as_object, as_objects
from toolkit.readers.scans import Scan, Server, Times, ders_of, make_server
from toolkit.readers.spelling import instant_of, protocol_of, suite_of
from toolkit.tables import Tables

_LATEST: Final = ("TLS 1.2", "TLS 1.3")
_SHORT: Final = ("CN", "OU", "O", "L", "ST", "C")
_NOT_LISTED: Final = "Shodan does not list this version"

_Facts = Mapping[str, Any]


def read_shodan(path: Path) -> Tables:
    """The tables of a file of banners; those without TLS have no rows.

    A version that Shodan lists with a minus sign is `refused`. The version of the handshake is null unless its suite
    belongs to one version only: the version printed next to the suite is the one that introduced the suite.
    """
    scan = Scan(path, "Shodan")
    without = 0
    for number, record in read_objects(path, scan):
        for banner in _banners(record):
            shown = as_object(banner.get("ssl"))
            server = _server(banner)
            if server is None:
                scan.leave_out("a banner without address or port", line=number)
            elif shown:
                times = Times(at=instant_of(banner.get("timestamp"), zone="Z"))
                _read_banner(scan, shown, server, scan.begin(server, times))
            else:
                without += 1
    if without:
        scan.leave_out(f"{text.counted(without, 'banner')} without TLS")
    return scan.tables()


def _banners(record: _Facts) -> Iterator[_Facts]:
    """The banners of a host, or the record itself."""
    listed = record.get("data")
    if isinstance(listed, list):
        yield from as_objects(listed)
    else:
        yield record


def _server(banner: _Facts) -> Server | None:
    about = as_object(banner.get("_shodan"))
    asked = as_object(about.get("options")).get("hostname")
    address = banner.get("ip_str")
    module = str(about.get("module") or "")
    return make_server(
        asked or address,
        banner.get("port"),
        address=address,
        server_name=asked,
        starttls=module.partition("-simple")[0],
    )


def _read_banner(scan: Scan, shown: _Facts, server: Server, times: Times) -> None:
    ders = [der for one in as_list(shown.get("chain")) for der in ders_of(one)]
    chain = tuple(scan.add_certificate(der) for der in ders)
    leaf = chain[0] if chain else _describe(scan, as_object(shown.get("cert")))
    cipher = as_object(shown.get("cipher"))
    name, code = suite_of(cipher.get("name"))
    protocol = protocol_of(cipher.get("version"))
    scan.look(
        server, times, stage="certificate" if leaf else "hello", protocol=protocol if protocol in _LATEST else None,
        suite=name, suite_code=code, leaf_sha256=leaf, chain_sha256=chain or None,
        reason=None if protocol in _LATEST else f"cipher.version: {cipher.get('version')}",
    )  # fmt: skip
    known = []
    for listed in map(str, as_list(shown.get("versions"))):
        version = protocol_of(listed.lstrip("-"))
        if version is not None and version not in known:
            known.append(version)
            state = "refused" if listed.startswith("-") else "accepted"
            scan.answer(server, times, state, protocol=version, reason=f"Shodan lists {listed}")  # type: ignore[arg-type]
    if known:
        scan.answer_rest(server, times, known, _NOT_LISTED)


def _describe(scan: Scan, shown: _Facts) -> str | None:
    prints = as_object(shown.get("fingerprint"))
    serial = shown.get("serial")
    return scan.describe(
        {
            "cert_sha256": prints.get("sha256"),
            "subject": _name(shown.get("subject")),
            "issuer": _name(shown.get("issuer")),
            # Programs that read JSON numbers as floats and write them again lose its digits.
            "serial": format(serial, "x") if isinstance(serial, int) and not isinstance(serial, bool) else None,
            "not_before": _instant(shown.get("issued")),
            "not_after": _instant(shown.get("expires")),
            "signature_algorithm": shown.get("sig_alg") if isinstance(shown.get("sig_alg"), str) else None,
        },
        sha1=prints.get("sha1") if isinstance(prints.get("sha1"), str) else None,
    )


def _name(attributes: object) -> str | None:
    """The attributes, the most specific first: the banner does not keep their order."""
    given = as_object(attributes)
    order = sorted(given, key=lambda name: _SHORT.index(name) if name in _SHORT else -1)
    return ",".join(f"{name}={given[name]}" for name in order) or None


def _instant(digits: object) -> Any:
    """`20201126235959Z`."""
    plain = str(digits)
    return instant_of(f"{plain[:8]}T{plain[8:]}") if len(plain) == 15 else None
