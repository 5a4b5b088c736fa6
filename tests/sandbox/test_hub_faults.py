"""Scripted faults: what happens on the wire, and whether the request was processed."""

import contextlib
import json
import threading

import httpx
import pytest

from kataven.sandbox import Clock, Sandbox

START = "POST /campaigns/*/start"
EVENTS = "GET /campaigns/*/events"


@pytest.fixture
def running(http):
    campaign = http.create(100)
    http.start(campaign)
    return campaign


def test_a_scripted_status_is_sent_and_nothing_is_processed(hub, http):
    campaign = http.create()
    fault = hub.faults.add(START, status=503, body="try later", retry_after=3)
    response = http.act(campaign, "start")
    assert (response.status_code, response.text) == (503, "try later")
    assert response.headers["Retry-After"] == "3"
    assert response.headers["Content-Type"].startswith("text/plain")
    assert http.status(campaign) == "draft"
    assert fault.used == 1
    assert http.act(campaign, "start").status_code == 200


@pytest.mark.parametrize("status", [200, 302, 418, 429, 500, 520, 599])
def test_any_status_can_be_scripted(hub, http, status):
    hub.faults.add("GET /campaigns", status=status, body="")
    response = http.get("/campaigns")
    assert (response.status_code, response.text) == (status, "")


def test_times_and_after_count_the_matching_requests(hub, http):
    hub.faults.add("GET /call-limits", status=500, times=2, after=1)
    assert [http.get("/call-limits").status_code for _ in range(5)] == [200, 500, 500, 200, 200]


def test_times_none_applies_until_cleared(hub, http):
    hub.faults.add("GET /call-limits", status=500, times=None)
    assert {http.get("/call-limits").status_code for _ in range(5)} == {500}
    hub.faults.clear()
    assert http.get("/call-limits").status_code == 200


def test_faults_apply_in_the_order_they_were_added(hub, http):
    hub.faults.add("GET /call-limits", status=500)
    hub.faults.add("* /call-limits", status=503, times=2)
    assert [http.get("/call-limits").status_code for _ in range(4)] == [500, 503, 503, 200]


@pytest.mark.parametrize(
    ("match", "meets"),
    [
        ("GET /campaigns", ["list"]),
        ("POST /campaigns", []),
        ("GET /campaigns/*", ["get"]),
        ("GET /*/*/*", ["contacts"]),
        ("* /campaigns/*/contacts", ["contacts"]),
        ("GET /campaigns/other", []),
    ],
)
def test_match_is_a_method_and_the_complete_path(hub, http, match, meets):
    campaign = http.create()
    hub.faults.add(match, status=599, times=None)
    paths = {
        "list": "/campaigns",
        "get": f"/campaigns/{campaign}",
        "contacts": f"/campaigns/{campaign}/contacts?page=0",
    }
    met = [name for name, path in paths.items() if http.get(path).status_code == 599]
    assert met == meets


@pytest.mark.parametrize("mount", ["/api/v1", "/hub-api/api/v1", "/v1"])
def test_the_path_is_the_one_below_the_mount(hub, connect, mount):
    hub.faults.add("GET /call-limits", status=599)
    assert connect(hub, mount).get("/call-limits").status_code == 599


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"match": "POST campaigns", "status": 500}, "match"),
        ({"match": "/campaigns", "status": 500}, "match"),
        ({"match": START}, "effect"),
        ({"match": START, "status": 500, "reset": "before"}, "several"),
        ({"match": START, "reset": "sideways"}, "reset"),
        ({"match": START, "status": 99}, "status"),
        ({"match": START, "retry_after": 3, "malformed": True}, "retry_after"),
        ({"match": START, "status": 500, "retry_after": "1\r\nX: y"}, "line end"),
        ({"match": START, "latency": -1}, "latency"),
        ({"match": START, "latency": 1e9}, "latency"),
        ({"match": START, "latency": float("nan")}, "latency"),
        ({"match": START, "status": 600}, "status"),
        ({"match": START, "status": "500"}, "status"),
        ({"match": START, "status": 204, "body": "x"}, "no body"),
        ({"match": START, "status": 500, "body": "\ud800"}, "surrogate"),
        ({"match": START, "status": 500, "retry_after": " 3"}, "spaces"),
        ({"match": START, "status": 500, "times": 0}, "times must be at least 1"),
        ({"match": START, "status": 500, "times": -1}, "times must be at least 1"),
        ({"match": START, "status": 500, "after": -1}, "after must not be negative"),
        ({"match": EVENTS, "cut_after": -1}, "cut_after must not be negative"),
        ({"match": EVENTS, "silent_after": -1}, "silent_after must not be negative"),
        ({"match": "GET /campaigns", "cut_after": 1}, "not an event stream"),
        ({"match": "* /campaigns/*", "silent_after": 1}, "not an event stream"),
        ({"match": "POST /*/*/*", "no_end": True}, "not an event stream"),
        ({"match": "GET /campaigns/*/contacts", "trickle": True}, "not an event stream"),
        ({"match": "DELETE /campaigns/*", "malformed": True}, "no such response"),
        ({"match": "DELETE /campaigns/*", "extra_keys": True}, "no such response"),
        ({"match": "GET /call-limits", "unknown_status": True}, "no such response"),
    ],
)
def test_an_invalid_fault_is_refused(hub, options, word):
    with pytest.raises(ValueError, match=word):
        hub.faults.add(**options)


