"""The helpers that make tests short: run to the end, calls, contacts, requests, the Hub's clock."""

from __future__ import annotations

import asyncio
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import get_type_hints

import pytest

from kataven import AsyncKatavenClient, KatavenClient
from kataven.sandbox import Call, Clock, HubRequest, Sandbox
from kataven.types import parse_time
from tests.support.patience import PATIENCE


def numbers(count):
    return [f"+1555{n:07d}" for n in range(count)]


def test_run_to_end_returns_the_campaign_at_the_time_of_its_end(hub, http):
    campaign = http.create(20, max_concurrent_calls=5, retries_per_contact=1)
    http.start(campaign)

    ended = hub.run_to_end(campaign)

    assert ended == http.get(f"/campaigns/{campaign}").json()
    assert ended["status"] == "completed"
    assert hub.journal[-1].action == "complete"
    assert hub.journal[-1].time == hub.now()
    assert http.counts(campaign).keys() <= {"completed", "failed"}


def test_run_to_end_of_one_campaign_leaves_a_longer_one_running(hub, http):
    short, long = http.create(2), http.create(200)
    http.start(short)
    http.start(long)

    hub.run_to_end(short)

    assert (http.status(short), http.status(long)) == ("completed", "running")


def test_run_to_end_starts_a_scheduled_campaign_and_waits_for_a_daily_cap():
    with Sandbox(time_scale=Clock.manual(), call_limits={"daily_calls_max": 3}) as hub:
        with KatavenClient(hub.api_key, base_url=hub.url) as client:
            campaign = client.campaigns.create(
                name="n",
                agent_id="a",
                phone_number_id="p",
                contacts=[{"phone_number": number} for number in numbers(7)],
                scheduled_at=hub.now().replace(year=hub.now().year + 1, day=1),
            )
            before = hub.now()

            assert hub.run_to_end(campaign["id"])["status"] == "completed"

            assert len(hub.calls()) == 7
            assert (hub.now() - before).days >= 300


def test_run_to_end_returns_at_once_if_the_campaign_is_over(hub, http):
    campaign = http.create()
    http.start(campaign)
    http.act(campaign, "stop")
    before = hub.now()

    assert hub.run_to_end(campaign)["status"] == "completed"

    assert hub.now() == before


def test_run_to_end_on_a_clock_that_runs_waits_for_the_end():
    with Sandbox(time_scale=20_000, limits=None) as hub:
        with KatavenClient(hub.api_key, base_url=hub.url) as client:
            contacts = [{"phone_number": number} for number in numbers(3)]
            campaign = client.campaigns.create(
                name="n", agent_id="a", phone_number_id="p", contacts=contacts
            )
            client.campaigns.start(campaign["id"])

            assert hub.run_to_end(campaign["id"])["status"] == "completed"


@pytest.mark.parametrize(
    ("actions", "problem"), [([], "is draft: start or resume"), (["start", "pause"], "is paused")]
)
def test_a_campaign_that_does_not_end_is_an_error(hub, http, actions, problem):
    campaign = http.create(300)
    for action in actions:
        http.act(campaign, action)
    before = hub.now()

    with pytest.raises(RuntimeError, match=f"{campaign} does not end, because it {problem}"):
        hub.run_to_end(campaign)

    assert hub.now() == before


def test_a_scheduled_campaign_that_cannot_start_is_given_up_after_400_days():
    with Sandbox(time_scale=Clock.manual(), call_limits={"concurrent_max": 3}) as hub:
        with KatavenClient(hub.api_key, base_url=hub.url) as client:
            campaign = client.campaigns.create(
                name="n",
                agent_id="a",
                phone_number_id="p",
                contacts=[{"phone_number": "+15550100001"}],
                scheduled_at=hub.now().replace(year=hub.now().year + 2),
            )

            with pytest.raises(RuntimeError, match="not over after 400 days"):
                hub.run_to_end(campaign["id"])


def test_an_unknown_campaign_is_an_error(hub):
    for helper in (hub.run_to_end, hub.contacts, hub.assert_called_once_each):
        with pytest.raises(LookupError, match="no campaign 'camp_x' in this Hub"):
            helper("camp_x")


