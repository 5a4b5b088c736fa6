"""After each planted change the whole type-checks, or the report names the file that is behind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from planted import PLANTED, Planted
from spec import document

ROOT = Path(__file__).resolve().parents[2]
FIRST = ROOT / "tests" / "data" / "vendor-openapi.yaml"

by_name = pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)

# Where kataven/ is behind after a change; after every other one it type-checks as it is.
BEHIND = {
    "a removed operation": "kataven/campaigns/operations.py",
    "a new required form field": "kataven/campaigns/operations.py",
}


def _type_check(root: Path) -> set[str]:
    """What mypy finds in both packages, a line for each error."""
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


# mypy looks for a missing submodule on in every other place of its path, an installed kataven_hub
# among them, so that a module that is gone is found by building a request.
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
    """The files whose builders ask for a generated module that is not there."""
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
    """The tree as it is, with mypy's cache of it, and what mypy finds there already."""
    root = tmp_path_factory.mktemp("unchanged")
    for name in ("kataven", "generated"):
        shutil.copytree(ROOT / name, root / name)
    return root, _type_check(root)


@pytest.mark.proof
@pytest.mark.timeout(600)
@by_name
def test_after_a_change_all_type_checks_or_the_report_says_what_is_behind(
    project: Any, unchanged: tuple[Path, set[str]], planted: Planted
) -> None:
    tree, before = unchanged
    shutil.copytree(tree / "kataven", project.root / "kataven", dirs_exist_ok=True)
    shutil.copytree(tree / ".mypy_cache", project.root / ".mypy_cache")
    changed = document.load(FIRST.read_text("utf-8"), FIRST.name)
    planted.plant(changed)
    file = project.root.parent / "changed.json"
    file.write_text(json.dumps(changed), "utf-8")

    result = project.run("update_spec.py", file)
    assert result.stderr == ""
    found = _type_check(project.root) - before

    behind = {line.split(":")[0] for line in found} | _missing_modules(project.root)
    assert behind == {BEHIND[planted.name]} if planted.name in BEHIND else not behind, found
    for place in behind:
        assert place in " ".join(result.stdout.split())
