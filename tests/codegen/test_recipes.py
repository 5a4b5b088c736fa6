"""The recipes of docs/spec.md have at most five steps, and adding an operation works to the letter."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

# Each test here starts processes, several of them one after the other; a busy machine needs time.
pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).resolve().parents[2]
RECIPES = (ROOT / "docs" / "spec.md").read_text("utf-8")


def _section(title: str) -> str:
    return RECIPES.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_recipe_has_at_most_five_steps_numbered_in_order() -> None:
    counts = {}
    for title in re.findall(r"^## (.+)$", RECIPES, re.MULTILINE):
        numbers = re.findall(r"^(\d+)\. ", _section(title), re.MULTILINE)
        if numbers:
            assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
            counts[title] = len(numbers)

    assert counts["Adding an operation"] == 5
    assert max(counts.values()) <= 5
    assert len(counts) == 4


def test_every_file_and_folder_that_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:scripts|tests|kataven|generated)/[\w./-]*)`", RECIPES)
    assert len(named) > 10
    for name in named:
        assert (ROOT / name).exists(), f"docs/spec.md names {name}, which is not there"


def _blocks(title: str) -> list[str]:
    found = re.findall(r"^   ```\w+\n(.*?)^   ```$", _section(title), re.MULTILINE | re.DOTALL)
    return [re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in found]


def _insert(path: Path, before: str, block: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(before) == 1, f"{path.name} holds {before!r} {text.count(before)} times"
    path.write_text(text.replace(before, block + before), "utf-8")


def _append(path: Path, block: str) -> None:
    path.write_text(path.read_text("utf-8").rstrip("\n") + "\n\n" + block, "utf-8")


def _agreement(project: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "tests/codegen/test_agreement.py", "-q", "-p",
         "no:cacheprovider", "-k", "every or cover or statuses"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )  # fmt: skip


@pytest.fixture
def scratch(project: Any) -> Any:
    """A copy of the whole, whose vendor's document has one operation more."""
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "kataven", project.root / "kataven", ignore=without, dirs_exist_ok=True)
    tests = project.root / "tests"
    (tests / "codegen").mkdir(parents=True)
    for name in ("conftest.py", "test_agreement.py"):
        shutil.copy(ROOT / "tests/codegen" / name, tests / "codegen")
    (tests / "data").mkdir()
    vendor = yaml.safe_load((ROOT / "tests/data/vendor-openapi.yaml").read_text("utf-8"))
    get = vendor["paths"]["/api/v1/campaigns/{id}"]["get"]
    report = {**get, "summary": "Get the report of a campaign"}
    vendor["paths"]["/api/v1/campaigns/{id}/report"] = {"get": report}
    (tests / "data/vendor-openapi.yaml").write_text(yaml.safe_dump(vendor), "utf-8")
    return project


@pytest.mark.slow
def test_adding_an_operation_to_the_letter(scratch: Any, socket_server: Any) -> None:
    line, builder, entry, method, awaited = _blocks("Adding an operation")
    package = scratch.root / "kataven/campaigns"

    # 1. A line at the end of `operations`; the comment of what follows stands behind it.
    rules = scratch.root / "scripts/spec/rules.yaml"
    _insert(rules, "\n# The order of fields", line)
    # 2.
    updated = scratch.run("update_spec.py", "tests/data/vendor-openapi.yaml")
    assert (updated.returncode, updated.stderr) == (10, "")
    assert "getCampaignReport: operation added" in updated.stdout
    # What is missing now, the agreement says.
    behind = _agreement(scratch)
    assert behind.returncode == 1
    assert "add a function get_campaign_report" in behind.stdout
    assert "client.campaigns.report, but kataven/campaigns/methods.py has no such" in behind.stdout
    # 3.
    _insert(package / "operations.py", "OPERATIONS: Final", builder + "\n\n")
    text = (package / "operations.py").read_text("utf-8")
    head, tail = text.split("OPERATIONS: Final", 1)
    (package / "operations.py").write_text(
        head + "OPERATIONS: Final" + tail.replace("\n}", "\n" + entry + "}", 1), "utf-8"
    )
    # 4.
    _append(package / "methods.py", method)
    _append(package / "async_methods.py", awaited)
    # 5.
    agreed = _agreement(scratch)
    assert agreed.returncode == 0, agreed.stdout

    socket_server.will_send(200, b'{"calls": 7}')
    program = textwrap.dedent("""
        import asyncio, sys
        import kataven
        with kataven.KatavenClient("sk_live_acme_1", base_url=sys.argv[1]) as client:
            print(client.campaigns.report("c1"))
        async def main():
            async with kataven.AsyncKatavenClient("sk_live_acme_1", base_url=sys.argv[1]) as client:
                print(await client.campaigns.report("c1"))
        asyncio.run(main())
    """)
    called = subprocess.run(
        [sys.executable, "-c", program, socket_server.url],
        cwd=scratch.root,
        env={"PYTHONPATH": f"{scratch.root}:{scratch.root / 'generated'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert called.stdout == "{'calls': 7}\n{'calls': 7}\n", called.stderr
    targets = [one.target for one in socket_server.received]
    assert targets == ["/api/v1/campaigns/c1/report"] * 2
