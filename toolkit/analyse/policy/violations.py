"""Whether a version, a suite or a certificate breaks a rule: true, false, or None where the facts are not known.

A rule that does not apply gives no verdict: a minimum size of RSA keys does not apply to an EC key.
"""

import math
import re
from collections.abc import Hashable, Iterable, Mapping
from datetime import MAXYEAR
from typing import Any

import pandas as pd

from toolkit.analyse.host_names import common_names, name_parts, names_host
from toolkit.certificates import is_encoded_as_required, show_validity
from toolkit.certificates.timestamps import parse_timestamp
from toolkit.instants import DAY, SECOND
from toolkit.reference import Suite
from toolkit.reference.ct_logs import log_kinds, log_operators
from toolkit.reference.rules import Rule
from toolkit.reference.values import CONDITION, SCTS

Certificate = Mapping[Hashable, Any]
"""A row of `certificates`, with `asked` for the name that was asked for, and `shown_by` for its first sighting.

It existed at `shown_by`, the earliest upper bound of the observations that show it (null: nothing bounds it).
"""

_HASH = re.compile(r"(MD2|MD4|MD5|SHA-?\d+)", re.I)


def breaks_suite(rule: Rule, suite: Suite | None) -> bool | None:
    """Whether accepting the suite breaks the rule; None for an unknown suite."""
    if suite is None:
        return None
    if rule.subject == "suite":
        return suite.name not in rule.value
    if rule.subject == "strength_bits":
        return suite.strength_bits < int(rule.value[0])
    return str(getattr(suite, rule.subject)) in rule.value  # cipher, key_exchange: the test is `not_among`


def breaks_protocol(rule: Rule, protocol: str) -> bool:
    """Whether accepting the version breaks the rule."""
    return (protocol in rule.value) == (rule.test == "not_among")


def applies_to_certificate(rule: Rule, certificate: Certificate) -> bool:
    """Whether the rule applies to such a certificate."""
    key_type = certificate["key_type"]
    if rule.subject == "key_bits":
        return _is_null(key_type) or key_type in _sizes(rule)
    if rule.subject == "key_curve":
        return _is_null(key_type) or key_type == "EC"
    issuers = rule.conditions("issuer")
    return not issuers or bool(issuers & name_parts(certificate["issuer"]))


def breaks_certificate(rule: Rule, certificate: Certificate) -> bool | None:
    """Whether the certificate breaks the rule; None where the fact is missing."""
    if rule.subject in ("key_type", "key_curve", "signature_algorithm"):
        value = certificate[rule.subject]
        return None if _is_null(value) else (value in rule.value) == (rule.test == "not_among")
    if rule.subject == "key_bits":
        bits, key_type = certificate["key_bits"], certificate["key_type"]
        return None if _is_null(bits) or _is_null(key_type) else int(bits) < _sizes(rule)[key_type]
    if rule.subject == "signature_hash":
        digest = hash_of(certificate["signature_algorithm"])
        return None if digest is None else digest in rule.value
    if rule.subject == "names":
        return _breaks_names(rule, certificate)
    if rule.subject == "serial":
        return _breaks_serial(rule, certificate["serial"])
    if rule.subject == "purposes":
        return _breaks_purposes(rule, certificate)
    if rule.subject == "scts":
        return _breaks_scts(rule, certificate)
    if rule.subject == "revocation" and (certificate["crl_urls"] or certificate["ocsp_urls"]):
        return False
    if rule.subject == "revocation" and _is_unread(certificate):
        return None
    return _breaks_validity(rule, certificate)


def hash_of(algorithm: object) -> str | None:
    """The hash in the name of a signature algorithm; None where the name has none.

    >>> hash_of("sha256WithRSAEncryption"), hash_of("Ed25519")
    ('SHA256', None)
    """
    match = _HASH.search(algorithm) if isinstance(algorithm, str) else None
    return match[1].upper().replace("-", "") if match else None


