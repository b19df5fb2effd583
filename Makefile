# Cutwire. Python 3.11 or newer with pip is enough; uv is used when it is there.
# Each target makes its own environment in .venv, once.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUN := $(VENV)/.run

# 3.11 first: the version that the tests run on every day.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& command -v $$name && break; done)
UV := $(shell command -v uv 2>/dev/null)

# Where there is an NVIDIA driver, its libraries are installed too.
HAS_NVIDIA := $(wildcard /proc/driver/nvidia/version)$(shell nvidia-smi -L 2>/dev/null)
LOCK ?= $(if $(strip $(HAS_NVIDIA)),requirements-cuda.lock,requirements.lock)
# What only runs needs a third of it.
RUN_LOCK ?= $(if $(strip $(HAS_NVIDIA)),requirements-cuda.lock,requirements-run.lock)

PATHS := server inference protocol tests benchmarks docs deploy

# What the demo works on: IMAGE=mine.jpg, or else scikit-image's samples.
IMAGE ?=
# More for the commands: make serve ARGS='--port 9000', make test ARGS='-k budget'
ARGS ?=

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## build .venv with everything that is locked

.PHONY: demo
demo: $(RUN) ## run every task on sample photographs, or IMAGE=mine.jpg, to demo-out/
	@$(BIN)/cutwire demo $(if $(IMAGE),"$(IMAGE)") $(ARGS)

.PHONY: serve
serve: $(RUN) ## run the service; prints its URL and, once, an API key
	@$(BIN)/cutwire serve $(ARGS)

# What the tests compare with compiles its kernels at its first import, and keeps them: not in a test.
PYMATTING := $(VENV)/.pymatting
$(PYMATTING): $(READY)
	@echo "Compiling pymatting, once (about a minute)"
	@$(BIN)/python -c "import pymatting"
	@touch $@

.PHONY: test
test: $(PYMATTING) ## run the tests
	@$(BIN)/python -m pytest -q $(ARGS)

.PHONY: browser
browser: $(READY) ## run the tests of the playground in a real Chromium, which is installed if need be
	@$(BIN)/python tests/tools/chromium.py
	@CUTWIRE_TEST_BROWSER=1 $(BIN)/python -m pytest -q tests/browser $(ARGS)

.PHONY: vendor
vendor: ## renew the playground's libraries from npm
	@command -v npm >/dev/null || { echo "make vendor needs node and npm" >&2; exit 1; }
	@node server/playground/vendor.mjs

.PHONY: nats
nats: $(READY) ## put nats-server into .tools/, from Debian's packages, for the tests of the cluster
	@$(BIN)/python tests/tools/nats_server.py

.PHONY: kill
kill: $(READY) nats ## kill parts of a cluster at random moments: make kill ARGS='--rounds 2 --tasks 500'
	@PYTHONPATH=.:tests $(BIN)/python -m kill $(ARGS)

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
cover: $(PYMATTING) ## run the tests and show which lines they miss
	@$(BIN)/coverage run -m pytest -q $(ARGS)
	@$(BIN)/coverage report

.PHONY: monitoring
monitoring: $(READY) ## check alert rules and dashboard with the real Prometheus, from Debian
	@$(BIN)/python tests/tools/debian.py prometheus prometheus
	@$(BIN)/python -m pytest -q tests/deploy/test_monitoring.py tests/deploy/test_prometheus.py $(ARGS)

.PHONY: docs
docs: $(READY) ## build the documentation to site/, its pictures made by the pipelines
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -f docs/mkdocs.yml
	@echo "open site/index.html, or: $(BIN)/mkdocs serve -f docs/mkdocs.yml"

.PHONY: bench
bench: $(PYMATTING) ## measure: see benchmarks/
	@$(BIN)/python -m benchmarks $(ARGS)

PEERS := rembg litserve mosec

.PHONY: bench-setup
bench-setup: $(READY) $(PEERS:%=benchmarks/.peers/%/.ready) ## build the peers' environments, for benchmarks/peers.py

# What a peer needs is pinned in benchmarks/peer_apps. rembg compiles its kernels here, and not when
# its cold start is measured.
benchmarks/.peers/%/.ready: benchmarks/peer_apps/%.txt | $(READY)
	@echo "Installing $< into $(@D)"
	@rm -rf $(@D)
ifneq ($(UV),)
	@$(UV) venv --quiet --python "$(PYTHON)" $(@D)
	@$(UV) pip install --quiet --compile-bytecode --python $(@D)/bin/python -r $<
else
	@"$(PYTHON)" -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
endif
	@$(if $(filter rembg,$*),$(@D)/bin/python -c "import pymatting",:)
	@touch $@

# Tools that only these targets need lie apart, and change nothing of what the rest runs on.
TOOLS := $(VENV)/tools
FUZZ_SECONDS ?= 60

