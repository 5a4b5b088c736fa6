"""What a slow machine needs: no deadlines for Hypothesis, and another round for short limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable

# How long an example takes means nothing. The profiles of folders inherit this one.
settings.register_profile("kataven", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kataven")

_RERUNS = 2
_LONGER = 6
# They look for a fault that may show in one run of many. Whatever `--reruns` says, one failure of
# theirs is a failure.
_NEVER_AGAIN = (
    "bulk/test_at_most_once.py",
    "bulk/test_processes.py",
    "budget/test_racing_processes.py",
)


@pytest.fixture
def brief(request: pytest.FixtureRequest) -> Callable[[float], float]:
    """The limit of a test in which something must happen before the limit passes.

    ``brief(0.3)`` is 0.3 s. If the test fails, it runs again with new fixtures and a limit of six
    times that, and then of 36 times: what it proves does not depend on the length, but a machine
    under load may be late for the short one. A round that failed is reported as ``rerun``.
    """
    # Counted by pytest-rerunfailures.
    factor = _LONGER ** (request.node.execution_count - 1)
    return lambda seconds: seconds * factor


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "brief" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.flaky(reruns=_RERUNS))
        elif item.path.as_posix().endswith(_NEVER_AGAIN):
            item.add_marker(pytest.mark.flaky(reruns=0))
