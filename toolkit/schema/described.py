"""The columns of the four tables, their keys, and the closed vocabularies of their values."""

from typing import Final, Literal, cast

from toolkit.arguments import require_choice
from toolkit.columns import Column, described

VERSION: Final = 2
"""Of the tables below; a store keeps it and refuses to open a newer one. Version 1 had neither `tool`, nor the
columns of `certificates` from `key_usage` on, nor certificates without their DER."""

TableName = Literal["observations", "certificates", "support", "rounds"]

OUTCOMES: Final[dict[str, str]] = {
    "ok": "the server's first flight was read",
    "refused": "a TLS alert answered the hello",
    "deferred": "421, 450 or 454: come back later",
    "rejected": "another 5xx, NO or -ERR before TLS",
    "no_starttls": "the server refused the upgrade, and did not list it or does not know it",
    "injected": "bytes followed the go-ahead in clear text",
    "not_tls": "the answer to the hello is not TLS",
    "malformed": "TLS, but broken: a length, an order or a signature's form is wrong",
    "too_large": "more bytes than the limit, before the flight was complete",
    "closed": "the connection ended without an alert",
    "reset": "the connection was reset",
    "timeout": "no complete answer within the time limit",
    "port_closed": "the connection was refused",
    "unreachable": "no route to the address, or the network forbade it",
    "not_resolved": "the name has no address, or asking for it failed",
    "skipped": "not asked: the budget was spent, a block or allow list forbids it, or it backs off",
    "cannot_offer": "this instrument cannot make the offer, or cannot read the answer to it",
}
"""The closed vocabulary of `observations.outcome`."""

STAGES: Final = ("resolve", "connect", "upgrade", "hello", "certificate", "finished")
"""How far a look came; `finished` is the server's Finished (TLS 1.3) or ServerHelloDone (before)."""

STATES: Final = ("accepted", "refused", "untested")
"""The closed vocabulary of `support.state`."""

DATE_BASES: Final = ("observed", "between", "until", "undated")
"""How `observed_at`, `observed_from`, `observed_until` are known; free text may follow after `: `."""

INSTANTS: Final = ["observed_at", "observed_from", "observed_until"]
"""Columns that date a row; all null: undated."""

PROTOCOLS: Final = ("SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3")
"""How protocol versions are written, oldest first."""


_NO_ANSWER = "the handshake did not come that far"
_NOT_PRINTED = "the source did not print it, or gave the certificate itself"
_NOT_ASKED = "the question was not about it"
_UNPARSED = "the certificate did not parse (see parse_error), or its source does not say"
_NO_EXTENSION = f"{_UNPARSED}, or it has no such extension"

_UNDATED = "the instant is not known; the next two bound it"
_DATE_BASIS = f"how the date is known: {', '.join(DATE_BASES)}; details may follow `: `"
_BOUNDS = (
    Column("observed_from", "instant", "not before this instant", "no lower bound is known"),
    Column("observed_until", "instant", "not after this instant", "no upper bound is known"),
)
_TOOL = Column("tool", "text", "program and version that recorded the row, such as `tls-toolkit 0.1.0`", "not known")
_OBSERVATIONS = (
    Column("observed_at", "instant", "when the look was made", _UNDATED),
    *_BOUNDS,
    Column("date_basis", "text", _DATE_BASIS),
    Column("round", "text", "the collection round, or the recorded series, that the look belongs to"),
    Column("sample", "integer", "number of the look within round, service, address and offer, from 0"),
    Column("vantage", "text", "place from which the observation was made", "not known"),
    Column("source", "text", "`live`, `lab`, `simulated`, or where the record was published"),
    _TOOL,
    Column("service", "text", "scheme://host:port", "the source names no port or no protocol"),
    Column("host", "text", "host name or address that was asked for", "not known"),
    Column("port", "integer", "TCP port", "the source does not say"),
    Column("address", "text", "IP address that answered", "not known, or the name did not resolve"),
    Column("server_name", "text", "host name in the hello (SNI, RFC 6066)", "none was sent, or not known"),
    Column("offer", "text", "which ClientHello was sent (reference/offers.csv); `survey` in a survey", "not known"),
    Column("outcome", "text", f"how the look ended: {', '.join(OUTCOMES)}"),
    Column("stage", "text", f"how far it came: {', '.join(STAGES)}", "not known"),
    Column("reason", "text", "why, in words; the original where a source is ambiguous", "nothing to add"),
    Column("protocol", "text", f"version negotiated: {', '.join(PROTOCOLS)}", "none, or the source is ambiguous"),
    Column("suite", "text", "suite negotiated, by IANA name, else its specification's", _NO_ANSWER),
    Column("suite_code", "integer", "code point of the suite", "no suite, or its code is not known"),
    Column("group", "text", "group of the key exchange (IANA)", "static RSA, no answer, or not recorded"),
    Column("signature_scheme", "text", "scheme of the handshake signature (IANA)", "none, or not recorded"),
    Column("leaf_sha256", "text", "the leaf certificate, by its `cert_sha256`", "no certificate was seen or kept"),
    Column("chain_sha256", "texts", "each `cert_sha256`, leaf first, as served", "not recorded as served"),
    Column(
        "is_key_proven",
        "boolean",
        "true: a handshake signature was verified; false: it was wrong",
        "the exchange carries none (static RSA, anonymous), or it was not recorded",
    ),
    Column("has_ocsp_staple", "boolean", "an OCSP response came with the flight", _NO_ANSWER),
    Column("has_sct", "boolean", "signed certificate timestamps came by extension (RFC 6962)", _NO_ANSWER),
    Column("connect_ms", "number", "duration of the TCP connect", "not connected, or not measured", "ms"),
    Column("answer_ms", "number", "from the hello sent to the flight read", "no flight, or not measured", "ms"),
    Column("sent_bytes", "bytes", "what was sent from the hello on", "not kept (see `keep_bytes`)"),
    Column("answer_bytes", "bytes", "what was received from the hello on", "not kept (see `keep_bytes`)"),
    Column("printed_subject", "text", "subject as the source printed it", _NOT_PRINTED),
    Column("printed_issuer", "text", "issuer as the source printed it", _NOT_PRINTED),
    Column("printed_serial", "text", "serial number as the source printed it", _NOT_PRINTED),
    Column("printed_not_before", "instant", "start of validity as the source printed it", _NOT_PRINTED),
    Column("printed_not_after", "instant", "end of validity as the source printed it", _NOT_PRINTED),
    Column("printed_fingerprint", "text", "fingerprint as the source printed it", _NOT_PRINTED),
    Column("printed_bits", "integer", "key or cipher bits as the source printed them", _NOT_PRINTED, "bits"),
)

