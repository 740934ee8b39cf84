"""Printing what a file or a store holds, and what was read of it."""

import sys
from pathlib import Path
from typing import Final

import toolkit
from toolkit import text
from toolkit.cli.printing import as_json_line, print_json, print_services
from toolkit.files import read_regular
from toolkit.readers import EXPORTS, find_format_of
from toolkit.readers.registry import readers
from toolkit.reading import is_store
from toolkit.tables import Tables

_OURS: Final = {"csv": "a folder that Tables.to_csv wrote", "pem": "certificates", "reports": "a folder of files"}
_LONGEST_PASSWORD: Final = 1 << 16


def read_password(file: Path | None) -> str | None:
    """The first line of the file; None where no file is named. Raises `ReadError` and `OSError` like `read_regular`."""
    if file is None:
        return None
    lines = read_regular(file, most=_LONGEST_PASSWORD).decode("utf-8", "surrogateescape").splitlines()
    return lines[0] if lines else ""


def print_understood(source: str, named: str | None, password: str | None, *, as_json: bool) -> None:
    """Print the format, the tools, the tables and a line for each service; as JSON, the services alone.

    What was left out of the file is a `ReadWarning`. Raises like `toolkit.read`.
    """
    tables = toolkit.read(source, format=named, password=password)
    overview = tables.overview()
    if as_json:
        print_json(overview)
        return
    print(f"Read as: {_describe_format(source, named)}")
    if tools := _tools(tables):
        print(f"Recorded by: {text.for_terminal(', '.join(tools))}")
    print(tables)
    if len(overview):
        print()
        print_services(overview)


def keep_understood(source: str, named: str | None, password: str | None, store: str, *, as_json: bool) -> None:
    """Append what is read to the store, and print the format and the number of rows; as JSON, the numbers alone.

    Raises like `toolkit.read_into`.
    """
    appended = toolkit.read_into(source, store, format=named, password=password, progress=sys.stderr.isatty())
    if as_json:
        print(as_json_line(appended))
        return
    print(f"Read as: {_describe_format(source, named)}")
    rows = ", ".join(f"{count:,} {table}" for table, count in appended.items() if count)
    print(text.for_terminal(f"Appended to {store}: {rows or 'nothing'}."))


def _describe_format(source: str, named: str | None) -> str:
    if named == "store" or (named is None and is_store(source)):
        return "a store"
    name = named or find_format_of(Path(source))
    return f"{_OURS.get(name) or (EXPORTS | dict(readers()))[name].words} (--format {name})"


def _tools(tables: Tables) -> list[str]:
    """The programs that recorded or described the rows."""
    frames = (tables.observations, tables.support, tables.certificates)
    return sorted({str(tool) for frame in frames for tool in frame["tool"].dropna().unique()})
