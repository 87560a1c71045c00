# Each target does all its own set-up: a virtual environment in .venv with the tested pins.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: help test slow lint format tables package clean

help:
	@echo "make test     lint-free unit, law and property tests (minutes)"
	@echo "make tables   every comparison table, into tables/results"
	@echo "make lint     ruff and mypy"
	@echo "make slow     the exhaustive property runs (tens of minutes)"
	@echo "make package  wheel and sdist, into dist"

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all]"
	@touch $@

test: $(READY)
	$(BIN)/python -m pytest -n auto -m "not slow"

slow: $(READY)
	$(BIN)/python -m pytest -n auto -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

tables: $(READY)
	$(BIN)/python -m tables

package: $(READY)
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
