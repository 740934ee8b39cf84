"""The formats that are read: one table, to which other packages can add.

A package adds a format by an entry point in the group `tls_toolkit.readers`, whose name is the format's and whose
object is a `Reader`:

    [project.entry-points."tls_toolkit.readers"]
    myscanner = "my_package:READER"
"""

import re
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

from toolkit import text
from toolkit.errors import ReadError, ReadWarning
from toolkit.readers.captures import read_capture
from toolkit.readers.censys import read_censys
from toolkit.readers.crtsh import read_crtsh
from toolkit.readers.cryptolyzer import read_cryptolyzer
from toolkit.readers.ct import is_tile, read_entries, read_tile
from toolkit.readers.gnutls_cli import read_gnutls_cli
from toolkit.readers.mail_logs import DOVECOT_FILE, read_mail_log
from toolkit.readers.mail_stamps import CONTAINER
from toolkit.readers.nmap import read_nmap
from toolkit.readers.packets import PCAP, PCAPNG
from toolkit.readers.received import read_received
from toolkit.readers.s_client import read_s_client
from toolkit.readers.shodan import read_shodan
from toolkit.readers.ssllabs import read_ssllabs
from toolkit.readers.sslscan import read_sslscan
from toolkit.readers.sslyze import read_sslyze
from toolkit.readers.sslyze_xml import read_sslyze_xml
from toolkit.readers.testssl import read_testssl
from toolkit.readers.tls_reports import read_tls_report
from toolkit.readers.tls_scan import read_tls_scan
from toolkit.readers.tlsx import read_tlsx
from toolkit.readers.zeek import read_zeek
from toolkit.readers.zgrab2 import read_zgrab2
from toolkit.tables import Tables

Given = TypeVar("Given")
Made = TypeVar("Made")

GROUP: Final = "tls_toolkit.readers"
"""The group of entry points by which other packages add formats."""


class Reader(NamedTuple):
    """A format: what it is called with its article, how its beginning is recognised, and what reads a file of it.

    `recognises` is given up to `toolkit.readers.forms.HEAD` bytes from the beginning of a file, decompressed. `read`
    takes the path and gives `Tables`; it raises `toolkit.errors.ReadError` for what it cannot read. Any other error in
    a format of another package becomes a `ReadError` that names the format.

    >>> from toolkit.readers import readers
    >>> reader = readers()["nmap"]
    >>> reader.words, reader.recognises(b"<?xml version='1.0'?><nmaprun scanner='nmap'>")
    ('an nmap XML report', True)
    """

    words: str
    recognises: Callable[[bytes], bool]
    read: Callable[[Path], Tables]


def with_keys(*keys: str) -> Callable[[bytes], bool]:
    """Recognises JSON, or JSON lines, with all of the keys in its beginning."""
    found = re.compile(rf"\A\s*[\[{{]{''.join(_key(key) for key in keys)}".encode(), re.DOTALL)
    return lambda head: found.search(head) is not None


def with_pattern(pattern: str) -> Callable[[bytes], bool]:
    """Recognises text in whose beginning the pattern is found."""
    found = re.compile(pattern.encode(), re.DOTALL | re.IGNORECASE)
    return lambda head: found.search(head) is not None


def any_of(*recognisers: Callable[[bytes], bool]) -> Callable[[bytes], bool]:
    """Recognises what any of them does."""
    return lambda head: any(recognises(head) for recognises in recognisers)


def _key(key: str) -> str:
    return rf'(?=.*"{re.escape(key)}"\s*:)'


_TESTSSL: Final = any_of(
    with_keys("scanTime", "scanResult"),
    with_keys("Invocation", "openssl"),
    with_keys("clientProblem1"),
    with_keys("id", "severity", "finding"),
    with_pattern(r'\A\s*"?id"?,"?fqdn/ip"?,"?port"?,'),
)

_CENSYS: Final = any_of(
    with_keys("services", "service_name"),
    with_keys("autonomous_system", "bgp_prefix"),
    with_keys("cipher_selected", "version_selected"),
    with_pattern(r'\A\s*[\[{].{0,2000}"(?:host|webproperty|certificate)_v1"\s*:\s*\{\s*"'),
)

