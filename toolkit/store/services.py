"""The services of a store in groups: how much each service has, and the tables of one group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from toolkit import schema
from toolkit.store.keeping import Store
from toolkit.store.loading import load_table, read_certificates
from toolkit.store.rows import as_frame, unified
from toolkit.store.selecting import Selection, is_in
from toolkit.store.sightings import FACTS, NEEDED, count_sightings
from toolkit.tables import Tables, named_certificates

Columns = Mapping[schema.TableName, Sequence[str]]
"""Columns of some tables."""


@dataclass(frozen=True, slots=True)
class ServiceGroup:
    """Services that are analysed together; null means the rows that name no service.

    `certificates`: hashes of certificates that belong to the group, observed or not, in addition to those that its
    observations name. `has_issuers`: every certificate that may issue others belongs to it too.
    """

    services: frozenset[str | None]
    certificates: frozenset[str] = frozenset()
    has_issuers: bool = False


def certificate_names(store: Store) -> pd.DataFrame:
    """Each certificate with its set of names as one text: `cert_sha256`, `names` (string, null where it has none)."""
    held = as_frame("certificates", read_certificates(store._tables["certificates"], ["cert_sha256", "names"]))
    held["names"] = pd.Series(
        ["\n".join(sorted(set(names))) if names else None for names in held["names"]], dtype="string"
    )
    return held


def count_rows(store: Store, columns: Sequence[str]) -> pd.DataFrame:
    """Looks by `columns`, text of observations (string, nullable): a row for equal ones, with their number `rows`.

    Answers of surveys count as looks of which only the service is known.
    """
    looks = store._tables["observations"].read(columns)
    answers = store._tables["support"].read(["service"])
    rows = pa.concat_tables([looks, answers], promote_options="default")
    if len(columns) == 1:
        counted = _count_values(rows)
    else:
        counted = unified(rows).group_by(list(columns)).aggregate([([], "count_all")])
    texts = {name: counted[name].cast(pa.string()).to_pandas().astype("string") for name in rows.column_names}
    number = counted.drop_columns(list(columns)).column(0).to_pandas()
    del looks, answers, rows
    # The workers of a cluster on this machine can use what a column of the whole store took.
    pa.default_memory_pool().release_unused()
    return pd.DataFrame(texts | {"rows": number})


def _count_values(rows: pa.Table) -> pa.Table:
    """The distinct values of the only column and their number, in a fraction of the time that grouping rows takes."""
    (name,), (column,) = rows.column_names, rows.columns
    # The rows of each chunk are counted by its own dictionary: one for all rows would have to be written into each.
    values = [pa.concat_arrays([chunk.dictionary, pa.nulls(1, pa.string())]) for chunk in column.chunks]
    counts = [
        np.bincount(chunk.indices.fill_null(len(chunk.dictionary)), minlength=len(chunk.dictionary) + 1)
        for chunk in column.chunks
    ]
    rows_of = np.concatenate([np.zeros(0, np.int64), *counts])
    of_chunks = pa.table({name: pa.chunked_array(values, pa.string()), "rows": rows_of})
    return of_chunks.filter(pc.field("rows") > 0).group_by(name).aggregate([("rows", "sum")])


def load_group(store: Store, group: ServiceGroup, columns: Columns) -> Tables:
    """The rows of the services, as `Store.load` returns them, with their rounds and the certificates of the group.

    `columns`: those of observations and of certificates that `load_table` reads; without an entry, all.
    """
    read: tuple[schema.TableName, ...] = ("observations", "support")
    frames = {name: load_table(store._tables[name], _selection(group), columns.get(name)) for name in read}
    rounds = {name for frame in frames.values() for name in frame["round"].unique()}
    wanted = is_in("cert_sha256", named_certificates(frames["observations"]) | group.certificates)
    if group.has_issuers:
        wanted = Selection(wanted.rows | pc.field("is_ca").is_null() | pc.field("is_ca"))
    return Tables(
        observations=frames["observations"],
        certificates=load_table(store._tables["certificates"], wanted, columns=columns.get("certificates")),
        support=frames["support"],
        rounds=load_table(store._tables["rounds"], is_in("round", rounds)),
    )


def count_group(store: Store, group: ServiceGroup) -> pd.DataFrame:
    """The sightings of the services, as `Store.sightings` returns them."""
    looks = store._tables["observations"].read(NEEDED, _selection(group))
    leaves = set(pc.unique(unified(looks)["leaf_sha256"]).drop_null().to_pylist())
    certificates = read_certificates(store._tables["certificates"], FACTS, is_in("cert_sha256", leaves))
    return count_sightings(looks, as_frame("certificates", certificates))


def load_certificates(store: Store) -> pd.DataFrame:
    """Every certificate, as `Store.load` returns them."""
    return load_table(store._tables["certificates"])


def _selection(group: ServiceGroup) -> Selection:
    named = is_in("service", {service for service in group.services if service is not None})
    return Selection(named.rows | pc.field("service").is_null()) if None in group.services else named
