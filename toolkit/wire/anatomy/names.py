"""Names of code points, as the fields of a message show them."""

from typing import Final

from toolkit.reference import groups, signature_schemes, suites
from toolkit.wire.hello import EMPTY_RENEGOTIATION_INFO_SCSV, PROTOCOLS

EXTENSIONS: Final[dict[int, tuple[str, str]]] = {
    0: ("server_name", "RFC 6066, 3"),
    1: ("max_fragment_length", "RFC 6066, 4"),
    2: ("client_certificate_url", "RFC 6066, 5"),
    3: ("trusted_ca_keys", "RFC 6066, 6"),
    4: ("truncated_hmac", "RFC 6066, 7"),
    5: ("status_request", "RFC 6066, 8"),
    10: ("supported_groups", "RFC 8446, 4.2.7"),
    11: ("ec_point_formats", "RFC 8422, 5.1.2"),
    12: ("srp", "RFC 5054, 2.8.1"),
    13: ("signature_algorithms", "RFC 8446, 4.2.3"),
    14: ("use_srtp", "RFC 5764, 4.1"),
    15: ("heartbeat", "RFC 6520, 2"),
    16: ("application_layer_protocol_negotiation", "RFC 7301, 3.1"),
    17: ("status_request_v2", "RFC 6961, 2.2"),
    18: ("signed_certificate_timestamp", "RFC 6962, 3.3.1"),
    19: ("client_certificate_type", "RFC 7250, 3"),
    20: ("server_certificate_type", "RFC 7250, 3"),
    21: ("padding", "RFC 7685, 3"),
    22: ("encrypt_then_mac", "RFC 7366, 2"),
    23: ("extended_master_secret", "RFC 7627, 5.1"),
    24: ("token_binding", "RFC 8472, 2"),
    25: ("cached_info", "RFC 7924, 3"),
    27: ("compress_certificate", "RFC 8879, 3"),
    28: ("record_size_limit", "RFC 8449, 4"),
    34: ("delegated_credential", "RFC 9345, 4.1.1"),
    35: ("session_ticket", "RFC 5077, 3.2"),
    41: ("pre_shared_key", "RFC 8446, 4.2.11"),
    42: ("early_data", "RFC 8446, 4.2.10"),
    43: ("supported_versions", "RFC 8446, 4.2.1"),
    44: ("cookie", "RFC 8446, 4.2.2"),
    45: ("psk_key_exchange_modes", "RFC 8446, 4.2.9"),
    47: ("certificate_authorities", "RFC 8446, 4.2.4"),
    48: ("oid_filters", "RFC 8446, 4.2.5"),
    49: ("post_handshake_auth", "RFC 8446, 4.2.6"),
    50: ("signature_algorithms_cert", "RFC 8446, 4.2.3"),
    51: ("key_share", "RFC 8446, 4.2.8"),
    57: ("quic_transport_parameters", "RFC 9001, 8.2"),
    13172: ("next_protocol_negotiation", "draft-agl-tls-nextprotoneg-04, 3"),
    0xFE0D: ("encrypted_client_hello", "RFC 9849, 5"),
    0xFF01: ("renegotiation_info", "RFC 5746, 3.2"),
}
"""IANA TLS ExtensionType Values: code → name and where it is defined."""


def version(code: int) -> str:
    """`TLS 1.2` for 0x0303."""
    return PROTOCOLS.get(code) or _grease(code) or "unknown version"


def suite(code: int) -> str:
    """IANA name of a suite, with key and strength bits."""
    if code == EMPTY_RENEGOTIATION_INFO_SCSV:
        return "TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746, 3.3)"
    if code == 0x5600:
        return "TLS_FALLBACK_SCSV (RFC 7507, 2)"
    known = suites().get(code)
    if known is None:
        return _grease(code) or "unknown suite"
    bits = known.key_bits if known.key_bits == known.strength_bits else f"{known.key_bits}/{known.strength_bits}"
    return f"{known.name} ({known.cipher} {bits} bits)"


def group(code: int) -> str:
    """IANA name of a group."""
    known = groups().get(code)
    return known.name if known is not None else _grease(code) or "unknown group"


def scheme(code: int) -> str:
    """IANA name of a signature scheme."""
    known = signature_schemes().get(code)
    return known.name if known is not None else _grease(code) or "unknown scheme"


def extension(code: int) -> tuple[str, str]:
    """Name of an extension, and where it is defined."""
    return EXTENSIONS.get(code) or ("grease" if _grease(code) else f"extension_{code}", "RFC 8446, 4.2")


def _grease(code: int) -> str:
    """RFC 8701, 3.1: values without a meaning, which test that servers ignore unknown values."""
    return "GREASE (RFC 8701)" if code & 0x0F0F == 0x0A0A and code >> 8 == code & 0xFF else ""
