# Everything happens inside this folder: .venv/ holds the packages, build/ what was built.
#
#   make demo       build, prepare the demo model, convert it and ask it a question
#   make test       everything that can be tested without a Mac (under 20 minutes on 2 cores)
#   make test-metal the part of it that runs the Metal backend on software Metal
#   make test-clients  every client of docs/CLIENTS.md, the npm ones too (1 GB of packages)
#   make test-long  everything, with the tests marked `long`
#   make wheel-macos  build the macOS wheel here, and check it
#   make lint       formatting, linters and type checks
#   make bench      speed on this machine, demo model (see docs/SPEED.md for the 20b shape)
#   make peers      the same beside llama.cpp (built once: ten minutes), small shape
#   make train      train the demo model anew (see docs/DEMO_MODEL.md)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml CMakeLists.txt $(shell find csrc python tools/convert -name '*.cpp' -o -name '*.h' -o -name '*.py')
METAL_SOURCES := $(wildcard cmake/* metal/* packaging/*.py)
# The same package, compiled by the clang of the ziglang wheel, with the Metal backend over software
# Metal: first in the module path, it takes the place of the installed one.
SOFTMETAL := $(CURDIR)/build/softmetal/site
COVERAGE := $(CURDIR)/build/coverage
WITH_METAL := PYTHONPATH=$(SOFTMETAL)
WITH_COVERAGE := $(WITH_METAL) SOFTMETAL_COVERAGE=1 GPTOSS_METAL_COVERAGE=$(COVERAGE)
METAL_TESTS := tests/softmetal tests/metal
# Whole models and conversations: without the kernels' coverage counters, which make them slow.
WHOLE_MODELS := tests/metal/test_logits.py tests/metal/test_chat.py tests/metal/test_demo.py
CLIENTS := build/clients
NPM_TESTS := tests/clients/npm
ORDERS := forward reverse seeded:1 seeded:2 seeded:3

.PHONY: build build-metal demo test test-metal test-clients test-long wheel-macos lint bench peers train clean

build: $(VENV)/.built

$(VENV)/.created:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else "gptoss-metal needs Python 3.10 or newer, this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

$(VENV)/.built: $(VENV)/.created $(SOURCES)
	$(BIN)/python -m pip install --quiet '.[tools]'
	touch $@

$(VENV)/.group-%: $(VENV)/.created pyproject.toml
	$(BIN)/python -m pip install --quiet --group $*
	touch $@

demo: build $(VENV)/.group-demo
	$(BIN)/python tools/demo/prepare.py
	echo 'What is 27 + 15?' | $(BIN)/gptoss-metal chat demo --temperature 0 --show-reasoning

build-metal: $(SOFTMETAL)/.built

$(SOFTMETAL)/.built: $(VENV)/.created $(VENV)/.group-test $(SOURCES) $(METAL_SOURCES)
	rm -rf $(SOFTMETAL)
	# Here, not in the build itself, whose isolated environment may have no pip to download with.
	$(BIN)/python packaging/metal_cpp.py build/metal-cpp
	ZIG=$$($(BIN)/python -c 'import os, ziglang; print(os.path.join(os.path.dirname(ziglang.__file__), "zig"))') && \
	$(BIN)/python -m pip install --quiet --no-deps --target $(SOFTMETAL) . \
	  -C build-dir=build/softmetal/cmake -C install.strip=false \
	  -C cmake.define.CMAKE_TOOLCHAIN_FILE=$(CURDIR)/cmake/zig.cmake \
	  -C cmake.define.ZIG=$$ZIG -C cmake.define.GPTOSS_SOFTMETAL=ON
	touch $@

# Clients in environments of their own: what they need cannot change what the server runs on.
$(CLIENTS)/.python: pyproject.toml
	$(PYTHON) -m venv $(CLIENTS)/python
	$(CLIENTS)/python/bin/python -m pip install --quiet --upgrade pip
	$(CLIENTS)/python/bin/python -m pip install --quiet --group clients
	touch $@

$(CLIENTS)/.npm: $(NPM_TESTS)/package-lock.json
	mkdir -p $(CLIENTS)/npm
	cp $(addprefix $(NPM_TESTS)/,package.json package-lock.json .npmrc) $(CLIENTS)/npm
	cd $(CLIENTS)/npm && npm install --silent
	touch $@

test: build $(VENV)/.group-test $(CLIENTS)/.python
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not long' --hypothesis-profile fixed \
	  $(addprefix --ignore=,$(METAL_TESTS) $(NPM_TESTS))
	$(MAKE) test-metal

test-metal: build build-metal
	rm -rf $(COVERAGE)
	$(WITH_METAL) $(BIN)/python -m pytest -n 2 --dist loadfile -m 'not long' tests/softmetal $(WHOLE_MODELS)
	$(WITH_COVERAGE) $(BIN)/python -m pytest -n 2 --dist loadfile -m 'not long' tests/metal $(addprefix --ignore=,$(WHOLE_MODELS))
	$(WITH_METAL) $(BIN)/python -m tests.metal.coverage $(COVERAGE)

test-clients: build $(VENV)/.group-test $(CLIENTS)/.python $(CLIENTS)/.npm
	$(BIN)/python -m pytest tests/clients

test-long: test build-metal
	$(BIN)/python -m pytest -m long $(addprefix --ignore=,$(METAL_TESTS))
	$(BIN)/python -m pytest $(shell grep -rl --include="*.py" "from hypothesis" tests)
	$(WITH_METAL) $(BIN)/python -m pytest -m long $(METAL_TESTS)
	for order in $(ORDERS); do \
	  PYTHONPATH=$(SOFTMETAL) SOFTMETAL_MODE=checked SOFTMETAL_ORDER=$$order \
	  $(BIN)/python -m pytest tests/metal/kernels tests/metal/test_logits.py || exit 1; \
	done

wheel-macos: $(VENV)/.created $(VENV)/.group-test
	$(BIN)/python packaging/macos/wheel.py dist

# The test group too: mypy reads the packages that the benchmarks use.
lint: build $(VENV)/.group-lint $(VENV)/.group-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p gptoss_metal
	$(BIN)/mypy benchmarks examples
	$(BIN)/mypy packaging/*.py packaging/macos/*.py
	git ls-files 'csrc/*.h' 'csrc/*.cpp' 'metal/*.h' | xargs $(BIN)/clang-format --dry-run --Werror

bench: build $(VENV)/.group-demo
	$(BIN)/python tools/demo/prepare.py
	$(BIN)/gptoss-metal bench demo

peers: build $(VENV)/.group-peers
	. $(BIN)/activate && python -m benchmarks.peers --shape small --check --plot build/peers/small

train: build $(VENV)/.group-test
	. $(BIN)/activate && sh tools/demo/train.sh

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
