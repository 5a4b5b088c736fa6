"""``kataven bulk pause | resume | stop``: what is wanted of a run, for all its workers.

What begins to dial, or cannot be undone, says first what will happen, and asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from kataven.cli.bulk.act import act, code_of, conflict, end_dry_run_of, print_run, show_unknown
from kataven.cli.bulk.options import (
    DIRECTORY,
    Working,
    dry_run,
    launched,
    working_options,
    yes,
)
from kataven.cli.bulk.view import due
from kataven.cli.campaigns.plan import read_account, shown_left, shown_limits
from kataven.cli.confirm import before_anything_is_sent, confirm
from kataven.cli.exit_codes import Exit
from kataven.cli.output import fields, note, offer, say
from kataven.cli.session import Session, command
from kataven.contacts._problems import counted

if TYPE_CHECKING:
    from kataven.bulk import BulkProgress
    from kataven.cli.bulk.options import Run
    from kataven.cli.credentials import Credentials

_STOPPED = "the run is stopped, which is final"


@command("pause", json=True, examples=["kataven bulk pause spring"])
@DIRECTORY
@working_options
def pause(session: Session, directory: str, **working: Unpack[Working]) -> Exit:
    """Pause a run: nothing is started from now on, and what runs is paused.

    All workers obey, on all machines. Calls in flight finish.
    """
    run, _ = launched(directory, working)
    if run.progress.wanted == "stopped":
        return conflict(_STOPPED, f"'kataven {run.command('status {}')}' shows it")
    with session.access.client() as client:
        last = act(session, run, client, working, lambda opened: opened.pause())
    running, paused = _started(last)
    return _end(
        session,
        run,
        last,
        f"The run is paused: nothing is started, and {_campaigns(paused)} "
        f"{'is' if paused == 1 else 'are'} paused"
        + (
            f"; {_campaigns(running)} did not take it and may have ended, which a watch shows."
            if running
            else "."
        ),
        "Resume:",
        run.command("resume {}"),
    )


@command("resume", json=True, examples=["kataven bulk resume spring --yes"])
@DIRECTORY
@working_options
@yes
@dry_run
def resume(
    session: Session, directory: str, yes: bool, dry_run: bool, **working: Unpack[Working]
) -> Exit:
    """Resume a paused run and its campaigns, as the account's limits allow.

    A campaign that a person paused by itself stays paused. Parts that were not started are started
    by launches, also by those that wait on other machines.
    """
    run, settings = launched(directory, working)
    before = run.progress
    if before.wanted == "stopped":
        return conflict(_STOPPED, f"'kataven {run.command('status {}')}' shows it")
    paused = [part for part in before.parts if part.state == "started" and part.status == "paused"]
    if before.wanted == "running" and not paused:
        note("The run is not paused.")
        if dry_run:
            end_dry_run_of(run, session, "nothing was changed.")
        else:
            print_run(session, run, before)
        return code_of(before)
    credentials = session.access.credentials()
    with session.access.client(credentials) as client:
        if not session.quiet or not yes:
            with before_anything_is_sent():
                account = read_account(client)
            people = sum(part.rows for part in paused)
            note(
                f"This resumes {_campaigns(len(paused))} with {counted(people, 'contact')}:",
                bold=True,
            )
            left = len(due(before))
            campaign = {"max_concurrent_calls": settings.max_concurrent_calls}
            fields(
                {
                    "  agent_id": settings.agent_id,
                    "  phone_number_id": settings.phone_number_id,
                    **({"  not started": _waiting(left)} if left else {}),
                    "  account's limits": shown_limits(account),
                    "  concurrency left": shown_left(campaign, account),
                    "  account": _account(credentials),
                },
                to_stderr=True,
            )
        if dry_run:
            end_dry_run_of(run, session, "nothing was changed.")
            return Exit.DONE
        confirm("Resume the run", yes=yes)
        last = act(session, run, client, working, lambda opened: opened.resume())
    left = len(due(last))
    return _end(
        session,
        run,
        last,
        f"The run continues: {_campaigns(_started(last)[0])} running.",
        "Start the rest:" if left else "Follow it:",
        run.command("launch {}" if left else "watch {}"),
    )


@command("stop", json=True, examples=["kataven bulk stop spring"])
@DIRECTORY
@working_options
@yes
@dry_run
def stop(
    session: Session, directory: str, yes: bool, dry_run: bool, **working: Unpack[Working]
) -> Exit:
    """Stop a run for good: nothing more is started, and what was started is stopped.

    All workers obey, on all machines. Calls in flight finish. Drafts stay on the Hub and call
    nobody.
    """
    run, _ = launched(directory, working)
    before = run.progress
    credentials = session.access.credentials()
    with session.access.client(credentials) as client:
        left = len(due(before))
        note(
            f"This stops {run.plan.directory} for good, for account {_account(credentials)}:",
            bold=True,
        )
        note(f"  {_campaigns(sum(_started(before)))} that started and did not finish")
        note(f"  {left:,} {'part' if left == 1 else 'parts'} that will never be started")
        if dry_run:
            end_dry_run_of(run, session, "nothing was stopped.")
            return Exit.DONE
        confirm("Stop the run", yes=yes)
        last = act(session, run, client, working, lambda opened: opened.stop())
    return _end(
        session,
        run,
        last,
        "The run is stopped, and nothing more is started.",
        "Follow what ends:",
        run.command("watch {}"),
    )


def _end(
    session: Session, run: Run, last: BulkProgress, text: str, label: str, next_command: str
) -> Exit:
    if session.for_people:
        say(text)
    print_run(session, run, last)
    if session.for_people and not session.quiet:
        offer(label, next_command)
    show_unknown(run, last)
    return code_of(last)


def _started(progress: BulkProgress) -> tuple[int, int]:
    """Return how many started campaigns are paused, and how many are not."""
    started = [part for part in progress.parts if part.state == "started"]
    paused = sum(part.status == "paused" for part in started)
    return len(started) - paused, paused


def _waiting(count: int) -> str:
    parts = "1 part, which is" if count == 1 else f"{count:,} parts, which are"
    return f"{parts} started by launches that wait"


def _campaigns(count: int) -> str:
    return f"{count:,} {'campaign' if count == 1 else 'campaigns'}"


def _account(credentials: Credentials) -> str:
    return f"{credentials.account} at {credentials.base_url} ({credentials.source})"
