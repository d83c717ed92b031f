# Everything starts here: `make demo` runs the main job on real input, `make test` passes the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORPORA ?= ../shared/corpora

.PHONY: help demo test lint types format bench clean
.DEFAULT_GOAL := help

help: ## Show what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | column -t -s "$$(printf '\t')"

$(BIN)/kalemint: pyproject.toml locks/base.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint locks/base.txt --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/kalemint
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint locks/base.txt --editable '.[dev]'
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

demo: $(BIN)/kalemint ## Crawl a small real site, real PDFs and a real paper; ends with a report
	$(BIN)/python examples/demo.py

test: $(VENV)/.dev ## Run every test
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.dev ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## Check types
	$(BIN)/mypy

format: $(VENV)/.dev ## Put the code in its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.bench ## Measure quality and speed beside peers (needs the corpora)
	$(BIN)/python benchmarks/html_quality.py --corpus $(CORPORA)/web
	$(BIN)/python benchmarks/pdf_speed.py $(CORPORA)/pdf
	$(BIN)/python benchmarks/latex_speed.py $(CORPORA)/latex/sources
	$(BIN)/python benchmarks/dedup_speed.py --corpora $(CORPORA)
	$(BIN)/python benchmarks/image_hash_speed.py --corpora $(CORPORA)
	$(BIN)/python benchmarks/hamming_search_speed.py
	$(BIN)/python benchmarks/tar_speed.py --corpora $(CORPORA)
	$(BIN)/python benchmarks/snapshot_overlap.py --corpora $(CORPORA)
	$(BIN)/python benchmarks/runtime_overhead.py --input $(CORPORA)/web/pages.warc.gz

clean: ## Remove what was made here
	rm -rf $(VENV) build dist *.egg-info demo-run .pytest_cache .mypy_cache .ruff_cache .hypothesis
