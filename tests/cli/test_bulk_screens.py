"""What a user of ``kataven bulk`` sees on a terminal, and what Ctrl-C says."""

from __future__ import annotations

import json
import re
import signal
import time

import pytest

from tests.cli.bulk import QUICK, SETTINGS
from tests.cli.test_screens import open_screen

pytestmark = pytest.mark.slow
PLAIN = {"NO_COLOR": "1", "PYTHONIOENCODING": "ascii"}


@pytest.mark.usefixtures("spring")
@pytest.mark.parametrize(("columns", "more"), [(40, {}), (60, {}), (80, PLAIN), (200, {})], ids=str)
def test_launch_asks_and_draws_a_table_of_parts(on_hub, columns, more):
    screen = open_screen(
        on_hub, "bulk", "launch", "spring", *SETTINGS, QUICK, "--watch", columns=columns, **more
    )
    asked = screen.read_until(lambda text: "[y/N]:" in text)
    screen.press(b"y\n")
    # The elapsed time is the last of the picture.
    text = screen.read_until(lambda text: re.search(r"0 planned   4 started(.|\n)* elapsed", text))
    screen.press(b"\x03")
    code, end = screen.finish()

    assert "This calls 8 people in 4 campaigns" in " ".join(asked.split())
    assert code == 130
    assert "part " in text
    assert ("contacts" in text.partition("part ")[2].split("\n")[0]) is (columns >= 60)
    # The live block is drawn in its place, not again below.
    assert end.count("running ") == 1
    assert "Interrupted: 4 started." in " ".join(end.split())
    # Commands to copy are wrapped by the terminal only.
    whole = end.replace("\n", "")
    assert "kataven bulk pause spring" in whole
    assert "kataven bulk stop spring" in whole
    assert screen.cursor_is_shown()
    if more:
        assert screen.colour_of("4 started") == "default"
        assert end.isascii()


@pytest.mark.usefixtures("spring")
@pytest.mark.parametrize("columns", [40, 200])
def test_status_shows_unknown_parts_in_full(bulk, on_hub, hub, columns):
    hub.faults.add("POST /campaigns", reset="before")
    assert bulk("launch", "spring", *SETTINGS, QUICK, "--yes").code == 9
    code, text = open_screen(on_hub, "bulk", "status", "spring", columns=columns).finish()

    assert code == 9
    assert "no campaign with [kv:" in " ".join(text.split())
    for part in json.loads(bulk("status", "spring", "--json").out)["parts"]:
        assert part["campaign_id"] is None or part["campaign_id"] in text


def test_ctrl_c_while_a_part_is_sent_loses_and_doubles_nothing(on_hub, hub, bulk, spring):
    hub.faults.add("POST /campaigns", latency=60, after=1)
    with on_hub.start("bulk", "launch", "spring", *SETTINGS, "--yes") as process:
        end = time.monotonic() + 10
        while hub.faults.unused():
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()

    assert process.returncode == 130
    assert "Traceback" not in err
    assert "the same command looks for what it did, and nothing is sent twice" in err
    assert "campaigns list" not in err
    assert "continue:      kataven bulk launch spring\n" in err
    states = [part["state"] for part in bulk("status", "spring", "--json").json["parts"]]
    assert "sending" in states

    again = bulk("launch", "spring", QUICK, "--yes", "--json")
    assert again.code in (0, 9)
    creates = [each for each in hub.requests if each.method == "POST" and "start" not in each.path]
    assert len(creates) == 4
    assert (spring / "ledger.sqlite").exists()
