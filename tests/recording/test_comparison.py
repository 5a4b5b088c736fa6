"""Two embedded Hubs, one of them altered: each alteration is reported, and nothing is invented."""

from __future__ import annotations

import json
import re

import pytest

from kataven.recording.assumptions import BY_ID
from tests.recording.conftest import CSV, Client, Reply, changed


def kinds(found) -> set[tuple[str, str, str]]:
    return {(one.operation, one.kind, one.where) for one in found.differences}


def shown(found) -> str:
    return "\n".join(map(str, found.differences))


@pytest.mark.slow
def test_nothing_is_invented_for_an_unaltered_hub(record):
    found = record().compare()

    assert found.differences == [], shown(found)
    assert found.not_compared == []
    assert found.compared > 30


@pytest.mark.slow
def test_a_relay_that_alters_nothing_makes_no_difference(record):
    found = record(alter=lambda method, reply: reply).compare()

    assert found.differences == [], shown(found)


@pytest.mark.slow
def test_one_alteration_in_a_short_session(record):
    def play(client):
        campaign_id = client.create().json()["id"]
        client.send("GET", f"/campaigns/{campaign_id}")
        client.send("GET", "/campaigns")

    alter = ALTERATIONS["a key of a campaign is renamed"][0]

    assert record(play).compare().differences == []
    assert kinds(record(play, alter, name="altered").compare()) == {
        ("get", "key_renamed", "created_by")
    }


# An alteration of the JSON of a path, and what must be reported.


def on(pattern: str, alter, method: str = "GET"):
    def run(asked: str, reply: Reply) -> Reply:
        matches = asked == method and re.fullmatch(pattern, reply.path)
        return alter(reply) if matches and reply.status < 300 else reply

    return run


def in_json(function):
    def run(reply: Reply) -> Reply:
        return changed(reply, body=json.dumps(function(json.loads(reply.body))).encode())

    return run


def in_text(before: str, after: str):
    return lambda _, reply: (
        changed(reply, body=reply.body.replace(before.encode(), after.encode()))
        if reply.status >= 400
        else reply
    )


def renamed(value: dict, old: str, new: str) -> dict:
    return {new if key == old else key: inner for key, inner in value.items()}


def each_contact(function):
    return in_json(lambda page: {**page, "contacts": [function(one) for one in page["contacts"]]})


def in_frames(function):
    def run(reply: Reply) -> Reply:
        frames = [frame for frame in reply.body.decode().split("\n\n") if frame]
        return changed(reply, body="".join(f"{frame}\n\n" for frame in function(frames)).encode())

    return on(EVENTS, run)


def swapped(frames: list[str]) -> list[str]:
    return [*frames[:-2], frames[-1], frames[-2]]


def in_snapshots(function):
    def run(frames: list[str]) -> list[str]:
        return [
            f"data: {json.dumps(function(json.loads(frame[6:])))}"
            if frame[:6] == "data: "
            else frame
            for frame in frames
        ]

    return in_frames(run)


ONE, PAGE, EVENTS = ".*/campaigns/camp_[0-9a-f]+", ".*/contacts", ".*/events"
LIST = ".*/campaigns"

