"""``kataven sandbox``: what it prints, how it stops, and what it refuses."""

from __future__ import annotations

import json
import signal
import socket
import time

import pytest

from kataven import KatavenClient
from kataven.cli.app import main
from tests.cli.isolated import Isolated
from tests.support.patience import PATIENCE
from tests.support.processes import starting, stop
from tests.support.tables import table


@pytest.fixture
def kataven(tmp_path):
    return Isolated(tmp_path)


@pytest.fixture
def started(kataven):
    """Start it; return the process and the lines up to its key or JSON."""
    with starting(kataven, "sandbox", "--port", "0") as start:
        yield start


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")]
)
def test_json_is_one_line_and_a_signal_stops_it_with_a_sentence(started, number, name):
    process, (line,) = started("--json")
    found = json.loads(line)
    with KatavenClient(found["api_key"], base_url=found["url"]) as client:
        assert client.campaigns.list() == {"campaigns": []}

    code, out, err = stop(process, number)

    assert (code, out) == (0, "")
    assert found["pid"] == process.pid
    assert err == f"Stopped by {name}: the embedded Hub is closed, and its campaigns are gone.\n"


@pytest.mark.slow
def test_lines_to_copy_point_a_shell_to_it(started, kataven):
    process, lines = started("--speed", "600", lines=7)
    assert "at 600 times real time. It calls nobody." in lines[0]
    exports = dict(line.strip().removeprefix("export ").split("=", 1) for line in lines[-2:])

    limits = kataven.run("limits", "--json", **exports)

    assert list(exports) == ["KATAVEN_BASE_URL", "KATAVEN_API_KEY"]
    assert exports["KATAVEN_BASE_URL"] in lines[0]
    assert lines[1] == f"Page:    {exports['KATAVEN_BASE_URL']}/"
    assert lines[2] == f"API key: {exports['KATAVEN_API_KEY']}"
    assert json.loads(limits.stdout)["concurrent_max"] == 100
    assert "Ctrl-C stops it." in stop(process)[2]


@pytest.mark.slow
def test_quiet_prints_the_result_only(started):
    process, _ = started("--quiet", lines=7)

    assert stop(process) == (0, "", "")


@pytest.mark.slow
def test_options_reach_the_hub_and_the_file_keeps_its_state(started, kataven):
    path = str(kataven.folder / "hub.db")
    options = ["--json", "--path", path, "--seed", "7"]
    limits = ["--limits", '{"per_minute": 2}', "--call-limits", '{"concurrent_max": 3}']
    process, (line,) = started(*options, *limits)
    first = json.loads(line)
    with KatavenClient(first["api_key"], base_url=first["url"], max_retries=0) as client:
        found = client.call_limits()
    _, _, err = stop(process)
    process, (line,) = started(*options, "--limits", "none")
    again = json.loads(line)
    stop(process)

    assert found["concurrent_max"] == 3
    assert f"its state is in {path}" in err
    assert again["api_key"] == first["api_key"]


def test_port_that_is_taken_is_named(kataven):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = kataven.run("sandbox", "--port", str(port))

    assert (done.returncode, done.stdout) == (10, "")
    assert f"port {port} of 127.0.0.1 is already in use" in done.stderr
    assert "choose another port, or 0 for any free one" in done.stderr


@table(
    "arguments, message",
    [
        (["--port", "65536"], "65536 is not in the range"),
        (["--speed", "0"], "0 is not a finite number above 0"),
        (["--speed", "nan"], "nan is not a finite number above 0"),
        (["--speed", "inf"], "inf is not a finite number above 0"),
        (["--limits", "null"], "'null' is not a JSON object such as"),
        (["--limits", "[1]"], "is not a JSON object such as"),
        (["--limits", "[" * 100_000], "is not a JSON object such as"),
        (["--limits", '{"a": 1}'], "unknown limit 'a'"),
        (["--limits", '{"per_minute": "x"}'], "per_minute"),
        (["--call-limits", '{"concurrent_max": 0}'], "concurrent_max"),
        (["more"], "There is no command 'more'"),
        (["--port", "1", "compare", "x"], "--port before 'compare' is an option of the embedded"),
        (["--json", "compare", "x"], "--json before 'compare' is an option of the embedded"),
    ],
)
def test_usage_errors_start_no_hub(capsys, arguments, message):
    assert main(["sandbox", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_file_that_is_no_database_is_a_local_failure(kataven, capsys):
    path = kataven.folder / "hub.db"
    path.write_text("no database " * 100)

    for each in (path, kataven.folder / "missing" / "hub.db"):
        assert main(["sandbox", "--port", "0", "--path", str(each)]) == 10
        out, err = capsys.readouterr()
        assert out == ""
        assert "cannot start the embedded Hub" in err
        assert str(each) in err


def test_reader_that_goes_away_stops_it_quietly(kataven):
    process = kataven.start("sandbox", "--port", "0", "--json")
    process.stdout.close()

    assert process.wait(60) == 141
    assert process.stderr.read() == ""
    process.stdin.close()
    process.stderr.close()


def test_open_shows_the_page_in_the_browser(kataven, started, monkeypatch):
    browser = kataven.folder / "browser"
    browser.write_text('#!/bin/sh\nprintf "%s" "$1" > opened.part\nmv opened.part opened\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")

    process, (line,) = started("--json", "--open")
    opened = kataven.folder / "opened"
    end = time.monotonic() + PATIENCE
    while not opened.exists():
        assert time.monotonic() < end, "no browser was started"
        time.sleep(0.01)

    assert opened.read_text() == json.loads(line)["page"]
    assert stop(process)[0] == 0


@pytest.mark.slow
def test_without_a_browser_open_says_where_the_page_is(tmp_path, started, monkeypatch):
    for name, value in {"PATH": str(tmp_path), "DISPLAY": "", "WAYLAND_DISPLAY": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("BROWSER", raising=False)

    process, (line,) = started("--json", "--open")

    page = json.loads(line)["page"]
    assert process.stderr.readline() == f"No browser was found: open {page} yourself.\n"
    assert stop(process)[0] == 0
