"""pkilint's findings: the same as its own command prints, on whatever bytes, and never an exception."""

import json
import logging
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

import toolkit
from tests.analyse.trust.broken_chains import LEAF, MIDDLE, OTHER_ROOT, ROOT
from tests.analyse.trust.minted import Minted, mint_leaf
from tests.conftest import ROOT as ROOT_FOLDER
from toolkit import Tables
from toolkit.analyse.policy import lint
from toolkit.analyse.policy.lint import LINTED, MOST_BYTES, MOST_TEXT, lint_certificates
from toolkit.certificates import parse_certificate
from toolkit.chart import tabulate
from toolkit.columns import dtypes
from toolkit.errors import ReadError, UsageError
from toolkit.reference.roots import split_pem
from toolkit.tables import as_pem

VECTORS = files("cryptography_vectors") / "x509"
NO_SAN = "cabf.serverauth.subscriber.subject_altname_extension_absent"


def linted(*ders: bytes) -> pd.DataFrame:
    rows = pd.DataFrame([parse_certificate(der) for der in dict.fromkeys(ders)])
    frame = lint_certificates(Tables.from_frames(certificates=rows))
    assert frame.dtypes.astype(str).to_dict() == dtypes(LINTED)
    return frame


@pytest.fixture(scope="module")
def google() -> Tables:
    return toolkit.read(ROOT_FOLDER / "data/google-mail")


@pytest.fixture(scope="module")
def findings(google: Tables) -> pd.DataFrame:
    return lint_certificates(google)


@pytest.mark.parametrize("subject", ["CN=smtp.gmail.com", "CN=WR2"])
def test_the_findings_are_those_of_its_own_command(
    google: Tables, findings: pd.DataFrame, subject: str, tmp_path: Path
) -> None:
    chosen = google.certificates[google.certificates["subject"].str.contains(subject)].iloc[0]
    file = tmp_path / "certificate.pem"
    file.write_text(as_pem(chosen["der"]))
    program = [sys.executable, "-m", "pkilint.bin.lint_cabf_serverauth_cert", "lint", "--detect", "--output"]
    said = subprocess.run(
        [*program, "--format", "json", "--severity", "ALL", str(file)], capture_output=True, text=True, check=False
    )
    theirs = {
        (result["node_path"], result["validator"], found["severity"].lower(), found["code"], found["message"])
        for result in json.loads(said.stdout)["results"]
        for found in result["finding_descriptions"]
    }
    mine = findings[findings["cert_sha256"] == chosen["cert_sha256"]]
    columns = ["path", "validator", "severity", "code", "message"]
    rows = mine[columns].astype(object).where(mine[columns].notna(), None)
    assert {tuple(row) for row in rows.to_numpy()} == theirs
    assert set(mine["profile"]) == {said.stderr.strip()}


def test_a_leaf_without_names_breaks_a_rule_and_one_with_names_does_not() -> None:
    nameless = mint_leaf(MIDDLE, names=None)
    frame = linted(nameless.der, LEAF.der)
    (row,) = frame[frame["code"] == NO_SAN].to_dict("records")
    assert (row["cert_sha256"], row["severity"], row["profile"]) == (nameless.sha256, "error", "DV-FINAL-CERTIFICATE")
    assert row["path"] == "certificate.tbsCertificate.extensions"


def test_of_googles_certificates_only_that_of_2007_has_no_names(google: Tables, findings: pd.DataFrame) -> None:
    without = findings.loc[findings["code"] == NO_SAN, "cert_sha256"]
    begins = google.certificates.set_index("cert_sha256").loc[without, "not_before"]
    assert begins.dt.year.tolist() == [2007]
    assert set(findings["severity"]) <= {"error", "warning", "notice", "info"}, "every one is read"
    assert findings["authority"].nunique() == 1
    assert findings["authority"].iloc[0].startswith("TLS Baseline Requirements ")


