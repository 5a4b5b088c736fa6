"""``kataven config``: the file it writes, and what it shows."""

from __future__ import annotations

import json
import os
import stat
import tomllib

import pytest

from tests.cli.conftest import Command
from tests.cli.isolated import SECRET, Isolated, key_of

URL = "https://hub.example.com/v1"


@pytest.fixture
def kataven(tmp_path):
    return Isolated(tmp_path)


def profiles(kataven: Isolated) -> dict:
    return tomllib.loads(kataven.config.read_text())["profiles"]


def test_path_is_printed_whether_the_file_exists_or_not(kataven):
    done = kataven.run("config", "path")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{kataven.config}\n", "")


def test_key_is_read_from_standard_input(kataven):
    done = kataven.run("config", "set", "api_key", stdin=f"  {key_of('acme')} \n\n")

    assert (done.returncode, done.stdout) == (0, "")
    assert profiles(kataven) == {"default": {"api_key": key_of("acme")}}
    assert stat.S_IMODE(kataven.config.stat().st_mode) == 0o600
    assert f"Set api_key of the profile 'default' in {kataven.config}." in done.stderr
    assert SECRET not in done.stderr


def test_key_is_asked_for_on_a_terminal_without_echo(kataven, tmp_path):
    command = Command(tmp_path)
    try:
        terminal = command.on_terminal(
            "config", "set", "api_key", "--profile", "two", env=kataven.env()
        )
        # The space is written once echo is off; what is typed before that is discarded.
        terminal.read_until("API key (not shown): ")
        terminal.press(f"{key_of('acme')}\n".encode())
        code, seen = terminal.finish()
    finally:
        command.close()

    assert code == 0
    assert SECRET not in seen
    assert profiles(kataven) == {"two": {"api_key": key_of("acme")}}


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (["api_key", key_of("acme")], "", "'set api_key' takes no value"),
        (["api_key"], "", "its first line is empty"),
        (["api_key"], "\nkey\n", "its first line is empty"),
        (["api_key"], f"{SECRET}\nmore\n", "has more than one line"),
        (["api_key"], f"{SECRET} {SECRET}\n", "other than visible ASCII"),
        (["base_url"], "", "'set base_url' needs a value"),
        (["base_url", "http://hub.example.com"], "", "unencrypted to another machine"),
        (["base_url", ""], "", "invalid base URL"),
        (["account_id", "Not A Name"], "", "is not an account name"),
        (["account_id", key_of("A")], "", "is not an account name"),
        ([SECRET], "", "there is no such field; use api_key, base_url, account_id"),
        (["account_id", "acme", "--profile", ""], "", "--profile needs a name"),
    ],
)
@pytest.mark.slow
def test_values_that_cannot_be_used_are_refused_and_nothing_is_written(
    kataven, arguments, stdin, message
):
    done = kataven.run("config", "set", *arguments, stdin=stdin)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert SECRET not in done.stderr
    assert not kataven.config.exists()


def test_other_profiles_comments_and_the_mode_stay(kataven):
    kataven.write_config(
        f'# ours\n[profiles.default]\napi_key = "{key_of("acme")}"  # until May\n\n'
        '[profiles."with space"]\nbase_url = "https://a.example"\n'
    )

    done = kataven.run("config", "set", "base_url", URL, "--profile", "with space")

    assert done.returncode == 0
    assert profiles(kataven) == {
        "default": {"api_key": key_of("acme")},
        "with space": {"base_url": URL},
    }
    text = kataven.config.read_text()
    assert text.startswith("# ours\n")
    assert "# until May" in text
    assert stat.S_IMODE(kataven.config.stat().st_mode) == 0o600
    assert os.listdir(kataven.config.parent) == ["config.toml"]


def test_link_of_a_dotfiles_folder_stays_a_link(kataven, tmp_path):
    kataven.config.parent.mkdir(parents=True)
    target = tmp_path / "dotfiles.toml"
    target.touch(mode=0o600)
    kataven.config.symlink_to(target)

    assert kataven.run("config", "set", "account_id", "acme").returncode == 0
    assert kataven.config.is_symlink()
    assert tomllib.loads(target.read_text()) == {"profiles": {"default": {"account_id": "acme"}}}


def test_file_that_others_can_read_is_not_changed(kataven):
    before = f'[profiles.default]\napi_key = "{key_of("acme")}"\n'
    kataven.write_config(before, mode=0o644)

    done = kataven.run("config", "set", "account_id", "acme")

    assert done.returncode == 4
    assert f"chmod 600 {kataven.config}" in done.stderr
    assert kataven.config.read_text() == before


def test_disk_error_leaves_the_file_as_it_was(kataven):
    kataven.write_config('[profiles.default]\naccount_id = "acme"\n')
    code = (
        "import os, sys\nfrom kataven.cli.app import main\n"
        "def full(*_):\n    raise OSError(28, 'No space left on device')\n"
        "os.fdopen = full\nsys.exit(main())"
    )

    done = kataven.run("config", "set", "account_id", "other", code=code)

    assert done.returncode == 10
    assert profiles(kataven) == {"default": {"account_id": "acme"}}
    assert os.listdir(kataven.config.parent) == ["config.toml"]


@pytest.mark.slow
def test_jwt_and_odd_keys_are_pointed_out(kataven):
    jwt = kataven.run("config", "set", "api_key", stdin="eyJx.y.z\n")
    odd = kataven.run("config", "set", "api_key", "--profile", "odd", stdin="other\n")

    assert "It needs an account: 'kataven config set account_id NAME'" in jwt.stderr
    assert "does not look like sk_live_" in odd.stderr
    assert profiles(kataven)["odd"] == {"api_key": "other"}


def test_show_prints_profiles_and_what_is_in_use_but_no_key(kataven):
    kataven.write_config(
        f'[profiles.default]\napi_key = "{key_of("acme")}"\n'
        f'[profiles.two]\nbase_url = "{URL}"\naccount_id = "other"\napi_key = "eyJ{SECRET}"\n'
        "[profiles.empty]\n"
    )

    text = kataven.run("config", "show")
    found = kataven.run("config", "show", "--json", "--profile", "two")

    default = {"key": "API key", "account": "acme", "base_url": "https://api.kataven.ai/v1"}
    two = {"key": "JWT", "account": "other", "base_url": URL}
    assert json.loads(found.stdout) == {
        "path": str(kataven.config),
        "in_use": {"source": "profile 'two'", **two, "problem": None},
        "profiles": {
            "default": default,
            "two": two,
            "empty": {"key": None, "account": None, "base_url": "https://api.kataven.ai/v1"},
        },
    }
    assert text.stdout.splitlines()[-1] == (
        "In use: profile 'default'; key: API key; account: acme; URL: https://api.kataven.ai/v1"
    )
    assert text.returncode == found.returncode == 0
    assert SECRET not in text.stdout + text.stderr + found.stdout + found.stderr


@pytest.mark.slow
def test_show_says_what_is_missing_and_what_is_not_used(kataven):
    nothing = kataven.run("config", "show")
    kataven.write_config('[profiles.default]\napi_key = "eyJx"\n')
    jwt = kataven.run("config", "show", KATAVEN_BASE_URL=URL)

    assert nothing.returncode == jwt.returncode == 0
    assert f"There are no profiles in {kataven.config}." in nothing.stdout
    assert "Not usable: no API key: set KATAVEN_API_KEY" in nothing.stderr
    assert "Not usable: the key from profile 'default' is a JWT" in jwt.stderr
    assert "Set, but not used: KATAVEN_BASE_URL." in jwt.stderr