def describe_certificate(rule: Rule, certificate: Certificate) -> str:
    """The fact of the certificate that the rule is about, in words."""
    if rule.subject in ("key_bits", "key_type", "key_curve"):
        parts = (certificate["key_type"], certificate["key_curve"], certificate["key_bits"])
        return " ".join(str(part) for part in parts if not _is_null(part)) or "unknown key"
    if rule.subject in ("signature_hash", "signature_algorithm"):
        return str(certificate["signature_algorithm"])
    if rule.subject == "lifetime":
        return f"{_days(certificate):.10g} days"
    if rule.subject == "revocation":
        urls = (*(certificate["crl_urls"] or ()), *(certificate["ocsp_urls"] or ()))
        return ", ".join(urls) or f"no URL of a CRL or of OCSP, {_days(certificate):.10g} days"
    if rule.subject == "serial":
        return str(certificate["serial"])
    if rule.subject == "purposes":
        words = ", ".join(certificate["extended_key_usage"] or ()) or "no extendedKeyUsage"
        return f"{words}; issued by {certificate['issuer']}" if rule.conditions("issuer") else words
    if rule.subject == "scts" and certificate["scts"] is None and _is_unread(certificate):
        return "SCTs that cannot be read, if there are any"
    if rule.subject == "scts":
        return _describe_scts(rule, certificate)
    if rule.test == "encoded":
        return show_validity(certificate["der"] or b"")
    if rule.subject == "validity":
        return f"{certificate['not_before'].isoformat()} to {certificate['not_after'].isoformat()}"
    names = certificate["names"] or ()
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return listed or f"no subjectAltName; {certificate['subject']}"


def _describe_scts(rule: Rule, certificate: Certificate) -> str:
    logs, scts = _logs(certificate), certificate["scts"] or ()
    later = sum(not _is_before_sighting(sct, certificate) for sct in scts)
    if rule.test == "operators_at_least":
        words = ", ".join(sorted(name or "an unknown log" for name in _operators(certificate))) or "0 SCTs"
    elif rule.test == "rfc6962_at_least":
        words = ", ".join(sorted(log_kinds().get(log, "an unknown log") for log in logs)) or "0 SCTs"
    else:
        unknown = len(logs - log_operators().keys())
        words = f"{len(scts)} SCTs{f' ({unknown} of unknown logs)' if unknown else ''}, {_days(certificate):.10g} days"
    return f"{words}; {later} dated after the leaf was shown" if later else words


def _days(certificate: Certificate) -> float:
    """The validity in days, both ends included (RFC 5280, section 4.1.2.5)."""
    return float((certificate["not_after"] - certificate["not_before"] + SECOND) / DAY)


