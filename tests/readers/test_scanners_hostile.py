"""Reports that are damaged or made to do harm: a clear end, bounded work, and text that is harmless where shown."""

import base64
import gzip
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import toolkit
from tests.certificates import der
from toolkit import schema
from toolkit.errors import ReadError, ReadWarning, SchemaError, UsageError
from toolkit.readers import forms, opening, registry
from toolkit.tables import Tables, as_pem

NMAP = """<?xml version="1.0"?>
<nmaprun scanner="nmap" version="7.80" start="1600000000">
<host starttime="1600000000" endtime="1600000009"><address addr="192.0.2.1" addrtype="ipv4"/><hostnames/>
<ports><port protocol="tcp" portid="443"><state state="open" reason="syn-ack"/>
<script id="ssl-enum-ciphers"><table key="TLSv1.2"><table key="ciphers">
<table><elem key="name">TLS_RSA_WITH_AES_128_CBC_SHA</elem></table></table></table></script></port>
<port protocol="tcp" portid="444"><state state="closed" reason="conn-refused"/></port>
</ports></host></nmaprun>
"""
SSLSCAN = """<?xml version="1.0"?>
<document title="SSLScan Results" version="2.1.5"><ssltest host="a.test" sniname="a.test" port="443">
<protocol type="ssl" version="3" enabled="0"/>
<protocol type="tls" version="1.2" enabled="1"/>
<cipher status="preferred" sslversion="TLSv1.2" bits="128" cipher="AES128-SHA" id="0x002F"/>
</ssltest></document>
"""
SSLYZE = json.dumps(
    {
        "server_scan_results": [
            {
                "server_location": {"hostname": "a.test", "port": 443, "ip_address": "192.0.2.1"},
                "connectivity_result": {"highest_tls_version_supported": "TLS_1_2"},
                "scan_result": {"tls_1_2_cipher_suites": {"status": "ERROR", "error_reason": "BUG", "result": None}},
            }
        ],
        "sslyze_version": "6.0.0",
    }
)
FLAT = json.dumps(
    [
        {"id": name, "ip": "a.test/192.0.2.1", "port": "443", "severity": "OK", "finding": finding}
        for name, finding in (("SSLv3", "not offered"), ("TLS1_2", "offered"), ("TLS1_3", "not tested"))
    ]
)
CSV = '"id","fqdn/ip","port","severity","finding","cve","cwe"\n"TLS1_2","a.test/192.0.2.1","443","OK","offered","",""\n'
CRYPTOLYZER = json.dumps(
    {"target": {"scheme": "tls", "address": "a.test", "ip": "192.0.2.1", "port": 443, "proto_version": "tls1_2"},
     "cipher_suites": ["TLS_RSA_WITH_AES_128_CBC_SHA"], "cipher_suite_preference": True}
)  # fmt: skip
LABS = json.dumps(
    [{"host": "a.test", "port": 443, "engineVersion": "2", "criteriaVersion": "x", "startTime": 1, "testTime": 2000,
      "endpoints": [{"ipAddress": "192.0.2.1", "statusMessage": "Unable to connect to the server"}]}]
)  # fmt: skip
TLS_SCAN = json.dumps(
    {
        "host": "a.test",
        "ip": "192.0.2.1",
        "port": 443,
        "elapsedTime": 5,
        "tlsVersion": "TLSv1.2",
        "cipher": "AES128-SHA x",
    }
)
TLSX = json.dumps({"host": "a.test", "port": "443", "probe_status": False, "error": "connection refused"})
ZGRAB2 = json.dumps(
    {"ip": "192.0.2.1", "data": {"tls": {"status": "connection-timeout", "protocol": "tls", "result": {}}}}
)
SHODAN = json.dumps(
    {"ip_str": "192.0.2.1", "port": 443, "timestamp": "2020-09-29T12:44:48.931685", "_shodan": {"module": "https"},
     "ssl": {"versions": ["TLSv1", "-SSLv2", "TLSv1.2"], "cipher": {"version": "TLSv1/SSLv3", "name": "AES128-SHA"},
             "cert": {"fingerprint": {"sha256": "ab" * 32}, "serial": 5, "expires": "20201126235959Z",
                      "subject": {"CN": "a.test"}}}}
)  # fmt: skip
CENSYS = json.dumps(
    {
        "ip": "192.0.2.1",
        "services": [
            {"port": 443, "service_name": "HTTP", "transport_protocol": "TCP", "observed_at": "2026-01-02T03:04:05Z",
             "tls": {"version_selected": "TLSv1_2", "certificates": {"leaf_fp_sha_256": "ab" * 32}}}
        ],
    }
)  # fmt: skip
ZEEK = json.dumps(
    {
        "ts": 1784818803.5,
        "id.orig_h": "198.51.100.7",
        "id.resp_h": "192.0.2.1",
        "id.resp_p": 443,
        "version": "TLSv12",
        "server_name": "a.test",
        "established": True,
        "cert_chain_fps": ["ab" * 32],
    }
)
MAIL = (
    "Nov 28 04:17:42 mx postfix/smtp[1]: Trusted TLS connection established to a.test[192.0.2.1]:25: "
    "TLSv1 with cipher DES-CBC3-SHA (112/168 bits)\n"
)
RECEIVED = (
    "From x@c.test Thu Dec 14 05:56:22 2023\nReceived: from c.test ([198.51.100.7])\n\tby a.test with ESMTPS id 1\n"
    "\t(version=TLS1_2 cipher=DES-CBC3-SHA bits=112/168);\n\tThu, 14 Dec 2023 05:56:22 -0800\nSubject: s\n\nbody\n"
)
CRTSH = json.dumps(
    [
        {
            "issuer_ca_id": 1,
            "issuer_name": "C=US, CN=CA",
            "name_value": "a.test\nx@a.test",
            "id": 5,
            "not_before": "2020-04-04T03:41:42",
            "not_after": "2020-07-03T03:41:42",
            "serial_number": "0a",
        }
    ]
)
REPORT = json.dumps(
    {
        "organization-name": "c.test",
        "date-range": {"start-datetime": "2026-04-01T00:00:00Z", "end-datetime": "2026-04-01T23:59:59Z"},
        "policies": [{"policy": {"policy-domain": "a.test"}, "summary": {"total-successful-session-count": 5}}],
    }
)
LEAF = der.certificate()
ENTRY = bytes(12) + len(LEAF).to_bytes(3) + LEAF + bytes(2)
ENTRIES = json.dumps(
    {"entries": [{"leaf_input": base64.b64encode(ENTRY).decode(), "extra_data": base64.b64encode(bytes(3)).decode()}]}
)
S_CLIENT = "$ openssl s_client -connect a.test:443\nconnect:errno=111\n"
GNUTLS = "Processed 1 CA certificate(s).\nResolving 'a.test:443'...\nConnecting to '192.0.2.1:443'...\n"
SSLYZE_XML = """<?xml version="1.0" encoding="utf-8"?>
<document SSLyzeVersion="2.0.6" title="SSLyze Scan Results"><results><target host="a.test" ip="192.0.2.1" port="25"
 tlsWrappedProtocol="smtp"><tlsv1_2 isProtocolSupported="True"><preferredCipherSuite/><acceptedCipherSuites>
<cipherSuite connectionStatus="OK" name="TLS_RSA_WITH_AES_128_CBC_SHA"/></acceptedCipherSuites><rejectedCipherSuites>
<cipherSuite connectionStatus="TLS / No ciphers available" name="TLS_RSA_WITH_NULL_MD5"/></rejectedCipherSuites>
</tlsv1_2><sslv3 isProtocolSupported="False"><acceptedCipherSuites/><rejectedCipherSuites>
<cipherSuite connectionStatus="TLS / No ciphers available" name="TLS_RSA_WITH_NULL_MD5"/></rejectedCipherSuites>
</sslv3></target></results><invalidTargets><invalidTarget error="Could not resolve hostname">a.test:443</invalidTarget>
</invalidTargets></document>"""
GOOD = {
    "nmap": NMAP, "sslscan": SSLSCAN, "sslyze-xml": SSLYZE_XML,
    "sslyze": SSLYZE, "testssl": FLAT, "cryptolyzer": CRYPTOLYZER, "ssllabs": LABS,
    "tls-scan": TLS_SCAN, "tlsx": TLSX, "zgrab2": ZGRAB2, "shodan": SHODAN, "censys": CENSYS,
    "zeek": ZEEK, "mail-log": MAIL, "mail": RECEIVED, "crtsh": CRTSH, "tls-report": REPORT,
    "ct-entries": ENTRIES, "s_client": S_CLIENT, "gnutls-cli": GNUTLS,
}  # fmt: skip


