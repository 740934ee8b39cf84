"""The frozen ClientHellos of toolkit/reference/offers.csv.

An offer never changes once it has been used: a new one gets a new year and takes over the alias.
"""

_DAY = "2026-11-24"
_SOURCE = "tls-toolkit"

_TLS13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_AEAD = ("AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256")
_CBC_HASHED = ("AES_128_CBC_SHA256", "AES_256_CBC_SHA384")
_CBC = ("AES_128_CBC_SHA", "AES_256_CBC_SHA")


def _suites(exchanges: tuple[str, ...], ciphers: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"TLS_{exchange}_WITH_{cipher}" for cipher in ciphers for exchange in exchanges)


_ECDSA, _RSA_EPHEMERAL = ("ECDHE_ECDSA",), ("ECDHE_RSA",)
_EPHEMERAL = _ECDSA + _RSA_EPHEMERAL
_DHE_AEAD, _RSA_AEAD = _suites(("DHE_RSA",), _AEAD[:2]), _suites(("RSA",), _AEAD[:2])
_RSA_CBC_HASHED = _suites(("DHE_RSA", "RSA"), ("AES_128_CBC_SHA256", "AES_256_CBC_SHA256"))
_RSA_CBC = _suites(("DHE_RSA", "RSA"), _CBC)
_3DES = "3DES_EDE_CBC_SHA"

_SUITES_TLS12 = (
    *_suites(_EPHEMERAL, _AEAD), *_DHE_AEAD, *_suites(_EPHEMERAL, _CBC_HASHED), *_suites(_EPHEMERAL, _CBC), *_RSA_AEAD,
    *_RSA_CBC_HASHED, *_RSA_CBC, *_suites((*_EPHEMERAL, "DHE_RSA", "RSA"), (_3DES,)),
)  # fmt: skip
_SUITES_RSA = tuple(name for name in _SUITES_TLS12 if "ECDSA" not in name)
_SUITES_ECDSA = tuple(name for name in _SUITES_TLS12 if "ECDSA" in name)
# Suites with SHA-256 or better need TLS 1.2 (RFC 5246 section 7.4.1.2).
_SUITES_OLD = tuple(name for name in _SUITES_TLS12 if name.endswith("_SHA"))

_GROUPS_OLD = ("x25519", "secp256r1", "secp384r1", "secp521r1")
_GROUPS = ("X25519MLKEM768", *_GROUPS_OLD)
_SHARES = ("X25519MLKEM768", "x25519")

_SCHEMES_EC = ("ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512")
_SCHEMES_PSS = ("rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512")
_SCHEMES_PSS_KEY = ("rsa_pss_pss_sha256", "rsa_pss_pss_sha384", "rsa_pss_pss_sha512")
_SCHEMES_PKCS1 = ("rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512")
_SCHEMES_RSA = (*_SCHEMES_PSS, *_SCHEMES_PKCS1, *_SCHEMES_PSS_KEY)
_SCHEMES_SHA1 = ("ecdsa_sha1", "rsa_pkcs1_sha1")
_SCHEMES = (*_SCHEMES_EC, *_SCHEMES_RSA, "ed25519", "ed448", *_SCHEMES_SHA1)
_SCHEMES_TLS13 = (*_SCHEMES_EC, *_SCHEMES_PSS, *_SCHEMES_PSS_KEY, "ed25519", "ed448")
_OLD_VERSIONS = ("TLS 1.0", "TLS 1.1", "TLS 1.2")
_VERSIONS = (*_OLD_VERSIONS, "TLS 1.3")


def _offer(
    alias: str, meaning: str, versions: tuple[str, ...], suites: tuple[str, ...], schemes: tuple[str, ...]
) -> dict[str, object]:
    is_new = "TLS 1.3" in versions
    return {
        "name": f"{alias}-2026",
        "alias": alias,
        "since": _DAY,
        "versions": versions,
        "suites": (*_TLS13, *suites) if is_new else suites,
        "groups": _GROUPS if is_new else _GROUPS_OLD,
        "key_shares": _SHARES if is_new else (),
        "signature_schemes": schemes,
        # Everything, always: some servers refuse an ECDSA leaf signed by an RSA CA otherwise.
        "signature_schemes_cert": _SCHEMES if schemes else (),
        "meaning": meaning,
        "source": _SOURCE,
        "date": _DAY,
    }


OFFERS = (
    _offer("any", "what a current client offers, wide enough for old servers", _VERSIONS, _SUITES_TLS12, _SCHEMES),
    _offer("rsa", "as any, for servers with an RSA key", _VERSIONS, _SUITES_RSA, (*_SCHEMES_RSA, "rsa_pkcs1_sha1")),
    _offer("ecdsa", "as any, for servers with an EC key", _VERSIONS, _SUITES_ECDSA, (*_SCHEMES_EC, "ecdsa_sha1")),
    _offer("tls13", "as any, TLS 1.3 alone", ("TLS 1.3",), (), _SCHEMES_TLS13),
    _offer("tls12", "as any, TLS 1.2 alone", ("TLS 1.2",), _SUITES_TLS12, _SCHEMES),
    # signature_algorithms came with TLS 1.2 (RFC 5246 section 7.4.1.4.1): older hellos do not send it.
    _offer("tls11", "as any, TLS 1.1 alone", ("TLS 1.1",), _SUITES_OLD, ()),
    _offer("tls10", "as any, TLS 1.0 alone", ("TLS 1.0",), _SUITES_OLD, ()),
)
