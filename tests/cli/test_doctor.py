"""``kataven doctor``: what it says of Hubs, keys and networks, right and wrong."""

from __future__ import annotations

import json
import re
import time
from email.utils import formatdate
from importlib import metadata

import pytest

from kataven.cli.app import main
from kataven.sandbox import Sandbox
from tests.cli.conftest import Command
from tests.cli.isolated import SECRET, Isolated, key_of
from tests.support.http import response
from tests.support.server import LoopbackHub, close, refused_port
from tests.support.tables import table
from tests.support.tls import make_certificate, server_context

LIMITS = {
    "concurrent_max": 10,
    "calls_per_minute": 60,
    "daily_calls_max": 1000,
    "daily_minutes_max": 500,
}
STATES = {"ok", "warning", "failure"}


@pytest.fixture
def kataven(tmp_path, monkeypatch):
    isolated = Isolated(tmp_path)
    isolated.enter(monkeypatch)
    for name in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return isolated


@pytest.fixture
def hub():
    with LoopbackHub() as hub:
        right(hub)
        yield hub


def right(hub: LoopbackHub, **headers: str) -> None:
    hub.on("GET /campaigns", response(200, {"campaigns": []}, headers))
    hub.on("GET /call-limits", response(200, LIMITS))


@pytest.fixture
def examined(kataven, monkeypatch, capsys):
    """Run doctor; return its exit code and the checks by name."""

    def run(url: str, *arguments: str, key: str | None = None) -> tuple[int, dict]:
        monkeypatch.setenv("KATAVEN_BASE_URL", url)
        monkeypatch.setenv("KATAVEN_API_KEY", key_of("acme") if key is None else key)
        code = main(["doctor", "--json", *arguments])
        out, err = capsys.readouterr()
        found = json.loads(out)
        assert found["code"] == code
        assert SECRET not in out + err
        assert {check["state"] for check in found["checks"]} <= STATES
        failures = [check for check in found["checks"] if check["state"] == "failure"]
        assert (failures[0]["code"] if failures else 0) == code
        return code, {check["name"]: check for check in found["checks"]}

    return run


def test_everything_right_is_exit_0_and_sends_two_reads(hub, examined):
    code, checks = examined(hub.url)

    assert code == 0
    assert {check["state"] for check in checks.values()} == {"ok"}
    assert checks["key"]["text"] == "API key of account acme, from environment"
    assert checks["URL"]["text"] == f"{hub.url}/api/v1"
    assert checks["proxy"]["text"] == "none"
    assert checks["DNS"]["text"] == "127.0.0.1 is 127.0.0.1"
    assert f"to 127.0.0.1:{hub.port} in " in checks["connection"]["text"]
    assert checks["Hub"]["text"].startswith("accepts the key; responded in ")
    assert checks["limits"]["text"] == ", ".join(f"{n} {v}" for n, v in LIMITS.items())
    assert "httpx " + metadata.version("httpx") in checks["versions"]["text"]
    assert checks["extras"]["text"].startswith("cli, sandbox, contacts")
    assert hub.routes == ["GET /campaigns", "GET /call-limits"]


@pytest.mark.slow
def test_embedded_hub_as_a_process_prints_a_line_for_each_check(tmp_path):
    kataven = Isolated(tmp_path)
    with Sandbox() as sandbox:
        env = {"KATAVEN_API_KEY": sandbox.api_key, "KATAVEN_BASE_URL": sandbox.url}

        done = kataven.run("doctor", **env)
        quiet = kataven.run("doctor", "--quiet", **env)

    assert (done.returncode, done.stderr) == (0, "")
    names = [line.split()[1] for line in done.stdout.splitlines()]
    assert names == [
        *("versions", "extras", "config", "key", "URL", "proxy", "DNS", "connection", "Hub"),
        "limits",
    ]
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"ok"}
    assert "API key of account sandbox" in done.stdout
    assert sandbox_secret(env["KATAVEN_API_KEY"]) not in done.stdout
    assert (quiet.returncode, quiet.stdout) == (0, "")


def test_long_lines_are_wrapped_on_a_terminal(tmp_path):
    command = Command(tmp_path)
    try:
        env = {**Isolated(tmp_path).env(), "KATAVEN_BASE_URL": "http://hub.example.com"}
        code, seen = command.on_terminal("doctor", columns=60, env=env).finish()
    finally:
        command.close()

    plain = re.sub(r"\x1b\[[0-9;]*m", "", seen).splitlines()
    assert code == 4
    assert plain[0].startswith("ok       versions   kataven ")
    assert "\x1b[31mfailure \x1b[0m key " in seen
    # Only a word that is longer than a line, such as a path, is left.
    assert all(len(line) <= 60 or len(line[20:].split()) == 1 for line in plain)
    assert any(line.startswith(" " * 20) for line in plain)


