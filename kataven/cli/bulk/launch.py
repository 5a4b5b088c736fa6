"""``kataven bulk launch``: creates and starts a campaign for each part of a plan.

Says first what will happen, and asks. What the first launch has fixed need not be repeated.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, Unpack

import click

from kataven.cli.bulk.act import act, code_of, conflict, end_dry_run_of, print_run, show_unknown
from kataven.cli.bulk.options import (
    DIRECTORY,
    Working,
    dry_run,
    given,
    open_run,
    working_options,
    yes,
)
from kataven.cli.bulk.view import counted, due, hours
from kataven.cli.call_settings import call_settings
from kataven.cli.campaigns.plan import (
    UNKNOWN,
    Plan,
    read_account,
    shown_estimate,
    shown_left,
    shown_limits,
    shown_settings,
)
from kataven.cli.confirm import before_anything_is_sent, confirm
from kataven.cli.exit_codes import Exit
from kataven.cli.output import fields, note, offer
from kataven.cli.session import Session, command, not_empty, refused_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kataven.bulk import BulkProgress
    from kataven.bulk._campaign_settings import BulkSettings
    from kataven.cli.bulk.options import Run
    from kataven.cli.campaigns.plan import Account
    from kataven.cli.credentials import Credentials

__all__ = ["end", "launch", "launch_run", "settings_for"]

_NAMES: Final = ("name", "agent_id", "phone_number_id")


@command(
    "launch",
    json=True,
    jsonl=True,
    examples=[
        "kataven bulk launch spring --name Spring --agent-id agent_1 --phone-number-id number_1",
        "kataven bulk launch spring --watch --yes",
    ],
)
@DIRECTORY
@click.option(
    "--name",
    callback=not_empty,
    help="A name for people to read; each campaign gets a marker at its end.",
)
@click.option("--agent-id", callback=not_empty, help="The agent that speaks.")
@click.option("--phone-number-id", callback=not_empty, help="The number that calls.")
@call_settings
@click.option("--watch", is_flag=True, help="Follow the campaigns until they finish.")
@click.option(
    "--resend-unknown",
    is_flag=True,
    help="Send parts once more that were perhaps sent and are not found. A first draft may appear "
    "later; if a person starts it, people are called twice.",
)
@working_options
@yes
@dry_run
def launch(
    session: Session,
    directory: str,
    name: str | None,
    agent_id: str | None,
    phone_number_id: str | None,
    max_concurrent_calls: int,
    retries_per_contact: int,
    retry_delay_seconds: int,
    watch: bool,
    resend_unknown: bool,
    yes: bool,
    dry_run: bool,
    **working: Unpack[Working],
) -> Exit:
    """Create and start a campaign for each part of a plan, as the account's limits allow.

    May be run at any time, on several machines at once, and again after a crash: it does what is
    missing, and calls nobody twice. The first launch needs a name, an agent and a number, and fixes
    them with the call settings; later ones need no options. Ends when each part is started, with
    --watch when each has finished. Exits with 9 where parts are unknown.
    """
    run = open_run(directory, working)
    options = {
        "name": name,
        "agent_id": agent_id,
        "phone_number_id": phone_number_id,
        "max_concurrent_calls": max_concurrent_calls,
        "retries_per_contact": retries_per_contact,
        "retry_delay_seconds": retry_delay_seconds,
    }
    chosen = {option: value for option, value in options.items() if given(option)}
    settings = settings_for(run, chosen, options)
    return launch_run(
        session,
        run,
        settings,
        working,
        watch=watch,
        resend_unknown=resend_unknown,
        yes=yes,
        dry_run=dry_run,
    )


def settings_for(
    run: Run, chosen: Mapping[str, object], defaults: Mapping[str, object]
) -> BulkSettings:
    """Return what is chosen, and for the rest what the first launch has fixed, or defaults.

    Args:
        run: The plan and its ledger.
        chosen: What the user has given.
        defaults: For a first launch; a name, agent or number that is None must be given.

    Raises:
        click.UsageError: Something is missing, or different from what is fixed.
    """
    from kataven.bulk._campaign_settings import BulkSettings

    context = click.get_current_context()
    fixed = run.settings
    values: dict[str, Any] = {**(defaults if fixed is None else asdict(fixed)), **chosen}
    missing = [_option(name) for name in _NAMES if values[name] is None]
    if missing:
        raise click.UsageError(f"The first launch needs {', '.join(missing)}.", context)
    with refused_values():
        settings = BulkSettings(**values)
    if fixed in (None, settings) or run.progress.counts["planned"] == len(run.progress.parts):
        return settings
    before = asdict(fixed)
    different = ", ".join(
        f"{_option(name)} {before[name]}" for name in chosen if before[name] != values[name]
    )
    raise click.UsageError(
        f"The first launch has fixed {different}: leave these options out, so that the rest of "
        "the list is called like its beginning.",
        context,
    )


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def launch_run(
    session: Session,
    run: Run,
    settings: BulkSettings,
    working: Working,
    *,
    watch: bool,
    resend_unknown: bool = False,
    yes: bool,
    dry_run: bool,
) -> Exit:
    """Say what will happen, ask, and launch.

    Args:
        session: The shared options.
        run: The plan and its ledger.
        settings: What the campaigns are created with.
        working: How the worker works.
        watch: Whether to follow the campaigns to their end.
        resend_unknown: Whether to send parts once more whose campaign cannot be found.
        yes: Whether not to ask.
        dry_run: Whether to send nothing that changes anything.

    Returns:
        The exit code.
    """
    before = run.progress
    if before.wanted == "stopped":
        return conflict(
            "the run is stopped, which is final: nothing more is started",
            "prepare the list in another directory, and exclude what is called already: "
            "kataven bulk prepare --exclude DIRECTORY",
        )
    if before.wanted == "paused":
        return conflict(
            "the run is paused", f"'kataven {run.command('resume {}')}' continues with it"
        )
    left = len(due(before))
    credentials = session.access.credentials()
    with session.access.client(credentials) as client:
        if not (left or before.unknown):
            note("Every part is started already.")
        elif not session.quiet or not yes:
            with before_anything_is_sent():
                account = read_account(client)
                _show_plan(run, settings, account, credentials, resend_unknown=resend_unknown)
        if dry_run:
            text = "nothing was created, and nobody is called."
            end_dry_run_of(run, session, text, campaign=asdict(settings))
            return Exit.DONE
        if left:
            confirm(f"Create and start {f'{left:,} campaigns' if left > 1 else 'it'}", yes=yes)
        elif before.unknown:
            confirm("Look for the unknown campaigns, and start them", yes=yes)
        last = act(
            session,
            run,
            client,
            working,
            lambda opened: (
                opened.apply(resend_unknown=resend_unknown)
                if watch
                else opened.launch(resend_unknown=resend_unknown)
            ),
            settings,
        )
    print_run(session, run, last)
    return end(session, run, last, failed=watch)


def end(session: Session, run: Run, last: BulkProgress, *, failed: bool) -> Exit:
    """Say how a launch or a watch ended, and what to do next; return the exit code."""
    if session.for_people and not session.quiet:
        _say_end(run, last)
    show_unknown(run, last)
    return code_of(last, failed=failed)


def _say_end(run: Run, last: BulkProgress) -> None:
    left = len(due(last))
    if last.wanted != "running" and left:
        note(f"The run was {last.wanted} meanwhile: {left:,} parts are not started.", fg="yellow")
    if last.counts["started"]:
        offer("Follow it: ", run.command("watch {}"))
    elif last.counts["finished"] or last.counts["failed"]:
        offer("Results:   ", f"{run.command('results {}')} -o results.csv")
        offer("Call again:", f"{run.command('retry {}')} -o retry.csv")


def _show_plan(
    run: Run,
    settings: BulkSettings,
    account: Account,
    credentials: Credentials,
    *,
    resend_unknown: bool,
) -> None:
    progress = run.progress
    parts = due(progress)
    people = sum(part.rows for part in parts)
    note(
        f"This calls {people:,} {'person' if people == 1 else 'people'} in {len(parts):,} "
        f"{'campaign' if len(parts) == 1 else 'campaigns'}:",
        bold=True,
    )
    campaign = asdict(settings)
    fields(
        {
            "  plan": f"{run.plan.directory} ({counted(progress)})",
            "  name": settings.name,
            "  agent_id": settings.agent_id,
            "  phone_number_id": settings.phone_number_id,
            "  at once": f"{shown_settings(campaign)}, of each campaign",
            **({"  local hours": _hours(run)} if progress.groups else {}),
            "  estimate": _estimate(people, len(parts), settings, account),
            "  account's limits": shown_limits(account),
            "  concurrency left": shown_left(campaign, account),
            "  account": f"{credentials.account} at {credentials.base_url} ({credentials.source})",
        },
        to_stderr=True,
    )
    if progress.groups:
        note(
            "Only a process that watches pauses and resumes campaigns for local hours (--watch, or "
            "'kataven bulk watch'): without one, calls go on outside of them.",
            fg="yellow",
        )
    if unknown := len(progress.unknown):
        note(
            f"{unknown:,} unknown {'part is' if unknown == 1 else 'parts are'} looked for first, "
            "and started if found"
            + (
                "; what is not found is sent once more, and if a person starts a first draft that "
                "appears later, people are called twice."
                if resend_unknown
                else "; what is not found is not sent."
            ),
            fg="red" if resend_unknown else "yellow",
        )


def _hours(run: Run) -> str:
    return f"{run.plan.options['windows']}: {hours(run.progress)}"


def _estimate(people: int, parts: int, settings: BulkSettings, account: Account) -> str:
    """Estimate with as many campaigns at once as the account's concurrency allows."""
    most = (account.limits or {}).get("concurrent_max")
    if not isinstance(most, int) or not parts:
        return UNKNOWN
    concurrent = settings.max_concurrent_calls
    at_once = min(parts, most // concurrent)
    if not at_once:
        return f"no campaign starts: {concurrent} calls at once are more than the account's {most}"
    campaign = {**asdict(settings), "max_concurrent_calls": at_once * concurrent}
    shown = shown_estimate(Plan(people, campaign, ""), account)
    return f"{shown}, with {at_once:,} {'campaign' if at_once == 1 else 'campaigns'} at once"
