"""Which key, URL and account a command uses, and that no key is ever shown."""

from __future__ import annotations

import json
import shlex
import uuid
from contextlib import ExitStack
from functools import partial
from importlib import import_module

import pytest

from kataven.cli.app import main
from kataven.cli.commands import CAMPAIGNS, COMMANDS, CONFIG, CONTACTS
from kataven.cli.credentials import Source, account_of, checked, kind_of
from kataven.errors import ConfigurationError
from tests.cli.conftest import Command
from tests.cli.isolated import SECRET, Isolated, key_of, process_list
from tests.support.http import response
from tests.support.server import LoopbackHub, silence
from tests.support.tables import table

LIMITS = {
    "concurrent_max": 10,
    "calls_per_minute": 60,
    "daily_calls_max": 1000,
    "daily_minutes_max": 1000,
}
JWT = f"eyJhbGciOi.{SECRET}.x"


@pytest.fixture
def kataven(tmp_path):
    return Isolated(tmp_path)


@pytest.fixture
def hubs():
    """A Hub for each source."""
    with ExitStack() as stack:
        always = response(200, LIMITS)
        names = ("options", "named", "environment", "default")
        yield {name: stack.enter_context(LoopbackHub(always=always)) for name in names}


def configured(kataven: Isolated, hubs: dict[str, LoopbackHub], *names: str) -> None:
    kataven.write_config(
        "".join(
            f'[profiles.{name}]\napi_key = "{key_of(name)}"\nbase_url = "{hubs[name].url}"\n'
            for name in names
        )
    )


@pytest.mark.parametrize(
    ("given", "used"),
    [
        # Each source beats all that follow.
        (["options", "environment", "KATAVEN_PROFILE", "default"], "options"),
        (["--profile", "environment", "KATAVEN_PROFILE", "default"], "named"),
        (["environment", "KATAVEN_PROFILE", "default"], "environment"),
        (["KATAVEN_PROFILE", "default"], "named"),
        (["default"], "default"),
        (["options"], "options"),
        (["environment"], "environment"),
    ],
)
@pytest.mark.slow
def test_key_and_url_come_from_the_first_source(kataven, hubs, given, used):
    configured(kataven, hubs, "named", *(["default"] if "default" in given else []))
    arguments, env = [], {}
    if "options" in given:
        (kataven.folder / "key").write_text(key_of("options") + "\n")
        arguments += ["--api-key-file", "key", "--base-url", hubs["options"].url]
    if "--profile" in given:
        arguments += ["--profile", "named"]
    if "environment" in given:
        env |= {
            "KATAVEN_API_KEY": key_of("environment"),
            "KATAVEN_BASE_URL": hubs["environment"].url,
        }
    if "KATAVEN_PROFILE" in given:
        env["KATAVEN_PROFILE"] = "named"

    done = kataven.run("limits", "--json", *arguments, **env)

    assert (done.returncode, json.loads(done.stdout)) == (0, LIMITS)
    assert {name: len(hub.requests) for name, hub in hubs.items() if hub.requests} == {used: 1}
    assert hubs[used].only.header("authorization") == f"Bearer {key_of(used)}"
    left_out = "KATAVEN_PROFILE" if used == "environment" else "KATAVEN_BASE_URL"
    assert (f"{left_out} ignored" in done.stderr) == (left_out in env)


def test_url_of_the_environment_never_joins_the_key_of_another_source(kataven, hubs):
    configured(kataven, hubs, "default")
    elsewhere = {"KATAVEN_BASE_URL": hubs["environment"].url, "KATAVEN_ACCOUNT_ID": "NOT A NAME"}

    done = kataven.run("limits", "--json", **elsewhere)

    assert done.returncode == 0
    assert hubs["environment"].requests == []
    assert len(hubs["default"].requests) == 1
    assert done.stderr == (
        "KATAVEN_BASE_URL and KATAVEN_ACCOUNT_ID ignored: key, URL and account come from profile "
        "'default'.\n"
    )


