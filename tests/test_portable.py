"""Tests that need what Windows does not have are marked with it, by `not_on_windows`; the product needs none of it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import ROOT

POSIX: Final = {
    "os": {"fork", "getegid", "geteuid", "getgid", "getpgid", "getuid", "kill", "killpg", "mkfifo", "nice",
           "sched_yield", "setsid", "statvfs", "uname"},
    "signal": {"SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGSTOP", "SIGUSR1", "SIGUSR2", "alarm",
               "pthread_kill"},
    "socket": {"AF_UNIX", "socketpair"},
}  # fmt: skip
"""What these modules lack on Windows, or what ends the process there (`os.kill`)."""

METHODS: Final = {"send_signal", "mkfifo", "add_signal_handler"}
MODULES: Final = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "uvloop"}
TEXT: Final = re.compile(
    r"\A(sh|/bin/sh|(>\s*)?/(dev|proc)/(full|null|zero|self|\w+\.\w+).*)\Z|\A#!/bin/sh|%-[dmHIMSjy]"
)
"""Texts that name a program or file of POSIX, or a code of `strftime` that only some systems have."""

SCRIPT: Final = re.compile(rf"^import .*\b({'|'.join(MODULES)})\b|signal\.SIGKILL", re.MULTILINE)
"""A program of a test that is run in another process."""

GUARDS: Final = {"not_on_windows", "skipif", "interop"}

TESTS: Final = sorted(path for path in (ROOT / "tests").rglob("test_*.py") if path.name != Path(__file__).name)


def posix_of(node: ast.AST) -> Iterator[str]:
    """What the code of `node` needs and Windows lacks."""
    for part in ast.walk(node):
        match part:
            case ast.Attribute(value=ast.Name(id=module), attr=name) if name in POSIX.get(module, ()):
                yield f"{module}.{name}"
            case ast.Attribute(attr=name) if name in METHODS:
                yield name
            case ast.Import(names=names):
                yield from (alias.name for alias in names if alias.name in MODULES)
            case ast.Constant(value=str(text)) if TEXT.search(text) or SCRIPT.search(text):
                yield text.strip()[:30]


def names_of(node: ast.AST) -> set[str]:
    """The names that the code of `node` mentions, parameters (fixtures) included."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} | {
        part.arg for part in ast.walk(node) if isinstance(part, ast.arg)
    }


def is_guarded(node: ast.AST) -> bool:
    """Whether a function, class or `pytestmark` carries a mark that may skip it."""
    marks = getattr(node, "decorator_list", [node])
    return any(GUARDS & {getattr(part, "id", getattr(part, "attr", "")) for part in ast.walk(mark)} for mark in marks)


def unguarded(source: str) -> dict[str, list[str]]:
    """Test, or line of a module → what it needs of POSIX, itself or through names of its module, without a mark."""
    body = ast.parse(source).body
    defined = {name: node for node in body for name in _names(node)}
    if "pytestmark" in defined and is_guarded(defined["pytestmark"]):
        return {}
    found = {}
    for name, node in defined.items():
        if not name.startswith("test_") or is_guarded(node):
            continue
        reached, left = {name}, [node]
        while left:
            new = (names_of(left.pop()) & defined.keys()) - reached
            reached |= new
            left += [defined[each] for each in new]
        if needs := sorted({need for each in reached for need in posix_of(defined[each])}):
            found[name] = needs
    for node in body:  # what a module does when it is imported, no mark can skip
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for need in posix_of(node):
                if need.partition(".")[0] in POSIX or need in MODULES:
                    found[f"line {node.lineno}"] = [need]
    return found


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    name = node.target.id if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else None
    return [name or node.name] if name or isinstance(node, (ast.FunctionDef, ast.ClassDef)) else []


def test_a_test_that_needs_posix_says_so() -> None:
    found = {
        str(path.relative_to(ROOT)): needs for path in TESTS if (needs := unguarded(path.read_text(encoding="utf-8")))
    }
    assert not found, "mark these with tests.conftest.not_on_windows"


@pytest.mark.parametrize(
    ("source", "needs"),
    [
        ("def test_a(): os.mkfifo('x')", {"test_a": ["os.mkfifo"]}),
        ("@not_on_windows('pipes')\ndef test_a(): os.mkfifo('x')", {}),
        ("CODE = 'import resource'\ndef run(): return CODE\ndef test_a(): run()", {"test_a": ["import resource"]}),
        ("def test_a(): main(['--output', '/dev/full'])", {"test_a": ["/dev/full"]}),
        ("import resource", {"line 1": ["resource"]}),
        ("pytestmark = pytest.mark.interop\ndef test_a(): os.mkfifo('x')", {}),
    ],
)
def test_what_the_scan_finds(source: str, needs: dict[str, list[str]]) -> None:
    assert unguarded(source) == needs


def test_the_product_has_no_format_code_that_windows_lacks() -> None:
    """`%-d` is an error there: `chart.canvas.short_day` writes days of the month without a zero."""
    for path in [*(ROOT / "toolkit").rglob("*.py"), *(ROOT / "notebooks").rglob("*.py")]:
        assert not re.search(r"%-[dmHIMSjy]", path.read_text(encoding="utf-8")), path