def sandbox_secret(key: str) -> str:
    return key.rpartition("_")[2]


def test_failure_is_printed_with_what_to_do(hub, kataven):
    hub.on("GET /campaigns", response(401, "invalid token"))

    done = kataven.run("doctor", KATAVEN_API_KEY=key_of("acme"), KATAVEN_BASE_URL=hub.url)

    assert done.returncode == 4
    *_, failed, advice = done.stdout.splitlines()
    assert failed.startswith("failure  Hub ")
    assert "invalid token" in failed
    assert "'kataven config set api_key' stores one" in advice
    assert SECRET not in done.stdout + done.stderr


@table(
    "reply, name, code, text",
    [
        (response(401, "invalid token"), "Hub", 4, "invalid token"),
        (response(403, "reserved account"), "Hub", 4, "reserved account"),
        (response(429, "rate_limited: per-minute (60) exceeded"), "Hub", 7, "rate_limited"),
        (response(500, "database error"), "Hub", 8, "database error"),
        # Something that is not a Hub.
        (response(404, "<html>no such page"), "Hub", 8, "is not a Hub"),
        (response(200, "<html>hello"), "Hub", 8, "is not a Hub"),
        (response(200, []), "Hub", 8, "is not a Hub"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "Hub", 8, ""),
        (close, "Hub", 8, ""),
    ],
)
def test_hub_that_refuses_or_is_none(examined, reply, name, code, text):
    with LoopbackHub() as hub:
        hub.on("GET /campaigns", reply)

        found, checks = examined(hub.url)

    assert found == code
    assert checks[name]["state"] == "failure"
    assert text in checks[name]["text"]
    assert checks[name]["advice"]
    assert len(hub.requests) == 1
    assert "limits" not in checks


def test_limits_that_are_refused_are_a_failure(hub, examined):
    hub.on("GET /call-limits", response(403, "administrators only"))

    code, checks = examined(hub.url)

    assert (code, checks["Hub"]["state"]) == (4, "ok")
    assert "administrators only" in checks["limits"]["text"]


@pytest.mark.parametrize(
    ("seconds", "state", "text"),
    [
        (0, "ok", "agrees with the Hub's"),
        (600, "warning", "s behind the Hub"),
        (-600, "warning", "s ahead of the Hub"),
    ],
)
@pytest.mark.parametrize("status", [200, 401])
def test_clock_skew_is_a_warning_even_if_the_key_is_refused(
    hub, examined, seconds, state, text, status
):
    date = {"Date": formatdate(time.time() + seconds, usegmt=True)}
    hub.on("GET /campaigns", response(status, {"campaigns": []}, date))

    code, checks = examined(hub.url)

    assert code == (0 if status == 200 else 4)
    assert checks["clock"]["state"] == state
    assert text in checks["clock"]["text"]
    assert bool(checks["clock"]["advice"]) == (state == "warning")


@pytest.mark.parametrize("date", ["yesterday", "", "Mon, 99 Jan 2026 00:00:00 GMT"])
def test_date_that_cannot_be_read_is_no_clock_check(hub, examined, date):
    right(hub, Date=date)

    code, checks = examined(hub.url)

    assert code == 0
    assert "clock" not in checks


def test_closed_port_fails_before_a_request(examined):
    holder, port = refused_port()
    with holder:
        code, checks = examined(f"http://127.0.0.1:{port}")

    assert code == 8
    assert checks["connection"]["state"] == "failure"
    assert f"cannot connect to 127.0.0.1:{port}" in checks["connection"]["text"]
    assert "check the port in the URL" in checks["connection"]["advice"]
    assert "Hub" not in checks


