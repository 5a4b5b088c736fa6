"""The examples in the help of each command run, and no command shows the key."""

from __future__ import annotations

import os
import re
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kataven.cli.commands import CAMPAIGNS, COMMANDS, CONFIG, CONTACTS, SANDBOX
from tests.cli.test_campaigns import draft

if TYPE_CHECKING:
    import click

TABLES = {"campaigns": CAMPAIGNS, "contacts": CONTACTS, "config": CONFIG}
# These run until a signal, or read a key from the terminal or a file: their own tests run them.
OTHERWISE = re.compile(r"kataven (sandbox|config set api_key|demo)\b")


def commands() -> list[tuple[str, click.Command]]:
    """Return every command with its full name."""
    found = []
    for name, (module, attribute, _) in COMMANDS.items():
        if name in TABLES:
            found += [
                (f"{name} {sub}", getattr(import_module(module), attribute))
                for sub, (module, attribute, _) in TABLES[name].items()
            ]
        else:
            found.append((name, getattr(import_module(module), attribute)))
    found += [
        (f"sandbox {sub}", getattr(import_module(module), attribute))
        for sub, (module, attribute, _) in SANDBOX.items()
    ]
    return found


def examples() -> list[str]:
    lines = []
    for _, command in commands():
        lines += re.findall(r"^  (kataven .*)$", command.epilog or "", re.MULTILINE)
    return lines


def test_every_command_has_an_example_and_help():
    for name, command in commands():
        assert command.help, name
        if name != "demo":
            assert re.search(rf"^  kataven {name}\b", command.epilog or "", re.MULTILINE), name


@pytest.mark.slow
@pytest.mark.parametrize("speed", [600])
@pytest.mark.parametrize("example", [line for line in examples() if not OTHERWISE.match(line)])
def test_the_example_runs(on_hub, client, contacts, example):
    (on_hub.folder / "do-not-call.csv").write_text("phone\n+14155550199\n")
    (on_hub.folder / "report.json").write_text('{"rows": 30, "kept": 30, "dropped": {}}')
    first, second = draft(on_hub), draft(on_hub)
    arguments = shlex.split(example.replace("cmp_1", first).replace("cmp_2", second))[1:]
    verb = arguments[1] if arguments[0] == "campaigns" else ""
    if verb in ("pause", "resume", "stop", "watch", "retry"):
        for campaign_id in (first, second):
            client.campaigns.start(campaign_id)
    if verb == "resume":
        client.campaigns.pause(first)
    if verb == "retry":
        client.campaigns.wait(first)
    if verb in ("start", "resume", "stop") and "--yes" not in arguments:
        # It asks on a terminal.
        terminal = on_hub.on_terminal(*arguments)
        terminal.read_until("[y/N]:")
        terminal.press(b"y\n")
        code, shown = terminal.finish()
    else:
        done = on_hub.run(*arguments)
        code, shown = done.returncode, done.stderr

    # A list in the examples may have nothing to correct, and a campaign may already be over.
    assert code in ((0, 6) if verb in ("pause", "stop") else (0,)), shown


KEY = "sk_live_acme_do0not1show2this3key4"


@pytest.mark.slow
@pytest.mark.usefixtures("contacts")
@pytest.mark.parametrize(
    "arguments",
    [
        ["limits", "--debug"],
        ["doctor", "--debug"],
        ["doctor", "--json"],
        ["config", "show"],
        ["campaigns", "list", "--debug"],
        ["campaigns", "get", "x", "--json", "--debug"],
        ["campaigns", "watch", "x", "--debug"],
        ["campaigns", "stop", "--all", "--yes", "--debug"],
        ["campaigns", "export", "x", "-o", "r.csv", "--debug"],
        [
            *("campaigns", "run", "--name=n", "--agent-id=a", "--phone-number-id=p"),
            *("--contacts=contacts.csv", "--yes", "--debug"),
        ],
    ],
    ids=lambda arguments: " ".join(arguments[:3]),
)
@pytest.mark.parametrize("log", ["", "debug"])
def test_no_command_shows_the_key(kataven, hub, arguments, log):
    # The Hub does not know the key, so each request is refused.
    env = {"KATAVEN_API_KEY": KEY, "KATAVEN_BASE_URL": hub.url, "KATAVEN_LOG": log}

    with kataven.start(*arguments, env=env) as process:
        line = Path(f"/proc/{process.pid}/cmdline")
        shown = line.read_bytes() if sys.platform == "linux" and line.exists() else b""
        out, err = process.communicate()

    assert process.returncode in (0, 4)
    for text in (out, err, os.fsdecode(shown)):
        assert "do0not1show2this3key4" not in text
