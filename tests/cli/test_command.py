"""The ``kataven`` command: its exit codes, and one clear line for every error."""

from __future__ import annotations

import sys
from types import ModuleType

import click
import pytest

import kataven as package
from kataven.cli.app import main
from kataven.cli.commands import COMMANDS
from kataven.errors import KatavenError, NotFoundError

WITHOUT = "import sys; sys.modules[{!r}] = None; from kataven.cli.app import main; sys.exit(main())"


@pytest.fixture
def raising(monkeypatch):
    """Add a command ``raise`` that raises the given exception."""

    def add(error: BaseException) -> None:
        @click.command()
        def command() -> None:
            raise error

        module = ModuleType("commands_of_a_test")
        setattr(module, "raise", command)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(COMMANDS, "raise", (module.__name__, "raise", "Raises."))

    return add


def test_version_is_printed_without_importing_httpx_rich_or_a_server(kataven):
    code = (
        "import sys; from kataven.cli.app import main; main(); "
        "print(sorted({'httpx', 'httpcore', 'rich', 'starlette', 'uvicorn', 'sqlite3', 'kataven_hub'} "
        "& set(sys.modules)))"
    )

    done = kataven.run("--version", code=code)

    assert done.stdout == f"kataven {package.__version__}\n[]\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        # The quotes around an option depend on the version of click.
        (["--bogus"], "No such option"),
        (["nope"], "There is no command 'nope': 'kataven --help' lists the commands."),
        (["dmeo"], "There is no command 'dmeo': did you mean 'kataven demo'?"),
        (["campaigns", "lst"], "did you mean 'kataven campaigns list'?"),
        (["campaigns", "get", "--profil", "x", "id"], "Did you mean "),
        (["demo", "--speed", "0"], "0.0 is not in the range"),
        (["demo", "--speed", "nan"], "nan is not a number; use one from 1 to 1000"),
        (["demo", "--speed", "inf"], "inf is not in the range"),
        (["demo", "--speed", "fast"], "'fast' is not a valid float range"),
        (["demo", "more"], "unexpected extra argument"),
    ],
)
@pytest.mark.slow
def test_usage_errors_exit_with_2_and_say_what_is_wrong(kataven, arguments, message):
    done = kataven.run(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Usage: kataven" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_every_command_without_importing_any(kataven):
    code = (
        "import sys; from kataven.cli.app import main; main(); "
        "print([name for name in sys.modules if name.startswith('kataven.cli.demo')])"
    )

    done = kataven.run("--help", code=code)

    assert done.stdout.endswith("\n[]\n")
    for name, (_, _, summary) in COMMANDS.items():
        assert name in done.stdout
        assert summary in done.stdout


@pytest.mark.parametrize("missing", ["click", "rich", "uvicorn", "python_multipart"])
@pytest.mark.slow
def test_missing_extra_prints_one_line_with_the_install_command(kataven, missing):
    code = WITHOUT.format(missing)
    if missing == "rich":
        # Only the view for terminals uses rich.
        code = code.replace("from kataven", "sys.stdout.isatty = lambda: True; from kataven", 1)

    done = kataven.run("demo", "--speed", "1000", code=code)

    assert done.returncode == 10
    assert missing in done.stderr
    assert "Traceback" not in done.stderr
    assert "pip install 'kataven[" in done.stderr


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KatavenError("what went wrong"), 8, "Error: what went wrong"),
        (NotFoundError("no such campaign", status_code=404), 5, "Error: no such campaign"),
        (PermissionError(13, "Permission denied", "a.csv"), 10, "Error: a.csv: Permission denied"),
        (TimeoutError("waited too long"), 10, "Error: waited too long"),
        (click.ClickException("not like this"), 10, "Error: not like this"),
        (KatavenError("the Hub's \x1b[31m\nwords"), 8, r"Error: the Hub's \x1b[31m\nwords"),
    ],
)
def test_errors_print_what_happened_and_the_exit_code(raising, capsys, error, code, line):
    raising(error)

    assert main(["raise"]) == code
    out, err = capsys.readouterr()
    what, advice = err.splitlines()
    assert (out, what) == ("", line)
    assert advice.endswith(f"(exit code {code})")


def test_internal_error_shows_a_traceback_only_with_debug_log(raising, capsys, monkeypatch):
    raising(ZeroDivisionError("division by zero"))

    monkeypatch.delenv("KATAVEN_LOG", raising=False)
    assert main(["raise"]) == 10
    quiet = capsys.readouterr().err
    monkeypatch.setenv("KATAVEN_LOG", "debug")
    assert main(["raise"]) == 10
    verbose = capsys.readouterr().err

    assert len(quiet.splitlines()) == 2
    assert "internal error in kataven: ZeroDivisionError: division by zero" in quiet
    assert "Traceback" in verbose


def test_keyboard_interrupt_exits_with_130(raising, capsys):
    raising(KeyboardInterrupt())

    assert main(["raise"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_exit_code_chosen_by_a_command_is_kept(raising):
    raising(click.exceptions.Exit(7))

    assert main(["raise"]) == 7


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["demo", "--speed", "1000"]])
@pytest.mark.slow
def test_full_disk_under_standard_output_is_reported(kataven, arguments, unbuffered):
    done = kataven.into_full_disk(*arguments, PYTHONUNBUFFERED=unbuffered)

    assert done.returncode == 10
    assert done.stderr == (
        "Error: cannot write to standard output: No space left on device\n"
        "Hint: redirect the output to another place (exit code 10)\n"
    )


def test_python_m_kataven_runs_the_command(kataven):
    code = "import runpy; runpy.run_module('kataven', run_name='__main__')"
    done = kataven.run("--help", code=code)
    expected = kataven.run("--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == expected.stdout


@pytest.mark.slow
def test_help_of_demo_lists_its_exit_codes(kataven):
    done = kataven.run("demo", "--help")

    codes = (
        "Exit codes: 0 success, 2 usage error, 3 the list has problems, 10 local failure, "
        "130 Ctrl-C, 143 SIGTERM."
    )
    assert codes in " ".join(done.stdout.split())