def test_name_without_an_address_fails(examined):
    code, checks = examined("https://hub.invalid")

    assert code == 8
    assert "hub.invalid has no address" in checks["DNS"]["text"]
    assert "connection" not in checks


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 only, valid for two days."""
    return make_certificate(tmp_path_factory.mktemp("certificate"), "127.0.0.1")


@pytest.fixture
def tls_hub(certificate):
    with LoopbackHub(tls=server_context(certificate)) as hub:
        right(hub)
        yield hub


def test_certificate_that_ends_soon_is_a_warning(tls_hub, certificate, examined, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    code, checks = examined(tls_hub.url)

    assert code == 0
    assert checks["TLS"]["state"] == "warning"
    assert "TLSv1.3, the certificate is valid for 127.0.0.1, until " in checks["TLS"]["text"]
    assert checks["Hub"]["state"] == "ok"


def test_certificate_of_another_name_fails(tls_hub, certificate, examined, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    code, checks = examined(f"https://localhost:{tls_hub.port}")

    assert code == 8
    assert "is not valid for 'localhost'" in checks["TLS"]["text"]
    assert "Hub" not in checks


def test_certificate_that_nobody_signed_names_the_variable(tls_hub, examined):
    code, checks = examined(tls_hub.url)

    assert code == 8
    assert "self-signed certificate" in checks["TLS"]["text"]
    assert "SSL_CERT_FILE" in checks["TLS"]["advice"]


def test_https_to_a_port_without_tls_fails(examined):
    with Sandbox() as sandbox:
        code, checks = examined(sandbox.url.replace("http", "https"))

    assert code == 8
    assert "does not speak TLS as expected" in checks["TLS"]["text"]


def test_proxy_is_shown_without_its_password_and_connected_to(hub, examined, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{SECRET}@127.0.0.1:{hub.port}")
    hub.always = response(407, "no")

    code, checks = examined("https://hub.invalid")

    assert checks["proxy"]["text"] == f"http://127.0.0.1:{hub.port}, from the environment"
    assert checks["DNS"]["text"] == "127.0.0.1 is 127.0.0.1"
    assert checks["connection"]["state"] == "ok"
    # The name of the Hub is for the proxy to find, which refused.
    assert (code, checks["Hub"]["state"]) == (8, "failure")


def test_proxy_that_cannot_be_used_fails(examined, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://127.0.0.1")

    code, checks = examined("https://hub.invalid")

    assert code == 4
    assert "HTTPS_PROXY" in checks["proxy"]["text"]


def test_without_a_key_the_network_is_still_checked(hub, examined):
    code, checks = examined(hub.url, key="")

    assert code == 4
    assert checks["key"]["state"] == "failure"
    assert "set KATAVEN_API_KEY" in checks["key"]["advice"]
    assert checks["connection"]["state"] == "ok"
    assert hub.requests == []


@table(
    "key, state, text",
    [
        (f"eyJ{SECRET}", "failure", "does not name an account"),
        (f"{SECRET} x", "failure", "visible ASCII"),
        (SECRET, "warning", "key of an unknown form"),
    ],
)
def test_keys_of_other_kinds(hub, examined, key, state, text):
    _, checks = examined(hub.url, key=key)

    assert checks["key"]["state"] == state
    assert text in checks["key"]["text"]


def test_variable_that_is_ignored_is_a_warning(hub, kataven, examined):
    kataven.write_config(
        f'[profiles.default]\nbase_url = "{hub.url}"\napi_key = "{key_of("other")}"\n'
    )

    code, checks = examined("https://elsewhere.invalid", key="")

    assert code == 0
    assert checks["key"]["state"] == "warning"
    assert (
        "account other, from profile 'default'; ignored: KATAVEN_BASE_URL"
        in (checks["key"]["text"])
    )


def test_unusable_configuration_or_url_is_a_failure(kataven, examined):
    code, checks = examined("http://hub.example.com")
    assert (code, checks["URL"]["state"]) == (4, "failure")

    kataven.write_config("", mode=0o644)
    code, checks = examined("", key="")
    assert code == 4
    assert "chmod 600" in checks["config"]["text"]


def test_extra_that_is_missing_is_named_with_its_command(tmp_path):
    # A folder with the metadata of an installation that lacks what the extras need.
    info = tmp_path / "kataven-9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: kataven\nVersion: 9\n"
        "Requires-Dist: click>=8.1; extra == 'cli'\n"
        "Requires-Dist: not-there>=17; extra == 'parquet'\n"
        "Requires-Dist: absent; extra == 'test'\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); "
        "from kataven.cli.app import main; sys.exit(main())"
    )

    done = Isolated(tmp_path).run("doctor", code=code)

    assert "not installed: parquet (needs not-there)" in done.stdout
    assert "pip install 'kataven[parquet]' adds them" in done.stdout
    assert "absent" not in done.stdout