def read(path: Path, content: str | bytes, **options: str) -> Tables:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReadWarning)
        return toolkit.read(path, **options)


def test_there_is_a_small_report_of_each_format_here() -> None:
    assert set(GOOD) | {"ct-tile", "pcap"} == set(registry.READERS), "those are binary, and have tests of their own"


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_format_is_known_by_its_content(name: str, pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    tables = read(tmp_path / "given", pack(GOOD[name].encode()))
    assert len(tables.observations) + len(tables.support) + len(tables.certificates)
    assert set(tables.observations["host"]) <= {"a.test", "192.0.2.1"}
    again = read(tmp_path / "given", GOOD[name], format=name)
    assert len(again.observations) == len(tables.observations)


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_changes_nothing(name: str, encoding: str, tmp_path: Path) -> None:
    content = GOOD[name]
    if name in ("tlsx", "zgrab2", "crtsh"):
        content = json.dumps(json.loads(content), indent=1)
    marked, plain = (read(tmp_path / "given", content.encode(kind)) for kind in (encoding, "utf-8"))
    assert len(plain.observations) + len(plain.support) + len(plain.certificates)
    assert marked.observations["outcome"].tolist() == plain.observations["outcome"].tolist()
    assert marked.support["state"].tolist() == plain.support["state"].tolist()
    assert marked.certificates["cert_sha256"].tolist() == plain.certificates["cert_sha256"].tolist()


def test_utf_16_is_read_in_parts_of_any_size(tmp_path: Path) -> None:
    content = ("a\u20ac\U0001f511\n" * 9).encode("utf-16") + b"\n"
    (tmp_path / "given").write_bytes(content)
    for size in range(1, 12):
        with opening.open_text(tmp_path / "given") as file:
            parts = list(iter(lambda: file.read(size) or b"", b""))  # noqa: B023  used up in this round
        assert b"".join(parts) == content.decode("utf-16", "replace").encode()
        assert max(map(len, parts)) <= size


@pytest.mark.parametrize("other", [None, "tlsx.json"])
def test_what_is_next_to_the_logs_of_a_folder_is_named(other: str | None, tmp_path: Path) -> None:
    (tmp_path / "ssl").mkdir()
    (tmp_path / "more").mkdir()
    (tmp_path / "ssl" / "ssl.log").write_text(ZEEK)
    (tmp_path / "ssl" / "nmap.xml").write_text(NMAP)
    if other:
        (tmp_path / other).write_text(TLSX)
    with pytest.warns(ReadWarning, match=r"kept: more \(a folder\), ssl/nmap\.xml \(an nmap XML report\)\.$"):
        tables = toolkit.read(tmp_path)
    assert len(tables.observations) == len(read(tmp_path / "given", ZEEK).observations) + bool(other) > 0


def test_of_a_traceback_by_sslyze_the_error_is_kept(tmp_path: Path) -> None:
    trace = json.dumps('Traceback:\n  File "/x/y.py"\nOpenSSLError: wrong curve\n\n')
    failed = read(tmp_path / "given", SSLYZE.replace('"BUG"', f'"BUG", "error_trace": {trace}'))
    assert failed.support["reason"].tolist() == ["sslyze: ERROR: BUG: OpenSSLError: wrong curve"]
    for last, said in ((trace, "OpenSSLError: wrong curve"), ('" "', "SSLyze could not connect")):
        silent = SSLYZE.replace('"connectivity_result"', f'"connectivity_error_trace": {last}, "connectivity_result"')
        assert read(tmp_path / "given", silent).observations["reason"].tolist() == [said]


def test_what_a_tool_did_not_test_is_untested(tmp_path: Path) -> None:
    states = {
        name: dict(zip(tables.support["protocol"], tables.support["state"], strict=True))
        for name in ("sslyze", "testssl", "nmap")
        if (tables := read(tmp_path / "given", GOOD[name])) is not None
    }
    assert states["sslyze"] == {"TLS 1.2": "untested"}
    assert states["testssl"]["TLS 1.3"] == states["testssl"]["TLS 1.0"] == "untested"
    assert states["testssl"]["SSL 3.0"] == "refused"
    assert states["nmap"]["TLS 1.2"] == "accepted"
    assert (states["nmap"]["SSL 3.0"], states["nmap"]["TLS 1.3"]) == ("refused", "untested")


def test_what_failed_is_a_row_with_its_outcome(tmp_path: Path) -> None:
    outcomes = {name: read(tmp_path / "given", GOOD[name]).observations["outcome"].tolist() for name in GOOD}
    assert outcomes["nmap"] == ["ok", "port_closed"]
    assert (outcomes["tlsx"], outcomes["zgrab2"]) == (["port_closed"], ["timeout"])
    assert outcomes["ssllabs"] == ["unreachable"]


def test_what_the_client_could_not_offer_is_untested(tmp_path: Path) -> None:
    tables = read(tmp_path / "given", SSLYZE_XML)
    answers = tables.support[tables.support["suite"].isna()].set_index("protocol")["state"]
    assert (answers["TLS 1.2"], answers["SSL 3.0"], answers["TLS 1.3"]) == ("accepted", "untested", "untested")
    null = tables.support[tables.support["suite"] == "TLS_RSA_WITH_NULL_MD5"]
    assert set(null["state"]) == {"untested"}
    assert set(null["reason"]) == {"TLS / No ciphers available"}
    assert tables.observations["outcome"].tolist() == ["not_resolved"]
    assert set(tables.support["service"]) == {"smtp://a.test:25"}


ENTITY = '<!DOCTYPE nmaprun [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'


@pytest.mark.parametrize("name", ["nmap", "sslscan"])
def test_entities_are_refused(name: str, tmp_path: Path) -> None:
    content = GOOD[name].replace('<?xml version="1.0"?>', f'<?xml version="1.0"?>{ENTITY}')
    with pytest.raises(ReadError, match="declares the XML entity 'a'"):
        read(tmp_path / "given.xml", content)


@pytest.mark.parametrize("encoding", ["UTF-8-1", "utf-7", "gb18030"])
def test_an_encoding_that_is_not_read_is_named(encoding: str, tmp_path: Path) -> None:
    content = NMAP.replace('version="1.0"', f'version="1.0" encoding="{encoding}"', 1)
    with pytest.raises(ReadError, match=r"line 1: .*encoding"):
        read(tmp_path / "given.xml", content)


def test_external_entities_are_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    declared = f'<!DOCTYPE nmaprun [<!ENTITY x SYSTEM "{tmp_path / "secret"}">]>'
    content = NMAP.replace('<?xml version="1.0"?>', f'<?xml version="1.0"?>{declared}').replace("7.80", "&x;")
    with pytest.raises(ReadError, match="declares the XML entity"):
        read(tmp_path / "given.xml", content)


@pytest.mark.parametrize("name", ["nmap", "sslyze", "tlsx"])
def test_a_bomb_of_gzip_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LARGEST_WHOLE", 1 << 20)
    for opened in (opening.open_plain, opening.open_text):
        monkeypatch.setattr(opened, "__kwdefaults__", {"most": 1 << 20})
    content = gzip.compress(GOOD[name].encode() + b"\n" + b" " * (1 << 22))
    with pytest.raises(ReadError, match="holds more than 1,048,576 bytes, decompressed"):
        read(tmp_path / "given", content)


def test_a_line_without_end_is_left_out_and_the_next_one_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LONGEST_LINE", 1000)
    content = f"{TLSX}\n{'x' * 5000}\n{TLSX.replace('a.test', 'b.test')}\n"
    (tmp_path / "given").write_text(content)
    with pytest.warns(ReadWarning, match="line 2: a line that is too long"):
        tables = toolkit.read(tmp_path / "given")
    assert tables.observations["host"].tolist() == ["a.test", "b.test"]


@pytest.mark.parametrize("first", ["INF starting tlsx", "\x1b[34mINF\x1b[0m 1 of 2", "x" * (forms.HEAD + 9), "[WRN] {"])
@pytest.mark.parametrize("name", ["tlsx", "zgrab2", "shodan", "zeek"])
def test_a_first_line_of_text_does_not_hide_the_rest(name: str, first: str, tmp_path: Path) -> None:
    (tmp_path / "given").write_text(f"{first}\n{GOOD[name]}")
    with pytest.warns(ReadWarning, match="line 1: "):
        found = toolkit.read(tmp_path / "given")
    assert len(found.observations) == len(read(tmp_path / "plain", GOOD[name]).observations) > 0


@pytest.mark.parametrize(
    ("module", "url", "service", "address"),
    [
        ("mysql", None, "mysql://a.test:3306", "192.0.2.1"),
        ("rdp", None, "rdp://a.test:3389", "192.0.2.1"),
        ("http", {"scheme": "https", "host": "a.test:8443"}, "https://a.test:8443", "192.0.2.1"),
        ("http", {"scheme": "https", "host": "www.b.test"}, "https://www.b.test:443", None),
        ("http", {"scheme": "http", "host": "a.test:8080"}, "https://a.test:443", "192.0.2.1"),
        ("http", {"scheme": "https", "host": "a:b:c"}, "https://a.test:443", "192.0.2.1"),
    ],
)
def test_zgrab2_names_the_service_that_it_asked(
    module: str, url: object, service: str, address: str | None, tmp_path: Path
) -> None:
    log = {"handshake_log": {"server_hello": {"version": {"value": 771}}}}
    result = {"response": {"request": {"url": url, "tls_log": log}}} if url else {"tls": log}
    record = {
        "ip": "192.0.2.1",
        "domain": "a.test",
        "data": {module: {"status": "success", "protocol": module, "result": result}},
    }
    (look,) = read(tmp_path / "given", json.dumps(record)).observations.to_dict("records")
    assert (look["service"], look["address"] if address else None) == (service, address)
    assert look["server_name"] == look["host"]


@pytest.mark.parametrize(
    ("module", "result", "services"),
    [
        ("ssh", {}, []),
        ("http", {}, []),
        ("smtp", {"banner": "220 a.test"}, []),
        ("smtp", {"starttls": "220 ready"}, ["smtp://a.test:25"]),
        ("tls", {}, ["https://a.test:443"]),
        ("http", {"response": {"request": {"url": {"scheme": "http", "host": "a.test"}}}}, []),
        ("http", {"response": {"request": {"url": {"scheme": "https", "host": "a.test"}}}}, ["https://a.test:443"]),
    ],
)
def test_a_failure_of_zgrab2_is_a_row_where_it_asked_for_tls(
    module: str, result: dict[str, object], services: list[str], tmp_path: Path
) -> None:
    data = {module: {"status": "io-timeout", "protocol": module, "result": result}}
    found = read(tmp_path / "given", json.dumps({"ip": "192.0.2.1", "domain": "a.test", "data": data})).observations
    assert found["service"].tolist() == services
    assert set(found["outcome"]) <= {"timeout"}


def test_each_https_request_of_zgrab2_is_a_row_with_its_own_port(tmp_path: Path) -> None:
    def response(scheme: str, host: str, number: int | None) -> dict[str, object]:
        log = {"handshake_log": {"client_hello": number, "server_hello": {"version": {"value": 771}}}}
        return {"request": {"url": {"scheme": scheme, "host": host}, **({"tls_log": log} if number else {})}}

    chain = [response("http", "a.test", None), response("https", "a.test", 1), response("https", "a.test", 1)]
    result = {"redirect_response_chain": chain, "response": response("https", "www.b.test", 2)}
    data = {"http": {"status": "success", "protocol": "http", "port": 8443, "result": result}}
    found = read(tmp_path / "given", json.dumps({"ip": "192.0.2.1", "domain": "a.test", "data": data})).observations
    assert found["service"].tolist() == ["https://a.test:443", "https://www.b.test:443"]
    assert found["address"].fillna("").tolist() == ["192.0.2.1", ""]
    data["http"] |= {"status": "application-error", "error": "too many redirects"}
    found = read(tmp_path / "given", json.dumps({"ip": "192.0.2.1", "domain": "a.test", "data": data})).observations
    assert found["reason"].fillna("").tolist() == ["", "application-error: too many redirects"]


def test_bytes_that_are_not_utf_8_are_said(tmp_path: Path) -> None:
    (tmp_path / "given").write_bytes(SSLYZE.encode().replace(b"a.test", b"a\xff\xfe.test"))
    with pytest.warns(ReadWarning, match="line 1: bytes that are not UTF-8 are read as"):
        toolkit.read(tmp_path / "given")


@pytest.mark.parametrize(
    "whole",
    [
        '"id","fqdn/ip","port","severity","finding"\n"TLS1_2","a.test/192.0.2.1","443","OK","offered"\n',
        "id,issuer_ca_id,issuer_name,not_before,not_after,serial_number\n1,2,CN=a,2024-01-01T00:00:00,2024-02-01T00:00:00,0a\n",
    ],
    ids=["testssl", "crtsh"],
)
@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_lines_of_csv_may_end_with_a_carriage_return(whole: str, end: str, tmp_path: Path) -> None:
    tables, other = read(tmp_path / "given", whole), read(tmp_path / "given", whole.replace("\n", end))
    assert (len(tables.support), len(tables.certificates)) == (len(other.support), len(other.certificates)) != (0, 0)


def test_lines_of_text_before_an_object_over_several_lines(tmp_path: Path) -> None:
    spread = json.dumps(json.loads(TLSX), indent=1)
    tables = read(tmp_path / "given", f"INF starting\n[INF] 1 target\n{spread}\n[INF] 1 left\n{spread}")
    assert len(tables.observations) == 2


@pytest.mark.parametrize("name", ["sslyze", "testssl", "cryptolyzer", "ssllabs", "tlsx", "zgrab2"])
def test_json_that_is_nested_deeply_ends_clearly(name: str, tmp_path: Path) -> None:
    opened = GOOD[name].rstrip("]}") + ', "x": ' + "[" * 200_000
    with pytest.raises(ReadError) if name not in ("sslyze", "testssl") else nullcontext():
        read(tmp_path / "given", opened)


@pytest.mark.parametrize("name", GOOD)
def test_a_report_cut_anywhere_is_read_in_part_or_refused(name: str, tmp_path: Path) -> None:
    whole = GOOD[name].encode()
    full = read(tmp_path / "given", whole)
    for cut in range(len(whole) // 4, len(whole), 7):
        try:
            tables = read(tmp_path / "given", whole[:cut], format=name)
        except ReadError:
            continue
        for table in schema.TABLES:
            schema.check(table, getattr(tables, table))
        assert len(tables.observations) <= len(full.observations)


LONE_SURROGATE = '"\\u0000\\ud800"'
OF_OTHER_KINDS = ["[]", "{}", "null", "-1", "1e999", "true", "99999999999999999999"]
IN_JSON = sorted(name for name, content in GOOD.items() if content.startswith(("{", "[")))


def members_of(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each list and object in a JSON value with each of its positions or keys."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from members_of(value[key])


def with_another_value(content: str, other: str) -> Iterator[str]:
    """JSON with one value after another, also a list or an object, replaced."""
    document = json.loads(content)
    for around, key in list(members_of(document)):
        held, around[key] = around[key], "ANOTHER"
        yield json.dumps(document).replace('"ANOTHER"', other)
        around[key] = held


def read_or_refuse(path: Path, name: str, content: str | bytes) -> None:
    try:
        tables = read(path, content, format=name)
    except ReadError:
        return
    for table in schema.TABLES:
        schema.check(table, getattr(tables, table))


@pytest.mark.parametrize("name", IN_JSON)
def test_text_that_utf8_cannot_encode_raises_nothing_else(name: str, tmp_path: Path) -> None:
    for content in with_another_value(GOOD[name], LONE_SURROGATE):
        read_or_refuse(tmp_path / "given", name, content)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.sampled_from(IN_JSON), st.sampled_from(OF_OTHER_KINDS), st.data())
def test_a_value_of_another_kind_raises_nothing_else(
    tmp_path: Path, name: str, other: str, data: st.DataObject
) -> None:
    read_or_refuse(tmp_path / "given", name, data.draw(st.sampled_from([*with_another_value(GOOD[name], other)])))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_a_report_with_other_bytes_raises_nothing_else(tmp_path: Path, name: str, data: st.DataObject) -> None:
    damaged = bytearray(GOOD[name].encode())
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, len(damaged) - 1), st.integers(0, 255)), max_size=4)):
        damaged[at] = byte
    read_or_refuse(tmp_path / "given", name, bytes(damaged))


