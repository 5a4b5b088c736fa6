"""The instructions of docs/spec.md have at most five steps, and adding an operation works as written."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

# The slow test starts several processes, one after the other; a busy machine needs time.
pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "spec.md").read_text("utf-8")


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
        assert (ROOT / name).exists(), f"docs/spec.md names {name}, which does not exist"


def _blocks(title: str) -> list[str]:
    found = re.findall(r"^   ```\w+\n(.*?)^   ```$", _section(title), re.MULTILINE | re.DOTALL)
    return [re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in found]


def _insert(path: Path, before: str, block: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(before) == 1, f"{path.name} contains {before!r} {text.count(before)} times"
    path.write_text(text.replace(before, block + before), "utf-8")


def _append(path: Path, block: str) -> None:
    path.write_text(path.read_text("utf-8").rstrip("\n") + "\n\n" + block, "utf-8")


def _agreement(project: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "tests/codegen/test_agreement.py", "-q", "-p",
         "no:cacheprovider", "-k", "test_openapi_yaml_and_the_sdk_agree"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )  # fmt: skip


@pytest.fixture
def scratch(project: Any) -> Any:
    """Copy kataven and the agreement test too."""
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "kataven", project.root / "kataven", ignore=without, dirs_exist_ok=True)
    tests = project.root / "tests" / "codegen"
    tests.mkdir(parents=True)
    for name in ("conftest.py", "test_agreement.py"):
        shutil.copy(ROOT / "tests/codegen" / name, tests)
    return project


@pytest.mark.slow
def test_adding_an_operation_as_written(scratch: Any, socket_server: Any) -> None:
    operation, builder, entry, method = _blocks("Adding an operation")
    package = scratch.root / "kataven/campaigns"

    # 1.
    _insert(scratch.root / "openapi.yaml", "\ncomponents:\n", operation)
    # 2.
    generated = scratch.run_copy("generate.py")
    assert (generated.returncode, generated.stderr) == (0, "")
    # The agreement test says what is missing.
    missing = _agreement(scratch)
    assert missing.returncode == 1
    assert "add a function get_campaign_report" in missing.stdout
    for client in ("CampaignsClient", "AsyncCampaignsClient"):
        assert f"client.campaigns.report, but {client} does not have this" in missing.stdout
    # 3.
    _insert(package / "operations.py", "OPERATIONS: Final", builder + "\n\n")
    text = (package / "operations.py").read_text("utf-8")
    head, tail = text.split("OPERATIONS: Final", 1)
    (package / "operations.py").write_text(
        head + "OPERATIONS: Final" + tail.replace("\n}", "\n" + entry + "}", 1), "utf-8"
    )
    # 4.
    _append(package / "async_methods.py", method)
    _make_blocking(scratch, method)
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


def _make_blocking(scratch: Any, method: str) -> None:
    """Write the blocking method from the async one."""
    if (scratch.root / "scripts/make_blocking.py").exists():
        made = scratch.run_copy("make_blocking.py")
        assert made.returncode == 0, made.stderr
    else:
        blocking = method.replace("async def", "def").replace("await ", "")
        _append(scratch.root / "kataven/campaigns/methods.py", blocking)
