# Everything runs in .venv, made from the lock files. `make help` lists what there is.

PYTHON ?= python3
PORT ?= 3000
BIN := .venv/bin
export DAGSTER_DISABLE_TELEMETRY := yes

.DEFAULT_GOAL := help
.PHONY: help demo dev status psql doctor test test-all system-packages check bench bench-full format docs browser pictures snapshot lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: .venv/.installed ## two months of all four services, offline, into three stores
	@$(BIN)/taxi-assets demo

dev: .venv/.installed ## Dagster's UI on http://localhost:3000, or PORT=3001
	@$(BIN)/taxi-assets dev -p $(PORT)

status: .venv/.installed ## rows of every month in every store, by query
	@$(BIN)/taxi-assets status

psql: .venv/.installed ## psql on the Postgres target
	@$(BIN)/taxi-assets psql

doctor: .venv/.installed ## examine every setting
	@$(BIN)/taxi-assets doctor

test: check ## every check and test that fits in ten minutes
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-all: check browser system-packages ## the rest too: hundreds of kills, long runs, several machines, the UI in a browser
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# What tests need and no wheel brings; without it, or not as root on Debian, they skip and say so.
system-packages: ## redis-server, for the tests over several workers
	@if command -v redis-server >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -q && apt-get install -q -y --no-install-recommends redis-server; \
	else echo "redis-server is missing: the tests over several workers will skip"; fi

check: .venv/.installed-dev ## lint, format, strict types, definitions
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/dg check defs

bench: .venv/.installed-bench ## speed and memory as ratios beside every peer, small sizes, minutes
	$(BIN)/python -m benchmarks

bench-full: .venv/.installed-bench ## the same at real sizes, hours, 25 GB of disk; writes docs/performance.md
	$(BIN)/python -m benchmarks --full --write

format: .venv/.installed-dev ## format and sort imports
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: .venv/.installed ## remake the pages that are made from the code
	$(BIN)/python -m taxi_assets.tlc.schema_page docs/schema.md
	$(BIN)/python -m taxi_assets.marts.page docs/marts.md

# Chromium for the tests that look at the UI; they are skipped without it, so this never fails.
browser:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && apt-get install -q -y chromium chromium-driver && exit 0; \
	fi; \
	echo "The tests of the UI are skipped. They need Chromium and its driver: apt-get install chromium chromium-driver"

pictures: .venv/.installed-dev browser ## take the docs' screenshots anew, minutes
	$(BIN)/python -m taxi_assets_tests.browser.pictures

snapshot: .venv/.installed-dev ## rewrite the reviewed text of all definitions
	$(BIN)/python -m taxi_assets_tests.definitions_snapshot

lock: ## take up newer versions of the dependencies
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --group dev pyproject.toml -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --extra kubernetes pyproject.toml -c requirements.lock -o requirements-image.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --group bench pyproject.toml -c requirements-dev.lock -o requirements-bench.lock

# uv installs in seconds what pip installs in a minute. Bytecode is compiled now, or every start of a
# Dagster process would take twice as long.
.venv/.uv:
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 15) else "Python 3.11 to 3.14 is needed, this is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q uv
	@touch $@

.venv/.installed: .venv/.uv requirements.lock pyproject.toml
	$(BIN)/uv pip install -q -p $(BIN)/python --compile-bytecode -r requirements.lock
	$(BIN)/uv pip install -q -p $(BIN)/python --no-deps -e .
	@touch $@

.venv/.installed-dev: .venv/.installed requirements-dev.lock
	$(BIN)/uv pip install -q -p $(BIN)/python --compile-bytecode -r requirements-dev.lock
	@touch $@

.venv/.installed-bench: .venv/.installed-dev requirements-bench.lock
	$(BIN)/uv pip install -q -p $(BIN)/python --compile-bytecode -r requirements-bench.lock
	@touch $@

clean: ## remove the environment and caches, not your data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
