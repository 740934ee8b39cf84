"""The frozen offers: each asks what its name says, and nothing that its versions cannot carry."""

import pytest

from toolkit import schema
from toolkit.reference import Offer, groups, offers, signature_schemes, suites

ALL = [offer for key, offer in offers().items() if key == offer.name]


def test_names_and_aliases() -> None:
    assert set(offers()) >= {"any", "any-2026", "rsa", "ecdsa", "tls10", "tls11", "tls12", "tls13"}
    for offer in ALL:
        assert offer.alias is None or offers()[offer.alias] is offer


@pytest.mark.parametrize("offer", ALL, ids=lambda offer: offer.name)
def test_an_offer_is_consistent(offer: Offer) -> None:
    assert list(offer.versions) == sorted(offer.versions, key=schema.PROTOCOLS.index)
    for listed in (offer.suites, offer.groups, offer.key_shares, offer.signature_schemes, offer.signature_schemes_cert):
        assert len(listed) == len(set(listed))
    for code in offer.suites:
        assert set(suites()[code].versions) & set(offer.versions), suites()[code].name
    for version in offer.versions:
        assert any(version in suites()[code].versions for code in offer.suites), version
    for code in offer.groups:
        assert set(groups()[code].versions) & set(offer.versions), groups()[code].name
    assert set(offer.key_shares) <= set(offer.groups)
    assert bool(offer.key_shares) == ("TLS 1.3" in offer.versions)
    # signature_algorithms came with TLS 1.2 (RFC 5246 section 7.4.1.4.1)
    assert bool(offer.signature_schemes) == bool({"TLS 1.2", "TLS 1.3"} & set(offer.versions))
    for code in offer.signature_schemes:
        assert set(signature_schemes()[code].versions) & set(offer.versions)


@pytest.mark.parametrize(("alias", "key_type", "wrong"), [("rsa", "RSA", "ECDSA"), ("ecdsa", "EC", "RSA")])
def test_an_offer_for_one_key_type_lets_no_other_in(alias: str, key_type: str, wrong: str) -> None:
    offer = offers()[alias]
    assert {signature_schemes()[code].key_type for code in offer.signature_schemes} == {key_type}
    assert wrong not in {suites()[code].authentication for code in offer.suites}
    # but certificates higher up may be signed in any way
    assert offer.signature_schemes_cert == offers()["any"].signature_schemes_cert


def test_any_is_wide_and_prefers_the_best() -> None:
    offer = offers()["any"]
    assert offer.versions == ("TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3")
    assert [groups()[code].name for code in offer.groups] == [
        "X25519MLKEM768", "x25519", "secp256r1", "secp384r1", "secp521r1",
    ]  # fmt: skip
    assert [groups()[code].name for code in offer.key_shares] == ["X25519MLKEM768", "x25519"]
    assert suites()[offer.suites[-1]].cipher == "3DES"
    strengths = [suites()[code].cipher for code in offer.suites]
    assert strengths.index("3DES") == len(strengths) - strengths.count("3DES")
    # a hello of more than 255 bytes is fine, more than 128 suites are not (some servers choke)
    assert len(offer.suites) < 64