def test_followers_see_the_end(hub):
    with KatavenClient(hub.api_key, base_url=hub.url) as client:
        contacts = [{"phone_number": number} for number in numbers(3)]
        campaign = client.campaigns.create(
            name="n", agent_id="a", phone_number_id="p", contacts=contacts
        )["id"]
        client.campaigns.start(campaign)
        opened, ended = threading.Semaphore(0), []

        def follow():
            for progress in client.campaigns.watch(campaign):
                status = progress.status
                opened.release()
            ended.append(status)

        followers = [threading.Thread(target=follow) for _ in range(3)]
        for follower in followers:
            follower.start()
        for _ in followers:
            assert opened.acquire(timeout=PATIENCE)

        hub.run_to_end(campaign)

        for follower in followers:
            follower.join(timeout=PATIENCE)
        assert ended == ["completed"] * 3


def test_the_end_is_in_the_socket_when_run_to_end_returns(hub, http, raw):
    campaign = http.create()
    http.start(campaign)
    # Byte by byte, so that it takes a while.
    hub.faults.add("GET /campaigns/*/events", trickle=True, times=None)
    streams = [raw(hub) for _ in range(10)]
    for stream in streams:
        stream.request(f"GET /v1/campaigns/{campaign}/events")
        stream.read_until(b"\r\n\r\n")

    hub.run_to_end(campaign)

    for stream in streams:
        stream.socket.setblocking(False)
        # Its last chunk.
        assert stream.socket.recv(65536).endswith(b"\r\n0\r\n\r\n")


def test_a_silent_stream_does_not_stop_run_to_end(hub, http):
    campaign = http.create()
    http.start(campaign)
    hub.faults.add("GET /campaigns/*/events", silent_after=1)
    with http.client.stream("GET", f"/campaigns/{campaign}/events") as response:
        next(response.iter_lines())

        assert hub.run_to_end(campaign)["status"] == "completed"


async def _run_to_end_async(hub, campaign):
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    ended = await hub.run_to_end_async(campaign)
    ticking.cancel()
    return ended, ticks


def test_run_to_end_async_does_not_block_the_loop(hub, http):
    campaign = http.create(5)
    http.start(campaign)

    ended, ticks = asyncio.run(_run_to_end_async(hub, campaign))

    assert ended["status"] == "completed"
    assert ticks > 1


def test_calls_have_both_ends_and_the_outcome(hub, http):
    hub.outcomes["+15550000000"] = "busy"
    hub.outcomes["+15550000001"] = "no_answer"
    first = http.create(2, retries_per_contact=1, retry_delay_seconds=60)
    http.start(first)
    in_flight = hub.calls()
    hub.run_to_end(first)
    second = http.create(1)
    http.start(second)

    assert [(call.number, call.ended, call.outcome) for call in in_flight] == [
        ("+15550000000", None, None),
        ("+15550000001", None, None),
    ]
    calls = hub.calls(first)
    assert [(call.number, call.attempt, call.outcome) for call in calls] == [
        ("+15550000000", 1, "busy"),
        ("+15550000001", 1, "no_answer"),
        ("+15550000000", 2, "busy"),
        ("+15550000001", 2, "no_answer"),
    ]
    # Assumed: an unanswered call rings for 30 s, and the retry begins a minute after its end.
    assert [(call.ended - call.started).total_seconds() for call in calls[1::2]] == [30, 30]
    assert (calls[3].started - calls[1].ended).total_seconds() == 60
    assert {(call.campaign, call.account) for call in calls} == {(first, "sandbox")}
    assert len(hub.calls()) == 5
    assert len(hub.calls(second)) == 1
    hub.close()
    assert len(hub.calls(first)) == 4


def test_two_contacts_with_one_number_are_two_calls(hub, http):
    campaign = http.create(b"phone_number\n+15550100001\n+15550100001\n")
    http.start(campaign)
    hub.run_to_end(campaign)

    assert [call.attempt for call in hub.calls()] == [1, 1]
    assert all(call.ended is not None for call in hub.calls())
    with pytest.raises(AssertionError, match=r"1 of 1 numbers .*\n  \+15550100001: 2 times"):
        hub.assert_called_once_each()