@pytest.mark.parametrize(
    ("minted", "kind"),
    [
        (ROOT, "ROOT-CA"), (MIDDLE, "INTERNAL-UNCONSTRAINED-TLS-CA"), (LEAF, "DV-FINAL-CERTIFICATE"),
        (mint_leaf(MIDDLE, extra=[(x509.PrecertPoison(), True)]), "DV-PRE-CERTIFICATE"),
        (mint_leaf(MIDDLE, extra=[(x509.CertificatePolicies(
            [x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.2"), None)]), False)]), "OV-FINAL-CERTIFICATE"),
    ],
)  # fmt: skip
def test_each_is_linted_as_what_it_is(minted: Minted, kind: str) -> None:
    assert set(linted(minted.der)["profile"]) == {kind}


def test_findings_come_in_the_order_of_the_tables_the_worst_first() -> None:
    frame = linted(mint_leaf(MIDDLE, names=None).der, OTHER_ROOT.der, LEAF.der)
    assert frame["cert_sha256"].drop_duplicates().tolist()[1:] == [OTHER_ROOT.sha256, LEAF.sha256]
    ranks = frame["severity"].map({"fatal": 0, "error": 1, "warning": 2, "notice": 3, "info": 4})
    assert ranks.groupby(frame["cert_sha256"]).is_monotonic_increasing.all()


@pytest.mark.parametrize(
    ("der", "reason"),
    [
        (b"", "pkilint cannot read it: "), (b"hello", "pkilint cannot read it: "),
        (LEAF.der[:-9], "pkilint cannot read it: "), (b"\x30\x80" * 20_000, "more than the 32,768 that are linted"),
        (b"\x30\x80" * 10_000, "pkilint cannot read it: "),
        (mint_leaf(MIDDLE, names=[x509.DNSName(f"{n}.example.test") for n in range(2_000)]).der, "bytes, more than"),
    ],
)  # fmt: skip
def test_what_cannot_be_linted_is_a_row_that_says_so(der: bytes, reason: str) -> None:
    (row,) = linted(der, LEAF.der).query("severity == 'unknown'").to_dict("records")
    assert reason in row["message"]
    assert len(row["message"]) <= MOST_TEXT
    assert pd.isna(row["profile"])
    assert pd.isna(row["code"])


def vectors() -> dict[str, bytes]:
    """The certificates of cryptography-vectors, NIST's among them."""
    found = {}
    for folder in (VECTORS, VECTORS / "custom", VECTORS / "PKITS_data/certs"):
        for entry in folder.iterdir():
            if entry.name.endswith((".der", ".crt", ".cer")):
                found[entry.name] = entry.read_bytes()
            elif entry.name.endswith(".pem"):
                try:
                    found |= {f"{entry.name} {n}": der for n, der in enumerate(split_pem(entry.read_bytes(), ""))}
                except ReadError:
                    continue
    return found


def test_every_odd_certificate_is_linted_or_says_why_not() -> None:
    ders = {der for der in vectors().values() if len(der) <= MOST_BYTES}
    frame = linted(*ders)
    assert frame["cert_sha256"].nunique() > 500
    unread = frame[frame["severity"] == "unknown"]
    assert 0 < len(unread) < 15
    assert unread["message"].str.startswith("pkilint cannot read it: ").all()
    assert "base.unhandled_exception" in set(frame["code"]), "it stumbles over one, and says so"


def test_what_it_stumbles_over_is_not_printed(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # as in a program that has set up no logging
    frame = lint_certificates(toolkit.read(str(VECTORS / "custom" / "ec_no_named_curve.pem")))
    assert "base.unhandled_exception" in set(frame["code"])
    assert tuple(capfd.readouterr()) == ("", "")


def test_hostile_text_stays_raw_in_the_frame_and_is_harmless_where_shown() -> None:
    hostile = "<script>alert(1)</script>\x1b[31m\u202e"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostile)])
    frame = linted(mint_leaf(MIDDLE, subject=subject).der)
    quoted = frame[frame["message"].str.contains("<script>", na=False)]
    assert quoted["message"].str.contains(hostile, regex=False).any()
    shown = tabulate(quoted, columns=["code", "message"])
    assert "<script>" not in shown._repr_html_()
    assert "\x1b" not in shown._repr_html_() + str(shown)


def test_a_long_message_is_cut() -> None:
    names = [x509.DNSName("a." * 2_000 + "test")]
    assert linted(mint_leaf(MIDDLE, names=names).der)["message"].str.len().max() == MOST_TEXT


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    lint._linter.cache_clear()
    monkeypatch.setitem(sys.modules, "pkilint", None)
    with pytest.raises(
        UsageError, match=r"needs the module pkilint, which is not installed: pip install 'tls-toolkit\[lint\]'"
    ):
        lint_certificates(Tables.from_frames())


def test_nothing_gives_an_empty_frame() -> None:
    frame = lint_certificates(Tables.from_frames())
    assert frame.empty
    assert frame.dtypes.astype(str).to_dict() == dtypes(LINTED)
