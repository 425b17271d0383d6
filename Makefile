# Everything a newcomer needs: `make run` and `make test`. Python 3.11 or newer is the only thing that must be there;
# `make lint` and `make format` need Node 20 as well, for styles and scripts. With VENV=… the environment, and all that
# these commands write, is elsewhere, so that a checkout may be read-only.
PYTHON ?= python3
PORT ?= 5000
VENV ?= .venv
BIN := $(VENV)/bin
TEMPLATES := admin_views/templates
# Where the environment is, said in full: a recipe may go to another folder, and a path may have blanks.
HERE = "$$(cd "$(VENV)" && pwd)"
# What setuptools and the tests would write beside the sources.
BUILD := $(VENV)/build.cfg
TESTS := -n 2 --dist worksteal
NEEDS_COMPILER := echo "The locked dependencies could not be installed (above). Linux and macOS need no compiler with Python 3.11 to 3.13; elsewhere install a C compiler and Python's headers (build-essential and python3-dev)." >&2
# Whoever changes only Python need not have Node; a change does not land without these tests.
NO_NPM := echo "SKIPPED: the TypeScript client is not tested, for npm is not there: install Node 20 or newer" >&2; test -z "$$CI"
NODE_STAMP := node_modules/run.stamp
TYPESCRIPT := clients/typescript
TYPESCRIPT_STAMP := $(TYPESCRIPT)/node_modules/run.stamp
GENERATORS := tests/api/generators
GENERATORS_STAMP := $(GENERATORS)/node_modules/run.stamp
BIOME := node_modules/.bin/biome

.DEFAULT_GOAL := help
.PHONY: help run test typescript lint format bench pictures lock clean

help: ## What there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

run: $(VENV)/run.stamp ## Install, migrate, seed and serve on 127.0.0.1:$(PORT)
	@"$(BIN)/avs" serve --port $(PORT)

test: $(VENV)/dev.stamp ## Every test, PostgreSQL, a browser and the client library included
	"$(BIN)/python" -m tests.browser.provide
	@if command -v npm >/dev/null && test -w $(GENERATORS); then $(MAKE) --no-print-directory $(GENERATORS_STAMP); fi
	here=$(HERE); export HYPOTHESIS_STORAGE_DIRECTORY="$$here/hypothesis"; \
	"$$here/bin/pytest" $(TESTS) -o cache_dir="$$here/pytest_cache" && \
	cd clients/python && "$$here/bin/python" -m pytest $(TESTS) -o cache_dir="$$here/client_pytest_cache"
	@if ! command -v npm >/dev/null; then $(NO_NPM); \
	elif ! test -w $(TYPESCRIPT); then echo "SKIPPED: the TypeScript client is not tested, for its folder may not be written" >&2; \
	else $(MAKE) --no-print-directory typescript; fi

typescript: $(VENV)/dev.stamp $(TYPESCRIPT_STAMP) ## The TypeScript client: types, build and tests, compared with Python's
	here=$(HERE); cd $(TYPESCRIPT) && AVS_PYTHON="$$here/bin/python" npm test --silent

lint: $(VENV)/dev.stamp $(NODE_STAMP) $(TYPESCRIPT_STAMP) ## Style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djangofmt --check $(TEMPLATES)
	$(BIN)/djlint --lint --quiet $(TEMPLATES)
	$(BIOME) check --error-on-warnings
	cd $(TYPESCRIPT) && npm run --silent types
	$(BIN)/mypy
	here=$(HERE); cd clients/python && "$$here/bin/mypy"
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp $(NODE_STAMP) ## Rewrite the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djangofmt $(TEMPLATES)
	$(BIOME) check --write

bench: $(VENV)/dev.stamp ## Every benchmark; writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

pictures: $(VENV)/dev.stamp ## A picture of every screen into docs/screens
	$(BIN)/python -m tests.browser.pictures

lock: $(VENV)/dev.stamp ## Resolve the dependencies anew
	$(BIN)/uv pip compile --universal --python-version 3.11 --upgrade -q --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --upgrade -q --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra dev -o requirements-dev.lock

clean: ## Remove the environment and the caches (data under AVS_DATA_DIR stays)
	rm -rf $(VENV) node_modules $(TYPESCRIPT)/node_modules $(TYPESCRIPT)/dist $(GENERATORS)/node_modules build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("AVS Brain needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python cannot make an environment: install its venv module (python3-venv on Debian and Ubuntu)" >&2; exit 1; }
	$(PYTHON) -m venv "$(VENV)"

$(VENV)/run.stamp: requirements.lock pyproject.toml | $(BIN)/python
	"$(BIN)/pip" install --quiet --disable-pip-version-check --require-hashes -r requirements.lock || { $(NEEDS_COMPILER); exit 1; }
	@mkdir -p "$(VENV)/build" && printf '[egg_info]\negg_base = %s\n[build]\nbuild_base = %s\n' "$(VENV)/build" "$(VENV)/build" > "$(BUILD)"
	DIST_EXTRA_CONFIG="$(BUILD)" "$(BIN)/pip" install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	"$(BIN)/pip" install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock || { $(NEEDS_COMPILER); exit 1; }
	@touch $@

$(NODE_STAMP): package.json package-lock.json
	@command -v npm >/dev/null || { echo "Styles and scripts are checked with Biome: install Node 20 or newer with npm" >&2; exit 1; }
	npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

$(TYPESCRIPT_STAMP): $(TYPESCRIPT)/package.json $(TYPESCRIPT)/package-lock.json
	@command -v npm >/dev/null || { echo "The TypeScript client is built and tested with npm: install Node 20 or newer" >&2; exit 1; }
	cd $(TYPESCRIPT) && npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

$(GENERATORS_STAMP): $(GENERATORS)/package.json $(GENERATORS)/package-lock.json
	cd $(GENERATORS) && npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@
