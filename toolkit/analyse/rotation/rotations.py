"""Rotations: a predecessor and a successor of one line, with what is certain and what is claimed at 95 %."""

from typing import Final, Literal

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import Bools, Ints, as_instants, first_and_last, stretches
from toolkit.analyse.rotation.bounds import (
    HALF_WINDOWS,
    Edges,
    done_bound,
    half_gaps,
    instants_of_gaps,
    overlap_bound,
    start_bound,
)
from toolkit.analyse.rotation.by_names import pair_by_names
from toolkit.analyse.rotation.issued import find_skipped
from toolkit.analyse.rotation.overlaps import certain_overlaps
from toolkit.analyse.rotation.pairs import CLAIMS, DTYPES, FACTS, INSTANT, describe_pairs
from toolkit.analyse.rotation.stickiness import suspect_stickiness
from toolkit.analyse.rotation.succession import Succession, find_succession
from toolkit.analyse.rotation.undated import pair_undated
from toolkit.analyse.slots import SLOT, certificate_facts, first_of_rounds, instant_groups, joined_sources, neighbours
from toolkit.errors import UsageError
from toolkit.instants import days
from toolkit.sampling import MIN_SHARE, check_share, looks_needed, looks_needed_in_all
from toolkit.tables import Tables

_EDGES: Final = ["leaf_sha256", "first_seen_at", "last_seen_at", "previous_look_at", "next_look_at", "source"]
_SIGHTING: Final = {*SLOT, *FACTS, *_EDGES} - {"sct_at"}
"""Columns of a sighting that pairs are made of."""