def test_hostile_text_is_harmless_where_it_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "given"
    path.write_text(
        TLSX + "\n" + json.dumps({"host": "\x1b[2J\u202e", "port": "x\x1b", "probe_status": True}) + "\nx\x1b[2J\n"
    )
    with pytest.warns(ReadWarning) as caught:
        toolkit.read(path)
    assert all("\x1b" not in str(warning.message) for warning in caught)


class Point:
    """An entry point of another package."""

    name = "myscanner"

    def __init__(self, loaded: object) -> None:
        self._loaded = loaded

    def load(self) -> object:
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[object], None]]:
    def add(loaded: object) -> None:
        monkeypatch.setattr(
            registry, "entry_points", lambda *, group: [Point(loaded)] if group == registry.GROUP else []
        )
        registry.readers.cache_clear()

    yield add
    registry.readers.cache_clear()


def test_another_package_adds_a_format(added: Callable[[object], None], tmp_path: Path) -> None:
    look = {"date_basis": "undated", "round": "r", "sample": 0, "source": "mine", "outcome": "ok"}
    mine = Tables.from_frames(schema.frame("observations", [look]))
    added(registry.Reader("a report of mine", lambda head: head.startswith(b"MINE"), lambda _: mine))
    (tmp_path / "given").write_text("MINE 1\n")
    assert toolkit.read(tmp_path / "given").observations["source"].tolist() == ["mine"]
    assert len(toolkit.read(tmp_path / "given", format="myscanner").observations) == 1


