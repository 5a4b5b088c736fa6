"""Pauses and resumes at the edges of local hours that fail: tried again, or the part has failed."""

from pathlib import Path
from typing import Any

import pytest

from kataven import APIConnectionError, KatavenClient
from kataven.sandbox import Sandbox
from tests.bulk.test_windows import (
    CALLS,
    NEW_YORKERS,
    calls,
    client,
    clock,
    go_to,
    hub,
    next_day,
    plan_of,
    run_of,
    statuses,
)

__all__ = ["client", "clock", "hub"]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 429}, {"reset": "before"}], ids=str)
def test_a_pause_that_fails_is_tried_again_before_the_next_poll(
    hub: Sandbox, client: KatavenClient, tmp_path: Path, fault: dict[str, Any]
) -> None:
    monday = next_day(hub, 0, 10)
    go_to(hub, monday)
    with run_of(plan_of(tmp_path, *NEW_YORKERS), client) as run:
        run.launch()
        keeper = run._worker()._keeper
        go_to(hub, monday.replace(hour=16, minute=59))
        hub.faults.add("POST /campaigns/*/pause", **fault)
        keeper.keep()
        assert statuses(client) == {"running": 1}
        hub.advance(25)
        keeper.keep()
        assert statuses(client) == {"paused": 1}


@pytest.mark.parametrize("status", [409, 429])
def test_a_resume_that_is_refused_is_tried_again(
    hub: Sandbox, client: KatavenClient, tmp_path: Path, status: int
) -> None:
    go_to(hub, next_day(hub, 0, 9))
    with run_of(plan_of(tmp_path, *NEW_YORKERS), client) as run:
        used = hub.faults.add("POST /campaigns/*/resume", status=status)
        assert run.apply().counts["finished"] == 1
    assert used.used == 1
    assert all(len(each) == CALLS for each in calls(hub).values())


@pytest.mark.parametrize("reset", ["before", "after"])
def test_the_next_run_continues_after_a_resume_without_a_response(
    hub: Sandbox, client: KatavenClient, tmp_path: Path, reset: Any
) -> None:
    go_to(hub, next_day(hub, 0, 9))
    with run_of(plan_of(tmp_path, *NEW_YORKERS), client) as run:
        hub.faults.add("POST /campaigns/*/resume", reset=reset)
        with pytest.raises(APIConnectionError, match="may have processed"):
            run.apply()
        assert run.apply().counts["finished"] == 1
    assert all(len(each) == CALLS for each in calls(hub).values())


@pytest.mark.parametrize("operation", ["pause", "resume"])
def test_the_part_of_a_campaign_that_does_not_exist_has_failed(
    hub: Sandbox, client: KatavenClient, tmp_path: Path, operation: str
) -> None:
    go_to(hub, next_day(hub, 0, 9))
    with run_of(plan_of(tmp_path, *NEW_YORKERS), client) as run:
        used = hub.faults.add(f"POST /campaigns/*/{operation}", status=404)
        last = run.apply()
    assert used.used == 1
    assert [(each.state, each.status) for each in last.parts] == [("failed", "deleted")]
    assert last.finished