@pytest.mark.parametrize(
    ("match", "advice"),
    [
        ("get /campaigns", "a method in capitals"),
        ("PUT /campaigns", "a method in capitals"),
        ("HEAD /campaigns", "a method in capitals"),
        ("GET  /campaigns", "a method in capitals"),
        ("GET http://127.0.0.1/campaigns", "a method in capitals"),
        ("", "a method in capitals"),
        ("GET /api/v1/campaigns", "leave out the mount"),
        ("GET /hub-api/api/v1/campaigns/*", "leave out the mount"),
        ("* /v1/call-limits", "leave out the mount"),
        ("GET /api/v1", "leave out the mount"),
        ("GET /campaigns?page=1", "leave out the query"),
        ("GET /campaigns/", r"write \* for any segment"),
        ("GET /campaigns ", r"write \* for any segment"),
        ("GET /campaigns//contacts", r"write \* for any segment"),
        ("POST /campaigns/{id}/start", r"write \* for any segment"),
        ("POST /campaigns/:id/start", r"write \* for any segment"),
        ("POST /campaigns/<id>/start", r"write \* for any segment"),
        ("POST /campaigns/camp_*/start", r"write \* for any segment"),
        ("POST /campaigns/**", r"write \* for any segment"),
        ("GET /nowhere", r"the Hub has GET /campaigns, POST /campaigns, "),
        ("GET /call_limits", "the Hub has "),
        ("GET /Campaigns", "the Hub has "),
        ("POST /campaigns/*/begin", "the Hub has "),
        ("GET /campaigns/*/start", "the Hub has "),
        ("DELETE /campaigns", "the Hub has "),
        ("* /*/*/*/*", "the Hub has "),
    ],
)
def test_a_fault_that_no_request_can_match_is_refused(hub, http, match, advice):
    with pytest.raises(ValueError, match=rf"match .* can never match a request: .*{advice}"):
        hub.faults.add(match, status=500)
    body = {"match": match, "status": 500}
    response = http.client.post(f"{hub.url}/_sandbox/faults", json=body)
    assert response.status_code == 400
    assert "can never match a request" in response.text
    assert hub.faults.unused() == []


def test_a_fault_that_an_earlier_one_hides_is_refused(hub, http):
    hub.faults.add("* /campaigns/*", status=500, times=None)
    for match in ("GET /campaigns/*", "DELETE /campaigns/camp_1", "* /campaigns/*"):
        with pytest.raises(ValueError, match="an earlier fault already gets every"):
            hub.faults.add(match, status=503)
    # These can still fire.
    hub.faults.add("* /*/*", status=503)
    hub.faults.add("GET /campaigns/*/contacts", status=503)
    assert http.get("/campaigns/x").status_code == 500
    hub.faults.clear()
    hub.faults.add("GET /campaigns/*", status=500, times=None, after=1)
    hub.faults.add("GET /campaigns/*", status=503)
    assert [http.get("/campaigns/x").status_code for _ in range(2)] == [503, 500]


def test_a_stream_fault_is_not_used_up_by_other_requests(hub, http, running):
    fault = hub.faults.add("GET /campaigns/*/*", no_end=True)
    assert http.get(f"/campaigns/{running}/contacts").status_code == 200
    assert fault.used == 0
    http.act(running, "stop")
    assert "event: end" not in http.get(f"/campaigns/{running}/events").text
    assert fault.used == 1


