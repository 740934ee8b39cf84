"""`tls-toolkit read`: what a file or a store holds, and what was understood of it."""

import argparse
from pathlib import Path

import toolkit
from toolkit.cli.codes import FINE
from toolkit.cli.printing import print_frame, print_json
from toolkit.readers import FORMATS, find_format_of
from toolkit.readers.registry import readers
from toolkit.reading import is_store
from toolkit.tables import Tables

_COLUMNS = ("service", "first_look_at", "last_look_at", "looks", "failures", "certificates", "questions", "known_from")
_OURS = {"csv": "a folder that Tables.to_csv wrote", "pem": "certificates in PEM, DER or PKCS#7"}


def read(arguments: argparse.Namespace) -> int:
    """`tls-toolkit read`: the format, the tools, the tables, and each service; what was left out is a warning."""
    tables = toolkit.read(arguments.source, format=arguments.format)
    overview = tables.overview()
    if arguments.json:
        print_json(overview)
        return FINE
    print(f"Read as: {_format_in_words(arguments)}")
    if tools := _tools(tables):
        print(f"Recorded by: {', '.join(tools)}")
    print(tables)
    if len(overview):
        print()
        print_frame(overview[list(_COLUMNS)])
    return FINE


def _format_in_words(arguments: argparse.Namespace) -> str:
    name = arguments.format
    if name == "store" or (name is None and is_store(arguments.source)):
        return "a store"
    name = name or find_format_of(Path(arguments.source))
    words = _OURS[name] if name in _OURS else readers()[name].words
    return f"{words} (--format {name})" if name in FORMATS else words


def _tools(tables: Tables) -> list[str]:
    """The programs that recorded or described the rows."""
    frames = (tables.observations, tables.support, tables.certificates)
    return sorted({str(tool) for frame in frames for tool in frame["tool"].dropna().unique()})
