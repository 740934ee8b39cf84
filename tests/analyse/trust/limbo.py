"""The cases of x509-limbo (C2SP/x509-limbo), judged by `verify_chains`, and why each difference is one."""

import datetime as dt
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.analyse.trust.minted import served
from toolkit import pem
from toolkit.analyse.trust.verify import verify_chains
from toolkit.certificates import parse_certificate
from toolkit.errors import UsageError

WHEN: Final = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
"""The instant of cases that name none."""

REVOCATION = "revocation is not part of the verdict"
PROFILE = "the profile of issuance is not part of the verdict: `baseline` and `lint_certificates` judge it"
CRITICALITY = (
    "whether nameConstraints and policyConstraints are critical is not part of the verdict, and not judged elsewhere"
)
COMMON_NAME = "a common name that the subjectAltName does not repeat: the profile of issuance, not part of the verdict"
DEPTH = "a limit on the length of the chain is not part of the verdict"
SUFFIXES = "public suffixes are not part of the verdict"
SEARCH = "no path is found within the limits of the search: unknown, because a client may hold what is missing"
UNREADABLE = "`cryptography` does not read such a certificate: unknown"
ROOT_UNREADABLE = "`cryptography` does not read such a root: an error that names it"
NOT_A_ROOT = "the chain leads to a root that is not among those given: unknown, because a client may have others"
KINDS_OF_NAMES = "name constraints of a kind that is not compared here: unknown"

DIFFERS: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("crl::revoked-certificate-with-crl", "crl::crlnumber-missing", "crl::crlnumber-critical",
         "crl::issuer-missing-crlsign"), REVOCATION),
    **dict.fromkeys(("pathlen::max-chain-depth-0-exhausted", "pathlen::max-chain-depth-1-exhausted"), DEPTH),
    **dict.fromkeys(
        ("rfc5280::aki::leaf-missing-aki", "rfc5280::aki::intermediate-missing-aki",
         "rfc5280::nc::invalid-dnsname-leading-period", "rfc5280::nc::not-allowed-in-ee-noncritical",
         "rfc5280::nc::not-allowed-in-ee-critical", "rfc5280::nc::nc-permits-invalid-dns-san",
         "rfc5280::san::noncritical-with-empty-subject", "rfc5280::san::underscore-dns", "rfc5280::serial::too-long",
         "rfc5280::serial::zero", "rfc5280::ski::root-missing-ski", "rfc5280::ski::intermediate-missing-ski",
         "rfc5280::root-non-critical-basic-constraints", "rfc5280::leaf-ku-keycertsign",
         "webpki::aki::root-with-aki-missing-keyidentifier", "webpki::eku::ee-anyeku", "webpki::eku::ee-critical-eku",
         "webpki::eku::ee-without-eku", "webpki::eku::root-has-eku", "webpki::san::san-critical-with-nonempty-subject",
         "webpki::forbidden-rsa-not-divisible-by-8-in-root", "webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf",
         "webpki::ee-basicconstraints-ca"), PROFILE),
    **dict.fromkeys(("rfc5280::nc::permitted-dns-match-noncritical", "rfc5280::pc::ica-noncritical-pc"), CRITICALITY),
    **dict.fromkeys(
        (f"webpki::cn::{case}" for case in (
            "ipv4-hex-mismatch", "ipv4-leading-zeros-mismatch", "ipv6-uppercase-mismatch", "ipv6-uncompressed-mismatch",
            "ipv6-non-rfc5952-mismatch", "punycode-not-in-san", "utf8-vs-punycode-mismatch", "not-in-san",
            "case-mismatch")), COMMON_NAME),
    **dict.fromkeys(
        ("webpki::san::public-suffix-multi-label-wildcard-san",
         "webpki::san::public-suffix-private-namespace-wildcard-san"), SUFFIXES),
    **dict.fromkeys(
        ("rfc5280::nc::invalid-dnsname-wildcard", "rfc5280::nc::invalid-ipv4-address",
         "rfc5280::nc::invalid-ipv6-address", "webpki::aki::root-with-aki-authoritycertissuer",
         "webpki::aki::root-with-aki-authoritycertserialnumber"), ROOT_UNREADABLE),
    **dict.fromkeys(
        ("rfc5280::eku::ee-eku-empty", "rfc5280::san::malformed", "rfc5280::duplicate-extensions",
         "webpki::malformed-aia", "webpki::nc::intermediate-permitted-excluded-subtrees-both-null",
         "webpki::nc::intermediate-permitted-excluded-subtrees-both-empty-sequences", "invalid::invalid-issuer-key"),
        UNREADABLE),
    **dict.fromkeys(("pathological::nc-dos-1", "pathological::nc-dos-2", "rfc5280::nc::nc-forbids-othername"),
                    KINDS_OF_NAMES),
    **dict.fromkeys(
        (f"pathological::pathological-chain-{case}" for case in (
            "distinct-subject-distinct-key", "same-subject-distinct-key", "distinct-subject-same-key")), SEARCH),
    **dict.fromkeys(
        ("pathological::intermediate-cycle-distinct-cas", "pathological::intermediate-cycle-distinct-cas-max-depth",
         "pathological::intermediate-cycle-same-logical-ca", "pathological::pathological-chain-same-subject-same-key",
         "rfc5280::aki::cross-signed-root-missing-aki", "rfc5280::serial::negative", "rfc5280::ski::critical-ski",
         "rfc5280::ee-empty-issuer", "rfc5280::ca-empty-subject", "rfc5280::chain-untrusted-root",
         "rfc5280::intermediate-ca-missing-basic-constraints", "rfc5280::ica-ku-keycertsign",
         "webpki::aki::root-with-aki-all-fields", "webpki::aki::root-with-aki-ski-mismatch",
         "webpki::cryptographydotio-chain-missing-intermediate"), NOT_A_ROOT),
    "cve::cve-2024-0567": "its root is a cross-signed intermediate; here a root is self-issued",
    "rfc5280::root-and-intermediate-swapped": "its root is an intermediate; here a root is self-issued",
    "pathlen::validation-ignores-pathlen-in-leaf": "its leaf is a CA whose keyUsage does not allow to serve",
    "rfc5280::nc::permitted-dn-match": "the case asks for no name, and its leaf has none; here a name is always asked",
    "rfc5280::ca-as-leaf": "its leaf is a CA whose keyUsage does not allow to serve",
}  # fmt: skip
"""Case → why the verdict is not the expected one."""