def test_unused_lists_the_faults_that_did_not_fire_after_the_hub_is_closed_too(connect):
    with Sandbox(limits=None) as hub:
        assert hub.faults.unused() == []
        hub.faults.add("GET /campaigns", status=500, times=2)
        late = hub.faults.add("GET /campaigns", status=503, after=5)
        other = hub.faults.add("GET /call-limits", latency=0.001)
        assert connect(hub).get("/campaigns").status_code == 500
        assert hub.faults.unused() == [late, other]
    assert hub.faults.unused() == [late, other]
    hub.faults.clear()
    assert hub.faults.unused() == []


@pytest.mark.parametrize("status", [204, 304])
def test_a_scripted_status_without_a_body_keeps_the_connection_usable(hub, http, status):
    hub.faults.add("GET /campaigns", status=status)
    response = http.get("/campaigns")
    assert (response.status_code, response.content) == (status, b"")
    assert http.get("/campaigns").status_code == 200


def test_a_request_that_no_operation_has_gets_no_fault(hub, http):
    fault = hub.faults.add("* /*", status=500)
    assert http.get("/nowhere").status_code == 404
    assert http.delete("/campaigns").status_code == 405
    assert fault.used == 0


def test_latency_holds_a_slot_and_delays_the_request(connect):
    with Sandbox(time_scale=Clock.manual(), limits={"concurrent": 1}) as hub:
        http, other = connect(hub), connect(hub)
        hub.faults.add("GET /campaigns", latency=60)

        def send():
            with contextlib.suppress(httpx.HTTPError):
                http.get("/campaigns")

        slow = threading.Thread(target=send)
        slow.start()
        for _ in range(1000):
            if other.get("/call-limits").status_code == 429:
                break
            threading.Event().wait(0.005)
        else:
            pytest.fail("the delayed request did not hold its slot")
        hub.close()
        slow.join()


def test_latency_combines_with_another_fault(hub, http):
    hub.faults.add("GET /campaigns", latency=0.01, status=500)
    assert http.get("/campaigns").status_code == 500


def test_reset_before_happens_before_the_request_is_processed(hub, http, raw):
    campaign = http.create()
    hub.faults.add(START, reset="before")
    connection = raw(hub)
    connection.request(f"POST /v1/campaigns/{campaign}/start")
    with pytest.raises(ConnectionResetError):
        connection.read_all()
    assert connection.received == b""
    assert http.status(campaign) == "draft"


def test_reset_after_happens_after_processing_without_a_response(hub, http, raw):
    campaign = http.create()
    hub.faults.add(START, reset="after")
    connection = raw(hub)
    connection.request(f"POST /v1/campaigns/{campaign}/start")
    with pytest.raises(ConnectionResetError):
        connection.read_all()
    assert connection.received == b""
    assert http.status(campaign) == "running"


def test_reset_in_the_middle_sends_half_of_the_response(hub, http, raw):
    campaign = http.create()
    hub.faults.add(START, reset="middle")
    connection = raw(hub)
    connection.request(f"POST /v1/campaigns/{campaign}/start")
    with pytest.raises(ConnectionResetError):
        connection.read_all()
    head, _, body = connection.received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    assert 0 < len(body) < length
    assert http.status(campaign) == "running"


def test_reset_in_the_middle_of_a_response_without_a_body(hub, http, raw):
    campaign = http.create()
    hub.faults.add("DELETE /campaigns/*", reset="middle")
    connection = raw(hub)
    connection.request(f"DELETE /v1/campaigns/{campaign}")
    with pytest.raises(ConnectionResetError):
        connection.read_all()
    assert connection.received.startswith(b"HTTP/1.1 204")
    assert b"\r\n\r\n" not in connection.received
    assert http.get(f"/campaigns/{campaign}").status_code == 404


@pytest.mark.parametrize("when", ["before", "after", "middle"])
def test_httpx_raises_on_resets(hub, http, when):
    hub.faults.add("POST /campaigns", reset=when)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError)):
        http.send_form()
    assert len(http.get("/campaigns").json()["campaigns"]) == (0 if when == "before" else 1)


def test_a_reset_releases_its_slot(connect):
    with Sandbox(time_scale=Clock.manual(), limits={"concurrent": 1}) as hub:
        http = connect(hub)
        for when in ("before", "after", "middle"):
            hub.faults.add("GET /campaigns", reset=when)
            with pytest.raises(httpx.HTTPError):
                http.get("/campaigns")
            assert http.get("/campaigns").status_code == 200


