"""Write tables for other programs: folders of CSV or Parquet, one file of JSON, SQLite or Excel; any frame as cells."""

from toolkit.exporting.cells import flat
from toolkit.exporting.folders import DESCRIBED, NOT_HELD, UNFINISHED, named_certificates
from toolkit.pem import as_pem

__all__ = [
    "DESCRIBED",
    "NOT_HELD",
    "UNFINISHED",
    "as_pem",
    "flat",
    "named_certificates",
]
