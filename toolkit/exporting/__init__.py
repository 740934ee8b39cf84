"""Write tables for other programs: folders of CSV or Parquet, one file of JSON, SQLite or Excel; any frame as cells."""

from toolkit.exporting.cells import as_cells, flat
from toolkit.exporting.files import write_excel, write_json, write_sqlite
from toolkit.exporting.folders import (
    DESCRIBED,
    NOT_HELD,
    UNFINISHED,
    named_certificates,
    write_csv,
    write_parquet,
)
from toolkit.pem import as_pem

__all__ = [
    "DESCRIBED",
    "NOT_HELD",
    "UNFINISHED",
    "as_cells",
    "as_pem",
    "flat",
    "named_certificates",
    "write_csv",
    "write_excel",
    "write_json",
    "write_parquet",
    "write_sqlite",
]
