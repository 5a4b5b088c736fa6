"""``kataven sandbox record`` and ``compare``: how well the embedded Hub follows a real one.

Knows how options are written and what is printed. Must not know how requests are recorded or
compared: that is ``kataven.recording``.
"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from kataven.cli.output import document, line, note, printable, say
from kataven.cli.session import Session, command
from kataven.cli.stopping import Terminated

if TYPE_CHECKING:
    from kataven.cli.credentials import Credentials
    from kataven.recording import Comparison, Difference, Recorder

DIFFERENT: Final = 1


@command(
    "record",
    json=True,
    examples=[
        "kataven sandbox record --upstream https://api.kataven.ai/v1",
        "kataven sandbox record --upstream https://api.kataven.ai/v1 --api-key-file key.txt",
    ],
)
@click.option("--upstream", metavar="URL", required=True, help="The real Hub.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    default="recording.jsonl",
    show_default=True,
    help="The recording; the file must not exist.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8322,
    show_default=True,
    help="The port on this machine; 0 for any free one.",
)
@click.option(
    "--allow-dialling",
    is_flag=True,
    help="Also forward start, resume, pause, stop and scheduled campaigns: real people are called.",
)
def record(session: Session, upstream: str, output: str, port: int, allow_dialling: bool) -> None:
    """Record the requests to a real Hub, and its responses, until Ctrl-C or SIGTERM.

    It is a proxy on this machine. It prints the two lines that let a shell, and the programs in it,
    use it, with a key that only works here; the Hub's own key is added on the way. Only reads,
    create and delete are forwarded, so nobody is called: a created campaign remains a draft, and a
    create with scheduled_at is refused. The contact list does go to the Hub.

    Tokens, the account, telephone numbers and all other cells of contact lists are replaced before
    anything is written. At the end it prints what was recorded; the exit code is 0.
    """
    from kataven.recording import Recorder

    found = _credentials(session, upstream)
    recorder = Recorder(
        upstream,
        found.api_key,
        output,
        account_id=found.account_id,
        port=port,
        allow_dialling=allow_dialling,
    )
    try:
        recorder.start()
    except FileExistsError:
        raise click.UsageError(
            f"{output} exists already: choose another file with --output, or delete it."
        ) from None
    except OSError as error:
        text = (
            (error.strerror or error) if error.filename is None else f"{output}: {error.strerror}"
        )
        raise click.ClickException(f"cannot start the recorder: {text}") from error
    stopped = ""
    try:
        _announce(session, recorder, output, allow_dialling=allow_dialling)
        recorder.wait()
    except KeyboardInterrupt as stop:
        stopped = "SIGTERM" if isinstance(stop, Terminated) else "Ctrl-C"
    finally:
        recorder.close()
    _finish(session, recorder, output, stopped)


def _credentials(session: Session, upstream: str) -> Credentials:
    """Find the key for the Hub; one that belongs to another URL is refused."""
    from kataven.config import read_base_url

    access = session.access
    if access.api_key_file is not None and access.base_url is None:
        access.base_url = upstream
    source = access.source()
    base = read_base_url(upstream)
    if source.base_url is not None:
        stored = read_base_url(source.base_url)
        if urlsplit(stored.url)[:2] != urlsplit(base.url)[:2]:
            raise click.UsageError(
                f"the key from {source.name} belongs to {stored.url}, not to {base.url}: name "
                "the key of that Hub with --api-key-file or --profile."
            )
    return access.credentials()


def _announce(session: Session, recorder: Recorder, output: str, *, allow_dialling: bool) -> None:
    if session.json:
        line(
            {
                "url": recorder.url,
                "api_key": recorder.api_key,
                "pid": os.getpid(),
                "recording": output,
            }
        )
        return
    say(f"Recorder at {recorder.url}, forwarding to {recorder.upstream}.")
    if allow_dialling:
        say("Everything is forwarded, so campaigns that are started CALL REAL PEOPLE.", bold=True)
    else:
        say("Only reads, create and delete are forwarded: a created campaign remains a draft.")
    say(f"Recording: {printable(output)}. Personal data and keys are replaced in it.")
    say()
    say("To use it in another shell:")
    say(f"  export KATAVEN_BASE_URL={recorder.url}")
    say(f"  export KATAVEN_API_KEY={recorder.api_key}")
    # A reader of a pipe needs the lines now: nothing more follows.
    sys.stdout.flush()
    if not session.quiet:
        note("Ctrl-C stops it.")


def _finish(session: Session, recorder: Recorder, output: str, stopped: str) -> None:
    summary = recorder.summary
    if session.json:
        line({"recording": output, **asdict(summary)})
        return
    say(
        f"Recorded {_count(summary.recorded, 'exchange')} with {_count(summary.frames, 'frame')} "
        f"of event streams, {summary.refused} refused, {summary.failed} failed: {printable(output)}"
    )
    if not session.quiet:
        note(f"Stopped by {stopped}. 'kataven sandbox compare {printable(output)}' compares it.")


@command(
    "compare",
    hub=False,
    json=True,
    examples=[
        "kataven sandbox compare recording.jsonl",
        "kataven sandbox compare recording.jsonl --json",
    ],
)
@click.argument("recording", metavar="RECORDING")
def compare(session: Session, recording: str) -> None:
    """Send the requests of a recording to an embedded Hub, and report what differs.

    RECORDING is a file of 'kataven sandbox record'. Nothing is sent to the real Hub. Each
    difference names the request, what the real Hub did, what the embedded one does, and the rules
    of docs/reference/sandbox.md that it touches. Ids, times and what depends on how calls went are
    compared by their form.

    The exit code is 0 without a difference, 1 with one, and 10 if the recording cannot be read.
    """
    from kataven.recording import RecordingError
    from kataven.recording import compare as compare_recording

    try:
        found = compare_recording(recording)
    except RecordingError as error:
        raise click.ClickException(str(error)) from error
    if session.json:
        document(_document(found))
    else:
        _show(session, found)
    if found.differences:
        raise click.exceptions.Exit(DIFFERENT)


def _document(found: Comparison) -> dict[str, object]:
    from kataven.recording.assumptions import BY_ID

    return {
        "upstream": found.upstream,
        "compared": found.compared,
        "differences": [
            asdict(one) | {"rules": [asdict(BY_ID[rule]) for rule in one.rules]}
            for one in found.differences
        ],
        "not_compared": found.not_compared,
    }


def _show(session: Session, found: Comparison) -> None:
    for number, difference in enumerate(found.differences, 1):
        _show_difference(number, difference)
    if found.not_compared and not session.quiet:
        note(f"Not compared, or not completely ({len(found.not_compared)}):")
        for text in found.not_compared:
            note(f"  {printable(text)}")
    count = len(found.differences)
    say(
        f"Compared {_count(found.compared, 'exchange')} with {printable(found.upstream)}: "
        f"{_count(count, 'difference') if count else 'no difference'}."
    )


def _show_difference(number: int, difference: Difference) -> None:
    from kataven.recording.assumptions import BY_ID

    where = f" of {printable(difference.where)}" if difference.where else ""
    say(f"{number}. {difference.operation}: {difference.kind.replace('_', ' ')}{where}", bold=True)
    more = len(difference.requests) - 1
    also = f" and {_count(more, 'other request')}" if more else ""
    say(f"   request       {printable(difference.requests[0])}{also}")
    say(f"   real Hub      {printable(difference.recorded)}")
    say(f"   embedded Hub  {printable(difference.embedded)}")
    for each in difference.rules:
        rule = BY_ID[each]
        say(f"   rule          {rule.id} ({rule.source}): {rule.text}")
    if not difference.rules:
        say("   rule          none in docs/reference/sandbox.md is known")
    say()


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


# The URL is --upstream, and the proxy sends what comes: neither option would have an effect.
record.params = [each for each in record.params if each.name not in {"base_url", "no_rate_limit"}]
