# `make demo` and `make test` do all the set-up; `make check` is the fast part.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# one worker a processor; whoever is done takes over from the others
PARALLEL := -n auto --dist worksteal
STAMP := $(VENV)/.vackit-installed

.PHONY: demo test check setup

demo: $(STAMP)
	$(BIN)/python -m vackit.selftest.demo

test: $(STAMP)
	$(BIN)/python -m pytest $(PARALLEL) -m "not gpu"

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q $(PARALLEL) -m "not slow and not gpu" tests/unit

setup: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "vackit needs Python 3.11 or newer, this is %d.%d; set PYTHON=/path/to/python3.11" % sys.version_info[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@$(BIN)/vamc --version >/dev/null
	touch $@
