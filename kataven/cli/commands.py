"""The root of the command line: `kataven`, its version and its commands.

Knows which file holds which command and loads only the one that is called.
"""

from importlib import import_module
from typing import Final

import click

from kataven import __version__

# Each command with its module and the sentence that `kataven --help` shows for it.
COMMANDS: Final = {
    "demo": ("kataven.cli.demo", "Run a campaign on an embedded Hub; nobody is called."),
}


class LazyCommands(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name the commands in order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command, or None where there is no such name."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name][0]}.{cmd_name} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands for the help text without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.command(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kataven", message="%(prog)s %(version)s")
def kataven() -> None:
    """Outbound calling campaigns on the Kataven Hub."""
