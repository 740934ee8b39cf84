"""Records of Censys, in the shapes that its documentation shows: the Search API 2.0, and the Platform API."""

import json
from pathlib import Path
from typing import Any

import pytest

import toolkit
from toolkit import Tables
from toolkit.errors import ReadWarning

LEAF, MIDDLE, ROOT = "ab" * 32, "cd" * 32, "ef" * 32
MIDDLE_DN, ROOT_DN = "C=US, O=Made\\, Inc., CN=Middle", "C=US, O=Made\\, Inc., CN=Root"

SEARCHED: dict[str, Any] = {
    "port": 443, "service_name": "HTTP", "extended_service_name": "HTTPS", "transport_protocol": "TCP",
    "certificate": LEAF, "observed_at": "2022-08-30T01:58:59.320014077Z",
    "tls": {
        "_encoding": {"ja3s": "DISPLAY_HEX"}, "version_selected": "TLSv1_3",
        "cipher_selected": "TLS_CHACHA20_POLY1305_SHA256",
        "certificates": {
            "chain": [{"fingerprint": MIDDLE, "issuer_dn": ROOT_DN, "subject_dn": MIDDLE_DN},
                      {"fingerprint": ROOT, "issuer_dn": ROOT_DN, "subject_dn": ROOT_DN}],
            "chain_fps_sha_256": [MIDDLE, ROOT],
            "leaf_data": {
                "fingerprint": LEAF, "issuer_dn": MIDDLE_DN, "subject_dn": "CN=a.example",
                "names": ["a.example", "192.0.2.1"], "pubkey_algorithm": "RSA", "pubkey_bit_size": 2048,
                "signature": {"self_signed": False, "signature_algorithm": "SHA256-RSA"},
            },
            "leaf_fp_sha_256": LEAF,
        },
    },
}  # fmt: skip
HOST: dict[str, Any] = {"ip": "192.0.2.1", "autonomous_system": {"asn": 64500, "bgp_prefix": "192.0.2.0/24"}}
SEARCH_API = {"code": 200, "status": "OK", "result": HOST | {
    "services": [SEARCHED, {"port": 53, "service_name": "DNS", "transport_protocol": "UDP"},
                 SEARCHED | {"transport_protocol": "QUIC"}],
}}  # fmt: skip

ON_PLATFORM: dict[str, Any] = {
    "ip": "192.0.2.1", "port": 443, "protocol": "HTTP", "transport_protocol": "tcp",
    "scan_time": "2026-01-27T21:48:42Z",
    "cert": {
        "fingerprint_sha256": LEAF, "fingerprint_sha1": "12" * 20, "names": ["a.example"], "validation_level": "dv",
        "parsed": {
            "subject_dn": "CN=a.example", "issuer_dn": MIDDLE_DN, "serial_number": "26",
            "serial_number_hex": "1a", "signature": {"signature_algorithm": {"name": "ECDSA-SHA384"}},
            "subject_key_info": {"key_algorithm": {"name": "ECDSA"}},
            "validity_period": {"not_before": "2026-01-01T00:00:00Z", "not_after": "2026-03-31T23:59:59Z"},
        },
    },
    "tls": {
        "version_selected": "tlsv1_3", "cipher_selected": "TLS_AES_128_GCM_SHA256", "fingerprint_sha256": LEAF,
        "presented_chain": [{"fingerprint_sha256": MIDDLE, "issuer_dn": ROOT_DN, "subject_dn": MIDDLE_DN}],
        "versions": [{"version": "tlsv1_3"}, {"version": "tlsv1_2"}, {"version": "ss_lv_3"}, {"version": "dtlsv1_2"}],
    },
}  # fmt: skip
MAIL = {"port": 2525, "protocol": "SMTP", "transport_protocol": "tcp", "tls": {"version_selected": "tlsv1_2"},
        "smtp": {"ehlo": "250 STARTTLS", "start_tls": "220 go ahead"}}  # fmt: skip
PROPERTY = {"hostname": "a.example", "port": 443, "scan_time": "2026-01-28T00:00:00Z"} | {
    name: ON_PLATFORM[name] for name in ("cert", "tls")
}
PLATFORM = {"result": {"hits": [
    {"host_v1": {"resource": HOST | {"services": [ON_PLATFORM, MAIL]}}},
    {"webproperty_v1": {"resource": PROPERTY}},
    {"certificate_v1": {"resource": ON_PLATFORM["cert"] | {"fingerprint_sha256": "34" * 32}}},
]}}  # fmt: skip


