"""The memory of prepare does not grow with the list."""

import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import sys
from pathlib import Path
from kataven.bulk._options import PrepareOptions
from kataven.bulk._prepare import make_plan

options = PrepareOptions(region="US", chunk_size=200_000, bucket_size=4_000, max_rows=5_000)
plan, _ = make_plan(sys.argv[1], sys.argv[2], options)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
print(plan.totals.rows, plan.totals.kept, peak.split()[1])
"""


def peak_of(folder: Path, rows: int) -> tuple[int, int, int]:
    """Return the rows, the kept rows and the peak memory in KiB of a process that prepares them."""
    source = folder / f"{rows}.csv"
    with source.open("w") as file:
        file.write("phone_number,name,note\n")
        for index in range(rows):
            # One row in ten is a duplicate of a row long before it.
            number = index // 20 * 10 if index % 10 == 9 else index
            file.write(f'+1415{2_000_000 + number},Ann {index},"customer, since 2019"\n')
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(source), str(folder / f"plan-{rows}")],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found, kept, peak = map(int, ran.stdout.split())
    return found, kept, peak


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc")
def test_a_list_of_four_times_the_length_takes_no_more_memory(tmp_path: Path) -> None:
    rows, kept, short = peak_of(tmp_path, 75_000)
    assert (rows, kept) == (75_000, 67_500)
    rows, kept, long = peak_of(tmp_path, 300_000)
    assert (rows, kept) == (300_000, 270_000)
    # A set of the 300,000 numbers alone would take 30 MiB, their rows 20 MiB.
    assert long - short < 4 * 1024
