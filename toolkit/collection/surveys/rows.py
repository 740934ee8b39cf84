"""The results of a survey as rows of `support`."""

from collections.abc import Iterable, Iterator
from typing import Final

from toolkit.collection.last_resort import read_certificate
from toolkit.collection.rows import TOOL
from toolkit.collection.surveys.address import AddressSurvey
from toolkit.collection.surveys.elimination import Elimination, Result
from toolkit.collection.surveys.runner import Surveyed
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
    survey = surveyed.survey
    rows = [fixed | row for protocol in PROTOCOLS for row in _of_version(survey, protocol)]
    rows += [fixed | row for elimination in survey.further for row in _of_topic(elimination)]
    return rows


def _of_version(survey: AddressSurvey, protocol: str) -> Iterator[Row]:
    elimination = survey.suites.get(protocol)
    if elimination is None:
        return
    result = _of_all(elimination, survey.remarks.get(protocol))
    yield {"protocol": protocol} | _cells(result)
    yield from _of_topic(elimination)
    for (version, bits), answer in survey.prober.own_parameters.items():
        if version == protocol:
            cells = _cells(Result("accepted", "finite-field parameters of the server's own", soundness(answer)))
            yield {"protocol": protocol, "group": f"DH-{bits}"} | cells
    if elimination.state != "refused":
        yield from _of_keys(survey, protocol)


def _of_all(elimination: Elimination, remark: str | None) -> Result:
    """The version itself: the results of its suites together."""
    results = [elimination.result(item) for item in elimination.topic.items]
    state = elimination.state
    if state == "accepted":
        sound = {result.is_sound for result in results if result.state == "accepted"}
        words = _ORDERS[elimination.order.whose] if len(elimination.order.choices) > 1 else None
        reason = "; ".join(filter(None, (remark, words))) or None
        return Result("accepted", reason, True if True in sound else False if False in sound else None)
    reasons = dict.fromkeys(result.reason for result in results if result.state == state)
    return Result(state, "; ".join(filter(None, (remark, *reasons))) or None)


_ORDERS: Final = {
    "server": "the order of preference is the server's own",
    "client": "the order of preference is the client's",
    None: "it is not known whose order of preference it is",
}


def _of_topic(elimination: Elimination) -> Iterator[Row]:
    kind, protocol = elimination.topic.kind, elimination.topic.protocol
    for item in elimination.topic.items:
        row: Row = {"protocol": protocol, kind: name_of(kind, item), **_cells(elimination.result(item))}
        if kind == "suite":
            row["suite_code"] = item
        yield row


def _of_keys(survey: AddressSurvey, protocol: str) -> Iterator[Row]:
    """Key types of the server's certificates: those it showed, and those of which every scheme was refused."""
    read = map(_key_type, survey.prober.leaves.get(protocol, ()))
    shown = {key_type for key_type in read if key_type is not None}
    needed: dict[str, list[Result]] = {}
    for elimination in survey.further:
        topic = elimination.topic
        if topic.kind == "signature_scheme" and topic.protocol == protocol:
            for item in topic.items:
                needed.setdefault(signature_schemes()[item].key_type, []).append(elimination.result(item))
    if not needed and protocol not in ("SSL 2.0", "TLS 1.3"):
        asked = survey.suites[protocol]
        for item in asked.topic.items:
            if (key_type := _KEY_TYPES.get(suites()[item].authentication)) is not None:
                needed.setdefault(key_type, []).append(asked.result(item))
    for key_type in dict.fromkeys([*needed, *sorted(shown)]):
        result = _of_key(needed.get(key_type, []), is_shown=key_type in shown)
        yield {"protocol": protocol, "key_type": key_type} | _cells(result)


def _key_type(leaf: bytes) -> str | None:
    """None: the key cannot be read."""
    key_type = read_certificate(leaf)[0]["key_type"]
    return None if key_type is None else str(key_type)


def _of_key(results: Iterable[Result], *, is_shown: bool) -> Result:
    if is_shown:
        return Result("accepted", "a certificate with that type of key was shown")
    states = {result.state for result in results}
    if states == {"refused"}:
        return Result("refused", "everything that needs a certificate with that type of key was refused")
    return Result("untested", "not everything that needs a certificate with that type of key was refused")


def _cells(result: Result) -> Row:
    return {
        "state": result.state,
        "is_sound": result.is_sound,
        "rank": result.rank,
        "reason": result.reason,
    }
