"""The exit codes of the command, by a table of what the Hub and the network do."""

from __future__ import annotations

import socket

import pytest

from kataven.sandbox import Clock
from tests.cli.test_campaigns import FORM, draft

# For each fault: the route, the fault, the command, the exit code and a word of the text.
FAULTS = [
    ("GET /campaigns/*", {"status": 401}, ["get", "ID"], 4, "401"),
    ("GET /campaigns/*", {"status": 403}, ["get", "ID"], 4, "403"),
    ("GET /campaigns/*", {"status": 404}, ["get", "ID"], 5, "404"),
    ("POST /campaigns/*/pause", {"status": 409}, ["pause", "ID"], 6, "409"),
    ("POST /campaigns/*/pause", {"status": 400}, ["pause", "ID"], 2, "400"),
    ("GET /campaigns/*", {"status": 429, "retry_after": 600}, ["get", "ID"], 7, "429"),
    ("GET /campaigns/*", {"status": 500}, ["get", "ID"], 8, "500"),
    ("GET /campaigns/*", {"status": 200, "body": "no json"}, ["get", "ID"], 8, "no json"),
    ("GET /campaigns/*", {"reset": "before"}, ["get", "ID"], 8, "GET"),
    ("POST /campaigns/*/pause", {"reset": "after"}, ["pause", "ID"], 9, "may have processed"),
    ("POST /campaigns/*/start", {"status": 503}, ["start", "ID", "--yes"], 9, "may have processed"),
    ("POST /campaigns", {"reset": "after"}, ["create", *FORM], 9, "may have processed"),
]


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
@pytest.mark.parametrize(("match", "fault", "command", "code", "words"), FAULTS)
def test_each_fault_has_its_exit_code(on_hub, hub, match, fault, command, code, words):
    campaign_id = draft(on_hub)
    hub.faults.add(match, times=None, **fault)

    done = on_hub.run("campaigns", *(campaign_id if word == "ID" else word for word in command))

    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert words in done.stderr
    assert f"(exit code {code})" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["campaigns", "list"], ["limits"]])
@pytest.mark.slow
def test_without_a_key_it_says_how_to_give_one(kataven, command):
    done = kataven.run(*command)

    assert (done.returncode, done.stdout) == (4, "")
    assert "KATAVEN_API_KEY" in done.stderr
    assert "kataven config set api_key" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["get", "watch"])
@pytest.mark.parametrize(("campaign_id", "code"), [("camp_unknown", 5), ("", 2), ("..", 2)])
def test_an_unknown_campaign_is_not_found_and_no_id_is_a_usage_error(
    on_hub, verb, campaign_id, code
):
    done = on_hub.run("campaigns", verb, campaign_id)

    assert (done.returncode, done.stdout) == (code, "")
    assert f"(exit code {code})" in done.stderr
    assert len(done.stderr.splitlines()) == (3 if code == 2 else 2)


@pytest.mark.slow
def test_a_closed_port_is_a_network_failure(kataven):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        env = {"KATAVEN_API_KEY": "sk_live_a_1", "KATAVEN_BASE_URL": f"http://127.0.0.1:{port}"}

        done = kataven.run("limits", env=env)

    assert done.returncode == 8
    assert "kataven doctor" in done.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"KATAVEN_API_KEY": "sk_live_acme_1"}, 4),
        ({"KATAVEN_BASE_URL": "http://127.0.0.1:9"}, 8),
    ],
)
def test_a_wrong_key_or_url_is_found_before_a_plan_is_shown(on_hub, hub, wrong, code):
    done = on_hub.run("campaigns", "run", *FORM, env=wrong)

    assert (done.returncode, done.stdout) == (code, "")
    assert "This calls" not in done.stderr
    assert "base_url" not in done.stderr
    assert [each for each in hub.requests if each.method != "GET"] == []


def test_a_missing_file_is_named(on_hub):
    done = on_hub.run("campaigns", "create", *FORM)

    assert done.returncode == 10
    assert "contacts.csv: No such file or directory" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("speed", [Clock.manual()])
@pytest.mark.usefixtures("contacts")
def test_several_campaigns_give_the_first_code_that_is_not_0(on_hub, hub, client):
    good, gone, failed = (draft(on_hub) for _ in range(3))
    for campaign_id in (good, failed):
        client.campaigns.start(campaign_id)
    hub.fail(failed)
    hub.run_to_end(good)
    client.campaigns.start(gone)
    hub.faults.add(f"GET /campaigns/{gone}/events", status=403, times=None)

    first = on_hub.run("campaigns", "watch", good, gone, failed)
    other = on_hub.run("campaigns", "watch", good, failed, gone)

    assert (first.returncode, other.returncode) == (4, 1)
