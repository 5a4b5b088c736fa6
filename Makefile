# `make` alone lists the targets. Each one sets up what it needs: a virtual environment in .venv,
# created with the first Python 3.11 to 3.13 that runs here (PYTHON=/path/to/python selects another).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

# Run each candidate instead of looking it up: on PATH it may be a version manager's shim that fails.
find_python = for python in $(1); do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	>/dev/null 2>&1 && { echo "$$python"; break; }; done
PYTHON ?= $(shell $(call find_python,python3.11 python3.12 python3.13 python3 python))

VENV := .venv
RUN := $(VENV)/bin/python
# More workers than cores: many tests wait for a process or a clock.
PYTEST := $(RUN) -m pytest -n 3

# An environment depends on the requirements and on the presence of the generated package.
SOURCES := pyproject.toml generated/kataven_hub/__init__.py
# An environment contains absolute paths, so a marker file names the folder it was created for.
MADE := $(VENV)/made-for-$(shell printf '%s' '$(CURDIR)' | cksum | cut -d ' ' -f 1)

# A recent pip chooses the versions in a third of the time; without it, the one that Python brings does.
# Nothing is compiled at installation: most modules of these libraries are never imported.
NEWER_PIP = $(RUN) -m pip install --quiet --no-compile --upgrade pip || echo "continuing with the older pip"
INSTALL := -m pip install --quiet --no-compile

# The user's pip settings apply, except these two, which would break the environment or add noise.
export PIP_USER := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests must not pick up the developer's own key or settings.
# They start hundreds of processes that import the package: compile it once.
unexport PYTHONDONTWRITEBYTECODE
unexport KATAVEN_API_KEY KATAVEN_ACCOUNT_ID KATAVEN_BASE_URL KATAVEN_PROFILE KATAVEN_LOG PYTHONPATH PYTHONHOME

.PHONY: help setup demo docs test check lint types layers generated wheel-test coverage proof mutation pythons \
	lowest constraints release-check bench clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | \
	while IFS='|' read -r name text; do printf '  make %-13s %s\n' "$$name" "$$text"; done

setup: $(VENV)/has-dev ## the developer's environment in .venv: all tools of the tests, checks and scripts
	@echo "ready: $(RUN) -m pytest tests/events -q"

demo: $(VENV)/has-demo ## run a campaign on an embedded Hub and watch it; no real calls are made
	@$(VENV)/bin/kataven demo

docs: $(VENV)/has-docs ## build the documentation site in build/docs; it needs no network
	$(RUN) -m sphinx -b html -W --keep-going -n -q docs build/docs
	@echo "open build/docs/index.html, or serve it: $(RUN) -m http.server -b 127.0.0.1 -d build/docs"

test: $(VENV)/has-test ## the tests, without the slow ones
	$(PYTEST) -m "not proof and not wheel and not types and not slow"

check: lint types layers generated ## what every commit must pass: lint, types, layers, generated code, all tests except proofs
	$(PYTEST) -m "not proof" $(PYTEST_OPTIONS)

lint: $(VENV)/has-dev ## ruff (rules and format) and codespell
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(VENV)/bin/codespell

types: $(VENV)/has-dev ## mypy --strict and pyright
	$(RUN) -m mypy --strict
	$(RUN) -m pyright --pythonpath $(RUN)

layers: $(VENV)/has-dev ## import-linter: the import rules between packages
	$(VENV)/bin/lint-imports

generated: $(VENV)/has-dev ## check that generated/, the blocking clients and the pages of commands and messages match their sources
	$(RUN) scripts/generate.py --check
	$(RUN) scripts/make_blocking.py --check
	$(RUN) scripts/make_cli_reference.py --check
	$(RUN) scripts/make_messages.py --check

wheel-test: $(VENV)/has-dev ## build the wheel, install it in another environment, run tests there
	$(PYTEST) -m wheel

# With the slow tests, and without those of scripts and archives. A test that looks at the imports, the memory
# or the disk of a process sees the measurement there and may fail: `make check` judges, this measures.
coverage: $(VENV)/has-dev ## measure which lines and branches the tests reach, compared with the goals
	rm -rf .cache/coverage && mkdir -p .cache/coverage
	-$(RUN) -m coverage run -m pytest -n 2 -q -m "not proof and not wheel and not types" \
		--ignore=tests/codegen --ignore=tests/packaging --ignore=tests/typing
	$(RUN) -m coverage combine --quiet
	$(RUN) -m coverage json --quiet -o .cache/coverage/coverage.json
	$(RUN) scripts/coverage_goals.py .cache/coverage/coverage.json

