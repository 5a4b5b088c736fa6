"""benchmarks/trace_create.py: it runs, and the path of a create does not grow unnoticed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "trace_create.py"
# What there is, and room for a few. Look at the list before you raise them: a reader who follows
# create passes all of it.
MOST_FUNCTIONS = 58
MOST_FILES = 20


@pytest.mark.slow
def test_a_create_passes_few_functions_and_files_on_its_way_to_the_socket():
    done = subprocess.run(
        [sys.executable, SCRIPT], capture_output=True, text=True, check=True, timeout=PATIENCE
    )

    lines = done.stdout.splitlines()
    assert Path(lines[0]) == Path("kataven/campaigns/methods.py")
    assert lines[-2].startswith("    Stream.write ")
    functions, files = map(int, re.findall(r"\d+", lines[-1]))
    assert functions <= MOST_FUNCTIONS
    assert files <= MOST_FILES