_ZEEK: Final = any_of(
    with_keys("id.orig_h", "established"),
    with_keys("id.orig_h", "cert_chain_fps"),
    with_keys("id.orig_h", "cert_chain_fuids"),
    with_keys("certificate.subject", "certificate.serial"),
    with_keys("orig_h", "resp_h", "established"),
    with_keys("not_valid_before", "not_valid_after", "key_alg", "sig_alg"),
    with_pattern(r"\A(?:#[^\n]*\n)*#path[^\w\n]{1,8}(?:ssl|x509)[\r\n]"),
)

_BEGINS: Final = rf"(?m:^(?:{CONTAINER})?(?:\d{{4}}-\d\d-\d\dT[\d:.]+Z )?"
"""The beginning of a line: what keeps the output of containers writes the service and a time before it."""

SYSLOG: Final = (
    r"(?:<\d+>\S* ?)?(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT\S+|[A-Z][a-z]{2} \d{4}-\d\d-\d\d [\d:.]+ \S+)"
    r" \S+ (?:<?\w+\.\w+>? )?"
)
"""What begins a line of syslog, up to the name of the program; BusyBox writes the facility before it."""

_MAIL_LOG: Final = any_of(
    with_pattern(
        rf"{_BEGINS}{SYSLOG}"
        r"(?:(?:postfix[\w/-]*|(?:sendmail|sm-mta|sm-msp)[\w-]*|exim\d?|smtpd)\[|dovecot(?:\[\d+\])?: ))"
    ),
    with_pattern(
        rf"{_BEGINS}\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d (?:[+-]\d{{4}} )?(?:\[\d+\] )?"
        r"(?:exim |Start queue run|TLS error on |\w{6}-\w{6,11}-\w{2,4} ))"
    ),
    with_pattern(rf"{_BEGINS}{DOVECOT_FILE})"),
    with_pattern(r"(?m:^[^\n]{0,200}\w TLS connection established (?:to|from) [\w.-]+\[)"),
)

READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "nmap": Reader("an nmap XML report", with_pattern(r"\A\s*<(?=.*<nmaprun)"), read_nmap),
        "sslscan": Reader(
            "an sslscan XML report", with_pattern(r'\A\s*<.*?<document\s[^>]{0,400}title="SSLScan'), read_sslscan
        ),
        "sslyze-xml": Reader(
            "an SSLyze XML report", with_pattern(r'\A\s*<.*?<document\s[^>]{0,400}title="SSLyze'), read_sslyze_xml
        ),
        "sslyze": Reader("an SSLyze JSON report", with_keys("server_scan_results"), read_sslyze),
        "testssl": Reader("a testssl.sh report in JSON or CSV", _TESTSSL, read_testssl),
        "cryptolyzer": Reader("a cryptolyzer JSON report", with_keys("target", "proto_version"), read_cryptolyzer),
        "ssllabs": Reader("an SSL Labs JSON report", with_keys("engineVersion", "criteriaVersion"), read_ssllabs),
        "tls-scan": Reader("a tls-scan JSON report", with_keys("tlsVersion", "elapsedTime"), read_tls_scan),
        "tlsx": Reader("tlsx JSON lines", with_keys("probe_status"), read_tlsx),
        "shodan": Reader("banners of Shodan in JSON", with_keys("_shodan"), read_shodan),
        "censys": Reader("records of Censys in JSON", _CENSYS, read_censys),
        "zgrab2": Reader(
            "zgrab2 JSON lines",
            with_pattern(r'\A\s*[\[{].*"data"\s*:\s*\{\s*"[\w-]+"\s*:\s*\{\s*"(?:status|protocol|port|error)"'),
            read_zgrab2,
        ),
        "zeek": Reader("a Zeek log of TLS connections or certificates (ssl.log, x509.log)", _ZEEK, read_zeek),
        "mail-log": Reader("a log of a mail server", _MAIL_LOG, read_mail_log),
        "crtsh": Reader(
            "a list of certificates by crt.sh, in JSON or CSV",
            any_of(
                with_keys("issuer_ca_id", "not_after"),
                with_pattern(r"\A(?=[^\n]*issuer_name)(?=[^\n]*not_after)[\w\", ]+[\r\n]"),
            ),
            read_crtsh,
        ),
        "tls-report": Reader(
            "an SMTP TLS report (RFC 8460)", with_keys("organization-name", "policies"), read_tls_report
        ),
        "ct-entries": Reader(
            "entries of a Certificate Transparency log (get-entries)", with_keys("leaf_input"), read_entries
        ),
        "ct-tile": Reader("a data tile of a Certificate Transparency log", is_tile, read_tile),
        "s_client": Reader(
            "a transcript of openssl s_client",
            with_pattern(
                r"(?m:^(?:CONNECTED\([\dA-F]{8}\)|CONNECTION EST|connect:errno=|[^\n]{0,200}\bopenssl s_client ))"
            ),
            read_s_client,
        ),
        "gnutls-cli": Reader(
            "a transcript of gnutls-cli",
            with_pattern(r"(?m:^(?:Processed \d+ CA certificate|- Certificate type: X\.509|- Peer's certificate))"),
            read_gnutls_cli,
        ),
        "pcap": Reader(
            "a packet capture (pcap, pcapng)", lambda head: head[:4] in PCAP or head[:4] == PCAPNG, read_capture
        ),
        "mail": Reader(
            "a mailbox or a mail message",
            with_pattern(
                r"\A(?!.*-----BEGIN CERTIFICATE)(?:From \S+ +[A-Z][a-z]{2} [A-Z][a-z]{2} |"
                r"(?=.{0,20000}(?m:^Received: ))"
                r"(?:Received|Return-Path|Delivered-To|X-[\w-]+|DKIM-Signature|From|Date): )"
            ),
            read_received,
        ),
    }
)
"""Format → its reader; the first that recognises a file reads it."""


_OBJECT: Final = re.compile(rb'^[ \t]*\{\s*"', re.MULTILINE)


@cache
def readers() -> Mapping[str, Reader]:
    """Format → its reader: ours, then those that other packages add. One that cannot be loaded is left out.

    >>> list(readers())[:2]
    ['nmap', 'sslscan']
    """
    found = dict(READERS)
    for point in entry_points(group=GROUP):
        try:
            reader = point.load()
        except (ImportError, AttributeError) as error:
            warnings.warn(f"the format {point.name!r} cannot be loaded: {text.plain(error)}", ReadWarning, stacklevel=2)
            continue
        if isinstance(reader, Reader):
            guarded = Reader(reader.words, _guarded(point.name, reader.recognises), _guarded(point.name, reader.read))
            found.setdefault(point.name, guarded)
        else:
            what = type(reader).__name__
            warnings.warn(f"the format {point.name!r} is not a Reader but {what}", ReadWarning, stacklevel=2)
    return MappingProxyType(found)


def _guarded(name: str, call: Callable[[Given], Made]) -> Callable[[Given], Made]:
    """The same function of a format of another package; its other errors become a `ReadError` that names it."""

    def guarded(given: Given) -> Made:
        try:
            return call(given)
        except (ReadError, OSError):
            raise
        except Exception as error:
            said = f"{type(error).__name__}: {text.plain(error)}"
            where = f"{given}: the" if isinstance(given, Path) else "The"
            raise ReadError(
                f"{where} format {name!r}, which another package adds, ended in {said}. Report it to its authors."
            ) from error

    return guarded


def find_format(head: bytes) -> str | None:
    """The format that the beginning of a file, decompressed, shows; None where it is none of `readers`.

    Lines of text before a JSON object, such as those that a program writes when it starts, do not hide it.
    """
    objects = _OBJECT.search(head)
    for shown in (head, head[objects.start() :]) if objects else (head,):
        for name, reader in readers().items():
            if reader.recognises(shown):
                return name
    return None