@pytest.mark.parametrize(
    ("error", "is_recognised"), [(KeyError("rows"), True), (KeyError("rows"), False), (SchemaError("no round"), True)]
)
def test_an_error_of_another_package_is_not_ours(
    added: Callable[[object], None], tmp_path: Path, error: Exception, *, is_recognised: bool
) -> None:
    def fail(_: object) -> NoReturn:
        raise error

    added(registry.Reader("a report of mine", (lambda _: True) if is_recognised else fail, fail))
    (tmp_path / "given").write_text("MINE 1\n")
    start = rf"^{tmp_path / 'given'}: the" if is_recognised else "^The"
    ended = f"{start} format 'myscanner', which another package adds, ended in {type(error).__name__}"
    with pytest.raises(ReadError, match=ended):
        toolkit.read(tmp_path / "given")


@pytest.mark.parametrize("loaded", [ImportError("no module named mine"), "not a reader"])
def test_a_package_that_cannot_be_loaded_is_named(
    loaded: object, added: Callable[[object], None], tmp_path: Path
) -> None:
    added(loaded)
    with pytest.warns(ReadWarning, match="the format 'myscanner'"):
        registry.readers()
    assert len(read(tmp_path / "given", NMAP).observations) == 2


def test_a_misspelt_format_has_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'nmap'"):
        read(tmp_path / "given", NMAP, format="nmpa")