proof: $(VENV)/has-dev ## the long proofs, mutation testing, then the tests on the other Pythons
	$(RUN) -m pytest -m proof
	$(MAKE) --no-print-directory mutation
	$(MAKE) --no-print-directory pythons

# mutmut has an environment of its own: it wraps the modules that it mutates.
mutation: $(MADE) ## check that tests notice small changes of the code; AREA=retry selects one area
	@test -x .cache/venv-mutation/bin/mutmut || { "$(PYTHON)" -m venv .cache/venv-mutation && \
		.cache/venv-mutation/bin/python -m pip install --quiet -e '.[test]' mutmut==3.8.1; }
	.cache/venv-mutation/bin/python scripts/mutation.py $(AREA)

# Finds the other Pythons by name on PATH, or in pyenv's folder.
pythons: ## the tests on each other Python of 3.11, 3.12 and 3.13 that is installed
	@here=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	for version in 3.11 3.12 3.13; do \
		[ "$$version" = "$$here" ] && continue; \
		found=$$($(call find_python,python$$version "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$$version.*/bin/python)); \
		if [ -z "$$found" ]; then echo "Python $$version is not installed: not tested"; continue; fi; \
		echo "Python $$version: $$found"; \
		"$$found" -m venv .cache/venv-$$version && \
		.cache/venv-$$version/bin/python -m pip install --quiet -e '.[test]' && \
		.cache/venv-$$version/bin/python -m pytest -n 3 -q -m "not proof and not wheel and not types and not slow" || exit 1; \
	done

# The oldest Python with the oldest libraries; the newest libraries are what every other target uses.
LOWEST := .cache/venv-lowest
lowest: $(MADE) ## the tests of the core, and some of each extra, with the lowest supported versions
	@python="$$($(call find_python,python3.11 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.11.*/bin/python))"; \
	"$${python:-$(PYTHON)}" -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet -e '.[all]' -r scripts/constraints/lowest.txt
	$(LOWEST)/bin/python -m pytest -n 2 -q -m "not proof and not wheel and not types and not slow" \
		tests/unit tests/events tests/transport tests/client tests/contacts tests/cli/test_command.py \
		tests/cli/test_config.py tests/cli/test_demo.py tests/sandbox/test_hub_contacts.py

constraints: $(VENV)/has-dev ## write scripts/constraints: the lowest and the newest library versions
	$(RUN) scripts/constraints.py

release-check: $(VENV)/has-dev ## build and test what would be released; print a checklist. Takes twenty minutes
	$(RUN) scripts/release_check.py

bench: $(VENV)/has-dev ## the benchmarks, as ratios compared with their goals
	$(RUN) benchmarks/run.py

clean: ## remove environments, caches and the results of the demo
	rm -rf $(VENV) .cache build dist kataven-demo benchmarks/scratch
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find kataven generated scripts tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment that was created for another folder, or whose Python is gone, is created again.
$(MADE):
	@test -n "$(PYTHON)" || { echo "kataven needs Python 3.11 or newer with the venv module, but none of" \
		"python3.11, python3.12, python3.13, python3 works. Install one (on Debian: apt-get install" \
		"python3.11-venv) or select one: make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "kataven needs Python 3.11 or newer; $(PYTHON) is older" >&2; exit 1; }
	@echo "creating a virtual environment in $(VENV) with $(PYTHON)"
	@if ls $(VENV)/made-for-* >/dev/null 2>&1 || ! $(RUN) -c '' 2>/dev/null; then rm -rf $(VENV); fi
	@"$(PYTHON)" -m venv $(VENV)
	@$(NEWER_PIP)
	@touch $@

# Each set of requirements includes the previous one.
$(VENV)/has-demo: $(MADE) $(SOURCES)
	@echo "installing kataven with the requirements of the demo"
	@$(RUN) $(INSTALL) -e '.[cli,sandbox]'
	@touch $@

$(VENV)/has-test: $(MADE) $(SOURCES)
	@echo "installing kataven with the requirements of the tests (a minute or less, only once)"
	@$(RUN) $(INSTALL) -e '.[test]'
	@touch $(VENV)/has-demo $@

$(VENV)/has-docs: $(MADE) $(SOURCES)
	@echo "installing kataven with the requirements of the site (a minute or less, only once)"
	@$(RUN) $(INSTALL) -e '.[docs]'
	@touch $(VENV)/has-demo $@

$(VENV)/has-dev: $(MADE) $(SOURCES)
	@echo "installing kataven with the requirements of the checks (a minute or less, only once)"
	@$(RUN) $(INSTALL) -e '.[dev]'
	@touch $(VENV)/has-demo $(VENV)/has-test $(VENV)/has-docs $@
