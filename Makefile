# make run    the default experiment, from nothing to results/report.html
# make test   every check and test
# make web    ask a video in the browser, of the default run's trained systems
# make test-long  a run on a Slurm brought up for it (needs slurmctld slurmd slurm-client munge): 20 minutes
# make test-faults  broken and hostile input, kills, full disks: all of it, and docs/reliability.md
# make gpu    a GPU checked in six minutes: right, and how fast
# make bundle the same as a folder, for a machine without a network
# make results DATA=FOLDER  docs/results.md from the real dialogs in FOLDER: a night on a workstation
# make results DATA=FOLDER RECORD=docs/results  the same, going on from what has been recorded there
#               (a part of it: ONLY="all_20_epochs/st students noise")
# make setup  only the environment (.venv), with the exact versions of requirements.txt

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CORES ?= all
BUNDLE ?= bundle
BUNDLE_PYTHON ?= 3.12
BUNDLE_PLATFORM ?= manylinux_2_28_x86_64
BUNDLE_TORCH ?= 2.11

.PHONY: run web test test-long test-faults check gpu bundle results setup docs clean

run: $(READY)
	$(BIN)/snakemake --cores $(CORES) --quiet host
	@echo "The report is results/report.html; the tables are in results/tables/"

web: $(READY)
	$(BIN)/avsd web

test: check
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 20 --durations-min 10

test-long: $(READY)
	AVSD_LONG=1 $(BIN)/pytest tests/cluster

test-faults: $(READY)
	AVSD_FAULTS=all $(BIN)/pytest -n 2 --dist loadfile tests/faults

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

gpu: $(READY)
	$(BIN)/python -m benchmarks.gpu --json gpu.json

bundle: $(READY)
	$(BIN)/python -m benchmarks.gpu.bundle $(BUNDLE) --python $(BUNDLE_PYTHON) --platform $(BUNDLE_PLATFORM) --torch $(BUNDLE_TORCH)

results: $(READY)
	$(BIN)/python -m benchmarks.real --data "$(DATA)" --cores $(CORES) $(if $(RECORD),--record "$(RECORD)") $(if $(ONLY),--only $(ONLY))

docs: $(READY)
	$(BIN)/python -m pipeline.reference

setup: $(READY)

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("error: Python 3.11 or later is needed, this is " + sys.version.split()[0] + " (make PYTHON=python3.12 ...)")'
	@echo "Installing into $(VENV): about 3 minutes and 7 GB, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

clean:
	rm -rf results .snakemake
