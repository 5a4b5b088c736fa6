"""The `kataven` command: its exit codes, and one clear line for whatever goes wrong."""

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
    """Adds a command `raise` that raises what it is given."""

    def add(error: BaseException) -> None:
        @click.command()
        def command() -> None:
            raise error

        module = ModuleType("commands_of_a_test")
        setattr(module, "raise", command)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(COMMANDS, "raise", (module.__name__, "Raises."))

    return add


def test_version_names_the_version_and_loads_neither_httpx_nor_rich_nor_a_server(kataven):
    code = (
        "import sys; from kataven.cli.app import main; main(); "
        "print(sorted({'httpx', 'rich', 'starlette', 'uvicorn', 'sqlite3', 'kataven_hub'} "
        "& set(sys.modules)))"
    )

    done = kataven.run("--version", code=code)

    assert done.stdout == f"kataven {package.__version__}\n[]\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--bogus"], "No such option '--bogus'"),
        (["nope"], "No such command 'nope'"),
        (["demo", "--speed", "0"], "0.0 is not in the range"),
        (["demo", "--speed", "nan"], "nan is no number; give one from 1 to 1000"),
        (["demo", "--speed", "inf"], "inf is not in the range"),
        (["demo", "--speed", "fast"], "'fast' is not a valid float range"),
        (["demo", "more"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_says_what(kataven, arguments, told):
    done = kataven.run(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Usage: kataven" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_every_command_without_loading_one(kataven):
    code = (
        "import sys; from kataven.cli.app import main; main(); "
        "print([name for name in sys.modules if name.startswith('kataven.cli.demo')])"
    )

    done = kataven.run("--help", code=code)

    assert done.stdout.endswith("\n[]\n")
    for name, (_, sentence) in COMMANDS.items():
        assert name in done.stdout
        assert sentence in done.stdout


@pytest.mark.parametrize("missing", ["click", "rich", "uvicorn", "python_multipart"])
def test_a_missing_extra_is_one_line_with_what_to_install(kataven, missing):
    code = WITHOUT.format(missing)
    if missing == "rich":
        # Only a terminal needs rich.
        code = code.replace("from kataven", "sys.stdout.isatty = lambda: True; from kataven", 1)

    done = kataven.run("demo", "--speed", "1000", code=code)

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert missing in done.stderr
    assert "pip install 'kataven[" in done.stderr


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KatavenError("what went wrong"), "Error: what went wrong\n"),
        (NotFoundError("no such campaign", status_code=404), "Error: no such campaign\n"),
        (PermissionError(13, "Permission denied", "a.csv"), "Error: a.csv: Permission denied\n"),
        (TimeoutError("waited too long"), "Error: waited too long\n"),
        (click.ClickException("not like this"), "Error: not like this\n"),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(raising, capsys, error, line):
    raising(error)

    assert main(["raise"]) == 1
    assert capsys.readouterr() == ("", line)


def test_a_fault_of_our_own_shows_no_traceback_unless_asked(raising, capsys, monkeypatch):
    raising(ZeroDivisionError("division by zero"))

    monkeypatch.delenv("KATAVEN_LOG", raising=False)
    assert main(["raise"]) == 1
    quiet = capsys.readouterr().err
    monkeypatch.setenv("KATAVEN_LOG", "debug")
    assert main(["raise"]) == 1
    told = capsys.readouterr().err

    assert len(quiet.splitlines()) == 1
    assert "a fault in kataven itself: ZeroDivisionError: division by zero" in quiet
    assert "Traceback" in told


def test_an_interruption_anywhere_is_exit_code_130(raising, capsys):
    raising(KeyboardInterrupt())

    assert main(["raise"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_an_exit_code_that_a_command_chose_is_kept(raising):
    raising(click.exceptions.Exit(7))

    assert main(["raise"]) == 7


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["demo", "--speed", "1000"]])
def test_an_output_that_takes_nothing_is_named(kataven, arguments, unbuffered):
    done = kataven.into_full(*arguments, PYTHONUNBUFFERED=unbuffered)

    assert done.returncode == 1
    assert done.stderr == (
        "Error: standard output cannot be written: No space left on device; "
        "send what the command prints somewhere else\n"
    )


def test_it_runs_as_a_module_too(kataven):
    code = "import runpy; runpy.run_module('kataven', run_name='__main__')"
    done = kataven.run("--help", code=code)
    told = kataven.run("--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == told.stdout


def test_the_help_of_the_demo_tells_its_exit_codes(kataven):
    done = kataven.run("demo", "--help")

    codes = "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 Ctrl-C, 143 SIGTERM."
    assert codes in [line.strip() for line in done.stdout.splitlines()]
