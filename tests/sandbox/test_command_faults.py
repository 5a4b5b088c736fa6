"""`python -m kataven.sandbox` with invalid options or files, and CSV files that are not UTF-8."""

import json
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from kataven.sandbox import Sandbox
from tests.support.patience import PATIENCE

COMMAND = (sys.executable, "-m", "kataven.sandbox")


def command(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def without(module: str) -> subprocess.CompletedProcess[str]:
    code = (
        f"import runpy, sys; sys.modules[{module!r}] = None; sys.argv = ['sandbox']; "
        "runpy.run_module('kataven.sandbox', run_name='__main__')"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


INVALID = [
    ("--port", "99999", "invalid port '99999': use a number from 0 to 65535"),
    ("--port", "0000065536", "invalid port '0000065536': use a number from 0 to 65535"),
    ("--port", "http", "invalid port 'http': use a number from 0 to 65535"),
    ("--time-scale", "x", "invalid time scale 'x': use a finite number above 0, or manual"),
    ("--time-scale", "nan", "invalid time scale 'nan': use a finite number above 0, or manual"),
    ("--time-scale", "0", "invalid time scale '0': use a finite number above 0, or manual"),
    ("--limits", "x", """'x' is not JSON: use none, or JSON such as {"per_minute": 5}"""),
    ("--limits", "[]", """'[]' is not an object: use none, or JSON such as {"per_minute": 5}"""),
    ("--limits", '{"per_minute": 0}', "limits: per_minute must be a positive integer, not 0"),
    ("--call-limits", "5", """'5' is not an object: use JSON such as {"concurrent_max": 10}"""),
    ("--call-limits", "[" * 50_000, """is not JSON: use JSON such as {"concurrent_max": 10}"""),
    (
        "--call-limits",
        '{"calls": 3}',
        "the names are concurrent_max, calls_per_minute, daily_calls_max, daily_minutes_max",
    ),
]


def assert_usage_error(exit_code: int, stderr: str, option: str, text: str) -> None:
    assert exit_code == 2
    assert stderr.startswith("usage: python -m kataven.sandbox ")
    last = stderr.splitlines()[-1]
    assert last.startswith(f"python -m kataven.sandbox: error: argument {option}: ")
    assert last.endswith(text)


def test_an_invalid_option_is_reported_with_the_usage_and_exit_code_2():
    option, value, text = INVALID[0]
    done = command(option, value)

    assert done.stdout == ""
    assert_usage_error(done.returncode, done.stderr, option, text)


def test_every_invalid_value_is_reported():
    # In one process: each start of Python takes a third of a second.
    code = (
        "import contextlib, io, json, sys\n"
        "from kataven.sandbox.__main__ import main\n"
        "for option, value, _ in json.load(sys.stdin):\n"
        "    with contextlib.redirect_stderr(io.StringIO()) as stderr:\n"
        "        try:\n"
        "            exit_code = main([f'{option}={value}'])\n"
        "        except SystemExit as stop:\n"
        "            exit_code = stop.code\n"
        "    print(json.dumps([exit_code, stderr.getvalue()]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(INVALID),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    results = [json.loads(line) for line in done.stdout.splitlines()]
    for (option, _, text), (exit_code, stderr) in zip(INVALID, results, strict=True):
        assert_usage_error(exit_code, stderr, option, text)


@pytest.mark.parametrize("option", ["--limits", "--call-limits"])
@pytest.mark.slow
def test_null_and_none_still_start_a_hub(option):
    value = "none" if option == "--limits" else "null"
    with subprocess.Popen([*COMMAND, option, value], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["pid"] == process.pid
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_a_port_in_use_is_named(hub):
    port = hub.url.rsplit(":", 1)[1]

    done = command("--port", port)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"cannot start the Hub: port {port} of 127.0.0.1 is already in use: stop the program that "
        "uses it, or choose another port, or 0 for any free one\n"
    )


def test_a_time_scale_that_overflows_is_reported():
    done = command("--time-scale", "1e300")

    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.endswith("; use a smaller --time-scale\n")


@pytest.mark.parametrize("missing", ["uvicorn", "python_multipart"])
@pytest.mark.slow
def test_a_missing_extra_is_one_line_with_the_command_to_install_it(missing):
    done = without(missing)

    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("cannot start the Hub: the embedded Hub needs ")
    assert done.stderr.endswith("which is not installed: pip install 'kataven[sandbox]'\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.slow
def test_output_to_a_full_disk_stops_the_hub_with_one_line(unbuffered):
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >/dev/full', "sh", *COMMAND],
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr == (
        "the Hub has stopped because it could not write its address to standard output: "
        "No space left on device; redirect the output\n"
    )


def test_a_closed_output_stops_the_hub_with_one_line():
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND], capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 1
    assert done.stderr.endswith("standard output: it is closed; redirect the output\n")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow
def test_a_signal_before_the_hub_accepts_requests_is_one_line(number):
    # The signal arrives while the server is imported, which is most of the start.
    code = (
        "import os, runpy, sys\n"
        "def watch(event, arguments):\n"
        "    if event == 'import' and arguments[0] == 'kataven.sandbox.hub':\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "sys.addaudithook(watch)\n"
        "sys.argv = ['sandbox']\n"
        "runpy.run_module('kataven.sandbox', run_name='__main__')\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (128 + number, "")
    assert done.stderr == f"stopped by {number.name} before the Hub accepted requests\n"


@pytest.mark.slow
def test_a_path_that_is_a_folder_is_named(tmp_path):
    done = command("--path", str(tmp_path))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"cannot start the Hub: {tmp_path} cannot be opened (unable to open database file): "
        "use a file in a writable folder\n"
    )


def test_a_path_in_a_missing_folder_is_a_value_error(tmp_path):
    with pytest.raises(ValueError, match=r"cannot be opened .*writable folder"):
        Sandbox(path=tmp_path / "none" / "hub.db").start()


def test_the_database_of_another_program_is_refused(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 2")
    other.close()

    done = command("--path", str(path))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"cannot start the Hub: {path} is not a database of a Hub (no such table: campaigns): "
        "use another path\n"
    )


@pytest.mark.parametrize(
    ("before", "row"),
    [
        (b'phone_number,note\n+15550100001,"a"\n', 3),
        (b'phone_number,note\r\n+15550100001,"a"\r\n', 3),
        (b'phone_number,note\n"+15550100001",a\n', 3),
        (b'"phone_number"\n', 2),
        (b'phone_number,note\n+15550100001,"a"\n\n\n', 5),
        (b'phone_number,note\n+15550100001,"a"', 2),
        (b'phone_number,note\n+15550100001,"a\n', 2),
        (b'phone_number,note\n+15550100001,"a"\r', 2),
        (b"phone_number,note\n+15550100001,a\n", 3),
    ],
)
def test_a_byte_that_is_not_utf_8_is_reported_with_its_row(http, before, row):
    response = http.send_form(before + b"\xe9,x\n")

    assert response.status_code == 400
    assert f"contacts row {row}: byte 0xE9 is not UTF-8" in response.text


def test_a_bad_row_before_the_invalid_byte_is_reported_first(http):
    response = http.send_form(b'phone_number,note\n"12","a"\n\xe9,x\n')

    assert response.status_code == 400
    assert "contacts row 2: phone_number '12' is not E.164" in response.text
