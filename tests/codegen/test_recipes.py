"""The instructions of docs/maintainers/spec.md have at most five steps, and adding an operation works as written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

# The slow tests start many processes, one after the other; a busy machine needs time.
pytestmark = pytest.mark.timeout(900)

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "maintainers" / "spec.md").read_text("utf-8")


def _section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_instructions_have_at_most_five_steps_numbered_in_order() -> None:
    counts = {}
    for title in re.findall(r"^## (.+)$", PAGE, re.MULTILINE):
        numbers = re.findall(r"^(\d+)\. ", _section(title), re.MULTILINE)
        if numbers:
            assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
            counts[title] = len(numbers)

    assert counts["Adding an operation"] == 5
    assert max(counts.values()) <= 5
    assert len(counts) == 4


def test_every_file_and_folder_that_the_page_names_exists() -> None:
    named = re.findall(r"`((?:scripts|tests|kataven|generated)/[\w./-]*)`", PAGE)
    assert len(named) > 10
    for name in named:
        assert (ROOT / name).exists(), (
            f"docs/maintainers/spec.md names {name}, which does not exist"
        )


# The operation of the page, and another one whose name has two words, which the page's turns into.
REPORT: dict[str, str] = {}
DAILY_COSTS = {
    "getCampaignReport": "getCampaignDailyCosts",
    "get_campaign_report": "get_campaign_daily_costs",
    "{id}/report": "{id}/daily-costs",
    '"*", "report"': '"*", "daily-costs"',
    "report": "daily_costs",
}

# The tests of `make check` that go through the operations, or compare them with something.
TESTS = (
    "tests/codegen/test_agreement.py",
    "tests/codegen/test_import.py",
    "tests/codegen/test_planted_changes.py::test_all_changes_together_are_reported_and_imported",
    "tests/client/test_generated_paths.py",
    "tests/client/test_parity.py",
    "tests/sandbox/test_hub_schemas.py",
)

PROGRAM = """
import asyncio, sys
import kataven
from kataven.sandbox import Sandbox
name = sys.argv[1]
with Sandbox() as hub:
    settings = {"api_key": hub.api_key, "base_url": hub.url}
    with kataven.KatavenClient(**settings) as client:
        made = client.campaigns.create("Spring", "a", "p", b"phone_number\\n+15550100001\\n")
        print(getattr(client.campaigns, name)(made["id"]) == client.campaigns.get(made["id"]))
        try:
            getattr(client.campaigns, name)("nowhere")
        except kataven.NotFoundError:
            print("not found")
    async def main():
        async with kataven.AsyncKatavenClient(**settings) as client:
            print(await getattr(client.campaigns, name)(made["id"]) == made)
    asyncio.run(main())
"""


def _blocks(title: str) -> list[str]:
    found = re.findall(r"^   ```\w+\n(.*?)^   ```$", _section(title), re.MULTILINE | re.DOTALL)
    return [re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in found]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project, as a maintainer has it."""
    root = tmp_path / "project"
    root.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "scratch")
    for name in ("benchmarks", "docs", "examples", "generated", "kataven", "scripts", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file() and path.name != ".git":
            shutil.copy(path, root)
    return root


def _run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the modules of the copy, whichever are installed."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=root,
        env={
            **os.environ,
            "PYTHONPATH": f"{root}{os.pathsep}{root / 'generated'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_COLOR": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )


def _succeeds(root: Path, *command: str) -> str:
    done = _run(root, *command)
    assert done.returncode == 0, (command, done.stdout[-4000:], done.stderr[-4000:])
    return done.stdout


def _insert(path: Path, before: str, block: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(before) == 1, f"{path.name} contains {before!r} {text.count(before)} times"
    path.write_text(text.replace(before, block + before), "utf-8")


def _append_entry(path: Path, table: str, entry: str) -> None:
    """Add a line at the end of a dict of a module."""
    head, name, tail = path.read_text("utf-8").partition(table)
    assert name, f"{path.name} has no {table}"
    path.write_text(head + name + tail.replace("\n}", "\n" + entry + "}", 1), "utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    "renamed",
    [
        pytest.param(REPORT, id="report"),
        pytest.param(DAILY_COSTS, id="daily_costs", marks=pytest.mark.proof),
    ],
)
def test_adding_an_operation_as_written(checkout: Path, renamed: dict[str, str]) -> None:
    steps = _blocks("Adding an operation")
    for old, new in renamed.items():
        steps = [block.replace(old, new) for block in steps]
    operation, builder, entry, method, route, response = steps
    name = renamed.get("report", "report")
    builders = checkout / "kataven/campaigns/operations.py"
    sandbox = checkout / "kataven/sandbox/http"

    # 1.
    _insert(checkout / "openapi.yaml", "\ncomponents:\n", operation)
    _succeeds(checkout, "scripts/generate.py")
    assert (checkout / f"generated/kataven_hub/api/campaigns/get_campaign_{name}.py").is_file()
    # Now the agreement test says what is missing.
    missing = _run(checkout, "-m", "pytest", TESTS[0], "-q", "-p", "no:cacheprovider")
    assert missing.returncode == 1
    assert f"add a function get_campaign_{name}" in missing.stdout
    for client in ("CampaignsClient", "AsyncCampaignsClient"):
        assert f"client.campaigns.{name}, but {client} does not have this" in missing.stdout
    # 2.
    _insert(builders, "OPERATIONS: Final", builder + "\n\n")
    _append_entry(builders, "OPERATIONS: Final", entry)
    # 3.
    path = checkout / "kataven/campaigns/async_methods.py"
    path.write_text(path.read_text("utf-8").rstrip("\n") + "\n\n" + method, "utf-8")
    _succeeds(checkout, "scripts/make_blocking.py")
    # 4.
    _append_entry(sandbox / "routes.py", "_OPERATIONS: Final", route)
    _insert(sandbox / "operations.py", '        if name == "get":', response)
    called = _succeeds(checkout, "-c", textwrap.dedent(PROGRAM), name)
    assert called.split("\n") == ["True", "not found", "True", ""]
    # 5.
    _succeeds(checkout, "-m", "ruff", "check", "--no-cache", ".")
    _succeeds(checkout, "-m", "ruff", "format", "--no-cache", "--check", ".")
    _succeeds(checkout, "-m", "mypy", "--strict")
    _succeeds(checkout, "scripts/generate.py", "--check")
    _succeeds(checkout, "scripts/make_blocking.py", "--check")
    _succeeds(checkout, "-m", "pytest", *TESTS, "-q", "-p", "no:cacheprovider", "-m", "not proof")
