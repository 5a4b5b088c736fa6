"""The rate limiter against an embedded Hub that counts with its documented limits, on one manual clock.

The Hub is the oracle: it responds 429 to what exceeds its own windows. Time passes only on the
clock that both sides share.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from kataven import APITimeoutError, CallEvent, KatavenClient, RateLimits
from kataven.sandbox import Clock, Sandbox
from tests.support.clients import Blocking
from tests.support.patience import PATIENCE
from tests.support.server import wait_for

CONTACTS = 20_000
CSV = "phone_number\n" + "".join(f"+1555{number:07d}\n" for number in range(CONTACTS))

DOCUMENTED = {"per_minute": 60, "per_hour": 1_000, "per_day": 10_000, "concurrent": 20}


class HubClock:
    """The Hub's clock as the client's: sleeping advances it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.on_sleep: Any = None

    def now(self) -> float:
        return self.sandbox.now().timestamp()

    def sleep(self, seconds: float, /) -> Any:
        if self.on_sleep is not None:
            meanwhile = self.on_sleep(seconds)
            if hasattr(meanwhile, "__await__"):
                return self._sleep(meanwhile, seconds)
        return self.sandbox.advance(seconds)

    async def _sleep(self, meanwhile: Any, seconds: float) -> None:
        await meanwhile
        self.sandbox.advance(seconds)

    def jitter(self) -> float:
        return 0.5


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A Hub with the documented limits, and a campaign of 20,000 contacts."""
    with Sandbox(time_scale=Clock.manual(), limits=DOCUMENTED) as sandbox:
        # From here on, Retry-After is in Hub time, in which HubClock waits.
        assert sandbox.client_clock is not None
        yield sandbox


@pytest.fixture(scope="module")
def campaign(sandbox: Sandbox) -> str:
    """A draft of 20,000 contacts, whose statuses do not change."""
    with KatavenClient(sandbox.api_key, base_url=sandbox.url) as client:
        return client.campaigns.create("Spring", "a1", "p1", CSV.encode())["id"]


@pytest.fixture
def clock(sandbox: Sandbox) -> HubClock:
    """The Hub's clock, a day after all earlier requests."""
    sandbox.advance(90_000)
    return HubClock(sandbox)


def statuses(events: list[CallEvent]) -> dict[int | None, int]:
    counted: dict[int | None, int] = {}
    for event in events:
        counted[event.status] = counted.get(event.status, 0) + 1
    return counted


def numbers(contacts: list[Any]) -> list[str]:
    return [contact["phone_number"] for contact in contacts]


ALL = [f"+1555{number:07d}" for number in range(CONTACTS)]


