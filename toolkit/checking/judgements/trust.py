"""Trust and proofs of keys, as rows of a check."""

from dataclasses import replace
from typing import Final

import pandas as pd

from toolkit.analyse import verify_chains
from toolkit.analyse.expiry.summary import OUT_OF_USE
from toolkit.checking.in_service import SERVED, InService, name_services
from toolkit.reference.roots import Roots

NO_CHAIN: Final = "no chain"
"""The end of `found` where the source did not record the chain."""

_NAMED: Final = ["service", "host", "server_name"]


def keep_in_use(trust: pd.DataFrame, expiry: pd.DataFrame) -> pd.DataFrame:
    """The chains of certificates that are in use, or may be."""
    state = expiry[[*SERVED, "state", "is_shown_last"]]
    frame = trust.merge(state, how="left", on=SERVED)
    frame = frame[~frame["state"].isin(OUT_OF_USE)]
    is_lapsed = (frame["state"] == "lapsed").fillna(False)
    is_undated = frame["state"].notna() & frame["is_shown_last"].isna()
    frame.loc[is_undated, "reason"] = "only undated observations show it"
    frame.loc[is_lapsed, "reason"] = "it expired, and was not observed afterwards"
    frame.loc[is_undated | is_lapsed, "verdict"] = "unknown"
    return frame[trust.columns]


def with_instants_of_looks(trust: pd.DataFrame, looks: pd.DataFrame) -> pd.DataFrame:
    """The chains with the instants of their observations in place of the one at which all were judged."""
    keys = [*SERVED, "chain"]
    dated = looks[SERVED].assign(
        chain=_joined(looks["chain_sha256"]),
        verdict_from_at=looks["observed_at"].fillna(looks["observed_from"]),
        verdict_until_at=looks["observed_at"].fillna(looks["observed_until"]),
    )
    when = dated.groupby(keys, dropna=False).agg({"verdict_from_at": "min", "verdict_until_at": "max"}).reset_index()
    chained = trust.drop(columns=["verdict_from_at", "verdict_until_at"]).assign(chain=_joined(trust["chain_sha256"]))
    return chained.merge(when, how="left", on=keys)[trust.columns]


def with_lost_trust(trust: pd.DataFrame, scope: InService, *, roots: Roots) -> pd.DataFrame:
    """The chains; `trust_lost` in place of `untrusted` where the same name of the service was trusted earlier.

    A leaf that has expired stays `untrusted`: its end is known, and is a finding of its own.
    """
    ended = scope.expiry.loc[scope.expiry["state"].isin(["expired", "lapsed"]), "leaf_sha256"]
    lost = trust[(trust["verdict"] == "untrusted") & ~trust["leaf_sha256"].isin(ended)]
    if lost.empty:
        return trust
    looks = scope.known.observations
    earlier = replace(scope.known, observations=looks[name_services(looks).isin(set(name_services(lost)))])
    chains = verify_chains(earlier, roots=roots)
    trusted = chains[chains["verdict"] == "trusted"].groupby(_NAMED, dropna=False)["verdict_until_at"].max()
    until = lost[_NAMED].merge(trusted.rename("until").reset_index(), how="left", on=_NAMED)["until"]
    until.index = lost.index
    until = until[(until < lost["verdict_from_at"]).fillna(value=False)]
    if until.empty:
        return trust
    marked = trust.copy()
    marked.loc[until.index, "verdict"] = "trust_lost"
    marked.loc[until.index, "reason"] += until.map(lambda at: f"; trusted when observed on {at:%Y-%m-%d %H:%M}")
    return marked


def _joined(chains: pd.Series) -> pd.Series:
    """Each chain as one text; null where none is recorded."""
    return pd.Series([" ".join(c) if isinstance(c, tuple) else None for c in chains], chains.index, dtype="string")


def _joined_words(words: pd.Series) -> str:
    return ", ".join(sorted(words.dropna().unique()))


def _with_assumptions(trust: pd.DataFrame) -> pd.Series:
    """The reasons, with what a verdict supposes beyond the record of its store."""
    words = "it is assumed that " + trust["assumption"]
    return (trust["reason"] + "; " + words).fillna(trust["reason"]).fillna(words)


def trust_rows(trust: pd.DataFrame) -> pd.DataFrame:
    """The verdicts of `verify_chains`, with the columns of `check` as far as they have a value."""
    of_root = trust["broken_certificate"] == "root"
    served = [NO_CHAIN if chain is None else f"{len(chain)} served" for chain in trust["chain_sha256"]]
    return pd.DataFrame(
        {
            "check": "trust",
            **{name: trust[name] for name in [*SERVED, "verdict", "source"]},
            "reason": _with_assumptions(trust),
            "found": "leaf " + trust["leaf_sha256"].str[:12] + ", " + pd.Series(served, trust.index, dtype="string"),
            "about": trust["cause"] + ", " + trust["broken_certificate"].mask(of_root, trust["broken_sha256"]),
            "evidence_count": trust["looks"],
            "first_at": trust["verdict_from_at"],
            "last_at": trust["verdict_until_at"],
        }
    )


def key_proof_rows(looks: pd.DataFrame) -> pd.DataFrame:
    """A row per leaf that was shown with a wrong handshake signature; without a signature there is no row."""
    wrong = looks[looks["is_key_proven"].eq(False).fillna(False)]
    if wrong.empty:
        return wrong
    began = wrong["observed_at"].fillna(wrong["observed_from"])
    ended = wrong["observed_at"].fillna(wrong["observed_until"])
    rows = (
        wrong.assign(began=began, ended=ended, one=1)
        .groupby(SERVED, dropna=False, sort=False)
        .agg(evidence_count=("one", "size"), first_at=("began", "min"), last_at=("ended", "max"),
             source=("source", _joined_words))
        .reset_index()
    )  # fmt: skip
    leaf = ("leaf " + rows["leaf_sha256"].str[:12]).fillna("the leaf")
    return rows.assign(
        check="trust",
        verdict="key_not_proven",
        found=leaf + ": the signature of the handshake is wrong",
        reason="clients end the handshake: the server did not prove that it holds the key of its certificate",
    )
