# Everything one does in a checkout. Needs make, a POSIX shell and Python 3.11 to 3.13; the rest is
# brought by `make setup`, which every target below does first when it has to.

SHELL = /bin/sh
.DEFAULT_GOAL := help

# How many test processes; each also starts processes of its own, and waits for them: one more
# than two cores have.
JOBS ?= 3
ENV := $(or $(ASSETOPS_ENV),dev)
BIN := .venv/bin
SQL := dbt_project/models dbt_project/snapshots dbt_project/tests

.PHONY: help setup demo up test check format dbt bench faults lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: ## the environment, .venv, from requirements.lock; PYTHON=… names an interpreter
	@PYTHON='$(PYTHON)' scripts/setup

demo: setup ## 90 days of a shop, built, checked and published
	$(BIN)/retail simulate --days 90 --out data/$(ENV)/landing/retail
	$(BIN)/assetops build
	@echo
	@echo "Next:"
	@echo "  $(BIN)/assetops show marts/customers   one dataset on one page"
	@echo "  $(BIN)/assetops releases               what is published"
	@echo "  make up                              the same in the browser"
	@echo "  make test                            every promise, tried"

up: setup ## the Dagster UI and its daemon
	$(BIN)/assetops up

# Work is stolen rather than dealt by file: end-to-end files take most of the time, and what they
# share is built at most once a worker. tests/conftest.py begins with the long ones.
test: setup ## all tests with coverage; ARGS=… runs some, without it
	$(BIN)/pytest -n $(JOBS) --dist worksteal $(if $(ARGS),$(ARGS),--cov)

# All of them, whatever the first one says.
check: setup ## linters, types, the law of the house, SQL layout and rules
	@failed=; run() { echo "$$ $$*"; "$$@" || failed="$$failed\n  $$*"; }; \
	run $(BIN)/ruff check; \
	run $(BIN)/ruff format --check; \
	run $(BIN)/mypy; \
	run env PYTHONPATH=platform $(BIN)/lint-imports --no-logo; \
	run $(BIN)/sqlfmt --check --no-progressbar dbt_project; \
	run $(BIN)/sqlfluff lint $(SQL); \
	run $(BIN)/yamllint --strict .; \
	if [ -n "$$failed" ]; then printf "not kept:$$failed\n" >&2; exit 1; fi; \
	echo "all kept"

format: setup ## layout of Python and SQL, and what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/sqlfmt --no-progressbar dbt_project

dbt: setup ## bare dbt on this environment's warehouse, as in: make dbt ARGS="ls -s marts"
	@ASSETOPS_WAREHOUSE=$$($(BIN)/python -c 'from pathlib import Path; \
	    from assetops.settings import load_settings; print(load_settings(Path.cwd()).warehouse)') \
	    && export ASSETOPS_WAREHOUSE && mkdir -p "$${ASSETOPS_WAREHOUSE%/*}" \
	    && DBT_PROJECT_DIR=dbt_project DBT_PROFILES_DIR=dbt_project DO_NOT_TRACK=1 $(BIN)/dbt $(ARGS)

bench: setup ## every benchmark; ARGS=--small for a minute each
	@for benchmark in benchmarks/*.py; do echo "$$ $$benchmark"; \
	    $(BIN)/python "$$benchmark" $(ARGS) || exit; done

faults: setup ## kills processes and Postgres while files land; N=… times, counted in docs/faults.md
	$(BIN)/python scripts/faults $(or $(N),1) $(or $(SEED),1) $(ARGS)

lock: setup ## requirements.lock anew from pyproject.toml; ARGS=--upgrade takes newer versions
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	    --extra retail --extra dev --no-emit-index-url --no-emit-find-links --no-header \
	    $(ARGS) pyproject.toml -o requirements.lock

clean: ## all that can be made again, except data/
	rm -rf .venv dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage* \
	    dbt_project/target dbt_project/logs logs .logs_queue .tmp_dagster_home_*
	find platform tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
