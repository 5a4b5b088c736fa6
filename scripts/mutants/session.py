"""Run the tests of an area against each change of its code: the part of mutation.py that is pytest.

Called in the copy of the project by mutation.py. Tests are collected once; each change is tried in
a fork, so that it takes no longer than the tests that run the changed function, the fast ones
first, up to the first that fails. mutmut makes the changes, and its wrappers choose one by name.
Prints nothing of the tests; writes the outcome of each change to ``outcomes.json``.
"""

from __future__ import annotations

import difflib
import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import pytest
from mutmut.mutation.file_mutation import mutate_file_contents  # type: ignore[import-not-found]
from mutmut.mutation.trampoline import set_mutant_under_test  # type: ignore[import-not-found]
from mutmut.state import state  # type: ignore[import-not-found]
from mutmut.utils.format_utils import mangled_name_from_mutant_name  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from collections.abc import Callable

# A test that takes so many seconds more than 20 times as long as without a change never ends.
GRACE: Final = 20.0


def change(path: Path) -> dict[str, str]:
    """Put every change of a module into it; return what each is, by the name of the change."""
    mutated = mutate_file_contents(str(path), path.read_text("utf-8"))
    path.write_text(mutated.code, "utf-8")
    lines = mutated.code.splitlines()
    spans = mutated.line_span_by_function_name

    def body(function: str) -> list[str]:
        span = spans[function]
        return [line.strip() for line in lines[span.start - 1 : span.end]]

    changes = {}
    module = ".".join(path.with_suffix("").parts)
    for name in mutated.mutant_names:
        original = f"{mangled_name_from_mutant_name(name)}__mutmut_orig"
        difference = difflib.unified_diff(body(original), body(name), lineterm="", n=0)
        shown = [line for line in difference if line[:2] not in {"--", "++", "@@"}]
        changes[f"{module}.{name}"] = "\n".join(each for each in shown if "__mutmut_" not in each)
    return changes


class Session:
    """A plugin of pytest that runs the collected tests once for each change.

    Args:
        changes: The names of the changes.
        workers: How many are tried at once.
    """

    def __init__(self, changes: list[str], workers: int) -> None:
        self.changes = changes
        self.workers = workers
        self.outcomes: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests unchanged, which must pass, and then with each change."""
        pid = forked(lambda: run_unchanged(session))
        if os.waitpid(pid, 0)[1] != 0:
            session.shouldfail = "the tests fail without a change"
            raise session.Failed(session.shouldfail)
        ran = json.loads(Path("ran.json").read_text("utf-8"))
        running: dict[int, str] = {}
        waiting = list(reversed(self.changes))
        while waiting or running:
            while waiting and len(running) < self.workers:
                name = waiting.pop()
                running[forked(self._trial(session, name, ran))] = name
            pid, status = os.wait()
            # What the tests have started.
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            name = running.pop(pid)
            outcome = self.outcomes[name] = outcome_of(os.waitstatus_to_exitcode(status))
            if not outcome.startswith("noticed"):
                print(f"\r{name}: {outcome}")
            print(f"\r{len(self.outcomes)} of {len(self.changes)}", end="", flush=True)
        print()
        return True

    def _trial(
        self, session: pytest.Session, name: str, ran: dict[str, tuple[float, list[str]]]
    ) -> Callable[[], bool]:
        function = mangled_name_from_mutant_name(name)
        tests = [test for test, (_, functions) in ran.items() if function in functions]
        tests.sort(key=lambda test: ran[test][0])
        items = {item.nodeid: item for item in session.items}

        def trial() -> bool:
            set_mutant_under_test(name)
            return passed(session, [(items[test], GRACE + 20 * ran[test][0]) for test in tests])

        return trial


def outcome_of(code: int) -> str:
    """Return the outcome of a fork with an exit code: a change survived if no test failed."""
    return {0: "survived", 1: "noticed", -signal.SIGALRM: "noticed, a test never ended"}.get(
        code, f"the tests ended with {code}"
    )


def forked(run: Callable[[], bool]) -> int:
    """Run something in a fork that exits with 0 if it returned True; return the process id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _run_and_exit(run)
    return pid


def _run_and_exit(run: Callable[[], bool]) -> NoReturn:
    code = 3
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        code = 0 if run() else 1
    finally:
        os._exit(code)


def run_unchanged(session: pytest.Session) -> bool:
    """Run all tests; note how long each took, and which functions it called."""
    set_mutant_under_test("stats")
    ran = {}
    for item in session.items:
        state()._stats.clear()  # noqa: SLF001 - mutmut has no public name for it
        began = time.monotonic()
        if not passed(session, [(item, 600)]):
            print(f"\nfailed without a change: {item.nodeid}", file=sys.stderr)
            return False
        ran[item.nodeid] = (time.monotonic() - began, sorted(state()._stats))  # noqa: SLF001
    Path("ran.json").write_text(json.dumps(ran), "utf-8")
    return True


def passed(session: pytest.Session, tests: list[tuple[pytest.Item, float]]) -> bool:
    """Run tests, each within some seconds, up to the first that fails."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for item, limit in tests:
        signal.setitimer(signal.ITIMER_REAL, limit)
        # No next test: fixtures of modules are set up for each.
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if session.testsfailed:
            return False
    return True


def main() -> int:
    """Change the files, run the tests, and write what came of each change."""
    plan = json.loads(Path("plan.json").read_text("utf-8"))
    changes: dict[str, str] = {}
    for path in plan["files"]:
        changes |= change(Path(path))
    plugin = Session([name for name in changes if plan["only"] in name], plan["workers"])
    code = pytest.main(["-q", "-s", "-o", "timeout=0", *plan["arguments"]], plugins=[plugin])
    found = {name: (outcome, changes[name]) for name, outcome in plugin.outcomes.items()}
    Path("outcomes.json").write_text(json.dumps(found, ensure_ascii=False, indent=1), "utf-8")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
