"""What a survey found out, as rows of `support`."""

from collections.abc import Iterable, Iterator
from typing import Final

from toolkit.collection.last_resort import read_certificate
from toolkit.collection.rows import TOOL
from toolkit.collection.surveys.course import Course
from toolkit.collection.surveys.elimination import Elimination, Finding
from toolkit.collection.surveys.engine import Surveyed
from toolkit.collection.surveys.verdicts import name_of, soundness
from toolkit.reference import signature_schemes, suites
from toolkit.schema import PROTOCOLS

Row = dict[str, object]

_KEY_TYPES: Final = {"RSA": "RSA", "ECDSA": "EC", "DSS": "DSA"}
"""Authentication of a suite before TLS 1.2 → key type of the certificate that it needs."""


def support_rows(surveyed: Surveyed, *, round_: str, observed_at: object) -> list[Row]:
    """One row per question: versions, suites, groups, schemes, key types."""
    fixed: Row = {
        "observed_at": observed_at,
        "date_basis": "observed",
        "round": round_,
        "tool": TOOL,
        "service": surveyed.target.service,
        "address": surveyed.address or None,
    }
    course = surveyed.course
    rows = [fixed | row for protocol in PROTOCOLS for row in _of_version(course, protocol)]
    rows += [fixed | row for question in course.others for row in _of_question(question)]
    return rows


def _of_version(course: Course, protocol: str) -> Iterator[Row]:
    elimination = course.suites.get(protocol)
    if elimination is None:
        return
    finding = _of_all(elimination, course.remarks.get(protocol))
    yield {"protocol": protocol} | _cells(finding)
    yield from _of_question(elimination)
    for (version, bits), answer in course.interview.parameters.items():
        if version == protocol:
            cells = _cells(Finding("accepted", "finite-field parameters of its own", soundness(answer)))
            yield {"protocol": protocol, "group": f"DH-{bits}"} | cells
    if elimination.state != "refused":
        yield from _of_keys(course, protocol)


def _of_all(elimination: Elimination, remark: str | None) -> Finding:
    """The version itself: what its suites say together."""
    findings = [elimination.finding(item) for item in elimination.question.items]
    state = elimination.state
    if state == "accepted":
        sound = {finding.is_sound for finding in findings if finding.state == "accepted"}
        words = _ORDERS[elimination.order] if len(elimination.choices) > 1 else None
        reason = "; ".join(filter(None, (remark, words))) or None
        return Finding("accepted", reason, True if True in sound else False if False in sound else None)
    reasons = dict.fromkeys(finding.reason for finding in findings if finding.state == state)
    return Finding(state, "; ".join(filter(None, (remark, *reasons))) or None)


_ORDERS: Final = {
    "server": "the order of preference is the server's own",
    "client": "the order of preference is the client's",
    None: "whose order of preference it is was not found out",
}


def _of_question(elimination: Elimination) -> Iterator[Row]:
    question = elimination.question
    kind, protocol = question.kind, question.protocol
    for item in question.items:
        row: Row = {"protocol": protocol, kind: name_of(kind, item), **_cells(elimination.finding(item))}
        if kind == "suite":
            row["suite_code"] = item
        yield row


def _of_keys(course: Course, protocol: str) -> Iterator[Row]:
    """Which kinds of certificate the server has: those it showed, and of which kinds every scheme was refused."""
    shown = {_key_type(leaf) for leaf in course.interview.leaves.get(protocol, ())}
    needed: dict[str, list[Finding]] = {}
    for question in course.others:
        if question.question.kind == "signature_scheme" and question.question.protocol == protocol:
            for item in question.question.items:
                needed.setdefault(signature_schemes()[item].key_type, []).append(question.finding(item))
    if not needed and protocol not in ("SSL 2.0", "TLS 1.3"):
        asked = course.suites[protocol]
        for item in asked.question.items:
            if (key_type := _KEY_TYPES.get(suites()[item].authentication)) is not None:
                needed.setdefault(key_type, []).append(asked.finding(item))
    for key_type in dict.fromkeys([*needed, *sorted(shown)]):
        finding = _of_key(needed.get(key_type, []), is_shown=key_type in shown)
        yield {"protocol": protocol, "key_type": key_type} | _cells(finding)


def _key_type(leaf: bytes) -> str:
    return str(read_certificate(leaf)[0]["key_type"])


def _of_key(findings: Iterable[Finding], *, is_shown: bool) -> Finding:
    if is_shown:
        return Finding("accepted", "a certificate of that kind was shown")
    states = {finding.state for finding in findings}
    if states == {"refused"}:
        return Finding("refused", "everything that needs a certificate of that kind was refused")
    return Finding("untested", "not everything that needs a certificate of that kind was refused")


def _cells(finding: Finding) -> Row:
    return {
        "state": finding.state,
        "is_sound": finding.is_sound,
        "rank": finding.rank,
        "reason": finding.reason,
    }
