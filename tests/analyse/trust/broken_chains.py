"""Chains broken in known ways, each with the expected verdict and checks: the cases of the trust tests."""

import datetime as dt
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.analyse.trust.minted import (
    BEGINS,
    CLIENT,
    ENDS,
    HOST,
    SERVER,
    SIGNS_CERTIFICATES,
    TODAY,
    Minted,
    constraints,
    mint,
    mint_ca,
    mint_leaf,
    name,
    replace_bytes,
    sign_anew,
    strip_to_version_1,
    usage,
)

SECOND = dt.timedelta(seconds=1)
LONG_AGO = (dt.datetime(2001, 1, 1, tzinfo=dt.UTC), dt.datetime(2002, 1, 1, tzinfo=dt.UTC))
NOT_YET = (dt.datetime(2030, 1, 1, tzinfo=dt.UTC), dt.datetime(2031, 1, 1, tzinfo=dt.UTC))
IN_2010 = dt.datetime(2010, 6, 1, tzinfo=dt.UTC)
IN_2014 = dt.datetime(2014, 6, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Case:
    """A chain as served (leaf first), the roots that are trusted, and the verdict that is right."""

    label: str
    chain: tuple[bytes, ...]
    roots: tuple[bytes, ...]
    verdict: str
    place: str | None = None
    host: str = HOST
    when: dt.datetime = TODAY
    held: tuple[bytes, ...] = ()
    checks: dict[str, Any] = field(default_factory=dict)


ROOT = mint_ca("Root")
MIDDLE = mint_ca("Middle", ROOT)
LEAF = mint_leaf(MIDDLE)
OTHER_ROOT = mint_ca("Another Root")
STRANGER = mint_ca("Stranger", OTHER_ROOT)


def case(
    label: str,
    verdict: str,
    *chain: Minted,
    place: str | None = None,
    roots: tuple[Minted, ...] = (ROOT,),
    held: tuple[Minted, ...] = (),
    host: str = HOST,
    when: dt.datetime = TODAY,
    **checks: Any,
) -> Case:
    ders = tuple(minted.der for minted in chain)
    return Case(
        label, ders, tuple(r.der for r in roots), verdict, place, host, when, tuple(h.der for h in held), checks
    )


def leaf_case(
    label: str,
    verdict: str,
    *,
    host: str = HOST,
    when: dt.datetime = TODAY,
    checks: dict[str, Any] | None = None,
    **changes: Any,
) -> Case:
    """A leaf that differs, under a right intermediate."""
    place = None if verdict == "trusted" else "leaf"
    return case(label, verdict, mint_leaf(MIDDLE, **changes), MIDDLE, place=place, host=host, when=when, **checks or {})


def middle_case(
    label: str,
    verdict: str,
    *,
    place: str | None = "intermediate 1",
    when: dt.datetime = TODAY,
    checks: dict[str, Any] | None = None,
    leaf: dict[str, Any] | None = None,
    **changes: Any,
) -> Case:
    """An intermediate that differs, with a right leaf."""
    middle = mint_ca("Middle", ROOT, **changes)
    broken = None if verdict == "trusted" else place
    return case(label, verdict, mint_leaf(middle, **leaf or {}), middle, place=broken, when=when, **checks or {})


def root_case(
    label: str, verdict: str, *, place: str | None = "root", checks: dict[str, Any] | None = None, **changes: Any
) -> Case:
    root = mint_ca("Root", **changes)
    middle = mint_ca("Middle", root)
    broken = None if verdict == "trusted" else place
    return case(label, verdict, mint_leaf(middle), middle, place=broken, roots=(root,), **checks or {})


def all_cases() -> list[Case]:
    return [
        *right(),
        *validity(),
        *hosts(),
        *completeness(),
        *usages(),
        *path_lengths(),
        *name_constraints(),
        *signatures(),
        *oddities(),
    ]


def right() -> Iterator[Case]:
    yield case("leaf and intermediate", "trusted", LEAF, MIDDLE, missing_count=0, unneeded_count=0, is_order_right=True)
    yield case("root served too", "trusted", LEAF, MIDDLE, ROOT, missing_count=0, unneeded_count=0, is_order_right=True)
    yield case("leaf straight under the root", "trusted", mint_leaf(ROOT), missing_count=0, unneeded_count=0)
    deep = mint_ca("Deep", MIDDLE)
    yield case("two intermediates", "trusted", mint_leaf(deep), deep, MIDDLE, missing_count=0)
    rekeyed = mint_ca("Root", key_name="Root, rekeyed")
    yield case("two roots of one name", "trusted", LEAF, MIDDLE, roots=(rekeyed, ROOT))
    crossed = mint_ca(ROOT.certificate.subject, OTHER_ROOT, key_name=ROOT.certificate.subject.rfc4514_string())
    yield case("cross-signed root served too", "trusted", LEAF, MIDDLE, crossed, unneeded_count=1)
    yield case(
        "only the cross-signer is known", "trusted", LEAF, MIDDLE, crossed, roots=(OTHER_ROOT,), unneeded_count=0
    )
    expired = mint_ca(
        ROOT.certificate.subject,
        OTHER_ROOT,
        key_name=ROOT.certificate.subject.rfc4514_string(),
        begins=LONG_AGO[0],
        ends=LONG_AGO[1],
    )
    yield case(
        "an expired cross-certificate next to a good root", "trusted", LEAF, MIDDLE, expired, roots=(OTHER_ROOT, ROOT)
    )
    twin = mint_ca("Middle", ROOT, begins=LONG_AGO[0], ends=LONG_AGO[1])
    yield case(
        "an expired twin of the intermediate served first",
        "trusted",
        LEAF,
        twin,
        MIDDLE,
        unneeded_count=1,
        is_order_right=False,
    )
    edwards = mint_ca("Edwards", ROOT, kind="Ed25519")
    yield case("Ed25519", "untrusted", mint_leaf(edwards, kind="Ed25519"), edwards, place="leaf")
    rsa_ca = mint_ca("RSA", ROOT, kind="RSA")
    yield case("RSA-PSS", "trusted", mint_leaf(rsa_ca, kind="RSA", is_pss=True), rsa_ca)
    yield case("RSA PKCS#1", "trusted", mint_leaf(rsa_ca, kind="RSA"), rsa_ca)
    shouting = mint_leaf(MIDDLE, issuer_name=name("MIDDLE", "example"))
    yield case("issuer's name in capitals", "trusted", shouting, MIDDLE)


def validity() -> Iterator[Case]:
    late, early = {"begins": LONG_AGO[0], "ends": LONG_AGO[1]}, {"begins": NOT_YET[0], "ends": NOT_YET[1]}
    wrong = {"is_within_validity": False, "is_path_found": True}
    yield leaf_case("leaf expired", "untrusted", checks=wrong, **late)
    yield leaf_case("leaf not yet valid", "untrusted", checks=wrong, **early)
    yield middle_case("intermediate expired", "untrusted", checks=wrong, **late)
    yield middle_case("intermediate not yet valid", "untrusted", checks=wrong, **early)
    yield root_case("root expired", "untrusted", checks=wrong, **late)
    yield root_case("root not yet valid", "untrusted", checks=wrong, **early)
    for label, when, verdict in (
        ("first second", BEGINS, "trusted"),
        ("a second before", BEGINS - SECOND, "untrusted"),
        ("last second", ENDS, "trusted"),
        ("a second after", ENDS + SECOND, "untrusted"),
    ):
        yield leaf_case(label, verdict, when=when, checks={"is_within_validity": verdict == "trusted"})
    yield leaf_case("year 9999", "trusted", ends=dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC))


