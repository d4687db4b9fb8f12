# Two commands set everything up on a fresh machine: `make demo` and `make test`.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
XDIST ?= auto

.PHONY: demo test test-long check fmt schemas picture bench engine engine-down clean help

help:
	@echo "make demo       the main job, shown on this machine (own environment, no network after set-up)"
	@echo "make test       all tests"
	@echo "make test-long  the harnesses at full length"
	@echo "make check      format, lint, types, contracts, schemas, fast tests: under a minute, offline"
	@echo "make bench      benchmarks, as ratios within one run"
	@echo "make engine     a container engine for work by hand, as the tests have it (Debian, root); engine-down stops it"
	@echo "make picture    docs/run.svg, the picture of a live run in the README"

$(STAMP): pyproject.toml
	@echo "setting up $(VENV) (once; needs the package registry) ..."
	@$(PYTHON) -c 'import sys; sys.exit("Penstock needs Python 3.11 or later, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if command -v uv >/dev/null 2>&1; then uv pip install --quiet --python $(BIN)/python --compile-bytecode -e '.[dev]'; \
	 else $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'; fi
	@touch $(STAMP)

demo: $(STAMP)
	@$(BIN)/python examples/demo.py

test: $(STAMP)
	@$(BIN)/python -m compileall -q -x tests/golden engine cli schemas tests  # hundreds of programs are started: none compiles anew
	$(BIN)/python -m pytest -m "not long" -n $(XDIST) --dist worksteal --durations=10

test-long: $(STAMP)
	PENSTOCK_TESTS_COLD=yes $(BIN)/python -m pytest -n $(XDIST) --dist worksteal --durations=10

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m penstock.tasks.publish --check
	$(BIN)/python -m penstock.validation.guide.publish --check
	$(BIN)/python -m pytest -q -x -n $(XDIST) tests/unit -m "not long"

fmt: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: $(STAMP)
	$(BIN)/python -m penstock.tasks.publish
	$(BIN)/python -m penstock.validation.guide.publish

bench: $(STAMP)
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/agent.py
	$(BIN)/python benchmarks/containers.py
	$(BIN)/python benchmarks/expressions.py
	$(BIN)/python benchmarks/validate.py
	$(BIN)/python benchmarks/diff.py
	$(BIN)/python benchmarks/push.py
	$(BIN)/python benchmarks/language.py

picture: $(STAMP)
	$(BIN)/python docs/picture.py

engine: $(STAMP)
	@PYTHONPATH=tests $(BIN)/python -m docker_engine.shared up

engine-down: $(STAMP)
	@PYTHONPATH=tests $(BIN)/python -m docker_engine.shared down

clean:
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
