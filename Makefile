# All that is installed stays in this folder: .tools/ (uv, where the machine has none), .venv/ (the
# tap and its tests) and .meltano/ (Meltano's plugins). Versions are pinned in requirements/.
# PYTHON=python3.13 chooses another Python than the first 3.11 or later found.
PYTHON ?=
UV ?= $(if $(shell uv --version 2> /dev/null),uv,.tools/bin/uv)
UV_VERSION := 0.13.9
export UV_PYTHON_DOWNLOADS := never
unexport PYTHONDONTWRITEBYTECODE # tests start hundreds of programs, each of which would compile itself
VENV := .venv/bin
TESTS := quick
MARKED_quick := -m 'not slow'
MARKED_slow := -m slow
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock" $(LOCK_OPTIONS)

.PHONY: help demo scale-demo test scale-test lint format docs bench dist lock clean
help: ## Show this help
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: .venv/ready ## Watch an incremental sync against a simulated Ayra API (no key, no server)
	@$(VENV)/python -m sandbox.demo

scale-demo: .venv-scale/ready ## Watch six accounts on Dagster: backfill, page, limits (docs/scale-out.md)
	@.venv-scale/bin/python -m sandbox.scale_demo

test: .venv/ready ## Run the tests in about 2 minutes (TESTS=all: the slow ones too; PYTEST_OPTIONS=--cov: with coverage)
	$(if $(filter quick slow all,$(TESTS)),,$(error TESTS=$(TESTS): expected quick, slow or all))
	@$(VENV)/python -m sandbox.meltano_project
	$(VENV)/python -m pytest --numprocesses=auto --dist=loadgroup $(MARKED_$(TESTS)) $(PYTEST_OPTIONS)

scale-test: .venv-scale/ready $(if $(filter all,$(SCALE_TESTS)),.venv-airflow/ready) ## Test scale-out; needs Chromium (SCALE_TESTS=quick: without, in 2 minutes; =all: an hour)
	.venv-scale/bin/python -m pytest tests/scale \
		$(if $(filter all,$(SCALE_TESTS)),,-m 'not long') \
		$(if $(filter quick,$(SCALE_TESTS)),--ignore=tests/scale/test_engine.py)

lint: .venv/ready | $(filter .tools/bin/uv,$(UV)) ## Check style, formatting and types
	$(VENV)/ruff check
	$(VENV)/ruff format --check
	$(VENV)/mypy
	$(VENV)/lint-imports --no-cache --no-logo
	$(VENV)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(VENV)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(VENV)/zizmor --offline --quiet .github
	$(VENV)/hadolint Dockerfile orchestrate/kubernetes/Dockerfile
	$(UV) pip check --quiet --python $(VENV)/python

format: .venv/ready ## Format the code
	$(VENV)/ruff check --fix-only
	$(VENV)/ruff format

docs: .venv/ready ## Write the generated files: settings, errors, catalog.json
	@$(VENV)/python -m docs

bench: .venv/ready | $(filter .tools/bin/uv,$(UV)) ## Benchmark against dlt, Airbyte and others (25 min)
	UV='$(UV)' $(VENV)/python -m benchmarks

dist: | $(filter .tools/bin/uv,$(UV)) ## Build the wheel and sdist
	rm -rf dist
	$(UV) build --quiet

lock: | $(filter .tools/bin/uv,$(UV)) ## Update the pins in requirements/ (LOCK_OPTIONS=--upgrade: to the newest versions)
	$(LOCK) --group dev pyproject.toml --output-file requirements/dev.txt
	$(LOCK) --constraints requirements/dev.txt pyproject.toml --output-file requirements/tap-ayra.txt
	$(LOCK) --constraints requirements/dev.txt --group pyproject.toml:build --output-file requirements/build.txt
	$(LOCK) --group pyproject.toml:orchestrate --output-file requirements/orchestrate.txt
	$(LOCK) --group pyproject.toml:scale --constraints requirements/orchestrate.txt \
		--output-file requirements/scale.txt
	$(LOCK) --group pyproject.toml:airflow --output-file requirements/airflow.txt
	for target in jsonl postgres; do \
		sed -n "s/^ *pip_url: \(.*target-$$target==.*\)/\1/p" meltano.yml \
		| $(LOCK) - --output-file requirements/target-$$target.txt || exit 1; \
	done

clean: ## Delete environments and caches (keeps output/ and bookmarks)
	rm -rf .coverage* .tools .venv .venv-airflow .venv-scale .demo .scale-demo dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -rf .meltano/extractors .meltano/loaders .meltano/run
	find tap_ayra tests -name __pycache__ -prune -exec rm -rf {} +

.tools/bin/uv:
	$(or $(PYTHON),python3) -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/ready: pyproject.toml requirements/dev.txt | $(filter .tools/bin/uv,$(UV))
	@echo "Installing tap-ayra into .venv …"
	@rm -rf .venv
	@$(UV) venv --quiet --no-project --python '$(or $(PYTHON),>=3.11)' .venv
	@$(UV) pip sync --quiet --python $(VENV)/python --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --python $(VENV)/python --no-deps --editable .
	@touch $@

.venv-scale/ready .venv-airflow/ready: .venv-%/ready: requirements/%.txt | $(filter .tools/bin/uv,$(UV))
	@echo "Installing requirements/$*.txt into .venv-$* …"
	@rm -rf .venv-$*
	@$(UV) venv --quiet --no-project --python '$(or $(PYTHON),>=3.11)' .venv-$*
	@$(UV) pip sync --quiet --python .venv-$*/bin/python --require-hashes requirements/$*.txt
	@touch $@
