"""The examples in the help of each command run, and no command shows the key."""

from __future__ import annotations

import shlex
import socket
from typing import TYPE_CHECKING

import pytest

from kataven.cli.commands import LazyGroup
from kataven.cli.commands import kataven as root
from tests.cli.isolated import process_list
from tests.cli.test_campaigns import FORM, draft

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

pytestmark = pytest.mark.slow
# Run until a signal, or need a recording; test_sandbox_command.py and tests/recording run them.
ELSEWHERE = {
    "kataven sandbox record --upstream https://api.kataven.ai/v1",
    "kataven sandbox record --upstream https://api.kataven.ai/v1 --api-key-file key.txt",
    "kataven sandbox compare recording.jsonl",
    "kataven sandbox compare recording.jsonl --json",
    "kataven sandbox --port 8321 --speed 60",
    "kataven sandbox --path hub.db --seed 1 --json",
}
QUICK = ["--poll-seconds", "0.1"]
# What the examples of a command need: the state of cmp_1 and cmp_2.
STATES = {
    "start": "draft",
    "delete": "draft",
    "pause": "running",
    "stop": "running",
    "watch": "running",
    "resume": "paused",
}
# On any of these a traceback is printed; it must not contain the key.
FAULTS = [{"status": 500}, {"status": 401}, {"status": 200, "body": "no json"}, {"reset": "before"}]


def commands(group: LazyGroup, path: str) -> Iterator[tuple[str, click.Command]]:
    for name in group.table:
        command = group.get_command(None, name)
        if isinstance(command, LazyGroup):
            yield from commands(command, f"{path} {name}")
        if not isinstance(command, LazyGroup) or command.invoke_without_command:
            yield f"{path} {name}", command


def examples() -> Iterator[str]:
    for path, command in commands(root, "kataven"):
        lines = (command.epilog or "").partition("Examples:\n")[2].splitlines()
        assert lines, f"{path} has no examples"
        for line in lines:
            assert line.startswith(f"  {path}"), line
            yield line.strip()


@pytest.fixture
def prepared(on_hub, contacts, client):
    """Create the files and campaigns of the examples; return the ids by the names there."""
    (on_hub.folder / "do-not-call.csv").write_text("phone_number\n+14155550100\n")
    (on_hub.folder / "key.txt").write_text("sk_live_acme_5ecret\n")
    clean = ["contacts", "clean", contacts.name, "-o", "c.csv", "--report", "report.json"]
    assert on_hub.run(*clean).returncode == 0

    def campaign(state: str) -> str:
        campaign_id = draft(on_hub)
        if state != "draft":
            client.campaigns.start(campaign_id)
        if state == "paused":
            client.campaigns.pause(campaign_id)
        if state == "finished":
            client.campaigns.wait(campaign_id)
        return campaign_id

    return lambda state: {f"cmp_{number}": campaign(state) for number in (1, 2)}


@pytest.fixture
def spring(on_hub, contacts):
    """Make the plan ``spring`` as an example of a command needs it."""

    def make(example: str) -> None:
        words = example.split()
        plan = ["bulk", "prepare", contacts.name, "--directory", "spring"]
        assert on_hub.run(*plan).returncode == 0
        if "--name" in words or "prepare" in words:
            return
        watch = ["--watch"] if {"results", "retry"} & set(words) else []
        launch = ["bulk", "launch", "spring", *FORM[:3], "--yes", *QUICK, *watch]
        assert on_hub.run(*launch).returncode == 0
        if "resume" in words:
            assert on_hub.run("bulk", "pause", "spring").returncode == 0

    return make


def speed(example: str) -> float:
    """Return the speed of the Hub: a campaign that is paused or stopped must not end before."""
    words = set(example.split())
    if words & {"pause", "stop", "resume"}:
        return 0.001
    return 60 if words & STATES.keys() else 1000


def with_speeds() -> Iterator[tuple[str, float]]:
    """Return the examples, with a Hub that is slow where a campaign must not finish early."""
    for example in examples():
        if example not in ELSEWHERE:
            yield example, speed(example)


@pytest.mark.parametrize(("example", "speed"), list(with_speeds()))
def test_examples_run_and_never_show_the_key(on_hub, hub, prepared, spring, example):
    line, _, file = example.partition(" < ")
    _, *words = shlex.split(line)
    verb = words[1] if words[0] == "campaigns" else ""
    ids = prepared(STATES.get(verb, "finished")) if "cmp_" in example else {}
    words = [ids.get(word, word) for word in words]
    if words[0] == "bulk":
        spring(example)
        verb = words[1]
        if verb in ("launch", "watch", "resume"):
            words += QUICK
    if "--results" in words:
        spring("kataven bulk results")
        assert on_hub.run("bulk", "results", "spring", "-o", "may.csv").returncode == 0
    if verb in ("start", "stop", "launch") and "--yes" not in words:
        # There is no terminal to ask on.
        words.append("--yes")
    if example == "kataven demo":
        words += ["--speed", "600"]
    given = (on_hub.folder / file).read_text() if file else None

    done = on_hub.run(*words, "--debug", env={"KATAVEN_LOG": "debug"}, given=given)

    assert done.returncode == 0, done.stderr
    assert hub.api_key not in done.stdout + done.stderr
    assert hub.api_key.rpartition("_")[2] not in done.stdout + done.stderr
    assert "5ecret" not in done.stdout + done.stderr


def test_the_examples_that_run_elsewhere_exist():
    assert set(examples()) >= ELSEWHERE


@pytest.mark.parametrize("fault", FAULTS)
def test_no_failure_shows_the_key(on_hub, hub, fault):
    hub.faults.add("GET /campaigns", times=None, **fault)

    done = on_hub.run("campaigns", "list", "--debug", env={"KATAVEN_LOG": "debug"})

    assert done.returncode > 1
    assert "Traceback" in done.stderr
    assert hub.api_key.rpartition("_")[2] not in done.stdout + done.stderr


def test_no_crash_shows_the_key(on_hub, hub):
    code = (
        "import sys; from kataven.cli import output; from kataven.cli.app import main; "
        "output.fields = lambda values: 1 / 0; sys.exit(main())"
    )
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        nowhere = {"KATAVEN_BASE_URL": f"http://127.0.0.1:{port}", "KATAVEN_LOG": "debug"}

        crashed = on_hub.run("limits", "--debug", code=code)
        refused = on_hub.run("limits", "--debug", env=nowhere)

    assert (crashed.returncode, refused.returncode) == (10, 8)
    assert "ZeroDivisionError" in crashed.stderr
    for done in (crashed, refused):
        assert hub.api_key.rpartition("_")[2] not in done.stdout + done.stderr


@pytest.mark.usefixtures("contacts")
def test_the_process_list_shows_no_key(on_hub, hub, client):
    campaign_id = draft(on_hub)
    client.campaigns.start(campaign_id)
    with on_hub.start("campaigns", "watch", campaign_id) as process:
        process.stdout.readline()
        shown = process_list()
        process.terminate()
        process.communicate()

    assert f"campaigns watch {campaign_id}" in shown
    assert hub.api_key not in shown
