# make demo | test | lint | bench: each sets up its own virtual environment first; Python >= 3.11 is all it needs.
VENV ?= .venv
BUILD ?= build
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO ?= fixtures/mnist_784_16x2_1.npz
RECOVERED := $(BUILD)/recovered.json

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-lowest lint format bench results docs package clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

$(BIN)/python:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "Creating $(VENV) with $$("$$python" --version)"; \
	        "$$python" -m venv $(VENV) && exit 0; \
	        rm -rf $(VENV); echo "This Python makes no virtual environments (Debian: python3-venv)" >&2; exit 1; \
	    fi; \
	done; echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 1

$(STAMP): setup.cfg pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV) (a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint,plots,docs]'
	@touch $@

setup: $(STAMP) ## the virtual environment with the package and its extras

demo: $(STAMP) ## extract a bundled trained network from queries alone, and prove the copy equal
	@mkdir -p $(BUILD)
	@echo; echo "1. Extract $(DEMO), asking its oracle only"
	$(BIN)/precise extract $(DEMO) -o $(RECOVERED)
	@echo; echo "2. Prove that the copy is the same function on every input"
	$(BIN)/verify equal $(DEMO) $(RECOVERED)

test: $(STAMP) ## all tests
	$(BIN)/python -m pytest -n auto --dist worksteal

test-lowest: ## all tests with the oldest versions that setup.cfg allows
	$(MAKE) VENV=$(BUILD)/lowest $(BUILD)/lowest/.lowest
	$(BUILD)/lowest/bin/python -m pytest

$(VENV)/.lowest: setup.cfg | $(BIN)/python
	@sed -n 's/^ *\([A-Za-z][A-Za-z0-9-]*\)>=\([0-9.]*\)$$/\1==\2/p' setup.cfg | sort -u > $(VENV)/lowest.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(VENV)/lowest.txt --editable '.[test]'
	@touch $@

lint: $(STAMP) ## ruff, mypy --strict and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict precise verify
	$(BIN)/lint-imports --no-cache

format: $(STAMP) ## reformat the source
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## the cost of arithmetic against bare FLINT and mpmath
	@mkdir -p $(BUILD)
	$(BIN)/python benchmarks/arithmetic.py --json $(BUILD)/arithmetic.json

results: $(STAMP) ## docs/results.md and .json: whole extractions, several seeds each (hours)
	@mkdir -p $(BUILD)
	$(BIN)/python benchmarks/extraction.py --json $(BUILD)/extraction.json --resume
	cp $(BUILD)/extraction.json docs/results.json
	$(BIN)/python benchmarks/extraction.py --table docs/results.json -o docs/results.md --readme README.md

docs: $(STAMP) ## the site, in docs/_build
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build

package: $(STAMP) ## wheel and sdist in dist/, built and checked
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build twine
	rm -rf dist
	$(BIN)/python -m build --quiet
	$(BIN)/python -m twine check --strict dist/*

clean: ## remove what was built, the virtual environment too
	rm -rf $(BUILD) dist docs/_build *.egg-info $(VENV) .pytest_cache .hypothesis .mypy_cache .ruff_cache
