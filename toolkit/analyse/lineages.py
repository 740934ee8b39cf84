"""Lineages: the successive certificates of one deployment and key type, and what links each to the one before."""

import pandas as pd

from toolkit.tables import Tables


def find_lineages(tables: Tables) -> pd.DataFrame:
    """Which certificate succeeds which: one row per certificate, linked to its predecessor.

    Certificates that one line served are one lineage; services that share a certificate share its lineage.
    Certificates that nobody was seen serving join by their names and key type. A pre-certificate (RFC 6962,
    poison extension) stands for its final certificate where that is known: same serial, key and validity.

    | column | dtype | meaning | null means |
    |---|---|---|---|
    | `lineage` | string | identifier: key type and hash of its first certificate | never null |
    | `cert_sha256` | string | the certificate | never null |
    | `key_type`, `subject`, `issuer` | string | of the certificate | did not parse |
    | `names` | object | tuple of its names | did not parse, or no SAN |
    | `services` | object | tuple of the services seen serving it, sorted; empty: none | never null |
    | `not_before`, `not_after` | instant | validity | did not parse |
    | `first_seen`, `last_seen` | instant | over all services | never seen, or never dated |
    | `generation` | Int64 | from 0; begun within min(1 day, 10 % of lifetime) is the same generation | never null |
    | `predecessor_sha256` | string | a certificate of the generation before | first generation |
    | `evidence` | string | what links the two: `served`, `names`, `key`, joined by `, ` | first generation |
    | `kind` | string | `renewal` or `reissue_or_parallel` (over half of the predecessor's life left) | first |
    | `is_ambiguous` | boolean | several certificates compete for this place | never null |
    | `is_precertificate` | boolean | only its pre-certificate is known | did not parse |
    | `migrated_from` | string | lineage of another key type that the same services served before | none |
    """
    raise NotImplementedError
