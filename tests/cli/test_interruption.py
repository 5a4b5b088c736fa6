"""Ctrl-C and SIGTERM in each phase of a command, and a reader of the output that goes away."""

from __future__ import annotations

import csv
import os
import signal
import time
from pathlib import Path

import pytest

from tests.cli.test_campaigns import FORM, draft
from tests.support.patience import PATIENCE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("contacts")]
PROCESSED = "The Hub may have processed it: check with 'kataven campaigns list'"
# Waits at exit, as a connection that is slow to close would make it.
SLOW_EXIT = (
    "import atexit, sys, threading; from kataven.cli.app import main; "
    "atexit.register(threading.Event().wait); sys.exit(main())"
)


def interrupted(on_hub, hub, match, *arguments, after=0, number=signal.SIGINT):
    """Run a command until the Hub has a request that matches; send a signal.

    Returns:
        The exit code and the standard error.
    """
    hub.faults.add(match, latency=60, after=after)
    with on_hub.start("campaigns", *arguments) as process:
        end = time.monotonic() + PATIENCE
        while hub.faults.unused():
            assert time.monotonic() < end, "the request was not sent"
            time.sleep(0.01)
        process.send_signal(number)
        _, err = process.communicate()
    assert "Traceback" not in err
    return process.returncode, err


def wait_until_it_sleeps(pid):
    """Wait until a process waits for input: Python handles an earlier signal only after it."""
    end = time.monotonic() + PATIENCE
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("key", [b"\x03", None])
def test_at_the_question_nothing_is_sent(on_hub, client, key):
    terminal = on_hub.on_terminal("campaigns", "run", *FORM)
    terminal.read_until("[y/N]: ")
    wait_until_it_sleeps(terminal.process.pid)
    if key:
        terminal.press(key)
    else:
        terminal.process.terminate()
    code, text = terminal.finish()

    assert code == (130 if key else 143)
    assert "nothing was sent" in text
    assert client.campaigns.list()["campaigns"] == []


def test_while_the_list_is_read_nothing_is_sent(on_hub, client):
    fifo = on_hub.folder / "fifo"
    os.mkfifo(fifo)
    with on_hub.start("campaigns", "run", *FORM[:3], "--contacts=fifo", "--yes") as process:
        # Opens when the command does.
        with fifo.open("wb"):
            wait_until_it_sleeps(process.pid)
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
        _, err = process.communicate()

    assert (process.returncode, err) == (130, "Interrupted before anything was changed.\n")
    assert client.campaigns.list()["campaigns"] == []


@pytest.mark.parametrize(
    ("match", "command"),
    [
        ("GET /call-limits", ["run", *FORM, "--yes"]),
        ("GET /campaigns/*", ["start", "ID", "--yes"]),
        ("GET /campaigns/*", ["delete", "ID", "--yes"]),
        ("GET /campaigns", ["stop", "--all", "--yes"]),
    ],
)
def test_while_the_account_is_read_nothing_is_changed(on_hub, hub, client, match, command):
    campaign_id = draft(on_hub)
    arguments = [campaign_id if word == "ID" else word for word in command]

    code, err = interrupted(on_hub, hub, match, *arguments)

    assert code == 130
    assert "Interrupted before anything was changed." in err
    assert [each["status"] for each in client.campaigns.list()["campaigns"]] == ["draft"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("match", "command"),
    [
        ("POST /campaigns", ["create", *FORM]),
        ("POST /campaigns", ["run", *FORM, "--yes"]),
        ("POST /campaigns/*/start", ["start", "ID", "--yes"]),
        ("POST /campaigns/*/stop", ["stop", "ID", "--yes"]),
        ("DELETE /campaigns/*", ["delete", "ID", "--yes"]),
    ],
)
def test_an_interrupted_write_says_that_the_hub_may_have_acted(on_hub, hub, match, command, number):
    campaign_id = draft(on_hub)
    arguments = [campaign_id if word == "ID" else word for word in command]

    code, err = interrupted(on_hub, hub, match, *arguments, number=number)

    assert code == (130 if number == signal.SIGINT else 143)
    assert "was interrupted." in err
    assert PROCESSED in err


def test_between_create_and_start_it_names_the_campaign(on_hub, hub, client):
    code, err = interrupted(on_hub, hub, "POST /campaigns/*/start", "run", *FORM, "--yes")

    (campaign,) = client.campaigns.list()["campaigns"]
    assert code == 130
    assert f"Campaign {campaign['id']} is created, and may have been started." in err
    for verb in ("get", "pause", "stop"):
        assert f"kataven campaigns {verb} {campaign['id']}\n" in err
    assert PROCESSED in err


@pytest.mark.parametrize("speed", [0.001])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watch_says_what_goes_on_and_how_to_stop_it(on_hub, client, number):
    ids = [draft(on_hub), draft(on_hub)]
    for campaign_id in ids:
        client.campaigns.start(campaign_id)
    with on_hub.start("campaigns", "watch", *ids) as process:
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(number)
        _, err = process.communicate()

    assert process.returncode == (130 if number == signal.SIGINT else 143)
    for campaign_id in ids:
        assert f"Campaign {campaign_id} continues without this command (running, 0 %).\n" in err
        assert f"kataven campaigns pause {campaign_id}\n" in err
    assert f"kataven campaigns stop {ids[0]} {ids[1]}\n" in err
    assert {client.campaigns.get(campaign_id)["status"] for campaign_id in ids} == {"running"}


def test_a_second_ctrl_c_leaves_at_once(on_hub, client):
    campaign_id = draft(on_hub)
    client.campaigns.start(campaign_id)
    with on_hub.start("campaigns", "watch", campaign_id, code=SLOW_EXIT) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        while "stop for good" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)

    # As the shell sees it, 130.
    assert process.returncode == -signal.SIGINT


def test_export_continues_where_it_was(on_hub, hub, example_csv):
    (on_hub.folder / "contacts.csv").write_bytes(example_csv.read_bytes())
    campaign_id = draft(on_hub)
    command = ["export", campaign_id, "-o", "results.csv"]

    code, err = interrupted(on_hub, hub, "GET /campaigns/*/contacts", *command, after=3)
    again = on_hub.run("campaigns", *command)

    assert code == 130
    assert f"Interrupted: the same command continues the export of {campaign_id}." in err
    assert again.returncode == 0
    assert f"Resuming the export of {campaign_id} at page 2" in again.stderr
    with (on_hub.folder / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == 500


@pytest.mark.parametrize(
    "command", [["list"], ["list", "--json"], ["contacts", "ID"], ["watch", "ID", "--jsonl"]]
)
def test_the_reader_of_any_output_may_leave(on_hub, client, command):
    campaign_id = draft(on_hub)
    client.campaigns.start(campaign_id)
    process = on_hub.start(
        "campaigns", *(campaign_id if word == "ID" else word for word in command)
    )
    with process:
        process.stdout.close()
        err = process.stderr.read()

    assert (process.returncode, err) == (141, "")
