# Two commands: `make demo` and `make test`. Both make their own environment first.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The work is many small tensors: one thread per process beats many.
export OMP_NUM_THREADS ?= 1

.PHONY: demo test lint calibration clean

demo: $(VENV)/.installed
	$(BIN)/python -m botorch_cll demo

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

calibration: $(VENV)/.installed
	$(BIN)/python -m botorch_cll calibration

# torch goes first and alone, so that nothing else decides which of its builds is taken.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[ax,studies,distributed,docs,dev]"
	touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
