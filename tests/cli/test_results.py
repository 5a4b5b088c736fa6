"""``kataven campaigns export | retry | report`` as processes."""

from __future__ import annotations

import csv
import json
import os

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("speed", [600]),
    pytest.mark.usefixtures("contacts"),
]


@pytest.fixture
def finished(on_hub, hub, client):
    """A campaign in which the first of 30 contacts was busy and the second not reached."""
    hub.outcomes["+14155550100"] = "busy"
    hub.outcomes["+14155550101"] = "no_answer"
    for number in range(102, 130):
        hub.outcomes[f"+14155550{number}"] = "answered"
    campaign = client.campaigns.create(
        "Renewals <b>", "agent_1", "number_1", on_hub.folder / "contacts.csv"
    )
    client.campaigns.start(campaign["id"])
    client.campaigns.wait(campaign["id"])
    return campaign["id"]


def numbers(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [row["phone_number"] for row in csv.DictReader(file)]


def test_export_writes_several_files_from_one_reading(on_hub, finished):
    done = on_hub.run("campaigns", "export", finished, "-o", "r.csv", "-o", "r.jsonl", "--json")

    assert done.returncode == 0, done.stderr
    (export,) = json.loads(done.stdout)["exports"]
    assert export["rows"] == 30
    assert export["counts"] == {"completed": 28, "failed": 2}
    lines = (on_hub.folder / "r.jsonl").read_text().splitlines()
    assert numbers(on_hub.folder / "r.csv") == [json.loads(line)["phone_number"] for line in lines]


def test_several_campaigns_need_a_file_each(on_hub, finished):
    refused = on_hub.run("campaigns", "export", finished, "other", "-o", "r.csv")
    done = on_hub.run("campaigns", "export", finished, "other", "-o", "r-{id}.csv")

    assert refused.returncode == 2
    assert "r-{id}" in refused.stderr or "{id}" in refused.stderr
    # The second does not exist; the first is written all the same.
    assert done.returncode == 5
    assert len(numbers(on_hub.folder / f"r-{finished}.csv")) == 30


def test_retry_lists_those_with_a_last_error(on_hub, finished):
    both = on_hub.run(
        "campaigns", "retry", finished, "--last-error", "busy,no_answer", "-o", "both.csv", "--json"
    )
    one = on_hub.run("campaigns", "retry", finished, "--last-error", "busy", "-o", "one.csv")

    assert json.loads(both.stdout) == {"path": "both.csv", "rows": 2}
    assert numbers(on_hub.folder / "both.csv") == ["+14155550100", "+14155550101"]
    assert one.returncode == 0
    assert numbers(on_hub.folder / "one.csv") == ["+14155550100"]


def test_retry_with_run_calls_them_again(on_hub, hub, client, finished):
    hub.outcomes["+14155550100"] = "answered"
    hub.outcomes["+14155550101"] = "answered"

    asked = on_hub.run("campaigns", "retry", finished, "--run")
    done = on_hub.run("campaigns", "retry", finished, "--run", "--yes")

    assert asked.returncode == 2
    assert "This calls 2 people" in asked.stderr
    assert f"  contacts          2 of {finished} that were not reached\n" in asked.stderr
    assert done.returncode == 0, done.stderr
    campaigns = client.campaigns.list()["campaigns"]
    (second,) = (each for each in campaigns if each["id"] != finished)
    assert second["name"] == "Renewals <b> (retry)"
    assert second["agent_id"] == "agent_1"
    assert client.campaigns.list_contacts(second["id"])["total"] == 2


def test_nobody_to_retry_is_said(on_hub, finished):
    arguments = ("campaigns", "retry", finished, "--last-error", "cancelled", "--run", "--yes")
    done = on_hub.run(*arguments, "--json")

    assert done.returncode == 0
    assert json.loads(done.stdout) == {"id": None, "rows": 0}
    assert "Nobody is to be called again" in done.stderr


def test_retry_of_several_campaigns_says_what_is_taken_from_the_first(on_hub, client, finished):
    other = client.campaigns.create(
        "Other", "agent_2", "number_1", on_hub.folder / "contacts.csv", max_concurrent_calls=20
    )["id"]
    arguments = ("campaigns", "retry", finished, other, "--run", "--dry-run")
    refused = on_hub.run(*arguments)
    empty = on_hub.run(*arguments, "--agent-id", "")
    done = on_hub.run(*arguments, "--agent-id", "agent_2")

    assert (refused.returncode, empty.returncode, done.returncode) == (2, 2, 0)
    assert "The campaigns have no agent_id in common: pass --agent-id." in refused.stderr
    assert "'--agent-id': it is empty" in empty.stderr
    assert f"2 of {finished}, {other} that were not reached\n" in done.stderr
    assert "have different max_concurrent_calls: 5, as in the first." in done.stderr


def test_a_retry_list_replaces_a_file_when_it_is_complete(on_hub, finished):
    (on_hub.folder / "retry.csv").write_text("an older list")
    os.link(on_hub.folder / "retry.csv", on_hub.folder / "older.csv")
    done = on_hub.run("campaigns", "retry", finished, "--last-error", "busy", "-o", "retry.csv")

    assert done.stdout == "1 contact: retry.csv\n"
    assert numbers(on_hub.folder / "retry.csv") == ["+14155550100"]
    # It was not written into.
    assert (on_hub.folder / "older.csv").read_text() == "an older list"


def test_a_last_error_as_a_status_is_a_usage_error(on_hub, finished):
    done = on_hub.run("campaigns", "retry", finished, "--status", "busy", "-o", "r.csv")

    assert done.returncode == 2
    assert "pass --last-error busy instead" in done.stderr
    assert not (on_hub.folder / "r.csv").exists()


def test_report_is_one_page_without_personal_data(on_hub, finished):
    (on_hub.folder / "cleaned.json").write_text('{"rows": 40, "kept": 30, "dropped": {"nul": 10}}')
    done = on_hub.run(
        "campaigns", "report", finished, "-o", "report.html", "--cleaned", "cleaned.json"
    )
    named = on_hub.run("campaigns", "report", finished, "-o", "named.html", "--with-contacts")

    page = (on_hub.folder / "report.html").read_text()
    assert (done.returncode, named.returncode) == (0, 0), done.stderr + named.stderr
    assert "Renewals &lt;b&gt;" in page
    assert "+1415" not in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "30 of 40 rows of the list were kept." in page
    assert "no answer" in page
    assert "+14155550100" in (on_hub.folder / "named.html").read_text()


def test_an_unusable_losses_file_is_named(on_hub, finished):
    (on_hub.folder / "cleaned.json").write_text("[]")
    done = on_hub.run(
        "campaigns", "report", finished, "-o", "report.html", "--cleaned", "cleaned.json"
    )

    assert done.returncode == 2
    assert "cleaned.json is not a report" in done.stderr
    assert not (on_hub.folder / "report.html").exists()


def test_a_running_campaign_can_be_reported(on_hub, client, finished):
    draft = client.campaigns.create("D", "a", "p", on_hub.folder / "contacts.csv")
    done = on_hub.run("campaigns", "report", draft["id"], "-o", "report.html")

    assert done.returncode == 0
    assert "has not finished (draft)" in done.stderr