def hosts() -> Iterator[Case]:
    def named(label: str, verdict: str, *names: str, host: str = HOST, **changes: Any) -> Case:
        right_name = {"is_name_match": verdict == "trusted"}
        return leaf_case(
            label, verdict, names=[x509.DNSName(n) for n in names], host=host, checks=right_name, **changes
        )

    yield named("wrong name", "untrusted", "other.example.test")
    yield named("second of two names", "trusted", "other.example.test", HOST)
    yield named("capitals", "trusted", HOST.upper())
    yield named("wildcard", "trusted", "*.example.test")
    yield named("wildcard for two labels", "untrusted", "*.example.test", host="a.mx.example.test")
    yield named("wildcard for none", "untrusted", "*.example.test", host="example.test")
    yield named("wildcard of a top level", "untrusted", "*.test", host="example.test")
    yield named("wildcard in the middle", "untrusted", "mx.*.test")
    yield named("wildcard in part of a label", "untrusted", "m*.example.test")
    yield named("wildcard alone", "untrusted", "*", host="localhost")
    yield named("two wildcards", "untrusted", "*.*.test")
    yield named("suffix of another name", "untrusted", "evil-mx.example.test")
    yield leaf_case("address", "trusted", names=[x509.IPAddress(ipaddress.ip_address("192.0.2.7"))], host="192.0.2.7")
    yield leaf_case(
        "other address", "untrusted", names=[x509.IPAddress(ipaddress.ip_address("192.0.2.8"))], host="192.0.2.7"
    )
    yield leaf_case(
        "IPv6 address", "trusted", names=[x509.IPAddress(ipaddress.ip_address("2001:db8::7"))], host="2001:db8::7"
    )
    yield leaf_case("address written as a name", "untrusted", names=[x509.DNSName("192.0.2.7")], host="192.0.2.7")
    yield leaf_case("common name only, today", "untrusted", names=None, checks={"is_name_match": False})
    old = {"begins": IN_2014 - dt.timedelta(days=30), "ends": IN_2014 + dt.timedelta(days=30)}
    yield leaf_case(
        "common name only, in 2014", "trusted", names=None, when=IN_2014, checks={"is_name_match": True}, **old
    )
    yield leaf_case("common name next to other names", "untrusted", names=[x509.DNSName("other.example.test")])
    yield leaf_case("no subject, critical names", "trusted", subject=x509.Name([]))


