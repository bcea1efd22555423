# `make` builds the environment and runs the experiment in config.yaml; `make help` lists the rest.

PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
VENV := .venv
LOCK := requirements.lock
# The environment remembers the lock it was built from; compared by content, for a checkout renews time stamps.
BUILT_FROM := $(VENV)/requirements.lock
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
# Tests run in two processes; those that share a costly fixture stay together.
PYTEST := python -m pytest -n 2 --dist loadgroup

.DEFAULT_GOAL := all
.PHONY: all env correct correct-example status test test-all bench lint format docs docs-figures rulegraph lock clean help

all: env ## run the experiment in config.yaml: a page, figures and tables in results/
	$(RUN) snakemake --cores $(CORES) --resources gpu=1
	@echo
	@echo "Page:    $(CURDIR)/results/report.html"
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

correct: env ## correct a model of your own, as CONFIG=mine.yaml says (docs/correcting.md)
	@test -n "$(CONFIG)" || { echo "error: which model? make correct CONFIG=mine.yaml"; exit 1; }
	@test -f "$(CONFIG)" || { echo "error: CONFIG=$(CONFIG): no such file"; exit 1; }
	$(RUN) snakemake correct --cores $(CORES) --resources gpu=1 --configfile $(CONFIG)

correct-example: env ## train a small model on poisoned digits outside Redress, and correct it
	$(RUN) python docs/correct-example/train.py data/correct-example
	@$(MAKE) --no-print-directory correct CONFIG=config/correct-example.yaml

status: env ## what would run, and why (of another experiment with ARGS="--configfile FILE")
	$(RUN) snakemake --dry-run --quiet rules $(ARGS)

test: env ## run all fast tests and one short experiment, in five minutes (pick some with ARGS="-k selection")
	$(RUN) $(PYTEST) -m "not slow" $(ARGS)

test-all: env ## run every test, in half an hour (ARGS="-m slow": those alone that make test leaves out)
	$(RUN) $(PYTEST) $(ARGS)

bench: env ## measure speed, in a quarter of an hour on a CPU (pick with ARGS="training_step")
	$(RUN) python benchmarks/bench.py $(ARGS)

lint: env ## check style and types
	$(RUN) ruff check workflow tests benchmarks docs
	$(RUN) ruff format --check workflow tests benchmarks docs
	$(RUN) snakefmt --check Snakefile workflow
	$(RUN) snakemake --lint
	$(RUN) mypy

format: env ## put code into the house's format
	$(RUN) ruff check --fix workflow tests benchmarks docs
	$(RUN) ruff format workflow tests benchmarks docs
	$(RUN) snakefmt Snakefile workflow

docs: env ## write docs/configuration.md anew from the schema and the plugins' signatures
	$(RUN) python docs/configuration.py

# For gvpr, a part of graphviz: a colour for each party, readable on white and on black; unlearning in one column.
define RULE_STYLE
BEG_G { rankdir = "LR"; bgcolor = "transparent"; margin = "0.02"; nodesep = "0.12"; ranksep = "0.3" }
N {
  shape = "box"; style = "rounded,filled"; color = ""; penwidth = "0"; margin = "0.1,0.04"; height = "0.32";
  fontname = "Helvetica,Arial,sans-serif"; fontsize = "11"; fontcolor = "white"; fillcolor = "#5f6670"
}
N [label == "manipulate" || label == "discover"] { fillcolor = "#b85300" }
N [label == "train" || label == "expand" || label == "importance" || label == "unlearn_*"] { fillcolor = "#0072b2" }
N [label == "selection" || label == "save_model_*"] { fillcolor = "#0072b2" }
N [label == "measure"] { fillcolor = "#00734f" }
N [label == "all"] { delete($$G, $$) }
E { color = "#8a8f98"; penwidth = "1.2"; arrowsize = "0.6" }
E [(tail.label == "train" || tail.label == "discover") && head.label != "importance"] { minlen = "2" }
endef
export RULE_STYLE

rulegraph: env ## draw docs/figures/rules.svg, the README's graph of rules (needs graphviz)
	@for program in dot gvpr tred; do command -v $$program >/dev/null || \
	  { echo "error: $$program is missing: install graphviz (apt-get install graphviz, brew install graphviz)"; exit 1; }; done
	@folder=$$(mktemp -d docs/figures/.rules.XXXXXX) && trap 'rm -rf "$$folder"' EXIT && \
	  $(RUN) snakemake --rulegraph dot > $$folder/all.dot && \
	  tred $$folder/all.dot > $$folder/direct.dot && \
	  gvpr -c "$$RULE_STYLE" -o $$folder/styled.dot $$folder/direct.dot && \
	  dot -Tsvg -o $$folder/rules.svg $$folder/styled.dot && \
	  mv $$folder/rules.svg docs/figures/rules.svg

docs-figures: all ## renew the README's figures from the experiment in config.yaml
	cp results/figures/*.png docs/figures/

lock: env ## renew requirements.lock with the newest versions that pyproject.toml allows
	$(RUN) uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
	  --no-emit-index-url --no-annotate --custom-compile-command "make lock" --output-file $(LOCK)

clean: ## delete results (keeping results/README.md) and Snakemake's records
	mkdir -p results
	find results/ -mindepth 1 ! -path results/README.md -delete
	rm -rf .snakemake

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1: \2/p' $(MAKEFILE_LIST)