_CERTIFICATES = (
    Column(
        "cert_sha256",
        "text",
        "SHA-256 of the DER; where neither is known, an identifier that ends in `.sha1` (the SHA-1 of the DER), "
        "`.serial` (a digest of issuer and serial number) or `.facts` (a digest of what the source says)",
    ),
    Column("subject", "text", "subject, RFC 4514", _UNPARSED),
    Column("issuer", "text", "issuer, RFC 4514", _UNPARSED),
    Column("names", "texts", "DNS names and IP addresses of the subjectAltName", f"{_UNPARSED}, or it has no SAN"),
    Column("serial", "text", "serial number, lower-case hex, `-` first where negative", _UNPARSED),
    Column("not_before", "instant", "start of validity, inclusive", _UNPARSED),
    Column("not_after", "instant", "end of validity, inclusive", _UNPARSED),
    Column("key_type", "text", "RSA, EC, Ed25519, ML-DSA-44, …", f"{_UNPARSED}, or the algorithm is unknown"),
    Column("key_bits", "integer", "size of the key", "not known, or the type has no size", "bits"),
    Column("key_curve", "text", "named curve of an EC key", "not an EC key, or the curve is unknown"),
    Column("spki_sha256", "text", "SHA-256 of the SubjectPublicKeyInfo's DER", _UNPARSED),
    Column("signature_algorithm", "text", "signature algorithm by name, else its OID", _UNPARSED),
    Column("is_ca", "boolean", "basicConstraints says CA", f"{_UNPARSED}, or the extension does not parse"),
    Column("is_precertificate", "boolean", "carries the poison extension (RFC 6962)", _UNPARSED),
    Column("sct_at", "instant", "latest signed certificate timestamp inside (RFC 6962)", f"{_UNPARSED}, or has none"),
    Column("parse_error", "text", "what could not be read, or is not encoded as DER has it", "everything was read"),
    Column("key_usage", "texts", "what the key may do, by the names of RFC 5280: `digitalSignature`, …", _NO_EXTENSION),
    Column("extended_key_usage", "texts", "purposes: `serverAuth`, `clientAuth`, …, else OIDs", _NO_EXTENSION),
    Column("policies", "texts", "OIDs of the certificate policies", _NO_EXTENSION),
    Column(
        "validation",
        "text",
        "what the CA validated: `DV`, `OV`, `IV`, `EV`, by the OIDs of the CA/Browser Forum among the policies",
        "none of these OIDs is there",
    ),
    Column("authority_key_id", "text", "identifier of the issuer's key, hex", _NO_EXTENSION),
    Column("subject_key_id", "text", "identifier of the certificate's own key, hex", _NO_EXTENSION),
    Column("ocsp_urls", "texts", "where the CA answers OCSP requests", _NO_EXTENSION),
    Column("issuer_urls", "texts", "where the issuer's certificate can be fetched", _NO_EXTENSION),
    Column("crl_urls", "texts", "where revocation lists can be fetched", _NO_EXTENSION),
    Column(
        "scts",
        "texts",
        "signed certificate timestamps inside, each as `<log ID in base64> <instant>` (RFC 6962)",
        _NO_EXTENSION,
    ),
    Column("is_must_staple", "boolean", "asks for a stapled OCSP response (RFC 7633)", _UNPARSED),
    Column("email_names", "texts", "e-mail addresses of the subjectAltName", f"{_UNPARSED}, or it has no SAN"),
    Column("ip_names", "texts", "IP addresses of the subjectAltName", f"{_UNPARSED}, or it has no SAN"),
    Column(
        "unknown_critical_extensions",
        "texts",
        "OIDs of critical extensions that neither RFC 5280 nor RFC 6962 or 7633 defines",
        _UNPARSED,
    ),
    Column("tool", "text", "program and version that described the certificate", "`der` is there, or not known"),
    Column("der", "bytes", "the certificate itself", "the source only describes the certificate"),
)