ALTERATIONS = {
    "a key of a campaign is renamed": (
        on(ONE, in_json(lambda one: renamed(one, "created_by", "creator"))),
        ("get", "key_renamed", "created_by"),
    ),
    "a key of a contact is renamed": (
        on(PAGE, each_contact(lambda one: renamed(one, "phone_number", "phone"))),
        ("contacts", "key_renamed", "contacts[].phone_number"),
    ),
    "the envelope of the list is renamed": (
        on(LIST, in_json(lambda body: renamed(body, "campaigns", "data"))),
        ("list", "key_renamed", "campaigns"),
    ),
    "a key is missing": (
        on(PAGE, each_contact(lambda one: {k: v for k, v in one.items() if k != "attempts"})),
        ("contacts", "key_missing", "contacts[].attempts"),
    ),
    "a key is extra": (
        on(ONE, in_json(lambda one: {**one, "archived": False})),
        ("get", "key_extra", "archived"),
    ),
    "a number is a string": (
        on(ONE, in_json(lambda one: {**one, "retries_per_contact": "1"})),
        ("get", "type", "retries_per_contact"),
    ),
    "a string is a number": (
        on(PAGE, each_contact(lambda one: {**one, "id": 17})),
        ("contacts", "type", "contacts[].id"),
    ),
    "times are seconds": (
        on(ONE, in_json(lambda one: {**one, "created_at": 1_700_000_000})),
        ("get", "type", "created_at"),
    ),
    "times have another form": (
        on(ONE, in_json(lambda one: {**one, "created_at": "2026-01-31 12:00:00"})),
        ("get", "format", "created_at"),
    ),
    "a time that is not known is the first of all": (
        on(ONE, in_json(lambda one: {**one, "scheduled_at": "0001-01-01T00:00:00Z"})),
        ("get", "value", "scheduled_at"),
    ),
    "create returns 200": (
        on(LIST, lambda reply: changed(reply, status=200), "POST"),
        ("create", "status", ""),
    ),
    "delete returns the campaign": (
        on(ONE, lambda reply: changed(reply, status=200, body=b"{}"), "DELETE"),
        ("delete", "status", ""),
        ("delete", "body", ""),
    ),
    "start returns nothing": (
        on(".*/start", lambda reply: changed(reply, status=204, body=b"", headers={}), "POST"),
        ("start", "status", ""),
        ("start", "body", ""),
        ("start", "content_type", "content-type"),
    ),
    "start returns another object": (
        on(".*/start", in_json(lambda one: {"status": "started"}), "POST"),
        ("start", "key_missing", "name"),
        ("start", "value", "status"),
    ),
    "a 404 has another status": (
        lambda _, reply: changed(reply, status=410) if reply.status == 404 else reply,
        ("get", "status", ""),
        ("unknown", "status", ""),
    ),
    "a 400 is a 422": (
        lambda _, reply: changed(reply, status=422) if reply.status == 400 else reply,
        ("create", "status", ""),
    ),
    "the end comes before the last snapshot": (
        in_frames(swapped),
        ("events", "frame_order", ""),
    ),
    "the end has another name": (
        in_frames(lambda frames: [frame.replace("event: end", "event: done") for frame in frames]),
        ("events", "frame_name", "event done"),
    ),
    "snapshots have a name": (
        in_frames(
            lambda frames: [f"event: snapshot\n{one}" if one[0] == "d" else one for one in frames]
        ),
        ("events", "frame_name", "event snapshot"),
    ),
    "frames have ids": (
        in_frames(lambda frames: [f"id: 1\n{one}" if one[0] == "d" else one for one in frames]),
        ("events", "frame_fields", "data"),
    ),
    "the end is missing": (
        in_frames(lambda frames: frames[:-1]),
        ("events", "frame_order", ""),
    ),
    "a key of a snapshot is renamed": (
        in_snapshots(lambda one: renamed(one, "in_progress", "active")),
        ("events", "key_renamed", "data.in_progress"),
    ),
    "an error has another text": (
        in_text("campaign not found in this account", "no such campaign"),
        ("get", "text", ""),
    ),
    "errors are JSON": (
        lambda _, reply: (
            reply
            if reply.status < 400
            else changed(
                reply,
                headers={**reply.headers, "content-type": "application/json"},
                body=json.dumps({"error": reply.body.decode()}).encode(),
            )
        ),
        *(
            (operation, kind, where)
            for operation in ("get", "pause", "create", "list", "delete", "unknown", "start")
            for kind, where in (("content_type", "content-type"), ("body", ""))
        ),
    ),
    "JSON is sent as text": (
        on(ONE, lambda r: changed(r, headers={**r.headers, "content-type": "text/plain"})),
        ("get", "content_type", "content-type"),
    ),
    "the order of contacts is reversed": (
        on(PAGE, in_json(lambda page: {**page, "contacts": page["contacts"][::-1]})),
        ("contacts", "order", "contacts"),
    ),
    "the order of campaigns is reversed": (
        on(LIST, in_json(lambda body: {"campaigns": body["campaigns"][::-1]})),
        ("list", "order", "campaigns"),
    ),
    "the order of keys is reversed": (
        on(ONE, in_json(lambda one: dict(reversed(one.items())))),
        ("get", "key_order", "(top)"),
    ),
    "Retry-After is missing": (
        lambda _, reply: changed(
            reply, headers={k: v for k, v in reply.headers.items() if k != "retry-after"}
        ),
        ("list", "header", "retry-after"),
    ),
    "there are RateLimit headers": (
        on(ONE, lambda r: changed(r, headers={**r.headers, "x-ratelimit-remaining": "59"})),
        ("get", "header", "x-ratelimit-remaining"),
    ),
    "Allow is missing": (
        lambda _, reply: changed(
            reply, headers={k: v for k, v in reply.headers.items() if k != "allow"}
        ),
        ("unknown", "header", "allow"),
    ),
    "a page has 50 contacts": (
        on(PAGE, in_json(lambda page: {**page, "contacts": page["contacts"][:50]})),
        ("contacts", "count", "contacts"),
    ),
    "pages count from 1": (
        on(PAGE, in_json(lambda page: {**page, "page": page["page"] + 1})),
        ("contacts", "value", "page"),
    ),
    "a contact has another status": (
        on(PAGE, each_contact(lambda one: {**one, "status": "done"})),
        ("contacts", "value", "contacts[].status"),
    ),
    "a default is another one": (
        on(LIST, in_json(lambda one: {**one, "max_concurrent_calls": 10}), "POST"),
        ("create", "value", "max_concurrent_calls"),
    ),
    "ids have another form": (
        on(ONE, in_json(lambda one: {**one, "id": one["id"].removeprefix("camp_")})),
        ("get", "format", "id"),
    ),
}


