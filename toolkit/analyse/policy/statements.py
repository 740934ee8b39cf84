"""Claims against observations: what somebody published about his servers, beside what they showed.

Each claim gets a finding per row of evidence that speaks for it (`confirmed`) or against it (`contradicted`), and one
`unknown` where none does. A claim's date is the first day on which it can have been published; rows of every day speak
of it. The claims here are Google's, so only rows of Google's hosts speak; rows of a lab or a simulation stand in for
them, and say so in `source`. Nothing speaks by being absent: a failed look contradicts nothing.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import pandas as pd

from toolkit import text
from toolkit.analyse.policy.evidence import find_versions
from toolkit.analyse.sightings import find_sightings
from toolkit.analyse.support.summary import suite_of
from toolkit.instants import has_ended
from toolkit.reference.roots import root_names
from toolkit.reference.rules import Rule
from toolkit.schema import PROTOCOLS
from toolkit.tables import Tables

_GOOGLES: Final = re.compile(r"(?:^|\.)(?:(?:google|gmail|googlemail)\.com|smtp\.goog)\.?$")
_MOST_ISSUERS: Final = 10
_SPLIT = re.compile(r"(?<!\\),\s*")

_UNKNOWN: Final[Mapping[str, str]] = MappingProxyType(
    {"bundled": "ask verify_chains with that bundle", "uses": "no look at Gmail's own clients"}
)


def judge_claims(
    tables: Tables, evidence: pd.DataFrame, claims: list[Rule], as_of: pd.Timestamp | None = None
) -> pd.DataFrame:
    """The findings about the claims, in the columns of `judge`; `evidence` is that of `find_shown`.

    A claim that cannot have been published by `as_of` is unknown.
    """
    if not claims:
        return pd.DataFrame()
    theirs = evidence["host"].fillna("").str.contains(_GOOGLES) | evidence["source"].isin(["lab", "simulated"])
    about = evidence[theirs.fillna(False).astype(bool)]
    return pd.concat([_findings(claim, _spoken(claim, about, tables), as_of) for claim in claims], ignore_index=True)


def _spoken(claim: Rule, about: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """The rows that speak of the claim, with `is_for` and `found`."""
    judges: dict[str, Callable[[Rule, pd.DataFrame, Tables], pd.DataFrame]] = {
        "answers": _answers,
        "issued_by": _issued_by,
        "rooted_in": _rooted_in,
        "shared": _shared,
        "begins_before_end": _begins_before_end,
        "interleaved": _interleaved,
        "highest": _highest,
    }
    if claim.test == "accepted":
        return (_version_accepted if claim.subject == "protocol" else _cipher_accepted)(claim, about, tables)
    judge = judges.get(claim.test)
    return judge(claim, about, tables) if judge else _said(about[:0], [], [])


def _said(rows: pd.DataFrame, is_for: object, found: object) -> pd.DataFrame:
    return rows.assign(
        is_for=pd.Series(is_for, rows.index, dtype="boolean"), found=pd.Series(found, rows.index, dtype="string")
    )


def _answers(claim: Rule, about: pd.DataFrame, _: Tables) -> pd.DataFrame:
    rows = about[(about["host"] == claim.value[0]) & (about["evidence_table"] == "observations")]
    return _said(rows, True, rows["protocol"].fillna("a certificate"))


def _issuers(about: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """The handshakes whose leaf's issuer is known, from the certificate or as the source printed it."""
    rows = about[about["evidence_table"] == "observations"]
    known = tables.certificates.set_index("cert_sha256")["issuer"]
    printed = tables.observations["printed_issuer"].reset_index(drop=True)
    issuer = rows["leaf_sha256"].map(known).astype("string").fillna(rows["evidence_row"].map(printed).astype("string"))
    return rows.assign(issuer=issuer)[issuer.notna()]


