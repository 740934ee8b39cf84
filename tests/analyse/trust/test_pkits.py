"""NIST's Public Key Interoperability Test Suite, without the cases about revocation and policies.

The suite (csrc.nist.gov/projects/pki-testing) names each end certificate by whether its path is valid. Here are the
paths whose verdict follows from signatures, validity, names, basicConstraints, keyUsage and name constraints. What the
others need is in `LEFT_OUT`.
"""

import datetime as dt
import hashlib
from importlib.resources import files

import pandas as pd

from tests.analyse.trust.minted import served
from toolkit import Tables
from toolkit.analyse.trust.certificates import Certificate, Unreadable, read_certificate
from toolkit.analyse.trust.verify import verify_chains
from toolkit.certificates import parse_certificate
from toolkit.errors import ReadError
from toolkit.reference.roots import split_pem

WHEN = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
VECTORS = files("cryptography_vectors") / "x509"

LEFT_OUT = {
    "revocation": (
        "CRL", "cRL", "Revoked", "istributionPoint", "onlySome", "onlyContains",
        # Their certificates are right, and revoked.
        "SelfIssuedNewWithOldTest5", "SelfIssuedOldWithNewTest2", "LongSerialNumberTest18",
        "NegativeSerialNumberTest15",
    ),
    "policies": ("Polic", "polic", "inhibitAny", "Qualifier"),
}  # fmt: skip
"""What is not part of the verdict → parts of the names of the cases about it."""

NO_PATH = "no path to the root: unknown, because a client may hold another issuer"
DIFFERS = {
    "ValidDSAParameterInheritanceTest5EE": "cryptography does not read a DSA key without parameters: unknown",
    "ValidDSASignaturesTest4EE": "it is signed over SHA-1, which clients refused by then",
    **dict.fromkeys(
        ("InvalidMissingbasicConstraintsTest1EE", "InvalidNameChainingOrderTest2EE", "InvalidNameChainingTest1EE",
         "InvalidcAFalseTest2EE", "InvalidcAFalseTest3EE"), NO_PATH),
}  # fmt: skip


def judge_paths() -> "pd.Series[str]":
    """`valid`, `invalid` or `unknown`, by the name of the end certificate.

    The verdict itself is unknown for most: the suite names no host, and no server sent its intermediates. So a path is
    valid where it passes every other check, and invalid where one fails (`cause`). Without a path it is unknown.
    """
    certificates = {
        entry.name.removesuffix(".crt"): entry.read_bytes()
        for entry in (VECTORS / "PKITS_data/certs").iterdir()
        if entry.name.endswith(".crt")
    }
    ends = [name for name in certificates if name.endswith("EE")]
    authorities = [parse_certificate(der) for name, der in certificates.items() if not name.endswith("EE")]
    parts = [served([certificates[name]], host=name, when=WHEN, is_recorded=False) for name in ends]
    leaves = Tables.concat(parts)
    given = Tables.from_frames(
        leaves.observations.assign(host=None, server_name=None),
        pd.concat([leaves.certificates, pd.DataFrame(authorities)], ignore_index=True),
    )
    names = {hashlib.sha256(certificates[name]).hexdigest(): name for name in ends}
    root = certificates["TrustAnchorRootCertificate"]
    frame = verify_chains(given, roots=[root], as_of=WHEN, intermediates="held")
    frame.index = pd.Index(frame["leaf_sha256"].map(names))
    checks = ["is_path_found", "is_within_validity", "is_key_usage_right", "is_signature_acceptable"]
    is_valid = frame[checks].fillna(False).all(axis=1)
    is_invalid = frame["cause"].notna() & frame["cause"].ne("no_path")
    return pd.Series("unknown", frame.index).mask(is_valid, "valid").mask(is_invalid, "invalid")


def expected(name: str) -> str:
    """What NIST says of the path; `open` where it depends on the policies that are asked for."""
    return "valid" if name.startswith("Valid") else "invalid" if name.startswith("Invalid") else "open"


def why_left_out(name: str) -> str | None:
    """What the case needs that is not part of the verdict; None: it is judged."""
    return next((reason for reason, parts in LEFT_OUT.items() if any(part in name for part in parts)), None)


def test_paths_are_valid_or_not_as_nist_says() -> None:
    verdicts = judge_paths()
    judged = [name for name in verdicts.index if why_left_out(name) is None]
    assert verdicts.index.is_unique
    assert len(judged) >= 90
    wrong = [name for name in judged if verdicts[name] != expected(name)]
    assert sorted(wrong) == sorted(DIFFERS)
    assert {verdicts[name] for name in DIFFERS} == {"unknown", "invalid"}, "none is valid against NIST"


def test_every_vector_is_read_or_set_aside() -> None:
    counts = {Certificate: 0, Unreadable: 0}
    for entry in (VECTORS / "PKITS_data/certs").iterdir():
        counts[type(read_certificate(entry.read_bytes()))] += 1
    for folder in (VECTORS, VECTORS / "custom"):
        for entry in folder.iterdir():
            if entry.name.endswith((".pem", ".der", ".crt", ".cer")) and entry.is_file():
                counts[type(read_certificate(entry.read_bytes()))] += 1
    assert counts[Certificate] > 400
    assert counts[Unreadable] > 0, "PEM is no DER"


def test_every_pem_vector_is_read_or_set_aside() -> None:
    read = 0
    for folder in (VECTORS, VECTORS / "custom"):
        for entry in folder.iterdir():
            if entry.name.endswith(".pem"):
                try:
                    ders = split_pem(entry.read_bytes(), entry.name)
                except ReadError:
                    continue
                read += sum(isinstance(read_certificate(der), Certificate) for der in ders)
    assert read > 80
