"""``kataven config show | set | path``: the configuration file, and what of it is in use.

Must not print a key, nor a part of its secret, and sends nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from kataven.cli.access import DEFAULT_PROFILE, Access
from kataven.cli.credentials import account_of, checked, kind_of
from kataven.cli.output import document, note, printable, say, table
from kataven.cli.profiles import FIELDS, Profile, config_path, read_profiles, set_field
from kataven.cli.session import Session, command
from kataven.config import DEFAULT_BASE_URL, credential_headers, read_account_id, read_base_url
from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kataven.cli.credentials import Source


@command(
    "show",
    hub=False,
    json=True,
    examples=["kataven config show", "kataven config show --json"],
)
@click.option("--profile", metavar="NAME", help="Show what this profile would use.")
def show(session: Session, profile: str | None) -> None:
    """Show the profiles and what is in use; no key is shown.

    Key, URL and account come from one source: an explicit --profile, else the environment, else the
    profile that KATAVEN_PROFILE names, else the profile 'default'.
    """
    path, profiles = config_path(), read_profiles()
    source = Access(profile=profile).source()
    problem = _problem(source)
    used = {"source": source.name, **_described(source)}
    if session.json:
        document(
            {
                "path": str(path),
                "in_use": {**used, "problem": problem},
                "profiles": {name: _described(each) for name, each in profiles.items()},
            }
        )
        return
    if profiles:
        table(
            ("profile", "key", "account", "url"),
            [(name, *_cells(_described(each))) for name, each in profiles.items()],
        )
        say()
    else:
        say(f"There are no profiles in {path}.")
    key, account, url = _cells(_described(source))
    say(printable(f"In use: {source.name}; key: {key}; account: {account}; URL: {url}"))
    if problem:
        note(f"Not usable: {printable(problem)}", fg="yellow")
    if source.ignored:
        note(f"Set, but not used: {', '.join(source.ignored)}.")


def _described(source: Source | Profile) -> dict[str, str | None]:
    key = source.api_key
    return {
        "key": kind_of(key) if key else None,
        "account": account_of(key, source.account_id) if key else source.account_id,
        "base_url": source.base_url or DEFAULT_BASE_URL,
    }


def _cells(described: dict[str, str | None]) -> list[str]:
    return [value or "none" for value in described.values()]


def _problem(source: Source) -> str | None:
    """Say why this source cannot be used; None if it can."""
    try:
        if not source.api_key:
            return f"no API key: {source.add_key}"
        checked(source, source.api_key)
    except ConfigurationError as error:
        return str(error)
    return None


def _field(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if value not in FIELDS:
        # Not quoted: it may be a key in the wrong place.
        raise click.BadParameter(f"there is no such field; use {', '.join(FIELDS)}.")
    return value


def _complete_field(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    return [field for field in FIELDS if field.startswith(incomplete)]


_CHECKS: Final[Mapping[str, Callable[[str], object]]] = {
    "api_key": lambda key: credential_headers(key, "unused"),
    "base_url": read_base_url,
    "account_id": read_account_id,
}


@command(
    "set",
    hub=False,
    examples=[
        "kataven config set base_url https://hub.kataven.ai",
        "kataven config set account_id acme --profile staging",
        "kataven config set api_key < key.txt",
    ],
)
@click.argument("field", metavar="FIELD", callback=_field, shell_complete=_complete_field)
@click.argument("value", required=False)
@click.option(
    "--profile",
    metavar="NAME",
    default=DEFAULT_PROFILE,
    show_default=True,
    help="The profile to change; it is created if it does not exist.",
)
def set_value(session: Session, field: str, value: str | None, profile: str) -> None:
    """Set a field of a profile: api_key, base_url or account_id.

    'set api_key' takes no value, which other users could see in the process list, and which the
    shell would keep: it asks on a terminal, without echo, and else reads one line from standard
    input. The file is readable by its owner only.
    """
    if not profile:
        raise click.UsageError("--profile needs a name.")
    if field == "api_key":
        if value is not None:
            raise click.UsageError(
                "'set api_key' takes no value: it asks for the key, or reads it from standard "
                "input. A key on a command line is visible to other users and stays in the history "
                "of the shell: replace the one you typed."
            )
        value = _read_key()
    elif value is None:
        raise click.UsageError(f"'set {field}' needs a value.")
    try:
        _CHECKS[field](value)
    except ConfigurationError as error:
        raise click.UsageError(f"{error} (nothing was changed)") from None
    path = set_field(profile, field, value)
    if not session.quiet:
        note(f"Set {field} of the profile {profile!r} in {path}.")
        _remark(read_profiles()[profile], profile)


def _read_key() -> str:
    if sys.stdin is not None and sys.stdin.isatty():
        return str(click.prompt("API key (not shown)", hide_input=True, err=True)).strip()
    lines = [] if sys.stdin is None else sys.stdin.read().split("\n")
    first, *others = lines or [""]
    if not first.strip():
        raise click.UsageError("The key is read from standard input, but its first line is empty.")
    if any(line.strip() for line in others):
        raise click.UsageError(
            "The key is read from standard input, but that has more than one line."
        )
    return first.strip()


def _remark(profile: Profile, name: str) -> None:
    """Point out what is missing, and a key that does not look like one."""
    key, option = profile.api_key, "" if name == DEFAULT_PROFILE else f" --profile {name}"
    if not key:
        note(f"It has no key yet: 'kataven config set api_key{option}' asks for it.")
    elif kind_of(key) == "JWT":
        note("The key is a JWT: it expires, usually within an hour.", fg="yellow")
        if not profile.account_id:
            note(f"It needs an account: 'kataven config set account_id NAME{option}'.", fg="yellow")
    elif kind_of(key) != "API key":
        note(
            "The key does not look like sk_live_<account>_...; it is stored as it is.", fg="yellow"
        )


@command("path", hub=False, examples=["kataven config path"])
def path(session: Session) -> None:  # noqa: ARG001 - every command takes it
    """Print the path of the configuration file, whether it exists or not."""
    say(str(config_path()))