def test_undated_reports_of_one_name_are_not_taken_for_one_another(tmp_path: Path) -> None:
    parts = []
    for folder, content in (("old", CSV), ("new", CSV.replace("offered", "not offered")), ("copy", CSV)):
        (tmp_path / folder).mkdir()
        parts.append(read(tmp_path / folder / "testssl.csv", content))
    states = Tables.concat(parts).support.query("protocol == 'TLS 1.2'")["state"].tolist()
    assert states == ["accepted", "refused"]


def test_banners_of_shodan_are_read_alone_and_in_the_answer_about_a_host(tmp_path: Path) -> None:
    held = toolkit.load_example("web-series").certificates
    banner = json.loads(SHODAN)
    tables = read(tmp_path / "given", SHODAN)
    (look,) = tables.observations.to_dict("records")
    assert (look["service"], look["suite"], look["leaf_sha256"]) == (
        "https://192.0.2.1:443", "TLS_RSA_WITH_AES_128_CBC_SHA", "ab" * 32,
    )  # fmt: skip
    assert pd.isna(look["protocol"]), "TLSv1/SSLv3 is where the suite comes from, not what was negotiated"
    states = dict(zip(tables.support["protocol"], tables.support["state"], strict=True))
    assert (states["TLS 1.0"], states["SSL 2.0"], states["SSL 3.0"]) == ("accepted", "refused", "untested")
    assert tables.certificates["not_after"].item().isoformat() == "2020-11-26T23:59:59+00:00"
    banner["ssl"]["chain"] = [as_pem(held["der"][0])]
    banner["ssl"]["cipher"]["version"] = "TLSv1.2"
    host = {"ip_str": "192.0.2.1", "data": [banner, {"ip_str": "192.0.2.1", "port": 80, "_shodan": {"module": "http"}}]}
    (tmp_path / "host").write_text(json.dumps(host))
    with pytest.warns(ReadWarning, match="1 banner without TLS"):
        tables = toolkit.read(tmp_path / "host")
    assert tables.observations["leaf_sha256"].tolist() == [held["cert_sha256"][0]]
    assert tables.observations["protocol"].tolist() == ["TLS 1.2"]


