# `make` builds the environment and runs the experiment in config.yaml; `make help` lists the rest.

PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
VENV := .venv
LOCK := requirements.lock
# The environment remembers the lock it was built from; compared by content, for a checkout renews time stamps.
BUILT_FROM := $(VENV)/requirements.lock
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"

.DEFAULT_GOAL := all
.PHONY: all env status test bench lint format docs-figures lock clean help

all: env ## run the experiment in config.yaml: figures and tables in results/
	$(RUN) snakemake --cores $(CORES) --resources gpu=1
	@echo
	@echo "Figures: $(CURDIR)/results/figures"
	@echo "Tables:  $(CURDIR)/results/tables"

env: ## build .venv from requirements.lock, if it is missing or stale
	@cmp -s $(LOCK) $(BUILT_FROM) || $(MAKE) --no-print-directory rebuild-env

.PHONY: rebuild-env
rebuild-env:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed, $(PYTHON) is `$(PYTHON) --version 2>&1`; try make PYTHON=python3.12"; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $(LOCK)
	cp $(LOCK) $(BUILT_FROM)

status: env ## what would run, and why (of another experiment with ARGS="--configfile FILE")
	$(RUN) snakemake --dry-run --quiet rules $(ARGS)

test: env ## run the tests (pick some with ARGS="-k selection")
	$(RUN) python -m pytest $(ARGS)

bench: env ## measure speed, in a quarter of an hour on a CPU (pick with ARGS="training_step")
	$(RUN) python benchmarks/bench.py $(ARGS)

lint: env ## check style and types
	$(RUN) ruff check workflow tests benchmarks
	$(RUN) ruff format --check workflow tests benchmarks
	$(RUN) snakefmt --check Snakefile workflow/rules
	$(RUN) snakemake --lint
	$(RUN) mypy

format: env ## put code into the house's format
	$(RUN) ruff check --fix workflow tests benchmarks
	$(RUN) ruff format workflow tests benchmarks
	$(RUN) snakefmt Snakefile workflow/rules

docs-figures: all ## renew the README's figures from the experiment in config.yaml
	cp results/figures/*.png docs/figures/

lock: env ## renew requirements.lock with the newest versions that pyproject.toml allows
	$(RUN) uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
	  --no-emit-index-url --no-annotate --custom-compile-command "make lock" --output-file $(LOCK)

clean: ## delete results (keeping results/README.md) and Snakemake's records
	mkdir -p results
	find results -mindepth 1 ! -path results/README.md -delete
	rm -rf .snakemake

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1: \2/p' $(MAKEFILE_LIST)
