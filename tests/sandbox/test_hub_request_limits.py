"""Request limits: 60 a minute, 1,000 an hour, 10,000 a day, 20 in flight."""

import threading

import pytest

from kataven.sandbox import Clock, Sandbox

DOCUMENTED = {"per_minute": 60, "per_hour": 1000, "per_day": 10_000, "concurrent": 20}


@pytest.fixture
def limited():
    with Sandbox(time_scale=Clock.manual(), limits=DOCUMENTED) as hub:
        yield hub


def spend(http, count):
    return [http.get("/call-limits").status_code for _ in range(count)]


def test_over_60_a_minute_is_429_with_retry_after_60_and_the_documented_text(connect, raw):
    with Sandbox() as hub:
        # All 60 in one write (pipelining), so that they are within a minute of real time.
        connection = raw(hub)
        for _ in range(60):
            connection.request("GET /v1/call-limits")
        connection.request("GET /v1/call-limits", "Connection: close")
        received = connection.read_all()
        assert received.count(b"HTTP/1.1 200 ") == 60
        response = connect(hub).get("/call-limits")
    assert received.count(b"HTTP/1.1 429 ") == 1
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "60"
    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.text == "rate_limited: per-minute (60) exceeded"


def test_a_manual_clock_has_no_limits_unless_they_are_given(connect):
    with Sandbox(time_scale=Clock.manual()) as hub:
        assert set(spend(connect(hub), 70)) == {200}
        assert set(spend(connect(hub, key=hub.new_key("acme")), 70)) == {200}
    with Sandbox(time_scale=Clock.manual(), limits={"per_hour": 65}) as hub:
        # The minute is not limited, because only the hour was asked for.
        assert spend(connect(hub), 66) == [200] * 65 + [429]


@pytest.mark.parametrize("window", ["per_minute", "per_hour", "per_day"])
@pytest.mark.parametrize("of", ["account", "key"])
def test_a_limit_that_only_advance_can_lift_says_so_and_asks_for_no_wait(connect, window, of):
    limits = {window: 2} if of == "account" else None
    with Sandbox(time_scale=Clock.manual(), limits=limits) as hub:
        key = None if of == "account" else hub.new_key("sandbox", {window: 2})
        http = connect(hub, key=key)
        assert spend(http, 2) == [200, 200]
        response = http.get("/call-limits")
        assert response.status_code == 429
        assert "Retry-After" not in response.headers
        name = window.replace("_", "-")
        assert response.text == (
            f"rate_limited: {name} (2) exceeded; waiting does not help, because the clock of this "
            "Hub is manual: move it with advance(), or set limits=None"
        )
        hub.advance(86_400)
        assert spend(http, 1) == [200]


def test_the_minute_is_a_sliding_window_of_hub_time(limited, connect):
    http = connect(limited)
    spend(http, 30)
    limited.advance(40)
    spend(http, 30)
    assert spend(http, 1) == [429]
    limited.advance(19.999)
    assert spend(http, 1) == [429]
    limited.advance(0.001)
    assert spend(http, 31) == [200] * 30 + [429]


def test_the_hour_and_the_day_have_their_own_limits(connect):
    limits = {"per_hour": 5, "per_day": 8}
    with Sandbox(time_scale=Clock.manual(), limits=limits) as hub:
        http = connect(hub)
        assert spend(http, 6) == [200] * 5 + [429]
        assert http.get("/call-limits").text.startswith("rate_limited: per-hour (5) exceeded")
        hub.advance(3600)
        assert spend(http, 4) == [200] * 3 + [429]
        assert http.get("/call-limits").text.startswith("rate_limited: per-day (8) exceeded")
        hub.advance(86400)
        assert spend(http, 1) == [200]


@pytest.mark.slow
def test_the_documented_default_is_1000_an_hour(connect, raw):
    with Sandbox(limits={"per_minute": None}) as hub:
        # All 1,000 in one write (pipelining), because httpx would take seconds.
        connection = raw(hub)
        for _ in range(999):
            connection.request("GET /v1/call-limits")
        connection.request("GET /v1/call-limits", "Connection: close")
        assert connection.read_all().count(b"HTTP/1.1 200 ") == 1000
        response = connect(hub).get("/call-limits")
        assert response.text == "rate_limited: per-hour (1000) exceeded"


def test_a_request_that_gets_401_or_429_does_not_count(limited, connect):
    http = connect(limited)
    spend(http, 60)
    assert spend(http, 5) == [429] * 5
    unknown = connect(limited, key="sk_live_sandbox_wrong")
    assert spend(unknown, 5) == [401] * 5
    limited.advance(60)
    assert spend(http, 61) == [200] * 60 + [429]


def test_a_start_refused_by_a_daily_cap_does_not_count(connect):
    calls = {"daily_calls_max": 1}
    with Sandbox(
        time_scale=Clock.manual(), limits={"per_minute": 5, "concurrent": 1}, call_limits=calls
    ) as hub:
        http = connect(hub)
        http.start(http.create(5))
        other = http.create(5)
        for _ in range(6):
            assert http.act(other, "start").text == "Daily call limit reached"
        assert spend(http, 3) == [200, 200, 429]


def test_a_404_and_a_409_count(limited, connect):
    http = connect(limited)
    for _ in range(60):
        assert http.get("/campaigns/none").status_code == 404
    assert spend(http, 1) == [429]


def test_limits_apply_to_the_account_over_all_its_keys(limited, connect):
    spend(connect(limited), 60)
    assert spend(connect(limited, key=limited.new_key("sandbox")), 1) == [429]
    assert spend(connect(limited, key=limited.new_key("acme")), 1) == [200]


def test_a_key_may_have_its_own_lower_limits(limited, connect):
    http = connect(limited, key=limited.new_key("sandbox", limits={"per_minute": 3}))
    assert spend(http, 4) == [200, 200, 200, 429]
    assert http.get("/call-limits").text.startswith("rate_limited: per-minute (3) exceeded")
    assert spend(connect(limited), 1) == [200]


def test_an_open_stream_holds_one_of_the_20_slots_until_its_client_disconnects(connect):
    with Sandbox(time_scale=Clock.manual(), limits=DOCUMENTED) as hub:
        http = connect(hub)
        campaign = http.create()
        streams = [http.client.stream("GET", f"/campaigns/{campaign}/events") for _ in range(20)]
        for stream in streams:
            stream.__enter__()
        response = http.get("/call-limits")
        assert (response.status_code, response.headers["Retry-After"]) == (429, "1")
        assert response.text == "rate_limited: concurrent (20) exceeded"
        streams[0].__exit__(None, None, None)
        # The Hub notices the closed connection a moment later.
        later = threading.Event()
        for _ in range(1000):
            if http.get("/call-limits").status_code == 200:
                break
            later.wait(0.01)
        else:
            pytest.fail("the slot of the closed stream was not released")
        for stream in streams[1:]:
            stream.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("scale", "seconds"), [(1, "60"), (7, "9"), (60, "1"), (1000, "1"), (0.5, "120")]
)
def test_retry_after_is_in_real_seconds(connect, scale, seconds):
    with Sandbox(time_scale=scale, limits={"per_minute": None, "per_hour": 1}) as hub:
        http = connect(hub)
        assert http.get("/call-limits").status_code == 200
        assert http.get("/call-limits").headers["Retry-After"] == seconds


def test_limits_none_switches_all_limits_off(hub, http):
    assert set(spend(http, 200)) == {200}
