# `make` prints what there is. Everything is installed into .venv/ and nothing else of the machine is touched,
# except by `make test-deps`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
TOOLS := $(VENV)/tools
PYTEST := $(BIN)/pytest
# One more than processors: some tests wait for what takes its time, a lock or a server that is silent.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -gt 7 ] && n=7; echo $$((n + 1)))
# What runs a second time on PostgreSQL: everything that stores.
ON_POSTGRES := $(wildcard tests/storage tests/services)

.PHONY: help setup dev-setup run test test-long check fix bench bench-quick lock docs test-deps clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: ## the program's environment in .venv/ (does nothing while the lock is unchanged)
	@tools/environment.sh $(VENV) requirements/runtime.txt

dev-setup: ## the same, with what tests and checks need
	@tools/environment.sh $(VENV) requirements/dev.txt

run: setup ## the demo: pages, worker and a mail server to connect, on this machine only
	@exec $(BIN)/threadline serve --demo

test: dev-setup ## every test (sweeps sampled), then the storing ones again on PostgreSQL
	$(PYTEST) -n $(WORKERS) --dist loadgroup
ifneq ($(ON_POSTGRES),)
	$(PYTEST) -n $(WORKERS) --dist loadgroup --database=postgres $(ON_POSTGRES)
endif

test-long: dev-setup ## every test with every case of the long sweeps
	THREADLINE_LONG=1 $(PYTEST) -n $(WORKERS) --dist loadgroup --timeout=3600
ifneq ($(ON_POSTGRES),)
	THREADLINE_LONG=1 $(PYTEST) -n $(WORKERS) --dist loadgroup --timeout=3600 --database=postgres $(ON_POSTGRES)
endif

check: dev-setup ## style, types, import direction, migrations, generated pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@tools/django-checks.sh $(BIN)/python
	@tools/generated.sh check $(BIN)/python

fix: dev-setup ## what can be repaired by itself: formatting, simple findings, generated pages
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@tools/generated.sh write $(BIN)/python

bench: dev-setup ## the benchmarks, with the figures they are held against
	$(BIN)/python -m bench

bench-quick: dev-setup ## the same on small mailboxes
	$(BIN)/python -m bench --quick

lock: ## resolve the locks anew from pyproject.toml (needs the network)
	@tools/lock.sh $(TOOLS)

test-deps: ## root, Debian: Dovecot, PostgreSQL, Chromium and fonts, for the tests that need them
	@tools/test-deps.sh

clean: ## remove the environment and the caches; the data folder stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/out
