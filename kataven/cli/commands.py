"""The root of the command line: ``kataven``, its version and its commands.

Knows which module holds which command, and loads only the one that is called.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from kataven._version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from click.shell_completion import CompletionItem

_SETTINGS: Final = {"help_option_names": ["-h", "--help"]}
_CAMPAIGNS: Final = "kataven.cli.campaigns"
_CONTACTS: Final = "kataven.cli.contacts"
_BULK: Final = "kataven.cli.bulk"

# Each command: the module and the name of its object there, and its line in the help of its group.
CAMPAIGNS: Final = {
    "list": (f"{_CAMPAIGNS}.read", "list_campaigns", "List the campaigns of the account."),
    "get": (f"{_CAMPAIGNS}.read", "get", "Show a campaign."),
    "create": (f"{_CAMPAIGNS}.create", "create", "Create a draft from a contact list."),
    "start": (f"{_CAMPAIGNS}.control", "start", "Start a draft: the Hub begins to call."),
    "pause": (f"{_CAMPAIGNS}.control", "pause", "Pause a running campaign."),
    "resume": (f"{_CAMPAIGNS}.control", "resume", "Resume a paused campaign."),
    "stop": (f"{_CAMPAIGNS}.stop", "stop", "Stop campaigns for good."),
    "delete": (f"{_CAMPAIGNS}.control", "delete", "Delete a campaign."),
    "contacts": (f"{_CAMPAIGNS}.read", "contacts", "List the contacts of a campaign."),
    "watch": (f"{_CAMPAIGNS}.watch", "watch", "Follow campaigns until they finish."),
    "run": (f"{_CAMPAIGNS}.run", "run", "Create, start and follow a campaign."),
    "export": (f"{_CAMPAIGNS}.export", "export", "Write the contacts of campaigns to files."),
    "retry": (f"{_CAMPAIGNS}.retry", "retry", "List, or call again, who was not reached."),
    "report": (f"{_CAMPAIGNS}.report", "report", "Write a page about a campaign."),
}
CONTACTS: Final = {
    "check": (f"{_CONTACTS}.check", "check", "Check a contact list row by row."),
    "clean": (f"{_CONTACTS}.clean", "clean", "Write a contact list as the Hub accepts it."),
    "split": (f"{_CONTACTS}.split", "split", "Divide a list into parts for one campaign each."),
    "estimate": (f"{_CONTACTS}.estimate", "estimate", "Estimate how long a list takes."),
}
BULK: Final = {
    "prepare": (f"{_BULK}.prepare", "prepare", "Make a plan of a list of any length."),
    "launch": (f"{_BULK}.launch", "launch", "Create and start a campaign for each part."),
    "watch": (f"{_BULK}.watch", "watch", "Follow the campaigns of a plan."),
    "status": (f"{_BULK}.status", "status", "Show how far a run is; no request is sent."),
    "pause": (f"{_BULK}.control", "pause", "Pause a run on all machines."),
    "resume": (f"{_BULK}.control", "resume", "Resume a paused run."),
    "stop": (f"{_BULK}.control", "stop", "Stop a run for good."),
    "results": (f"{_BULK}.results", "results", "Write all contacts of a run to a file."),
    "retry": (f"{_BULK}.retry", "retry", "List, or call again, who was not reached."),
}
CONFIG: Final = {
    "show": ("kataven.cli.config", "show", "Show the profiles and what is in use."),
    "set": ("kataven.cli.config", "set_value", "Set a field of a profile."),
    "path": ("kataven.cli.config", "path", "Print the path of the configuration file."),
}
# These and the embedded Hub itself: `kataven sandbox` without a command runs it.
SANDBOX: Final = {
    "record": ("kataven.cli.recording", "record", "Record a real Hub through a proxy."),
    "compare": ("kataven.cli.recording", "compare", "Compare the embedded Hub with a recording."),
}
COMMANDS: Final = {
    "campaigns": ("kataven.cli.commands", "campaigns", "Create, run and follow campaigns."),
    "contacts": ("kataven.cli.commands", "contacts", "Check, clean and split contact lists."),
    "bulk": ("kataven.cli.commands", "bulk", "Call lists that are too long for one campaign."),
    "limits": ("kataven.cli.limits", "limits", "Show the limits of the account."),
    "doctor": ("kataven.cli.doctor", "doctor", "Check key, network and installation."),
    "config": ("kataven.cli.commands", "config", "Show and change the configuration."),
    "demo": ("kataven.cli.demo", "demo", "Run a campaign on an embedded Hub; nobody is called."),
    "sandbox": ("kataven.cli.sandbox", "sandbox", "Run an embedded Hub; nobody is called."),
}


class LazyGroup(click.Group):
    """A group that imports the module of a command when the command is called."""

    table: Mapping[str, tuple[str, str, str]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of the commands in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command; return None if there is none with this name."""
        if cmd_name not in self.table:
            return None
        module, name, _ = self.table[cmd_name]
        command = getattr(import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{name} is not a click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; name the nearest one if there is none with this name."""
        name = args[0]
        if name not in self.table and not name.startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(name, self.table, n=1)
            hint = (
                f"did you mean '{ctx.command_path} {near[0]}'?"
                if near
                else (f"'{ctx.command_path} --help' lists the commands.")
            )
            raise click.UsageError(f"There is no command {name!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the names of the commands, without loading them, and the options."""
        from click.shell_completion import CompletionItem

        return [
            *(
                CompletionItem(name, help=line)
                for name, (_, _, line) in self.table.items()
                if name.startswith(incomplete)
            ),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands for the help text without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in self.table.items()])


class _Root(LazyGroup):
    table = COMMANDS


class _Campaigns(LazyGroup):
    table = CAMPAIGNS


class _Contacts(LazyGroup):
    table = CONTACTS


class _Bulk(LazyGroup):
    table = BULK


class _Config(LazyGroup):
    table = CONFIG


@click.command(cls=_Root, context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="kataven", message="%(prog)s %(version)s")
def kataven() -> None:
    """Outbound calling campaigns on the Kataven Hub."""


@click.command("campaigns", cls=_Campaigns, context_settings=_SETTINGS)
def campaigns() -> None:
    """Create, run and follow campaigns."""


@click.command("contacts", cls=_Contacts, context_settings=_SETTINGS)
def contacts() -> None:
    """Check, clean, split and estimate contact lists; nothing is sent."""


@click.command("bulk", cls=_Bulk, context_settings=_SETTINGS)
def bulk() -> None:
    """Prepare, launch and follow lists that are too long for one campaign."""


@click.command("config", cls=_Config, context_settings=_SETTINGS)
def config() -> None:
    """Show and change the configuration file."""
