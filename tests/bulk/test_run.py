"""A run against the embedded Hub: everything is called once, and pause and stop hold."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kataven import AsyncKatavenClient, ConfigurationError, KatavenClient
from kataven.bulk import BulkError, BulkPlan, BulkProgress, BulkRun, Part, Totals, apply_part
from kataven.bulk._plan import plan_bytes
from kataven.errors import APIConnectionError, BadRequestError
from kataven.sandbox import Clock, Sandbox

SETTINGS: dict[str, Any] = {"name": "List", "agent_id": "agent", "phone_number_id": "number"}
ROWS = 2


def make_plan(folder: Path, parts: int, seed: int = 0) -> BulkPlan:
    (folder / "parts").mkdir(parents=True)
    made = []
    for part in range(parts):
        numbers = [f"+1415{part:04d}{row:03d}" for row in range(ROWS)]
        data = "".join(f"{line}\r\n" for line in ("phone_number", *numbers)).encode()
        sha256 = hashlib.sha256(data).hexdigest()
        (folder / "parts" / f"{sha256}.csv").write_bytes(data)
        made.append(Part(sha256, f"parts/{sha256}.csv", ROWS))
    kept = ROWS * parts
    plan = BulkPlan(
        folder, f"{seed:016x}{parts:016x}", "2026-11-28T15:07:12Z", {}, Totals(kept, kept, 0, parts),
        tuple(made),
    )  # fmt: skip
    (folder / "plan.json").write_bytes(plan_bytes(plan))
    return plan


@pytest.fixture
def plan(tmp_path: Path) -> BulkPlan:
    return make_plan(tmp_path / "plan", 4)


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    with Sandbox(time_scale=Clock.manual(), seed=1, limits=None) as hub:
        yield hub


@pytest.fixture
def client(hub: Sandbox) -> Iterator[KatavenClient]:
    with KatavenClient(hub.api_key, base_url=hub.url, clock=hub.client_clock) as client:
        yield client


@pytest.fixture
def run(plan: BulkPlan, client: KatavenClient) -> Iterator[BulkRun]:
    with BulkRun(plan, client, **SETTINGS) as run:
        yield run


def writes(hub: Sandbox) -> Counter[str]:
    """The requests that came, by method and last part of the path."""
    return Counter(f"{r.method} {r.path.rpartition('/')[2]}" for r in hub.requests)


def test_everybody_is_called_once_with_two_requests_for_each_part(
    hub: Sandbox, plan: BulkPlan, client: KatavenClient
) -> None:
    seen: list[BulkProgress] = []
    with BulkRun(plan, client, **SETTINGS, on_progress=seen.append) as run:
        launched = run.launch()
        assert launched.counts["started"] == 4
        assert writes(hub) == {"GET campaigns": 1, "POST campaigns": 4, "POST start": 4}
        last = run.apply()
    assert last.finished
    assert last.counts["finished"] == 4
    assert last.contacts_done == last.contacts == 4 * ROWS
    assert writes(hub)["POST campaigns"] == writes(hub)["POST start"] == 4
    assert seen[-1] == last
    hub.assert_called_once_each()
    names = {campaign["name"] for campaign in client.campaigns.iter_campaigns()}
    assert len(names) == 4
    assert all(name.startswith("List [kv:") and name.endswith("]") for name in names)


class CountingClock:
    """The Hub's clock, which counts how often a client waits."""

    def __init__(self, hub: Sandbox) -> None:
        self._clock = hub.client_clock
        self.sleeps = 0

    def now(self) -> float:
        return self._clock.now()

    def jitter(self) -> float:
        return self._clock.jitter()

    def sleep(self, seconds: float, /) -> None:
        self.sleeps += 1
        self._clock.sleep(seconds)


def test_a_run_asks_the_hub_whenever_it_has_waited_by_the_clock_of_its_client(
    hub: Sandbox, plan: BulkPlan
) -> None:
    clock = CountingClock(hub)
    with (
        KatavenClient(hub.api_key, base_url=hub.url, clock=clock) as client,
        BulkRun(plan, client, **SETTINGS) as run,
    ):
        assert run.apply().finished
    assert 1 < clock.sleeps <= writes(hub)["GET campaigns"]


