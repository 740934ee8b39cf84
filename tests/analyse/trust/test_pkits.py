"""NIST's Public Key Interoperability Test Suite, without the cases about revocation and policies.

The suite (csrc.nist.gov/projects/pki-testing) names each end certificate by whether its path is valid. Here are the
paths whose verdict follows from signatures, validity, names, basicConstraints, keyUsage and name constraints.
"""

import datetime as dt
from importlib.resources import files

import pandas as pd

from tests.analyse.trust.minted import served
from toolkit import Tables
from toolkit.analyse.trust.certificates import Certificate, Unreadable, read_certificate
from toolkit.analyse.trust.verify import verify_chains
from toolkit.errors import ReadError
from toolkit.reference.roots import split_pem

WHEN = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
VECTORS = files("cryptography_vectors") / "x509"

NEEDS_OTHER_THINGS = (
    "CRL", "cRL", "Polic", "polic", "Revoked", "istributionPoint", "onlySome", "onlyContains", "inhibitAny",
    # Their certificates are right, and revoked.
    "SelfIssuedNewWithOldTest5", "SelfIssuedOldWithNewTest2", "LongSerialNumberTest18", "NegativeSerialNumberTest15",
)  # fmt: skip

DIFFERS = {
    "ValidDSAParameterInheritanceTest5EE": "cryptography does not read a DSA key without parameters: unknown",
    "ValidDSASignaturesTest4EE": "it is signed over SHA-1, which clients refused by then",
}


def judge_paths() -> "pd.Series[bool]":
    """Whether the path, its validity and its usages are right, by the name of the end certificate."""
    certificates = {
        entry.name.removesuffix(".crt"): entry.read_bytes()
        for entry in (VECTORS / "PKITS_data/certs").iterdir()
        if entry.name.endswith(".crt")
    }
    ends = [name for name in certificates if name.endswith("EE")]
    authorities = [der for name, der in certificates.items() if not name.endswith("EE")]
    parts = [served([certificates[name]], host=name, when=WHEN, is_recorded=False) for name in ends]
    parts.append(served([certificates[ends[0]]], held=authorities))
    root = certificates["TrustAnchorRootCertificate"]
    frame = verify_chains(Tables.concat(parts), roots=[root], as_of=WHEN, intermediates="held").set_index("host")
    checks = ["is_path_found", "is_within_validity", "is_key_usage_right", "is_signature_acceptable"]
    return frame[checks].fillna(False).all(axis=1)


def is_judged(name: str) -> bool:
    """Whether the validity of the path follows from what is judged here."""
    return name.startswith(("Valid", "Invalid")) and not any(part in name for part in NEEDS_OTHER_THINGS)


def test_paths_are_valid_or_not_as_nist_says() -> None:
    verdicts = judge_paths()
    judged = [name for name in verdicts.index if is_judged(name)]
    assert len(judged) >= 90
    wrong = [name for name in judged if verdicts[name] != name.startswith("Valid")]
    assert sorted(wrong) == sorted(DIFFERS)


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
