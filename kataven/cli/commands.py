"""The root of the command line: ``kataven``, its version and its commands.

Knows which module holds which command, and loads only the one that is called.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from kataven import __version__

# Each command: its module, and its line in ``kataven --help``.
COMMANDS: Final = {
    "demo": ("kataven.cli.demo", "Run a campaign on an embedded Hub; no real calls are made."),
}


class LazyCommands(click.Group):
    """A group that imports the module of a command when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of the commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command; return None if there is none with this name."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name][0]}.{cmd_name} is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands for the help text without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.command(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kataven", message="%(prog)s %(version)s")
def kataven() -> None:
    """Outbound calling campaigns on the Kataven Hub."""
