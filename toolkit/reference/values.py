"""Values of rules: what each test accepts, so that an unknown name is refused instead of never matching."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from toolkit.reference.algorithms import CURVES as KEY_CURVES, HASHES, KEY_TYPES, SIGNATURE_ALGORITHMS
from toolkit.reference.group import groups
from toolkit.reference.suite import suites
from toolkit.schema import PROTOCOLS
from toolkit.text import did_you_mean

WITHOUT_VALUE: Final = frozenset(
    {"present", "match", "match_san", "shared", "positive", "ordered", "encoded", "begins_before_end", "interleaved"}
)
_OF_ONE: Final = frozenset(
    {
        "highest",
        "accepted",
        "answers",
        "issued_by",
        "rooted_in",
        "bundled",
        "at_most",
        "octets_at_most",
        "operators_at_least",
        "rfc6962_at_least",
        "named_above",
    }
)
_MOST_NAMED: Final = 25
_MOST: Final = {"days": 36_525, "months": 1_200}
"""The longest lifetime that a rule may name: a hundred years."""

SCTS: Final = re.compile(r"(\d{1,2})(?: (from|above) (\d{1,4}) days)?")
"""A number of SCTs, and the validity that requires it; without one, for every certificate.

`from`: of at least so many days, both ends included. `above`: of more, where a program subtracts the first instant from
the last.
"""

CONDITION: Final = re.compile(r"issuer [A-Za-z.]+=.+|scheme [a-z][a-z0-9-]*")
"""A part of the value of a rule about purposes: the issuer or the scheme to which the rule is limited."""

_OID: Final = re.compile(r"[0-2](?:\.[0-9]{1,40}){1,30}")


def find_mistake(subject: str, test: str, value: tuple[str, ...]) -> str | None:
    """What is wrong with the value of a test, as the end of a message about it, with the known names; None: nothing.

    >>> find_mistake("cipher", "not_among", ("rc4",)).split(" Known")[0]
    "cannot be used: 'rc4' is not a known cipher. Did you mean 'RC4'?"
    >>> find_mistake("cipher", "not_among", ("RC4",))
    """
    if test in WITHOUT_VALUE:
        return f"cannot be used: {test} takes no value" if value else None
    if not value:
        return f"cannot be used: {test} of {subject} needs a value"
    if not all(value):
        return "cannot be used: a part of it is empty"
    is_single = test in _OF_ONE or (subject, test) == ("strength_bits", "at_least")
    if is_single and len(value) > 1:
        return f"cannot be used: {test} of {subject} takes one value"
    names = [part.partition("=")[0] for part in value] if test == "at_least" else value
    if len(set(names)) < len(names):
        return "cannot be used: it repeats a part"
    if subject == "purposes" and all(CONDITION.fullmatch(part) for part in value):
        return "cannot be used: it names no purpose, like serverAuth"
    complaints = (_complain(subject, test, part) for part in value)
    return next((f"cannot be used: {complaint}" for complaint in complaints if complaint), None)


def _complain(subject: str, test: str, part: str) -> str | None:
    if subject == "key_bits":
        key_type, sign, bits = part.partition("=")
        if not sign or not _is_number(bits, most=1_000_000):
            return f"{part!r} is not written like RSA=2048"
        return _unknown("key type", key_type, _known("key_type"))
    if subject in ("lifetime", "revocation"):
        count, _, unit = part.partition(" ")
        if unit in _MOST and _is_number(count, most=_MOST[unit]) and int(count):
            return None
        return f"{part!r} is not written like 398 days or 39 months, or is longer than a hundred years"
    if (subject, test) == ("scts", "at_least"):
        return None if SCTS.fullmatch(part) else f"{part!r} is not written like 2, 3 from 181 days, or 3 above 180 days"
    if subject == "purposes":
        is_right = _OID.fullmatch(part) or part.isalnum() or CONDITION.fullmatch(part)
        wanted = "a purpose, like serverAuth, or a condition, like issuer O=Example CA or scheme smtp"
        return None if is_right else f"{part!r} is not {wanted}"
    if test in ("at_least", "octets_at_most", "operators_at_least", "rfc6962_at_least"):
        return None if _is_number(part, most=100_000) else f"{part!r} is not a number in its range"
    if test in ("issued_by", "rooted_in"):
        return None if "=" in part else f"{part!r} is not an attribute of a name, like CN=Example CA"
    if (subject, test) == ("cipher", "accepted"):
        return _unknown("cipher with its key bits", part, _known("cipher and bits"))
    if subject == "signature_algorithm" and _OID.fullmatch(part):
        return None
    known = _known(subject)
    return _unknown(subject.replace("_", " "), part, known) if known else None


def _is_number(words: str, *, most: int) -> bool:
    return words.isascii() and words.isdigit() and len(words) <= len(str(most)) and int(words) <= most


@cache
def _known(subject: str) -> tuple[str, ...]:
    """The known names of a subject; empty where any text is allowed (a host, a client)."""
    key_types = [name for name, _ in KEY_TYPES.values()]
    hashes = ["MD2", "MD4", "MD5", *HASHES.values()]
    names: dict[str, Iterable[str]] = {
        "protocol": PROTOCOLS,
        "suite": (suite.name for suite in suites().values()),
        "cipher": (suite.cipher for suite in suites().values()),
        "cipher and bits": (f"{suite.cipher}={suite.key_bits}" for suite in suites().values()),
        "key_exchange": (suite.key_exchange for suite in suites().values()),
        "group": (group.name for group in groups().values()),
        "key_type": key_types,
        "key_curve": (name for name, _ in KEY_CURVES.values()),
        "signature_hash": hashes,
        "signature_algorithm": [*SIGNATURE_ALGORITHMS.values(), *key_types, *(f"RSASSA-PSS-{name}" for name in hashes)],
    }
    return tuple(sorted(set(names.get(subject, ()))))


def _unknown(kind: str, part: str, known: tuple[str, ...]) -> str | None:
    if part in known:
        return None
    is_short = len(known) <= _MOST_NAMED
    listed = f"Known: {', '.join(known)}" if is_short else f"{len(known)} are known, such as {known[0]}"
    return f"{part[:80]!r} is not a known {kind}.{did_you_mean(part, known)} {listed}"
