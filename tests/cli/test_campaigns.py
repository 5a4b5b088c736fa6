"""``kataven campaigns ...`` as processes, against an embedded Hub."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from kataven import KatavenClient
from kataven.cli.app import main
from kataven.sandbox import Clock, Sandbox

SPEC = yaml.safe_load((Path(__file__).parents[2] / "openapi.yaml").read_text())
FORM = (
    "--name=Renewals",
    "--agent-id=agent_1",
    "--phone-number-id=number_1",
    "--contacts=contacts.csv",
)


def matches(name, value):
    """Check a value against a schema of openapi.yaml."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": SPEC["components"]}
    jsonschema.validate(value, schema, cls=jsonschema.Draft202012Validator)
    return True


def draft(on_hub):
    done = on_hub.run("campaigns", "create", *FORM, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["id"]


@pytest.mark.usefixtures("contacts")
@pytest.mark.slow
def test_create_makes_a_draft_and_asks_nothing(on_hub, client):
    done = on_hub.run("campaigns", "create", *FORM, "--json", "--retries-per-contact=2")

    campaign = json.loads(done.stdout)
    assert done.returncode == 0
    assert matches("Campaign", campaign)
    assert client.campaigns.get(campaign["id"])["status"] == "draft"
    assert client.campaigns.get(campaign["id"])["retries_per_contact"] == 2
    assert client.campaigns.list_contacts(campaign["id"])["total"] == 30


@pytest.mark.parametrize("command", ["create", "run"])
@pytest.mark.parametrize("option", ["--name", "--agent-id", "--phone-number-id"])
def test_an_empty_option_is_refused(capsys, command, option):
    form = [f"{option}= " if each.startswith(f"{option}=") else each for each in FORM]
    assert form != list(FORM)

    assert main(["campaigns", command, *form]) == 2
    assert f"'{option}': it is empty: is a shell variable not set?" in capsys.readouterr().err


@pytest.mark.slow
def test_create_reads_standard_input(on_hub, client):
    form = (*FORM[:3], "--contacts=-")
    done = on_hub.run("campaigns", "create", *form, "--json", given="phone_number\n+14155550100\n")

    assert client.campaigns.list_contacts(json.loads(done.stdout)["id"])["total"] == 1


@pytest.mark.parametrize("command", ["create", "run"])
def test_a_list_with_problems_is_shown_and_refused(on_hub, client, command):
    (on_hub.folder / "contacts.csv").write_text("phone_number\n+14155550100\n+14155550100\n415\n")
    yes = ["--yes"] if command == "run" else []

    done = on_hub.run("campaigns", command, *FORM, *yes)

    assert (done.returncode, done.stdout) == (3, "")
    assert "duplicate" in done.stderr
    assert "bad_number" in done.stderr
    assert "the list has 2 problems" in done.stderr
    assert client.campaigns.list()["campaigns"] == []


@pytest.mark.slow
def test_duplicates_are_called_twice_only_if_allowed(on_hub, client):
    (on_hub.folder / "contacts.csv").write_text("phone_number\n+14155550100\n+14155550100\n")

    refused = on_hub.run("campaigns", "create", *FORM)
    allowed = on_hub.run("campaigns", "create", *FORM, "--allow-duplicates", "--json")

    assert refused.returncode == 3
    assert "--allow-duplicates" in refused.stderr
    assert client.campaigns.list_contacts(json.loads(allowed.stdout)["id"])["total"] == 2


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
def test_list_get_and_contacts_print_the_documents_of_the_hub(on_hub):
    campaign_id = draft(on_hub)

    listed = json.loads(on_hub.run("campaigns", "list", "--json").stdout)
    got = json.loads(on_hub.run("campaigns", "get", campaign_id, "--json").stdout)
    page = json.loads(on_hub.run("campaigns", "contacts", campaign_id, "--json").stdout)
    lines = on_hub.run("campaigns", "contacts", campaign_id, "--jsonl").stdout.splitlines()
    limits = json.loads(on_hub.run("limits", "--json").stdout)

    assert matches("CampaignList", listed)
    assert matches("Campaign", got)
    assert matches("ContactPage", page)
    assert matches("CallLimits", limits)
    assert listed["campaigns"][0]["id"] == got["id"] == campaign_id
    assert [json.loads(line)["phone_number"] for line in lines] == [
        contact["phone_number"] for contact in page["contacts"]
    ]
    assert len(lines) == 30


@pytest.mark.slow
@pytest.mark.parametrize("speed", [Clock.manual()])
@pytest.mark.usefixtures("contacts")
def test_changes_print_the_documents_of_the_hub(on_hub, hub):
    campaign_id = draft(on_hub)

    def printed(*arguments):
        done = on_hub.run("campaigns", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert matches("CampaignTransition", printed("start", campaign_id, "--yes"))
    assert matches("CampaignTransition", printed("pause", campaign_id))
    assert matches("CampaignTransition", printed("resume", campaign_id, "--yes"))
    drafts = printed("list", "--status", "draft")
    assert matches("CampaignList", drafts)
    assert drafts["campaigns"] == []
    page = printed("contacts", campaign_id, "--page", "1")
    assert matches("ContactPage", page)
    assert (page["page"], page["contacts"]) == (1, [])
    hub.run_to_end(campaign_id)
    followed = printed("watch", campaign_id)
    assert matches("Campaign", followed)
    assert followed["status"] == "completed"


@pytest.mark.slow
@pytest.mark.parametrize("speed", [1000])
@pytest.mark.usefixtures("contacts")
def test_run_export_retry_and_watch_print_one_document(on_hub):
    def printed(*arguments):
        done = on_hub.run("campaigns", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    campaign = printed("run", *FORM, "--yes")
    assert matches("Campaign", campaign)
    campaign_id = campaign["id"]
    other = printed("run", *FORM, "--yes")["id"]
    (export,) = printed("export", campaign_id, "-o", "a.csv", "-o", "a.jsonl")["exports"]
    retry = printed("retry", campaign_id, "-o", "retry.csv")
    both = printed("watch", campaign_id, other)["campaigns"]

    assert export == {
        "campaign_id": campaign_id,
        "rows": 30,
        "paths": ["a.csv", "a.jsonl"],
        "counts": export["counts"],
    }
    assert sum(export["counts"].values()) == 30
    assert retry == {"path": "retry.csv", "rows": export["counts"]["failed"]}
    assert [each["id"] for each in both] == [campaign_id, other]
    assert all(matches("Campaign", each) for each in both)


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
def test_tables_for_people_show_the_same(on_hub):
    campaign_id = draft(on_hub)

    listed = on_hub.run("campaigns", "list").stdout
    got = on_hub.run("campaigns", "get", campaign_id).stdout
    contacts = on_hub.run("campaigns", "contacts", campaign_id).stdout

    assert campaign_id in listed
    assert "Renewals" in listed
    assert "status" in got
    assert "draft" in got
    assert len(contacts.splitlines()) == 31


@pytest.mark.usefixtures("contacts")
@pytest.mark.parametrize(
    "command",
    [
        ["run"],
        pytest.param(["start", "ID"], marks=pytest.mark.slow),
        pytest.param(["resume", "ID"], marks=pytest.mark.slow),
        pytest.param(["stop", "ID"], marks=pytest.mark.slow),
        pytest.param(["delete", "ID"], marks=pytest.mark.slow),
    ],
)
def test_without_a_terminal_and_without_yes_nothing_is_sent(on_hub, hub, client, command):
    campaign_id = draft(on_hub)
    if command[0] in ("resume", "stop"):
        client.campaigns.start(campaign_id)
    if command[0] == "resume":
        client.campaigns.pause(campaign_id)
    before = client.campaigns.get(campaign_id)["status"]
    arguments = [campaign_id if word == "ID" else word for word in command]

    done = on_hub.run("campaigns", *arguments, *(FORM if command == ["run"] else ()))

    assert (done.returncode, done.stdout) == (2, "")
    assert "pass --yes" in done.stderr
    assert "Nothing was sent." in done.stderr
    assert client.campaigns.get(campaign_id)["status"] == before
    assert len(client.campaigns.list()["campaigns"]) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
def test_what_will_happen_is_said_before_it_happens(on_hub, client):
    campaign_id = draft(on_hub)
    other = draft(on_hub)
    client.campaigns.start(other)
    client.campaigns.pause(other)

    done = on_hub.run("campaigns", "start", campaign_id, "--dry-run")

    words = " ".join(done.stderr.split())
    assert done.returncode == 0
    assert "This calls 30 people" in words
    assert "agent_id agent_1" in words
    assert "phone_number_id number_1" in words
    assert "estimate 30 calls, " in words
    assert "concurrency left 100 of 100, nothing runs" in words
    assert "account sandbox at" in words
    assert client.campaigns.get(campaign_id)["status"] == "draft"


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
def test_what_the_hub_does_not_say_is_unknown(on_hub, hub):
    campaign_id = draft(on_hub)
    hub.faults.add("GET /call-limits", status=404, times=None)
    hub.faults.add("GET /campaigns", status=404, times=None)
    hub.faults.add("GET /campaigns/*/contacts", status=404, times=None)

    done = on_hub.run("campaigns", "start", campaign_id, "--dry-run")

    words = " ".join(done.stderr.split())
    assert done.returncode == 0
    assert "This calls unknown people" in words
    assert "estimate unknown" in words
    assert "account's limits unknown" in words
    assert "concurrency left unknown" in words


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
def test_start_pause_resume_stop_and_delete(on_hub, client):
    campaign_id = draft(on_hub)

    def status_after(*arguments):
        done = on_hub.run("campaigns", arguments[0], campaign_id, *arguments[1:])
        assert done.returncode == 0, done.stderr
        return client.campaigns.get(campaign_id)["status"]

    assert status_after("start", "--yes") == "running"
    assert status_after("pause") == "paused"
    assert status_after("resume", "--yes") == "running"
    assert status_after("stop", "--yes") not in ("running", "paused")
    assert on_hub.run("campaigns", "delete", campaign_id, "--yes").returncode == 0
    assert client.campaigns.list()["campaigns"] == []


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
def test_stop_all_stops_what_can_dial_and_leaves_drafts(on_hub, client):
    ids = [draft(on_hub) for _ in range(3)]
    client.campaigns.start(ids[0])
    client.campaigns.start(ids[1])
    client.campaigns.pause(ids[1])

    done = on_hub.run("campaigns", "stop", "--all", "--yes", "--json")

    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(done.stdout)["stopped"]) == sorted(ids[:2])
    assert client.campaigns.get(ids[2])["status"] == "draft"


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
def test_stop_all_says_what_did_not_stop(on_hub, hub, client):
    ids = [draft(on_hub) for _ in range(2)]
    for campaign_id in ids:
        client.campaigns.start(campaign_id)
    hub.faults.add(f"POST /campaigns/{ids[0]}/stop", status=409, times=None, body="not now")

    done = on_hub.run("campaigns", "stop", "--all", "--yes", "--json")

    assert done.returncode == 6
    assert json.loads(done.stdout)["stopped"] == [ids[1]]
    assert f"Campaign {ids[0]} did not stop" in done.stderr
    assert "not now" in done.stderr


@pytest.mark.slow
def test_stop_all_says_that_a_list_of_100_may_be_incomplete(kataven):
    with (
        Sandbox(seed=1, limits=None) as hub,
        KatavenClient(hub.api_key, base_url=hub.url) as client,
    ):
        for number in range(100):
            client.campaigns.create(
                f"c{number}",
                agent_id="a",
                phone_number_id="b",
                contacts=[{"phone_number": "+14155550100"}],
            )
        env = {"KATAVEN_API_KEY": hub.api_key, "KATAVEN_BASE_URL": hub.url}

        done = kataven.run("campaigns", "stop", "--all", "--yes", env=env)

    assert (done.returncode, done.stdout) == (0, "There is nothing to stop.\n")
    assert "exactly 100 campaigns: the list may be incomplete" in done.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
def test_stop_needs_ids_or_all(on_hub):
    assert on_hub.run("campaigns", "stop", "--yes").returncode == 2
    assert on_hub.run("campaigns", "stop", "x", "--all", "--yes").returncode == 2


@pytest.mark.parametrize("speed", [600])
@pytest.mark.usefixtures("contacts")
def test_run_dials_and_ends_with_outcomes_and_next_commands(on_hub, client):
    done = on_hub.run("campaigns", "run", *FORM, "--yes")

    campaign = client.campaigns.list()["campaigns"][0]
    assert done.returncode == 0
    assert campaign["status"] == "completed"
    assert "completed 100 %" in done.stdout
    assert "all" in done.stdout
    assert f"kataven campaigns export {campaign['id']} -o results.csv" in done.stderr
    assert "This calls 30 people" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("speed", [600])
@pytest.mark.usefixtures("contacts")
def test_watch_prints_a_json_line_for_each_progress(on_hub, client):
    ids = [draft(on_hub), draft(on_hub)]
    for campaign_id in ids:
        client.campaigns.start(campaign_id)

    done = on_hub.run("campaigns", "watch", *ids, "--jsonl")

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert {line["campaign_id"] for line in lines} == set(ids)
    assert all(
        list(line)
        == [
            "campaign_id",
            "status",
            "total",
            "counts",
            "fraction_done",
            "active_calls",
            "calls_per_minute",
            "eta_seconds",
            "elapsed_seconds",
        ]
        for line in lines
    )
    last = {line["campaign_id"]: line for line in lines}
    assert all(line["status"] == "completed" for line in last.values())
    assert all(line["fraction_done"] == 1.0 for line in last.values())


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
def test_watch_exits_with_1_if_a_campaign_failed(on_hub, hub, client):
    campaign_id = draft(on_hub)
    client.campaigns.start(campaign_id)
    hub.fail(campaign_id)

    done = on_hub.run("campaigns", "watch", campaign_id, "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["status"] == "failed"


@pytest.mark.slow
def test_the_reader_of_a_pipe_may_leave(on_hub):
    rows = "".join(f"+1415{number:07},Ann\n" for number in range(5_000))
    (on_hub.folder / "contacts.csv").write_text(f"phone_number,name\n{rows}")
    campaign_id = draft(on_hub)

    process = on_hub.start("campaigns", "contacts", campaign_id, "--jsonl")
    with process:
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()

    assert (process.returncode, err) == (141, "")


@pytest.mark.parametrize(
    ("when", "state"), [((), "a draft"), (("--scheduled-at", "+2h"), "scheduled")]
)
@pytest.mark.usefixtures("contacts")
@pytest.mark.slow
def test_create_says_what_the_hub_made(on_hub, client, when, state):
    done = on_hub.run("campaigns", "create", *FORM, *when)
    (campaign,) = client.campaigns.list()["campaigns"]

    assert done.stdout.startswith(f"Campaign {campaign['id']} is {state}, with ")
    assert campaign["status"] == state.removeprefix("a ")
