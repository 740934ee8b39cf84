# `make demo` does the main job, `make test` runs every test; both set up .venv first.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
PYTHON ?= python3
BIN := .venv/bin

help:
	@echo 'make demo        set up, watch a lab year, execute the notebooks, say what to open'
	@echo 'make test        set up, run every test'
	@echo 'make notebooks   open the notebooks in JupyterLab'
	@echo 'make check       ruff, mypy and the import rules'
	@echo 'make bench       measure speed beside what one would otherwise use'
	@echo 'make bench-rotation  how often the claims on rotations hold, causes, and speed'
	@echo 'make lock        pin requirements.txt anew from pyproject.toml'

.venv/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo 'Python 3.11 or newer is needed: install python3 (Debian: apt install python3), or name one: make PYTHON=python3.12 $(MAKECMDGOALS)' >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo 'This Python cannot make virtual environments. Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.maxsize < 2**32)' \
	  || { echo 'A 64-bit Python is needed.' >&2; exit 1; }
	@echo 'Setting up .venv (once) ...'
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip check --quiet
	@touch $@

demo: .venv/ready
	@$(BIN)/tls-toolkit demo

test: .venv/ready
	@$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

notebooks: .venv/ready
	@$(BIN)/jupyter lab notebooks

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

lock: .venv/ready
	@$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --no-header --no-annotate --strip-extras --allow-unsafe --extra lab --extra lint --extra notebooks --extra dev \
	  --output-file requirements.txt pyproject.toml

.PHONY: help demo test notebooks check bench bench-rotation lock
