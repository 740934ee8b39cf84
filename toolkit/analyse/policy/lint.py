"""Lint: each certificate by the CA/Browser Forum's TLS Baseline Requirements, as pkilint (DigiCert) reads them.

The rules are not ours, and but for the caps on validity since 2026 they are hardly dated: pkilint applies those of its
own release to every certificate, also to one of 2007. `judge(tables, "baseline")` goes by the rules of the day on which
a certificate was issued.
"""

import logging
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from typing import Any, Final

import pandas as pd

from toolkit.errors import UsageError
from toolkit.tables import Tables, require_tables

DTYPES: Final = {
    "cert_sha256": "string",
    "kind": "string",
    "severity": "string",
    "code": "string",
    "path": "string",
    "validator": "string",
    "message": "string",
    "authority": "string",
}
"""Columns of `lint_certificates`, in order, and their dtypes."""

MOST_BYTES: Final = 1 << 15
"""Bytes of a certificate that is linted, two seconds at the worst; a thousand names take 20 KiB."""

MOST_TEXT: Final = 1_000
"""Characters kept of a message: it may quote a field of the certificate whole."""


def lint_certificates(tables: Tables) -> pd.DataFrame:
    """What pkilint finds in the certificates of the tables: one row per finding, one where it could not look.

    Each certificate is linted as what it is by pkilint's own detection: root (self-issued), intermediate, subscriber
    certificate (domain, organisation, individual or extended validation by its policy, domain where it names none),
    precertificate, OCSP responder. The requirements bind public CAs: of one of your own a finding says only that
    it differs. A certificate without a row was linted and nothing was found. Needs the extra `lint`.

    Columns, in order:

    - `cert_sha256` (string, in the order of the tables)
    - `kind` (string, pkilint's name of what the certificate is, such as `DV-FINAL-CERTIFICATE`; null: not linted)
    - `severity` (string, worst first: `fatal`: a part could not be read or checked; `error`: a MUST; `warning`: a
      SHOULD; `notice`; `info`; `unknown`: the certificate was not linted)
    - `code` (string, pkilint's, such as `cabf.serverauth.subscriber.subject_altname_extension_absent`), `path` (string,
      the node of the certificate), `validator` (string, the class that found it); null: not linted
    - `message` (string, text of the certificate as it is, at most 1000 characters; why it was not linted; null: the
      code says it all)
    - `authority` (string, the edition of the Baseline Requirements and the release of pkilint)

    About 10 ms a certificate, and a second for the first of each kind. Certificates of more than 32 KiB are not linted.

    Raises `UsageError` where pkilint is not installed.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://legacy.lab.test:25")
    >>> linted = toolkit.lint_certificates(tables)
    >>> print(toolkit.chart.tabulate(linted, columns=["kind", "severity", "code"], rows=2))
                             kind severity                                                     code
    INTERNAL-UNCONSTRAINED-TLS-CA    error              cabf.serverauth.ca.country_attribute_absent
    INTERNAL-UNCONSTRAINED-TLS-CA    error cabf.serverauth.ca.certificate_policies_extension_absent
    … and 24 more rows
    """
    require_tables(tables, "lint_certificates")
    linter = _linter()
    given = tables.certificates[["cert_sha256", "der"]].itertuples(index=False, name=None)
    rows = [
        {"cert_sha256": sha256, "authority": linter.authority} | finding
        for sha256, der in given
        for finding in linter.lint(der)
    ]
    return pd.DataFrame(rows, columns=list(DTYPES)).astype(DTYPES)


class _Linter:
    """pkilint, with the validators of each kind of certificate built once."""

    def __init__(self) -> None:
        # Here, since only those who lint need the extra `lint`.
        from pkilint import document, finding_filter, loader  # noqa: PLC0415
        from pkilint.cabf import serverauth  # noqa: PLC0415
        from pkilint.pkix import certificate  # noqa: PLC0415
        from pyasn1.error import PyAsn1Error  # noqa: PLC0415

        # What it stumbles over it logs, with text of the certificate, and reports as `base.unhandled_exception`.
        logging.getLogger("pkilint").addHandler(logging.NullHandler())
        self._load = loader.load_der_certificate
        self._filter = finding_filter.filter_results
        self._serverauth = serverauth
        self._contain = certificate.create_pkix_certificate_validator_container
        self._kinds: dict[Any, tuple[Any, Any]] = {}
        # What its validators raise it reports itself; its loader and its matching of nodes let errors through.
        self._refusals = (
            ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError,
            PyAsn1Error, document.PDUNavigationFailedError,
        )  # fmt: skip
        edition = serverauth.serverauth_constants.BR_VERSION
        self.authority = f"TLS Baseline Requirements {edition}, by pkilint {version('pkilint')}"

    def lint(self, der: bytes | None) -> list[dict[str, object]]:
        """The findings, worst first, whatever the bytes are."""
        if der is None:
            return [_not_linted("the source only describes the certificate: its bytes are not in the tables")]
        if len(der) > MOST_BYTES:
            return [_not_linted(f"{len(der):,} bytes, more than the {MOST_BYTES:,} that are linted")]
        try:
            loaded = self._load(der, "certificate")
            kind = self._serverauth.determine_certificate_type(loaded)
            validators, filters = self._of_kind(kind)
            results, _ = self._filter(filters, validators.validate(loaded.root))
        except self._refusals as error:
            return [_not_linted(f"pkilint cannot read it: {error}")]
        found = sorted(_findings(results), key=lambda pair: pair[0])
        return [{"kind": kind.to_option_str} | finding for _, finding in found]

    def _of_kind(self, kind: Any) -> tuple[Any, Any]:
        if kind not in self._kinds:
            rules = self._serverauth
            checks = self._contain(rules.create_decoding_validators(), rules.create_validators(kind))
            self._kinds[kind] = checks, rules.create_serverauth_finding_filters(kind)
        return self._kinds[kind]


@cache
def _linter() -> _Linter:
    try:
        return _Linter()
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Linting needs {error.name}, which is not installed: pip install 'tls-toolkit[lint]'."
        ) from error


def _findings(results: Any) -> Iterator[tuple[int, dict[str, object]]]:
    """Each finding, with its severity as a number, of which 0 is the worst."""
    for result in results:
        for described in result.finding_descriptions:
            severity = described.finding.severity
            yield (
                int(severity),
                {
                    "severity": severity.name.lower(),
                    "code": described.finding.code,
                    "path": result.node.path,
                    "validator": result.validator.name,
                    "message": described.message and str(described.message)[:MOST_TEXT],
                },
            )


def _not_linted(reason: str) -> dict[str, object]:
    return {"severity": "unknown", "message": reason[:MOST_TEXT]}