def completeness() -> Iterator[Case]:
    yield case(
        "intermediate missing, known from elsewhere",
        "untrusted",
        LEAF,
        held=(MIDDLE,),
        place="intermediate 1",
        is_path_found=False,
        missing_count=1,
    )
    yield case("intermediate missing, not known either", "unknown", LEAF, place="leaf", is_path_found=False)
    yield case("an unrelated one served too", "trusted", LEAF, MIDDLE, STRANGER, unneeded_count=1, is_order_right=False)
    yield case("intermediate twice", "trusted", LEAF, MIDDLE, MIDDLE, unneeded_count=1, is_order_right=False)
    deep = mint_ca("Deep", MIDDLE)
    leaf = mint_leaf(deep)
    yield case(
        "intermediates in the wrong order", "trusted", leaf, MIDDLE, deep, unneeded_count=0, is_order_right=False
    )
    yield case(
        "one of two intermediates missing",
        "untrusted",
        leaf,
        deep,
        held=(MIDDLE,),
        place="intermediate 2",
        missing_count=1,
    )
    yield case(
        "root unknown", "unknown", LEAF, MIDDLE, roots=(OTHER_ROOT,), place="intermediate 1", is_path_found=False
    )
    yield case("root unknown but served", "unknown", LEAF, MIDDLE, ROOT, roots=(OTHER_ROOT,), place="intermediate 2")
    yield case(
        "only an intermediate is trusted", "unknown", LEAF, MIDDLE, roots=(MIDDLE, OTHER_ROOT), place="intermediate 1"
    )
    alone = mint_leaf(None)
    yield case("self-signed leaf", "unknown", alone, place="leaf")
    yield case("self-signed leaf among the roots", "trusted", alone, roots=(alone, ROOT), missing_count=0)
    one, two = mint_ca("One"), mint_ca("Two")
    one_by_two = mint_ca("One", two, key_name=one.certificate.subject.rfc4514_string())
    two_by_one = mint_ca("Two", one, key_name=two.certificate.subject.rfc4514_string())
    yield case("a loop", "unknown", mint_leaf(one), one_by_two, two_by_one, place="intermediate 2")
    one_by_root = mint_ca("One", ROOT, key_name=one.certificate.subject.rfc4514_string())
    yield case(
        "a loop with a way out", "trusted", mint_leaf(one), one_by_two, two_by_one, one_by_root, unneeded_count=2
    )
    three = mint_ca("Three", ROOT)
    four = mint_ca("Four", three)
    three_by_four = mint_ca("Three", four)
    yield case("a loop before the way out", "trusted", mint_leaf(four), four, three_by_four, three, unneeded_count=1)


