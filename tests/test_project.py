"""The project itself: what is pinned, what is built, what the README and the Makefile say."""

import ast
import doctest
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import nbformat
import pytest
from nbstripout import strip_output

import toolkit
from tests.conftest import ROOT, need, not_on_windows
from toolkit.cli import main
from toolkit.reference.rules import policies
from toolkit.shipped import EXAMPLES, LOGS

README = (ROOT / "README.md").read_text(encoding="utf-8")


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def tracked() -> list[Path]:
    listed = run("git", "ls-files", "-z")
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned_hashed_and_name_no_index(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "index-url" not in text
    assert "find-links" not in text
    assert "://" not in text
    blocks = re.split(r"\n(?=\S)", re.sub(r"(?m)^#.*\n", "", text).strip())
    assert len(blocks) > 50
    for block in blocks:
        assert re.match(r"[\w.-]+==[\w.]+ ", block), block
        assert "--hash=sha256:" in block, block


def test_every_dependency_is_pinned_and_has_its_reason() -> None:
    declared = set(re.findall(r'^ *"([\w.-]+)[>=\[]', (ROOT / "pyproject.toml").read_text(), re.M))
    declared |= {
        name for line in re.findall(r"^\w+ = \[(.+)\]$", (ROOT / "pyproject.toml").read_text(), re.M)
        for name in re.findall(r'"([\w.-]+)[>=\[]', line)
    }  # fmt: skip
    assert {"cryptography", "tlslite-ng", "jupyterlab"} <= declared
    pinned = {name.lower() for name in re.findall(r"(?m)^([\w.-]+)==", (ROOT / "requirements-dev.txt").read_text())}
    reasons = (ROOT / "CONTRIBUTING.md").read_text()
    for name in declared:
        assert name.lower() in pinned, f"{name} is not in requirements-dev.txt: make lock"
        assert name in reasons, f"{name} has no reason in CONTRIBUTING.md"


def test_the_hooks_before_a_commit_have_the_pinned_versions() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    named = set(re.findall(r"additional_dependencies: \[([\w.=-]+)\]", hooks))
    assert len(named) == 3
    pinned = set(re.findall(r"(?m)^([\w.-]+==[\w.]+) ", (ROOT / "requirements-dev.txt").read_text()))
    assert named <= pinned, "write the versions of requirements-dev.txt into .pre-commit-config.yaml"


def test_the_hooks_before_a_commit_leave_the_project_as_it_is() -> None:
    """Spelling and notebooks; ruff is part of `make check`. They are called as .pre-commit-config.yaml says."""
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert "entry: nbstripout --keep-id\n" in hooks
    written = [str(path) for path in tracked() if path.suffix in {".py", ".md", ".ipynb"}]
    spelled = run(sys.executable, "-m", "codespell_lib", "--toml", ROOT / "pyproject.toml", *written)
    assert spelled.returncode == 0, spelled.stdout
    for path in written:
        if path.endswith(".ipynb"):
            before = nbformat.read(path, as_version=4)
            stripped = strip_output(deepcopy(before), keep_output=False, keep_count=False, keep_id=True)
            assert stripped == before, f"{path}: nbstripout would change it"


def test_nothing_names_a_registry_or_a_machine() -> None:
    # Written so that this file does not name them either.
    words = [
        "/".join(["", "work", "main"]),
        "/".join(["", "root", ""]),
        ".".join(["pypi", "org"]),
        ".".join(["npmjs", "com"]),
    ]
    for path in tracked():
        if path.suffix in {".png", ".pem", ".parquet"}:
            continue
        content = path.read_text(encoding="utf-8")
        for word in words:
            assert word not in content, f"{path} names {word}"


def test_the_package_carries_code_and_reference_data_only(tmp_path: Path) -> None:
    kinds = {path.suffix for path in tracked() if (ROOT / "toolkit") in path.parents}
    assert kinds <= {".py", ".csv", ".pem", ".json", ".typed"}


class Installed(NamedTuple):
    """A virtual environment with the wheel, and the folder that holds it."""

    folder: Path
    scripts: Path
    packages: Path
    python: Path


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    made = run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    assert made.returncode == 0, made.stderr
    scripts, packages = (
        Path(sysconfig.get_path(kind, "venv", {"base": str(folder / "venv")})) for kind in ("scripts", "purelib")
    )
    python = scripts / "python"
    done = run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel)
    assert done.returncode == 0, done.stderr
    # The dependencies come from this environment. A path added so does not run its editable hooks.
    (packages / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    return Installed(folder, scripts, packages, python)


def test_the_wheel_installed_elsewhere_works(installed: Installed) -> None:
    folder, scripts, packages, elsewhere = installed
    # The wheel carries the reference data and the examples.
    code = (
        "import toolkit; from toolkit import reference; print(toolkit.__file__, len(reference.suites()) > 300, "
        "'any' in reference.offers(), len(toolkit.load_example('lab-sample').observations) > 1000)"
    )
    imported = run(elsewhere, "-c", code, cwd=folder)
    assert imported.stdout.startswith(str(folder)), imported.stdout + imported.stderr
    assert imported.stdout.split()[1:] == ["True"] * 3
    version = run(scripts / "tls-toolkit", "--version", cwd=folder)
    assert version.stdout.startswith("tls-toolkit "), version.stderr
    looked = run(scripts / "tls-toolkit", "observe", "tls://127.0.0.1:1", cwd=folder)
    assert looked.returncode == 3, looked.stderr
    assert "port_closed" in looked.stdout
    # It carries the lessons, the report's notebook and the slides' template, and nothing else of `notebooks/`.
    carried = {path.suffix or path.name for path in (packages / "toolkit" / "_shipped" / "notebooks").iterdir()}
    assert carried == {".ipynb", ".md", "slides"}
    copied = run(scripts / "tls-toolkit", "lessons", "mine", cwd=folder)
    assert copied.returncode == 0, copied.stderr
    assert (folder / "mine" / "notebooks" / "00-start-here.ipynb").is_file()
    assert {path.name for path in (folder / "mine" / "data").iterdir()} == {*EXAMPLES, LOGS, "README.md"}
    again = run(scripts / "tls-toolkit", "lessons", "mine", cwd=folder)
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    # nbconvert's templates are among the dependencies.
    page, source = folder / "report.html", ROOT / "data" / "web-series"
    result = run(
        scripts / "tls-toolkit", "report", source, "--output", page,
        cwd=folder, JUPYTER_PATH=str(Path(sys.prefix) / "share" / "jupyter"),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "8 services" in page.read_text(encoding="utf-8")


def test_a_users_type_checker_sees_the_types_of_the_wheel(installed: Installed) -> None:
    # The stubs of pandas, without which mypy refuses `import pandas` in what it reads, come with the extra `types`.
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert [name.split(">=")[0] for name in extras["types"]] == ["pandas-stubs"]
    assert ".[types]" in README
    script = installed.folder / "mine.py"
    script.write_text(
        "import toolkit\n"
        "from toolkit import *\n"
        "tables: Tables = toolkit.read('folder', since='2026-01-01T00:00:00Z')\n"
        "reveal_type(find_rotations(tables))\n"
        "reveal_type(toolkit.parse_target('https://mx.example').port)\n"
        "toolkit.find_sightings('folder')\n"
        "toolkit.chart.plot_rotations(toolkit.find_rotation(tables))\n"
    )
    cache = installed.folder / "cache"  # with what `make check` knows of the dependencies
    shutil.copytree(ROOT / ".mypy_cache", cache) if (ROOT / ".mypy_cache").exists() else cache.mkdir()
    checked = run(
        sys.executable, "-m", "mypy", "--strict", "--python-executable", installed.python,
        "--config-file", ROOT / "pyproject.toml", "--cache-dir", cache, script, cwd=installed.folder,
    )  # fmt: skip
    assert 'Revealed type is "pandas' in checked.stdout, checked.stdout
    assert 'Revealed type is "int"' in checked.stdout or 'Revealed type is "builtins.int"' in checked.stdout
    assert 'Argument 1 to "find_sightings" has incompatible type "str"; expected "Tables"' in checked.stdout
    assert 'Module has no attribute "find_rotation"; maybe "find_rotations"?' in checked.stdout
    assert "Found 2 errors" in checked.stdout, checked.stdout


def test_every_public_name_can_be_imported() -> None:
    names: dict[str, object] = {}
    exec("from toolkit import *", names)
    assert set(names) - {"__builtins__"} == set(toolkit.__all__)
    modules = {name for name, value in names.items() if isinstance(value, ModuleType)}
    assert modules == {"chart", "lab"}, "`store` is a user's variable"
    public = {*toolkit.__all__, *toolkit.MODULES}
    assert {name for name in dir(toolkit) if not name.startswith("_")} == public
    source = ast.parse((ROOT / "toolkit" / "__init__.py").read_text())
    typed = next(node for node in source.body if isinstance(node, ast.If))
    seen = {alias.name for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == public, "what type checkers see is what there is"
    with pytest.raises(AttributeError, match=r"no attribute 'find_rotation'\. Did you mean 'find_rotations'\?$"):
        toolkit.find_rotation  # type: ignore[attr-defined]  # noqa: B018


def test_the_readme_lists_every_policy() -> None:
    (listed,) = re.findall(r"Policies are (.*?), or a file of your own rules", README, re.S)
    assert re.findall(r"`([\w-]+)`", listed) == sorted(policies())


def test_the_python_of_the_readme_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert blocks
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        runner.run(parser.get_doctest("\n".join(blocks), {}, "README.md", "README.md", 0))
    finally:
        os.chdir(before)
    assert runner.summarize(verbose=False).failed == 0


def test_every_command_of_the_readme_exists(capsys: pytest.CaptureFixture[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))
    for target in re.findall(r"(?:`|\$ )make ([a-z-]+)", README):
        assert target in targets, f"README says make {target}"
    assert "\t@$(BIN)/tls-toolkit demo" in makefile
    assert "-m pytest" in makefile
    for command in set(re.findall(r"(?:`|\$ \S*)tls-toolkit ([a-z]+)", README)):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0, f"README says tls-toolkit {command}"
        assert f"tls-toolkit {command}" in capsys.readouterr().out


def test_every_room_stands_in_the_readme() -> None:
    rooms = {
        path.name for path in (ROOT / "toolkit").iterdir() if path.suffix != ".typed" and not path.name.startswith("__")
    }
    for room in rooms:
        assert room in README, f"{room} is not in the map of the rooms"


def test_every_link_and_picture_of_the_readme_exists() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("https://") or (ROOT / link).exists(), link


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 1", "Python 3.11 or newer is needed: install python3"),
        ('case "$2" in *ensurepip*) exit 1;; esac', "apt install python3-venv"),
        ('case "$2" in *maxsize*) exit 1;; esac', "A 64-bit Python is needed"),
    ],
)
@not_on_windows("POSIX shell")
def test_make_says_what_to_install(tmp_path: Path, script: str, said: str) -> None:
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    made = run(need("make"), "demo", f"PYTHON={python}", cwd=tmp_path)
    assert made.returncode != 0
    assert said in made.stderr


@not_on_windows("POSIX shell")
@pytest.mark.parametrize(("user", "given"), [("0", "lab notebooks --allow-root"), ("1000", "lab notebooks")])
def test_make_notebooks_works_as_root_and_asks_for_it_only_then(tmp_path: Path, user: str, given: str) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    for name, script in (("jupyter", 'echo "$@"'), ("id", f"echo {user}"), ("python", "exit 0")):
        (tmp_path / "programs").mkdir(exist_ok=True)
        (tmp_path / "programs" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "programs" / name).chmod(0o755)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    (tmp_path / ".venv" / "runs").touch()
    path = f"{tmp_path / 'programs'}{os.pathsep}{os.environ['PATH']}"
    made = run(need("make"), "--no-print-directory", "notebooks", "BIN=programs", cwd=tmp_path, PATH=path)
    assert made.stdout.strip() == given, made.stderr


def test_each_change_is_in_the_changelog_once() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    entries = [line for line in text.splitlines() if line.startswith(("- ", "| ")) and line != "| frame | old | new |"]
    assert sorted(set(entries)) == sorted(entries)
    renamed = text.index("### Renamed and moved columns")
    assert "\n- " not in text[renamed : text.index("\n## 0.1.0")]


def test_one_version_is_named_everywhere() -> None:
    """A version in preparation is `X.dev0`, and `X (unreleased)` in the changelog; a release has its date there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == toolkit.__version__
    assert f"\nversion: {toolkit.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = next(line for line in changelog.splitlines() if line.startswith("## "))
    released = toolkit.__version__.removesuffix(".dev0")
    date = r"\d{4}-\d\d-\d\d" if released == toolkit.__version__ else "unreleased"
    assert re.fullmatch(rf"## {re.escape(released)} \({date}\)", heading)


def test_binder_installs_extras_that_exist_with_a_python_that_is_supported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (wanted,) = (ROOT / ".binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    extras = re.fullmatch(r"\.\[([a-z,]+)\]", wanted)
    assert extras
    assert {"lab", "notebooks"} <= set(extras[1].split(",")) <= set(project["optional-dependencies"])
    python = (ROOT / ".binder" / "runtime.txt").read_text(encoding="utf-8").strip()
    assert project["requires-python"] == ">=" + python.removeprefix("python-")
