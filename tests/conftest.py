"""What a slow machine needs: no deadlines for Hypothesis, and another round for short limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable

# How long an example takes means nothing. The profiles of folders inherit this one.
settings.register_profile("kataven", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kataven")

_ROUNDS = 3
_LONGER = 6
_ROUND = pytest.StashKey[int]()


@pytest.fixture
def brief(request: pytest.FixtureRequest) -> Callable[[float], float]:
    """The limit of a test in which something must happen before the limit passes.

    ``brief(0.3)`` is 0.3 s. If the test fails, it runs again with new fixtures and a limit of six
    times that, and then of 36 times: what it proves does not depend on the length, but a machine
    under load may be late for the short one. A round that failed is reported as ``rerun``.
    """
    factor = _LONGER ** request.node.stash.get(_ROUND, 0)
    return lambda seconds: seconds * factor


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if "brief" not in getattr(item, "fixturenames", ()):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for number in range(_ROUNDS):
        item.stash[_ROUND] = number
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if number + 1 == _ROUNDS or not any(report.failed for report in reports):
            break
        for report in reports:
            if report.failed:
                report.outcome = "rerun"  # type: ignore[assignment]
                item.ihook.pytest_runtest_logreport(report=report)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_report_teststatus(report: Any) -> tuple[str, str, str] | None:
    return ("rerun", "R", "RERUN") if report.outcome == "rerun" else None