def test_a_list_that_was_uploaded_twice_is_found(hub, http):
    first, second = http.create(12), http.create(12)
    http.start(first)
    hub.run_to_end(first)
    hub.assert_called_once_each()
    hub.assert_called_once_each(first)
    http.start(second)
    hub.run_to_end(second)

    with pytest.raises(AssertionError) as caught:
        hub.assert_called_once_each()

    lines = str(caught.value).splitlines()
    assert lines[0] == "12 of 12 numbers were not called exactly once:"
    assert lines[1] == f"  +15550000000: 2 times (attempt 1 of {first}, attempt 1 of {second})"
    assert lines[-1] == "  and 2 more"
    assert len(lines) == 12
    hub.assert_called_once_each(second)
    http.delete(f"/campaigns/{first}")
    with pytest.raises(AssertionError, match="12 of 12"):
        hub.assert_called_once_each()


def test_a_number_that_was_never_called_is_found(hub, http):
    with pytest.raises(AssertionError, match="no number was called"):
        hub.assert_called_once_each()
    campaign = http.create(2)
    with pytest.raises(AssertionError, match=r"2 of 2 .*\n  \+15550000000: never"):
        hub.assert_called_once_each(campaign)


def test_retries_count_unless_they_are_allowed(hub, http):
    hub.outcomes["+1*"] = "busy"
    campaign = http.create(1, retries_per_contact=2)
    http.start(campaign)
    hub.run_to_end(campaign)

    with pytest.raises(AssertionError, match=f"3 times .*attempt 3 of {campaign}"):
        hub.assert_called_once_each()
    hub.assert_called_once_each(retries=True)


def test_contacts_are_what_the_pages_show(hub, http):
    campaign = http.create(250)
    http.start(campaign)
    hub.advance(60)

    assert hub.contacts(campaign) == http.contacts(campaign)
    assert len(hub.contacts(campaign)) == 250


def test_requests_are_recorded_with_their_response(hub, http, connect):
    campaign = http.create(2)
    hub.faults.add("GET /campaigns", reset="after")
    acme = hub.new_key("acme")
    with pytest.raises(Exception, match=r"reset|disconnect"):
        http.get("/campaigns")
    connect(hub, mount="/hub-api/api/v1", key=acme).get(f"/campaigns/{campaign}?page=1")
    connect(hub, key="sk_live_acme_wrong").get("/call-limits")
    connect(hub, mount="").get("/elsewhere")
    http.client.get(f"{hub.url}/_sandbox/journal")

    shown = [(one.method, one.path, one.query, one.status, one.account) for one in hub.requests]
    assert shown == [
        ("POST", "/campaigns", "", 201, "sandbox"),
        ("GET", "/campaigns", "", None, "sandbox"),
        ("GET", f"/campaigns/{campaign}", "page=1", 404, "acme"),
        ("GET", "/call-limits", "", 401, None),
        ("GET", "/elsewhere", "", 404, None),
    ]
    assert {one.time for one in hub.requests} == {hub.now()}
    hub.close()
    assert len(hub.requests) == 5


def test_a_stream_has_its_status_while_it_is_open(hub, http):
    campaign = http.create(2)
    with http.client.stream("GET", f"/campaigns/{campaign}/events"):
        assert hub.requests[-1].status == 200
    assert hub.requests[-1].path == f"/campaigns/{campaign}/events"


@pytest.fixture
def client(hub):
    with KatavenClient(hub.api_key, base_url=hub.url, clock=hub.client_clock) as client:
        yield client


def test_a_client_with_the_hub_clock_moves_it(hub, client):
    hub.faults.add("GET /campaigns", status=503, retry_after=120)
    before = hub.now()

    client.campaigns.list()

    assert (hub.now() - before).total_seconds() == 126


def in_one_of_five_rounds(shown):
    """Whether a round shows it: a machine that runs no client for a while makes a round void.

    The Hub waits for a client that got a failure, but not for ever: docs/reference/sandbox.md.
    """
    return any(shown() for _ in range(5))


class TogetherAfterAFailure:
    """Hooks that let no client go on after its first failure before all clients have got theirs."""

    def __init__(self, clients):
        self._all = threading.Barrier(clients)

    def __call__(self, event):
        if event.status == 503:
            self._all.wait(PATIENCE)


def test_clients_that_wait_at_once_wait_for_the_same_time(hub):
    def all_wait_for_the_longest():
        hub.faults.add("GET /campaigns", status=503, retry_after=120, times=3)
        hub.faults.add("GET /call-limits", status=503, retry_after=60)
        before = hub.now()
        with KatavenClient(
            hub.api_key,
            base_url=hub.url,
            clock=hub.client_clock,
            on_response=TogetherAfterAFailure(4),
        ) as client:
            run_together([client.campaigns.list] * 3 + [client.call_limits])
        return (hub.now() - before).total_seconds() == 126

    assert in_one_of_five_rounds(all_wait_for_the_longest)


