"""Rules that derive the columns of toolkit/reference/suites.csv from the name of a cipher suite.

Pure functions of the registry's name (and of the code, where names are not enough). Each rule stands next to the text
it comes from; tests compare the results with the tables that OpenSSL, GnuTLS and NSS print themselves.
"""

import re
from dataclasses import dataclass

SSL_2, SSL_3, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 = "SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"
_VERSIONS = (SSL_2, SSL_3, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3)


@dataclass(frozen=True, slots=True)
class Cipher:
    """The bulk cipher part of a suite's name."""

    cipher: str
    mode: str
    key_bits: int
    strength_bits: int
    block_bits: int | None


# Strengths: NIST SP 800-57 part 1 rev. 5, table 2 (3DES with three keys: 112); for ciphers that it does not list,
# the size of the key, which is what OpenSSL prints. Export ciphers: the secret part of the key, RFC 2246
# section 6.3.1. Block sizes: null for stream ciphers and for permutations, which have no block to collide.
_FIXED_CIPHERS = {
    "NULL": Cipher("NULL", "none", 0, 0, None),
    "RC4_40": Cipher("RC4", "stream", 40, 40, None),
    "RC4_56": Cipher("RC4", "stream", 56, 56, None),
    "RC4_64": Cipher("RC4", "stream", 64, 64, None),
    "RC4_128": Cipher("RC4", "stream", 128, 128, None),
    "RC4_128_EXPORT40": Cipher("RC4", "stream", 40, 40, None),
    "RC2_CBC_40": Cipher("RC2", "CBC", 40, 40, 64),
    "RC2_CBC_56": Cipher("RC2", "CBC", 56, 56, 64),
    "RC2_128_CBC": Cipher("RC2", "CBC", 128, 128, 64),
    "RC2_128_CBC_EXPORT40": Cipher("RC2", "CBC", 40, 40, 64),
    "DES40_CBC": Cipher("DES", "CBC", 40, 40, 64),
    "DES_CBC_40": Cipher("DES", "CBC", 40, 40, 64),
    "DES_CBC": Cipher("DES", "CBC", 56, 56, 64),
    "DES_64_CBC": Cipher("DES", "CBC", 56, 56, 64),
    "3DES_EDE_CBC": Cipher("3DES", "CBC", 168, 112, 64),
    "DES_192_EDE3_CBC": Cipher("3DES", "CBC", 168, 112, 64),
    "IDEA_CBC": Cipher("IDEA", "CBC", 128, 128, 64),
    "IDEA_128_CBC": Cipher("IDEA", "CBC", 128, 128, 64),
    "SEED_CBC": Cipher("SEED", "CBC", 128, 128, 128),
    "SM4_GCM": Cipher("SM4", "GCM", 128, 128, 128),
    "SM4_CCM": Cipher("SM4", "CCM", 128, 128, 128),
    "CHACHA20_POLY1305": Cipher("ChaCha20", "Poly1305", 256, 256, None),
    "AEGIS_256": Cipher("AEGIS-256", "AEGIS", 256, 256, None),
    "AEGIS_128L": Cipher("AEGIS-128L", "AEGIS", 128, 128, None),
    "ASCONAEAD128": Cipher("Ascon", "AEAD128", 128, 128, None),
    # GOST 28147-89, Magma (the same cipher, RFC 8891) and Kuznyechik (RFC 7801): keys of 256 bits.
    "28147_CNT": Cipher("GOST 28147-89", "CNT", 256, 256, 64),
    "MAGMA_CTR": Cipher("Magma", "CTR", 256, 256, 64),
    "MAGMA_MGM": Cipher("Magma", "MGM", 256, 256, 64),
    "KUZNYECHIK_CTR": Cipher("Kuznyechik", "CTR", 256, 256, 128),
    "KUZNYECHIK_MGM": Cipher("Kuznyechik", "MGM", 256, 256, 128),
}
_SIZED_CIPHER = re.compile(r"(AES|ARIA|CAMELLIA)_(128|256)_(CBC|GCM|CCM_8|CCM)\Z")
_SIZED_NAMES = {"AES": "AES", "ARIA": "ARIA", "CAMELLIA": "Camellia"}
_AEAD_MODES = {"GCM", "CCM", "CCM_8", "Poly1305", "AEGIS", "AEAD128", "MGM"}