def usages() -> Iterator[Case]:
    wrong = {"is_key_usage_right": False}
    yield middle_case("intermediate is no CA", "untrusted", basic=x509.BasicConstraints(False, None), checks=wrong)
    yield middle_case("intermediate without basicConstraints", "untrusted", basic=None, key_usage=None, checks=wrong)
    yield middle_case("intermediate without basicConstraints, with keyUsage", "untrusted", basic=None, checks=wrong)
    yield middle_case("intermediate may not sign", "untrusted", key_usage=usage("digital_signature"), checks=wrong)
    yield middle_case("intermediate without keyUsage", "trusted", key_usage=None)
    yield middle_case("intermediate for clients", "untrusted", purposes=[CLIENT], checks=wrong)
    yield middle_case("intermediate for servers", "trusted", purposes=[SERVER, CLIENT])
    gated = x509.ObjectIdentifier("2.16.840.1.113730.4.1")
    yield middle_case("intermediate for server-gated cryptography", "trusted", purposes=[gated, CLIENT])
    signing = mint_leaf(MIDDLE, subject="Signing Leaf")
    yield case(
        "a leaf as intermediate", "untrusted", mint_leaf(signing), signing, MIDDLE, place="intermediate 1", **wrong
    )
    yield leaf_case("leaf may only sign certificates", "untrusted", key_usage=usage(*SIGNS_CERTIFICATES), checks=wrong)
    yield leaf_case("leaf may only agree on keys", "trusted", key_usage=usage("key_agreement"))
    yield leaf_case("leaf without keyUsage", "trusted", key_usage=None)
    yield leaf_case("leaf for clients", "untrusted", purposes=[CLIENT], checks=wrong)
    yield leaf_case(
        "leaf for any purpose", "untrusted", purposes=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], checks=wrong
    )
    yield leaf_case("leaf without purposes", "trusted", purposes=None)
    yield root_case("root may not sign", "untrusted", key_usage=usage("digital_signature"), checks=wrong)
    yield root_case("root is no CA", "untrusted", basic=x509.BasicConstraints(False, None), checks=wrong)
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")
    yield leaf_case("leaf with an unknown critical extension", "untrusted", extra=[(unknown, True)], checks=wrong)
    yield leaf_case("leaf with an unknown extension", "trusted", extra=[(unknown, False)])
    yield middle_case(
        "intermediate with an unknown critical extension", "untrusted", extra=[(unknown, True)], checks=wrong
    )
    yield leaf_case("pre-certificate", "untrusted", extra=[(x509.PrecertPoison(), True)], checks=wrong)


def path_lengths() -> Iterator[Case]:
    wrong = {"is_key_usage_right": False}
    tight = mint_ca("Middle", ROOT, basic=x509.BasicConstraints(True, 0))
    deep = mint_ca("Deep", tight)
    yield case("path length 0, leaf below", "trusted", mint_leaf(tight), tight)
    yield case("path length 0, a CA below", "untrusted", mint_leaf(deep), deep, tight, place="intermediate 2", **wrong)
    wide = mint_ca("Middle", ROOT, basic=x509.BasicConstraints(True, 1))
    deep = mint_ca("Deep", wide)
    yield case("path length 1, one CA below", "trusted", mint_leaf(deep), deep, wide)
    deeper = mint_ca("Deeper", deep)
    yield case(
        "path length 1, two CAs below",
        "untrusted",
        mint_leaf(deeper),
        deeper,
        deep,
        wide,
        place="intermediate 3",
        **wrong,
    )
    again = mint_ca("Middle", tight, key_name="Middle, new key")
    yield case("path length 0, a self-issued CA below", "trusted", mint_leaf(again), again, tight)
    yield root_case("path length 0 of the root", "untrusted", basic=x509.BasicConstraints(True, 0), checks=wrong)


