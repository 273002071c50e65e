# The one vocabulary for people, hooks and CI. `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Without cached bytecode every process compiles tens of thousands of files again.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPATH := $(CURDIR):$(CURDIR)/plugins

PYTHON ?= python3
BIN := .venv/bin
# Settings of `make demo`; see README.
WEEKS ?= 8
ONCE ?=
# Of `make chart`.
CHART ?= apache-airflow/airflow

.PHONY: help install demo demo-stop up-local down-local topology chaos test suite lint types audit unit lifecycle bench gate-faults docs pods chart lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/.installed ## make .venv with exactly the pinned packages

.venv/.installed: requirements.txt requirements-dev.txt
	@if command -v uv > /dev/null; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) .venv; \
	  uv pip install --quiet --compile-bytecode -r requirements.txt -r requirements-dev.txt; \
	else \
	  $(PYTHON) -m venv .venv; \
	  $(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-dev.txt; \
	  $(BIN)/python -m compileall -q -j 0 .venv/lib > /dev/null || true; \
	fi
	@touch $@

demo: install ## replay weeks of 2013 on a running Airflow and MLflow: WEEKS=8, ONCE=1 to stop at the end
	./airlock demo --weeks $(WEEKS) $(if $(ONCE),--once)

demo-stop: install ## stop what `make demo` left running
	./airlock demo --stop

up-local: install ## PostgreSQL, Redis, S3, MLflow and Airflow with two Celery workers, on this machine
	./airlock up-local

down-local: install ## end what `make up-local` started
	./airlock up-local --stop

topology: install ## two weeks on what `make up-local` starts, compared with the embedded default
	WHOLE_LIFECYCLE=1 $(BIN)/python -m pytest tests/lifecycle/test_topology.py tests/lifecycle/test_s3.py

chaos: install ## break every stage and every server hundreds of times and print what was broken; takes an hour
	CHAOS=all $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests/chaos \
	  tests/include/test_lake_kill.py tests/include/ingestion/test_stage_kill.py tests/include/ingestion/test_release_kill.py

test: install ## everything that CI runs: lint, types, and all tests, files side by side
	@$(MAKE) --no-print-directory -j 2 lint types suite

# Types are looked at on one core: tests begin beside it.
suite: install
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: install ## style and common mistakes
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: install ## static types
	$(BIN)/mypy

# --strict: what the index does not know of was not looked at, and that is no pass.
audit: install ## known vulnerabilities of the pinned packages; asks the package index, so not in `make test`
	$(BIN)/pip-audit --strict --progress-spinner off --disable-pip --no-deps \
	  -r requirements.txt -r requirements-dev.txt \
	  $$(sed -nE 's/^([A-Z][A-Za-z0-9-]+) +.+/--ignore-vuln \1/p' audit-exceptions.txt)

unit: install ## tests of the library, the DAGs and the command line, without servers
	$(BIN)/python -m pytest -m "not servers" -n 2 --dist loadfile

lifecycle: install ## tests on real servers: Airflow, MLflow, S3
	$(BIN)/python -m pytest -m servers

gate-faults: install ## put known faults into training, data and artefacts; fails when a gate lets one through
	$(BIN)/python -m bench.decisions.gate_faults

bench: install ## measure, print tables, write bench/out/*.json
	$(BIN)/python -m bench

docs: install ## make the generated pages of docs/ again
	$(BIN)/python -m cli.reference > docs/use-case.md

pods: install ## make the pod templates of deploy/kubernetes again
	$(BIN)/python -m cli.pod_templates deploy/kubernetes/pods

chart: install ## render deploy/helm with Helm and the official chart, CHART=name or folder, and check what comes out
	for extra in "" "--values deploy/helm/values-kubernetes.yaml"; do \
	  helm template airflow $(CHART) --values deploy/helm/values-celery.yaml $$extra | $(BIN)/python -m tests.chart; \
	done

lock: install ## compile the pinned requirement files again
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --quiet \
	  requirements.in -o requirements.txt
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --quiet \
	  requirements-local.in -o requirements-local.txt
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --quiet \
	  requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --quiet \
	  requirements-kubernetes.in -o requirements-kubernetes.txt

clean: ## remove the environment and everything made at run time
	rm -rf .venv .airlock
