"""Measures ``kataven.bulk.prepare``: rows a second, memory, and the gain of a second process.

Run it by hand on a quiet machine: ``python benchmarks/bulk.py`` takes minutes, and 2 GB of disk.
``--rows`` sets the length of the list, ``--rounds`` how often each case runs; the best run counts.
``measure()`` prepares a shorter list, and compares the CPU time with that of ``contacts.clean``.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kataven import contacts

ROWS = 5_000_000
GOAL_RATIO = 1.6
GOAL_MEBIBYTES = 300
_BATCH = 100_000
# For measure().
_SHORT = 300_000
_ROUNDS = 3
GOAL_CPU = 2.0

# Each case runs in a process of its own. The workers' peak is that of the largest.
_PROGRAM = """
import json, resource, sys, time
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from kataven import bulk

if __name__ == "__main__":
    source, directory, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    start = time.perf_counter()
    with ProcessPoolExecutor(workers) if workers else nullcontext() as executor:
        plan = bulk.prepare(source, directory=directory, executor=executor, region="US")
    seconds = time.perf_counter() - start
    used = [
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    cpu = [each.ru_utime + each.ru_stime for each in used]
    peaks = [each.ru_maxrss / 1024 for each in used]
    print(json.dumps([seconds, cpu, peaks, plan.totals.rows, plan.totals.kept, plan.totals.parts]))
"""


def write_list(path: Path, rows: int) -> None:
    """Write a list as a customer database exports it.

    One row in 50 is a duplicate, one in 100 is written with spaces, one in 200 has no number, and
    one in 20 has a quoted cell.

    Args:
        path: The file to write.
        rows: The number of rows.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("phone_number,name,company,note\r\n")
        for first in range(0, rows, _BATCH):
            file.writelines(map(_row, range(first, min(rows, first + _BATCH))))


def _row(index: int) -> str:
    same = index - 40 if index % 50 == 49 else index
    # Area codes that exist, seven digits, none of which starts with 0 or 1.
    area = (212, 415, 646, 713, 818, 917)[same % 6]
    digits = 2_000_000 + same // 6 * 7919 % 8_000_000
    number = f"+1{area}{digits}"
    if index % 100 == 7:
        number = f"({area}) {digits // 10000}-{digits % 10000:04d}"
    elif index % 200 == 11:
        number = "unknown"
    company = '"Northwind Roofing, Inc."' if index % 20 == 3 else "Northwind Roofing Inc"
    name = "Anne-Marie" if index % 3 else "Björn"
    return f"{number},{name},{company},customer since 2019 ref {index:07d}\r\n"


def run(source: Path, workers: int) -> tuple[float, list[float], list[float], list[int]]:
    """Prepare a list in a new process.

    Args:
        source: The list.
        workers: The processes of the executor, 0 for none.

    Returns:
        Seconds, the CPU seconds of the process and of its workers, the peak memory of the process
        and of its largest worker in MiB, and the totals.
    """
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        program = Path(folder) / "case.py"
        program.write_text(_PROGRAM)
        ran = subprocess.run(
            [sys.executable, str(program), str(source), f"{folder}/plan", str(workers)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    seconds, cpu, peaks, *totals = json.loads(ran.stdout)
    return seconds, cpu, peaks, totals


def clean(source: Path) -> float:
    """Return the CPU seconds of ``contacts.clean`` for a list."""
    start = time.process_time()
    with contacts.clean(source, region="US") as cleaned:
        while cleaned.read(1 << 20):
            pass
    return time.process_time() - start


def measure() -> dict[str, tuple[float, float]]:
    """Return ratios with their goals: CPU time, and memory."""
    ratios, peaks = [], []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "list.csv"
        write_list(source, _SHORT)
        for _ in range(_ROUNDS):
            bare = clean(source)
            _, cpu, peak, _ = run(source, 0)
            ratios.append(cpu[0] / bare)
            peaks.append(peak[0])
    return {
        "bulk prepare, CPU / contacts.clean": (statistics.median(ratios), GOAL_CPU),
        "bulk prepare, MiB of a process for 300,000 rows": (max(peaks), GOAL_MEBIBYTES),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    best: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "list.csv"
        write_list(source, options.rows)
        print(f"{options.rows:,} rows, {source.stat().st_size:,} bytes")
        for _ in range(options.rounds):
            for workers in (0, 1, 2):
                seconds, cpu, peaks, totals = run(source, workers)
                best[workers] = min(best.get(workers, seconds), seconds)
                own, worker = peaks
                print(
                    f"{workers} workers: {seconds:.1f} s, {options.rows / seconds:,.0f} rows/s, "
                    f"CPU {cpu[0]:.1f} s and {cpu[1]:.1f} s in workers, "
                    f"{own:.0f} MiB, largest worker {worker:.0f} MiB; "
                    f"rows, kept, parts: {totals}",
                    flush=True,
                )
    print(f"two processes: {best[1] / best[2]:.2f} times the speed of one (goal {GOAL_RATIO})")
    print(f"two processes: {best[0] / best[2]:.2f} times the speed without an executor")
    print(f"goal for the memory of a process: {GOAL_MEBIBYTES} MiB")


if __name__ == "__main__":
    main()