def _is_null(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _sizes(rule: Rule) -> dict[str, int]:
    return {key_type: int(bits) for key_type, _, bits in (part.partition("=") for part in rule.value)}


def _breaks_names(rule: Rule, certificate: Certificate) -> bool | None:
    names = certificate["names"]
    is_unknown = certificate["der"] is None and names is None
    if is_unknown or (not names and not _is_null(certificate["parse_error"])):
        return None
    if rule.test == "present":
        return not names
    asked = certificate["asked"]
    if _is_null(asked):
        return None
    candidates = list(names or ())
    if all(_is_address(name) for name in candidates) and rule.test == "match":
        subject = certificate["subject"]
        candidates += [] if _is_null(subject) else common_names(subject)
    return not any(names_host(name, asked) for name in candidates)


def _is_address(name: str) -> bool:
    return ":" in name or name.replace(".", "").isdigit()


def _is_unread(certificate: Certificate) -> bool:
    """Whether the extensions of the certificate are not known."""
    return certificate["der"] is None or not _is_null(certificate["parse_error"])


def _breaks_purposes(rule: Rule, certificate: Certificate) -> bool | None:
    """No extendedKeyUsage allows every purpose (RFC 5280, section 4.2.1.12): it breaks `only` and `includes`."""
    purposes = certificate["extended_key_usage"]
    if purposes is None and _is_unread(certificate):
        return None
    if rule.test == "allows" and (purposes is None or "anyExtendedKeyUsage" in purposes):
        return False
    if purposes is None:
        return True
    wanted = {part for part in rule.value if not CONDITION.fullmatch(part)}
    return set(purposes) != wanted if rule.test == "only" else not wanted <= set(purposes)


def _breaks_scts(rule: Rule, certificate: Certificate) -> bool | None:
    """The SCTs in the certificate. Without any the result is None: the handshake or OCSP may have delivered them.

    Programs count an SCT only of a log that they know. Whether they know a log that is not in `ct_logs.csv` is unknown.
    """
    if not certificate["scts"]:
        return None
    logs = _logs(certificate)
    if rule.test == "operators_at_least":
        return _are_too_few([log_operators().get(log) for log in logs], int(rule.value[0]))
    if rule.test == "rfc6962_at_least":
        return _are_too_few(_known(log for log in logs if log_kinds().get(log) != "static"), int(rule.value[0]))
    parts = [match for part in rule.value if (match := SCTS.fullmatch(part))]
    least = max(int(part[1]) for part in parts if _is_so_long(certificate, part[2], int(part[3] or 0)))
    return _are_too_few(_known(logs), least)


def _known(logs: Iterable[str]) -> list[str | None]:
    """The logs, with None for each unknown one."""
    return [log if log in log_operators() else None for log in logs]


def _are_too_few(found: list[str | None], least: int) -> bool | None:
    """Whether fewer than `least` distinct ones are found; None stands for one that may count or not."""
    known, unknown = len({*found} - {None}), found.count(None)
    if known >= least:
        return False
    return None if known + unknown >= least else True


def _is_so_long(certificate: Certificate, word: str | None, days: int) -> bool:
    """Whether the certificate is in the validity range for which this SCT count is required (`SCTS`)."""
    if word == "above":
        return bool(certificate["not_after"] - certificate["not_before"] > days * DAY)
    return math.ceil(_days(certificate)) >= days


def _operators(certificate: Certificate) -> set[str | None]:
    """The operators of the logs of the SCTs in the certificate; None stands for unknown logs."""
    return {log_operators().get(log) for log in _logs(certificate)}


def _logs(certificate: Certificate) -> set[str]:
    """The distinct logs of the SCTs in the certificate that count: a second SCT of one log does not.

    Nor does an SCT that is dated after the certificate with it was shown: its date is wrong, and clients refuse it.
    """
    return {parse_timestamp(sct).log for sct in certificate["scts"] or () if _is_before_sighting(sct, certificate)}


def _is_before_sighting(sct: str, certificate: Certificate) -> bool:
    shown_by = certificate["shown_by"]
    return _is_null(shown_by) or parse_timestamp(sct).at <= shown_by


def _breaks_serial(rule: Rule, serial: object) -> bool | None:
    if not isinstance(serial, str):
        return None
    number = int(serial, 16)
    if rule.test == "positive":
        return number <= 0
    # In DER an integer has a sign bit (ITU-T X.690, section 8.3).
    return number.bit_length() // 8 + 1 > int(rule.value[0])


def _breaks_validity(rule: Rule, certificate: Certificate) -> bool | None:
    if rule.test == "encoded":
        is_right = is_encoded_as_required(certificate["der"]) if certificate["der"] else None
        return None if is_right is None else not is_right
    begins, ends = certificate["not_before"], certificate["not_after"]
    if _is_null(begins) or _is_null(ends):
        return None
    if rule.test == "ordered":
        return bool(ends < begins)
    count, unit = rule.value[0].split(" ")
    # Compare lengths, because the end that a rule allows can lie after the year 9999.
    length = ends - begins + SECOND
    if unit == "days":
        return bool(length > int(count) * DAY)
    last = _months_after(begins, int(count))
    return last is not None and bool(length > last - begins)


def _months_after(begins: pd.Timestamp, months: int) -> pd.Timestamp | None:
    """The same day that number of months later; None where that is after the year 9999."""
    is_beyond = begins.year * 12 + begins.month - 1 + months >= (MAXYEAR + 1) * 12
    return None if is_beyond else begins + pd.DateOffset(months=months)
