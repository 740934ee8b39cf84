"""The rules of the rooms: who may import whom, and what none may touch. Imports are read, nothing is run."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "toolkit"
OPEN = {"schema", "errors", "text", "files", "pem", "tables", "targets"}
"""Open to every room."""

MAY_IMPORT: dict[str, set[str]] = {
    "schema": {"errors"},
    "errors": set(),
    "text": set(),
    "files": {"errors"},
    "pem": set(),
    "tables": {"schema", "text", "errors"},
    "targets": {"errors"},
    "reference": set(),
    "wire": {"reference"},
    "dissection": {"wire"},
    "certificates": {"reference"},
    "collection": {"wire", "certificates", "store", "reference"},
    "readers": {"wire", "certificates", "reference"},
    "store": set(),
    "reading": {"readers", "shipped", "store"},
    "shipped": set(),
    "analyse": {"certificates", "reference"},
    "chart": {"analyse", "reference"},
    "checking": {"analyse", "certificates", "reference"},
    "comparing": {"analyse", "reference"},
    "lab": {"reference"},
}
"""Room → the other rooms that it may import, beside the open ones. `report` and `cli` may import everything."""

NETWORK = {"socket", "ssl", "asyncio", "http", "smtplib", "urllib", "requests", "dns", "socketserver", "selectors"}
CLOCK = {
    "time",
    "datetime.now",
    "datetime.utcnow",
    "date.today",
    "Timestamp.now",
    "Timestamp.utcnow",
    "Timestamp.today",
}
FILES = {"pathlib", "os", "io", "tempfile", "shutil", "subprocess", "glob"}

NEVER: dict[str, set[str]] = {
    "reference": NETWORK,
    "wire": {"socket", "ssl", "asyncio", "pandas", "http", "time"},
    "certificates": NETWORK | {"time"},
    "collection": {"matplotlib"},
    "readers": NETWORK,
    "analyse": NETWORK | FILES | {"matplotlib", "time"},
    "chart": NETWORK | FILES | {"time"},
    "comparing": NETWORK,
}
"""Room → modules from outside that it never imports."""

CLOCKLESS = set(MAY_IMPORT) - {"collection", "lab"}
"""Nothing reads the clock but `collection/`, `cli/`, and the lab's servers, whose clock is turned."""

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def sources() -> Iterator[Path]:
    return PACKAGE.rglob("*.py")


def imported_modules(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(str(node.module))
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def rooms_imported(path: Path) -> set[str]:
    parts = [name.split(".") for name in imported_modules(path) if name.startswith("toolkit.")]
    return {part[1] for part in parts} & {room_of(source) for source in sources()}


def ids(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", [p for p in sources() if room_of(p) in MAY_IMPORT], ids=ids)
def test_a_room_imports_only_the_rooms_it_may(path: Path) -> None:
    room = room_of(path)
    allowed = MAY_IMPORT[room] | OPEN | {room}
    assert rooms_imported(path) <= allowed, f"{path.name}: {rooms_imported(path) - allowed}"


@pytest.mark.parametrize("path", [p for p in sources() if room_of(p) in NEVER], ids=ids)
def test_a_room_never_touches_what_it_must_not(path: Path) -> None:
    tops = {name.split(".")[0] for name in imported_modules(path)}
    assert not tops & NEVER[room_of(path)]


@pytest.mark.parametrize("path", [p for p in sources() if room_of(p) in CLOCKLESS], ids=ids)
def test_the_clock_is_read_only_where_looks_are_made(path: Path) -> None:
    read = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            read.add(f"{owner}.{node.attr}")
    assert not read & (CLOCK - {"time"})
    assert "time" not in {name.split(".")[0] for name in imported_modules(path)}


@pytest.mark.parametrize("path", [p for p in sources() if room_of(p) == "lab"], ids=ids)
def test_the_lab_never_imports_what_it_is_there_to_test(path: Path) -> None:
    assert not rooms_imported(path) & {"wire", "analyse", "collection"}


def test_every_room_is_known() -> None:
    known = set(MAY_IMPORT) | {"__init__", "__main__", "report", "cli"}
    assert {room_of(path) for path in sources()} <= known


def test_no_room_is_a_drawer() -> None:
    for path in sources():
        assert not FORBIDDEN_NAMES & set(path.relative_to(PACKAGE).with_suffix("").parts), path


def test_importing_the_package_draws_and_asks_nothing() -> None:
    for path in sources():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            assert not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)), f"{path}: acts on import"
