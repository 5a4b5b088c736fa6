"""The table of rules in docs/reference/sandbox.md is the one that differences name."""

from __future__ import annotations

import re
from pathlib import Path

from kataven.recording import assumptions, touched_rules

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "sandbox.md"


def test_table_of_the_docs():
    section = PAGE.read_text().partition("## Which rules it follows")[2].partition("\n## ")[0]
    found = re.findall(r"^\| `([a-z0-9-]+)` \| (.*) \| ([a-z ,]+) \|$", section, re.MULTILINE)
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]

    assert len(found) == len(rows)
    assert found == [(rule.id, rule.text, rule.source) for rule in assumptions.RULES]


def test_ids_are_distinct_and_those_of_differences_exist():
    ids = [rule.id for rule in assumptions.RULES]
    named = {
        each
        for rules in touched_rules._TOUCHED.values()
        for found in rules.values()
        for each in found
    }

    assert len(set(ids)) == len(ids)
    assert named <= set(ids)


def test_what_is_said_of_exactly_this_comes_first():
    assert touched_rules.touched("start", "status", "429") == ("daily-caps",)
    assert touched_rules.touched("get", "status", "404") == ("other-account", "unknown-path")
    assert touched_rules.touched("get", "keys", "") == ("campaign-fields",)
    assert touched_rules.touched("get", "order", "") == ()
