"""The code blocks of the documents and the examples run unchanged."""

from __future__ import annotations

import ast
import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    "README.md",
    "docs/index.md",
    "docs/reference/configuration.md",
    "docs/reference/errors.md",
]
# The quickstart equals the ten lines, whose own test runs them: they take several seconds.
EXAMPLES = sorted({path.name for path in (ROOT / "examples").glob("*.py")} - {"quickstart.py"})


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_code_block_runs(document, blocks, program):
    found = blocks(document, "python")
    quickstart = (ROOT / "examples" / "quickstart.py").read_text(encoding="utf-8")

    assert found
    for block in found:
        if quickstart.endswith(block):
            continue
        done = program("-c", block)
        assert (done.returncode, done.stderr) == (0, ""), block


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_runs(example, program):
    done = program(f"examples/{example}")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_ten_lines_are_at_most_ten_and_equal_the_quickstart(blocks):
    ten = blocks("README.md", "python")[0]
    quickstart = (ROOT / "examples" / "quickstart.py").read_text(encoding="utf-8")
    docstring, _, code = quickstart.partition("\n\n")

    assert ast.get_docstring(ast.parse(docstring))
    assert ten == code
    assert len([line for line in ten.splitlines() if line.strip()]) <= 10


@pytest.mark.slow
def test_ten_lines_call_every_contact_and_write_the_results(blocks, program, tmp_path):
    done = program("-c", blocks("README.md", "python")[0])
    shown = done.stdout.splitlines()

    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"completed \{'pending': 0, 'in_progress': 0, ", shown[-1])
    with (tmp_path / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        statuses = [row["status"] for row in csv.DictReader(file)]
    assert len(statuses) == 500
    assert set(statuses) <= {"completed", "failed"}


def test_as_dict_block_passes_a_campaign_as_a_dict(blocks, program):
    page = "docs/explanation/responses.md"
    (block,) = (block for block in blocks(page, "python") if "as_dict" in block)

    done = program("-c", f"{block}\nkeep({{'id': 'c1', 'status': 'draft'}})")

    assert done.stdout == "c1 draft\n"


@pytest.mark.slow
def test_second_round_of_the_example_reaches_the_remaining_contacts(program):
    shown = program("examples/clean_and_retry.py").stdout.splitlines()

    assert "row 4 was dropped: duplicate" in shown
    assert "row 5 was dropped: no_digits" in shown
    assert shown[-2:] == ["1 of 2 were not reached", "second round: completed"]
