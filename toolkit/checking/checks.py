"""Check: reachability, expiry, trust and policies of what is in service, in one frame."""

from collections.abc import Mapping

import pandas as pd

from toolkit.analyse import verify_chains
from toolkit.analyse.expiry.summary import Thresholds, summarise_expiry
from toolkit.analyse.policy.findings import judge_by_rules
from toolkit.checking.advice import ADVICE, ADVICE_ON_FILES, ADVICE_ON_LEAVES, identify
from toolkit.checking.in_service import InService, find_in_service, name_services, with_looks
from toolkit.checking.judgements.endings import judge_issuers
from toolkit.checking.judgements.expiry import find_in_use, judge_expiry
from toolkit.checking.judgements.policies import find_outdated_surveys, judge_rules, judge_statements
from toolkit.checking.judgements.reachability import find_dated_ahead, judge_reachability
from toolkit.checking.judgements.rotation import judge_rotation
from toolkit.checking.judgements.trust import (
    keep_in_use,
    key_proof_rows,
    trust_rows,
    with_instants_of_looks,
    with_lost_trust,
)
from toolkit.checking.judgements.unobserved import judge_unobserved
from toolkit.checking.verdicts import CHECKS, FINE, OWN_CHECKS, SEVERITIES, SEVERITY_OF
from toolkit.columns import dtypes, empty, returns
from toolkit.instants import Instant, zoned
from toolkit.reference.roots import Intermediates, Roots, load_roots
from toolkit.reference.rules import STATEMENT, Policy, load_policy
from toolkit.reference.stores import trust_stores
from toolkit.tables import Tables, is_held_alone, require_tables


@returns(CHECKS)
def check(
    tables: Tables,
    *,
    now: Instant,
    roots: Roots,
    policy: Policy,
    as_of: Instant = "observed",
    thresholds: Thresholds = "lifetime",
    history: bool = False,
    intermediates: Intermediates = "served",
    clock: Instant | None = None,
) -> pd.DataFrame:
    """Check what is in service at `now`: what is wrong, fine and unknown by reachability, expiry, trust, policies.

    In service is what was observed last (`toolkit.checking.find_in_service`): the last visit of each service that got
    an answer (a visit is what one round observed of a service within a day), and its last survey. They count if they
    are at most `OBSERVED_DAYS` and `SURVEYED_DAYS` older than the newest row that was known at `now`. A problem that no
    longer exists is not a finding. With `history`, all rows until `now` are judged.

    Each check has at least one row per service. Where it cannot judge a service, the verdict is `unknown`, with the
    reason: observed before the window, first observed after `now`, undated, no answer.

    - `reachability`: a row per service. `unreachable` (no connection) or `failing` (no handshake): the last 3 visits
      had no answer, or no visit in the window had one, which is not critical before the third. `partly_reachable`: some
      addresses no longer answer. `intermittent`: it answered in one of the last 3 visits, and a tenth of the visits in
      the window, and at least 3, had no answer. Fewer failed: `unknown` where the last visit is among them, else
      `reachable`. `dated_ahead`: rows dated after `clock`, the present, except those of a lab; without `clock` they are
      not looked for, because `now` may be a past day
    - `expiry`: a row per certificate in use (`summarise_expiry`); replaced and withdrawn ones have none. `unreadable`:
      its dates cannot be read. A certificate that expired and was not observed afterwards is `unknown`. An intermediate
      or a root that expires before the leaf has a row of its own once it has passed a threshold; its time left is
      compared with the lifetime of the leaf. `overdue`: past no threshold, but renewed later than the slot's earlier
      certificates were, by more than those differed and by more than a day. `thresholds` as in `summarise_expiry`
    - `rotation`: a row per certificate in use. `rolled_back`: the slot showed a newer one before. `incomplete`: its
      successor is in service, and it is still shown although a sixth of its lifetime or 14 days are left, or although
      the rest of the roll-out has settled (`explain_leaves`, `stuck backend`). Else `replacing` or `settled`
    - `trust`: a row per chain and outcome (`verify_chains` with `roots`: the name of a trust store such as `certifi` or
      `mozilla`, which is judged with its history, the name of a bundle, a PEM file, or certificates in DER; and with
      `intermediates`). By default each observation is judged at its own instant, with `as_of` at that.
      `reason` says where a verdict assumes something beyond the record of the store. `trust_lost` in place of
      `untrusted`: the name was trusted when it was observed earlier, and the leaf has not ended. `key_not_proven`: a
      row per leaf that was shown with a wrong handshake signature
    - each policy: a row per rule, service, verdict and thing found (`judge`; `policy` as there, several in a list), by
      the rules of the day of each row, or of `as_of`. `gained` in place of `falls short`: an earlier survey refused
      what the last one accepted. A post-quantum group that breaks a rule which lists no such group is `low`.
      Published statements are about all services and about time, so they are compared with all rows known at `now`: a
      row per statement, for the last run of consecutive observations with one verdict; `unknown` where that run ended
      before the window. With `history`, a row per statement and run

    Tables without observations, such as a folder of certificates, have rows for each leaf: its end, its trust, and the
    rules about certificates, all of `now` (trust and rules of `as_of`, where it is given).

    Findings come first, the most severe first; then the rest, in the order above. `evidence_count` says how many
    observations or answers support a row. `finding_id` stays the same while the same thing is wrong at the same place.

    Raises `UsageError` for an instant without a zone, an unknown policy or thresholds, missing or unreadable roots, and
    for anything but `Tables`.

    >>> import toolkit
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample")
    >>> tables = tables.within(since="2026-01-01T00:00:00Z", services="smtp://legacy.lab.test:25")
    >>> checks = toolkit.check(tables, now="2026-01-24T00:00Z", roots=Lab().roots, policy="ietf")
    >>> print(toolkit.chart.tabulate(checks, columns=["check", "rule", "verdict", "severity"], rows=4))
     check            rule     verdict severity
    expiry               –     expired critical
     trust               –   untrusted critical
      ietf forward-secrecy falls short      low
      ietf forward-secrecy falls short      low
    … and 45 more rows
    """
    require_tables(tables, "check")
    return judge_in_service(
        find_in_service(tables, now=now, history=history),
        tables,
        roots=roots,
        policy=policy,
        as_of=as_of,
        thresholds=thresholds,
        intermediates=intermediates,
        clock=clock,
    )


