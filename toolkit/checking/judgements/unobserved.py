"""Certificates that no observation shows, judged at an instant by their ends, trust and policies."""

import pandas as pd

from toolkit import text
from toolkit.analyse import verify_chains
from toolkit.analyse.policy.findings import judge_by_rules
from toolkit.checking.judgements.expiry import judge_expiry, with_bytes_known
from toolkit.checking.judgements.policies import summarise_rules
from toolkit.checking.judgements.trust import trust_rows
from toolkit.instants import Instant
from toolkit.reference.roots import Intermediates, Roots
from toolkit.reference.rules import STATEMENT, Rule
from toolkit.tables import Tables


def judge_unobserved(
    tables: Tables,
    expiry: pd.DataFrame,
    *,
    now: Instant,
    as_of: Instant,
    roots: Roots,
    rules: list[Rule],
    intermediates: Intermediates,
) -> list[pd.DataFrame]:
    """Frames with columns of `check`: a row per leaf for its end (`expiry`) and its trust, and rows of the rules.

    Nothing dates a certificate that is not observed, so trust and rules are those of `as_of`, or of `now`; rows about
    trust rest on no observation.
    """
    day = now if as_of == "observed" else as_of
    expiry = expiry.assign(state=expiry["state"].replace("lapsed", "expired"), is_shown_last=True)
    expiry["usual_lead_spread_days"] = pd.Series(pd.NA, expiry.index, dtype="Float64")  # no slot was observed
    ruled = [rule for rule in rules if rule.level != STATEMENT]
    chains = verify_chains(tables, roots=roots, as_of=day, intermediates=intermediates)
    found = [
        f"leaf {leaf[:12]}{_path(path)}"
        for leaf, path in zip(chains["leaf_sha256"], chains["path_sha256"], strict=True)
    ]
    trust = trust_rows(chains).assign(found=found)
    return [
        judge_expiry(with_bytes_known(expiry, tables.certificates)),
        trust.drop(columns=["first_at", "last_at"]).assign(evidence_count=0),
        summarise_rules(judge_by_rules(tables, ruled, as_of=day)),
    ]


def _path(path: tuple[str, ...] | None) -> str:
    """The path to a root, in words; empty where there is none. Nothing was served."""
    return "" if path is None else f", path of {text.counted(len(path), 'certificate')}"
