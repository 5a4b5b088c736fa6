"""The tests of docs/howto/testing.md run, and the page describes all fixtures and options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kataven import testing
from kataven.testing import marker

TEXT = (Path(__file__).parents[2] / "docs" / "howto" / "testing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_every_test_of_the_page_passes(run):
    result = run("\n\n".join(BLOCKS))

    result.assert_outcomes(passed=8)


def test_the_page_begins_with_five_complete_tests():
    five = TEXT.partition("## Five tests\n")[2].partition("\n## ")[0]

    assert five.count("\ndef test_") == five.count("```python") == 5


def test_every_fixture_and_option_is_described():
    for name in testing.__all__:
        assert f"| `{name}` |" in TEXT
    for name in marker._OPTIONS:
        assert f"| `{name}` |" in TEXT