def read(folder: Path, given: object) -> Tables:
    (folder / "censys.json").write_text(json.dumps(given))
    return toolkit.read(folder / "censys.json")


def test_the_search_api_2_shows_leaf_chain_and_parameters(tmp_path: Path) -> None:
    with pytest.warns(ReadWarning, match="2 services without TLS over TCP"):
        tables = read(tmp_path, SEARCH_API)
    (look,) = tables.observations.to_dict("records")
    assert look["service"] == "https://192.0.2.1:443"
    assert look["observed_at"].isoformat() == "2022-08-30T01:58:59.320014+00:00"
    assert (look["protocol"], look["suite"]) == ("TLS 1.3", "TLS_CHACHA20_POLY1305_SHA256")
    assert (look["leaf_sha256"], look["chain_sha256"], look["tool"]) == (LEAF, (LEAF, MIDDLE, ROOT), "Censys")
    held = tables.certificates.set_index("cert_sha256")
    leaf = held.loc[LEAF]
    assert (leaf["issuer"], leaf["names"], leaf["key_type"], leaf["key_bits"], leaf["signature_algorithm"]) == (
        "CN=Middle,O=Made\\, Inc.,C=US", ("a.example", "192.0.2.1"), "RSA", 2048, "sha256WithRSAEncryption",
    )  # fmt: skip
    assert leaf[["not_before", "not_after", "der", "serial"]].isna().all()
    assert held.loc[MIDDLE, "subject"] == leaf["issuer"]
    assert tables.support.empty, "one handshake says nothing about other versions"


def test_the_platform_shows_versions_web_properties_and_certificates(tmp_path: Path) -> None:
    tables = read(tmp_path, PLATFORM)
    looks = tables.observations
    assert looks["service"].tolist() == ["https://192.0.2.1:443", "smtp://192.0.2.1:2525", "https://a.example:443"]
    assert looks["server_name"].fillna("").tolist() == ["", "", "a.example"]
    assert looks["leaf_sha256"].fillna("").tolist() == [LEAF, "", LEAF]
    assert looks["chain_sha256"].tolist()[0] == (LEAF, MIDDLE)
    leaf = tables.certificates.set_index("cert_sha256").loc[LEAF]
    assert (leaf["serial"], leaf["validation"], leaf["key_type"], leaf["signature_algorithm"]) == (
        "1a", "DV", "EC", "ecdsa-with-SHA384",
    )  # fmt: skip
    assert leaf["not_after"].isoformat() == "2026-03-31T23:59:59+00:00"
    assert "34" * 32 in set(tables.certificates["cert_sha256"])
    answers = tables.support[tables.support["service"] == "https://192.0.2.1:443"].set_index("protocol")["state"]
    assert answers.to_dict() == {
        "TLS 1.3": "accepted", "TLS 1.2": "accepted", "SSL 3.0": "accepted", "SSL 2.0": "untested",
        "TLS 1.0": "untested", "TLS 1.1": "untested",
    }  # fmt: skip


def test_a_name_of_a_virtual_host_was_in_the_hello(tmp_path: Path) -> None:
    tables = read(tmp_path, HOST | {"name": "a.example", "services": [SEARCHED]})
    (look,) = tables.observations.to_dict("records")
    assert (look["host"], look["address"], look["server_name"]) == ("a.example", "192.0.2.1", "a.example")


@pytest.mark.parametrize("changes", [
    {"port": "x"}, {"tls": []}, {"tls": {"certificates": 5, "versions": "TLSv1_2"}}, {"cert": {"parsed": {"names": 5}}},
    {"tls": {"fingerprint_sha256": "zz", "presented_chain": [{}, 5, {"fingerprint_sha256": ["a"]}]}}, {"smtp": 5},
    {"cert": {"names": [5, None], "parsed": {"serial_number": "9" * 5000, "validity_period": {"not_after": 5}}}},
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::toolkit.errors.ReadWarning")
def test_fields_of_another_type_are_left_null(changes: dict[str, object], tmp_path: Path) -> None:
    sound = HOST | {"services": [ON_PLATFORM]}
    broken = HOST | {"services": [ON_PLATFORM | {"port": 8443, "protocol": "SMTP"} | changes, 5, None]}
    tables = read(tmp_path, [sound, broken])
    assert "https://192.0.2.1:443" in set(tables.observations["service"])
    assert len(tables.observations) <= 2
