# `make demo` and `make test` each do all the set-up that they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKED_PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: help demo test docs links reference check sbom dist bench soak lock clean

help: ## Show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/runtime.stamp ## Run the main job end to end on the embedded simulated gateway
	@$(BIN)/dispersa demo

test: $(VENV)/dev.stamp ## Check style, types and room contracts, then run the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

docs: $(VENV)/docs.stamp ## Build the documentation site into docs/build; a broken link fails
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs docs/build
	@echo "open docs/build/index.html"

links: $(VENV)/docs.stamp ## Ask every address that the documents name (needs a network)
	$(BIN)/sphinx-build --quiet -b linkcheck docs docs/build/links

reference: $(VENV)/dev.stamp ## Write the reference pages that commands, records and classes tell of themselves
	$(BIN)/python docs/write_reference.py

check: $(VENV)/dev.stamp ## Check the package from an empty directory, and the locked dependencies for known faults
	DISPERSA_PACKAGE_DEMO=1 $(BIN)/pytest tests/test_packaging.py -n 0 -q
	@$(BIN)/python requirements/audit requirements/runtime.lock

sbom: $(VENV)/runtime.stamp $(VENV)/dev.stamp ## Write the bill of materials of the locked runtime to dist/sbom.json (CycloneDX)
	@mkdir -p dist
	$(BIN)/cyclonedx-py requirements --output-reproducible --output-file dist/sbom.json requirements/runtime.lock

dist: $(VENV)/runtime.stamp ## Build sdist and wheel into dist/
	$(BIN)/python -m hatchling build -d dist

bench: $(VENV)/dev.stamp ## Measure speed, as ratios within one run
	$(BIN)/python -m benchmarks

soak: $(VENV)/dev.stamp ## Work many programs on the simulated gateway and print the table
	$(BIN)/python -m tests.soak simulation --seeds $(or $(SEEDS),1000)
	$(BIN)/python -m tests.soak execution
	DISPERSA_INSTANTS_EVERY=1 DISPERSA_CRASHES=$(or $(CRASHES),200) $(BIN)/pytest tests/crash -n 0 -q
	DISPERSA_DAEMON_PROCESSES=1 $(BIN)/pytest tests/daemon tests/web/test_phases_in_browser.py -n 0 -q
	DISPERSA_SIXTY_DAYS=1 $(BIN)/pytest tests/position_life -n 0 -q
	DISPERSA_WORLDS=$(or $(WORLDS),120) $(BIN)/pytest tests/backtest/test_worlds.py -n 0 -q

lock: $(VENV)/dev.stamp ## Renew every hash-locked dependency file
	requirements/compile $(BIN)/python

clean: ## Remove the virtual environment and every cache
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "dispersa needs Python 3.11 or newer; found `$(PYTHON) --version 2>&1`. Try: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "python3 could not make a virtual environment; on Debian and Ubuntu: apt install python3-venv"; exit 2; }

$(VENV)/runtime.stamp: requirements/runtime.lock pyproject.toml | $(VENV)/bin/python
	@echo "Setting up $(VENV) (once; about a minute) ..."
	@$(LOCKED_PIP) --only-binary :all: -r requirements/runtime.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@$(BIN)/python -m dispersa.pricing.warm
	@touch $@

$(VENV)/dev.stamp: requirements/dev.lock $(VENV)/runtime.stamp
	@echo "Adding the development tools ..."
	@$(LOCKED_PIP) --only-binary :all: -r requirements/dev.lock
	@touch $@

$(VENV)/docs.stamp: requirements/docs.lock $(VENV)/runtime.stamp
	@echo "Adding the documentation tools ..."
	@$(LOCKED_PIP) --only-binary :all: -r requirements/docs.lock
	@touch $@
