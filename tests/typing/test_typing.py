"""What type checkers report for programs that use kataven, called as users call them.

The checkers run in an empty folder with default settings, so that they see kataven as an installed
package with ``py.typed``.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
STATUSES = {"draft", "scheduled", "running", "paused", "completed", "failed"}

Checker = Callable[[Path], dict[int, str]]

pytestmark = pytest.mark.types


def mypy(program: Path) -> dict[int, str]:
    """Run ``mypy --strict`` and return its errors by line."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", program.name]
    command[4:4] = ["--hide-error-context", "--no-color-output", "--cache-dir", "mypy-cache"]
    done = subprocess.run(command, cwd=program.parent, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    found: dict[int, str] = {}
    for line in done.stdout.splitlines():
        match = re.fullmatch(rf"{re.escape(program.name)}:(\d+): (error: .*)", line)
        if match:
            found[int(match[1])] = match[2]
    assert (done.returncode == 0) == (not any("error: " in text for text in found.values())), done
    return found


def pyright(program: Path) -> dict[int, str]:
    """Run pyright and return its errors by line."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    command.append(program.name)
    done = subprocess.run(command, cwd=program.parent, capture_output=True, text=True, check=False)
    # The launcher may announce a newer version before the JSON.
    report = json.loads(done.stdout[done.stdout.index("{") :])
    assert report["summary"]["filesAnalyzed"] == 1
    return {
        found["range"]["start"]["line"] + 1: f"{found['severity']}: {found['message']}"
        for found in report["generalDiagnostics"]
        # The program shows a wrong key as a bare expression, which pyright reports as well.
        if found.get("rule") != "reportUnusedExpression"
    }


CHECKERS = pytest.mark.parametrize("checker", [mypy, pyright], ids=["mypy", "pyright"])


@CHECKERS
def test_program_that_uses_everything_has_no_errors(checker: Checker, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text((HERE / "api.py").read_text())

    assert checker(program) == {}


@CHECKERS
def test_every_mistake_is_found_and_nothing_else(checker: Checker, tmp_path: Path) -> None:
    text = (HERE / "wrong_usage.txt").read_text()
    program = tmp_path / "wrong.py"
    program.write_text(text)
    wrong = {n for n, line in enumerate(text.splitlines(), 1) if line.endswith("# wrong")}

    found = checker(program)

    assert set(found) == wrong, found
    assert len(wrong) > 20


def test_pyright_knows_the_statuses_and_that_there_may_be_others(tmp_path: Path) -> None:
    program = tmp_path / "statuses.py"
    program.write_text(
        "from kataven import KatavenClient\n"
        "campaign = KatavenClient().campaigns.get('c1')\n"
        "reveal_type(campaign['status'])\n"
    )

    (revealed,) = pyright(program).values()

    shown = revealed.partition(" is ")[2]
    assert set(re.findall(r"'(\w+)'", shown)) == STATUSES
    assert re.search(r"\bstr\b", shown)
