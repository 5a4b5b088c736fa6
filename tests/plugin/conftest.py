"""Runs of pytest in a process of their own, with the plugin as it is installed."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection

import pytest

# Loading them all takes four seconds.
_OTHERS = (
    "anyio",
    "asyncio",
    "hypothesispytest",
    "platformdirs",
    "schemathesis",
    "typeguard",
    "xdist",
)

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Write a test module, and run it with these other plugins only; warnings are errors."""
    # A worker of pytest-xdist sets these for its own run.
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)

    def run(module: str, *options: str, plugins: Collection[str] = ()) -> pytest.RunResult:
        pytester.makepyfile(textwrap.dedent(module))
        if "asyncio" in plugins:
            options += ("-o", "asyncio_default_fixture_loop_scope=function")
        blocked = [f"-pno:{name}" for name in _OTHERS if name not in plugins]
        return pytester.runpytest_subprocess("-Werror", "--strict-markers", *blocked, *options)

    return run
