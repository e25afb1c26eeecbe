# Needs python3 (3.11 or newer) with venv, make and git. Mosquitto is used where it is installed.
PYTHON ?= python3
PORT ?= 1026
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
COMPILE := uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --quiet
CHECKED := broker agents models schemas tests benchmarks
FAST := tests/core tests/models tests/operations tests/demo

.DEFAULT_GOAL := help
.PHONY: help install run test check bench bench-agents soak image lock

help: ## What can be made here
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

install: $(STAMP) ## Everything into .venv, `eclor` among it

run: install ## The whole platform with simulated devices; Ctrl-C stops it
	@$(BIN)/eclor run --demo --port $(PORT)

test: install ## All tests
	$(BIN)/python -m pytest

check: install ## Formatting, lint, types, layers, and the tests that need no service
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest $(FAST)

bench: install ## The benchmarks
	$(BIN)/python -m benchmarks.run

bench-agents: install ## What messages of devices cost, from MQTT to the notification
	$(BIN)/python -m benchmarks.agents

soak: install ## 100,000 messages of devices while everything is killed: each is recorded once
	$(BIN)/python -m tests.agents.soak

image: ## Build the container image, start it, and see it serve
	tests/image/build-and-try

lock: ## Resolve the dependencies anew (needs uv)
	$(COMPILE) pyproject.toml --extra embedded --group dev -o requirements.lock
	$(COMPILE) pyproject.toml -c requirements.lock -o requirements.image.lock
	$(COMPILE) --group build -c requirements.lock -o requirements.build.lock

# The hashes bind what is installed to what was tested; no index is named, so that yours is used.
$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $@
