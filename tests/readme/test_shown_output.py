"""What README shows of the demo is what the demo shows."""

import re

ENTRY = "import sys; from kataven.cli.app import main; sys.exit(main())"


def test_the_demo_says_what_the_readme_says_it_does(blocks, program):
    shown = next(block for block in blocks("README.md", "text") if "make demo" in block)
    real = program("-c", ENTRY, "demo", "--speed", "1000").stdout

    command, first, campaign, *middle = shown.splitlines()
    real_first, real_campaign, *real_middle = real.splitlines()
    assert command == "$ make demo | cat"
    address = r"http://127\.0\.0\.1:\d+, \d+ times"
    assert re.sub(address, "", first) == re.sub(address, "", real_first)
    assert re.sub(r"camp_\w+", "", campaign) == re.sub(r"camp_\w+", "", real_campaign)
    # The lines on the way hang on when a snapshot comes; the seed fixes the last one, and everything
    # behind it.
    end = next(n for n, line in enumerate(middle) if line.startswith("completed"))
    real_end = next(n for n, line in enumerate(real_middle) if line.startswith("completed"))
    assert middle[end:] == real_middle[real_end:]
    way = r"running +\d+ %: \d+ pending, .*; \d+ calls in flight, ETA \S.*"
    for line in middle[:end] + real_middle[:real_end]:
        assert line == "..." or re.fullmatch(way, line)