# L and S stand where the hash does and say how often the record keys change (RFC 9367).
_HASHES = {"MD5": "MD5", "SHA": "SHA1", "SHA256": "SHA256", "SHA384": "SHA384", "SHA512": "SHA512", "SM3": "SM3",
           "ASCONHASH256": "AsconHash256", "IMIT": "IMIT", "OMAC": "OMAC", "L": "L", "S": "S",
           "GOSTR3411": "GOSTR3411"}  # fmt: skip

# Name before _WITH_ → (key exchange, authentication). Anonymous DH and ECDH are ephemeral (RFC 5246 section 7.4.3,
# RFC 8422 section 2.3), so their exchange is DHE and ECDHE and their authentication "anon".
_EXCHANGES = {
    "NULL": ("NULL", "NULL"),
    "RSA": ("RSA", "RSA"),
    "RSA_FIPS": ("RSA", "RSA"),
    "RSA_EXPORT": ("RSA_EXPORT", "RSA"),
    "RSA_EXPORT1024": ("RSA_EXPORT1024", "RSA"),
    "DH_DSS": ("DH", "DSS"),
    "DH_RSA": ("DH", "RSA"),
    "DH_DSS_EXPORT": ("DH_EXPORT", "DSS"),
    "DH_RSA_EXPORT": ("DH_EXPORT", "RSA"),
    "DHE_DSS": ("DHE", "DSS"),
    "DHE_RSA": ("DHE", "RSA"),
    "DHE_DSS_EXPORT": ("DHE_EXPORT", "DSS"),
    "DHE_RSA_EXPORT": ("DHE_EXPORT", "RSA"),
    "DHE_DSS_EXPORT1024": ("DHE_EXPORT1024", "DSS"),
    "DH_anon": ("DHE", "anon"),
    "DH_anon_EXPORT": ("DHE_EXPORT", "anon"),
    "ECDH_ECDSA": ("ECDH", "ECDSA"),
    "ECDH_RSA": ("ECDH", "RSA"),
    "ECDHE_ECDSA": ("ECDHE", "ECDSA"),
    "ECDHE_RSA": ("ECDHE", "RSA"),
    "ECDH_anon": ("ECDHE", "anon"),
    "PSK": ("PSK", "PSK"),
    "DHE_PSK": ("DHE_PSK", "PSK"),
    "PSK_DHE": ("DHE_PSK", "PSK"),  # RFC 6655 wrote two names the other way round
    "ECDHE_PSK": ("ECDHE_PSK", "PSK"),
    "RSA_PSK": ("RSA_PSK", "RSA"),  # RFC 4279 section 4: the server also shows an RSA certificate
    "KRB5": ("KRB5", "KRB5"),
    "KRB5_EXPORT": ("KRB5_EXPORT", "KRB5"),
    "SRP_SHA": ("SRP", "SRP"),
    "SRP_SHA_RSA": ("SRP", "RSA"),
    "SRP_SHA_DSS": ("SRP", "DSS"),
    "ECCPWD": ("ECCPWD", "ECCPWD"),
    "GOSTR341094": ("VKO", "GOST"),
    "GOSTR341001": ("VKO", "GOST"),
    "GOSTR341112_256": ("VKO", "GOST"),
}
# Exchanges in which both sides forget what made the key. SRP: RFC 5054 section 3.1; dragonfly: RFC 8492.
_FORGETTING = {"DHE", "ECDHE", "DHE_EXPORT", "DHE_EXPORT1024", "DHE_PSK", "ECDHE_PSK", "SRP", "ECCPWD", "any"}


def parse_name(name: str, code: int) -> dict[str, object]:
    """The columns of a suite that follow from its name; `ValueError` where a part of the name is unknown.

    `versions` are those in which the suite's specification lets it be negotiated, oldest first.
    """
    if code > 0xFFFF:  # SSL 2.0: SSL_CK_<cipher>_WITH_<mac>; the key exchange is always RSA
        cipher_name, _, mac = name.removeprefix("SSL_CK_").partition("_WITH_")
        return _columns(_cipher(cipher_name), _HASHES[mac], "RSA", "RSA", (SSL_2,))
    body = name.split("_", 1)[1].partition("-draft")[0]
    if code == 0:
        return _columns(_cipher("NULL"), "NULL", "NULL", "NULL", ())  # RFC 5246 A.5: must not be negotiated
    exchange, separator, rest = body.partition("_WITH_")
    if not separator:  # TLS 1.3: the name holds neither key exchange nor authentication (RFC 8446 B.4)
        return _columns(*_cipher_and_mac(body), "any", "any", (TLS_1_3,))
    cipher, mac = _cipher_and_mac(rest)
    if cipher.mode == "MGM":  # RFC 9367: GOST in TLS 1.3, named in the old way
        return _columns(cipher, mac, "any", "any", (TLS_1_3,))
    key_exchange, authentication = _EXCHANGES[exchange]
    return _columns(cipher, mac, key_exchange, authentication, _versions(code, key_exchange, cipher, mac))


