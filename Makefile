# Everything from a bare clone with Python 3.11 or newer and make: `make demo`, `make test`.

.DELETE_ON_ERROR:
.PHONY: help demo test compiled compiled-test soak fuzz mutants lint docs bench startup instructions flame simulation wheel-test httpx-suite format clean
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install
ARGS ?=
WORKERS ?= auto
COMPILED := build/compiled
# Of what compiled modules do; wires that are httpx's are not compiled.
TESTS := -k "not (test_wires and httpx)" $(addprefix tests/, \
	ambassador declare execute integration observe regressions rest testing wheels)
BESIDE := tests examples benchmarks docs pyproject.toml hatch_build.py mkdocs.yml README.md Makefile

find_python = for python in $(PYTHON) python3.11 python3 python3.12 python3.13 python3.14 python; do \
	if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; python=; done; \
	if [ -z "$$python" ]; then echo "bff needs Python 3.11 or newer, and none was found: install it, or name it with 'make PYTHON=/path/to/python'." >&2; exit 1; fi

find_compiler = \
	missing=$$($(BIN)/python -c 'import os, shutil, sysconfig; \
		compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]; \
		headers = os.path.join(sysconfig.get_path("include"), "Python.h"); \
		print(*["gcc", "libc6-dev"][:2 * (not shutil.which(compiler))], \
			*[f"python{sysconfig.get_python_version()}-dev"][:not os.path.exists(headers)])'); \
	if [ -n "$$missing" ]; then \
		echo "Compiling needs a C compiler and Python's headers; installing from Debian: $$missing"; \
		{ apt-get update -qq && apt-get install -y -qq $$missing >/dev/null; } || { \
			echo "That did not work: install a C compiler and the headers of $$($(BIN)/python --version) yourself." >&2; \
			exit 1; }; \
	fi

help:  ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/installed  ## Start upstreams and three BFFs and show what each client gets (ARGS=--once: show, stop)
	@$(BIN)/python -m examples.demo $(ARGS)

test: $(VENV)/installed-dev  ## Run the whole suite and hold the coverage floor
	@$(BIN)/python -m pytest -n $(WORKERS) --cov --cov-report=term $(ARGS)

compiled: $(COMPILED)/built  ## Compile the hot modules as wheels have them, into build/compiled/
	@rm -rf $(addprefix $(COMPILED)/,$(BESIDE))
	@tar -c --exclude node_modules --exclude __pycache__ $(BESIDE) | tar -x -C $(COMPILED)
	@cd $(COMPILED) && PYTHONPATH=. $(abspath $(BIN))/python -m tests.compiled

compiled-test: compiled  ## Run the tests of what they do against the compiled modules
	@cd $(COMPILED) && PYTHONPATH=$(abspath $(COMPILED)) $(abspath $(BIN))/python -m pytest -n $(WORKERS) \
		-p tests.compiled $(or $(ARGS),$(TESTS))

soak: $(VENV)/installed-dev  ## Make 200 000 calls with random faults and cancellations (ARGS="--seed 7"; minutes)
	@$(BIN)/python -m tests.soak $(ARGS)

fuzz: $(VENV)/installed-dev  ## Hold 200 000 answers, right and wrong, against h11 (ARGS="--cases 1000000"; minutes)
	@$(BIN)/python -m tests.fuzz $(ARGS)

mutants: $(VENV)/installed-dev  ## Ask the tests of the pure cores whether they notice each small change (ARGS=_budget: one)
	@$(BIN)/python -m tests.mutation $(ARGS)

lint: $(VENV)/installed-dev  ## ruff, mypy, pyright, import-linter
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/installed-dev  ## Put the code into the house form
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

docs: $(VENV)/installed-dev  ## Build the documentation into site/, where every warning is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(VENV)/installed-bench compiled  ## Compare pages with the same by hand (ARGS=--smoke: a short run; --help)
	@$(BIN)/python -m benchmarks $(ARGS)

startup: $(VENV)/installed-dev  ## Measure imports, the building of large apps and idle workers (ARGS=--smoke: one round)
	@$(BIN)/python -m benchmarks.startup $(ARGS)

instructions: $(VENV)/installed-dev  ## Count instructions and hold them against the baseline (ARGS=--update: a new one)
	@$(BIN)/python -m benchmarks.instructions $(ARGS)

flame: $(VENV)/installed-bench  ## Draw where the time of a page goes, and tell it by part (ARGS=--help)
	@$(BIN)/python -m benchmarks.flame $(ARGS)

simulation: $(VENV)/installed-dev  ## Put the defaults through trouble in virtual time, and write the page about it
	@$(BIN)/python -m benchmarks.simulation $(ARGS)

wheel-test: $(COMPILED)/built  ## Build the pure wheel, install it alone into a fresh environment and use it; then the compiled one
	@rm -rf dist
	@$(BIN)/python -m pip --quiet --disable-pip-version-check wheel --no-deps --wheel-dir dist .
	@$(BIN)/python -m venv --clear dist/venv
	@dist/venv/bin/python -m pip --quiet --disable-pip-version-check install dist/*.whl
	@cd dist && venv/bin/python -I ../tests/wheel.py interpreted
	@dist/venv/bin/python -m pip --quiet --disable-pip-version-check install --no-deps --force-reinstall $(COMPILED)/wheel/*.whl
	@cd dist && venv/bin/python -I ../tests/wheel.py compiled

httpx-suite: $(VENV)/installed-dev  ## Run httpx's own tests with our transport inside its client, and without
	@$(BIN)/python tests/httpx_suite.py

clean:  ## Remove everything that these commands made
	@rm -rf $(VENV) build dist site benchmarks/contenders/node/node_modules .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(COMPILED)/built: pyproject.toml hatch_build.py $(shell find bff -type f ! -name '*.pyc' ! -name '*.so') | $(VENV)/installed-dev
	@$(find_compiler)
	@rm -rf $(COMPILED) && mkdir -p $(COMPILED)
	@echo "Building a wheel with compiled modules (a minute or two) ..."
	@begun=$$(date +%s); HATCH_BUILD_HOOKS_ENABLE=1 $(BIN)/python -m build --wheel --outdir $(COMPILED)/wheel \
		>build/compiled.log 2>&1 || { cat build/compiled.log >&2; exit 1; }; \
		echo "It took $$(($$(date +%s) - begun)) seconds."
	@$(BIN)/python -m zipfile -e $(COMPILED)/wheel/*.whl $(COMPILED)
	@touch $@

$(BIN)/pip:
	@$(find_python); echo "Creating $(VENV) with $$("$$python" --version) ..."; "$$python" -m venv --clear $(VENV)

$(VENV)/installed: pyproject.toml | $(BIN)/pip
	@echo "Installing bff and what it needs (once) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(BIN)/pip
	@echo "Installing bff and the development tools (once, a minute or two) ..."
	@$(PIP) --editable ".[dev]"
	@touch $@ $(VENV)/installed

$(VENV)/installed-bench: $(VENV)/installed-dev benchmarks/install.py benchmarks/contenders/node/package-lock.json
	@echo "Installing what the benchmark compares with (once, a minute) ..."
	@$(PIP) --editable ".[dev,bench]"
	@$(BIN)/python -m benchmarks.install
	@touch $@
