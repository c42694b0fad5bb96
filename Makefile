# make demo    the whole story, offline        make test    every check and test

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check
LOCK   := .ci/requirements.txt
IMAGE_LOCK := .ci/requirements-image.txt

# Half as many again as there are cores: many tests wait for other processes.
WORKERS ?= $(shell echo $$(( ($$(nproc 2>/dev/null || echo 2) * 3 + 1) / 2 )))

# Only `make lock` needs it, so it is no dependency of the project.
UV := uv==0.13.9

.DEFAULT_GOAL := help
.PHONY: help demo test lint style types imports tests lock clean

help:
	@echo "make demo    play the whole story here, offline: an issue, a question, a pull request, red checks and their"
	@echo "             fix, a follow-up (ARGS=--interactive: you write the comments)"
	@echo "make test    check style, types and imports, and run every test (ARGS=… goes to pytest)"
	@echo "make lint    only style, types and imports"
	@echo "make lock    pin all dependencies anew (UPGRADE=1: also raise what pyproject.toml leaves free)"
	@echo "make clean   remove everything that make made"
	@echo "PYTHON=python3.12 chooses another Python (3.11 or newer)."

demo: $(VENV)/.installed
	$(BIN)/ove-gh demo $(ARGS)

test: lint tests

lint: style types imports

style: $(VENV)/.installed
	$(BIN)/ruff check

types: $(VENV)/.installed
	$(BIN)/mypy

imports: $(VENV)/.installed
	$(BIN)/lint-imports

tests: $(VENV)/.installed
	$(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)

# The two stamps make a second run start at once: one for the environment, one for what is installed in it.
# --no-deps: the lock is complete (pip check proves it), and pips before 24 stumble over a lock that they must resolve.
$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "ove-gh needs Python 3.11 or newer, and there is no '$(PYTHON)' here. Install it, or name yours: make PYTHON=/path/to/python3 …" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "ove-gh needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Name a newer one: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made $(LOCK) pyproject.toml
	$(PIP) install --no-deps --require-hashes -r $(LOCK)
	$(PIP) install --no-deps --no-build-isolation -e .
	$(PIP) check
	@touch $@

# The lock holds hashes, and no address: whoever installs uses the registry that their own pip is set up for.
# --no-config keeps this machine's uv settings out of it.
lock: $(VENV)/.made
	$(PYTHON) -m venv .cache/uv
	.cache/uv/bin/python -m pip install --quiet --disable-pip-version-check $(UV)
	UV_CUSTOM_COMPILE_COMMAND="make lock" .cache/uv/bin/uv pip compile --no-config --quiet $(if $(UPGRADE),--upgrade) \
	  --universal --python-version 3.11 --generate-hashes --extra build --extra dev -o $(LOCK) pyproject.toml
	UV_CUSTOM_COMPILE_COMMAND="make lock" .cache/uv/bin/uv pip compile --no-config --quiet --upgrade \
	  --universal --python-version 3.11 --generate-hashes --extra build -c $(LOCK) -o $(IMAGE_LOCK) pyproject.toml

clean:
	rm -rf $(VENV) .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find ove_gh tests benchmarks -name __pycache__ -type d -exec rm -rf {} +