def _columns(
    cipher: Cipher, mac: str, key_exchange: str, authentication: str, versions: tuple[str, ...]
) -> dict[str, object]:
    return {
        "versions": versions,
        "key_exchange": key_exchange,
        "authentication": authentication,
        "cipher": cipher.cipher,
        "mode": cipher.mode,
        "mac": mac,
        "key_bits": cipher.key_bits,
        "strength_bits": cipher.strength_bits,
        "block_bits": cipher.block_bits,
        "has_forward_secrecy": key_exchange in _FORGETTING,
        "is_aead": cipher.mode in _AEAD_MODES,
    }


def _cipher(name: str) -> Cipher:
    if name in _FIXED_CIPHERS:
        return _FIXED_CIPHERS[name]
    if (sized := _SIZED_CIPHER.match(name)) is None:
        raise ValueError(f"{name!r} is not a cipher that these rules know; add it to suite_rules.py with its source.")
    bits = int(sized[2])
    return Cipher(_SIZED_NAMES[sized[1]], sized[3], bits, bits, 128)


def _cipher_and_mac(text: str) -> tuple[Cipher, str]:
    if text in ("SHA256_SHA256", "SHA384_SHA384"):  # RFC 9150: integrity without secrecy
        return _FIXED_CIPHERS["NULL"], text[:6]
    if text.endswith(("_CCM", "_CCM_8")):  # RFC 6655: the hash is not in the name
        return _cipher(text), "AEAD"
    name, _, last = text.rpartition("_")
    if last not in _HASHES:
        raise ValueError(f"{text!r} ends in no hash that these rules know; add it to suite_rules.py with its source.")
    cipher = _cipher(name)
    return cipher, "AEAD" if cipher.mode in _AEAD_MODES else _HASHES[last]


def _versions(code: int, key_exchange: str, cipher: Cipher, mac: str) -> tuple[str, ...]:
    first, last = _first_version(code, key_exchange, cipher, mac), _last_version(key_exchange, cipher)
    return _VERSIONS[_VERSIONS.index(first) : _VERSIONS.index(last) + 1]


def _first_version(code: int, key_exchange: str, cipher: Cipher, mac: str) -> str:
    if cipher.mode in _AEAD_MODES:
        return TLS_1_2  # RFC 5246 section 6.2.3.3: AEAD ciphers came with TLS 1.2
    if mac in ("SHA256", "SHA384"):
        # The PSK suites (RFC 5487 section 3.2, RFC 5489 section 3.2, RFC 6367) may be negotiated before TLS 1.2, with
        # that version's PRF; so OpenSSL reads them too. All others need TLS 1.2: RFC 5246 A.5, 5289 section 4, 5932,
        # 6367, and all of RFC 6209 (ARIA).
        older = key_exchange.endswith("PSK") and cipher.cipher != "ARIA"
        return TLS_1_0 if older else TLS_1_2
    if mac == "OMAC" or code == 0xC102:
        return TLS_1_2  # RFC 9189
    # RFC 6101 A.6 lists the suites of SSL 3.0: 0x0001 to 0x001B; Netscape's FIPS suites were made for it.
    return SSL_3 if 0 < code <= 0x1B or code in (0xFEFE, 0xFEFF) else TLS_1_0


def _last_version(key_exchange: str, cipher: Cipher) -> str:
    if "EXPORT" in key_exchange:
        return TLS_1_0  # RFC 4346 A.5: must not be negotiated in TLS 1.1
    if cipher.cipher in ("DES", "IDEA"):
        return TLS_1_1  # RFC 5246 section 1.2 removed them; RFC 5469
    if key_exchange == "ECCPWD":
        return TLS_1_3  # RFC 8492 section 4: the one exchange with a suite that also runs in TLS 1.3
    return TLS_1_2  # RFC 8446 section 4.1.2: TLS 1.3 has suites of its own
