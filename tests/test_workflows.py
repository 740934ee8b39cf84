"""The workflows of the repository agree with the project: the Pythons it declares, its extras, its make targets."""

import re
import tomllib
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from tests.conftest import ROOT
from tests.oldest_versions import EXTRAS, UNTESTED, constraints

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED = [*PROJECT["dependencies"], *(one for extra in EXTRAS for one in PROJECT["optional-dependencies"][extra])]
"""What `make oldest` installs in its oldest version."""

JOBS: dict[str, dict[str, Any]] = {
    f"{path.stem}/{name}": job
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    for name, job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].items()
}


def commands(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def test_every_declared_python_is_tested_on_every_system() -> None:
    prefix = "Programming Language :: Python :: 3."
    declared = {word.removeprefix(prefix) for word in PROJECT["classifiers"] if word.startswith(prefix)}
    tested: dict[str, set[str]] = {}
    for job in JOBS.values():
        matrix = job.get("strategy", {}).get("matrix", {})
        for system in matrix.get("system", [job["runs-on"]]):
            tested.setdefault(system, set()).update(version.removeprefix("3.") for version in matrix.get("python", []))
    assert {system.partition("-")[0] for system in tested} == {"ubuntu", "macos", "windows"}
    assert {frozenset(versions) for versions in tested.values()} == {frozenset(declared)}


@pytest.mark.parametrize("name", JOBS)
def test_a_job_names_extras_and_targets_that_exist(name: str) -> None:
    job = JOBS[name]
    assert job["timeout-minutes"] <= 60
    assert commands(job).strip()
    for listed in re.findall(r"\.\[([\w,-]+)\]", commands(job)):
        assert set(listed.split(",")) <= set(PROJECT["optional-dependencies"])
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert set(re.findall(r"\bmake ([a-z-]+)", commands(job))) <= targets
    for script in re.findall(r"\bsh (\S+)", commands(job)):
        assert (ROOT / script).is_file()


def test_a_job_that_runs_every_test_installs_every_extra() -> None:
    """Tests and examples import what each extra brings, except `checkout`, by which the Makefile installs."""
    needed = set(PROJECT["optional-dependencies"]) - {"checkout"}
    running = [job for job in JOBS.values() if "-m pytest" in commands(job)]
    assert running
    for job in running:
        (extras,) = re.findall(r"\.\[([\w,-]+)\]", commands(job))
        assert set(extras.split(",")) == needed
    lock = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "--all-extras --output-file requirements-dev.txt" in lock, "what the Linux jobs install by `make test`"


def test_the_oldest_versions_are_those_that_the_project_declares() -> None:
    declared = [Requirement(one) for one in DECLARED]
    oldest = [Requirement(one) for one in constraints()]
    assert len(oldest) == len(declared) > 10
    for floor, exact in zip(declared, oldest, strict=True):
        assert (exact.name, exact.marker) == (floor.name, floor.marker)
        ((least,), (only,)) = floor.specifier, exact.specifier
        assert (least.operator, only.operator, only.version) == (">=", "==", least.version)
    assert "make oldest" in commands(JOBS["tests/oldest"])


def test_what_make_oldest_installs_is_constrained() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\noldest:\n")[2].partition("\n\n")[0]
    (installed,) = re.findall(r'--editable "\.\[([\w,]+)\]"', recipe)
    assert installed.split(",") == list(EXTRAS)
    assert sorted([*EXTRAS, *UNTESTED]) == sorted(PROJECT["optional-dependencies"])


def test_no_pinned_version_is_older_than_its_floor() -> None:
    pins = re.findall(r"(?m)^([\w.-]+)==([\w.]+)", (ROOT / "requirements-dev.txt").read_text(encoding="utf-8"))
    pinned = {name.lower(): version for name, version in pins}
    for floor in map(Requirement, DECLARED):
        assert floor.specifier.contains(pinned[floor.name.lower()]), floor
