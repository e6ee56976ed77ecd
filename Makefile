# Everything there is to do. `make` alone lists it.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run test lint bench prove

help: ## list the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s%s\n", $$1, $$2 }'

run: ## set up and start the gate: the configured one, a camera, or the demo (Ctrl-C ends it)
	@$(PYTHON) .ci/setup run
	@exec $(BIN)/gate start

test: ## set up, lint and run every test
	@$(PYTHON) .ci/setup test
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest -rs --durations=20

lint: ## formatting, lint, types, direction of imports
	@$(PYTHON) .ci/setup tools
	$(BIN)/ruff format --check --output-format concise .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: ## measure, and print each figure beside its goal
	@$(PYTHON) .ci/setup tools
	@$(BIN)/python -m tests.bench

prove: ## list the long proofs, one target each
	@found=$$(sed -n 's/^\(prove-[a-z-]*\):.*## \(.*\)/  make \1: \2/p' Makefile); echo "$${found:-There is no long proof yet.}"

.PHONY: prove-mutations
prove-mutations: ## a million spoiled, forged and foreign ticket texts, none of which may be accepted (minutes)
	@$(PYTHON) .ci/setup tools
	@$(BIN)/python -m tests.fuzz.mutations

.PHONY: prove-model prove-stateful
prove-model: ## the sync protocol's model under spin, with seeded bugs that must be found (minutes)
	@$(PYTHON) .ci/setup tools
	@$(BIN)/python -m tests.model.spin

prove-stateful: ## random histories of three real gates and the real server under faults, seeded bugs that must be found (minutes)
	@$(PYTHON) .ci/setup tools
	@$(BIN)/python -m tests.stateful.prove

.PHONY: prove-mutants
prove-mutants: ## change verify and decision one thing at a time: a test must notice (25 minutes, one core)
	@$(PYTHON) .ci/setup tools
	@$(BIN)/python -m tests.mutation 25

.PHONY: prove-powercut prove-kill prove-disk
prove-powercut: ## 100 power cuts of a guest with the real lane, and a control that must lose (half an hour; needs user-mode-linux)
	@$(PYTHON) .ci/setup tools
	@$(BIN)/python -m tests.prove.powercut

prove-kill: ## kill -9 of the real lane, sync and scanner at every named step of their work (20 to 30 minutes)
	@$(PYTHON) .ci/setup tools
	@$(BIN)/python -m tests.fault.kills
	@$(BIN)/python -m tests.fault.sync_kills
	@$(BIN)/python -m tests.fault.scanner_kills

prove-disk: ## a full or read-only disk, failing flushes, broken pages under the real lane (minutes; needs root, fiu-utils and user-mode-linux)
	@$(PYTHON) .ci/setup tools
	@$(BIN)/python -m tests.fault.disk
	@$(BIN)/python -m tests.fault.readonly

.PHONY: prove-systemd
prove-systemd: ## the units under a real systemd in a container (a minute; needs root, systemd-container, mmdebstrap)
	@$(PYTHON) .ci/setup tools
	@$(BIN)/python -m tests.prove.systemd

.PHONY: prove-scanner
prove-scanner: ## eight hours of frames in simulated time, then 429 presentations shown to every reader (half an hour)
	@$(PYTHON) .ci/setup tools
	@$(BIN)/python -m tests.bench.prove_scanner

.PHONY: prove-day
prove-day: ## a day of 43,200 scans by an injected clock, faults sprinkled in, every count reconciled (minutes)
	@$(PYTHON) .ci/setup tools
	@$(BIN)/python -m tests.prove.day

.PHONY: prove-device
prove-device: ## the lane on the real pin library and a simulated GPIO chip, in QEMU (minutes; needs root and Debian's packages)
	@$(PYTHON) .ci/setup tools
	@$(BIN)/python -m tests.device.machine

.PHONY: prove-pins prove-journal
prove-pins: ## every controller profile and pattern on recorded pins (seconds)
	@$(PYTHON) .ci/setup tools
	@$(BIN)/python -m pytest -q tests/actuator

prove-journal: ## any edit, deletion, swap or cut of any journal row is named (minutes)
	@$(PYTHON) .ci/setup tools
	@GATE_EXAMPLES=500 $(BIN)/python -m pytest -q --timeout 900 tests/storage/test_journal_property.py
