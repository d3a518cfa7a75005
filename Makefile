# Two commands are enough: `make up` and `make test`. `make help` lists them all.
#
#   PYTHON=python3.13    another interpreter than python3 (3.11 or newer)
#   VOLUMES=1            with down: delete the data as well
#   E2E_STACK=…          with test, e2e: compose, local, or a dashboard's URL: the stack to test
#   ARGS=…               with test, unit, e2e, bench: more arguments for the tool

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

# Compose where an engine answers, local processes where none does.
HAS_ENGINE := docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1

.DEFAULT_GOAL := help
.PHONY: help up down local status logs test unit e2e lint bench clean python

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## start everything and wait until it is well: with Docker, else as local processes
	@if $(HAS_ENGINE); then \
	    docker compose up --build --wait --wait-timeout 180 && \
	    echo "dashboard: http://127.0.0.1:$${WEB_PORT:-8080}"; \
	else \
	    echo "no Docker engine answers: starting the services as local processes"; \
	    $(MAKE) --no-print-directory local; \
	fi

down: ## stop everything; VOLUMES=1 deletes the data too
	@if $(HAS_ENGINE); then docker compose down --remove-orphans $(if $(VOLUMES),--volumes); fi
	@$(PYTHON) -m services --down $(if $(VOLUMES),--volumes)

local: python ## start everything as local processes, Docker or not
	@$(PYTHON) -m services --detach

status: ## what runs, and whether it is well
	@if $(HAS_ENGINE) && [ -n "$$(docker compose ps --quiet)" ]; then docker compose ps; \
	else $(PYTHON) -m services --status; fi

logs: ## follow the log lines of all services
	@if $(HAS_ENGINE) && [ -n "$$(docker compose ps --quiet)" ]; then docker compose logs --follow; \
	else tail -n 20 -F data/logs/*.log; fi

test: unit e2e ## everything: unit tests, then the end-to-end tests

unit: $(READY) ## the unit tests, which need nothing that runs
	$(BIN)/pytest services tests $(ARGS)

e2e: $(READY) ## the end-to-end tests: on what runs, else on a stack of their own
	$(BIN)/pytest e2e $(ARGS)

lint: $(READY) ## look for mistakes and check the formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

bench: $(READY) ## measure the services side by side with the real systems
	@[ -d bench ] || { echo "there are no benchmarks yet"; exit 1; }
	$(BIN)/python -m bench $(ARGS)

clean: ## delete what was made: the virtual environment, caches, artifacts
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis artifacts
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "Python 3.11 or newer is needed, but $(PYTHON) is" \
	        "$$($(PYTHON) -V 2>/dev/null || echo missing); say PYTHON=… to use another"; exit 1; }

# The tools for development, as pyproject.toml lists them; made again only when that changes.
# The project itself is not installed: it runs from where it stands.
$(READY): pyproject.toml | python
	@rm -f $@
	@$(PYTHON) -m venv $(VENV) || { \
	    echo "no virtual environment can be made; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -c 'import tomllib; \
	    project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	    print(*project["optional-dependencies"]["dev"], sep="\n")' >$(VENV)/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement $(VENV)/requirements.txt
	@touch $@
