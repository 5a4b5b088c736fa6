"""Writes the reference section of docs/reference/cli.md from the commands themselves.

::

    python scripts/make_cli_reference.py          write the section
    python scripts/make_cli_reference.py --check  compare, and change nothing

Exit code: 0, or 1 if ``--check`` found a difference.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools import imported

with imported():
    import click

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
NAME: Final = "docs/reference/cli.md"
PAGE: Final = ROOT / NAME
BEGIN: Final = "<!-- The reference: written by scripts/make_cli_reference.py -->\n"
END: Final = "<!-- End of the reference -->\n"


def commands(names: tuple[str, ...] = ("kataven",)) -> Iterator[tuple[str, click.Command]]:
    """Yield each command with its full name; groups that are no command of their own left out."""
    from kataven.cli.commands import COMMANDS, LazyGroup  # noqa: PLC0415 - after sys.path

    table = COMMANDS
    if names[1:]:
        group = getattr(import_module(COMMANDS[names[1]][0]), COMMANDS[names[1]][1])
        table = group.table
    for name, (module, attribute, _) in table.items():
        command = getattr(import_module(module), attribute)
        if isinstance(command, LazyGroup):
            if command.invoke_without_command:
                yield " ".join((*names, name)), command
            yield from commands((*names, name))
        else:
            yield " ".join((*names, name)), command


def is_shared(parameter: click.Parameter) -> bool:
    """Whether an option is one of those that ``kataven.cli.session`` adds."""
    return isinstance(parameter, click.Option) and not parameter.expose_value


def rows(command: click.Command, name: str, *, shared: bool) -> dict[str, str]:
    """Return the options of a command and what they mean."""
    context = click.Context(command, info_name=name)
    found = {}
    for parameter in command.params:
        record = parameter.get_help_record(context)
        # An argument has no help; its command says what it means.
        if record is not None and record[1] and is_shared(parameter) is shared:
            found[record[0]] = re.sub(r"\s+", " ", record[1])
    return found


def table(options: dict[str, str]) -> str:
    """Return options as a table."""
    lines = [f"| `{cell(names)}` | {cell(text)} |\n" for names, text in options.items()]
    return "".join(["| option | meaning |\n|---|---|\n", *lines])


def cell(text: str) -> str:
    """Return text as it is written in a cell of a table."""
    return text.replace("|", "\\|")


def section(name: str, command: click.Command) -> str:
    """Return what the reference says of one command."""
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    parts = [f"### `{name}`\n", f"{text}\n", f"```text\n{usage}\n```\n"]
    if own := rows(command, name, shared=False):
        parts.append(table(own))
    shared = [option.opts[-1] for option in command.params if is_shared(option)]
    if shared:
        parts.append(f"Also: {', '.join(f'`{each}`' for each in shared if each != '--debug')}.\n")
    examples = inspect.cleandoc((command.epilog or "").replace("\b\n", ""))
    if examples.startswith("Examples:\n"):
        lines = [line.strip() for line in examples.splitlines()[1:] if line.strip()]
        parts.append("```sh\n" + "".join(f"{line}\n" for line in lines) + "```\n")
    elif examples:
        parts.append(f"{examples}\n")
    return "\n".join(parts)


def reference() -> str:
    """Return the section."""
    sections = []
    shared: dict[str, str] = {}
    for name, command in commands():
        sections.append(section(name, command))
        shared |= rows(command, name, shared=True)
    sections.append(
        "### Shared options\n\nOf the commands that name them above; every command has `--debug` "
        f"and `--help`.\n\n{table(shared)}"
    )
    return "\n".join(sections)


def main() -> int:
    """Write or compare the section; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="compare, and change nothing")
    check = parser.parse_args().check
    sys.path[:0] = [str(ROOT), str(ROOT / "generated")]
    with imported():
        text = reference()
    present = PAGE.read_text(encoding="utf-8")
    before, found_begin, rest = present.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not (found_begin and found_end):
        print(f"{PAGE}: the two comments around the reference are missing", file=sys.stderr)
        return 2
    wanted = f"{before}{BEGIN}\n{text}\n{END}{after}"
    if wanted == present:
        return 0
    if check:
        print(
            "docs/reference/cli.md is not what the commands say; run scripts/make_cli_reference.py:"
        )
        sys.stdout.writelines(
            difflib.unified_diff(
                present.splitlines(keepends=True),
                wanted.splitlines(keepends=True),
                NAME,
                "expected",
                n=1,
            )
        )
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    print(f"wrote {NAME}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