def judge_in_service(
    scope: InService,
    tables: Tables,
    *,
    roots: Roots,
    policy: Policy,
    as_of: Instant,
    thresholds: Thresholds,
    intermediates: Intermediates,
    clock: Instant | None,
) -> pd.DataFrame:
    """`check`, where `find_in_service` of the tables is there already."""
    anchors, rules = load_roots(roots), load_policy(policy)
    of_store = roots if isinstance(roots, str) and roots in trust_stores() else anchors
    is_usual = thresholds == "lifetime"
    expiry = scope.expiry if is_usual else summarise_expiry(tables, now=scope.now, thresholds=thresholds)
    if is_held_alone(tables):
        judged = judge_unobserved(
            tables, expiry, now=scope.now, as_of=as_of, roots=of_store, rules=list(rules), intermediates=intermediates
        )
        return _in_order(_conformed(judged), ADVICE_ON_FILES)
    shown = find_in_use(expiry, scope)
    chains = scope.tables if as_of == "observed" else _observed_until(scope.tables, scope.now)
    trust = verify_chains(chains, roots=of_store, as_of=as_of, intermediates=intermediates)
    if as_of == "observed":
        trust = with_lost_trust(trust, scope, roots=of_store)
    issuers = judge_issuers(
        shown, trust, chains, roots=anchors, of_store=of_store, now=scope.now, thresholds=thresholds,
        intermediates=intermediates,
    )  # fmt: skip
    if as_of != "observed":
        trust = with_instants_of_looks(keep_in_use(trust, expiry), chains.observations)
    statements = [rule for rule in rules if rule.level == STATEMENT]
    ruled = [rule for rule in rules if rule.level != STATEMENT]
    policies = list(dict.fromkeys(rule.policy for rule in ruled))
    frames = [
        judge_reachability(scope),
        find_dated_ahead(tables, zoned(clock, "clock")) if clock is not None else empty(CHECKS),
        judge_expiry(shown),
        issuers,
        judge_rotation(scope, shown),
        trust_rows(trust),
        key_proof_rows(scope.tables.observations),
        judge_rules(scope, judge_by_rules(scope.tables, ruled, as_of=as_of), ruled),
        find_outdated_surveys(scope, policies),
    ]
    if statements:
        frames.append(judge_statements(scope, judge_by_rules(scope.known, statements, as_of=as_of)))
    known = _conformed(frames)
    return _in_order(_conformed([known, _unknown(scope, known, [*OWN_CHECKS, *policies])]), ADVICE)