def run_together(functions):
    with ThreadPoolExecutor(len(functions)) as pool:
        for future in [pool.submit(function) for function in functions]:
            future.result(timeout=PATIENCE)


def test_the_clock_stops_at_each_wake_up_time(hub, http, raw):
    async def main():
        clock = hub.async_client_clock
        await asyncio.gather(*(clock.sleep(seconds) for seconds in (180, 60, 120, 60)))

    def each_is_a_snapshot():
        campaign = http.create(300)
        http.start(campaign)
        stream = raw(hub)
        stream.request(f"GET /v1/campaigns/{campaign}/events")
        stream.read_until(b"data: ")
        before = hub.now()
        asyncio.run(main())
        http.act(campaign, "pause")
        frames = stream.read_until(b'"status":"paused"')
        # Each advance sends one snapshot.
        times = re.findall(rb'"timestamp":"([^"]+)"', frames)
        seen = [(parse_time(time.decode()) - before).total_seconds() for time in times]
        return seen == pytest.approx([0, 60, 120, 180, 180], abs=1e-3)

    assert in_one_of_five_rounds(each_is_a_snapshot)


def test_an_advance_wakes_a_client_that_waits(hub):
    clock = hub.client_clock
    before = clock.now()
    hub.advance(5)

    clock.sleep(0)
    assert clock.now() - before == pytest.approx(5)
    clock.sleep(1e-9)
    clock.sleep(2.5)
    assert clock.now() - before == pytest.approx(7.5, abs=1e-4)


def test_a_cancelled_wait_is_forgotten(hub):
    async def main():
        clock = hub.async_client_clock
        # The clock does not move while a request is in progress.
        hub.faults.add("GET /campaigns", latency=0.05)
        seen = len(hub.requests)
        async with AsyncKatavenClient(hub.api_key, base_url=hub.url) as client:
            request = asyncio.create_task(client.campaigns.list())
            while len(hub.requests) == seen:
                await asyncio.sleep(0.001)
            sleeping = asyncio.ensure_future(clock.sleep(3600))
            await asyncio.sleep(0)
            sleeping.cancel()
            await request
            await clock.sleep(10)

    def only_the_other_one_moves_the_clock():
        before = hub.now()
        asyncio.run(main())
        return (hub.now() - before).total_seconds() == 10

    assert in_one_of_five_rounds(only_the_other_one_moves_the_clock)


def test_a_client_waits_on_a_clock_that_runs():
    with Sandbox(time_scale=10_000, limits={"per_minute": 2}) as hub:
        with KatavenClient(hub.api_key, base_url=hub.url, clock=hub.client_clock) as client:
            before = hub.now()
            for _ in range(5):
                client.campaigns.list()
            assert (hub.now() - before).total_seconds() >= 120


def test_a_closed_hub_wakes_its_clients(hub):
    with pytest.raises(RuntimeError, match="not running"):
        closed = hub.client_clock
        hub.close()
        closed.sleep(1)


def test_the_types_of_helpers_are_known():
    for thing in (Call, HubRequest, Sandbox.run_to_end, Sandbox.contacts, Sandbox.calls):
        assert get_type_hints(thing)


def test_a_client_that_is_late_to_wait_does_not_add_up(hub):
    """The clock waits for a client that has got a failure and has not begun to wait yet."""

    def the_late_one_waits_for_the_same_time():
        hub.faults.add("GET /campaigns", status=503, retry_after=120, times=2)
        together = TogetherAfterAFailure(2)

        def slow(event):
            together(event)
            # Ten times as long as the Hub needs to see that no other client is about to wait.
            threading.Event().wait(0.05)

        before = hub.now()
        options = {"base_url": hub.url, "clock": hub.client_clock}
        with (
            KatavenClient(hub.api_key, on_response=together, **options) as client,
            KatavenClient(hub.api_key, on_response=slow, **options) as late,
        ):
            run_together([client.campaigns.list, late.campaigns.list])
        return (hub.now() - before).total_seconds() == 126

    assert in_one_of_five_rounds(the_late_one_waits_for_the_same_time)
