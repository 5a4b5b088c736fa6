"""docs/reference/cli.md: its reference is what the commands say, and its tables are true."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib import import_module

import pytest

from kataven.cli.commands import BULK, CAMPAIGNS, COMMANDS, CONFIG, CONTACTS, SANDBOX
from kataven.cli.exit_codes import Exit
from kataven.cli.times import scheduled_time
from tests.cli.conftest import ROOT, environment

SCRIPT = "scripts/make_cli_reference.py"
PAGE = (ROOT / "docs" / "reference" / "cli.md").read_text()
NOW = datetime(2026, 11, 28, 17, 0, tzinfo=UTC)


def make(root, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        cwd=root,
        env={**environment(), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_reference_is_what_the_commands_say():
    done = make(ROOT, "--check")

    assert (done.returncode, done.stdout) == (0, ""), done.stdout


@pytest.fixture
def copy(tmp_path):
    """A copy of what the script reads, to change."""
    shutil.copytree(
        ROOT / "kataven", tmp_path / "kataven", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in (SCRIPT, "scripts/tools.py", "docs/reference/cli.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.slow
def test_difference_is_shown_and_then_written(copy):
    module = copy / "kataven" / "cli" / "limits.py"
    module.write_text(module.read_text().replace("Show the call", "Show all the call"))

    checked = make(copy, "--check")
    page = (copy / "docs" / "reference" / "cli.md").read_text()
    written = make(copy)

    assert checked.returncode == 1
    assert "+Show all the call limits of the account." in checked.stdout
    assert page == PAGE
    assert written.returncode == 0
    assert (copy / "docs" / "reference" / "cli.md").read_text() == PAGE.replace(
        "\nShow the call", "\nShow all the call"
    )
    assert make(copy, "--check").returncode == 0


@pytest.mark.slow
def test_page_without_the_comments_is_an_error(copy):
    (copy / "docs" / "reference" / "cli.md").write_text("# The command line\n")

    assert make(copy, "--check").returncode == 2


def test_every_command_has_a_section_with_examples():
    groups = {
        "": COMMANDS,
        "campaigns ": CAMPAIGNS,
        "contacts ": CONTACTS,
        "bulk ": BULK,
        "config ": CONFIG,
        "sandbox ": SANDBOX,
    }
    sections = dict(re.findall(r"### `kataven (.*?)`\n(.*?)(?=\n###|\Z)", PAGE, re.DOTALL))
    for group, table in groups.items():
        for name, (module, attribute, _) in table.items():
            if module == "kataven.cli.commands":
                continue
            try:
                getattr(import_module(module), attribute)
            except ModuleNotFoundError:
                continue
            section = sections.pop(f"{group}{name}")
            # demo is older than the examples.
            assert f"kataven {group}{name}" in section.partition("```sh")[2] or name == "demo"
    assert sections == {}


def test_exit_codes_of_the_page_are_those_of_the_command():
    table = PAGE.partition("| exit code |")[2].partition("\n\n")[0]

    found = [
        int(code)
        for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE)
        for code in row.split(",")
    ]

    assert sorted(found) == sorted(Exit)


def test_times_of_the_page_are_read_as_it_says():
    table = PAGE.partition("| written | read as |")[2].partition("\n\n")[0]
    written = re.findall(r"`([^`]+)`", "".join(re.findall(r"^\|([^|]+)\|", table, re.MULTILINE)))

    assert len(written) == 8
    for text in written:
        scheduled_time(text, NOW)
    example = re.search(r"`(Tuesday 1 December 2026[^`]+)`", PAGE)[1]
    assert scheduled_time("2026-12-01 09:00 Europe/Berlin", NOW).shown == example