def _conformed(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all frames, with the columns of `check`, `about` (see `identify`) and the `subject` of the rule."""
    types = dtypes(CHECKS) | {"about": "string", "subject": "string"}
    held = [frame.reindex(columns=list(types)).astype(types) for frame in frames if not frame.empty]
    return pd.concat(held, ignore_index=True) if held else empty(CHECKS).reindex(columns=list(types)).astype(types)


def _in_order(frame: pd.DataFrame, advice: Mapping[str, str]) -> pd.DataFrame:
    """The rows with `is_finding`, `severity` and `advice` (by verdict, unless a row has its own), the worst first.

    Where an observed certificate falls short of a rule, a change of the server's configuration does not help.
    """
    severity = frame["severity"].fillna(frame["verdict"].map(SEVERITY_OF).astype("string"))
    severity = severity.mask(frame["verdict"].isin(["falls short", "gained"]) & (frame["level"] == "should"), "low")
    is_finding = pd.Series(pd.NA, frame.index, dtype="boolean")
    is_finding[severity.notna()] = True
    is_finding[frame["verdict"].isin(FINE)] = False
    is_wrong = is_finding.fillna(value=False)
    frame["finding_id"] = identify(frame[is_wrong]).reindex(frame.index)
    is_of_leaf = (frame["verdict"] == "falls short") & (advice is ADVICE)
    on_leaves = frame["subject"].where(is_of_leaf).map(ADVICE_ON_LEAVES)
    words = on_leaves.fillna(frame["verdict"].map(advice)).where(is_wrong)
    frame["advice"] = frame["advice"].fillna(words.astype("string"))
    rank = severity.map({word: rank for rank, word in enumerate(SEVERITIES)})
    ordered = frame.assign(is_finding=is_finding, severity=severity, rank=rank).sort_values("rank", kind="stable")
    return ordered[list(dtypes(CHECKS))].reset_index(drop=True).astype(dtypes(CHECKS))


def _unknown(scope: InService, judged: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """A row for each service and check without a row, with the reason."""
    services = scope.services
    known = judged.assign(name=name_services(judged))[["check", "name"]].drop_duplicates()
    every = pd.MultiIndex.from_product([names, services["name"]], names=["check", "name"]).to_frame(index=False)
    missing = every.merge(known.assign(is_known=True), how="left", on=["check", "name"])
    missing = missing[missing["is_known"].isna()].merge(services, on="name")
    return missing.assign(
        verdict="unknown",
        reason=_reasons(scope, missing),
        first_at=missing["last_at"].fillna(missing["later_at"]),
        last_at=missing["last_at"].fillna(missing["later_at"]),
    )


def _reasons(scope: InService, missing: pd.DataFrame) -> pd.Series:
    """Why a check cannot judge a service; the last reason that applies is given."""
    since = scope.since
    nothing = {"expiry": "no certificate was observed", "trust": "no certificate was observed",
               "rotation": "no dated observation shows a certificate", "reachability": "it was not asked"}  # fmt: skip
    reason = missing["check"].map(nothing).astype("string").fillna("no rule applies to what was observed")
    later = f"first observed after now, {scope.now:%Y-%m-%d %H:%M}"
    is_before = ~missing["is_judged"] & missing["last_at"].notna()
    words = [
        (is_before & (missing["is_asked"]), "no complete answer in the window"),
        (is_before & ~missing["is_asked"], f"last observed before {since:%Y-%m-%d}" if since else "no answer"),
        (missing["last_at"].isna() & missing["later_at"].notna(), later),
        (missing["last_at"].isna() & missing["later_at"].isna() & ~missing["is_judged"], "only undated observations"),
    ]
    for holds, why in words:
        reason = reason.mask(holds, why)
    return reason


def _observed_until(tables: Tables, now: pd.Timestamp) -> Tables:
    looks = tables.observations
    began = looks["observed_at"].fillna(looks["observed_from"])
    return with_looks(tables, looks[~(began > now).fillna(False)])