DANGEROUS_REASONS: Final = frozenset({REVOCATION, PROFILE, CRITICALITY, COMMON_NAME, DEPTH, SUFFIXES})
"""Why a chain may be `trusted` where the case expects a failure: what the docstring of `verify_chains` leaves out."""


def read_cases(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The cases of a server, and the names of those of a client, which are not judged: `verify_chains` is one."""
    cases = json.loads(gzip.decompress(path.read_bytes()))["testcases"]
    of_servers = [case for case in cases if case["validation_kind"] == "SERVER"]
    return of_servers, [case["id"] for case in cases if case["validation_kind"] != "SERVER"]


def judged(cases: list[dict[str, Any]]) -> Iterator[tuple[str, bool, str, str]]:
    """Each case: its name, whether a success is expected, the verdict (or `error`), and the reason."""
    for case in cases:
        yield case["id"], case["expected_result"] == "SUCCESS", *_judge(case)


def _judge(case: dict[str, Any]) -> tuple[str, str]:
    chain = [_der(case["peer_certificate"]), *map(_der, case["untrusted_intermediates"])]
    peer = case["expected_peer_name"]
    host = peer["value"] if peer else (parse_certificate(chain[0])["names"] or ["no.name.test"])[0]
    instant = dt.datetime.fromisoformat(case["validation_time"]) if case["validation_time"] else WHEN
    try:
        roots = [_der(root) for root in case["trusted_certs"]]
        row = verify_chains(served(chain, host=host, when=WHEN), roots=roots, as_of=instant).iloc[0]
    except UsageError as error:
        return "error", str(error)
    return str(row["verdict"]), str(row["reason"])


def _der(text: str) -> bytes:
    (block,) = pem.split_blocks(pem.split_lines(text.encode("ascii")))
    return block.content