def test_a_second_run_does_what_is_missing(
    hub: Sandbox, plan: BulkPlan, client: KatavenClient
) -> None:
    part = apply_part(plan.directory, plan.parts[2], client=client, **SETTINGS)
    assert (part.state, part.sha256) == ("started", plan.parts[2].sha256)
    assert apply_part(plan, plan.parts[2].sha256, client=client, **SETTINGS) == part
    with BulkRun(plan, client, **SETTINGS) as run:
        run.apply()
        assert writes(hub)["POST campaigns"] == 4
        run.apply()
    assert writes(hub)["POST campaigns"] == 4
    hub.assert_called_once_each()


def test_other_settings_are_refused_after_the_first_launch(
    plan: BulkPlan, client: KatavenClient, run: BulkRun
) -> None:
    run.status()
    changed = {**SETTINGS, "agent_id": "other"}
    # Nothing was sent yet, so a mistake can be corrected.
    with BulkRun(plan, client, **changed) as other:
        other.launch()
    with pytest.raises(ConfigurationError, match="agent_id is 'agent' and was 'other'"):
        run.launch()


@pytest.mark.parametrize("reset", ["before", "after"])
def test_a_lost_response_to_create_is_found_or_unknown(
    hub: Sandbox, run: BulkRun, reset: Any
) -> None:
    hub.faults.add("POST /campaigns", reset=reset)
    last = run.apply()
    found = reset == "after"
    assert last.counts["unknown"] == (0 if found else 1)
    assert last.counts["finished"] == (4 if found else 3)
    assert writes(hub)["POST campaigns"] == 4
    if not found:
        assert "no campaign with [kv:" in last.unknown[0].detail
        assert run.apply().counts["unknown"] == 1
        assert writes(hub)["POST campaigns"] == 4
        assert run.apply(resend_unknown=True).counts["finished"] == 4
    hub.assert_called_once_each()


@pytest.mark.parametrize("reset", [pytest.param("before", marks=pytest.mark.slow), "after"])
def test_a_lost_response_to_start_starts_once(hub: Sandbox, run: BulkRun, reset: Any) -> None:
    hub.faults.add("POST /campaigns/*/start", reset=reset)
    assert run.apply().counts["finished"] == 4
    assert Counter(e.action for e in hub.journal)["start"] == 4
    hub.assert_called_once_each()


def test_what_a_lost_ledger_has_sent_is_adopted(
    hub: Sandbox, plan: BulkPlan, client: KatavenClient, run: BulkRun, tmp_path: Path
) -> None:
    run.launch()
    shutil.copytree(plan.directory, tmp_path / "copy", ignore=lambda *_: ["ledger.sqlite"])
    copy = BulkPlan.open(tmp_path / "copy")
    with BulkRun(copy, client, **SETTINGS) as other:
        assert other.apply().counts["finished"] == 4
    assert writes(hub)["POST campaigns"] == 4
    hub.assert_called_once_each()


def test_a_list_that_may_be_incomplete_proves_nothing(
    hub: Sandbox, run: BulkRun, client: KatavenClient
) -> None:
    for number in range(96):
        client.campaigns.create(f"other {number}", "a", "n", [{"phone_number": "+14155550100"}])
    hub.faults.add("POST /campaigns", reset="after", after=3)
    last = run.launch()
    assert last.counts == {**dict.fromkeys(last.counts, 0), "started": 3, "unknown": 1}
    assert "exactly 100" in last.unknown[0].detail
    # It is not sent once more, because it is there.
    assert run.launch(resend_unknown=True).counts["unknown"] == 1
    client.campaigns.create("one more", "a", "n", [{"phone_number": "+14155550100"}])
    assert run.launch().counts["started"] == 4
    assert writes(hub)["POST campaigns"] == 96 + 4 + 1


def test_campaigns_start_as_the_concurrency_allows(plan: BulkPlan) -> None:
    with (
        Sandbox(time_scale=Clock.manual(), limits=None, call_limits={"concurrent_max": 10}) as hub,
        KatavenClient(hub.api_key, base_url=hub.url, clock=hub.client_clock) as client,
        BulkRun(plan, client, **SETTINGS) as run,
    ):
        assert run.apply().counts["finished"] == 4
        hub.assert_called_once_each()
        assert writes(hub)["POST campaigns"] == 4


def paused_after(run: Callable[[], BulkRun], starts: int) -> Callable[[BulkProgress], None]:
    def on_progress(progress: BulkProgress) -> None:
        if progress.counts["started"] == starts and progress.wanted == "running":
            run().pause()

    return on_progress


