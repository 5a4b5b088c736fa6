"""`python -m kataven.sandbox` that cannot do as told, and files that are no contacts or database."""

import json
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from kataven.sandbox import Sandbox

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


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--port", "99999", "'99999' is no port: give one from 0 to 65535"),
        ("--port", "0000065536", "'0000065536' is no port: give one from 0 to 65535"),
        ("--port", "http", "'http' is no port: give one from 0 to 65535"),
        ("--time-scale", "x", "'x' is no speed: give a finite number above 0, or manual"),
        ("--time-scale", "nan", "'nan' is no speed: give a finite number above 0, or manual"),
        ("--time-scale", "0", "'0' is no speed: give a finite number above 0, or manual"),
        ("--limits", "x", """'x' is no JSON: give none, or JSON such as {"per_minute": 5}"""),
        ("--limits", "[]", """'[]' is no object: give none, or JSON such as {"per_minute": 5}"""),
        ("--limits", '{"per_minute": 0}', "limits: per_minute must be a positive integer, not 0"),
        ("--call-limits", "5", """'5' is no object: give JSON such as {"concurrent_max": 10}"""),
        ("--call-limits", "[" * 50_000, """is no JSON: give JSON such as {"concurrent_max": 10}"""),
        (
            "--call-limits",
            '{"calls": 3}',
            "the names are concurrent_max, calls_per_minute, daily_calls_max, daily_minutes_max",
        ),
    ],
)
def test_a_wrong_option_is_told_below_the_usage_with_exit_code_2(option, value, told):
    done = command(f"{option}={value}")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: python -m kataven.sandbox ")
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"python -m kataven.sandbox: error: argument {option}: ")
    assert last.endswith(told)


@pytest.mark.parametrize("option", ["--limits", "--call-limits"])
def test_null_and_none_still_start_a_hub(option):
    value = "none" if option == "--limits" else "null"
    with subprocess.Popen([*COMMAND, option, value], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["pid"] == process.pid
        process.terminate()
        assert process.wait(10) == 0


def test_a_taken_port_is_named(hub):
    port = hub.url.rsplit(":", 1)[1]

    done = command("--port", port)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"cannot start the Hub: port {port} of 127.0.0.1: Address already in use; "
        "give another --port, or 0 for any free one\n"
    )


def test_a_speed_beyond_all_time_is_told():
    done = command("--time-scale", "1e300")

    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.endswith("; give a smaller --time-scale\n")


@pytest.mark.parametrize("missing", ["uvicorn", "python_multipart"])
def test_a_missing_extra_is_one_line_with_what_to_install(missing):
    done = without(missing)

    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("cannot start the Hub: the embedded Hub needs ")
    assert done.stderr.endswith("which is not installed: pip install 'kataven[sandbox]'\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_takes_nothing_stops_the_hub_with_a_sentence(unbuffered):
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >/dev/full', "sh", *COMMAND],
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr == (
        "the Hub has stopped, for its address could not be printed on standard output: "
        "No space left on device; send the output somewhere else\n"
    )


def test_a_closed_output_stops_the_hub_with_a_sentence():
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND], capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 1
    assert done.stderr.endswith("standard output: it is closed; send the output somewhere else\n")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_hub_takes_requests_is_one_line(number):
    # It comes while the server is loaded, which is most of the start.
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
    assert done.stderr == f"stopped by {number.name} before the Hub took requests\n"


def test_a_path_that_is_a_folder_is_named(tmp_path):
    done = command("--path", str(tmp_path))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"cannot start the Hub: {tmp_path} cannot be opened (unable to open database file): "
        "use a file in a folder that can be written\n"
    )


def test_a_path_in_no_folder_is_a_value_error(tmp_path):
    with pytest.raises(ValueError, match=r"cannot be opened .*folder that can be written"):
        Sandbox(path=tmp_path / "none" / "hub.db").start()


def test_a_database_of_something_else_is_no_database_of_a_hub(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 2")
    other.close()

    done = command("--path", str(path))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"cannot start the Hub: {path} is no database of a Hub (no such table: campaigns): "
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
def test_a_byte_that_is_not_utf_8_is_told_with_its_own_row(http, before, row):
    answer = http.send_form(before + b"\xe9,x\n")

    assert answer.status_code == 400
    assert f"contacts row {row}: byte 0xE9 is not UTF-8" in answer.text


def test_a_broken_row_before_the_byte_is_told_first(http):
    answer = http.send_form(b'phone_number,note\n"12","a"\n\xe9,x\n')

    assert answer.status_code == 400
    assert "contacts row 2: phone_number '12' is not E.164" in answer.text
