# Cutwire. Python 3.11 or newer with pip is enough; uv is used when it is there.
# Each target makes its own environment in .venv, once.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# 3.11 first: the version that the tests run on every day.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& command -v $$name && break; done)
UV := $(shell command -v uv 2>/dev/null)

# Where there is an NVIDIA driver, its libraries are installed too.
HAS_NVIDIA := $(wildcard /proc/driver/nvidia/version)$(shell nvidia-smi -L 2>/dev/null)
LOCK ?= $(if $(strip $(HAS_NVIDIA)),requirements-cuda.lock,requirements.lock)

PATHS := server inference protocol tests benchmarks docs deploy

# What the demo works on: IMAGE=mine.jpg, or else scikit-image's samples.
IMAGE ?=
# More for the commands: make serve ARGS='--port 9000', make test ARGS='-k budget'
ARGS ?=

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## build .venv with everything that is locked

.PHONY: demo
demo: $(READY) ## run every task on sample photographs, or IMAGE=mine.jpg, to demo-out/
	@$(BIN)/cutwire demo $(if $(IMAGE),"$(IMAGE)") $(ARGS)

.PHONY: serve
serve: $(READY) ## run the service; prints its URL and, once, an API key
	@$(BIN)/cutwire serve $(ARGS)

.PHONY: test
test: $(READY) ## run the tests
	@$(BIN)/python -m pytest -q $(ARGS)

.PHONY: check
check: lint types test ## lint, types and test: what CI asks

.PHONY: lint
lint: $(READY) ## check style, layout and the direction of imports
	@$(BIN)/ruff check $(wildcard $(PATHS))
	@$(BIN)/ruff format --check $(wildcard $(PATHS))
	@PYTHONPATH=. $(BIN)/lint-imports

.PHONY: types
types: $(READY) ## check types, strictly
	@$(BIN)/mypy

.PHONY: format
format: $(READY) ## put the code in its layout, imports in order
	@$(BIN)/ruff check --fix-only --quiet $(wildcard $(PATHS))
	@$(BIN)/ruff format $(wildcard $(PATHS))

.PHONY: cover
cover: $(READY) ## run the tests and show which lines they miss
	@$(BIN)/coverage run -m pytest -q $(ARGS)
	@$(BIN)/coverage report

.PHONY: docs
docs: $(READY) ## build the documentation to site/, its pictures made by the pipelines
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -f docs/mkdocs.yml
	@echo "open site/index.html, or: $(BIN)/mkdocs serve -f docs/mkdocs.yml"

.PHONY: bench
bench: $(READY) ## measure: see benchmarks/
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: lock
lock: ## renew the lock files from PyPI (needs uv)
	@test -n "$(UV)" || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	@$(UV) pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
		--no-config --no-emit-index-url --custom-compile-command "make lock" \
		--extra demo --extra dev --output-file requirements.lock pyproject.toml
	@$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 \
		--no-config --no-emit-index-url --custom-compile-command "make lock" \
		--constraint requirements.lock --no-annotate \
		--extra demo --extra dev --extra cuda --output-file requirements-cuda.lock pyproject.toml

.PHONY: clean
clean: ## remove .venv and everything that was made
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis \
		.coverage htmlcov build dist demo-out
	@find $(wildcard $(PATHS)) -name __pycache__ -type d -prune -exec rm -rf {} +

# pymatting compiles its numba kernels at its first import, and keeps them in .venv.
$(READY): pyproject.toml $(LOCK)
	@test -n "$(PYTHON)" || { echo "Cutwire needs Python 3.11 or newer, and none was found:" \
		"install one, or say PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Installing $(LOCK) into $(VENV) ($(PYTHON)$(if $(UV), with uv))"
ifneq ($(UV),)
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$(PYTHON)" $(VENV)
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCK)
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
else
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation -e .
endif
	@echo "Compiling pymatting's kernels, once (about a minute)"
	@$(BIN)/python -c "import pymatting"
	@touch $(READY)
