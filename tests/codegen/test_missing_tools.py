"""A script whose tools are missing says which line installs them, and the line exists."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import tools
from codegen import pins
from problems import MissingToolError

ROOT = Path(__file__).resolve().parents[2]
VENDOR = "tests/data/reconstructed-openapi.yaml"

# Runs a script without the modules that only the extras of the package install.
CORE_ONLY = """
import runpy, sys
sys.modules.update(dict.fromkeys(
    ["yaml", "ruff", "openapi_python_client", "openapi_spec_validator", "click", "rich", "uvicorn",
     "pytest", "phonenumbers", "narwhals", "pyarrow", "packaging", "readme_renderer", "pyte",
     "playwright"]
))
sys.argv = sys.argv[1:]
sys.path.insert(0, "scripts")
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "command",
    [
        ["scripts/generate.py", "--check"],
        ["scripts/update_spec.py", VENDOR, "--dry-run"],
        ["scripts/check_spec.py", VENDOR],
        ["scripts/make_blocking.py", "--check"],
        ["scripts/make_cli_reference.py", "--check"],
        ["scripts/make_messages.py", "--check"],
        ["scripts/make_pictures.py", "page"],
        ["scripts/run_pages.py", "docs/start/own-list.md"],
        ["scripts/licences.py", "--check"],
        ["scripts/release_check.py"],
    ],
    ids=lambda command: command[0],
)
@pytest.mark.slow
def test_script_without_its_tools_says_what_to_run(command: list[str]) -> None:
    done = _run("-c", CORE_ONLY, *command)

    assert done.returncode == 1
    assert done.stdout == ""
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("error: the module ")
    assert sentence.endswith(f" is not installed; {tools.INSTALL}")


NEED_NOTHING = [
    "constraints.py", "coverage_goals.py", "make_example_contacts.py", "messages.py", "mutation.py",
]  # fmt: skip


def test_every_script_is_started_by_these_tests_or_needs_nothing() -> None:
    scripts = {path.name for path in (ROOT / "scripts").glob("*.py")}

    assert scripts == {
        *NEED_NOTHING, "check_spec.py", "generate.py", "licences.py", "make_blocking.py",
        "make_cli_reference.py", "make_messages.py", "make_pictures.py", "problems.py",
        "release_check.py", "run_pages.py", "tools.py", "update_spec.py",
    }  # fmt: skip


@pytest.mark.parametrize("script", NEED_NOTHING)
def test_script_that_needs_nothing_imports_the_standard_library_only(script: str) -> None:
    text = (ROOT / "scripts" / script).read_text("utf-8")
    imported = {
        line.split()[1].partition(".")[0]
        for line in text.splitlines()
        if line.startswith(("import", "from"))
    }

    assert imported <= sys.stdlib_module_names | {"__future__"}


def test_missing_tools_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "OTHERS", ("no-such-validator",))

    with pytest.raises(MissingToolError) as caught:
        pins.check_installed({"no-such-generator": "1.0"})

    assert caught.value.problems == (
        f"no-such-generator, no-such-validator are not installed; {tools.INSTALL}",
    )


def test_line_that_installs_the_tools_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert "make setup" in tools.INSTALL
    assert "\nsetup: " in makefile
    assert "'.[dev]'" in tools.INSTALL
    assert "dev" in extras["optional-dependencies"]
    assert "`make setup`" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")