@table(
    "arguments, code, message",
    [
        (["--profile", "default", "--base-url", "https://x.example"], 2, "do not mix it with"),
        (["--profile", "default", "--api-key-file", "key"], 2, "do not mix it with"),
        (["--profile", "default", "--account-id", "acme"], 2, "do not mix it with"),
        # The key of the environment does not go to a URL that it was not meant for.
        (["--base-url", "https://x.example"], 4, "no API key in options"),
        (["--base-url", ""], 4, "no API key in options"),
        (["--base-url", "", "--api-key-file", "key"], 4, "invalid base URL: it is empty"),
        (["--account-id", "acme"], 4, "no API key in options"),
        (["--account-id", "other", "--api-key-file", "key"], 4, "another account than 'other'"),
        (["--profile", ""], 4, "there is no profile ''"),
        (["--profile", "nope"], 4, "config set api_key --profile nope"),
        (["--api-key-file", "missing"], 10, "missing: No such file or directory"),
        (["--api-key-file", "empty"], 4, "the key file empty is empty"),
        (["--api-key-file", "two"], 4, "characters other than visible ASCII"),
        (["--api-key-file", "jwt"], 4, "--account-id NAME"),
        (["--api-key-file", "-"], 4, "standard input is empty"),
    ],
)
def test_sources_that_cannot_be_used_send_nothing(
    kataven, hubs, monkeypatch, capsys, arguments, code, message
):
    configured(kataven, hubs, "default")
    for name, text in {"key": key_of("acme"), "empty": " \n", "two": "a\nb", "jwt": JWT}.items():
        (kataven.folder / name).write_text(text)
    kataven.enter(monkeypatch)
    monkeypatch.setenv("KATAVEN_API_KEY", key_of("environment"))
    monkeypatch.setenv("KATAVEN_BASE_URL", hubs["environment"].url)
    monkeypatch.setattr("sys.stdin", None)

    assert main(["limits", *arguments]) == code
    shown = "".join(capsys.readouterr())
    assert message in shown
    assert SECRET not in shown
    assert not any(hub.requests for hub in hubs.values())


@table("mode", [0o640, 0o604, 0o660, 0o610, 0o602])
def test_file_that_others_can_read_is_refused_with_the_chmod_to_type(
    kataven, hubs, monkeypatch, capsys, mode
):
    kataven.enter(monkeypatch)
    configured(kataven, hubs, "default")
    kataven.config.chmod(mode)

    assert main(["limits"]) == 4
    assert f"(mode {mode:04o}): chmod 600 {kataven.config}" in capsys.readouterr().err
    assert hubs["default"].requests == []


def test_path_with_a_space_is_quoted_in_the_chmod(tmp_path, hubs):
    kataven = Isolated(tmp_path / "it's a folder")
    configured(kataven, hubs, "default")
    kataven.config.chmod(0o644)

    done = kataven.run("config", "show")

    command = done.stderr.partition("): ")[2].partition("\n")[0]
    assert command.startswith("chmod 600 '")
    assert shlex.split(command)[-1] == str(kataven.config)


@table(
    "text, message",
    [
        (f"profiles = '{SECRET}'", "it must hold tables such as [profiles.default]"),
        (f"api_key = '{SECRET}'", "it must hold tables such as [profiles.default]"),
        (f"[default]\napi_key = '{SECRET}'", "it must hold tables such as [profiles.default]"),
        (f"[profiles]\ndefault = '{SECRET}'", "'profiles.default' must be a table"),
        (f"[profiles.default]\n{SECRET} = 'x'", "has an unknown field: use api_key"),
        (f"[profiles.default]\napi_key = ['{SECRET}']", "must be text"),
        (f"[profiles.default]\napi_key = {SECRET}", "is not valid TOML"),
        (f"[profiles.default]\n{SECRET}", "is not valid TOML"),
        (f"api_key = '{SECRET}\n", "is not valid TOML"),
    ],
)
def test_bad_configuration_file_is_refused_without_showing_its_content(
    kataven, monkeypatch, capsys, text, message
):
    kataven.enter(monkeypatch)
    monkeypatch.setenv("KATAVEN_LOG", "debug")
    kataven.write_config(text)

    assert main(["limits"]) == 4
    shown = capsys.readouterr().err
    assert message in shown.splitlines()[-2]
    assert "Traceback" in shown
    assert SECRET not in shown


@pytest.mark.slow
def test_empty_values_of_a_profile_count_as_not_set(kataven):
    kataven.write_config('[profiles.default]\napi_key = ""\nbase_url = ""\naccount_id = ""\n')

    done = kataven.run("limits")

    assert done.returncode == 4
    assert "no API key in profile 'default': add one with 'kataven config set api_key'" in (
        done.stderr
    )


@pytest.mark.parametrize("status", [200, 401])
@pytest.mark.slow
def test_no_key_in_output_logs_or_tracebacks(kataven, hubs, status):
    configured(kataven, hubs, "default")
    hubs["default"].always = response(status, {"campaigns": []} if status == 200 else "not so")

    done = kataven.run("campaigns", "list", "--debug", KATAVEN_LOG="debug")

    assert hubs["default"].requests
    assert f"Bearer {key_of('default')}" == hubs["default"].requests[0].header("authorization")
    assert done.stderr
    assert SECRET not in done.stdout + done.stderr
    if status == 401:
        assert "Traceback" in done.stderr


