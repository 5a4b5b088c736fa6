"""What a user sees: screens of 60, 80 and 140 columns, and what they show while it happens."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import ROOT
from tests.cli.screen import Screen, masked
from tests.cli.test_campaigns import FORM, draft

WIDTHS = (60, 80, 140)
TITLE = "Renewals (camp_ID)"
PAUSED = {
    60: [
        TITLE,
        "paused ━ N / N N %",
        "N pending N in progress N completed N failed",
        "N cancelled",
        "N calls in flight ETA ? N s elapsed",
        "last word from the Hub N s ago",
    ],
    80: [
        TITLE,
        "paused ━ N / N N %",
        "N pending N in progress N completed N failed N cancelled",
        "N calls in flight ETA ? N s elapsed last word from the Hub N s ago",
    ],
}
PAUSED[140] = PAUSED[80]
PLAN = {
    60: [
        "This calls N people:",
        "contacts contacts.csv (N rows)",
        "agent_id agent_N",
        "phone_number_id number_N",
        "at once N calls, no retries",
        "estimate N calls, N min to N min",
        "account's limits N at once, N a minute, N",
        "calls a day, N minutes a day",
        "concurrency left N of N, nothing runs",
        "account sandbox at http://N:PORT/api/vN",
        "(environment)",
        "Create the campaign and start it? [y/N]:",
    ],
    80: [
        "This calls N people:",
        "contacts contacts.csv (N rows)",
        "agent_id agent_N",
        "phone_number_id number_N",
        "at once N calls, no retries",
        "estimate N calls, N min to N min",
        "account's limits N at once, N a minute, N calls a day,",
        "N minutes a day",
        "concurrency left N of N, nothing runs",
        "account sandbox at http://N:PORT/api/vN (environment)",
        "Create the campaign and start it? [y/N]:",
    ],
}
PLAN[140] = [*PLAN[80][:6], f"{PLAN[80][6]} {PLAN[80][7]}", *PLAN[80][8:]]
# The end of a block: what a test reads before that may be half a block.
LAST_OF_BLOCK = r"last word from the Hub \d+ s ago"
COUNTS = "N pending N in progress N completed N failed N cancelled"
END = [
    "Campaign camp_ID is created.",
    "completed ━ N / N N %",
    COUNTS,
    "N calls in flight N s elapsed",
    "Status Last error Contacts Share Calls",
    "completed N N% N",
    "failed failed N N% N",
    "failed busy N N% N",
    "failed no_answer N N% N",
    "all N N% N",
]


def started(on_hub, client):
    campaign_id = draft(on_hub)
    client.campaigns.start(campaign_id)
    return campaign_id


def open_screen(on_hub, *arguments, columns=80, **env):
    return Screen(on_hub.on_terminal(*arguments, columns=columns, env=env), columns)


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
@pytest.mark.parametrize("speed", [0.001])
@pytest.mark.parametrize("columns", WIDTHS)
def test_watch_draws_a_block_for_each_campaign(on_hub, client, columns):
    ids = [started(on_hub, client) for _ in range(2)]
    for campaign_id in ids:
        client.campaigns.pause(campaign_id)
    screen = open_screen(on_hub, "campaigns", "watch", *ids, columns=columns)

    text = screen.read_until(lambda text: len(re.findall(LAST_OF_BLOCK, text)) == 2)
    screen.press(b"\x03")
    code, end = screen.finish()

    assert masked(text) == PAUSED[columns] * 2
    assert code == 130
    assert screen.cursor_is_shown()
    for campaign_id in ids:
        assert f"Campaign {campaign_id} stays paused, at 0 %." in end
        assert f"kataven campaigns resume {campaign_id}" in "".join(end.split("\n"))


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
@pytest.mark.parametrize("speed", [600])
@pytest.mark.parametrize("columns", WIDTHS)
def test_run_asks_follows_and_ends_with_a_table(on_hub, columns):
    screen = open_screen(on_hub, "campaigns", "run", *FORM, columns=columns)

    plan = screen.read_until(lambda text: "[y/N]:" in text)
    screen.press(b"y\n")
    code, end = screen.finish()

    assert masked(plan) == PLAN[columns]
    assert code == 0
    shown = masked(end[end.index("Campaign camp") :])
    together = " ".join(line for line in shown if line[0] not in "─┈")
    assert " ".join(END) in together
    assert "kataven campaigns export camp_ID -o results.csv" in masked(end.replace("\n", ""))[0]
    assert screen.cursor_is_shown()


@pytest.mark.slow
@pytest.mark.parametrize("speed", [60])
def test_first_look_shows_the_actual_screen(on_hub, example_csv):
    text = (
        (ROOT / "docs" / "start" / "first-look.md").read_text().partition("## From the terminal")[2]
    )
    shown = text.split("```")[1].split("\n", 1)[1]
    check, run = re.findall(r"^\$ kataven (.*?)$(?:\n    (.*))?", shown, re.MULTILINE)
    (on_hub.folder / "examples").mkdir()
    (on_hub.folder / "examples" / "contacts.csv").write_bytes(example_csv.read_bytes())
    real = on_hub.run(*check[0].split()).stdout
    screen = open_screen(on_hub, *run[0].rstrip("\\").split(), *run[1].split())
    screen.read_until(lambda text: "[y/N]:" in text)
    screen.press(b"y\n")
    block = r"running .* [2-9]\d %\n.*\n.* ETA \d.* elapsed"
    real += screen.read_until(lambda text: re.search(block, text))

    lines = [line for line in shown.split("\n") if not line.startswith(("$ ", "    --"))]
    assert masked("\n".join(lines)) == masked(real)


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
def test_a_healthy_bar_is_green_and_a_failed_one_red(on_hub, hub, client):
    campaign_id = started(on_hub, client)
    screen = open_screen(on_hub, "campaigns", "watch", campaign_id)
    screen.read_until(lambda text: re.search(r"running ━.* [1-9]\d* %", text))
    healthy = screen.colour_of("━")
    hub.fail(campaign_id)
    code, text = screen.finish()

    assert healthy == "green"
    assert code == 1
    assert "failed ━" in text
    assert screen.colour_of("━") == "red"


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"cut_after": 1, "times": 1}, "the event stream was lost; reconnecting in"),
        ({"status": 503, "times": 1}, "the event stream was lost (503); reconnecting in"),
        ({"status": 404, "times": None}, "polling instead"),
    ],
)
def test_reconnects_and_fallbacks_are_shown_as_they_happen(on_hub, hub, client, fault, words):
    campaign_id = started(on_hub, client)
    hub.faults.add("GET /campaigns/*/events", **fault)
    screen = open_screen(on_hub, "campaigns", "watch", campaign_id)

    text = screen.read_until(
        lambda text: (
            words in " ".join(text.split()) and re.search(r"running ━(.|\n)* elapsed", text)
        )
    )

    # Above the live block, which is drawn once.
    assert text.count("running ━") == 1
    assert text.index("running ━") > text.index("event stream")
    if "polling" in words:
        assert "counts unknown" in text


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
def test_a_silent_hub_is_shown_by_the_age_of_its_last_word(on_hub, client):
    campaign_id = started(on_hub, client)
    client.campaigns.pause(campaign_id)
    screen = open_screen(on_hub, "campaigns", "watch", campaign_id)

    screen.read_until(lambda text: re.search(r"last word from the Hub ([3-9]|\d\d+) s ago", text))


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
def test_a_draft_that_is_watched_says_how_to_start_it(on_hub):
    campaign_id = draft(on_hub)
    screen = open_screen(on_hub, "campaigns", "watch", campaign_id, columns=140)

    screen.read_until(
        lambda text: (
            f"'kataven campaigns start {campaign_id}' starts it" in " ".join(text.split())
            and " / 30" in text
        )
    )
    screen.press(b"\x03")
    code, text = screen.finish()

    assert code == 130
    assert f"Campaign {campaign_id} is a draft, not started: it calls nobody." in text
    assert f"stop for good: kataven campaigns stop {campaign_id}" not in text


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
@pytest.mark.parametrize("columns", [40, 200])
@pytest.mark.parametrize("more", [{}, {"PYTHONIOENCODING": "ascii"}, {"TERM": "dumb"}])
def test_tables_fit_narrow_and_wide_terminals(on_hub, client, columns, more):
    created = client.campaigns.create(
        "Länder 😀", agent_id="a", phone_number_id="b", contacts=[{"phone_number": "+14155550100"}]
    )
    screen = open_screen(on_hub, "campaigns", "list", columns=columns, **more)
    code, text = screen.finish()

    assert code == 0
    # The id can be copied: it is on one line.
    assert any(created["id"] in line for line in text.split("\n"))
    assert "Traceback" not in text
    if "PYTHONIOENCODING" in more:
        assert text.isascii()
        assert "\\U0001f600" in text.replace("\n", "") or columns == 40


@pytest.mark.parametrize(
    ("arguments", "label"),
    [
        (["contacts", "check", "contacts.csv"], "Checking"),
        (["contacts", "clean", "contacts.csv", "-o", "clean.csv"], "Cleaning"),
        (["contacts", "split", "contacts.csv", "-o", "parts"], "Splitting"),
    ],
)
@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
def test_long_work_shows_a_bar_on_a_terminal_only(kataven, arguments, label):
    screen = open_screen(kataven, *arguments)
    code, text = screen.finish()
    (kataven.folder / "parts" / "contacts-001.csv").unlink(missing_ok=True)
    piped = kataven.run(*arguments)
    quiet = open_screen(kataven, *arguments, "--quiet").finish()[1]

    assert code == 0
    assert re.search(rf"^{label} +\[#+\] +100%$", text, re.MULTILINE), text
    assert label not in piped.stderr + piped.stdout
    assert label not in quiet


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
@pytest.mark.parametrize(
    ("command", "label"),
    [
        (["export", "ID", "-o", "a.csv"], "Reading pages"),
        (["report", "ID", "-o", "a.html"], "Reading contacts"),
    ],
)
def test_reading_contacts_shows_a_bar(on_hub, command, label):
    campaign_id = draft(on_hub)
    arguments = [campaign_id if word == "ID" else word for word in command]

    _, text = open_screen(on_hub, "campaigns", *arguments).finish()

    done = "1/1" if "export" in command else "30/30"
    assert re.search(rf"^{label}.* \[#+\] +{done}$", text, re.MULTILINE), text
