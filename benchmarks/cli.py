"""The command: its start-up relative to a bare click program, its check relative to the library.

Measured in a separate environment (benchmarks/scratch/cli) with the wheel and the extra ``cli``
only. Wall time of fresh processes, interleaved, medians. The bare program has as many commands, and
imports nothing but click. A check of 100,000 contacts is compared with the start-up of the command
plus the same call of the library, in a process of its own that measures only the call. To print a
table::

    python benchmarks/cli.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "benchmarks" / "scratch" / "cli"
ROUNDS = 41
GOAL = 1.30
ROWS = 100_000
CHECKS = 9
CHECK_GOAL = 1.20
CHECK_CALL = """
import sys, time
from kataven.contacts import check
begun = time.perf_counter()
with open(sys.argv[1], "rb") as file:
    report = check(file)
print(time.perf_counter() - begun)
assert report.ok
"""

BARE = """
import sys
import click

@click.group(context_settings={{"help_option_names": ["-h", "--help"]}})
@click.version_option("1", prog_name="bare")
def main():
    "Outbound calling campaigns."

@main.group()
def campaigns():
    "Create, run and follow campaigns."

{commands}
sys.exit(main(prog_name="bare"))
"""
COMMAND = """
@{group}.command()
def {name}():
    "Do one thing."
"""


def prepare() -> Path:
    """Build the wheel, install it with the extra and return the folder of the programs."""
    programs = FOLDER / ("Scripts" if sys.platform == "win32" else "bin")
    if not programs.exists():
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
    python = programs / "python"
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps"]
        subprocess.run([*build, "--no-build-isolation", "-w", folder, str(ROOT)], check=True)
        (wheel,) = Path(folder).glob("kataven-*.whl")
        subprocess.run([*pip, f"{wheel}[cli]"], check=True)
        # Builds of one version look alike to pip, which would keep the old files.
        subprocess.run([*pip, "--no-deps", "--force-reinstall", str(wheel)], check=True)
    return programs


def write_bare(path: Path) -> None:
    """Write a click program with as many commands, in as many groups that matter here."""
    sys.path[:0] = [str(ROOT)]
    from kataven.cli.commands import CAMPAIGNS, COMMANDS

    commands = [COMMAND.format(group="main", name=f"c_{name}") for name in list(COMMANDS)[1:]]
    commands += [COMMAND.format(group="campaigns", name=f"d_{name}") for name in CAMPAIGNS]
    path.write_text(BARE.format(commands="".join(commands)))


def seconds(command: list[str]) -> float:
    """Return the wall seconds of a process."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def ratio(ours: list[str], bare: list[str]) -> float:
    """Return the time of our process, relative to that of the bare one."""
    pairs = [(seconds(ours), seconds(bare)) for _ in range(ROUNDS)]
    return statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)


def check_ratio(python: str, kataven: str) -> float:
    """Return the time of ``kataven contacts check``, relative to start-up and library call."""
    path = FOLDER / "contacts.csv"
    with path.open("w") as file:
        file.write("phone_number,first_name,city\n")
        file.writelines(
            f"+1{area}555{number:04},Ann {number},Boston\n"
            for area in range(201, 301)
            for number in range(ROWS // 100)
        )
    command = [python, kataven, "contacts", "check", str(path)]
    call = [python, "-c", CHECK_CALL, str(path)]
    rounds = []
    for _ in range(CHECKS):
        found = subprocess.run(call, check=True, capture_output=True, text=True).stdout
        rounds.append((seconds(command), seconds([*command[:4], "--help"]), float(found)))
    ours, start, library = (statistics.median(column) for column in zip(*rounds, strict=True))
    return float(ours / (start + library))


def measure() -> dict[str, tuple[float, float]]:
    """Measure every figure.

    Returns:
        For each name, the measured ratio and its goal.
    """
    programs = prepare()
    bare = programs / "bare.py"
    write_bare(bare)
    python, kataven = str(programs / "python"), str(programs / "kataven")
    figures = {}
    for arguments in (["--help"], ["--version"], ["campaigns", "--help"]):
        name = f"kataven {' '.join(arguments)} / the same of a bare click program"
        ours, theirs = [python, kataven, *arguments], [python, str(bare), *arguments]
        # Compiles what is not compiled yet.
        seconds(ours)
        seconds(theirs)
        figures[name] = (ratio(ours, theirs), GOAL)
    name = f"kataven contacts check of {ROWS:,} rows / start-up and the library's call"
    figures[name] = (check_ratio(python, kataven), CHECK_GOAL)
    return figures


def main() -> int:
    """Print the table; return 1 if a goal was missed."""
    missed = 0
    for name, (value, goal) in measure().items():
        missed += value > goal
        print(f"{name:<72} {value:6.3f}  goal {goal:4.2f}{'' if value <= goal else '  MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
