"""What a check of a list costs, against a bare pass of `csv.reader` over the same file.

Run it as a script (`--long` adds five million rows), or call `measure()`.
"""

import csv
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kataven import contacts

ROWS = 100_000
REPEATS = 15
MEBIBYTE = 1024 * 1024

# The peak of what one check allocates, in a process of its own.
_PROGRAM = """
import sys, tracemalloc
from kataven import contacts
contacts.check(b"phone_number,a\\n+14155550100,=b\\n")
tracemalloc.start()
assert contacts.check(sys.argv[1]).rows
print(tracemalloc.get_traced_memory()[1])
"""


def write_list(path: Path, rows: int, *, columns: int = 4, quoted: bool = False) -> None:
    """Write a list of distinct, good rows.

    Args:
        path: Where.
        rows: How many.
        columns: 4 for about 85 bytes a row, 1 for the numbers alone.
        quoted: Quote a cell in each row.
    """
    company = '"Northwind Roofing, Inc."' if quoted else "Northwind Roofing Inc"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("phone_number,name,company,note\n" if columns > 1 else "phone_number\n")
        for index in range(rows):
            number = f"+1{2_000_000_000 + index * 37}"
            name = "Anne-Marie" if index % 3 else "Björn"
            rest = f",{name},{company},customer since 2019, ref {index:06d} x"
            file.write(f"{number}{rest.replace(', ref', ' ref') if columns > 1 else ''}\n")


def bare_pass(path: Path) -> None:
    """Read a list with the csv module and do nothing else.

    Args:
        path: The list.
    """
    with path.open(encoding="utf-8", newline="") as file:
        for _ in csv.reader(file):
            pass


def ratio(work: Callable[[], object], bare: Callable[[], object]) -> float:
    """Compare the CPU time of two pieces of work, run in turn.

    Args:
        work: What is measured.
        bare: What it is measured by.

    Returns:
        The median of the ratios of the pairs.
    """
    found = []
    for _ in range(REPEATS):
        start = time.process_time()
        bare()
        middle = time.process_time()
        work()
        found.append((time.process_time() - middle) / (middle - start))
    return statistics.median(found)


def memory(path: Path) -> float:
    """Measure what a check allocates.

    Args:
        path: The list.

    Returns:
        MiB at the peak.
    """
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(path)], check=True, capture_output=True, text=True
    )
    return int(ran.stdout) / MEBIBYTE


def measure() -> dict[str, tuple[float, float]]:
    """Measure everything that has a goal.

    Returns:
        For each name the figure and the most it may be.
    """
    figures: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        cases = (
            ("contacts check, 4 columns", 4, False, 3.0),
            ("contacts check, 4 columns, one quoted", 4, True, 3.0),
            ("contacts check, phone column alone", 1, False, 4.5),
        )
        for name, columns, quoted, goal in cases:
            write_list(path, ROWS, columns=columns, quoted=quoted)
            contacts.check(path).raise_for_problems()
            figures[name] = (ratio(lambda: contacts.check(path), lambda: bare_pass(path)), goal)
            if name == cases[0][0]:
                figures["contacts check, MiB for 100,000 rows"] = (memory(path), 30.0)
    return figures


def long_run() -> None:
    """Show that memory grows with the set of numbers only."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        for rows in (1_000_000, 5_000_000):
            write_list(path, rows)
            peak = memory(path)
            each = peak * MEBIBYTE / rows
            print(f"check, {rows:,} rows: {peak:.0f} MiB, {each:.0f} bytes a row")


def main() -> None:
    """Print the figures; fail where one is above its goal."""
    figures = measure()
    for name, (figure, goal) in figures.items():
        print(f"{name}: {figure:.2f} (at most {goal:.2f})")
    if "--long" in sys.argv:
        long_run()
    if any(figure > goal for figure, goal in figures.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
