"""Lint certificates by the TLS Baseline Requirements of the CA/Browser Forum, with pkilint (DigiCert).

pkilint applies the rules of its own release to every certificate, also to one of 2007; only its caps on validity since
2026 are dated. `judge(tables, "baseline")` applies the rules of the day on which a certificate was issued.
"""

import logging
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from typing import Any, Final

import pandas as pd

from toolkit.columns import Column, dtypes, returns
from toolkit.extras import require_extras
from toolkit.tables import Tables, require_tables

LINTED: Final = (
    Column("cert_sha256", "text", "SHA-256 of the certificate, in the order of the tables"),
    Column("profile", "text", "what pkilint takes the certificate for, such as `DV-FINAL-CERTIFICATE`", "not linted"),
    Column(
        "severity", "text", "worst first: `fatal` (a part could not be read or checked), `error` (a MUST is broken), "
        "`warning` (a SHOULD), `notice`, `info`; `unknown`: the certificate was not linted",
    ),
    Column(
        "code", "text", "pkilint's code, such as `cabf.serverauth.subscriber.subject_altname_extension_absent`",
        "not linted",
    ),
    Column("path", "text", "the node of the certificate that the finding is about", "not linted"),
    Column("validator", "text", "the class of pkilint that found it", "not linted"),
    Column(
        "message", "text", "details, at most 1000 characters, with text of the certificate as it is; why the "
        "certificate was not linted", "the code says everything",
    ),
    Column("authority", "text", "edition of the Baseline Requirements, and release of pkilint"),
)  # fmt: skip
"""The columns of `lint_certificates`."""

MOST_BYTES: Final = 1 << 15
"""Bytes of the largest certificate that is linted, in up to two seconds; a thousand names take 20 KiB."""

MOST_TEXT: Final = 1_000
"""Characters kept of a message, which may quote a whole field of the certificate."""


@returns(LINTED)
def lint_certificates(tables: Tables) -> pd.DataFrame:
    """Lint the certificates of the tables with pkilint: one row per problem, or one where a certificate was not linted.

    pkilint detects what each certificate is: root (self-issued), intermediate, subscriber certificate (domain,
    organisation, individual or extended validation by its policy, domain where it names none), precertificate or OCSP
    responder. The Baseline Requirements bind public CAs; of a certificate of a private CA, a row says only that it
    differs from them. A certificate without a row has no problem that pkilint finds.

    It takes about 10 ms a certificate, and a second for the first of each profile. Certificates of more than 32 KiB are
    not linted. Needs the extra `lint`; raises `UsageError` where pkilint is not installed.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://legacy.lab.test:25")
    >>> linted = toolkit.lint_certificates(tables)
    >>> print(toolkit.chart.tabulate(linted, columns=["profile", "severity", "code"], rows=2))
                          profile severity                                                     code
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
    return pd.DataFrame(rows, columns=list(dtypes(LINTED))).astype(dtypes(LINTED))


class _Linter:
    """pkilint, with the validators of each profile built once."""

    def __init__(self) -> None:
        # Imported here, because only linting needs the extra `lint`.
        from pkilint import document, finding_filter, loader  # noqa: PLC0415
        from pkilint.cabf import serverauth  # noqa: PLC0415
        from pkilint.pkix import certificate  # noqa: PLC0415
        from pyasn1.error import PyAsn1Error  # noqa: PLC0415

        # pkilint logs its own errors with text of the certificate; it also reports them (`base.unhandled_exception`).
        logging.getLogger("pkilint").addHandler(logging.NullHandler())
        self._load = loader.load_der_certificate
        self._filter = finding_filter.filter_results
        self._serverauth = serverauth
        self._contain = certificate.create_pkix_certificate_validator_container
        self._profiles: dict[Any, tuple[Any, Any]] = {}
        # pkilint reports what its validators raise; its loader and its matching of nodes raise these.
        self._refusals = (
            ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError,
            PyAsn1Error, document.PDUNavigationFailedError,
        )  # fmt: skip
        edition = serverauth.serverauth_constants.BR_VERSION
        self.authority = f"TLS Baseline Requirements {edition}, by pkilint {version('pkilint')}"

    def lint(self, der: bytes | None) -> list[dict[str, object]]:
        """The findings, worst first, for any bytes."""
        if der is None:
            return [_not_linted("the source only describes the certificate: its bytes are not in the tables")]
        if len(der) > MOST_BYTES:
            return [_not_linted(f"{len(der):,} bytes, more than the {MOST_BYTES:,} that are linted")]
        try:
            loaded = self._load(der, "certificate")
            profile = self._serverauth.determine_certificate_type(loaded)
            validators, filters = self._of_profile(profile)
            results, _ = self._filter(filters, validators.validate(loaded.root))
        except self._refusals as error:
            return [_not_linted(f"pkilint cannot read it: {error}")]
        found = sorted(_findings(results), key=lambda pair: pair[0])
        return [{"profile": profile.to_option_str} | finding for _, finding in found]

    def _of_profile(self, profile: Any) -> tuple[Any, Any]:
        if profile not in self._profiles:
            rules = self._serverauth
            checks = self._contain(rules.create_decoding_validators(), rules.create_validators(profile))
            self._profiles[profile] = checks, rules.create_serverauth_finding_filters(profile)
        return self._profiles[profile]


@cache
def _linter() -> _Linter:
    with require_extras("Linting", "lint"):
        return _Linter()


def _findings(results: Any) -> Iterator[tuple[int, dict[str, object]]]:
    """Each finding with its severity as a number; 0 is the worst."""
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