def test_damage_everywhere_costs_bounded_work_and_a_bounded_message(tmp_path: Path) -> None:
    nested = "[" + '{"id": ' * 20_000
    with pytest.raises(ReadError, match="nothing in it can be read"):
        read(tmp_path / "given", nested, format="testssl")
    (tmp_path / "lines").write_text(TLSX + "\n" + "x\n" * 50_000)
    with pytest.warns(ReadWarning, match=r"line 2: .*; and 49,995 more\.") as caught:
        assert len(toolkit.read(tmp_path / "lines").observations) == 1
    assert len(str(caught[0].message)) < 2500


@pytest.mark.parametrize("code", ["47", [47], 1.5, True, -5, 1 << 70])
def test_a_suite_code_that_cannot_be_one_is_null(code: object, tmp_path: Path) -> None:
    hello = {"version": {"name": "TLSv1.2", "value": 771}, "cipher_suite": {"value": code}}
    result = {"status": "success", "protocol": "tls", "result": {"handshake_log": {"server_hello": hello}}}
    (tmp_path / "z.json").write_text(json.dumps({"ip": "192.0.2.1", "data": {"tls": result}}))
    observations = toolkit.read(tmp_path / "z.json", format="zgrab2").observations
    assert observations[["suite", "suite_code"]].isna().all(axis=None)