def name_constraints() -> Iterator[Case]:
    wrong = {"is_key_usage_right": False}

    def bound(
        label: str, verdict: str, limits: x509.NameConstraints, *, place: str | None = "leaf", **leaf: Any
    ) -> Case:
        checks = wrong if verdict == "untrusted" else {}
        return middle_case(label, verdict, extra=[(limits, True)], leaf=leaf, place=place, checks=checks)

    dns, ip = x509.DNSName, lambda text: x509.IPAddress(ipaddress.ip_network(text))
    yield bound("name permitted", "trusted", constraints([dns("example.test")]))
    yield bound("name not permitted", "untrusted", constraints([dns("example.org")]))
    yield bound("name excluded", "untrusted", constraints((), [dns("example.test")]))
    yield bound("sibling excluded", "trusted", constraints((), [dns("imap.example.test")]))
    yield bound("permitted, but excluded below", "untrusted", constraints([dns("test")], [dns("mx.example.test")]))
    yield bound("a suffix is not a subdomain", "untrusted", constraints([dns("ample.test")]))
    address = {"names": [x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("192.0.2.7"))]}
    yield bound("address permitted", "trusted", constraints([ip("192.0.2.0/24")]), **address)
    yield bound("address not permitted", "untrusted", constraints([ip("198.51.100.0/24")]), **address)
    yield bound("address excluded", "untrusted", constraints((), [ip("192.0.2.0/24")]), **address)
    yield bound("subject permitted", "trusted", constraints([x509.DirectoryName(name(None))]))
    yield bound("subject not permitted", "untrusted", constraints([x509.DirectoryName(name(None, "Elsewhere"))]))
    yield bound("mailboxes constrained, none named", "trusted", constraints([x509.RFC822Name("example.org")]))
    mailbox = {"names": [x509.DNSName(HOST), x509.RFC822Name("a@example.org")]}
    yield bound("mailbox permitted", "trusted", constraints([x509.RFC822Name("example.org")]), **mailbox)
    yield bound("mailbox not permitted", "untrusted", constraints([x509.RFC822Name(".example.org")]), **mailbox)
    address = x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@example.org")
    in_subject = {"subject": x509.Name([address])}
    limits = constraints([x509.RFC822Name("example.net")])
    yield bound("mailbox in the subject not permitted", "untrusted", limits, **in_subject)
    uri = {"names": [x509.DNSName(HOST), x509.UniformResourceIdentifier("https://www.example.org:8443/x")]}
    yield bound("URI permitted", "trusted", constraints([x509.UniformResourceIdentifier(".example.org")]), **uri)
    yield bound(
        "URI excluded", "untrusted", constraints((), [x509.UniformResourceIdentifier("www.example.org")]), **uri
    )
    other = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.55555.2"), b"\x0c\x01a")
    limits = constraints([other])
    both = {"names": [x509.DNSName(HOST), other]}
    yield bound("other names constrained, one named", "unknown", limits, place=None, **both)
    star = {"names": [x509.DNSName("*.example.test")]}
    yield bound(
        "a wildcard that covers an excluded host", "untrusted", constraints((), [dns("imap.example.test")]), **star
    )
    plain = mint_ca("Plain", mint_ca("Middle", ROOT, extra=[(constraints([dns("example.org")]), True)]))
    middle = mint_ca("Middle", ROOT, extra=[(constraints([dns("example.org")]), True)])
    yield case("constraints two above", "untrusted", mint_leaf(plain), plain, middle, place="leaf", **wrong)
    yield root_case(
        "constraints of the root",
        "untrusted",
        place="leaf",
        extra=[(constraints([dns("example.org")]), True)],
        checks=wrong,
    )


