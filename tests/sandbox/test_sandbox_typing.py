"""Editors complete the words of the journal and the outcomes, and type checkers refuse others."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from kataven.sandbox import JournalAction, Outcome
from kataven.sandbox.model import outcomes

ACTIONS = {"create", "start", "pause", "resume", "stop", "delete", "fail"}
ACTIONS |= {"scheduled_start", "complete", "call", "call_ended"}
OUTCOMES = {"answered", "no_answer", "voicemail", "busy", "failed"}

PROGRAM = """
from kataven.sandbox import JournalAction, JournalEntry, Outcome, Sandbox

hub: Sandbox = Sandbox().start()
entry: JournalEntry = hub.journal[0]
action: JournalAction = entry.action
outcome: Outcome | None = entry.outcome
reveal_type(entry.action)
reveal_type(entry.outcome)
reveal_type(hub.outcomes["+15550100001"])
hub.outcomes["+15550100001"] = "busy"
hub.outcomes["+15550100001"] = "engaged"  # wrong
print(entry.action == "call_ended", entry.outcome == "answered")
print(entry.action == "called")  # wrong
hub.faults.add("GET /campaigns", reset="sideways")  # wrong
async def later() -> None:
    print((await hub.advance_async(5)).year)
"""
WRONG = {n for n, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# wrong")}
REVEALED = {n for n, line in enumerate(PROGRAM.splitlines(), 1) if line.startswith("reveal_type")}


def mypy(program: Path) -> list[tuple[int, str, str]]:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir"]
    done = subprocess.run(
        [*command, "cache", program.name], cwd=program.parent, capture_output=True, text=True
    )
    lines = re.findall(r"^program\.py:(\d+): (error|note): (.*)$", done.stdout, re.MULTILINE)
    return [(int(line), kind, text) for line, kind, text in lines]


def pyright(program: Path) -> list[tuple[int, str, str]]:
    settings = program.with_name("pyrightconfig.json")
    settings.write_text('{"typeCheckingMode": "strict"}')
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(
        [*command, "-p", settings.name], cwd=program.parent, capture_output=True, text=True
    )
    report = json.loads(done.stdout[done.stdout.index("{") :])
    return [
        (found["range"]["start"]["line"] + 1, found["severity"], found["message"])
        for found in report["generalDiagnostics"]
    ]


@pytest.mark.types
@pytest.mark.parametrize("checker", [mypy, pyright])
def test_the_words_are_known_to_type_checkers(checker, tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    found = checker(program)

    assert {line for line, kind, _ in found if kind == "error"} == WRONG, found
    shown = [text for line, kind, text in found if line in REVEALED and kind != "error"]
    words = [set(re.findall(r"'(\w+)'", text)) for text in shown]
    assert words == [ACTIONS, OUTCOMES, OUTCOMES]


def test_the_aliases_name_every_word():
    assert set(get_args(JournalAction)) == ACTIONS
    assert set(get_args(Outcome)) == OUTCOMES == set(outcomes.WORDS)
    # The index of each word is its code.
    assert outcomes.WORDS[outcomes.BUSY] == "busy"