# Alterations that do not touch each other are made together, to save time.
TOGETHER = [
    [
        "a key of a campaign is renamed",
        "a key of a contact is renamed",
        "the envelope of the list is renamed",
        "create returns 200",
        "a key of a snapshot is renamed",
        "an error has another text",
        "Retry-After is missing",
        "Allow is missing",
    ],
    [
        "a key is missing",
        "a key is extra",
        "a 400 is a 422",
        "the end comes before the last snapshot",
        "the order of campaigns is reversed",
    ],
    [
        "a number is a string",
        "a string is a number",
        "start returns nothing",
        "the end has another name",
        "pages count from 1",
    ],
    ["times are seconds", "delete returns the campaign", "a page has 50 contacts"],
    [
        "times have another form",
        "a default is another one",
        "the order of contacts is reversed",
        "snapshots have a name",
        "a 404 has another status",
    ],
    [
        "a time that is not known is the first of all",
        "a contact has another status",
        "frames have ids",
        "there are RateLimit headers",
    ],
    ["JSON is sent as text", "the end is missing", "ids have another form"],
    ["the order of keys is reversed", "start returns another object"],
    ["errors are JSON"],
]


def test_each_alteration_is_in_a_group():
    assert sorted(name for group in TOGETHER for name in group) == sorted(ALTERATIONS)


@pytest.mark.slow
@pytest.mark.parametrize("group", TOGETHER, ids=lambda group: group[0])
def test_each_alteration_is_reported_and_nothing_else(record, group):
    def alter(method: str, reply: Reply) -> Reply:
        for name in group:
            reply = ALTERATIONS[name][0](method, reply)
        return reply

    found = record(alter=alter).compare()

    wanted = {each for name in group for each in ALTERATIONS[name][1:]}
    got = kinds(found)
    if "start returns another object" in group:
        wanted |= {one for one in got if one[:2] == ("start", "key_missing")}
        assert len(wanted) > 10
    assert got == wanted, shown(found)
    for one in found.differences:
        assert one.requests
        assert one.recorded != one.embedded
        assert set(one.rules) <= set(BY_ID)
        # Where nothing is known of it, there is no rule.
        assert one.rules or one.kind in {"header", "content_type", "key_order", "body"}, one


# What must not be invented.


def drive(client: Client, campaign_id: str) -> None:
    client.hub.run_to_end(campaign_id)


@pytest.mark.slow
def test_campaigns_that_are_older_than_the_recording(record):
    ids: dict[str, str] = {}

    def prepare(hub):
        from kataven import KatavenClient

        with KatavenClient(hub.api_key, base_url=hub.url) as client:
            for status in ("draft", "scheduled", "running", "paused", "completed", "failed"):
                at = {"scheduled_at": hub.now().replace(year=2031)} if status == "scheduled" else {}
                made = client.campaigns.create(
                    "Old Grobnar", agent_id="a", phone_number_id="p", contacts=CSV.encode(), **at
                )
                ids[status] = made["id"]
            for status in ("completed", "running", "paused", "failed"):
                client.campaigns.start(ids[status])
                if status == "completed":
                    hub.run_to_end(ids[status])
            client.campaigns.pause(ids["paused"])
            hub.fail(ids["failed"])

    def play(client):
        client.send("GET", "/campaigns")
        for status, campaign_id in ids.items():
            path = f"/campaigns/{campaign_id}"
            assert client.send("GET", path).json()["status"] == status
            client.send("GET", f"{path}/contacts?page=1")
            client.send("GET", f"{path}/contacts?status=completed")
            if status in ("completed", "failed"):
                with client.following(campaign_id) as finish:
                    finish()
        client.send("DELETE", f"/campaigns/{ids['running']}")
        client.send("DELETE", f"/campaigns/{ids['draft']}")
        client.send("GET", f"/campaigns/{ids['draft']}")

    found = record(play, prepare=prepare, allow_dialling=False).compare()

    assert found.differences == [], shown(found)
    assert found.not_compared == []


