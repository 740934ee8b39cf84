"""Exports that are a folder of files: CSV with PEM files, and Parquet. Until one is whole, the folder is as it was."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from toolkit import schema, text
from toolkit.errors import UsageError
from toolkit.exporting.cells import as_cells
from toolkit.exporting.errors import writing
from toolkit.pem import as_pem

if TYPE_CHECKING:
    from toolkit.tables import Tables

UNFINISHED: Final = "unfinished-export"
"""Name of the subfolder that an export uses while it replaces files; while it writes them, a prefix of it."""

NOT_HELD: Final = "certificates-not-held.txt"
"""File of an export: a line per certificate that observations name and the tables do not hold."""

DESCRIBED: Final = "certificates.csv"
"""File of an export: certificates without their DER."""

_OWN_PEM: Final = re.compile(r"[0-9a-f]{64}\.pem")


def write_csv(tables: "Tables", folder: str | Path) -> None:
    """What `Tables.to_csv` does."""

    def write(part: Path) -> None:
        certificates = tables.certificates
        (part / "certificates").mkdir()
        is_held = certificates["der"].notna()
        for row in certificates[is_held].to_dict("records"):
            file = part / "certificates" / f"{row['cert_sha256']}.pem"
            file.write_text(_as_pem_with_facts(row), encoding="utf-8")
        not_held = named_certificates(tables.observations) - set(certificates["cert_sha256"])
        if not_held:
            lines = [f"{text.for_spreadsheet(name)}\n" for name in sorted(not_held)]
            (part / NOT_HELD).write_text("".join(lines), encoding="utf-8")
        for name in schema.TABLES:
            frame = certificates[~is_held] if name == "certificates" else getattr(tables, name)
            if name != "certificates" or len(frame):
                as_cells(name, frame).to_csv(part / f"{name}.csv", index=False, lineterminator="\n")

    _write_folder("to_csv", folder, write, ".csv", ".parquet")


def write_parquet(tables: "Tables", folder: str | Path) -> None:
    """What `Tables.to_parquet` does."""

    def write(part: Path) -> None:
        for name in schema.TABLES:
            frame: pd.DataFrame = getattr(tables, name)
            stored = pa.Table.from_pandas(frame, schema=schema.arrow_schema(name), preserve_index=False)
            described = {b"tls_toolkit_schema": str(schema.VERSION).encode()}
            pyarrow.parquet.write_table(
                stored.replace_schema_metadata(described), part / f"{name}.parquet", compression="zstd"
            )

    _write_folder("to_parquet", folder, write, ".parquet", ".csv")


def named_certificates(looks: pd.DataFrame) -> set[str]:
    """The SHA-256 of every certificate that the looks name, as leaf or in a chain.

    >>> import pandas as pd
    >>> from toolkit.exporting import named_certificates
    >>> looks = pd.DataFrame({"leaf_sha256": ["aa", None], "chain_sha256": [("aa", "bb"), None]})
    >>> sorted(named_certificates(looks))
    ['aa', 'bb']
    """
    chains = looks["chain_sha256"].dropna().drop_duplicates().explode().dropna()
    return {*looks["leaf_sha256"].dropna().unique().tolist(), *chains}


def _as_pem_with_facts(row: Mapping[Hashable, object]) -> str:
    shown = ("subject", "issuer", "not_before", "not_after", "parse_error")
    facts = [f"{name}: {text.plain(row[name])}" for name in shown if text.plain(row[name])]
    der = row["der"]
    assert isinstance(der, bytes)
    # Names may contain anything, such as the line that begins a certificate.
    return "\n".join([*(fact.replace("-----", "- - -") for fact in facts), as_pem(der)])


def _write_folder(method: str, folder: str | Path, write: Callable[[Path], None], suffix: str, other: str) -> None:
    """Let `write` fill a folder next to the files that it replaces, then move them to their place.

    `suffix` is that of the tables' files, `other` that of an export of another form, which is not written over.
    """
    if not isinstance(folder, str | os.PathLike):
        raise UsageError(f"Tables.{method} takes the path of a folder, not {text.type_name(folder)}.")
    path = Path(folder)
    if any((path / name / "_delta_log").is_dir() for name in schema.TABLES):
        raise UsageError(f"{path} is a store: name another folder for the export.")
    if any((path / f"{name}{other}").exists() for name in schema.TABLES):
        raise UsageError(f"{path} holds an export in {other[1:]} files: name another folder for this one.")
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f"{UNFINISHED}-", dir=path))
        try:
            write(part)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        _replace_files(part, path)


def _replace_files(part: Path, path: Path) -> None:
    """Move an export to its place. While the folder `UNFINISHED` exists, `path` may hold files of two exports."""
    for rest in path.glob(f"{UNFINISHED}*"):  # of exports that were killed
        if rest != part:
            shutil.rmtree(rest)
    moving = path / UNFINISHED
    part.rename(moving)
    if (moving / "certificates").exists():
        _replace_certificates(moving, path)
    for file in moving.glob("*.*"):
        file.replace(path / file.name)
    shutil.rmtree(moving)


def _replace_certificates(moving: Path, path: Path) -> None:
    """Move the PEM files, and remove those of an earlier export, with its lists of certificates."""
    certificates = path / "certificates"
    certificates.mkdir(exist_ok=True)
    for file in certificates.glob("*.pem"):
        if _OWN_PEM.fullmatch(file.name) and not (moving / "certificates" / file.name).exists():
            file.unlink()
    for name in (NOT_HELD, DESCRIBED):
        if not (moving / name).exists():
            (path / name).unlink(missing_ok=True)
    for file in (moving / "certificates").iterdir():
        file.replace(certificates / file.name)
