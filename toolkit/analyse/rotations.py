"""Rotations: a predecessor and a successor of one line, with what is certain and what is claimed at 95 %."""

from typing import Literal

import pandas as pd

from toolkit.tables import Tables


def find_rotations(
    given: Tables | pd.DataFrame,
    *,
    basis: Literal["looks", "names"] = "looks",
    min_share: float = 0.05,
    sticky: bool = False,
) -> pd.DataFrame:
    """Each rotation: a certificate A and the next certificate B of its line, one row per pair.

    `given` is `Tables`, or the frame of `find_sightings` (also `Store.sightings()`). With `basis="looks"` the
    certificates of a line (service, server_name, key type) are taken in the order of `not_before`, `first_seen`,
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
    | `predecessor_first_seen`, `…_last_seen`, `successor_…` | instant | sightings | by names; not dated |
    | `successor_not_seen_before` | instant | the look before B's first | there is none |
    | `predecessor_not_seen_after` | instant | the look after A's last | there is none |
    | `start_max_at` | instant | certain: B was served from this instant or earlier | by names |
    | `done_min_at` | instant | certain: A was served until this instant or later | by names |
    | `overlap_min_days` | Float64 [d] | certain: both were served for at least this long | by names |
    | `start_min_at` | instant | 95 %: B's share was below `min_share` until this instant | too few looks |
    | `done_max_at` | instant | 95 %: A's share is below `min_share` since this instant | too few looks |
    | `overlap_max_days` | Float64 [d] | 95 %: the overlap is at most this long | too few looks |
    | `half_min_at`, `half_max_at` | instant | 95 %: B's share first reached one half in between | too few looks |
    | `lead_min_days`, `lead_max_days` | Float64 [d] | A's `not_after` less start | that end of start is null |
    | `shelf_min_days`, `shelf_max_days` | Float64 [d] | start less B's `not_before` | that end of start is null |
    | `tail_min_days`, `tail_max_days` | Float64 [d] | A's `not_after` less done | that end of done is null |
    | `validity_overlap_days` | Float64 [d] | min(`not_after`) − max(`not_before`) + 1 s; below 0: a gap | no validity |
    | `min_share` | Float64 | the resolution of the 95 % claims | never null |
    | `looks_needed` | Int64 | looks that a claim of start or done needs at `min_share` | never null |
    | `looks_before`, `looks_after` | Int64 | looks before B's first, after A's last | not from looks |
    | `has_too_few_looks` | boolean | a 95 % end is null for want of looks | never null |
    | `is_return` | boolean | B had been seen before A: a roll-back | never null |
    | `is_interleaved` | boolean | A was seen again after B was first seen | by names |
    | `is_ambiguous` | boolean | the pair is one reading among several (see below) | never null |
    | `is_sticky_suspected` | boolean | looks of one round agree more than chance allows | not from looks |
    | `kind` | string | `renewal`; `reissue_or_parallel`: over half of A's life was left when B began | no validity |
    | `has_same_key` | boolean | B has A's key | a key is not known |
    | `is_issuer_changed` | boolean | the issuers' names differ | an issuer is not known |
    | `names_added`, `names_removed` | object | tuples of names, empty where none | names not known |
    | `lifetime_change_days` | Float64 [d] | B's lifetime less A's | no validity |
    | `is_expired_while_served` | boolean | A was seen after its `not_after` | by names |
    | `is_served_before_valid` | boolean | B was seen before its `not_before` | by names |
    | `skipped` | object | tuple of certificates issued between A and B but never seen on the line | never null |
    | `source` | string | sources of both, sorted, joined by `, ` | never null |

    The certain ends hold on one clock. The 95 % claims (`toolkit.analyse.bounds`, each one-sided) assume
    independent looks, failures unrelated to the certificate, and a share of B that never falls; machines may
    hold less than `min_share` for ever, so a claim never says that a certificate is gone. `min_share=1` says
    that one machine answers: the claims are then exactly the gap between two sightings. `sticky=True` counts
    rounds instead of looks, for balancers with source affinity.

    From sightings alone only what needs no single looks is known: certain ends always, and with `min_share=1`
    start, done and overlap; the rest is null, and no return is told.
    """
    raise NotImplementedError