def test_no_key_in_the_process_list_while_a_request_is_sent(kataven, hubs):
    # Other tests, which may run at the same time, type the usual secret where it does not belong.
    secret = uuid.uuid4().hex
    (kataven.folder / "key").write_text(f"sk_live_options_{secret}")
    hubs["options"].always = silence
    process = kataven.start("limits", "--api-key-file", "key", "--base-url", hubs["options"].url)
    try:
        hubs["options"].wait_until_silent()
        shown = process_list()
    finally:
        process.kill()
        process.communicate()

    assert f"--base-url {hubs['options'].url}" in shown
    assert secret not in shown


def test_no_command_takes_a_key_as_the_value_of_an_option():
    options = set()
    for each in (COMMANDS, CAMPAIGNS, CONTACTS, CONFIG):
        for module, name, _ in each.values():
            try:
                command = getattr(import_module(module), name)
            except ModuleNotFoundError:
                continue
            options |= {option for parameter in command.params for option in parameter.opts}

    assert "--api-key-file" in options
    assert not {"--api-key", "--key", "--token"} & options


def test_key_typed_on_a_terminal_is_not_echoed(kataven, hubs, tmp_path):
    command = Command(tmp_path)
    try:
        terminal = command.on_terminal(
            "limits",
            "--base-url",
            hubs["options"].url,
            env={**kataven.env(), "KATAVEN_API_KEY": "", "KATAVEN_PROFILE": ""},
        )
        # The space is written once echo is off; what is typed before that is discarded.
        terminal.read_until(f"API key for {hubs['options'].url}: ")
        terminal.press(f"{key_of('typed')}\n".encode())
        code, seen = terminal.finish()
    finally:
        command.close()

    assert code == 0
    assert "concurrent_max" in seen
    assert SECRET not in seen
    assert hubs["options"].only.header("authorization") == f"Bearer {key_of('typed')}"


@table(
    "key, account_id, account, kind",
    [
        ("sk_live_acme_0123456789abcdef", None, "acme", "API key"),
        ("sk_live_acme-eu_0123", None, "acme-eu", "API key"),
        # Is it the account acme_eu, or does the secret begin with eu_?
        ("sk_live_acme_eu_0123", None, "acme_...", "API key"),
        ("sk_live_acme_eu_0123", "acme_eu", "acme_eu", "API key"),
        (f"sk_live_{SECRET}", None, "unknown", "API key"),
        (f"sk_live__{SECRET}", None, "unknown", "API key"),
        (f"sk_live_A{SECRET}_x", None, "unknown", "API key"),
        (f"other_{SECRET}_x", None, "unknown", "key of an unknown form"),
        (JWT, None, "unknown", "JWT"),
        (JWT, "acme", "acme", "JWT"),
    ],
)
def test_account_and_kind_never_contain_a_part_of_the_secret(key, account_id, account, kind):
    assert (account_of(key, account_id), kind_of(key)) == (account, kind)


def source(key: str, account_id: str | None = None) -> Source:
    return Source("options", key, None, account_id, "", "--account-id NAME")


@table(
    "key, account_id, message",
    [
        (JWT, None, "does not name an account"),
        (JWT, "NOT A NAME", "is not an account name"),
        (key_of("acme"), "acm", "belongs to another account than 'acm'"),
        (key_of("acme"), "acme_s", "belongs to another account than 'acme_s'"),
        (f"sk_live_acme_{SECRET}\u2013", None, "visible ASCII"),
    ],
)
def test_key_and_account_must_fit_together(key, account_id, message):
    with pytest.raises(ConfigurationError, match=message) as raised:
        checked(source(key, account_id), key)

    assert SECRET not in str(raised.value)


def test_credentials_and_sources_hide_the_key_in_their_repr():
    key = key_of("acme")

    assert SECRET not in repr(source(key)) + repr(checked(source(key), key))


@pytest.mark.slow
def test_quota_file_that_cannot_be_made_is_a_local_failure_that_says_what_to_do(kataven):
    (kataven.folder / "state").write_text("a file, where a folder must be")
    run = partial(kataven.run, "limits", KATAVEN_API_KEY=key_of("acme"))

    done = run(KATAVEN_BASE_URL="https://127.0.0.2.invalid")

    assert done.returncode == 10
    assert "--no-rate-limit does without" in done.stderr
