"""The first look shows the actual output of the demo."""

from __future__ import annotations

import re

import pytest

ENTRY = "import sys; from kataven.cli.app import main; sys.exit(main())"


@pytest.mark.slow
def test_first_look_shows_the_actual_output_of_the_demo(blocks, program):
    shown = next(
        block for block in blocks("docs/start/first-look.md", "text") if "make demo" in block
    )
    real = program("-c", ENTRY, "demo", "--speed", "1000").stdout

    command, first, campaign, *middle = shown.splitlines()
    real_first, real_campaign, *real_middle = real.splitlines()
    assert command == "$ make demo | cat"
    hub = r"http://127\.0\.0\.1:\d+/, running at \d+ times"
    assert re.sub(hub, "", first) == re.sub(hub, "", real_first)
    assert re.sub(r"camp_\w+", "", campaign) == re.sub(r"camp_\w+", "", real_campaign)
    # The progress lines depend on the timing of snapshots; the seed determines the last one and
    # everything after it.
    end = next(n for n, line in enumerate(middle) if line.startswith("completed"))
    real_end = next(n for n, line in enumerate(real_middle) if line.startswith("completed"))
    assert middle[end:] == real_middle[real_end:]
    progress = r"running +\d+ %: \d+ pending, .*; \d+ calls in flight, ETA \S.*"
    for line in middle[:end] + real_middle[:real_end]:
        assert line == "..." or re.fullmatch(progress, line)
