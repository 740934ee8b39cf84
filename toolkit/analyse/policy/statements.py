"""Published statements of an operator about its servers, compared with observations of them.

A statement has one verdict per row that supports it (`confirmed`) or contradicts it (`contradicted`), or one verdict
`unknown` where there is no such row. It is dated by the first day on which it can have been published; rows of every
day are used. The statements are Google's, so only rows of Google's hosts are used, and rows of a lab or a simulation,
which are marked in `source`. A failed observation does not contradict a statement.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import pandas as pd

from toolkit import text
from toolkit.analyse.host_names import name_parts
from toolkit.analyse.policy.evidence import find_versions
from toolkit.analyse.sightings import find_sightings
from toolkit.analyse.support.summary import suite_of
from toolkit.instants import has_ended
from toolkit.reference.roots import root_names
from toolkit.reference.rules import Rule
from toolkit.schema import PROTOCOLS
from toolkit.tables import Tables

_GOOGLE: Final = re.compile(r"(?:^|\.)(?:(?:google|gmail|googlemail)\.com|smtp\.goog)\.?$")
_MOST_ISSUERS: Final = 10

_UNKNOWN: Final[Mapping[str, str]] = MappingProxyType(
    {"bundled": "verify_chains with that bundle answers it", "uses": "Gmail's own clients are not observed"}
)


def judge_statements(
    tables: Tables, shown: pd.DataFrame, statements: list[Rule], as_of: pd.Timestamp | None = None
) -> pd.DataFrame:
    """The verdicts on the statements, with columns of `judge`; `shown` is what `find_shown` returns.

    A statement that cannot have been published by `as_of` is unknown.
    """
    is_google = shown["host"].fillna("").str.contains(_GOOGLE) | shown["source"].isin(["lab", "simulated"])
    about = shown[is_google.fillna(False).astype(bool)]
    frames = [_findings(statement, _compared(statement, about, tables), as_of) for statement in statements]
    return pd.concat(frames, ignore_index=True)


def _compared(statement: Rule, about: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """The rows that support or contradict the statement, with `is_support` and `found`."""
    tests: dict[str, Callable[[Rule, pd.DataFrame, Tables], pd.DataFrame]] = {
        "answers": _answers,
        "issued_by": _issued_by,
        "rooted_in": _rooted_in,
        "shared": _shared,
        "begins_before_end": _begins_before_end,
        "interleaved": _interleaved,
        "highest": _highest,
    }
    if statement.test == "accepted":
        return (_version_accepted if statement.subject == "protocol" else _cipher_accepted)(statement, about, tables)
    test = tests.get(statement.test)
    return test(statement, about, tables) if test else _marked(about[:0], [], [])


def _marked(rows: pd.DataFrame, is_support: object, found: object) -> pd.DataFrame:
    return rows.assign(
        is_support=pd.Series(is_support, rows.index, dtype="boolean"),
        found=pd.Series(found, rows.index, dtype="string"),
    )


def _answers(statement: Rule, about: pd.DataFrame, _: Tables) -> pd.DataFrame:
    rows = about[(about["host"] == statement.value[0]) & (about["evidence_table"] == "observations")]
    return _marked(rows, True, rows["protocol"].fillna("a certificate"))


def _issuers(about: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """The handshakes whose leaf's issuer is known, from the certificate or as the source printed it."""
    rows = about[about["evidence_table"] == "observations"]
    known = tables.certificates.set_index("cert_sha256")["issuer"]
    printed = tables.observations["printed_issuer"].reset_index(drop=True)
    issuer = rows["leaf_sha256"].map(known).astype("string").fillna(rows["evidence_row"].map(printed).astype("string"))
    return rows.assign(issuer=issuer)[issuer.notna()]


