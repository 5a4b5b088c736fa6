"""Change one area of the package in many small ways, and check that tests notice each change.

    python scripts/mutation.py              every area, one after the other
    python scripts/mutation.py retry call   only these

Each area has its own selection of tests, so that a run is bounded. Works in a copy of the project,
.cache/mutation/AREA; ``outcomes.json`` there has every change with its outcome. Changes that no
test can notice are in docs/maintainers/mutation.md, with a reason; any other survivor makes the run
fail. Needs mutmut, of which it uses the changes but not the runs (mutants/session.py):
`make mutation` installs it in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
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
        (
            "tests/events/test_event_modules.py",
            "tests/events/test_decoder_memory.py",
            # Takes 20 s for each survivor; what its random streams find has a test of its own.
            "tests/events/test_decoder_reference.py",
        ),
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
        (
            "tests/unit/test_exchange_flow.py",
            "tests/client/test_deadlines.py",
            "tests/client/test_fault_table.py",
            "tests/client/test_rate_limit_responses.py",
            "tests/client/test_token_refresh.py",
            "tests/client/test_hooks_and_logs.py",
            "tests/client/test_request_outcomes.py",
            "tests/client/test_failure_messages.py",
            "tests/client/test_errors_by_status.py",
            "tests/client/test_tracing_spans.py",
            "tests/client/test_with_response.py",
            "tests/budget/test_limiter_ends.py",
            "tests/budget/test_waiting.py",
        ),
    ),
    "limiter": Area(
        ("kataven/_flow/ratelimit.py", "kataven/_http/limiter.py"),
        (
            "tests/budget/test_usage.py",
            "tests/budget/test_limit_rules.py",
            "tests/budget/test_limiter_and_store.py",
            "tests/budget/test_limiter_ends.py",
            "tests/budget/test_waiting.py",
            "tests/budget/test_control_calls.py",
        ),
    ),
    "contacts": Area(
        (
            "kataven/contacts/_rules.py",
            "kataven/contacts/_duplicates.py",
            "kataven/contacts/_number_lookup.py",
            "kataven/contacts/_number_readings.py",
        ),
        (
            "tests/contacts/test_check.py",
            "tests/contacts/test_rules.py",
            "tests/contacts/test_one_person_one_number.py",
            "tests/contacts/test_numbers.py",
            "tests/contacts/test_number_edges.py",
            "tests/contacts/test_number_writings.py",
            "tests/contacts/test_unusual_numbers.py",
        ),
    ),
}


def expected() -> set[str]:
    """Return the names of the survivors that docs/maintainers/mutation.md explains."""
    return set(re.findall(r"`(kataven[\wǁ.]*__mutmut_\d+)`", PAGE.read_text("utf-8")))


def prepare(name: str, workers: int, only: str) -> Path:
    """Copy the project for an area; return the folder."""
    area = AREAS[name]
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for part in COPIED:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    (folder / "pyproject.toml").write_text(f'[tool.mutmut]\nsource_paths = ["kataven"]\n\n{text}')
    for path in ("README.md", "openapi.yaml"):
        shutil.copy(ROOT / path, folder)
    ignored = [f"--ignore={path}" for path in area.ignored]
    arguments = ["-m", "not proof and not slow", *ignored, *area.tests]
    plan = {"files": area.files, "arguments": arguments, "workers": workers, "only": only}
    (folder / "plan.json").write_text(json.dumps(plan), "utf-8")
    return folder


def outcomes(name: str, workers: int, only: str) -> dict[str, tuple[str, str]]:
    """Try the changes of an area; return the outcome of each, and what it changes."""
    folder = prepare(name, workers, only)
    script = ROOT / "scripts" / "mutants" / "session.py"
    paths = os.pathsep.join((str(folder), str(folder / "generated")))
    environment = {**os.environ, "PYTHONPATH": paths}
    subprocess.run([sys.executable, script], cwd=folder, env=environment, check=True)
    found: dict[str, tuple[str, str]] = json.loads((folder / "outcomes.json").read_text("utf-8"))
    return found


def main() -> int:
    """Run the areas; return the exit code."""
    parser = argparse.ArgumentParser(description="Check that tests notice changes of the code.")
    parser.add_argument("area", nargs="*", help=f"{', '.join(AREAS)}; default: all")
    parser.add_argument("--workers", type=int, default=2, help="processes at once (default: 2)")
    parser.add_argument("--only", default="", help="only changes whose name contains this")
    options = parser.parse_args()
    if unknown := set(options.area) - AREAS.keys():
        parser.error(f"unknown area: {', '.join(sorted(unknown))}")
    explained = expected()
    failed = False
    for name in options.area or AREAS:
        began = time.monotonic()
        found = outcomes(name, options.workers, options.only)
        left = {
            each: shown
            for each, (outcome, shown) in found.items()
            if not outcome.startswith("noticed")
        }
        unexplained = left.keys() - explained
        minutes = (time.monotonic() - began) / 60
        print(
            f"{name}: {len(found)} changes, {minutes:.0f} min, {len(left)} survivors, "
            f"{len(unexplained)} without a reason"
        )
        for mutation in sorted(unexplained):
            print(textwrap.indent(f"{mutation}: {found[mutation][0]}\n{left[mutation]}", "    "))
        failed = failed or bool(unexplained)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
