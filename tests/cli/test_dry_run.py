"""``--dry-run --json`` of each command that has both: one document, and nothing changes."""

from __future__ import annotations

import json

import pytest

from kataven.cli.app import main
from kataven.sandbox import Clock
from tests.cli.bulk import QUICK, SETTINGS
from tests.cli.test_campaigns import FORM, matches

CAMPAIGN = {
    "name": "Renewals",
    "agent_id": "agent_1",
    "phone_number_id": "number_1",
    "max_concurrent_calls": 5,
    "retries_per_contact": 0,
    "retry_delay_seconds": 300,
}


@pytest.fixture
def speed():
    """No call ends by itself."""
    return Clock.manual()


@pytest.fixture
def dry(bulk, hub, capsys):
    """Run a command with ``--dry-run --json``; return its document."""

    def run(*arguments):
        def writes():
            return [each for each in hub.requests if each.method != "GET"]

        before = len(writes())
        capsys.readouterr()
        code = main([*arguments, "--dry-run", "--json"])
        out, err = capsys.readouterr()
        assert code == 0, err
        assert len(writes()) == before
        found = json.loads(out)
        assert found.pop("dry_run") is True
        return found

    return run


@pytest.fixture
def campaign(client, contacts):
    return client.campaigns.create("Renewals", "agent_1", "number_1", contacts)["id"]


@pytest.mark.usefixtures("contacts")
@pytest.mark.parametrize("verb", ["create", "run"])
def test_create_and_run_print_what_would_be_created(dry, verb):
    found = dry("campaigns", verb, *FORM)
    later = dry("campaigns", verb, *FORM, "--scheduled-at", "2199-12-01T09:00:00+01:00")

    assert found == {"contacts": 30, "campaign": {**CAMPAIGN, "scheduled_at": None}}
    assert later["campaign"]["scheduled_at"] == "2199-12-01T09:00:00+01:00"


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["start", "resume"])
def test_start_and_resume_print_the_campaign(dry, client, campaign, verb):
    found = dry("campaigns", verb, campaign)

    assert found["contacts"] == 30
    assert matches("Campaign", found["campaign"])
    assert found["campaign"]["id"] == campaign
    assert found["campaign"] == client.campaigns.get(campaign)


def test_stop_prints_the_campaigns(dry, client, campaign):
    nothing = dry("campaigns", "stop", "--all")
    client.campaigns.start(campaign)
    everything, one = dry("campaigns", "stop", "--all"), dry("campaigns", "stop", campaign)

    assert nothing == {"campaigns": []}
    for found in (everything, one):
        assert [each["id"] for each in found["campaigns"]] == [campaign]
        assert matches("Campaign", found["campaigns"][0])


def test_stop_without_a_campaign_has_the_fields_of_a_stop(bulk, capsys):
    capsys.readouterr()

    assert main(["campaigns", "stop", "--all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"stopped": [], "failed": {}}


def test_retry_prints_what_would_be_created(dry, client, hub, campaign):
    nobody = dry("campaigns", "retry", campaign, "--run")
    client.campaigns.start(campaign)
    hub.run_to_end(campaign)
    found = dry("campaigns", "retry", campaign, "--run", "--status", "completed")

    assert nobody == {"contacts": 0, "campaign": None}
    assert found["contacts"] > 0
    assert found["campaign"] == {**CAMPAIGN, "name": "Renewals (retry)", "scheduled_at": None}


@pytest.mark.slow
@pytest.mark.usefixtures("spring")
def test_bulk_commands_print_the_run_as_it_is(dry, bulk, client):
    before = dry("bulk", "launch", "spring", *SETTINGS)
    campaign = before.pop("campaign")
    assert campaign == {**CAMPAIGN, "name": "Spring"}
    assert before == bulk("status", "spring", "--json").json

    assert bulk("launch", "spring", *SETTINGS, QUICK, "--yes").code == 0
    assert bulk("pause", "spring", QUICK).code == 0
    for verb in ("resume", "stop"):
        found = dry("bulk", verb, "spring")
        assert found["wanted"] == "paused"
        assert found == bulk("status", "spring", "--json").json


@pytest.mark.usefixtures("spring")
def test_bulk_resume_of_what_is_not_paused_is_a_dry_run_as_well(dry, bulk):
    assert bulk("launch", "spring", *SETTINGS, QUICK, "--yes").code == 0

    assert dry("bulk", "resume", "spring")["wanted"] == "running"


@pytest.mark.usefixtures("spring")
def test_bulk_retry_prints_the_plan_that_it_would_launch(dry, bulk, client, hub):
    assert bulk("launch", "spring", *SETTINGS, QUICK, "--yes").code == 0
    command = ("bulk", "retry", "spring", "--run", "--directory", "again", "--status")
    nobody = dry(*command, "failed")
    for each in client.campaigns.list()["campaigns"]:
        hub.run_to_end(each["id"])
    found = dry(*command, "completed")

    assert nobody == {"plan": None, "contacts": 0}
    assert found["contacts"] > 0
    assert found["campaign"]["name"] == "Spring (retry)"
    assert not (bulk.folder / "again").exists()


EMPTY = [
    ("bulk", "launch", "spring", "--name="),
    ("bulk", "launch", "spring", "--agent-id= "),
    ("bulk", "launch", "spring", "--phone-number-id="),
    ("bulk", "launch", ""),
    ("bulk", "retry", "spring", "--run", "--directory="),
    ("bulk", "retry", "spring", "--run", "--directory=x", "--name="),
    ("bulk", "retry", "spring", "--run", "--directory=x", "--agent-id="),
    ("bulk", "retry", "spring", "--run", "--directory=x", "--phone-number-id="),
    ("bulk", "retry", "spring", "--run", "--directory=x", "--exclude="),
    ("bulk", "prepare", "list.csv", "--directory="),
    ("bulk", "prepare", "", "--directory=x"),
    ("bulk", "prepare", "list.csv", "--directory=x", "--exclude=list.csv", "--exclude="),
    ("contacts", "check", ""),
    ("contacts", "estimate", ""),
    ("contacts", "split", "list.csv", "-o", ""),
    ("contacts", "clean", "list.csv", "-o", ""),
    ("contacts", "clean", "list.csv", "-o", "x.csv", "--exclude="),
    ("contacts", "clean", "list.csv", "-o", "x.csv", "--dropped="),
    ("contacts", "clean", "list.csv", "-o", "x.csv", "--report="),
    ("campaigns", "run", *FORM[:3], "--contacts="),
]


@pytest.mark.usefixtures("spring")
@pytest.mark.parametrize("arguments", EMPTY, ids=" ".join)
def test_an_unset_variable_of_the_shell_is_a_usage_error(bulk, capsys, hub, arguments):
    before = sorted(bulk.folder.iterdir())
    capsys.readouterr()

    assert main([*arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "it is empty: is a shell variable not set?" in err
    assert hub.requests == []
    assert sorted(bulk.folder.iterdir()) == before