@pytest.mark.slow
@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_twenty_thousand_contacts_draw_no_429_and_take_at_most_two_percent_longer(
    caller: Blocking,
    sandbox: Sandbox,
    campaign: str,
    clock: HubClock,
    store: str,
    tmp_path: Any,
) -> None:
    events: list[CallEvent] = []
    path = store if store == "memory" else str(tmp_path / "budget.db")
    limits = RateLimits(per_minute=60, store=path)
    client = caller.client(sandbox, rate_limits=limits, clock=clock, on_response=events.append)
    begun = clock.now()
    contacts = caller.items(client.campaigns.iter_contacts(campaign))
    assert numbers(contacts) == ALL
    # 200 pages and the empty page after them.
    assert statuses(events) == {200: 201}
    ideal = 60.0 * (201 // 60)
    assert ideal <= clock.now() - begun <= ideal * 1.02


@pytest.mark.slow
def test_without_a_rate_limiter_every_page_still_arrives_exactly_once(
    caller: Blocking, sandbox: Sandbox, campaign: str, clock: HubClock
) -> None:
    events: list[CallEvent] = []
    client = caller.client(sandbox, clock=clock, on_response=events.append)
    contacts = caller.items(client.campaigns.iter_contacts(campaign))
    assert numbers(contacts) == ALL
    # Three times the minute was exceeded; only the refused page was requested again.
    assert statuses(events) == {200: 201, 429: 3}
    refused = [number for number, event in enumerate(events) if event.status == 429]
    assert [events[number + 1].attempt for number in refused] == [2, 2, 2]


@pytest.mark.slow
def test_stop_is_sent_within_two_seconds_while_reads_use_up_the_hour(
    caller: Blocking, sandbox: Sandbox, campaign: str, clock: HubClock
) -> None:
    with KatavenClient(sandbox.api_key, base_url=sandbox.url, clock=clock) as other:
        contacts = b"phone_number\n+15550100001\n"
        wrong = other.campaigns.create("Autumn", "a1", "p1", contacts)["id"]
    clock.sleep(4000)
    limits = RateLimits.documented()
    events: list[CallEvent] = []
    client = caller.client(sandbox, rate_limits=limits, clock=clock, on_response=events.append)
    asked: list[float] = []

    def stop_when_the_hour_is_spent(seconds: float) -> Any:
        # Made by the call that waits for the hour: the Hub's clock does not move meanwhile.
        if seconds < 600 or asked:
            return None
        asked.append(clock.now())
        return client.campaigns.stop(wrong)

    clock.on_sleep = stop_when_the_hour_is_spent
    for _ in range(5):
        assert len(caller.items(client.campaigns.iter_contacts(campaign))) == CONTACTS
    assert len(asked) == 1
    (stopped,) = [entry for entry in sandbox.journal if entry.campaign == wrong][1:]
    assert stopped.action == "stop"
    assert stopped.time.timestamp() - asked[0] <= 2
    assert 429 not in statuses(events)


def wait_for_the_others(caller: Blocking, client: Any) -> Any:
    """A function for a clock: time moves, by a minute, only when nothing is in flight."""

    def all_answered() -> bool:
        return bool(client.rate_limits.concurrent == 19)

    async def awaited() -> None:
        async with asyncio.timeout(PATIENCE):
            while not all_answered():
                await asyncio.sleep(0.001)

    return lambda _seconds: awaited() if caller.name == "async" else wait_for(all_answered)


@pytest.mark.slow
def test_fifty_concurrent_calls_draw_no_429(
    caller: Blocking, sandbox: Sandbox, campaign: str, clock: HubClock
) -> None:
    events: list[CallEvent] = []
    limits = RateLimits.documented()
    client = caller.client(sandbox, rate_limits=limits, clock=clock, on_response=events.append)
    clock.on_sleep = wait_for_the_others(caller, client)
    for _ in range(3):
        found = caller.together([lambda: client.campaigns.get(campaign)] * 50)
        assert [result["id"] for result in found] == [campaign] * 50
    assert statuses(events) == {200: 150}


def test_after_a_429_all_workers_wait_and_a_stop_does_not(
    caller: Blocking, sandbox: Sandbox, campaign: str, clock: HubClock
) -> None:
    # Another client has spent the account's minute.
    with KatavenClient(sandbox.api_key, base_url=sandbox.url, clock=clock) as other:
        for _ in range(60):
            other.campaigns.get(campaign)
    events: list[CallEvent] = []
    limits = RateLimits.documented()
    client = caller.client(sandbox, rate_limits=limits, clock=clock, on_response=events.append)
    hurried = client.with_options(deadline=30)

    def call() -> Any:
        return hurried.campaigns.get(campaign)

    # The first call draws it, and none of the others reaches the Hub.
    for _ in range(4):
        with pytest.raises(APITimeoutError):
            caller.call(call)
    assert statuses(events) == {429: 1}
    clock.on_sleep = wait_for_the_others(caller, client)
    found = caller.together([lambda: client.campaigns.get(campaign)] * 30)
    assert [result["id"] for result in found] == [campaign] * 30
    assert statuses(events) == {429: 1, 200: 30}
