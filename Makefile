# Each target does all its own set-up: a virtual environment in .venv with the tested pins.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: help test slow lint format tables docs package clean

help:
	@echo "make test     lint-free unit, law and property tests (minutes)"
	@echo "make tables   every comparison table, into tables/results"
	@echo "make docs     the documentation, its gallery executed, into docs/_build/html (a minute or two)"
	@echo "make lint     ruff, mypy, who imports whom, and the docstrings of all public names"
	@echo "make slow     the exhaustive property runs (several hours)"
	@echo "make package  wheel and sdist, into dist"

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all]"
	@touch $@

test: $(READY)
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

slow: $(READY)
	$(BIN)/python -m pytest -n auto --dist worksteal -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/docstrings.py

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

tables: $(READY)
	$(BIN)/python -m tables

# Warnings are errors, references to names that do not exist are warnings, and links are checked.
docs: $(READY)
	$(BIN)/python -m sphinx -b html -n -W --keep-going -q docs docs/_build/html
	$(BIN)/python docs/links.py docs/_build/html
	@echo "docs/_build/html/index.html"

package: $(READY)
	$(BIN)/python -m build

clean:
	rm -rf docs/_build docs/api docs/gallery docs/lessons docs/tables docs/sg_execution_times.rst $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