_SUPPORT = (
    Column("observed_at", "instant", "when the question was answered", _UNDATED),
    *_BOUNDS,
    Column("date_basis", "text", _DATE_BASIS, "not recorded: the instants themselves show it"),
    Column("round", "text", "the collection round, or the recorded series"),
    _TOOL,
    Column("service", "text", "scheme://host:port"),
    Column("address", "text", "IP address that answered", "not known, or the name did not resolve"),
    Column("protocol", "text", f"version asked about: {', '.join(PROTOCOLS)}", _NOT_ASKED),
    Column("suite", "text", "suite asked about, by IANA name, else its specification's", _NOT_ASKED),
    Column("suite_code", "integer", "code point of the suite", f"{_NOT_ASKED}, or its code is not known"),
    Column(
        "group",
        "text",
        "group asked about (IANA; `DH-1024`: unnamed finite-field parameters of 1024 bits)",
        _NOT_ASKED,
    ),
    Column("signature_scheme", "text", "signature scheme asked about (IANA)", _NOT_ASKED),
    Column("key_type", "text", "key type of the certificate asked about", _NOT_ASKED),
    Column("state", "text", f"{', '.join(STATES)}; what is not proven is untested"),
    Column(
        "is_sound",
        "boolean",
        "the first flight was complete and right for the answer",
        "not accepted, or not read or checked",
    ),
    Column("rank", "integer", "place in the server's order of preference, from 1", "not accepted, or not known"),
    Column("reason", "text", "what the state rests on", "nothing to add"),
)

_ROUNDS = (
    Column("round", "text", "identifier of the round"),
    Column(
        "phase",
        "text",
        "`start` or `end`; each run of a round that is resumed has both, a run that was killed has no `end`",
    ),
    Column("written_at", "instant", "when the row was written"),
    Column("source", "text", "`live`, `lab`, `simulated`, or where the record was published"),
    Column("vantage", "text", "place from which the observation was made", "not known"),
    Column("services", "texts", "services to observe"),
    Column(
        "settings",
        "text",
        "`mail_domains` (of `mx:` targets), offers, samples, limits (count and digest of the lists), `ehlo`, "
        "`contact`, as JSON",
        "not recorded",
    ),
    Column("versions", "text", "of this package, Python and cryptography, as JSON", "not recorded"),
    Column("looks_planned", "integer", "looks to make at the addresses known so far", "names not yet resolved"),
    Column("looks", "integer", "looks made", "start row"),
    Column("looks_ok", "integer", "looks that ended `ok`", "start row"),
    Column(
        "connections",
        "integer",
        "connections opened; on a cluster a lower bound: those of a worker that ended before it kept their looks are "
        "not counted",
        "start row",
    ),
    Column(
        "connections_bound",
        "integer",
        "the fewest connections that give these answers, with the controls that were needed; `connections_min` of "
        "`estimate_survey` is this number for one address that accepts nothing",
        "not a survey, or start row; on a cluster also where a part was kept by a worker that ended",
    ),
    Column(
        "end_reason",
        "text",
        "`finished`, `interrupted`, or `failed: ` and which parts of a round on a cluster were not made, and why",
        "start row",
    ),
)

TABLES: Final[dict[TableName, tuple[Column, ...]]] = {
    "observations": _OBSERVATIONS,
    "certificates": _CERTIFICATES,
    "support": _SUPPORT,
    "rounds": _ROUNDS,
}


def columns_of(table: str) -> tuple[Column, ...]:
    """The columns of a table, in order. Raises `UsageError` for a name that is not one of `TABLES`."""
    require_choice("table", table, TABLES)
    return TABLES[cast("TableName", table)]


OBSERVATION_KEY: Final = ("round", "service", "address", "server_name", "offer", "sample")
"""Two observations with the same key are one look written twice."""

SUPPORT_KEY: Final = (
    "round", "service", "address", "protocol", "suite", "suite_code", "group", "signature_scheme", "key_type",
)  # fmt: skip
"""Two rows of `support` with the same key answer the same question."""

KEYS: Final[dict[TableName, tuple[str, ...]]] = {
    "observations": OBSERVATION_KEY,
    "certificates": ("cert_sha256",),
    "support": SUPPORT_KEY,
    "rounds": ("round", "phase", "written_at", "looks", "end_reason"),
}
"""Rows of a table with equal keys are repeats; the first one is kept."""


def dictionary() -> str:
    """The data dictionary as Markdown: every table, column, dtype, unit, meaning, and what null means.

    >>> from toolkit.schema import dictionary
    >>> "| `leaf_sha256` |" in dictionary()
    True
    """
    lines = []
    for table, columns in TABLES.items():
        lines += [f"### `{table}`", "", described(columns), ""]
    return "\n".join(lines)
