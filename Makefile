# Every target works from a clean clone: it makes what it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Workers and commands start by the hundred in a test run, and without bytecode each compiles the packages anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-unit check fmt bench chaos clean

help: ## Say what the targets do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(VENV)/.run ## Install Braid with its local servers and models into .venv

demo: $(VENV)/.run ## Watch real Kafka, Triton and Redis find events in a composed scene
	@$(BIN)/braid demo

test: $(VENV)/.dev ## Run every test, on real servers
	@$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

test-unit: $(VENV)/.dev ## Run the tests that need no server
	@$(BIN)/python -m pytest tests/unit

check: $(VENV)/.dev ## Check format, lint, types, import rules, dead code and spelling; edits nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/vulture
	@$(BIN)/codespell

fmt: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.bench ## Measure all figures (40 minutes), or BENCH="growth alignment"; writes build/bench.json
	@$(BIN)/python -m tests.bench $(BENCH)

chaos: $(VENV)/.dev ## Kill, freeze, cut and empty everything, 20 minutes; prints the seed and a table, writes build/chaos.json
	@$(BIN)/python -m tests.chaos $(CHAOS)

clean: ## Remove the environment, caches and local data
	rm -rf $(VENV) .braid build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' || \
	  { echo "braid needs Python 3.11 or 3.12, found: $$($(PYTHON) --version); say which: make PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing Braid with PyTorch, Kafka, Redis and Triton into $(VENV): a few minutes the first time"
	@$(INSTALL) --editable '.[train,local,demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@$(INSTALL) --editable '.[train,local,demo,dev]'
	@touch $@

$(VENV)/.bench: $(VENV)/.run
	@$(INSTALL) --editable '.[train,local,demo,bench]'
	@touch $@
