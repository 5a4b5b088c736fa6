"""Change one area of the package in many small ways, and check that tests notice each change.

    python scripts/mutation.py              every area, one after the other
    python scripts/mutation.py retry call   only these

Each area has its own selection of tests, so that a run is bounded. Works in a copy of the project,
.cache/mutation/AREA, where ``mutmut show NAME`` and ``mutmut results`` can be called afterwards.
Changes that no test can notice are in docs/maintainers/mutation.md, with a reason; any other
survivor makes the run fail. Needs mutmut: `make mutation` installs it in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".cache" / "mutation"
PAGE = ROOT / "docs" / "maintainers" / "mutation.md"
COPIED = ("kataven", "generated", "examples", "scripts", "tests")


@dataclass(frozen=True)
class Area:
    """What is changed, and which tests must notice.

    Attributes:
        files: The modules that are changed.
        tests: The tests that run for each change.
        ignored: Of those, what would measure mutmut's own wrappers, or takes too long.
    """

    files: tuple[str, ...]
    tests: tuple[str, ...]
    ignored: tuple[str, ...] = ()


AREAS = {
    "decoder": Area(
        ("kataven/events/decoder.py", "kataven/events/data_lines.py", "kataven/events/items.py"),
        ("tests/events",),
        ("tests/events/test_event_modules.py", "tests/events/test_decoder_memory.py"),
    ),
    "retry": Area(
        ("kataven/_flow/retry.py",),
        (
            "tests/unit/test_retry_decisions.py",
            "tests/unit/test_retry_rules.py",
            "tests/unit/test_retry_after_dates.py",
        ),
    ),
    "call": Area(
        ("kataven/_flow/call.py", "kataven/_flow/attempts.py"),
        ("tests/unit/test_exchange_flow.py", "tests/client/test_deadlines.py"),
    ),
    "limiter": Area(
        ("kataven/_flow/ratelimit.py", "kataven/_http/limiter.py"),
        ("tests/budget/test_usage.py", "tests/budget/test_waiting.py"),
    ),
    "contacts": Area(
        ("kataven/contacts/_rules.py", "kataven/contacts/_duplicates.py"),
        ("tests/contacts/test_check.py", "tests/contacts/test_one_person_one_number.py"),
    ),
}


def settings(area: Area) -> str:
    """Return the table of mutmut for an area, as TOML."""
    arguments = ["-m", "not proof and not slow", *(f"--ignore={path}" for path in area.ignored)]
    values = {
        "source_paths": ["kataven"],
        "only_mutate": list(area.files),
        "also_copy": ["generated", "examples", "scripts"],
        "pytest_add_cli_args": arguments,
        "pytest_add_cli_args_test_selection": list(area.tests),
    }
    # A list of strings is written alike in JSON and in TOML.
    lines = [f"{name} = {json.dumps(found)}" for name, found in values.items()]
    return "\n".join(["[tool.mutmut]", *lines, "", ""])


def expected() -> set[str]:
    """Return the names of the survivors that docs/maintainers/mutation.md explains."""
    return set(re.findall(r"`(kataven[\w.]*__mutmut_\d+)`", PAGE.read_text("utf-8")))


def prepare(name: str) -> Path:
    """Copy the project for an area; return the folder."""
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for part in COPIED:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    (folder / "pyproject.toml").write_text(settings(AREAS[name]) + text, "utf-8")
    for path in ("README.md", "openapi.yaml"):
        shutil.copy(ROOT / path, folder)
    return folder


def survivors(name: str, workers: int) -> set[str]:
    """Run mutmut on an area; return the changes that no test noticed."""
    folder = prepare(name)
    command = Path(sys.executable).parent / "mutmut"
    subprocess.run([command, "run", "--max-children", str(workers)], cwd=folder, check=True)
    done = subprocess.run(
        [command, "results"], cwd=folder, check=True, capture_output=True, text=True
    )
    return {line.split(":")[0].strip() for line in done.stdout.splitlines() if line.strip()}


def main() -> int:
    """Run the areas; return the exit code."""
    parser = argparse.ArgumentParser(description="Check that tests notice changes of the code.")
    parser.add_argument("area", nargs="*", help=f"{', '.join(AREAS)}; default: all")
    parser.add_argument("--workers", type=int, default=2, help="processes at once (default: 2)")
    options = parser.parse_args()
    if unknown := set(options.area) - AREAS.keys():
        parser.error(f"unknown area: {', '.join(sorted(unknown))}")
    explained = expected()
    failed = False
    for name in options.area or AREAS:
        left = survivors(name, options.workers)
        unexplained = sorted(left - explained)
        print(f"{name}: {len(left)} survivors, {len(unexplained)} without a reason")
        print("\n".join(f"    {mutation}" for mutation in unexplained), end="\n" * any(unexplained))
        failed = failed or bool(unexplained)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
