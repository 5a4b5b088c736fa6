"""``kataven sandbox record`` and ``compare``: what they print, their codes, and which key they use."""

from __future__ import annotations

import json
import re
import signal

import pytest

from kataven import KatavenClient
from kataven.cli.app import main
from kataven.sandbox import Clock, Sandbox
from tests.cli.isolated import Isolated
from tests.recording.conftest import CSV, changed
from tests.support.processes import starting, stop


@pytest.fixture
def kataven(tmp_path):
    return Isolated(tmp_path)


@pytest.fixture
def hub():
    with Sandbox(time_scale=Clock.manual(), seed=1) as hub:
        yield hub


@pytest.fixture
def started(kataven):
    """Start the recorder; return the process and its first lines."""
    with starting(kataven, "sandbox", "record", "--port", "0") as start:
        yield start


@pytest.mark.slow
def test_session_that_a_person_types(started, kataven, hub):
    process, lines = started("--upstream", hub.url, lines=7, KATAVEN_API_KEY=hub.api_key)
    exports = dict(line.strip().removeprefix("export ").split("=", 1) for line in lines[-2:])

    assert list(exports) == ["KATAVEN_BASE_URL", "KATAVEN_API_KEY"]
    assert f"forwarding to {hub.url}/api/v1" in lines[0]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/api/v1", exports["KATAVEN_BASE_URL"])
    assert "a created campaign remains a draft" in lines[1]
    with KatavenClient(exports["KATAVEN_API_KEY"], base_url=exports["KATAVEN_BASE_URL"]) as client:
        made = client.campaigns.create(
            "Grobnar", agent_id="a", phone_number_id="p", contacts=CSV.encode()
        )
        client.campaigns.list()
    refused = kataven.run("campaigns", "start", made["id"], "--yes", **exports)
    code, out, err = stop(process)

    assert refused.returncode == 4
    assert "--allow-dialling" in refused.stderr
    assert hub.contacts(made["id"])[0]["phone_number"] == "+4917612345000"
    assert code == 0
    assert re.search(r"Recorded \d+ exchanges with 0 frames .* 1 refused, 0 failed: rec", out)
    assert "Stopped by Ctrl-C. 'kataven sandbox compare recording.jsonl' compares it." in err

    compared = kataven.run("sandbox", "compare", "recording.jsonl")

    assert (compared.returncode, compared.stdout.splitlines()[-1][-14:]) == (0, "no difference.")
    assert "the recorder did not forward it: 'start' of a campaign" in compared.stderr


@pytest.mark.slow
def test_json_and_the_key_of_a_file(started, kataven, hub):
    (kataven.folder / "key").write_text(hub.api_key)
    process, (line,) = started(
        *("--upstream", hub.url, "--api-key-file", "key", "-o", "r.jsonl", "--json"),
        lines=1,
        KATAVEN_BASE_URL="https://hub.example.com",
    )
    found = json.loads(line)
    with KatavenClient(found["api_key"], base_url=found["url"]) as client:
        client.call_limits()
    code, out, _ = stop(process, signal.SIGTERM)

    assert list(found) == ["url", "api_key", "pid", "recording"]
    assert found["pid"] == process.pid
    assert code == 0
    assert json.loads(out) == {
        "recording": "r.jsonl",
        "recorded": 1,
        "refused": 0,
        "failed": 0,
        "frames": 0,
    }
    assert hub.api_key not in (kataven.folder / "r.jsonl").read_text() + line + out


def test_key_of_another_url_is_not_sent(kataven, monkeypatch, capsys):
    kataven.enter(monkeypatch)
    monkeypatch.setenv("KATAVEN_API_KEY", "sk_live_acme_secret1234")
    monkeypatch.setenv("KATAVEN_BASE_URL", "https://hub.example.com")

    assert main(["sandbox", "record", "--upstream", "https://other.example.com"]) == 2
    assert "belongs to https://hub.example.com/api/v1, not to" in capsys.readouterr().err
    assert not (kataven.folder / "recording.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Missing option '--upstream'"),
        (["--upstream", "http://hub.example.com"], 4, "would send the API key unencrypted"),
        (["--upstream", "http://127.0.0.1:9", "--base-url", "x"], 2, "No such option"),
        (["--upstream", "http://127.0.0.1:9"], 2, "recording.jsonl exists already"),
        (["--upstream", "http://127.0.0.1:9", "-o", "no/r"], 10, "no/r: No such file"),
    ],
)
def test_record_refuses(kataven, monkeypatch, capsys, arguments, code, message):
    kataven.enter(monkeypatch)
    monkeypatch.setenv("KATAVEN_API_KEY", "sk_live_acme_secret1234")
    (kataven.folder / "recording.jsonl").write_text("")

    assert main(["sandbox", "record", "--port", "0", *arguments]) == code
    assert message in capsys.readouterr().err


def test_differences_are_shown_with_their_rules(record, capsys):
    def alter(method, reply):
        return changed(reply, body=b"nothing here") if reply.status == 404 else reply

    path = str(
        record(
            lambda client: [client.send("GET", f"/campaigns/camp_{n}") for n in range(2)], alter
        ).path
    )

    assert main(["sandbox", "compare", path]) == 1
    out = capsys.readouterr().out
    assert "1. get: text" in out
    assert "request       #1 GET /campaigns/camp_0 and 1 other request" in out
    assert "real Hub      nothing here" in out
    assert "embedded Hub  campaign not found in this account" in out
    assert "rule          error-texts (assumed): The texts of errors" in out
    assert out.endswith(": 1 difference.\n")

    assert main(["sandbox", "compare", path, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["compared"], found["not_compared"]) == (2, [])
    (difference,) = found["differences"]
    assert difference["rules"][0]["id"] == "error-texts"
    assert len(difference["requests"]) == 2


def test_recordings_that_cannot_be_read(tmp_path, capsys):
    path = tmp_path / "r.jsonl"
    path.write_text("{}\n")

    assert main(["sandbox", "compare", str(path)]) == 10
    assert f"{path}, line 1: this is not a recording" in capsys.readouterr().err
    assert main(["sandbox", "compare", str(tmp_path / "missing")]) == 10
    assert "No such file" in capsys.readouterr().err
