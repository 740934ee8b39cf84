# `make demo` does the main job, `make test` runs every test; both set up .venv first.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
PYTHON ?= python3
BIN := .venv/bin
# Bytecode is written, whatever the environment says: else each process that the tests start compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE

help:
	@echo 'make demo        set up, observe a lab year, report on it, execute the lessons, say what to open'
	@echo 'make test        set up, run every test'
	@echo 'make notebooks   open the notebooks in JupyterLab'
	@echo 'make book        build the documentation site into build/book'
	@echo 'make check       ruff, mypy and the import rules'
	@echo 'make bench       measure speed, and compare it with the usual alternatives'
	@echo 'make bench-rotation  how often the bounds on rotations hold, causes, and speed'
	@echo 'make oldest      test with the oldest versions of the dependencies (Python 3.11)'
	@echo 'make lock        pin both requirements files anew from pyproject.toml'

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo 'Python 3.11 or newer is needed: install python3 (Debian: apt install python3), or name one: make PYTHON=python3.12 $(MAKECMDGOALS)' >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo 'This Python cannot make virtual environments. Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.maxsize < 2**32)' \
	  || { echo 'A 64-bit Python is needed.' >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv

# What `make demo` needs; then, for the tests, what developers need as well.
.venv/runs: requirements.txt pyproject.toml | .venv/bin/python
	@echo 'Setting up .venv (once, a few minutes) ...'
	@$(call install,requirements.txt)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/ready: requirements-dev.txt .venv/runs
	@echo 'Installing what the tests need (once) ...'
	@$(call install,requirements-dev.txt)
	@$(BIN)/python -m pip check --quiet
	@touch $@

# Installs the pinned packages of a file and counts them meanwhile.
install = { $(BIN)/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r $(1) 2>&1 \
  && touch .venv/installed || echo 'ERROR: pip failed.'; } \
  | $(BIN)/python -c "$$COUNT"; rm .venv/installed 2>/dev/null

define COUNT
import re, sys
names = set()
for line in sys.stdin:
    if found := re.search(r"\(from -r \S+ \(line (\d+)\)\)", line):
        names.add(found[1])
    if sys.stdout.isatty():
        print(f"\r  {len(names)} packages found", end="", flush=True)
    if "error" in line.lower():
        print(f"\n{line.strip()}")
print("\r" * sys.stdout.isatty() + f"  {len(names)} packages installed")
endef
export COUNT

demo: .venv/runs
	@$(BIN)/tls-toolkit demo

test: .venv/ready
	@$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

notebooks: .venv/runs
	@$(BIN)/jupyter lab notebooks $$([ "$$(id -u)" != 0 ] || echo --allow-root)  # root, as in a container

book: .venv/ready
	@$(BIN)/python -m notebooks.book build/book

check: .venv/ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest --quiet tests/test_rooms.py

bench: .venv/ready
	@missed=; for benchmark in tests/benchmarks/bench_*.py; do \
	  $(BIN)/python -m tests.benchmarks.$$(basename $$benchmark .py) || missed="$$missed $$benchmark"; done; \
	  [ -z "$$missed" ] || { echo "Missed a limit:$$missed" >&2; exit 1; }

bench-rotation: .venv/ready
	@$(BIN)/python -m tests.benchmarks.bench_rotation

# The tests in OLDEST, with the floors of pyproject.toml. Old releases call what newer releases of their own dependencies
# deprecate (matplotlib 3.10 of pyparsing), so these warnings are not errors here.
oldest:
	@rm -rf build/oldest && mkdir -p build/oldest
	@$(PYTHON) tests/oldest_versions.py > build/oldest/constraints.txt
	@$(PYTHON) -m venv build/oldest/venv
	@build/oldest/venv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
	  --constraint build/oldest/constraints.txt --editable ".[cluster,formats,interactive,lab,lint,metrics]" \
	  cryptography-vectors hypothesis pydantic-sarif pytest pytest-timeout
	@build/oldest/venv/bin/python -m pytest -W ignore::DeprecationWarning -W ignore::PendingDeprecationWarning $(OLDEST)

OLDEST = tests/analyse tests/chart tests/checking tests/readers tests/store tests/collection/test_watching.py $(addprefix tests/test_, \
  comparing.py described.py instants.py sampling.py schema.py tables.py targets.py text.py)

# The versions in both files are kept where they fit; `make lock UPGRADE=--upgrade` takes the newest ones.
lock:
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
	@$(LOCK) --all-extras --output-file requirements-dev.txt pyproject.toml
	@$(LOCK) --extra checkout --extra lab --extra notebooks --constraint requirements-dev.txt \
	  --output-file requirements.txt pyproject.toml

LOCK = build/lock/bin/uv pip compile --quiet $(UPGRADE) --generate-hashes --no-header --no-annotate \
  --no-strip-markers --python-version 3.11

.PHONY: help demo test notebooks book check bench bench-rotation oldest lock