def signatures() -> Iterator[Case]:
    rsa_ca = mint_ca("RSA", ROOT, kind="RSA")
    old = {"begins": IN_2014 - dt.timedelta(days=30), "ends": IN_2014 + dt.timedelta(days=30)}
    sha1, md5 = (hashes.SHA1(), 5), (hashes.MD5(), 4)
    weak = {"place": "leaf", "is_signature_acceptable": False}
    yield case("SHA-1, today", "untrusted", sign_anew(mint_leaf(rsa_ca), rsa_ca, *sha1), rsa_ca, **weak)
    yield case("MD5, today", "untrusted", sign_anew(mint_leaf(rsa_ca), rsa_ca, *md5), rsa_ca, **weak)
    old_sha1, old_md5 = (sign_anew(mint_leaf(rsa_ca, **old), rsa_ca, *weak_hash) for weak_hash in (sha1, md5))
    yield case("SHA-1, in 2014", "trusted", old_sha1, rsa_ca, when=IN_2014, is_signature_acceptable=True)
    yield case("MD5, in 2014", "untrusted", old_md5, rsa_ca, when=IN_2014, **weak)
    rsa_root = mint_ca("RSA Root", kind="RSA")
    sha1_ca = sign_anew(mint_ca("RSA", rsa_root, kind="RSA"), rsa_root, *sha1)
    yield case(
        "SHA-1 intermediate, today",
        "untrusted",
        mint_leaf(sha1_ca),
        sha1_ca,
        roots=(rsa_root,),
        place="intermediate 1",
    )
    sha1_root = sign_anew(rsa_root, rsa_root, *sha1)
    yield case("SHA-1 root", "trusted", mint_leaf(sha1_root), roots=(sha1_root,), is_signature_acceptable=True)
    small = mint_leaf(ROOT, kind="RSA1024")
    yield case("RSA key of 1024 bits", "untrusted", small, place="leaf")
    dsa_ca = mint_ca("DSA", ROOT, kind="DSA")
    yield case("DSA", "untrusted", mint_leaf(dsa_ca), dsa_ca, place="intermediate 1")
    broken = Minted(LEAF.der[:-6] + bytes([LEAF.der[-6] ^ 1]) + LEAF.der[-5:], LEAF.key)
    yield case("signature broken", "untrusted", broken, MIDDLE, place="leaf", is_path_found=False)
    tampered = replace_bytes(LEAF, HOST.encode(), b"xx.example.test")
    yield case("name changed after signing", "untrusted", tampered, MIDDLE, place="leaf", host="xx.example.test")
    nameless = mint_leaf(mint_ca("Middle", OTHER_ROOT, key_name="Impostor"), issuer_id=None)
    yield case("an impostor's leaf without a key identifier", "unknown", nameless, MIDDLE, place="leaf")
    other_key = x509.AuthorityKeyIdentifier(b"another key", None, None)
    yield leaf_case("key identifier of another key", "unknown", issuer_id=other_key, checks={"is_path_found": False})
    numbered = x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(ROOT.certificate.subject)], 4711)
    yield leaf_case("key identifier of another serial number", "unknown", issuer_id=numbered)
    forged = mint_leaf(
        mint_ca("Middle", OTHER_ROOT, key_name="Forger"),
        issuer_id=x509.AuthorityKeyIdentifier.from_issuer_public_key(MIDDLE.key.public_key()),
    )
    yield case("signed by an impostor", "untrusted", forged, MIDDLE, place="leaf", is_path_found=False)


def oddities() -> Iterator[Case]:
    v1_root = strip_to_version_1(ROOT, ROOT.key)
    yield case("root of version 1", "trusted", LEAF, MIDDLE, roots=(v1_root,))
    v1_middle = strip_to_version_1(MIDDLE, ROOT.key)
    yield case(
        "intermediate of version 1",
        "untrusted",
        mint_leaf(MIDDLE, issuer_id=None),
        v1_middle,
        place="intermediate 1",
        is_key_usage_right=False,
    )
    garbage = Minted(b"\x30\x03\x02\x01\x01", None)
    yield case("garbage after a right chain", "trusted", LEAF, MIDDLE, garbage, unneeded_count=1, is_order_right=None)
    yield case("garbage for an intermediate", "unknown", LEAF, garbage, place="served certificate 2")
    negative = mint_leaf(MIDDLE, subject="Negative")
    serial = negative.certificate.serial_number.to_bytes(20, "big")
    changed = replace_bytes(negative, serial, b"\x80" + serial[1:], MIDDLE.key)
    yield case("negative serial number", "trusted", changed, MIDDLE)
    same = mint("Stub", ROOT, basic=x509.BasicConstraints(True, None))
    yield case("a CA as the leaf", "untrusted", same, place="leaf", is_name_match=False)


def mesh(size: int = 12) -> list[bytes]:
    """A leaf, and CAs of which each has certified each other one; none of them is a root."""
    cas = [mint_ca(f"Mesh {n}") for n in range(size)]
    crossed = [
        mint_ca(child.certificate.subject, parent, key_name=child.certificate.subject.rfc4514_string()).der
        for child in cas
        for parent in cas
        if parent is not child
    ]
    return [mint_leaf(cas[0]).der, *crossed]