def find_rotations(
    given: Tables | pd.DataFrame,
    *,
    basis: Literal["looks", "names"] = "looks",
    min_share: float = MIN_SHARE,
    sticky: bool = False,
) -> pd.DataFrame:
    """Each rotation: a certificate A and the next certificate B of its line, one row per pair.

    `given` is `Tables`, or the frame of `find_sightings` (also `Store.sightings()`). With `basis="looks"` the
    certificates of a line (service, server_name, key type) are taken in the order of `not_before`, `first_seen_at`,
    hash; B is the next certificate that was *seen*. With `basis="names"` no looks are needed: certificates are
    grouped by host name and key type across ports and ordered by `not_before`; every column about seeing is null.

    | column | dtype | meaning | null means |
    |---|---|---|---|
    | `service`, `server_name` | string | of the line | `basis="names"`, or not in the source |
    | `host` | string | host of the line; with `basis="names"` the name that groups | not known |
    | `key_type` | string | of the line | never null |
    | `predecessor_sha256`, `successor_sha256` | string | A and B | never null |
    | `predecessor_subject`, `successor_subject` | string | subject | did not parse |
    | `predecessor_not_before`, `…_not_after`, `successor_…` | instant | validity | did not parse |
    | `predecessor_first_seen_at`, `…_last_seen`, `successor_…` | instant | sightings | by names; not dated |
    | `successor_sct_at` | instant | certain: B was not served earlier (its latest SCT, RFC 6962) | it has none |
    | `successor_previous_look_at` | instant | the look before B's first | there is none |
    | `predecessor_next_look_at` | instant | the look after A's last | there is none |
    | `start_max_at` | instant | certain: B was served from this instant or earlier | by names; no upper bound |
    | `done_min_at` | instant | certain: A was served until this instant or later | by names; no lower bound |
    | `overlap_min_days` | Float64 [d] | certain: both were served for at least this long (see below) | by names |
    | `start_min_at` | instant | 95 %: B's share was below `min_share` until this instant | too few looks |
    | `done_max_at` | instant | 95 %: A's share is below `min_share` since this instant | too few looks |
    | `overlap_max_days` | Float64 [d] | 95 %: the overlap is at most this long | too few looks |
    | `midpoint_min_at`, `midpoint_max_at` | instant | 95 %: B's share first reached one half in between | see flags |
    | `lead_min_days`, `lead_max_days` | Float64 [d] | A's `not_after` less start | that end of start is null |
    | `deployment_delay_min_days`, `deployment_delay_max_days` | Float64 [d] | start less B's `not_before` | as start |
    | `margin_min_days`, `margin_max_days` | Float64 [d] | A's `not_after` less done | that end of done is null |
    | `validity_overlap_days` | Float64 [d] | min(`not_after`) − max(`not_before`) + 1 s; below 0: a gap | no validity |
    | `min_share` | Float64 | the resolution of the 95 % claims | never null |
    | `looks_needed` | Int64 | looks that a claim of start (before) or of done (after) needs | never null |
    | `overlap_looks_needed` | Int64 | looks that a claim of the overlap needs, before and after | never null |
    | `looks_before`, `looks_after` | Int64 | looks before B's first, after A's last | not from looks |
    | `has_too_few_looks` | boolean | some 95 % end is null for want of dated looks: any of the five | never null |
    | `is_midpoint_contradicted` | boolean | no instant fits: B's share did not rise through one half | not from looks |
    | `is_rollback` | boolean | B had been seen before, and had given way | never null |
    | `is_interleaved` | boolean | A was seen after B was first seen | by names; not known |
    | `is_ambiguous` | boolean | the pair is one reading among several (see below) | never null |
    | `is_sticky_suspected` | boolean | looks of a round agree more than chance allows (see below) | nothing tells |
    | `succession` | string | `renewal`; `reissue_or_parallel`: over half of A's life left at B's start | no validity |
    | `has_same_key` | boolean | B has A's key | a key is not known |
    | `is_issuer_changed` | boolean | the issuers' names differ | an issuer is not known |
    | `names_added`, `names_removed` | object | tuples of names, empty where none | names not known |
    | `lifetime_change_days` | Float64 [d] | B's lifetime less A's | no validity |
    | `is_expired_while_served` | boolean | A was seen after its `not_after` | by names; not known |
    | `is_served_before_valid` | boolean | B was seen before its `not_before` | by names; not known |
    | `unseen_sha256` | object | tuple of certificates issued from A to B, never seen on the line | from sightings |
    | `source` | string | sources of both, sorted, joined by `, ` | never null |

    The certain ends hold on one clock. `overlap_min_days` counts only what one backend that was switched over and back
    does not explain as well (`toolkit.analyse.rotation.overlaps` has the rules): while one address showed A before and
    after a time at which another showed B before and after, or while several backends answered at one address, which
    both at one instant show, or both in several of its rounds. It is 0 where looks alternate (`is_interleaved`) and
    show neither: `done_min_at` less `start_max_at` is then the overlap if nothing was switched back. Where A was first
    seen after B (`is_ambiguous`), nothing shows that it was served before; what counts begins there.

    The 95 % claims (`toolkit.analyse.rotation.bounds`, each one-sided) assume
    independent looks, failures unrelated to the certificate, and a share of B that never falls; machines may
    hold less than `min_share` for ever, so a claim never says that a certificate is gone. `min_share=1` says
    that one machine answers: the claims are then exactly the gap between two sightings. `sticky=True` counts
    rounds instead of looks, for balancers with source affinity.

    Where `is_sticky_suspected` is true, the 95 % claims still are what independent looks would allow, and these looks
    do not seem to be: rounds agree more than chance allows, so pass `sticky=True`. It is told from all rotations of a
    service (`toolkit.analyse.rotation.stickiness` has the tests; below 2.5 % of services without affinity are
    suspected). It is null where each round is of one look, or where every certificate of the service gave way to the
    next in one step, which one machine does as well as a balancer that kept us on one. One machine that went back for
    too short a time to tell a return is suspected too: its share fell; `min_share=1` takes it for what it is.

    A *return* (A-B-A) is a row of its own: the line went back, which is more than looks alternating during a
    roll-out (`toolkit.analyse.rotation.rollbacks` has the rules). Looks before and after it are visits apart, and so
    are the bounds. With too little to tell a return from a roll-out, no row is made, and `is_interleaved` says that
    looks alternated. `is_ambiguous`: a return that may be a roll-out overtaken by the next; a successor by validity
    that was seen before its predecessor; by names, several certificates of one generation.

    Certificates whose row is missing, or whose key type is not known, make no rotation: they may be the other half
    of a pair of key types. Undated looks have no place in an order. A line that has no others is paired by
    `not_before` alone: the upper bounds of its looks give `start_max_at`, their lower bounds `done_min_at`, and the
    flags say only what the bounds make certain, else null (`toolkit.analyse.rotation.undated`). Looks are ordered by
    their instants alone: rounds may overlap, and a clock that jumped puts looks where it said. A validity that ends
    before it begins is computed as it stands.

    From sightings alone only what needs no single looks is known: certain ends always, and with `min_share=1`
    start, done and overlap; the rest is null, and no return is told.
    Raises `UsageError` for a `min_share` outside [1e-9, 1], an unknown `basis`, sightings with `basis="names"`, and
    what is neither tables nor sightings.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="smtps://submit.lab.test:465")
    >>> rotations = toolkit.find_rotations(tables)
    >>> columns = ["start_max_at", "done_min_at", "overlap_min_days", "margin_max_days"]
    >>> print(toolkit.chart.tabulate(rotations, columns=columns))
    start_max_at done_min_at overlap_min_days margin_max_days
      2025-07-16  2025-07-22              6.0            17.0
      2025-09-17  2025-10-11             24.0            -2.0
      2025-11-19  2025-11-22              3.0            19.0
      2026-01-21  2026-01-24              3.0            19.0
    """
    check_share(min_share)
    if basis == "names":
        if not isinstance(given, Tables):
            raise UsageError('basis="names" reads certificates: give Tables, not sightings.')
        found = _from_names(given)
    elif basis != "looks":
        raise UsageError(f'basis={basis!r}: "looks" or "names".')
    elif isinstance(given, Tables):
        dated, undated = _from_looks(given, min_share, sticky=sticky), pair_undated(given)
        found = pd.concat([dated, undated]).sort_values(SLOT, kind="stable", ignore_index=True)
    else:
        found = _from_sightings(given, min_share)
    found["min_share"] = min_share
    found["looks_needed"] = looks_needed(min_share)
    found["overlap_looks_needed"] = looks_needed_in_all(min_share) - 1
    is_explained = found["is_midpoint_contradicted"].fillna(value=False).astype(bool)
    is_missing = found[CLAIMS].isna()
    is_missing.loc[is_explained, ["midpoint_min_at", "midpoint_max_at"]] = False
    found["has_too_few_looks"] = is_missing.any(axis=1)
    return found.astype(DTYPES)


