"""What the scripts of a release decide: coverage goals, licences, areas of mutation testing."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(script, *arguments):
    command = [sys.executable, f"scripts/{script}", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture
def script(monkeypatch):
    """Import a script as a module."""
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    before = set(sys.modules)

    def load(name):
        return __import__(name)

    yield load
    loaded = {"licences", "mutation", "release_check", "constraints", "coverage_goals"}
    for name in (loaded | {"hatch_build"}) - before:
        sys.modules.pop(name, None)


@pytest.fixture
def report(tmp_path):
    """Write what `coverage json` writes, for every module of the package."""

    def write(**changed):
        files = {}
        for path in (ROOT / "kataven").rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            missing = changed.get(path.stem, {"missing_lines": [], "missing_branches": []})
            lost = {kind: len(found) for kind, found in missing.items()}
            files[name] = missing | {
                "summary": {
                    "num_statements": 100,
                    "covered_lines": 100 - lost["missing_lines"],
                    "num_branches": 20,
                    "covered_branches": 20 - lost["missing_branches"],
                }
            }
        path = tmp_path / "coverage.json"
        path.write_text(json.dumps({"files": files}))
        return path

    return write


def test_complete_coverage_meets_the_goals(report):
    done = run("coverage_goals.py", report())

    assert (done.returncode, done.stderr) == (0, "")
    assert "MISSED" not in done.stdout


def test_a_branch_of_the_retry_rules_that_never_runs_misses_the_goal(report):
    gap = {"missing_lines": [], "missing_branches": [[10, 12], [14, -8]]}
    done = run("coverage_goals.py", report(retry=gap))

    assert done.returncode == 1
    assert "    kataven/_flow/retry.py: 10->12, 14->exit\n" in done.stdout
    missed = [line.split("  ")[0] for line in done.stdout.splitlines() if line.endswith("MISSED")]
    assert missed == ["flows", "retry"]


def test_a_gap_outside_the_critical_parts_leaves_room(report):
    gap = {"missing_lines": [*range(90)], "missing_branches": []}

    assert run("coverage_goals.py", report(doctor=gap)).returncode == 0


@pytest.mark.parametrize(
    ("expression", "accepted"),
    [
        ("MIT", True),
        ("Apache-2.0 OR BSD-2-Clause", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("BSD-3-Clause AND MIT", True),
        ("GPL-3.0-only", False),
        ("", False),
    ],
)
def test_licences_accepted(script, expression, accepted):
    assert script("licences").is_accepted(expression) is accepted


def test_licence_table_lists_every_direct_requirement(script):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    table = (
        (ROOT / "docs" / "maintainers" / "dependencies.md")
        .read_text("utf-8")
        .partition("<!-- written by")[2]
    )
    extras = project["optional-dependencies"]

    for name in ("cli", "sandbox", "contacts", "parquet", "redis", "otel"):
        for requirement in extras[name]:
            assert f"| {requirement.partition('>')[0]} |" in table
    assert script("licences").required_by("") >= {"httpx", "httpcore", "attrs", "python-dateutil"}
    assert not {"click", "pytest"} & script("licences").required_by("")


def test_every_area_of_mutation_testing_names_files_that_exist(script):
    for area in script("mutation").AREAS.values():
        assert [p for p in area.files + area.tests + area.ignored if not (ROOT / p).exists()] == []


def test_a_person_is_told_what_no_script_can_do(script):
    pytest.importorskip("readme_renderer", reason="the extra dev is not installed")
    todo = "\n".join(script("release_check").by_a_person())

    for word in ("tag", "upload", "placeholder", "support.md", "its links to files"):
        assert word in todo


LINKS = "![Live](docs/a.svg)\n[Start](docs/start.md) [site](https://x.example/) [below](#end)\n"
RESOLVED = (
    "![Live](http://p/docs/a.svg)\n"
    "[Start](http://f/docs/start.md) [site](https://x.example/) [below](#end)\n"
)
TEXT_ONLY = "\nStart [site](https://x.example/) [below](#end)\n"


@pytest.mark.parametrize(
    ("files", "pictures", "expected"),
    [("", "", TEXT_ONLY), ("http://f/", "http://p/", RESOLVED)],
    ids=["text", "resolved"],
)
def test_links_of_the_readme_lead_to_the_repository_or_are_left_out(
    script, files, pictures, expected
):
    shown = script("hatch_build").without_relative_links(LINKS, files, pictures)

    assert shown == expected
