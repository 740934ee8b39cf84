"""Code points that servers use and that no registry assigns (or that it only reserves), with where they come from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extra:
    """A code point outside the registries: its name, where it was published, and when."""

    code: int
    name: str
    source: str
    date: str


_SSL_2 = ("Hickman, The SSL Protocol (SSL 2.0), appendix C.4", "1995-02-09")
_EXPORT_56 = ("draft-ietf-tls-56-bit-ciphersuites-01", "2001-07")
_GOST = ("draft-chudov-cryptopro-cptls-04", "2008-12")
_FIPS = ("Netscape, FIPS SSL cipher suites (names and codes as in NSS, sslproto.h)", "1998")
_CHACHA = ("draft-agl-tls-chacha20poly1305-04", "2013-11")
_CHACHA_00 = ("draft-ietf-tls-chacha20-poly1305-00 (codes as in tlslite-ng, constants.py)", "2015")
_PAIRS = ("RFC 5246, section 7.4.1.4.1 (hash and signature as a pair)", "2008-08")
_GOST_PAIRS = ("RFC 9189, section 5", "2022-03")

EXTRA_SUITES = (
    Extra(0x0060, "TLS_RSA_EXPORT1024_WITH_RC4_56_MD5", *_EXPORT_56),
    Extra(0x0061, "TLS_RSA_EXPORT1024_WITH_RC2_CBC_56_MD5", *_EXPORT_56),
    Extra(0x0062, "TLS_RSA_EXPORT1024_WITH_DES_CBC_SHA", *_EXPORT_56),
    Extra(0x0063, "TLS_DHE_DSS_EXPORT1024_WITH_DES_CBC_SHA", *_EXPORT_56),
    Extra(0x0064, "TLS_RSA_EXPORT1024_WITH_RC4_56_SHA", *_EXPORT_56),
    Extra(0x0065, "TLS_DHE_DSS_EXPORT1024_WITH_RC4_56_SHA", *_EXPORT_56),
    Extra(0x0066, "TLS_DHE_DSS_WITH_RC4_128_SHA", *_EXPORT_56),
    Extra(0x0080, "TLS_GOSTR341094_WITH_28147_CNT_IMIT", *_GOST),
    Extra(0x0081, "TLS_GOSTR341001_WITH_28147_CNT_IMIT", *_GOST),
    Extra(0x0082, "TLS_GOSTR341094_WITH_NULL_GOSTR3411", *_GOST),
    Extra(0x0083, "TLS_GOSTR341001_WITH_NULL_GOSTR3411", *_GOST),
    # The drafts used the names that RFC 7905 then gave to other code points.
    Extra(0xCC13, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256-draft", *_CHACHA),
    Extra(0xCC14, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256-draft", *_CHACHA),
    Extra(0xCC15, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256-draft", *_CHACHA),
    Extra(0xCCA1, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256-draft-00", *_CHACHA_00),
    Extra(0xCCA2, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256-draft-00", *_CHACHA_00),
    Extra(0xCCA3, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256-draft-00", *_CHACHA_00),
    Extra(0xFEFE, "SSL_RSA_FIPS_WITH_DES_CBC_SHA", *_FIPS),
    Extra(0xFEFF, "SSL_RSA_FIPS_WITH_3DES_EDE_CBC_SHA", *_FIPS),
    Extra(0x010080, "SSL_CK_RC4_128_WITH_MD5", *_SSL_2),
    Extra(0x020080, "SSL_CK_RC4_128_EXPORT40_WITH_MD5", *_SSL_2),
    Extra(0x030080, "SSL_CK_RC2_128_CBC_WITH_MD5", *_SSL_2),
    Extra(0x040080, "SSL_CK_RC2_128_CBC_EXPORT40_WITH_MD5", *_SSL_2),
    Extra(0x050080, "SSL_CK_IDEA_128_CBC_WITH_MD5", *_SSL_2),
    Extra(0x060040, "SSL_CK_DES_64_CBC_WITH_MD5", *_SSL_2),
    Extra(0x0700C0, "SSL_CK_DES_192_EDE3_CBC_WITH_MD5", *_SSL_2),
    Extra(0x080080, "SSL_CK_RC4_64_WITH_MD5", "OpenSSL 0.9.8, ssl2.h", "2005-07-05"),
)

# Hash and signature of TLS 1.2: hash 1 MD5, 2 SHA-1, 3 SHA-224, …; signature 1 RSA, 2 DSA, 3 ECDSA.
EXTRA_SCHEMES = (
    Extra(0x0101, "rsa_pkcs1_md5", *_PAIRS),
    Extra(0x0102, "dsa_md5", *_PAIRS),
    Extra(0x0103, "ecdsa_md5", *_PAIRS),
    Extra(0x0202, "dsa_sha1", *_PAIRS),
    Extra(0x0301, "rsa_pkcs1_sha224", *_PAIRS),
    Extra(0x0302, "dsa_sha224", *_PAIRS),
    Extra(0x0303, "ecdsa_sha224", *_PAIRS),
    Extra(0x0402, "dsa_sha256", *_PAIRS),
    Extra(0x0502, "dsa_sha384", *_PAIRS),
    Extra(0x0602, "dsa_sha512", *_PAIRS),
    Extra(0x0840, "gostr34102012_256", *_GOST_PAIRS),
    Extra(0x0841, "gostr34102012_512", *_GOST_PAIRS),
)
