"""``kataven sandbox``: an embedded Hub as a process, with the two lines that point a shell to it.

Knows how its options are written. Must not know how the Hub works: that is ``kataven.sandbox``.
"""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from kataven.cli.browser import open_page
from kataven.cli.commands import SANDBOX, LazyGroup
from kataven.cli.output import line, note, say
from kataven.cli.session import Session, command
from kataven.cli.stopping import Terminated

if TYPE_CHECKING:
    from kataven.sandbox import Sandbox

_EXAMPLE: Final = """'{"per_minute": 5}'"""


def _object(_context: click.Context, _parameter: click.Parameter, text: str) -> dict[str, Any]:
    """Read a JSON object; the Hub itself checks its names and numbers."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise click.BadParameter(f"{text!r} is not a JSON object such as {_EXAMPLE}.")
    return found


def _object_or_none(
    context: click.Context, parameter: click.Parameter, text: str
) -> dict[str, Any] | None:
    return None if text == "none" else _object(context, parameter, text)


def _scale(_context: click.Context, _parameter: click.Parameter, speed: float) -> float:
    if not (math.isfinite(speed) and speed > 0):
        raise click.BadParameter(f"{speed:g} is not a finite number above 0.")
    return speed


class _Sandbox(LazyGroup):
    table = SANDBOX


@command(
    "sandbox",
    hub=False,
    json=True,
    cls=_Sandbox,
    invoke_without_command=True,
    subcommand_metavar="[COMMAND] [ARGS]...",
    examples=[
        "kataven sandbox --port 8321 --speed 60",
        "kataven sandbox --path hub.db --seed 1 --json",
    ],
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8321,
    show_default=True,
    help="The port on this machine; 0 for any free one.",
)
@click.option(
    "--speed",
    type=float,
    default=60.0,
    callback=_scale,
    show_default=True,
    help="Speed of the Hub's clock, as a multiple of real time.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the call outcomes.")
@click.option("--path", metavar="FILE", help="Keep the state in this file; default: in memory.")
@click.option(
    "--limits",
    callback=_object_or_none,
    metavar="JSON",
    default="{}",
    help=f"Request limits that differ from the documented ones, such as {_EXAMPLE}, or 'none'.",
)
@click.option(
    "--call-limits",
    callback=_object,
    metavar="JSON",
    default="{}",
    help="""Limits on calls that differ, such as '{"concurrent_max": 10}'.""",
)
@click.option("--open", "show", is_flag=True, help="Open the Hub's page in a browser.")
def sandbox(
    session: Session,
    port: int,
    speed: float,
    seed: int,
    path: str | None,
    limits: dict[str, Any] | None,
    call_limits: dict[str, Any],
    show: bool,
) -> None:
    """Run an embedded Hub until Ctrl-C or SIGTERM; nobody is called.

    It listens on this machine only and simulates every call. It prints its URL, the address of its
    page and a key, and the two lines that let a shell, and the kataven commands in it, use them.
    With --json it prints one line with url, page, api_key and pid. A Hub that was stopped exits
    with 0.

    The commands 'record' and 'compare' check it against a real Hub.
    """
    if _is_for_subcommand():
        return
    from kataven.sandbox import Sandbox

    try:
        hub = Sandbox(
            time_scale=speed,
            seed=seed,
            path=path,
            limits=limits,
            call_limits=call_limits,
            port=port,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        hub.start()
    except (OSError, RuntimeError, ValueError, OverflowError) as error:
        raise _not_started(error) from error
    try:
        _announce(session, hub, speed)
        if show:
            open_page(hub.page_url)
        threading.Event().wait()
    except KeyboardInterrupt as stop:
        what = "SIGTERM" if isinstance(stop, Terminated) else "Ctrl-C"
        kept = f"its state is in {path}" if path else "its campaigns are gone"
        if not session.quiet:
            note(f"Stopped by {what}: the embedded Hub is closed, and {kept}.")
    finally:
        hub.close()


def _is_for_subcommand() -> bool:
    """Whether a subcommand follows; refuses options before it, which would have no effect."""
    context = click.get_current_context()
    name = context.invoked_subcommand
    if name is None:
        return False
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{parameter.opts[-1]} before {name!r} is an option of the embedded Hub: write the "
                f"options of {name!r} after it; 'kataven sandbox {name} --help' shows them."
            )
    return True


def _announce(session: Session, hub: Sandbox, speed: float) -> None:
    if session.json:
        line({"url": hub.url, "page": hub.page_url, "api_key": hub.api_key, "pid": os.getpid()})
        return
    say(f"Embedded Hub at {hub.url}, at {speed:g} times real time. It calls nobody.")
    say(f"Page:    {hub.page_url}")
    say(f"API key: {hub.api_key}")
    say()
    say("To use it in another shell:")
    say(f"  export KATAVEN_BASE_URL={hub.url}")
    say(f"  export KATAVEN_API_KEY={hub.api_key}")
    # A reader of a pipe needs the lines now: nothing more follows.
    sys.stdout.flush()
    if not session.quiet:
        note("Ctrl-C stops it.")


def _not_started(error: Exception) -> click.ClickException:
    text = str(error)
    if isinstance(error, OSError) and error.filename is None and error.strerror:
        # Of a port that cannot be used: the sentence says which, and what to do.
        text = error.strerror
    elif isinstance(error, OverflowError):
        text = f"its time would be out of range ({error}); choose a smaller --speed"
    return click.ClickException(f"cannot start the embedded Hub: {text}")
