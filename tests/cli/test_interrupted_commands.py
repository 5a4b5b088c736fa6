"""Ctrl-C and SIGTERM in each phase of a command: the exit code, and what is said."""

from __future__ import annotations

import signal
import time

import pytest

from tests.cli.test_campaigns import FORM, draft

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("contacts")]
RUN = ("campaigns", "run", *FORM, "--yes")


def wait_for_fault(hub):
    """Wait until a request met the fault of the test."""
    deadline = time.monotonic() + 10
    while hub.faults.unused():
        assert time.monotonic() < deadline, "the request never came"
        time.sleep(0.01)


def interrupted(hub, process, number=signal.SIGINT):
    """Send a signal when a request is with the Hub; return the exit code and the text."""
    wait_for_fault(hub)
    process.send_signal(number)
    out, err = process.communicate()
    return process.returncode, out + err


def test_at_the_question_nothing_was_sent(on_hub, client):
    terminal = on_hub.on_terminal("campaigns", "run", *FORM)
    terminal.read_until("[y/N]:")
    terminal.press(b"\x03")
    code, text = terminal.finish()

    assert code == 130
    assert "nothing was sent" in text
    assert client.campaigns.list()["campaigns"] == []


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
def test_during_the_create_it_says_that_the_hub_may_have_acted(on_hub, hub, number, code):
    hub.faults.add("POST /campaigns", latency=30)
    with on_hub.start(*RUN) as process:
        found, text = interrupted(hub, process, number)

    assert found == code
    assert "The Hub may have acted on it" in text
    assert "Traceback" not in text


def test_during_the_start_it_names_the_campaign_and_how_to_stop_it(on_hub, hub, client):
    hub.faults.add("POST /campaigns/*/start", latency=30)
    with on_hub.start(*RUN) as process:
        found, text = interrupted(hub, process)
    (campaign,) = client.campaigns.list()["campaigns"]

    assert found == 130
    assert f"kataven campaigns pause {campaign['id']}" in text
    assert f"kataven campaigns stop {campaign['id']}" in text
    assert "may have acted" in text


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
def test_in_a_watch_it_says_what_goes_on(on_hub, client, number, code):
    campaign_id = draft(on_hub)
    client.campaigns.start(campaign_id)
    with on_hub.start("campaigns", "watch", campaign_id) as process:
        process.stdout.readline()
        process.send_signal(number)
        _, err = process.communicate()

    assert process.returncode == code
    assert f"Campaign {campaign_id} goes on without this command (running, 0 %)." in err
    assert f"kataven campaigns pause {campaign_id}" in err
    assert client.campaigns.get(campaign_id)["status"] == "running"


def test_an_interrupted_export_continues(on_hub, hub):
    rows = "".join(f"+1415{number:07}\n" for number in range(250))
    (on_hub.folder / "contacts.csv").write_text(f"phone_number\n{rows}")
    campaign_id = draft(on_hub)
    export = ("campaigns", "export", campaign_id, "-o", "results.csv", "--quiet")
    hub.faults.add("GET /campaigns/*/contacts", after=2, latency=30)
    with on_hub.start(*export) as process:
        wait_for_fault(hub)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130, err
    assert not (on_hub.folder / "results.csv").exists()
    hub.faults.clear()

    again = on_hub.run(*export)

    assert again.returncode == 0, again.stderr
    lines = (on_hub.folder / "results.csv").read_text("utf-8-sig").splitlines()
    assert len(lines) == 251
    assert len(set(lines)) == 251