.PHONY: fuzz
fuzz: $(TOOLS)/atheris-3.0.0 ## look for inputs that break us, FUZZ_SECONDS of each kind
	@mkdir -p .fuzz
	@for target in addresses frames pictures; do \
		PYTHONPATH=$<:. $(BIN)/python -m tests.fuzz $$target --seconds $(FUZZ_SECONDS) \
			--corpus .fuzz/$$target >.fuzz/$$target.log 2>&1 \
		|| { tail -40 .fuzz/$$target.log; exit 1; }; \
		echo "$$target: $$(tail -1 .fuzz/$$target.log)"; done

.PHONY: audit
audit: $(TOOLS)/pip-audit-2.10.1 ## look up known vulnerabilities of what is locked (asks PyPI)
	@PYTHONPATH=$< $(BIN)/python tests/tools/audit.py requirements.lock requirements-cuda.lock

.PHONY: sbom
sbom: $(TOOLS)/cyclonedx-bom-7.5.0 ## list what is locked, with its hashes: build/sbom.json (CycloneDX)
	@mkdir -p build
	@PYTHONPATH=$< $(BIN)/python -W ignore -m cyclonedx_py requirements $(LOCK) \
		--pyproject pyproject.toml --output-reproducible --output-format JSON \
		--output-file build/sbom.json
	@echo "build/sbom.json: $$($(BIN)/python -c \
		'import json; print(len(json.load(open("build/sbom.json"))["components"]))') components"

.PHONY: deploy
deploy: $(TOOLS)/kubernetes-validate-1.37.0 ## check everything in deploy/ with the tools that read it
	@for tool in prometheus caddy docker-compose "nginx nginx nginx-light"; do \
		set -- $$tool; $(BIN)/python tests/tools/debian.py $$1 $${2:-$$1} $$3 || true; done
	@PYTHON=$(BIN)/python tests/deploy/render/build.sh || true
	@PYTHONPATH=$< $(BIN)/python -m pytest -q tests/deploy $(ARGS)

$(TOOLS)/%: $(READY)
	@rm -rf $@.new
ifneq ($(UV),)
	@$(UV) pip install --quiet --python $(BIN)/python --target $@.new $$(echo $* | sed 's/-\([0-9]\)/==\1/')
else
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --target $@.new \
		$$(echo $* | sed 's/-\([0-9]\)/==\1/')
endif
	@mv $@.new $@

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
	@$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 \
		--no-config --no-emit-index-url --custom-compile-command "make lock" \
		--constraint requirements.lock --no-annotate --override deploy/container/cpu-overrides.txt \
		--extra nats --extra otel --extra sandbox --output-file deploy/container/cpu.lock pyproject.toml
	@$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 \
		--no-config --no-emit-index-url --custom-compile-command "make lock" \
		--constraint requirements-cuda.lock --no-annotate \
		--extra nats --extra otel --extra sandbox --extra cuda \
		--output-file deploy/container/cuda.lock pyproject.toml
	@echo "hatchling>=1.27" | $(UV) pip compile --quiet --universal --generate-hashes \
		--python-version 3.11 --no-config --no-emit-index-url \
		--custom-compile-command "make lock" --constraint requirements.lock --no-annotate \
		--output-file deploy/container/build.lock -
	@echo "hatchling>=1.27" | $(UV) pip compile --quiet --universal --generate-hashes \
		--python-version 3.11 --no-config --no-emit-index-url \
		--custom-compile-command "make lock" --constraint requirements.lock --no-annotate \
		--extra demo --extra nats --output-file requirements-run.lock pyproject.toml -

.PHONY: clean
clean: ## remove .venv and everything that was made
	@rm -rf $(VENV) benchmarks/.peers .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis \
		.fuzz .coverage htmlcov build dist demo-out
	@find $(wildcard $(PATHS)) -name __pycache__ -type d -prune -exec rm -rf {} +

# Install a lock and then this program, which may have nothing but what is locked. As pip does, uv
# compiles modules where it is told to: else each start may compile them again.
define install
@test -n "$(PYTHON)" || { echo "Cutwire needs Python 3.11 or newer, and none was found:" \
	"install one, or say PYTHON=/path/to/python" >&2; exit 1; }
@echo "Installing $(1) into $(VENV) ($(PYTHON)$(if $(UV), with uv))"
@test -x $(BIN)/python || $(if $(UV),$(UV) venv --quiet --python "$(PYTHON)",\
	"$(PYTHON)" -m venv) $(VENV)
@$(INSTALLER) --require-hashes -r $(1)
@$(INSTALLER) --no-deps --no-build-isolation -e .
@echo "Compiling the kernels, once (about a minute)"
@$(BIN)/python -m inference.kernels
@$(BIN)/python -m compileall -q protocol inference server
endef
INSTALLER := $(if $(UV),$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python,\
	$(BIN)/python -m pip install --quiet --disable-pip-version-check)

$(READY): pyproject.toml $(LOCK)
	$(call install,$(LOCK))
	@touch $(RUN) $(READY)

$(RUN): pyproject.toml $(RUN_LOCK)
	$(call install,$(RUN_LOCK))
	@touch $(RUN)
