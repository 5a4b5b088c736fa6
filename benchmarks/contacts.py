"""Measures the cost of ``check`` and ``clean`` relative to a bare pass of ``csv.reader``.

Run it as a script (``--long`` adds lists of up to five million rows), or call ``measure()``.
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
ROUNDS = 15
MEBIBYTE = 1024 * 1024
CLEAN_LIMIT = 12.0

# The peak memory that one check allocates, in a process of its own.
_PROGRAM = """
import sys, tracemalloc
from kataven import contacts
contacts.check(b"phone_number,a\\n+14155550100,=b\\n")
tracemalloc.start()
assert contacts.check(sys.argv[1]).rows
print(tracemalloc.get_traced_memory()[1])
"""


def write_list(path: Path, rows: int, *, columns: int = 4, quoted: bool = False) -> None:
    """Write a list of distinct, valid rows.

    Args:
        path: The file to write.
        rows: The number of rows.
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
    """Read a list with the csv module and do nothing else."""
    with path.open(encoding="utf-8", newline="") as file:
        for _ in csv.reader(file):
            pass


def ratio(work: Callable[[], object], bare: Callable[[], object]) -> float:
    """Compare the CPU time of two functions that run alternately.

    Args:
        work: The function to measure.
        bare: The baseline.

    Returns:
        The median ratio.
    """
    found = []
    for _ in range(ROUNDS):
        start = time.process_time()
        bare()
        middle = time.process_time()
        work()
        found.append((time.process_time() - middle) / (middle - start))
    return statistics.median(found)


def memory(path: Path) -> float:
    """Return the peak memory of a check of a list in MiB."""
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(path)], check=True, capture_output=True, text=True
    )
    return int(ran.stdout) / MEBIBYTE


def clean(path: Path) -> None:
    """Clean a list, and keep nothing."""
    with contacts.clean(path):
        pass


def measure() -> dict[str, tuple[float, float]]:
    """Measure every figure that has a limit.

    Returns:
        The figure and its limit, by name.
    """
    figures: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        cases = (
            ("contacts check, 4 columns", 4, False, 3.0),
            ("contacts check, 4 columns, one quoted", 4, True, 3.0),
            ("contacts check, phone column alone", 1, False, 4.5),
        )
        for name, columns, quoted, limit in cases:
            write_list(path, ROWS, columns=columns, quoted=quoted)
            contacts.check(path).raise_for_problems()
            figures[name] = (ratio(lambda: contacts.check(path), lambda: bare_pass(path)), limit)
            if name == cases[0][0]:
                figures["contacts clean, 4 columns"] = (
                    ratio(lambda: clean(path), lambda: bare_pass(path)),
                    CLEAN_LIMIT,
                )
                figures["contacts check, MiB for 100,000 rows"] = (memory(path), 30.0)
    return figures


def long_run() -> None:
    """Show that memory grows only with the number of distinct numbers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        for rows in (1_000_000, 5_000_000):
            write_list(path, rows)
            peak = memory(path)
            each = peak * MEBIBYTE / rows
            print(f"check, {rows:,} rows: {peak:.0f} MiB, {each:.0f} bytes a row")


def main() -> None:
    """Print the figures; exit with 1 if one exceeds its limit."""
    figures = measure()
    for name, (figure, limit) in figures.items():
        print(f"{name}: {figure:.2f} (at most {limit:.2f})")
    if "--long" in sys.argv:
        long_run()
    if any(figure > limit for figure, limit in figures.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