def _issued_by(claim: Rule, about: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    rows = _issuers(about, tables)
    return _said(rows, [claim.value[0] in _parts(issuer) for issuer in rows["issuer"]], rows["issuer"])


def _rooted_in(claim: Rule, about: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """Climbs from issuer to issuer, by name, to a root of a recorded bundle; says nothing where none is reached."""
    rows = _issuers(about, tables)
    above = {_parts(subject): _parts(issuer) for subject, issuer in
             tables.certificates[["subject", "issuer"]].dropna().itertuples(index=False)}  # fmt: skip
    roots = {_parts(name): name for name in root_names()}
    tops = {issuer: _top(_parts(issuer), above, frozenset(roots)) for issuer in rows["issuer"].unique()}
    rows = rows[rows["issuer"].map(lambda issuer: tops[issuer] is not None).astype(bool)]
    reached = [tops[issuer] or frozenset() for issuer in rows["issuer"]]
    return _said(rows, [claim.value[0] in top for top in reached], [roots[top] for top in reached])


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
    """A certificate that names several hosts is shared; one that names only the host that showed it is not."""
    names = dict(zip(tables.certificates["cert_sha256"], tables.certificates["names"], strict=True))
    rows = about.drop_duplicates(["service", "host", "leaf_sha256"])
    has_names = [isinstance(sha256, str) and bool(names.get(sha256)) for sha256 in rows["leaf_sha256"]]
    rows = rows[pd.Series(has_names, rows.index, dtype=bool)]
    hosts = [len(set(names[sha256])) for sha256 in rows["leaf_sha256"]]
    found = [f"names {text.counted(number, 'host')}" for number in hosts]
    return _said(rows, [number > 1 for number in hosts], found)


def _begins_before_end(_: Rule, about: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """For: a host's next certificate of a key type begins before the last one ends. Against: one shown after its end.

    A gap between two certificates that are known says nothing, since others may lie between.
    """
    facts = tables.certificates[["cert_sha256", "key_type", "not_before", "not_after"]]
    shown = about[about["leaf_sha256"].notna()].merge(facts, left_on="leaf_sha256", right_on="cert_sha256")
    late = shown[has_ended(shown["not_after"], shown["observed_from"])]
    line = ["host", "key_type"]
    first = shown.sort_values("not_before", kind="stable").drop_duplicates([*line, "leaf_sha256"])
    ends = first.groupby(line, dropna=False)["not_after"].shift(1)
    timely = first[(first["not_before"] <= ends).fillna(False)]
    return pd.concat(
        [
            _said(
                timely, True, "begins " + timely["not_before"].dt.strftime("%Y-%m-%d") + ", before the last one ends"
            ),
            _said(late, False, "shown after its end on " + late["not_after"].dt.strftime("%Y-%m-%d")),
        ]
    )


def _interleaved(_: Rule, about: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """An older certificate shown again after a newer one of its line was first shown."""
    line = ["service", "host", "server_name", "key_type"]
    seen = find_sightings(tables)
    seen = seen[seen["first_seen_at"].notna() & seen["not_before"].notna()].sort_values([*line, "not_before"])
    newer = seen.groupby(line, dropna=False)["first_seen_at"].shift(-1)
    again = seen[(seen["last_seen_at"] > newer).fillna(False)]
    keys = ["service", "host", "server_name", "leaf_sha256"]
    rows = about[about["evidence_table"] == "observations"].merge(
        again[[*keys, "last_seen_at"]], left_on=[*keys, "observed_at"], right_on=[*keys, "last_seen_at"]
    )
    return _said(rows.drop_duplicates(keys), True, "shown again after its successor")


def _version_accepted(claim: Rule, about: pd.DataFrame, _: Tables) -> pd.DataFrame:
    rows = find_versions(about)
    rows = rows[(rows["protocol"] == claim.value[0]) & (rows["state"] != "untested")]
    return _said(rows, rows["state"] == "accepted", rows["protocol"] + " " + rows["state"])


def _highest(claim: Rule, about: pd.DataFrame, _: Tables) -> pd.DataFrame:
    """Against: a higher version accepted. For: a survey in which every higher version was refused."""
    above = PROTOCOLS[PROTOCOLS.index(claim.value[0]) + 1 :]
    rows = find_versions(about)
    rows = rows[rows["protocol"].isin(above) & (rows["state"] != "untested")]
    return _said(rows, rows["state"] == "refused", rows["protocol"] + " " + rows["state"])


def _cipher_accepted(claim: Rule, about: pd.DataFrame, _: Tables) -> pd.DataFrame:
    """For: a suite with that cipher accepted. Against: a survey that had every such suite refused."""
    cipher, _sign, bits = claim.value[0].partition("=")
    pairs = pd.Series(list(zip(about["suite"], about["suite_code"].fillna(-1), strict=True)), about.index, dtype=object)
    known = {pair: suite_of(*pair) for pair in set(pairs)}
    wanted = {pair for pair, suite in known.items() if suite and (suite.cipher, str(suite.key_bits)) == (cipher, bits)}
    rows = about[pd.Series([pair in wanted for pair in pairs], about.index, dtype=bool)]
    accepted = rows[rows["state"] == "accepted"]
    visits = ["service", "observed_from", "observed_until"]
    answers = rows[rows["evidence_table"] == "support"].assign(is_refused=lambda frame: frame["state"] == "refused")
    is_refused = answers.groupby(visits, dropna=False)["is_refused"].transform("all").astype(bool)
    refused = answers[is_refused].drop_duplicates(visits)
    return pd.concat(
        [
            _said(accepted, True, accepted["protocol"].fillna("version unknown") + " " + accepted["suite"]),
            _said(refused, False, f"every suite with {cipher} and {bits} bits refused"),
        ]
    )


def _findings(claim: Rule, spoken: pd.DataFrame, as_of: pd.Timestamp | None) -> pd.DataFrame:
    common = {
        "policy": claim.policy,
        "edition": claim.edition,
        "rule": claim.rule,
        "level": claim.level,
        "subject": claim.subject,
        "required": claim.required,
        "authority": claim.authority,
        "since": claim.since,
    }
    if as_of is not None and claim.since is not None and claim.since > as_of:
        reason = f"it cannot have been claimed before {claim.since:%Y-%m-%d}"
        return pd.DataFrame([common | {"verdict": "unknown", "reason": reason, "as_of": as_of}])
    if spoken.empty:
        reason = _UNKNOWN.get(claim.test, "no row speaks of it")
        return pd.DataFrame([common | {"verdict": "unknown", "reason": reason}])
    columns = ["service", "host", "server_name", "found", "protocol", "suite", "leaf_sha256", "observed_at",
               "observed_from", "observed_until", "evidence_table", "evidence_row", "source"]  # fmt: skip
    verdict = spoken["is_for"].map({True: "confirmed", False: "contradicted"})
    return spoken[columns].assign(**common, verdict=verdict, as_of=spoken["observed_at"] if as_of is None else as_of)


def _parts(name: object) -> frozenset[str]:
    """The attributes of a distinguished name, in whatever order and spacing it was written."""
    return frozenset(part.strip() for part in _SPLIT.split(str(name)))
