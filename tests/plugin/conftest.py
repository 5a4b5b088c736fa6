"""Runs of pytest in a process of their own, with the plugin as it is installed."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Write a test module, and run it; warnings are errors."""
    # A worker of pytest-xdist sets these for its own run.
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    pytester.makeini(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\naddopts = --strict-markers\n"
    )

    def run(module: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(textwrap.dedent(module))
        return pytester.runpytest_subprocess("-W", "error", *options)

    return run
