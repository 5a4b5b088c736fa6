"""Runs the benchmarks: every module beside this one that has a `measure()`.

`measure()` returns {name: (ratio, goal)}: how much a thing costs beside a yardstick that runs on
the same machine at the same time, and the most that it should cost. Prints a table and writes
benchmarks/results.json. Ratios, not seconds: they mean the same on a slower machine.

    python benchmarks/run.py                all of them
    python benchmarks/run.py startup calls  these only; the other figures in results.json stay

Exit code: 0, or 1 where a goal was missed or a module failed.
"""

import argparse
import importlib
import json
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"

Figures = dict[str, tuple[float, float]]


def modules(names: list[str]) -> list[str]:
    """The modules to run, in order; a name that is none is a usage error."""
    found = sorted(path.stem for path in HERE.glob("*.py") if path.stem != Path(__file__).stem)
    for name in names:
        if name not in found:
            sys.exit(f"benchmarks/{name}.py does not exist; there are {', '.join(found)}")
    return [name for name in found if not names or name in names]


def run(name: str) -> Figures | None:
    """Measure one module; None where it is no benchmark, as helpers are not."""
    measure = getattr(importlib.import_module(name), "measure", None)
    return None if measure is None else measure()


def show(figures: Figures) -> int:
    """Print figures beside their goals; returns how many are over."""
    over = 0
    for name, (ratio, goal) in figures.items():
        missed = ratio > goal
        over += missed
        print(f"  {name:<66} {ratio:8.2f}  goal {goal:5.2f}{'  OVER GOAL' if missed else ''}")
    return over


def write(figures: Figures, *, keep: bool) -> None:
    """Write results.json, with what stands in it if `keep`."""
    told = json.loads(RESULTS.read_text()) if keep and RESULTS.exists() else {}
    told |= {name: {"ratio": round(r, 3), "goal": g} for name, (r, g) in figures.items()}
    RESULTS.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the benchmarks.")
    parser.add_argument("module", nargs="*", help="only these, by file name without .py")
    chosen = parser.parse_args().module
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    figures: Figures = {}
    over, failed = 0, []
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
        over += show(measured)
        if doubled := figures.keys() & measured.keys():
            sys.exit(f"benchmarks/{name}.py names figures of another module: {sorted(doubled)}")
        figures |= measured
    write(figures, keep=bool(chosen or failed))
    print(f"{len(figures)} figures, {over} over their goals; written to {RESULTS.name}")
    if failed:
        print(f"could not be measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if over or failed else 0


if __name__ == "__main__":
    sys.exit(main())