@pytest.mark.slow
def test_campaign_that_ends_while_nobody_looks(record):
    def play(client):
        campaign_id = client.create().json()["id"]
        client.send("POST", f"/campaigns/{campaign_id}/start")
        drive(client, campaign_id)
        client.send("POST", f"/campaigns/{campaign_id}/pause")
        client.send("GET", f"/campaigns/{campaign_id}/contacts")
        client.send("DELETE", f"/campaigns/{campaign_id}")

    found = record(play).compare()

    assert found.differences == [], shown(found)


@pytest.mark.slow
def test_refusals_of_limits(record):
    def play(client):
        first = client.create().json()["id"]
        second = client.create(max_concurrent_calls="8").json()["id"]
        client.send("POST", f"/campaigns/{first}/start")
        # The budget.
        assert client.send("POST", f"/campaigns/{second}/start").status_code == 409
        client.send("POST", f"/campaigns/{first}/pause")
        client.send("POST", f"/campaigns/{second}/start")
        assert client.send("POST", f"/campaigns/{first}/resume").status_code == 409
        client.send("POST", f"/campaigns/{second}/stop")
        client.hub.advance(300)
        third = client.create().json()["id"]
        # The calls of the day.
        refused = client.send("POST", f"/campaigns/{third}/start")
        assert (refused.status_code, refused.text) == (429, "Daily call limit reached")
        client.send("GET", f"/campaigns/{third}")

    limits = {"concurrent_max": 10, "daily_calls_max": 10}
    found = record(play, call_limits=limits).compare()

    assert found.differences == [], shown(found)


@pytest.mark.parametrize("clock", [1.0, 60.0, None], ids=["real", "fast", "manual"])
@pytest.mark.slow
def test_refusals_of_the_request_limit(record, clock, brief):
    if clock == 60.0:
        # The three requests must fit into a minute of Hub time.
        clock /= brief(1)

    def play(client):
        answered = [client.send("GET", "/call-limits").status_code for _ in range(3)]
        assert answered == [200, 200, 429]

    found = record(play, clock=clock, limits={"per_minute": 2, "per_hour": None}).compare()

    assert found.differences == [], shown(found)


@pytest.mark.slow
def test_stream_that_breaks_mid_way_and_one_that_the_client_leaves(record):
    def play(client):
        campaign_id = client.create().json()["id"]
        client.hub.faults.add("GET /campaigns/*/events", cut_after=2)
        with client.following(campaign_id) as finish:
            client.send("POST", f"/campaigns/{campaign_id}/start")
            client.hub.advance(2)
            client.hub.advance(2)
            assert finish()[-1] == "broken"
        client.send("GET", f"/campaigns/{campaign_id}")
        drive(client, campaign_id)
        with client.following(campaign_id) as finish:
            finish()
        client.send("GET", f"/campaigns/{campaign_id}")

    found = record(play).compare()

    assert found.differences == [], shown(found)
    assert len(found.not_compared) == 1
    assert "the rest of its stream" in found.not_compared[0]


def test_scheduled_campaign(record):
    def play(client):
        at = client.hub.now().replace(microsecond=0).timestamp() + 7200
        from datetime import UTC, datetime

        text = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
        campaign_id = client.create(scheduled_at=text).json()["id"]
        client.create(scheduled_at="2020-01-01T00:00:00Z")
        client.create(scheduled_at="tomorrow")
        client.send("GET", f"/campaigns/{campaign_id}")
        with client.following(campaign_id) as finish:
            drive(client, campaign_id)
            finish()
        client.send("GET", f"/campaigns/{campaign_id}")

    found = record(play).compare()

    assert found.differences == [], shown(found)


@pytest.mark.slow
def test_fast_clock_with_a_stream(record):
    def play(client):
        campaign_id = client.create(max_concurrent_calls="50").json()["id"]
        with client.following(campaign_id) as finish:
            client.send("POST", f"/campaigns/{campaign_id}/start")
            client.send("GET", f"/campaigns/{campaign_id}")
            finish()
        client.send("GET", f"/campaigns/{campaign_id}")
        client.send("DELETE", f"/campaigns/{campaign_id}")

    found = record(play, clock=600.0, limits=None).compare()

    assert found.differences == [], shown(found)


@pytest.mark.slow
def test_state_that_differs_is_reported_once_and_not_in_all_that_follows(record):
    def alter(method: str, reply: Reply) -> Reply:
        if method == "POST" and reply.path.endswith("/pause") and reply.status == 200:
            return in_json(lambda one: {**one, "status": "pausing"})(reply)
        return reply

    found = record(alter=alter).compare()

    assert kinds(found) == {("pause", "value", "status")}, shown(found)
