"""Runs the benchmarks: every module in this folder that has a ``measure()`` function.

``measure()`` returns ``{name: (ratio, goal)}``: the cost relative to a yardstick measured on the
same machine at the same time, and the largest acceptable ratio. Prints a table and writes
benchmarks/results.json. Ratios instead of seconds, because they hold on a slower machine too. A
run of all modules also appends a line to benchmarks/history.jsonl: date, commit, ratios.

::

    python benchmarks/run.py                   all of them
    python benchmarks/run.py startup delivery  only these; results.json keeps the other figures

Exit code: 0, or 1 if a goal was missed or a module failed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
HISTORY = HERE / "history.jsonl"

Figures = dict[str, tuple[float, float]]


def modules(names: list[str]) -> list[str]:
    """Return the modules to run, sorted; an unknown name is a usage error."""
    found = sorted(path.stem for path in HERE.glob("*.py") if path.stem != Path(__file__).stem)
    for name in names:
        if name not in found:
            sys.exit(f"benchmarks/{name}.py does not exist; choose from {', '.join(found)}")
    return [name for name in found if not names or name in names]


def run(name: str) -> Figures | None:
    """Measure one module; None if it has no ``measure()``, like helper modules."""
    measure = getattr(importlib.import_module(name), "measure", None)
    return None if measure is None else measure()


def show(figures: Figures) -> int:
    """Print figures with their goals; return how many goals were missed."""
    missed = 0
    for name, (ratio, goal) in figures.items():
        missed += ratio > goal
        print(f"  {name:<66} {ratio:8.2f}  goal {goal:5.2f}{'' if ratio <= goal else '  MISSED'}")
    return missed


def write(figures: Figures, *, keep: bool) -> None:
    """Write results.json; with ``keep``, figures that were not measured now stay in it."""
    results = json.loads(RESULTS.read_text()) if keep and RESULTS.exists() else {}
    results |= {name: {"ratio": round(r, 3), "goal": g} for name, (r, g) in figures.items()}
    RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")


def commit() -> str:
    """Return the commit that was measured, with a ``+`` if there are changes on top of it."""
    command = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def remember(figures: Figures, measured: str) -> None:
    """Append the ratios of a complete run to history.jsonl."""
    ratios = {name: round(ratio, 3) for name, (ratio, _) in figures.items()}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    line = json.dumps({"date": now, "commit": measured, "ratios": ratios}, ensure_ascii=False)
    with HISTORY.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the benchmarks.")
    parser.add_argument("module", nargs="*", help="a benchmark to run, without .py; default: all")
    chosen = parser.parse_args().module
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    # Before results.json changes.
    measured_commit = commit()
    figures: Figures = {}
    missed, failed = 0, []
    for name in modules(chosen):
        try:
            measured = run(name)
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        if measured is None:
            continue
        print(f"{name}:")
        missed += show(measured)
        if duplicates := figures.keys() & measured.keys():
            sys.exit(f"benchmarks/{name}.py reuses names of another module: {sorted(duplicates)}")
        figures |= measured
    write(figures, keep=bool(chosen or failed))
    if not chosen and not failed:
        remember(figures, measured_commit)
    print(f"{len(figures)} figures, {missed} goals missed; written to {RESULTS.name}")
    if failed:
        print(f"could not be measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if missed or failed else 0


if __name__ == "__main__":
    sys.exit(main())
