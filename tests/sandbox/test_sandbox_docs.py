"""The code and the tables of docs/reference/sandbox.md are correct."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "sandbox.md"
TEXT = PAGE.read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_code_runs(number, capsys):
    exec(compile(BLOCKS[number], f"sandbox.md block {number}", "exec"), {})


def test_there_is_code_to_run():
    assert len(BLOCKS) >= 3


def test_every_rule_is_documented_or_assumed():
    rules = TEXT.partition("## Which rules it follows")[2].partition("\n## ")[0]
    rows = [line for line in rules.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 50
    sources = {row.rstrip(" |").rpartition("| ")[2] for row in rows}
    assert sources == {"documented", "assumed", "documented text, assumed place"}


def test_every_fault_is_in_its_table():
    from kataven.sandbox import Fault

    table = TEXT.partition("### Faults")[2].partition("\n### ")[0]
    for name in Fault.__dataclass_fields__:
        if name not in {"seen", "used", "match", "allow_unused", "_pattern", "_operations"}:
            assert re.search(rf"\b{name}=", table), name