def _from_looks(tables: Tables, min_share: float, *, sticky: bool) -> pd.DataFrame:
    found = find_succession(tables, min_share, sticky=sticky)
    looks, old, new = found.looks, found.old, found.new
    visits = _visited(tables, found)
    line = looks.lines.iloc[found.line[old]].reset_index(drop=True)
    old_rows, new_rows = (visits.iloc[side].reset_index(drop=True) for side in (old, new))
    told = _claims(found, min_share, sticky=sticky)
    told["is_rollback"] = found.visit[new] > 0
    told["is_ambiguous"] = found.is_ambiguous
    address = pd.factorize(tables.observations["address"].iloc[looks.row])[0]
    told["overlap_min_days"] = days(pd.Series(certain_overlaps(found, address).view("timedelta64[us]")))
    told["is_sticky_suspected"] = suspect_stickiness(looks, address, found.shown, old, new)
    told["unseen_sha256"] = find_skipped(tables, line, old_rows, new_rows)
    return describe_pairs(line, old_rows, new_rows, told)


def _visited(tables: Tables, found: Succession) -> pd.DataFrame:
    """One row per visit, as `describe_pairs` takes them."""
    looks = found.looks
    before, after = neighbours(looks)
    hashes = looks.leaves.take(found.leaf)
    sources = joined_sources(
        pd.DataFrame({"visit": found.shown}), tables.observations["source"].iloc[looks.row].reset_index(drop=True)
    )
    facts = certificate_facts(tables, hashes, FACTS)
    return facts.assign(
        leaf_sha256=hashes,
        first_seen_at=as_instants(looks.at[found.first]),
        last_seen_at=as_instants(looks.at[found.last]),
        previous_look_at=as_instants(before[found.first]),
        next_look_at=as_instants(after[found.last]),
        source=sources.reindex(range(len(facts))).array,
    )


def _claims(found: Succession, min_share: float, *, sticky: bool) -> pd.DataFrame:
    """The 95 % ends of each pair, and how many looks there were on either side."""
    looks, old, new = found.looks, found.old, found.new
    round_begins = first_of_rounds(looks)
    counted = np.unique(round_begins) if sticky else np.arange(len(looks.at))
    begins, ends = instant_groups(looks)
    lo, hi = _stretch_without_returns(found)
    seen_from = round_begins[found.first[new]] if sticky else found.first[new]
    edges = Edges(
        at=looks.at[counted],
        lo=np.searchsorted(counted, lo),
        hi=np.searchsorted(counted, hi),
        before=np.searchsorted(counted, begins[seen_from]),
        after=np.searchsorted(counted, ends[found.last[old]]),
    )
    half_min, half_max, is_contradicted = _half(found, edges, found.shown[counted])
    return pd.DataFrame(
        {
            "start_min_at": as_instants(start_bound(edges, min_share)),
            "done_max_at": as_instants(done_bound(edges, min_share)),
            "overlap_max_days": days(pd.Series(overlap_bound(edges, min_share).view("timedelta64[us]"))),
            "midpoint_min_at": as_instants(half_min),
            "midpoint_max_at": as_instants(half_max),
            "is_midpoint_contradicted": is_contradicted,
            "looks_before": np.maximum(edges.before - edges.lo, 0),
            "looks_after": np.maximum(edges.hi - edges.after, 0),
        }
    )


