"""The layout: which package may import which, and what none may import. Imports are read, not run."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "toolkit"
OPEN = {
    "schema", "columns", "errors", "extras", "text", "files", "hosts", "pem", "tables", "targets", "schemes", "epoch",
    "instants", "sampling", "arguments", "lazy",
}  # fmt: skip
"""Open to every room."""

MAY_IMPORT: dict[str, set[str]] = {
    "schema": {"columns", "errors"},
    "columns": set(),
    "errors": set(),
    "extras": {"errors"},
    "text": set(),
    "arguments": {"errors"},
    "files": {"errors"},
    "pem": set(),
    "hosts": {"errors"},
    "tables": {"overview", "schema", "text", "errors", "exporting"},
    "exporting": {"schema", "text", "errors"},
    "overview": {"schema", "columns", "instants"},
    "schemes": {"errors"},
    "targets": {"errors", "presets"},
    "presets": {"errors"},
    "target_files": {"presets"},
    "epoch": set(),
    "lazy": set(),
    "instants": {"errors"},
    "sampling": {"errors"},
    "reference": set(),
    "wire": {"reference"},
    "dissection": {"wire"},
    "certificates": {"reference"},
    "workers": set(),
    "collection": {"wire", "certificates", "store", "reference", "presets", "workers"},
    "readers": {"wire", "certificates", "reference", "exporting"},
    "store": {"certificates"},
    "reading": {"readers", "shipped", "store"},
    "streaming": {"reading", "readers", "store"},
    "shipped": set(),
    "analyse": {"certificates", "reference"},
    "asking": {"analyse", "store", "workers"},
    "chart": {"analyse", "reference"},
    "checking": {"analyse", "certificates", "reference"},
    "disputes": {"analyse", "collection"},
    "comparing": {"analyse", "reference"},
    "lab": {"reference"},
    "panel": {"analyse", "chart", "collection", "lab"},
}
"""Room → the other rooms that it may import, in addition to the open ones. `report` and `cli` may import everything."""

WINGS: dict[str, set[str]] = {
    "analyse/rotation": set(),
    "analyse/causes": {"analyse/rotation"},
    "analyse/expiry": set(),
    "analyse/trust": set(),
    "analyse/policy": {"analyse/support"},
    "analyse/support": set(),
    "checking/formats": set(),
    "checking/judgements": set(),
    "collection/clusters": set(),
    "collection/surveys": {"collection/clusters"},
    "wire/anatomy": set(),
}
"""Wing of a room → the other wings that it may import. The files of `analyse` outside of wings import none."""

SMALL = [*WINGS, "checking", "report"]
"""Folders that stay small."""

MOST_FILES = 12
"""Most files of such a folder, without its `__init__` and its subfolders."""

FORMER = {
    "checking.py", "checking/held.py", "collect", "report.py", "schema.py",
    "analyse/spans.py", "analyse/rotation/skipped.py",
    *(f"analyse/{name}.py" for name in (
        "bounds", "causes", "chains", "changes", "checks", "claims", "elements", "evidence", "expiry", "findings",
        "forecast", "habits", "issued", "lineages", "lint", "looks", "named", "names", "overlaps", "pairs", "paths",
        "returns", "rotations", "shares", "shown", "skipped", "staying", "stickiness", "subjects", "support", "trust",
        "undated", "violations", "visits",
    )),
    *(f"checking/{name}.py" for name in (
        "endings", "expiry", "policies", "reachability", "rotation", "trust", "unobserved",
    )),
    *(f"chart/{name}.py" for name in ("beside", "lines", "months")),
    *(f"lab/{name}.py" for name in ("drafting", "manners", "stills")),
    *(f"collection/{name}.py" for name in ("engine", "surveys/course", "surveys/engine", "surveys/interview")),
    *(f"wire/{name}.py" for name in ("anatomy", "dissect", "extensions", "fields", "names")),
}  # fmt: skip
"""Where files stood before the wings: a merge that brings one back brings back a second copy."""

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


@cache
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
    return {part[1] for part in parts} & rooms()


@cache
def rooms() -> set[str]:
    return {room_of(source) for source in sources()}


def wings_imported(path: Path) -> set[str]:
    return {"/".join(name.split(".")[1:3]) for name in imported_modules(path)} & set(WINGS)


def wing_of(path: Path) -> str:
    return path.parent.relative_to(PACKAGE).as_posix()


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


def test_every_wing_is_known() -> None:
    assert {wing_of(path) for path in PACKAGE.glob("*/*/__init__.py")} == set(WINGS)


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_imports_only_the_wings_it_may(wing: str) -> None:
    own = {name for name in WINGS if room_of(PACKAGE / name) == room_of(PACKAGE / wing)}
    for path in (PACKAGE / wing).glob("*.py"):
        assert wings_imported(path) & own <= WINGS[wing] | {wing}, path


@pytest.mark.parametrize("path", [p for p in (PACKAGE / "analyse").glob("*.py") if p.name != "__init__.py"], ids=ids)
def test_the_ground_floor_of_analyse_imports_no_wing(path: Path) -> None:
    assert not wings_imported(path)


@pytest.mark.parametrize("wing", SMALL)
def test_a_wing_stays_small(wing: str) -> None:
    files = [path for path in (PACKAGE / wing).glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= MOST_FILES, f"{wing}: {len(files)} files"


def test_no_file_stands_at_its_former_place() -> None:
    assert not {name for name in FORMER if (PACKAGE / name).is_file() or any((PACKAGE / name).glob("*.py"))}
    assert not list((PACKAGE / "collection").glob("survey*.py"))


def test_every_room_is_known() -> None:
    known = set(MAY_IMPORT) | {"__init__", "__main__", "report", "cli"}
    assert {room_of(path) for path in sources()} <= known


def test_the_length_of_a_day_is_written_once() -> None:
    named = {ids(path) for path in sources() if re.search(r"\b86_?400", path.read_text(encoding="utf-8"))}
    assert named == {"instants.py"}


def test_each_class_has_a_name_of_its_own() -> None:
    written = "\n".join(path.read_text(encoding="utf-8") for path in sources())
    names = Counter(re.findall(r"^class _*(\w+)", written, re.MULTILINE))
    assert not {name for name, count in names.items() if count > 1}


def test_no_room_is_a_drawer() -> None:
    for path in sources():
        assert not FORBIDDEN_NAMES & set(path.relative_to(PACKAGE).with_suffix("").parts), path


def test_importing_the_package_draws_and_asks_nothing() -> None:
    for path in sources():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            assert not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)), f"{path}: acts on import"