def frames_of(connection):
    """The frames in the received chunks."""
    body = connection.received.partition(b"\r\n\r\n")[2]
    data = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        data += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return [frame for frame in data.split(b"\n\n") if frame]


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_cut_after_resets_a_stream_after_that_many_frames(hub, running, raw, frames):
    hub.faults.add(EVENTS, cut_after=frames)
    connection = raw(hub)
    connection.request(f"GET /v1/campaigns/{running}/events")
    connection.read_until(b"\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        for _ in range(10):
            hub.advance(2)
            connection.received += connection.socket.recv(65536)
        connection.read_all()
    assert len(frames_of(connection)) == frames


def test_silent_after_keeps_the_connection_and_sends_nothing_more(connect, raw):
    with Sandbox(time_scale=Clock.manual(), limits={"concurrent": 1}) as hub:
        http = connect(hub)
        campaign = http.create(100)
        http.start(campaign)
        hub.faults.add(EVENTS, silent_after=1)
        connection = raw(hub)
        connection.request(f"GET /v1/campaigns/{campaign}/events")
        connection.read_until(b"\n\n\r\n")
        before = connection.received
        hub.advance(3600)
        connection.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.read_all()
        assert connection.received == before
        assert http.get("/campaigns").status_code == 429
        connection.socket.shutdown(2)
        for _ in range(1000):
            if http.get("/campaigns").status_code == 200:
                return
            threading.Event().wait(0.005)
        pytest.fail("the silent stream kept its slot after its client disconnected")


def test_no_end_closes_without_the_marker(hub, http, running):
    hub.faults.add(EVENTS, no_end=True)
    with http.client.stream("GET", f"/campaigns/{running}/events") as stream:
        lines = stream.iter_lines()
        next(lines)
        http.act(running, "stop")
        rest = [line for line in lines if line]
    assert json.loads(rest[-1][6:])["status"] == "completed"


def test_trickle_sends_byte_by_byte(hub, http, running, raw):
    hub.faults.add(EVENTS, trickle=True)
    http.act(running, "stop")
    connection = raw(hub)
    connection.request(f"GET /v1/campaigns/{running}/events", "Connection: close")
    connection.read_all()
    frames = frames_of(connection)
    assert json.loads(frames[0][6:])["status"] == "completed"
    assert frames[1] == b"event: end"
    body = connection.received.partition(b"\r\n\r\n")[2]
    # One chunk for each byte, and the last one of size 0.
    assert body.count(b"1\r\n") >= sum(len(frame) + 2 for frame in frames)


def test_malformed_responses_have_truncated_json(hub, http):
    campaign = http.create()
    hub.faults.add("GET /campaigns/*", malformed=True)
    response = http.get(f"/campaigns/{campaign}")
    assert response.status_code == 200
    assert len(response.content) == int(response.headers["Content-Length"])
    with pytest.raises(ValueError, match=r"char \d+"):
        response.json()


def test_malformed_streams_have_truncated_data_frames(hub, http, running):
    hub.faults.add(EVENTS, malformed=True)
    http.act(running, "stop")
    lines = [x for x in http.get(f"/campaigns/{running}/events").text.split("\n") if x]
    assert lines[-1] == "event: end"
    with pytest.raises(ValueError, match=r"char \d+"):
        json.loads(lines[0][6:])


def test_extra_keys_are_added_to_every_object_but_custom_fields(hub, http, running):
    hub.faults.add("* /campaigns", extra_keys=True)
    listed = http.get("/campaigns").json()
    assert "x_unheard_of" in listed
    assert "x_unheard_of" in listed["campaigns"][0]
    hub.faults.add("GET /campaigns/*/contacts", extra_keys=True)
    contact = http.get(f"/campaigns/{running}/contacts").json()["contacts"][0]
    assert "x_unheard_of" in contact
    assert set(contact["custom_fields"]) == {"first_name"}


def test_unknown_status_for_campaigns_contacts_and_snapshots(hub, http, running):
    known = {"draft", "scheduled", "running", "paused", "completed", "failed"}
    known |= {"pending", "in_progress", "cancelled"}
    for path in ("", "/contacts", "/events"):
        hub.faults.add(f"GET /campaigns/*{path}", unknown_status=True)
    assert http.get(f"/campaigns/{running}").json()["status"] not in known
    contacts = http.get(f"/campaigns/{running}/contacts").json()["contacts"]
    assert {c["status"] for c in contacts}.isdisjoint(known)
    http.act(running, "stop")
    data = http.get(f"/campaigns/{running}/events").text.split("\n")[0]
    assert json.loads(data[6:])["status"] not in known


def test_requests_with_a_bad_token_do_not_get_faults(hub, connect, http):
    fault = hub.faults.add("GET /campaigns", status=500)
    assert connect(hub, key="sk_live_sandbox_no").get("/campaigns").status_code == 401
    assert fault.used == 0
    assert http.get("/campaigns").status_code == 500


def test_other_processes_script_faults_and_move_the_clock_over_http(hub, http):
    base = hub.url + "/_sandbox"
    added = http.client.post(
        f"{base}/faults", json={"match": "GET /campaigns", "status": 503, "times": None}
    )
    assert added.status_code == 201
    assert http.get("/campaigns").status_code == 503
    assert http.client.delete(f"{base}/faults").status_code == 204
    assert http.get("/campaigns").status_code == 200
    before = hub.now()
    moved = http.client.post(f"{base}/advance", json={"seconds": 2.5})
    assert moved.status_code == 200
    assert (hub.now() - before).total_seconds() == 2.5
    assert moved.json()["now"][:19] == hub.now().isoformat()[:19]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "faults", b"{", 400),
        ("POST", "faults", b"[]", 400),
        ("POST", "faults", b'{"match": "GET /call-limits"}', 400),
        ("POST", "faults", b'{"status": 500}', 400),
        ("POST", "faults", b'{"match": "GET /campaigns", "status": 500, "after": null}', 400),
        ("POST", "faults", b'{"match": "GET /campaigns", "status": 500, "times": -1}', 400),
        ("POST", "faults", b'{"match": "GET /campaigns", "status": 500, "seen": 1}', 400),
        ("POST", "faults", b'{"match": "GET /campaigns", "cut_after": 1}', 400),
        ("POST", "faults", b'{"match": "GET /campaigns", "status": 500, "colour": 1}', 400),
        ("POST", "faults", b'{"match": "GET /campaigns", "status": "500"}', 400),
        ("POST", "faults", b'{"match": 1, "status": 500}', 400),
        ("POST", "faults", b'{"match": "GET /campaigns", "latency": "1"}', 400),
        ("POST", "faults", b"[" * 60_000, 400),
        ("POST", "faults", b" " * 70_000, 400),
        ("POST", "advance", b"{}", 400),
        ("POST", "advance", b'{"seconds": -1}', 400),
        ("POST", "advance", b'{"seconds": 1e300}', 400),
        ("POST", "advance", b'{"seconds": NaN}', 400),
        ("POST", "advance", b'{"seconds": true}', 400),
        ("GET", "advance", b"", 405),
        ("PUT", "faults", b"", 405),
        ("POST", "journal", b"", 405),
        ("GET", "journal?after=x", b"", 400),
        ("GET", "elsewhere", b"", 404),
    ],
)
def test_the_control_paths_refuse_invalid_requests(hub, http, method, path, body, status):
    response = http.client.request(method, f"{hub.url}/_sandbox/{path}", content=body)
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"].startswith("text/plain")


def test_a_scaled_clock_cannot_be_advanced_over_http(connect):
    with Sandbox() as hub:
        http = connect(hub)
        response = http.client.post(f"{hub.url}/_sandbox/advance", json={"seconds": 1})
        assert response.status_code == 409


def test_the_control_paths_need_a_key_of_the_hub_and_do_not_count_against_limits(connect):
    with Sandbox(time_scale=Clock.manual(), limits={"per_minute": 1}) as hub:
        paths = [("GET", "journal"), ("POST", "faults"), ("DELETE", "faults"), ("POST", "advance")]
        http, jwt = connect(hub), connect(hub, key="eyJa.b.c")
        del http.client.headers["Authorization"]
        jwt.client.headers["X-Account-ID"] = "acme"
        for method, path in paths:
            for client in (http.client, jwt.client):
                response = client.request(method, f"{hub.url}/_sandbox/{path}")
                assert response.status_code == 401
        http = connect(hub)
        for _ in range(5):
            assert http.client.get(f"{hub.url}/_sandbox/journal").status_code == 200
        assert http.get("/campaigns").status_code == 200