def _half(found: Succession, edges: Edges, shown: Ints) -> tuple[Ints, Ints, Bools]:
    """`half_bounds` on the looks around each roll-out, and whether all gaps are rejected.

    Further away every gap is rejected anyway.

    A gap eight looks or more before the successor's first sighting, or after the predecessor's last, is rejected by
    the shortest window; the longest window of a gap nearer than that must still fit.
    """
    reach = min(HALF_WINDOWS) + max(HALF_WINDOWS)
    lo = np.maximum(edges.lo, edges.before - reach)
    hi = np.maximum(np.minimum(edges.hi, edges.after + reach), lo)
    positions, owner = stretches(lo, hi)
    ends = np.cumsum(hi - lo)
    at, lo, hi = edges.at[positions], ends - (hi - lo), ends
    first, last = half_gaps(at, shown[positions] == found.old[owner], shown[positions] == found.new[owner], lo, hi)
    return *instants_of_gaps(at, first, last, lo, hi), first < 0


def _stretch_without_returns(found: Succession) -> tuple[Ints, Ints]:
    """The looks that count for each pair: its line's, after an earlier visit of B and before a later one of A."""
    first, last = first_and_last(found.looks.line, len(found.looks.lines))
    lo, hi = first[found.line[found.old]], last[found.line[found.old]] + 1
    if not found.visit.any():
        return lo, hi
    visits = {key: number for number, key in enumerate(zip(found.line, found.leaf, found.visit, strict=True))}
    for pair, (old, new) in enumerate(zip(found.old, found.new, strict=True)):
        earlier = visits.get((found.line[new], found.leaf[new], found.visit[new] - 1))
        later = visits.get((found.line[old], found.leaf[old], found.visit[old] + 1))
        lo[pair] = lo[pair] if earlier is None else found.last[earlier] + 1
        hi[pair] = hi[pair] if later is None else found.first[later]
    return lo, hi


def _from_sightings(sightings: pd.DataFrame, min_share: float) -> pd.DataFrame:
    missing = _SIGHTING - set(getattr(sightings, "columns", ()))
    if missing:
        raise UsageError(
            f"find_rotations reads Tables, or a frame of find_sightings; this is a {type(sightings).__name__} without "
            f"{', '.join(sorted(missing)[:3])}. Give what toolkit.read, Store.load or find_sightings returns."
        )
    kept = sightings[sightings["key_type"].notna() & sightings["first_seen_at"].notna()]
    kept = kept.sort_values([*SLOT, "not_before", "first_seen_at", "leaf_sha256"], ignore_index=True)
    kept = kept.assign(sct_at=pd.Series(pd.NaT, kept.index, INSTANT))
    line = kept.groupby(SLOT, dropna=False, sort=False).ngroup().to_numpy()
    pairs = np.flatnonzero(line[1:] == line[:-1])
    old, new = (kept.iloc[side].reset_index(drop=True) for side in (pairs, pairs + 1))
    told = pd.DataFrame({"is_rollback": np.zeros(len(pairs), bool)})
    told["is_ambiguous"] = new["first_seen_at"] < old["first_seen_at"]
    if min_share == 1:
        told["start_min_at"], told["done_max_at"] = new["previous_look_at"], old["next_look_at"]
        told["overlap_max_days"] = days(told["done_max_at"] - told["start_min_at"])
    return describe_pairs(new[SLOT], old, new, told)


def _from_names(tables: Tables) -> pd.DataFrame:
    pairs = pair_by_names(tables)
    unseen = pd.Series(pd.NaT, pairs.index, INSTANT)
    never = dict.fromkeys(["first_seen_at", "last_seen_at", "previous_look_at", "next_look_at"], unseen)
    old, new = (
        certificate_facts(tables, pairs[side], FACTS).assign(leaf_sha256=pairs[side], source=pairs["source"], **never)
        for side in ("old", "new")
    )
    told = pairs[["is_ambiguous", "unseen_sha256"]].assign(is_rollback=False)
    return describe_pairs(pairs[SLOT], old, new, told)
