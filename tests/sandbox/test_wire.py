"""What another process can do below `/_sandbox/`: each response is checked against control.yaml."""

import threading
from itertools import pairwise
from json import dumps
from pathlib import Path
from urllib.parse import quote

import httpx
import jsonschema
import pytest
import yaml

from kataven.sandbox import Clock, Sandbox
from kataven.sandbox.http.request_log import RequestLog
from tests.sandbox.conftest import people

TEXT = (Path(__file__).parents[2] / "kataven" / "sandbox" / "http" / "control.yaml").read_text()
DOCUMENT = yaml.safe_load(TEXT)
FIRST, SECOND, THIRD = (f"+1555{n:07d}" for n in range(3))
FORMATS = jsonschema.Draft202012Validator.FORMAT_CHECKER


def resolve(item):
    while "$ref" in item:
        found = DOCUMENT
        for name in item["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        item = found
    return item


def check(method, path, response):
    """Check a response against the document."""
    template = "/outcomes/{rule}" if path.startswith("outcomes/") else f"/{path}"
    operation = DOCUMENT["paths"][template][method.lower()]
    documented = resolve(operation["responses"][str(response.status_code)])
    content = documented.get("content")
    if content is None:
        assert response.content == b""
        return
    (media,) = content
    assert response.headers["Content-Type"].partition(";")[0] == media
    if media == "application/json":
        schema = {**DOCUMENT, **content[media]["schema"]}
        validator = jsonschema.Draft202012Validator(schema, format_checker=FORMATS)
        validator.validate(response.json())


class Wire:
    """Another process: nothing but HTTP with a key."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        self._client = client
        self._url = f"{url}/_sandbox/"

    def send(self, method, path, expected=200, *, json=None, content=None, **query):
        if json is not None:
            # In ASCII, which can express half of a surrogate pair.
            content = dumps(json)
        response = self._client.request(
            method, self._url + path, params=query or None, content=content
        )
        assert response.status_code == expected, response.text
        check(method, path, response)
        if expected >= 400:
            return response.text
        return response.json() if response.content else None

    def get(self, path, expected=200, **query):
        return self.send("GET", path, expected, **query)

    def post(self, path, expected=200, **value):
        return self.send("POST", path, expected, json=value)

    def put(self, path, value, expected=200):
        return self.send("PUT", path, expected, json=value)

    def delete(self, path, expected=204):
        return self.send("DELETE", path, expected)


@pytest.fixture
def wire(hub, http):
    return Wire(http.client, hub.url)


def test_the_clock_is_read_and_moved(hub, wire):
    before = wire.get("clock")
    assert before["time_scale"] == "manual"

    after = wire.post("advance", seconds=90)

    assert after["now"] == wire.get("clock")["now"] != before["now"]
    assert hub.now().isoformat()[:26] == after["now"][:26]


def test_a_clock_that_runs_says_how_fast(connect):
    with Sandbox(time_scale=2.5) as hub:
        wire = Wire(connect(hub).client, hub.url)
        assert wire.get("clock")["time_scale"] == 2.5
        assert "only a manual clock" in wire.post("advance", 409, seconds=1)


def test_run_to_end_returns_the_campaign_and_the_time_of_its_end(hub, http, wire):
    campaign = http.create(20)
    http.start(campaign)

    ended = wire.post("run-to-end", campaign=campaign)

    assert ended["campaign"] == http.get(f"/campaigns/{campaign}").json()
    assert ended["campaign"]["status"] == "completed"
    assert ended["now"] == ended["campaign"]["completed_at"]
    assert wire.post("run-to-end", campaign=campaign) == ended


def test_run_to_end_says_why_a_campaign_does_not_end(http, wire):
    campaign = http.create(1)
    assert "is draft: start or resume it first" in wire.post("run-to-end", 409, campaign=campaign)
    assert "no campaign 'camp_0'" in wire.post("run-to-end", 404, campaign="camp_0")


def test_a_failing_function_of_outcomes_is_a_conflict(hub, http, wire):
    campaign = http.create(1)
    hub.outcomes["+*"] = lambda call: 1 / 0
    http.start(campaign)
    assert "ZeroDivisionError" in wire.post("run-to-end", 409, campaign=campaign)


def test_a_running_campaign_fails_on_request(http, wire):
    campaign = http.create(1)
    assert "it is draft" in wire.post("fail", 409, campaign=campaign)
    http.start(campaign)
    assert wire.post("fail", campaign=campaign)["status"] == http.status(campaign) == "failed"
    wire.post("fail", 404, campaign="camp_0")


def test_faults_are_listed_with_their_counts_in_the_order_in_which_they_were_added(http, wire):
    wire.post("faults", 201, match="GET /campaigns", status=503, retry_after=2, times=2)
    wire.post("faults", 201, match="* /campaigns/*", latency=0.001, times=None, after=1)
    for _ in range(4):
        http.get("/campaigns")
        http.get("/campaigns/camp_0")

    first, second = wire.get("faults")["faults"]

    assert first == {
        "match": "GET /campaigns", "times": 2, "status": 503, "retry_after": 2,
        "fired": 2, "left": 0,
    }  # fmt: skip
    assert second == {
        "match": "* /campaigns/*", "times": None, "after": 1, "latency": 0.001,
        "fired": 3, "left": None,
    }  # fmt: skip
    wire.delete("faults")
    assert wire.get("faults") == {"faults": []}


def test_a_listed_fault_can_be_added_again(hub, wire):
    hub.faults.add("GET /campaigns/*/events", cut_after=3, allow_unused=True, latency=0.5)
    (listed,) = wire.get("faults")["faults"]
    wire.delete("faults")

    wire.post("faults", 201, **{k: v for k, v in listed.items() if k not in {"fired", "left"}})

    assert wire.get("faults")["faults"] == [listed]


def test_outcomes_are_replaced_all_at_once(hub, http, wire):
    hub.outcomes["+1999*"] = "failed"
    rules = {SECOND: "no_answer", "+1*2": ["busy", "answered"], "+1*": "voicemail"}

    assert wire.put("outcomes", rules) == rules
    assert wire.get("outcomes") == rules
    assert set(hub.outcomes) == set(rules)

    campaign = http.create(3, retries_per_contact=1)
    http.start(campaign)
    wire.post("run-to-end", campaign=campaign)
    calls = wire.get("calls", campaign=campaign)["calls"]
    assert sorted((one["number"], one["attempt"], one["outcome"]) for one in calls) == [
        (FIRST, 1, "voicemail"),
        (SECOND, 1, "no_answer"),
        (SECOND, 2, "no_answer"),
        (THIRD, 1, "busy"),
        (THIRD, 2, "answered"),
    ]
    wire.delete("outcomes")
    assert wire.get("outcomes") == {}
    assert len(hub.outcomes) == 0


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ({FIRST: "busy", "555": "busy"}, "an outcome needs a number in E.164"),
        ({FIRST: "busy", SECOND: "engaged"}, "'engaged'"),
        ({FIRST: "busy", SECOND: []}, "a script is a list of outcomes"),
        ({FIRST: "busy", SECOND: ["busy", 1]}, "1"),
        ({FIRST: "busy", SECOND: None}, "an outcome is a word"),
        ({FIRST: "busy", SECOND: {"function": "f"}}, "functions can only be set in Python"),
        ([FIRST], "send an object of outcomes"),
        ({"\ud800": "busy"}, r"'\ud800'"),
    ],
)
def test_outcomes_with_one_wrong_rule_change_nothing(hub, wire, rules, problem):
    hub.outcomes[THIRD] = "busy"
    assert problem in wire.put("outcomes", rules, 400)
    assert dict(hub.outcomes) == {THIRD: "busy"}


def test_one_outcome_is_set_read_and_removed(hub, wire):
    first = f"outcomes/{quote(FIRST)}"
    pattern = f"outcomes/{quote('+155?*')}"
    assert wire.put(first, ["busy", "answered"]) == {FIRST: ["busy", "answered"]}
    assert wire.put(pattern, "busy") == {"+155?*": "busy"}
    assert wire.get(first) == {FIRST: ["busy", "answered"]}
    assert wire.get("outcomes") == {FIRST: ["busy", "answered"], "+155?*": "busy"}

    wire.delete(first)

    assert list(hub.outcomes) == ["+155?*"]
    assert FIRST in wire.delete(first, 404)
    assert FIRST in wire.get(first, 404)
    wire.get("outcomes/nobody", 400)
    wire.put(first, "engaged", 400)


def test_scripts_and_functions_of_python_are_shown(hub, wire):
    def odd(call):
        return None

    hub.script(FIRST, ["busy", "answered"])
    hub.outcomes["+1*"] = odd

    assert wire.get("outcomes") == {FIRST: ["busy", "answered"], "+1*": {"function": repr(odd)}}


def test_outcomes_of_numbers_are_stored(tmp_path, connect):
    path = tmp_path / "hub.db"
    with Sandbox(path=path) as hub:
        wire = Wire(connect(hub).client, hub.url)
        wire.put("outcomes", {THIRD: "failed"})
        wire.put("outcomes", {FIRST: "busy", SECOND: ["busy"], "+1*": "failed"})
    with Sandbox(path=path) as hub:
        assert dict(hub.outcomes) == {FIRST: "busy"}


def test_requests_are_listed_with_the_account_that_sent_them(hub, http, wire):
    http.get("/campaigns", params={"a": "b"})
    http.client.get("/campaigns", headers={"Authorization": "Bearer nobody"})
    wire.get("clock")

    first, second = wire.get("requests")["requests"]

    assert (first["number"], first["method"], first["path"]) == (1, "GET", "/campaigns")
    assert (first["query"], first["status"], first["account"]) == ("a=b", 200, "sandbox")
    assert (second["number"], second["status"], second["account"]) == (2, 401, None)
    assert len(hub.requests) == 2


def pages(wire, path, name, **query):
    """The numbers of the items of each page."""
    found, after = [], 0
    key = {"journal": "entry", "requests": "number", "calls": "call"}[path]
    while after is not None:
        page = wire.get(path, after=after, **query)
        found.append([item[key] for item in page[name]])
        after = page["next"]
    return found


@pytest.mark.parametrize(
    ("path", "name"), [("journal", "entries"), ("requests", "requests"), ("calls", "calls")]
)
def test_long_lists_are_read_in_pages(http, wire, path, name):
    campaign = http.create(3)
    http.start(campaign)
    wire.post("run-to-end", campaign=campaign)
    while len(wire.get("requests")["requests"]) < 9:
        http.get("/campaigns")
    numbers = list(range(1, {"journal": 9, "requests": 9, "calls": 3}[path] + 1))

    for limit in (2, 3):
        assert pages(wire, path, name, limit=limit) == [
            numbers[i : i + limit] for i in range(0, len(numbers), limit)
        ]
    assert pages(wire, path, name) == [numbers]
    last = wire.get(path, last=2)
    assert [next(iter(one.values())) for one in last[name]] == numbers[-2:]
    assert last["next"] is None
    assert wire.get(path, last=2, limit=1)["next"] == numbers[-2]
    assert wire.get(path, last=99)[name] == wire.get(path)[name]
    assert wire.get(path, last=0)[name] == wire.get(path, after=99)[name] == []
    for query in ({"limit": 0}, {"limit": 10_001}, {"last": 1, "after": 1}, {"after": "-1"}):
        wire.get(path, 400, **query)


@pytest.mark.slow
def test_requests_keep_their_number_when_the_oldest_are_dropped():
    log = RequestLog()
    for n in range(100_003):
        log.begin(n, "GET", "/v1/campaigns", b"")

    assert [number for number, _ in log.page(0, 2)] == [4, 5]
    assert [(number, one.time) for number, one in log.page(100_001, 5)] == [
        (100_002, 100_001),
        (100_003, 100_002),
    ]
    assert log.page(100_003, 5) == []
    log.clear()
    log.begin(1, "GET", "/v1/campaigns", b"")
    assert [number for number, _ in log.page(0, 5)] == [1]


def test_calls_are_those_of_python(hub, http, wire):
    hub.script(FIRST, ["busy", "answered"])
    first, second = (
        http.create(3, retries_per_contact=1),
        http.create(people(2) + people(2).partition(b"\n")[2]),
    )
    http.start(first)
    http.start(second)
    flying = wire.get("calls")["calls"]
    assert flying
    assert {(one["ended"], one["outcome"]) for one in flying} == {(None, None)}

    wire.post("run-to-end", campaign=first)
    wire.post("run-to-end", campaign=second)

    calls = wire.get("calls")["calls"]
    told = [(c["number"], c["attempt"], c["outcome"], c["campaign"], c["account"]) for c in calls]
    assert told == [(c.number, c.attempt, c.outcome, c.campaign, c.account) for c in hub.calls()]
    assert [c["started"][:26] for c in calls] == [
        c.started.isoformat()[:26].replace("+00:00", "Z") for c in hub.calls()
    ]
    assert all(one["ended"] > one["started"] for one in calls)
    assert [one["call"] for one in wire.get("calls", campaign=second)["calls"]] == [1, 2, 3, 4]
    wire.get("calls", 404, campaign="camp_0")


def test_calls_of_a_deleted_campaign_stay(http, wire):
    campaign = http.create(1)
    http.start(campaign)
    wire.post("run-to-end", campaign=campaign)
    http.delete(f"/campaigns/{campaign}")

    assert len(wire.get("calls", campaign=campaign)["calls"]) == 1
    assert wire.get("campaigns") == {"campaigns": []}
    wire.get("contacts", 404, campaign=campaign)


def test_contacts_are_read_in_pages_and_by_status_and_last_error(hub, http, wire):
    hub.outcomes["+*1"] = "busy"
    hub.outcomes["+*2"] = "no_answer"
    hub.outcomes["+*"] = "answered"
    campaign = http.create(250)
    http.start(campaign)
    wire.post("run-to-end", campaign=campaign)

    def all_of(**query):
        pages = [
            wire.get("contacts", campaign=campaign, page=number, **query) for number in range(3)
        ]
        assert {page["total"] for page in pages} == {sum(len(page["contacts"]) for page in pages)}
        return [contact for page in pages for contact in page["contacts"]]

    assert all_of() == hub.contacts(campaign)
    failed = [one for one in hub.contacts(campaign) if one["status"] == "failed"]
    assert len(failed) == 50
    assert all_of(status="failed") == failed
    busy = [one for one in failed if one["last_error"] == "busy"]
    assert len(busy) == 25
    assert all_of(last_error="busy") == all_of(status="failed", last_error="busy") == busy
    assert all_of(status="completed", last_error="busy") == all_of(last_error="odd") == []
    assert all_of(status="", last_error="") == hub.contacts(campaign)
    wire.get("contacts", 400)
    wire.get("contacts", 400, campaign=campaign, page="x")
    wire.get("contacts", 404, campaign="camp_0")


def test_whether_each_number_was_called_once(http, wire):
    assert wire.get("called-once-each")["ok"] is False
    first = http.create(2)
    http.start(first)
    wire.post("run-to-end", campaign=first)
    assert wire.get("called-once-each") == {"ok": True, "problem": None}

    second = http.create(1)
    http.start(second)
    wire.post("run-to-end", campaign=second)

    said = wire.get("called-once-each")
    assert said["ok"] is False
    assert f"{FIRST}: 2 times" in said["problem"]
    assert wire.get("called-once-each", campaign=second)["ok"] is True
    wire.get("called-once-each", 404, campaign="camp_0")
    wire.get("called-once-each", 400, retries="yes")


def test_whether_each_number_was_called_once_but_for_retries(hub, http, wire):
    hub.script(FIRST, ["busy", "answered"])
    campaign = http.create(1, retries_per_contact=1)
    http.start(campaign)
    wire.post("run-to-end", campaign=campaign)
    assert wire.get("called-once-each", retries="false")["ok"] is False
    assert wire.get("called-once-each", retries="true")["ok"] is True


def test_keys_are_made_listed_and_revoked(hub, http, wire, connect):
    made = wire.post("accounts", 201, account="acme", limits={"per_minute": 2})
    plain = wire.post("accounts", 201, account="acme")
    assert plain["limits"] is None
    assert made["limits"] == {
        "per_minute": 2, "per_hour": None, "per_day": None, "concurrent": None,
    }  # fmt: skip
    acme = connect(hub, key=made["api_key"])
    assert [acme.get("/campaigns").status_code for _ in range(3)] == [200, 200, 429]

    wire.send("POST", "revoke", 204, json={"api_key": made["api_key"]})

    assert acme.get("/campaigns").status_code == 401
    accounts = {one["account"]: one["keys"] for one in wire.get("accounts")["accounts"]}
    assert [one["api_key"] for one in accounts["sandbox"]] == [hub.api_key]
    assert [(one["api_key"], one["revoked"]) for one in accounts["acme"]] == [
        (made["api_key"], True),
        (plain["api_key"], False),
    ]
    assert "no such key" in wire.post("revoke", 404, api_key="sk_live_acme_0")


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"account": "Acme"},
        {"account": 1},
        {"account": "acme", "limits": {"per_minut": 5}},
        {"account": "acme", "limits": {"per_minute": 0}},
        {"account": "acme", "limits": [5]},
        {"account": "acme", "limit": {"per_minute": 5}},
    ],
)
def test_a_wrong_account_makes_no_key(wire, value):
    wire.post("accounts", 400, **value)
    assert [one["account"] for one in wire.get("accounts")["accounts"]] == ["sandbox"]


def test_limits_say_how_much_is_used(connect):
    limits = {"per_minute": 3, "per_day": 100}
    calls = {"concurrent_max": 2, "daily_calls_max": 50}
    with Sandbox(time_scale=Clock.manual(), limits=limits, call_limits=calls) as hub:
        http = connect(hub)
        wire = Wire(http.client, hub.url)
        campaign = http.create(20, max_concurrent_calls=2)
        http.start(campaign)
        assert [http.get("/campaigns").status_code for _ in range(2)] == [200, 429]

        (account,) = wire.get("limits")["accounts"]

        assert account["account"] == "sandbox"
        assert account["requests"] == {
            "per_minute": {"limit": 3, "used": 3},
            "per_hour": {"limit": None, "used": 3},
            "per_day": {"limit": 100, "used": 3},
            "concurrent": {"limit": None, "used": 0},
        }
        assert account["calls"]["concurrent_max"] == {"limit": 2, "used": 2}
        assert account["calls"]["calls_per_minute"] == {"limit": 6000, "used": 2}

        wire.post("run-to-end", campaign=campaign)
        wire.post("advance", seconds=60)
        (account,) = wire.get("limits")["accounts"]
        assert account["requests"]["per_minute"]["used"] == 0
        assert account["requests"]["per_day"]["used"] == 3
        assert account["calls"]["concurrent_max"]["used"] == 0
        assert account["calls"]["daily_calls_max"] == {"limit": 50, "used": 20}
        assert account["calls"]["daily_minutes_max"]["used"] > 0


def test_campaigns_of_all_accounts_are_summarized(hub, http, wire, connect):
    acme = connect(hub, key=hub.new_key("acme"))
    first, second = http.create(30, max_concurrent_calls=7), acme.create(2)
    http.start(first)
    wire.post("advance", seconds=40)

    shown = {one["id"]: one for one in wire.get("campaigns")["campaigns"]}

    assert list(shown) == [first, second]
    counts = {"pending": 0, "in_progress": 0, "completed": 0, "failed": 0, "cancelled": 0}
    for contact in hub.contacts(first):
        counts[contact["status"]] += 1
    summary, campaign = shown[first], http.get(f"/campaigns/{first}").json()
    assert summary["counts"] == counts
    assert (summary["total"], summary["in_flight"]) == (30, 7)
    assert (summary["account"], shown[second]["account"]) == ("sandbox", "acme")
    for name in ("name", "status", "max_concurrent_calls", "created_at", "started_at"):
        assert summary[name] == campaign[name], name
    only = wire.get("campaigns", account="acme")["campaigns"]
    assert [one["id"] for one in only] == [second]
    assert "'nobody'" in wire.get("campaigns", 404, account="nobody")


BODIES = {
    "run-to-end": {"campaign": "camp_0"},
    "fail": {"campaign": "camp_0"},
    "revoke": {"api_key": "sk_live_acme_0"},
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("value", [{}, [], "x", None, {"x": "y"}, "more", "number"])
def test_a_body_with_other_names_or_types_is_refused(wire, path, value):
    (name,) = BODIES[path]
    value = {"more": {**BODIES[path], "x": 1}, "number": {name: 1}}.get(str(value), value)
    assert f'send {{"{name}": <string>}}' in wire.send(
        "POST", path, 400, json=value, content=b"null" if value is None else None
    )


def test_a_body_that_is_not_json_or_too_long_is_refused(wire):
    assert "not JSON" in wire.send("POST", "fail", 400, content=b"{")
    assert "longer than 65,536 bytes" in wire.send("PUT", "outcomes", 400, content=b" " * 65_537)


def operations():
    return [
        (method.upper(), path.removeprefix("/"))
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if method != "parameters"
    ]


def test_every_path_needs_a_key_of_this_hub(hub, http, connect):
    jwt = connect(hub, key="eyJa.b.c").client
    jwt.headers["X-Account-ID"] = "acme"
    anonymous = connect(hub, key="sk_live_sandbox_0").client
    reserved = connect(hub, key=hub.new_key("kataven-admin")).client
    http.create(1)
    for method, path in operations():
        url = f"{hub.url}/_sandbox/{path.replace('{rule}', quote(FIRST))}"
        for client, status in ((jwt, 401), (anonymous, 401), (reserved, 403)):
            response = client.request(method, url)
            assert response.status_code == status, (method, path)
            check(method, path, response)
    assert len(hub.journal) == 1


def test_every_path_refuses_other_methods_and_unknown_parameters(hub, http, wire):
    allowed = {}
    for method, path in operations():
        allowed.setdefault(path, []).append(method)
    for path, methods in allowed.items():
        url = f"{hub.url}/_sandbox/{path.replace('{rule}', quote(FIRST))}"
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - set(methods):
            response = http.client.request(method, url)
            assert response.status_code == 405, (method, path)
            assert response.headers["Allow"].split(", ") == methods
        for method in methods:
            response = http.client.request(method, url, params={"camp": "camp_0"})
            assert response.status_code == 400, (method, path)
            assert "no parameter 'camp'" in response.text


@pytest.mark.parametrize("path", ["", "clock/", "clock/x", "outcomes/", "outcomes/a/b", "Clock"])
def test_unknown_paths_are_not_found(hub, http, path):
    response = http.client.get(f"{hub.url}/_sandbox/{path}")
    assert response.status_code == 404
    assert "/_sandbox/clock, /_sandbox/advance" in response.text


def test_an_unknown_name_in_a_fault_is_said_even_if_it_cannot_be_written_as_utf8(hub, http):
    response = http.client.post(
        f"{hub.url}/_sandbox/faults", content=rb'{"match": "GET /campaigns", "\ud800": 1}'
    )
    assert response.status_code == 400
    assert r"'\ud800'" in response.text


def test_the_document_is_served_as_it_is(hub, http, wire):
    response = http.client.get(f"{hub.url}/_sandbox/openapi.yaml")
    check("GET", "openapi.yaml", response)
    assert response.text == TEXT


def test_many_processes_at_once_move_the_clock_one_after_the_other(hub, wire, connect):
    begin = hub.now()
    wires = [Wire(connect(hub).client, hub.url) for _ in range(8)]
    times = []
    threads = [
        threading.Thread(
            target=lambda one=one: times.append(one.post("advance", seconds=10)["now"])
        )
        for one in wires
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (hub.now() - begin).total_seconds() == 80
    assert all(a < b for a, b in pairwise(sorted(times)))
