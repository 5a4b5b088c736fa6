"""What every command has: how the Hub is reached, and how results are printed.

Knows the options that all commands share. Must not know any command.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import click

from kataven.cli.access import Access
from kataven.cli.wording import as_commands
from kataven.errors import ContactsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Session", "command", "not_empty", "refused_values"]

Given = TypeVar("Given", str | None, tuple[str, ...])


@dataclass(slots=True)
class Session:
    """The shared options of one command.

    Attributes:
        access: How the Hub is reached.
        json: Whether the result is one JSON document.
        jsonl: Whether the result is a line of JSON for each item.
        debug: Whether an error shows its traceback.
    """

    access: Access = field(default_factory=Access)
    json: bool = False
    jsonl: bool = False
    debug: bool = False

    @property
    def quiet(self) -> bool:
        """Whether only results and errors are printed."""
        return self.access.quiet

    @property
    def for_people(self) -> bool:
        """Whether results are text for people."""
        return not (self.json or self.jsonl)


@contextmanager
def refused_values() -> Iterator[None]:
    """Turn the SDK's refusal of a value into a usage error; for calls that change nothing."""
    try:
        yield
    except (UnicodeError, ContactsError):
        # A ValueError as well, but about the content of a file.
        raise
    except ValueError as error:
        raise click.UsageError(as_commands(str(error)), click.get_current_context()) from error


def not_empty(_context: click.Context, parameter: click.Parameter, value: Given) -> Given:
    """Refuse an empty value, which comes from an unset variable of the shell."""
    values = value if isinstance(value, tuple) else (value,)
    if any(each is not None and not each.strip() for each in values):
        raise click.BadParameter("it is empty: is a shell variable not set?", param=parameter)
    return value


def command(
    name: str,
    *,
    examples: Sequence[str],
    hub: bool = True,
    json: bool = False,
    jsonl: bool = False,
    cls: type[click.Command] = click.Command,
    **settings: object,
) -> Callable[[Callable[..., object]], click.Command]:
    """Make a function a command with the shared options; its first argument is the ``Session``.

    Args:
        name: The name of the command.
        examples: Command lines for the help text. They are run by a test.
        hub: Whether it sends requests, and so takes the options that say where to.
        json: Whether it takes ``--json``.
        jsonl: Whether it takes ``--jsonl``.
        cls: The class of the command.
        settings: What the class takes besides, such as ``invoke_without_command`` of a group.
    """
    shown = "".join(f"  {example}\n" for example in examples)

    def decorate(function: Callable[..., object]) -> click.Command:
        with_session: Callable[..., object] = click.make_pass_decorator(Session, ensure=True)(
            function
        )
        made = click.command(
            name,
            cls,
            epilog=f"\b\nExamples:\n{shown}",
            context_settings={"help_option_names": ["-h", "--help"]},
            **settings,
        )(with_session)
        # After the command's own options in its help text.
        made.params += _shared_options(hub=hub, json=json, jsonl=jsonl)
        return made

    return decorate


def _shared_options(*, hub: bool, json: bool, jsonl: bool) -> list[click.Parameter]:
    options: list[click.Parameter] = []
    if json:
        options.append(_flag("--json", "json", "Print one JSON document."))
    if jsonl:
        options.append(_flag("--jsonl", "jsonl", "Print one line of JSON for each item."))
    if hub:
        options += [
            _text("--profile", "NAME", "Use this profile of the configuration file."),
            _text("--api-key-file", "FILE", "Read the API key from a file ('-': standard input)."),
            _text("--base-url", "URL", "Where the Hub is, for the key of --api-key-file."),
            _text("--account-id", "NAME", "The account that a JWT acts for."),
            click.Option(
                ["--no-rate-limit"],
                is_flag=True,
                expose_value=False,
                callback=_lift_rate_limit,
                help="Do not keep to the documented request limits of an account.",
            ),
        ]
    options += [
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_to_access("quiet"),
            help="Print only results and errors.",
        ),
        _flag("--debug", "debug", "Show the traceback of an error."),
    ]
    return options


def _flag(option: str, field_name: str, text: str) -> click.Option:
    return click.Option(
        [option], is_flag=True, expose_value=False, callback=_to_session(field_name), help=text
    )


def _text(option: str, metavar: str, text: str) -> click.Option:
    name = option.removeprefix("--").replace("-", "_")
    return click.Option(
        [option], metavar=metavar, expose_value=False, callback=_to_access(name), help=text
    )


_Callback: TypeAlias = "Callable[[click.Context, click.Parameter, object], object]"


def _to_session(name: str) -> _Callback:
    def store(context: click.Context, _parameter: click.Parameter, value: object) -> object:
        setattr(context.ensure_object(Session), name, value)
        return value

    return store


def _to_access(name: str) -> _Callback:
    def store(context: click.Context, _parameter: click.Parameter, value: object) -> object:
        setattr(context.ensure_object(Session).access, name, value)
        return value

    return store


def _lift_rate_limit(context: click.Context, _parameter: click.Parameter, value: object) -> None:
    context.ensure_object(Session).access.rate_limit = not value
