# `make` alone lists the targets. Each does its own set-up: a virtual environment in .venv, made
# with the first Python of 3.11 to 3.13 that runs here (PYTHON=/path/to/python names another).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

# A name on PATH may be a shim of a version manager that runs nothing: each is tried, not looked up.
find_python = for python in $(1); do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	>/dev/null 2>&1 && { echo "$$python"; break; }; done
PYTHON ?= $(shell $(call find_python,python3.11 python3.12 python3.13 python3 python))

VENV := .venv
RUN := $(VENV)/bin/python
# Two workers: the tests start servers and processes of their own.
PYTEST := $(RUN) -m pytest -n 2

# What an environment depends on: the requirements, and that the generated package is there.
SOURCES := pyproject.toml generated/kataven_hub/__init__.py
# An environment holds absolute paths, so it is marked with the place it was made for.
MADE := $(VENV)/made-for-$(shell printf '%s' '$(CURDIR)' | cksum | cut -d ' ' -f 1)

# Usual settings of pip are respected; these two would only break or clutter an environment.
export PIP_USER := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A client that finds somebody's key in the environment is no test of ours.
unexport KATAVEN_API_KEY KATAVEN_ACCOUNT_ID KATAVEN_BASE_URL KATAVEN_LOG PYTHONPATH PYTHONHOME

.PHONY: help demo test check lint types layers generated wheel-test proof mutation pythons bench clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | \
	while IFS='|' read -r name text; do printf '  make %-11s %s\n' "$$name" "$$text"; done

demo: $(VENV)/has-demo ## run a campaign on an embedded Hub and watch it; nobody is called
	@$(VENV)/bin/kataven demo

test: $(VENV)/has-test ## the tests that take minutes at most
	$(PYTEST) -m "not proof and not wheel and not types and not slow"

check: lint types layers generated ## everything a commit must pass: lint, types, layers, generation, tests
	$(PYTEST) -m "not proof"

lint: $(VENV)/has-dev ## ruff: rules and format
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: $(VENV)/has-dev ## mypy --strict and pyright
	$(RUN) -m mypy --strict
	$(RUN) -m pyright --pythonpath $(RUN)

layers: $(VENV)/has-dev ## import-linter: who may import whom
	$(VENV)/bin/lint-imports

generated: $(VENV)/has-dev ## is generated/ what openapi.yaml gives?
	$(RUN) scripts/generate.py --check

wheel-test: $(VENV)/has-dev ## build the wheel, install it elsewhere, test it there
	$(PYTEST) -m wheel

proof: $(VENV)/has-dev ## the long proofs, mutation, then the tests on every other Python here
	$(RUN) -m pytest -m proof
	$(MAKE) --no-print-directory mutation
	$(MAKE) --no-print-directory pythons

# mutmut wraps what it mutates and stays out of the environment that the checks use.
mutation: $(MADE) ## is every change of the decoder and of the retry rules noticed by a test?
	@test -x .cache/venv-mutation/bin/mutmut || { "$(PYTHON)" -m venv .cache/venv-mutation && \
		.cache/venv-mutation/bin/python -m pip install --quiet -e '.[test]' mutmut==3.8.1; }
	rm -rf mutants
	.cache/venv-mutation/bin/mutmut run --max-children 2
	@.cache/venv-mutation/bin/mutmut results | tee .cache/mutants-left
	@! grep -q . .cache/mutants-left || { echo "these changes were noticed by no test" \
		"(mutmut show NAME tells what each is)" >&2; exit 1; }

# The other Pythons: by name, or where pyenv keeps them.
pythons: ## the tests on every other Python of 3.11, 3.12 and 3.13 that is here
	@here=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	for version in 3.11 3.12 3.13; do \
		[ "$$version" = "$$here" ] && continue; \
		found=$$($(call find_python,python$$version "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$$version.*/bin/python)); \
		if [ -z "$$found" ]; then echo "Python $$version is not on this machine: not tested"; continue; fi; \
		echo "Python $$version: $$found"; \
		"$$found" -m venv .cache/venv-$$version && \
		.cache/venv-$$version/bin/python -m pip install --quiet -e '.[test]' && \
		.cache/venv-$$version/bin/python -m pytest -n 2 -q -m "not proof and not wheel and not types and not slow" || exit 1; \
	done

bench: $(VENV)/has-dev ## the benchmarks, as ratios beside their goals
	$(RUN) benchmarks/run.py

clean: ## remove environments, caches and what the demo wrote
	rm -rf $(VENV) .cache build dist kataven-demo benchmarks/scratch mutants
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find kataven generated scripts tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment that was made for another place, or whose Python is gone, is made from nothing.
$(MADE):
	@test -n "$(PYTHON)" || { echo "kataven needs Python 3.11 or newer with its venv module, and none of" \
		"python3.11, python3.12, python3.13, python3 runs here. Install one (on Debian: apt-get install" \
		"python3.11-venv), or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "kataven needs Python 3.11 or newer; $(PYTHON) is not one" >&2; exit 1; }
	@echo "making an environment in $(VENV) with $(PYTHON)"
	@if ls $(VENV)/made-for-* >/dev/null 2>&1 || ! $(RUN) -c '' 2>/dev/null; then rm -rf $(VENV); fi
	@"$(PYTHON)" -m venv $(VENV)
	@touch $@

# Each set holds the one before it.
$(VENV)/has-demo: $(MADE) $(SOURCES)
	@echo "installing kataven with what the demo needs"
	@$(RUN) -m pip install --quiet -e '.[cli,sandbox]'
	@touch $@

$(VENV)/has-test: $(MADE) $(SOURCES)
	@echo "installing kataven with what the tests need (a minute or two, once)"
	@$(RUN) -m pip install --quiet -e '.[test]'
	@touch $(VENV)/has-demo $@

$(VENV)/has-dev: $(MADE) $(SOURCES)
	@echo "installing kataven with what the checks need (a minute or two, once)"
	@$(RUN) -m pip install --quiet -e '.[dev]'
	@touch $(VENV)/has-demo $(VENV)/has-test $@
