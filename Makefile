# `make run` and `make test` need nothing but Python 3.11 or newer and make: each sets up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run test quick checks package tests docs test-browser test-wheel bench
run: $(STAMP)
	$(BIN)/graphtwin run --resume --out runs/minnie65

test: $(STAMP)
	$(MAKE) --jobs=2 checks tests

# What to run while you work: under a minute on two cores that do nothing else.
quick: $(STAMP)
	$(BIN)/ruff check .
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile -m 'not slow' -q

checks: package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What would be published: built from what git tracks, and looked at.
package: $(STAMP)
	out=$$(mktemp -d) && tests/wheel/build.sh $$out && rm -r $$out

# One thread a process: two processes of two threads on two cores are twice as slow. Bytecode is kept: processes that tests start compile nothing again.
tests: $(STAMP)
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

# The site, in build/site: notebooks run, links and docstrings are checked, and whatever is wrong ends the build.
docs: $(STAMP)
	rm -rf build/site build/doctrees
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m sphinx --jobs 2 --fail-on-warning --quiet -c docs/sphinx -d build/doctrees . build/site
	@echo "open build/site/index.html"

# Needs node, npm and Chromium.
test-browser: $(STAMP)
	tests/browser/run.sh

# Builds the wheel and tries it in an environment of its own, some minutes.
test-wheel: $(STAMP)
	tests/wheel/run.sh

bench: $(STAMP)
	for benchmark in benchmarks/bench_*.py; do $(BIN)/python $$benchmark || exit 1; done

# torch is named here so that it and everything that needs it are resolved together.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0 -e '.[dev,docs]'
	touch $(STAMP)
