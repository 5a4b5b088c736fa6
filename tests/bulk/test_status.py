"""What the ledger has fixed, read without a client and without making a ledger."""

from pathlib import Path

import pytest

from kataven import ConfigurationError, KatavenClient
from kataven.bulk import BulkError, BulkPlan, BulkRun, status
from kataven.sandbox import Clock, Sandbox
from tests.bulk.test_run import SETTINGS, make_plan


@pytest.fixture
def plan(tmp_path: Path) -> BulkPlan:
    return make_plan(tmp_path / "plan", 2)


def test_status_without_a_launch_makes_no_ledger(plan: BulkPlan) -> None:
    assert status(plan).counts["planned"] == 2
    assert status(plan.directory).wanted == "running"
    assert not (plan.directory / "ledger.sqlite").exists()


@pytest.mark.parametrize("store", ["file", pytest.param("redis", marks=pytest.mark.slow)])
def test_a_run_is_opened_with_the_settings_of_its_launch(
    plan: BulkPlan, store: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    where = str(tmp_path / "ledger.sqlite")
    if store == "redis":
        where = request.getfixturevalue("durable_redis")
    with (
        Sandbox(time_scale=Clock.manual(), seed=1, limits=None) as hub,
        KatavenClient(hub.api_key, base_url=hub.url, clock=hub.client_clock) as client,
    ):
        with pytest.raises(BulkError, match="not launched with this ledger"):
            BulkRun.open(plan, client, store=where)
        with BulkRun(plan, client, **SETTINGS, store=where) as run:
            run.launch()
        assert status(plan, store=where).counts["started"] == 2
        with BulkRun.open(plan, client, store=where) as opened:
            opened.pause()
            assert status(plan, store=where).wanted == "paused"
            opened.resume()
            assert opened.apply().counts["finished"] == 2
        hub.assert_called_once_each()


def test_an_opened_run_changes_no_settings(plan: BulkPlan) -> None:
    with (
        Sandbox(time_scale=Clock.manual(), seed=1, limits=None) as hub,
        KatavenClient(hub.api_key, base_url=hub.url, clock=hub.client_clock) as client,
    ):
        with BulkRun(plan, client, **SETTINGS) as first:
            first.status()
        with (
            BulkRun.open(plan, client) as opened,
            BulkRun(plan, client, **{**SETTINGS, "agent_id": "other"}) as second,
        ):
            # Nothing was sent, so a launch may fix others.
            second.status()
            with pytest.raises(ConfigurationError, match="other settings"):
                opened.watch()
            second.apply()
        hub.assert_called_once_each()
