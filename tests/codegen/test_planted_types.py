"""After each planted change kataven type-checks, or the report names the file to change."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from planted import PLANTED, Planted
from spec import document

ROOT = Path(__file__).resolve().parents[2]
FIRST = ROOT / "tests" / "data" / "reconstructed-openapi.yaml"

by_name = pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)

# The files of kataven/ that need a change too. After every other change kataven type-checks.
TO_CHANGE = {
    "a removed operation": "kataven/campaigns/operations.py",
    "a new required form field": "kataven/campaigns/operations.py",
}


def _type_check(root: Path) -> set[str]:
    """Return what mypy finds in both packages, one line per error."""
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "-p", "kataven_hub", "-p", "kataven"],
        cwd=root,
        env={"MYPYPATH": "generated", "PATH": str(Path(sys.executable).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "checked" in checked.stdout or "Success" in checked.stdout, checked.stderr
    return {line for line in checked.stdout.splitlines() if ": error:" in line}


# mypy finds a removed submodule in an installed kataven_hub, so only building a request shows that it
# is missing.
BUILD_ALL = """
import inspect
from kataven.campaigns.operations import OPERATIONS
for builder in OPERATIONS.values():
    if inspect.signature(builder).parameters.keys() <= {"campaign_id"}:
        try:
            builder(*["c1"] * len(inspect.signature(builder).parameters))
        except ImportError:
            print(inspect.getsourcefile(builder))
"""


def _missing_modules(root: Path) -> set[str]:
    """Return the files whose builders import a generated module that does not exist."""
    built = subprocess.run(
        [sys.executable, "-c", BUILD_ALL],
        cwd=root,
        env={"PYTHONPATH": f"{root}:{root / 'generated'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    return {str(Path(line).relative_to(root)) for line in built.stdout.splitlines()}


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """Return the unchanged tree with its mypy cache, and what mypy finds in it."""
    root = tmp_path_factory.mktemp("unchanged")
    for name in ("kataven", "generated"):
        shutil.copytree(ROOT / name, root / name)
    return root, _type_check(root)


@pytest.mark.proof
@pytest.mark.timeout(600)
@by_name
def test_after_a_change_kataven_type_checks_or_the_report_names_the_file(
    project: Any, unchanged: tuple[Path, set[str]], planted: Planted
) -> None:
    tree, before = unchanged
    shutil.copytree(tree / "kataven", project.root / "kataven", dirs_exist_ok=True)
    shutil.copytree(tree / ".mypy_cache", project.root / ".mypy_cache")
    changed = document.load(FIRST.read_text("utf-8"), FIRST.name)
    planted.plant(changed)

    result = project.run("update_spec.py", project.write("changed.json", changed))
    assert result.stderr == ""
    found = _type_check(project.root) - before

    to_change = {line.split(":")[0] for line in found} | _missing_modules(project.root)
    assert to_change == {TO_CHANGE[planted.name]} if planted.name in TO_CHANGE else not to_change, (
        found
    )
    for place in to_change:
        assert place in " ".join(result.stdout.split())