def test_nothing_starts_after_a_pause_and_everything_after_resume(
    hub: Sandbox, plan: BulkPlan, client: KatavenClient, run: BulkRun
) -> None:
    with BulkRun(plan, client, **SETTINGS, on_progress=paused_after(lambda: run, 2)) as worker:
        assert worker.launch().counts["planned"] == 2
    statuses = [c["status"] for c in client.campaigns.iter_campaigns()]
    assert statuses == ["paused", "paused"]
    assert run.status().wanted == "paused"
    with pytest.raises(BulkError, match=r"resume\(\)"):
        run.launch()
    resumed = run.resume()
    assert resumed.wanted == "running"
    assert [c["status"] for c in client.campaigns.iter_campaigns()] == ["running", "running"]
    assert run.apply().counts["finished"] == 4
    hub.assert_called_once_each()


def test_a_campaign_that_a_person_paused_stays_paused(client: KatavenClient, run: BulkRun) -> None:
    first = run.launch().parts[0].campaign_id
    assert first is not None
    client.campaigns.pause(first)
    with BulkRun(run._plan, client, **SETTINGS) as other:
        other._worker().poll()
        other.pause()
        other.resume()
    assert client.campaigns.get(first)["status"] == "paused"
    statuses = Counter(c["status"] for c in client.campaigns.iter_campaigns())
    assert statuses == {"paused": 1, "running": 3}


def test_a_stop_is_final(hub: Sandbox, plan: BulkPlan, client: KatavenClient, run: BulkRun) -> None:
    def stop(progress: BulkProgress) -> None:
        if progress.counts["started"] == 1 and progress.wanted == "running":
            run.stop()

    with BulkRun(plan, client, **SETTINGS, on_progress=stop) as worker:
        last = worker.apply()
    assert last.counts["planned"] == 3
    assert last.counts["finished"] == 1
    for again in (run.launch, run.resume, run.pause):
        with pytest.raises(BulkError, match="final"):
            again()
    assert writes(hub)["POST start"] == 1
    assert run.stop().wanted == "stopped"


def test_a_refused_create_leaves_the_part_planned(
    hub: Sandbox, plan: BulkPlan, client: KatavenClient
) -> None:
    with BulkRun(plan, client, **{**SETTINGS, "max_concurrent_calls": 1000}) as wrong:
        with pytest.raises(BadRequestError):
            wrong.launch()
        assert wrong.status().counts["planned"] == 4
    with BulkRun(plan, client, **SETTINGS) as run:
        run.apply()
    hub.assert_called_once_each()


def test_a_hub_that_is_not_there_leaves_everything_planned(plan: BulkPlan, hub: Sandbox) -> None:
    with (
        KatavenClient(hub.api_key, base_url="http://127.0.0.1:1", clock=hub.client_clock) as client,
        BulkRun(plan, client, **SETTINGS) as run,
    ):
        with pytest.raises(APIConnectionError):
            run.launch()
        assert run.status().counts["planned"] == 4


def test_a_damaged_part_is_not_sent(hub: Sandbox, plan: BulkPlan, run: BulkRun) -> None:
    (plan.directory / plan.parts[1].file).write_bytes(b"phone_number\r\n+14155550100\r\n")
    with pytest.raises(BulkError, match="do not match"):
        run.launch()
    assert run.status().counts["planned"] == 1
    assert writes(hub)["POST campaigns"] == 3


def test_what_failed_is_the_list_of_the_next_round(hub: Sandbox, run: BulkRun) -> None:
    with pytest.raises(BulkError, match="nothing to retry"):
        run.retry_list()
    hub.outcomes["+1*"] = "answered"
    hub.outcomes["+14150001001"] = "busy"
    run.apply()
    with run.retry_list() as found:
        assert found.read() == b"phone_number\r\n+14150001001\r\n"


def test_wrong_arguments_are_refused(plan: BulkPlan, client: KatavenClient, hub: Sandbox) -> None:
    with pytest.raises(TypeError, match="KatavenClient"):
        BulkRun(plan, AsyncKatavenClient(hub.api_key), **SETTINGS)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="BulkPlan"):
        BulkRun(plan.directory, client, **SETTINGS)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lease_seconds"):
        BulkRun(plan, client, **SETTINGS, lease_seconds=0)
    with pytest.raises(TypeError):
        BulkRun(plan, client, **SETTINGS, store=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no part"), BulkRun(plan, client, **SETTINGS) as run:
        run.apply_part("ff")
