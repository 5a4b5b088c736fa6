"""A reset leaves a Hub as it was made, except for its accounts, keys and time."""

import asyncio
import time

import httpx
import pytest

from kataven.sandbox import Clock, Sandbox
from tests.support.patience import PATIENCE


@pytest.fixture(params=["python", "wire"])
def reset(request):
    """Resets a Hub, from Python or from another process."""
    if request.param == "python":
        return Sandbox.reset

    def over_the_wire(hub):
        headers = {"Authorization": f"Bearer {hub.api_key}"}
        response = httpx.post(
            f"{hub.url}/_sandbox/reset", headers=headers, trust_env=False, timeout=PATIENCE
        )
        assert (response.status_code, response.content) == (204, b"")

    return over_the_wire


def fill(hub, http):
    """Leave something of everything."""
    hub.outcomes["+15550000000"] = "busy"
    hub.outcomes["+1555*"] = "failed"
    hub.faults.add("GET /call-limits", status=503, times=None)
    ended, running, paused = (http.create(30, retries_per_contact=2) for _ in range(3))
    http.start(ended)
    hub.run_to_end(ended)
    http.start(running)
    http.start(paused)
    http.act(paused, "pause")
    http.create(1)
    http.get("/call-limits")
    assert hub.calls()


def run(hub, http):
    """Run a campaign, and return what happened, without ids, and with times since its start."""
    begin = hub.now()
    campaign = http.create(40, retries_per_contact=1, max_concurrent_calls=3)
    http.start(campaign)
    hub.run_to_end(campaign)
    calls = [(call.number, call.attempt, call.outcome) for call in hub.calls()]
    journal = [(entry.action, entry.number) for entry in hub.journal]
    # Python's times are truncated to microseconds.
    times = [(entry.time - begin).total_seconds() for entry in hub.journal]
    return calls, journal, times


def assert_same(one, other):
    assert one[:2] == other[:2]
    assert one[2] == pytest.approx(other[2], abs=1e-5)


def test_everything_is_gone(hub, http, reset):
    fill(hub, http)
    before = hub.now()

    reset(hub)

    assert hub.journal == hub.requests == hub.calls() == []
    assert dict(hub.outcomes) == {}
    assert hub.faults.all() == []
    assert http.get("/campaigns").json() == {"campaigns": []}
    assert http.get("/call-limits").status_code == 200
    hub.advance(10 * 86_400)
    assert hub.journal == []
    assert (hub.now() - before).days == 10


def test_what_follows_is_what_a_new_hub_does(hub, http, reset, connect):
    fill(hub, http)
    reset(hub)
    with Sandbox(time_scale=Clock.manual(), seed=1, limits=None) as other:
        assert_same(run(hub, http), run(other, connect(other)))


def test_keys_and_accounts_stay(hub, http, reset, connect):
    first, revoked = hub.api_key, hub.new_key("old")
    acme = hub.new_key("acme", {"per_minute": 2})
    hub.revoke(revoked)
    client = connect(hub, key=acme)
    assert [client.get("/campaigns").status_code for _ in range(3)] == [200, 200, 429]

    reset(hub)

    assert hub.api_key == first
    assert connect(hub, key=revoked).get("/campaigns").status_code == 401
    # Its limit begins again.
    assert [client.get("/campaigns").status_code for _ in range(3)] == [200, 200, 429]


def test_limits_on_requests_and_calls_begin_again(connect, reset):
    calls = {"daily_calls_max": 5, "concurrent_max": 5}
    with Sandbox(time_scale=Clock.manual(), limits={"per_minute": 4}, call_limits=calls) as hub:
        http = connect(hub)
        campaign = http.create(5)
        http.start(campaign)
        hub.advance(300)
        again = http.create(1)
        assert http.act(again, "start").text == "Daily call limit reached"
        # The start above got a 429, so it does not count.
        for _ in range(3):
            assert http.get("/campaigns").status_code == 200
        assert http.get("/campaigns").status_code == 429

        reset(hub)

        again = http.create(5)
        http.start(again)
        assert hub.run_to_end(again)["status"] == "completed"


def test_calls_in_flight_free_their_slots(connect, reset):
    with Sandbox(time_scale=Clock.manual(), call_limits={"concurrent_max": 3}) as hub:
        http = connect(hub)
        http.start(http.create(9, max_concurrent_calls=3))
        reset(hub)
        second = http.create(3, max_concurrent_calls=3)
        http.start(second)
        assert len(hub.calls()) == 3


def test_streams_end_as_those_of_a_deleted_campaign(hub, http, reset):
    campaigns = [http.create(3), http.create(3)]
    http.start(campaigns[0])
    streams = [http.client.stream("GET", f"/campaigns/{one}/events") for one in campaigns]
    with streams[0] as running, streams[1] as draft:
        texts = [running.iter_text(), draft.iter_text()]
        for text in texts:
            assert next(text).startswith("data: ")
        reset(hub)
        for text in texts:
            assert "event: end" not in "".join(text)


def test_a_run_to_the_end_of_a_campaign_that_is_reset_fails(connect, reset):
    async def main(hub, campaign):
        running = asyncio.create_task(hub.run_to_end_async(campaign))
        # It passes its request to the Hub's thread, which processes it before the reset.
        await asyncio.sleep(0)
        reset(hub)
        with pytest.raises(RuntimeError, match=f"{campaign} does not end, because it was deleted"):
            await running

    with Sandbox(time_scale=0.001, limits=None) as hub:
        http = connect(hub)
        campaign = http.create(5)
        http.start(campaign)
        asyncio.run(main(hub, campaign))


def test_a_reset_is_stored(tmp_path, connect, reset):
    path = tmp_path / "hub.db"
    with Sandbox(time_scale=Clock.manual(), path=path, seed=1, limits=None) as hub:
        fill(hub, connect(hub))
        reset(hub)
        key, now = hub.api_key, hub.now()
    with Sandbox(time_scale=Clock.manual(), path=path, seed=1, limits=None) as hub:
        http = connect(hub)
        assert (hub.api_key, hub.now()) == (key, now)
        assert hub.journal == []
        assert dict(hub.outcomes) == {}
        with Sandbox(time_scale=Clock.manual(), seed=1, limits=None) as other:
            assert_same(run(hub, http), run(other, connect(other)))


def test_a_request_in_flight_keeps_its_slot(connect, reset):
    with Sandbox(limits={"concurrent": 1}) as hub:
        http = connect(hub)
        campaign = http.create(1)
        with http.client.stream("GET", f"/campaigns/{campaign}/events") as stream:
            # Kept, because a generator that is thrown away closes the stream.
            frames = stream.iter_raw()
            next(frames)
            headers = {"Authorization": f"Bearer {hub.api_key}"}
            url = f"{hub.url}/_sandbox/limits"
            limits = httpx.get(url, headers=headers, trust_env=False, timeout=PATIENCE).json()[
                "accounts"
            ][0]
            assert limits["requests"]["concurrent"] == {"limit": 1, "used": 1}
        reset(hub)
        # The stream has ended; its slot is free when its connection is closed.
        while (status := http.get("/campaigns").status_code) == 429:
            time.sleep(0.01)
        assert status == 200
        limits = httpx.get(url, headers=headers, trust_env=False, timeout=PATIENCE).json()[
            "accounts"
        ][0]
        assert limits["requests"]["concurrent"]["used"] == 0
