# FT-Dojo from a clean clone: every target sets up .venv first and needs no activation.
#
# Only Python 3.11 or newer and make must be there; packages come from the index that pip is set to.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
AUDIT := .audit

DEMO_TASK ?= tablebench_numerical_reasoning
DEMO_BUDGET ?= 5m
STUDIO_ORIGIN ?= https://smith.langchain.com

.DEFAULT_GOAL := help
.PHONY: help setup demo test suite test-slow check format bench bench-mini bench-experiment bench-quick bench-rows bench-generality audit studio clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

setup: $(READY) ## make the environment in .venv (about 2.5 GB; again only when its pins change)

demo: $(READY) ## five minutes: fine-tune the bundled model on a table task, on its own, and prove it
	$(BIN)/ftdojo run $(DEMO_TASK) --edition mini --budget $(DEMO_BUDGET)

test: $(READY) ## check, and every test, offline
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target check suite

suite: $(READY) # a file's tests stay in one process, for they share what they made; its order: tests/support/distribution.py
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-slow: $(READY) ## the tests that take minutes: ten kills of one run, every mini item, whole benches
	$(BIN)/python -m pytest -m slow -s

check: $(READY) ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## rewrite the sources in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: bench-experiment bench-mini ## what one experiment costs, then every mini task

bench-mini: $(READY) ## base, baselines, searches and the playbook on all thirteen mini tasks (six hours on 2 cores)
	$(BIN)/ftdojo bench --page docs/leaderboard.html

bench-experiment: $(READY) ## what one experiment costs, against a bare loop and a plain TRL script
	$(BIN)/python -m tools.bench.experiment

bench-quick: $(READY) ## the same on one task, with two minutes for the agent
	$(BIN)/ftdojo bench --tasks $(DEMO_TASK) --budget 2m

bench-rows: $(READY) ## a million rows as JSONL and Parquet: seconds and memory to inspect, start and curate
	$(BIN)/python -m tests.bench.million_rows

bench-generality: $(READY) ## task folders with faults drawn at random: all data, oracle, agent on the open half (an hour or more)
	$(BIN)/python -m tests.bench.generality runs/generality

audit: ## known vulnerabilities of the pinned packages: a report and no gate; it asks the package index
	@test -x $(AUDIT)/bin/pip-audit || { $(PYTHON) -m venv $(AUDIT) && $(AUDIT)/bin/pip install --quiet pip-audit; }
	-$(AUDIT)/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip --progress-spinner off

studio: $(READY) ## serve the same graph for LangGraph Studio, and for its page alone
	FTDOJO_SERVER_ORIGINS=$(STUDIO_ORIGIN) $(BIN)/langgraph dev --no-browser

clean: ## remove the environment and every cache; runs and memory stay
	rm -rf $(VENV) $(AUDIT) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .langgraph_api
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "FT-Dojo needs Python 3.11 or newer, and '$(PYTHON)' is not: make PYTHON=/path/to/python3.11 setup" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo "Python cannot make environments here: on Debian or Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	@echo 'Setting up $(VENV): some minutes and 2.5 GB, once.'
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[all,dev]'
	@touch $@
