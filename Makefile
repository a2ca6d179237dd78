# `make` alone lists the commands. Every command sets up what it needs and leaves nothing running.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PY := .venv/bin/python
SCALE ?= full
N ?=
ONLY ?=
TESTS ?= tests
WHEEL ?=

.PHONY: help demo demo-nodes test check prove bench connector dev lock

help: ## list the commands / liệt kê các lệnh
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## set up and run the main job end to end, with faults and one SIGKILL; prints the verdict
	@scripts/setup runtime
	@$(PY) -m gateway demo

demo-nodes: ## the same on three nodes with PostgreSQL and Redis; kills a node, the database and Redis in turn
	@scripts/setup nodes
	@$(PY) -m gateway demo --nodes 3

test: ## set up and run all tests (TESTS=path selects, WHEEL=file tests an installed wheel)
	@scripts/setup dev
	@scripts/test "$(WHEEL)" $(TESTS)

check: ## format, lint, types, import contracts, mapping tables, connector folders
	@scripts/setup dev
	@scripts/check

prove: ## the promise: kill, nodes, soak, payments, parcels, feed, power, frozen, clock, backlog, foreign, exploring, peers, benches (SCALE=ci a fifth, ONLY=power one part)
	@scripts/setup prove
	@$(PY) -m tests.prove --scale $(SCALE) $(addprefix --only ,$(ONLY))

bench: ## print all figures of bench/, each as a ratio in one run (SCALE=ci quickly)
	@scripts/setup prove
	@SCALE=$(SCALE) scripts/bench

connector: ## inspect one connector folder and run the conformance suite on it: make connector N=national_dvc
	@scripts/setup dev
	@test -n "$(N)" || { echo "usage: make connector N=<folder under connectors/>"; exit 64; }
	@$(PY) -m connectors.kit.conformance $(N)

dev: ## set up the development environment only
	@scripts/setup dev
	@echo "ready: source .venv/bin/activate"

lock: ## pin requirements again, with hashes and without any index address; a week's cool-down is yours to keep
	@scripts/setup dev
	@scripts/lock
