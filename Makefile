# Two commands matter: `make demo` and `make test`. Both can be interrupted and started again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: demo test test-slow check bench clean help

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/installed ## run the quickstart study on the embedded model, from install to report
	$(BIN)/exempla run quickstart --out runs/quickstart

test: check ## linter, types and tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile

check: $(VENV)/installed-dev
	$(BIN)/ruff check src tests studies benchmarks
	$(BIN)/ruff format --check src tests studies benchmarks
	$(BIN)/mypy

test-slow: $(VENV)/installed-dev ## the slow tests: they fetch the embedded model and take minutes
	$(BIN)/python -m pytest -m slow

bench: $(VENV)/installed-bench ## side-by-side benchmarks; nothing else may run meanwhile
	mkdir -p build
	$(BIN)/python benchmarks/likelihood.py --json build/likelihood.json
	$(BIN)/python benchmarks/training.py --json build/training.json
	$(BIN)/python benchmarks/peak.py build/likelihood.json build/training.json --json build/peak.json

# A stamp is written after a whole install, so an interrupted one is repeated and a finished one is not.
$(VENV)/python: 
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "exempla needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/installed: $(VENV)/python pyproject.toml constraints.txt
	@echo "installing (a few minutes the first time)"
	$(PIP) install --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/python pyproject.toml constraints.txt
	@echo "installing with the development extras (a few minutes the first time)"
	$(PIP) install --constraint constraints.txt --editable ".[dev]"
	$(PIP) install --constraint constraints.txt --no-deps kronfluence
	touch $(VENV)/installed $@

$(VENV)/installed-bench: $(VENV)/installed
	$(PIP) install --constraint constraints.txt --editable ".[benchmarks]"
	touch $@

clean: ## remove the virtual environment and caches; runs are kept
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
