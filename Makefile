# Everything happens inside this folder: .venv/ holds the packages, build/ what was built.
#
#   make demo       build, prepare the demo model, convert it and ask it a question
#   make test       everything that can be tested without a Mac (under 20 minutes on 2 cores)
#   make test-long  the same and the tests marked `long`
#   make lint       formatting, linters and type checks
#   make bench      speed on this machine, demo model (see docs/SPEED.md for the 20b shape)
#   make train      train the demo model anew (see docs/DEMO_MODEL.md)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml CMakeLists.txt $(shell find csrc python tools/convert -name '*.cpp' -o -name '*.h' -o -name '*.py')

.PHONY: build demo test test-long lint bench train clean

build: $(VENV)/.built

$(VENV)/.created:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else "gptoss-metal needs Python 3.10 or newer, this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

$(VENV)/.built: $(VENV)/.created $(SOURCES)
	$(BIN)/python -m pip install --quiet .
	touch $@

$(VENV)/.group-%: $(VENV)/.created pyproject.toml
	$(BIN)/python -m pip install --quiet --group $*
	touch $@

demo: build $(VENV)/.group-demo
	$(BIN)/python tools/demo/prepare.py
	echo 'What is 27 + 15?' | $(BIN)/gptoss-metal chat demo --temperature 0 --show-reasoning

test: build $(VENV)/.group-test
	$(BIN)/python -m pytest -m 'not long'

test-long: build $(VENV)/.group-test
	$(BIN)/python -m pytest

lint: build $(VENV)/.group-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p gptoss_metal
	$(BIN)/mypy benchmarks examples
	git ls-files 'csrc/*.h' 'csrc/*.cpp' | xargs $(BIN)/clang-format --dry-run --Werror

bench: build $(VENV)/.group-demo
	$(BIN)/python tools/demo/prepare.py
	$(BIN)/gptoss-metal bench demo

train: build $(VENV)/.group-test
	. $(BIN)/activate && sh tools/demo/train.sh

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