def _issued_by(statement: Rule, about: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    rows = _issuers(about, tables)
    return _marked(rows, [statement.value[0] in name_parts(issuer) for issuer in rows["issuer"]], rows["issuer"])


def _rooted_in(statement: Rule, about: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """Follow the issuers by name to a root of a recorded bundle. Rows that reach none are left out."""
    rows = _issuers(about, tables)
    above = {name_parts(subject): name_parts(issuer) for subject, issuer in
             tables.certificates[["subject", "issuer"]].dropna().itertuples(index=False)}  # fmt: skip
    roots = {name_parts(name): name for name in root_names()}
    tops = {issuer: _top(name_parts(issuer), above, frozenset(roots)) for issuer in rows["issuer"].unique()}
    rows = rows[rows["issuer"].map(lambda issuer: tops[issuer] is not None).astype(bool)]
    reached = [tops[issuer] or frozenset() for issuer in rows["issuer"]]
    return _marked(rows, [statement.value[0] in top for top in reached], [roots[top] for top in reached])


def _top(
    name: frozenset[str], above: dict[frozenset[str], frozenset[str]], roots: frozenset[frozenset[str]]
) -> frozenset[str] | None:
    for _ in range(_MOST_ISSUERS):
        if name in roots:
            return name
        if name not in above:
            return None
        name = above[name]
    return None


def _shared(_: Rule, about: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """Supported by a certificate that names several hosts; contradicted by one that names a single host."""
    names = dict(zip(tables.certificates["cert_sha256"], tables.certificates["names"], strict=True))
    rows = about.drop_duplicates(["service", "host", "leaf_sha256"])
    has_names = [isinstance(sha256, str) and bool(names.get(sha256)) for sha256 in rows["leaf_sha256"]]
    rows = rows[pd.Series(has_names, rows.index, dtype=bool)]
    hosts = [len(set(names[sha256])) for sha256 in rows["leaf_sha256"]]
    found = [f"names {text.counted(number, 'host')}" for number in hosts]
    return _marked(rows, [number > 1 for number in hosts], found)


def _begins_before_end(_: Rule, about: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """Supported by a successor that begins before its predecessor ends; contradicted by a leaf shown after its end.

    A gap between two known certificates is not used, because another certificate may lie between them.
    """
    facts = tables.certificates[["cert_sha256", "key_type", "not_before", "not_after"]]
    shown = about[about["leaf_sha256"].notna()].merge(facts, left_on="leaf_sha256", right_on="cert_sha256")
    overdue = shown[has_ended(shown["not_after"], shown["observed_from"])]
    slot = ["host", "key_type"]
    first = shown.sort_values("not_before", kind="stable").drop_duplicates([*slot, "leaf_sha256"])
    ends = first.groupby(slot, dropna=False)["not_after"].shift(1)
    in_time = first[(first["not_before"] <= ends).fillna(False)]
    return pd.concat(
        [
            _marked(
                in_time,
                True,
                "begins " + in_time["not_before"].dt.strftime("%Y-%m-%d") + ", before its predecessor ends",
            ),
            _marked(overdue, False, "shown after its end on " + overdue["not_after"].dt.strftime("%Y-%m-%d")),
        ]
    )


def _interleaved(_: Rule, about: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """Supported by an older certificate that is shown again after its successor was first shown."""
    slot = ["service", "host", "server_name", "key_type"]
    seen = find_sightings(tables)
    seen = seen[seen["first_seen_at"].notna() & seen["not_before"].notna()].sort_values([*slot, "not_before"])
    newer = seen.groupby(slot, dropna=False)["first_seen_at"].shift(-1)
    again = seen[(seen["last_seen_at"] > newer).fillna(False)]
    keys = ["service", "host", "server_name", "leaf_sha256"]
    rows = about[about["evidence_table"] == "observations"].merge(
        again[[*keys, "last_seen_at"]], left_on=[*keys, "observed_at"], right_on=[*keys, "last_seen_at"]
    )
    return _marked(rows.drop_duplicates(keys), True, "shown again after its successor")


def _version_accepted(statement: Rule, about: pd.DataFrame, _: Tables) -> pd.DataFrame:
    rows = find_versions(about)
    rows = rows[(rows["protocol"] == statement.value[0]) & (rows["state"] != "untested")]
    return _marked(rows, rows["state"] == "accepted", rows["protocol"] + " " + rows["state"])


def _highest(statement: Rule, about: pd.DataFrame, _: Tables) -> pd.DataFrame:
    """Contradicted by a higher version that is accepted; supported by one that a survey found refused."""
    above = PROTOCOLS[PROTOCOLS.index(statement.value[0]) + 1 :]
    rows = find_versions(about)
    rows = rows[rows["protocol"].isin(above) & (rows["state"] != "untested")]
    return _marked(rows, rows["state"] == "refused", rows["protocol"] + " " + rows["state"])


def _cipher_accepted(statement: Rule, about: pd.DataFrame, _: Tables) -> pd.DataFrame:
    """Supported by an accepted suite with that cipher; contradicted by a survey that had all of them refused."""
    cipher, _sign, bits = statement.value[0].partition("=")
    pairs = pd.Series(list(zip(about["suite"], about["suite_code"].fillna(-1), strict=True)), about.index, dtype=object)
    known = {pair: suite_of(*pair) for pair in set(pairs)}
    wanted = {pair for pair, suite in known.items() if suite and (suite.cipher, str(suite.key_bits)) == (cipher, bits)}
    rows = about[pd.Series([pair in wanted for pair in pairs], about.index, dtype=bool)]
    accepted = rows[rows["state"] == "accepted"]
    survey = ["service", "observed_from", "observed_until"]
    answers = rows[rows["evidence_table"] == "support"].assign(is_refused=lambda frame: frame["state"] == "refused")
    is_refused = answers.groupby(survey, dropna=False)["is_refused"].transform("all").astype(bool)
    refused = answers[is_refused].drop_duplicates(survey)
    return pd.concat(
        [
            _marked(accepted, True, accepted["protocol"].fillna("version unknown") + " " + accepted["suite"]),
            _marked(refused, False, f"every suite with {cipher} and {bits} bits refused"),
        ]
    )


def _findings(statement: Rule, compared: pd.DataFrame, as_of: pd.Timestamp | None) -> pd.DataFrame:
    common = {
        "policy": statement.policy,
        "edition": statement.edition,
        "rule": statement.rule,
        "level": statement.level,
        "subject": statement.subject,
        "required": statement.required,
        "authority": statement.authority,
        "rule_from_at": statement.since,
    }
    if as_of is not None and statement.since is not None and statement.since > as_of:
        reason = f"it cannot have been published before {statement.since:%Y-%m-%d}"
        return pd.DataFrame([common | {"verdict": "unknown", "reason": reason, "judged_at": as_of}])
    if compared.empty:
        reason = _UNKNOWN.get(statement.test, "nothing that was observed supports or contradicts it")
        return pd.DataFrame([common | {"verdict": "unknown", "reason": reason}])
    columns = ["service", "host", "server_name", "found", "protocol", "suite", "leaf_sha256", "observed_at",
               "observed_from", "observed_until", "evidence_table", "evidence_row", "source"]  # fmt: skip
    verdict = compared["is_support"].map({True: "confirmed", False: "contradicted"})
    judged_at = compared["observed_at"] if as_of is None else as_of
    return compared[columns].assign(**common, verdict=verdict, judged_at=judged_at)
