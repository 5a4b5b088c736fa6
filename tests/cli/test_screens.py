"""What a terminal shows of ``watch`` and ``run``, as a screen of 60, 80 or 140 columns."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pyte
import pytest

from tests.cli.test_campaigns import FORM, draft

if TYPE_CHECKING:
    from tests.cli.conftest import Terminal

pytestmark = pytest.mark.usefixtures("contacts")


def screen(terminal: Terminal, columns: int) -> list[str]:
    """Return the lines that the terminal shows now, numbers masked."""
    shown = pyte.Screen(columns, 60)
    pyte.Stream(shown).feed(terminal.seen)
    lines = [re.sub(r"\d[\d.,]*", "#", line.rstrip()) for line in shown.display]
    return [re.sub(r"[━╸╺]+", "━", line) for line in lines if line]


def colours(terminal: Terminal, columns: int, char: str) -> set[str]:
    """Return the colours in which a character is shown."""
    shown = pyte.Screen(columns, 60)
    pyte.Stream(shown).feed(terminal.seen)
    return {cell.fg for row in shown.buffer.values() for cell in row.values() if cell.data == char}


ONE_LINE = "# pending    # in progress    # completed    # failed    # cancelled"


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 80, 140])
def test_watch_shows_a_block_for_each_campaign(on_hub, client, columns):
    ids = [draft(on_hub), draft(on_hub)]
    for campaign_id in ids:
        client.campaigns.start(campaign_id)

    terminal = on_hub.on_terminal("campaigns", "watch", *ids, columns=columns)
    terminal.read_until("calls in flight")
    terminal.press(b"\x03")
    code, _ = terminal.finish()

    lines = screen(terminal, columns)
    assert code == 130
    assert max(map(len, lines)) <= columns
    titles = [line for line in lines if line.startswith("Renewals (camp_")]
    assert len(titles) == 2
    bars = [
        line for line in lines if re.fullmatch(r"running ━ +# / # # %|running ━ # / # # %", line)
    ]
    assert len(bars) == 2
    text = re.sub(r" +", " ", " ".join(lines))
    for word in ("# pending", "# in progress", "# completed", "# failed", "# cancelled"):
        assert text.count(word) == 2
    assert text.count("calls in flight") == 2
    assert "ETA ?" in text
    if columns == 140:
        assert any(re.sub(" +", " ", line) == re.sub(" +", " ", ONE_LINE) for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 80, 140])
def test_run_asks_and_says_what_will_happen(on_hub, client, columns):
    terminal = on_hub.on_terminal("campaigns", "run", *FORM, columns=columns)
    terminal.read_until("[y/N]:")
    terminal.press(b"n\n")
    code, _ = terminal.finish()

    lines = screen(terminal, columns)
    assert code == 2
    assert lines[0] == "This calls # people:"
    assert lines[-2:] == [
        "Create the campaign and start it? [y/N]: n",
        "Nothing was sent.",
    ]
    assert client.campaigns.list()["campaigns"] == []


@pytest.mark.slow
@pytest.mark.parametrize("speed", [600])
def test_run_ends_with_a_green_bar_outcomes_and_the_next_commands(on_hub):
    terminal = on_hub.on_terminal("campaigns", "run", *FORM, columns=100)
    terminal.read_until("[y/N]:")
    terminal.press(b"y\n")
    code, _ = terminal.finish()

    lines = screen(terminal, 100)
    assert code == 0
    assert any(re.fullmatch(r"completed ━ # / # # %", line) for line in lines)
    assert "green" in colours(terminal, 100, "━")
    assert "red" not in colours(terminal, 100, "━")
    assert any(re.match(r" *all +# +#% +#", line) for line in lines)
    assert any(line.startswith("Results:    kataven campaigns export camp_") for line in lines)


@pytest.mark.slow
def test_a_failed_campaign_has_a_red_bar(on_hub, hub, client):
    campaign_id = draft(on_hub)
    client.campaigns.start(campaign_id)
    terminal = on_hub.on_terminal("campaigns", "watch", campaign_id)
    terminal.read_until("calls in flight")
    hub.fail(campaign_id)
    code, _ = terminal.finish()

    assert code == 1
    assert any(line.startswith("failed") for line in screen(terminal, 80))


@pytest.mark.slow
def test_a_silent_hub_and_a_fallback_to_polling_are_shown(on_hub, hub, client):
    campaign_id = draft(on_hub)
    client.campaigns.start(campaign_id)
    hub.faults.add("GET /campaigns/*/events", status=404, times=None)

    terminal = on_hub.on_terminal("campaigns", "watch", campaign_id)
    terminal.read_until("polling instead")
    terminal.read_until("last word from the Hub")
    terminal.press(b"\x03")
    code, _ = terminal.finish()

    text = " ".join(screen(terminal, 80))
    assert code == 130
    assert "No event stream" in text
    assert re.search(r"last word from the Hub # s ago", text)


@pytest.mark.slow
def test_a_stream_that_breaks_is_shown_and_reopened(on_hub, hub, client):
    campaign_id = draft(on_hub)
    client.campaigns.start(campaign_id)
    hub.faults.add("GET /campaigns/*/events", cut_after=1)

    terminal = on_hub.on_terminal("campaigns", "watch", campaign_id, columns=140)
    terminal.read_until("retrying in")
    terminal.press(b"\x03")
    code, text = terminal.finish()

    assert code == 130
    assert f"/campaigns/{campaign_id}/events" in text.replace("\r\n", "")


@pytest.mark.slow
def test_a_pipe_gets_a_line_for_each_change_and_the_last_one_at_once(on_hub, client):
    campaign_id = draft(on_hub)
    client.campaigns.start(campaign_id)
    process = on_hub.start("campaigns", "watch", campaign_id)
    with process:
        first = process.stdout.readline()
        threading.Timer(0, client.campaigns.stop, [campaign_id]).start()
        rest, err = process.communicate()

    assert first.startswith("running")
    assert "\x1b" not in first + rest + err
    assert rest.splitlines()[0].startswith(("completed", "failed", "stopped", "cancelled"))
