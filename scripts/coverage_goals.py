"""Compare the measured coverage, of lines and branches, with a goal for each part of the package.

    python scripts/coverage_goals.py .cache/coverage/coverage.json

Reads the output of ``coverage json``. Exits with 1 if a part is below its goal, and names the lines
and branches that no test reached.
"""

from __future__ import annotations

import argparse
import json
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

# Each part with its goal in percent and its files. A bug in the first six calls a person twice, or
# one who asked not to be called.
GOALS: dict[str, tuple[float, tuple[str, ...]]] = {
    "flows": (100, ("kataven/_flow/*",)),
    "event decoder": (100, ("kataven/events/*",)),
    "retry": (100, ("kataven/_flow/retry.py", "kataven/_http/outcomes.py")),
    "rate limiter": (
        100,
        ("kataven/_flow/ratelimit.py", "kataven/_http/limiter.py", "kataven/_http/stores/*"),
    ),
    "contacts rules": (
        100,
        (
            "kataven/contacts/_cells.py",
            "kataven/contacts/_check.py",
            "kataven/contacts/_clean_header.py",
            "kataven/contacts/_cleaning.py",
            "kataven/contacts/_columns.py",
            "kataven/contacts/_duplicates.py",
            "kataven/contacts/_exclusion*.py",
            "kataven/contacts/_number*.py",
            "kataven/contacts/_phones.py",
            "kataven/contacts/_retry.py",
            "kataven/contacts/_rules.py",
        ),
    ),
    "errors": (100, ("kataven/errors.py",)),
    "everything": (95, ("*",)),
}

Files = dict[str, dict[str, Any]]


def select(files: Files, patterns: tuple[str, ...]) -> Files:
    """Return the files of a part; a pattern without a file is an error, so that goals stay true."""
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in files):
            sys.exit(f"scripts/coverage_goals.py names {pattern}, but no measured file matches")
    return {n: f for n, f in files.items() if any(fnmatch(n, pattern) for pattern in patterns)}


def percent(files: Files) -> float:
    """Return the share of lines and branches that ran."""
    totals = [file["summary"] for file in files.values()]
    there = sum(item["num_statements"] + item["num_branches"] for item in totals)
    ran = sum(item["covered_lines"] + item["covered_branches"] for item in totals)
    return 100.0 if there == 0 else 100 * ran / there


def gaps(files: Files) -> list[str]:
    """Return one line for each file with lines or branches that did not run."""
    found = []
    for name, file in sorted(files.items()):
        lines = [str(line) for line in file["missing_lines"]]
        branches = [
            f"{start}->{'exit' if end < 0 else end}"
            for start, end in file["missing_branches"]
            if start not in file["missing_lines"]
        ]
        if lines or branches:
            found.append(f"    {name}: {', '.join(lines + branches)}")
    return found


def main() -> int:
    """Print each part with its goal; return the exit code."""
    parser = argparse.ArgumentParser(description="Compare measured coverage with its goals.")
    parser.add_argument("report", type=Path, help="the output of `coverage json`")
    files: Files = json.loads(parser.parse_args().report.read_text("utf-8"))["files"]
    missed = 0
    for part, (goal, patterns) in GOALS.items():
        chosen = select(files, patterns)
        reached = percent(chosen)
        missed += reached < goal
        print(
            f"{part:<16} {reached:7.2f} %  goal {goal:g} %{'' if reached >= goal else '  MISSED'}"
        )
        if reached < goal:
            print("\n".join(gaps(chosen)))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
