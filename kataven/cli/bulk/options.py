"""The options that commands about a plan share: its folder, its ledger, how a worker works.

Knows the names and defaults. Opens nothing but the plan's ledger, to read what it has fixed.
"""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypedDict

import click
from click.core import ParameterSource

from kataven.cli.session import not_empty
from kataven.cli.wording import as_commands
from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kataven.bulk import BulkPlan, BulkProgress
    from kataven.bulk._campaign_settings import BulkSettings

__all__ = [
    "DIRECTORY",
    "Run",
    "Store",
    "Working",
    "dry_run",
    "given",
    "launched",
    "ledger_errors",
    "open_run",
    "store_options",
    "working_options",
    "yes",
]

STORE_VARIABLE: Final = "KATAVEN_BULK_STORE"

DIRECTORY: Final = click.argument(
    "directory",
    metavar="DIRECTORY",
    type=click.Path(file_okay=False),
    callback=not_empty,
)
yes: Final = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
dry_run: Final = click.option(
    "--dry-run", is_flag=True, help="Show what would happen; send nothing that changes anything."
)


class Store(TypedDict):
    """Where the ledger is, as click passes it.

    Attributes:
        store: A path or a URL, None for the file in the folder of the plan.
        allow_lossy_store: Whether a Redis may be used that can lose what it has confirmed.
    """

    store: str | None
    allow_lossy_store: bool


class Working(Store):
    """How a worker works, as click passes it.

    Attributes:
        lease_seconds: How long a part belongs to a worker that shows no sign of life.
        poll_seconds: How often the Hub is asked, by all workers together.
    """

    lease_seconds: float
    poll_seconds: float


_STORE: Final = (
    click.option(
        "--store",
        metavar="PATH|URL",
        envvar=STORE_VARIABLE,
        show_envvar=True,
        help="The ledger: an SQLite file on this machine, or redis://... for several machines. "
        "Default: ledger.sqlite in DIRECTORY. The same for every command about a plan.",
    ),
    click.option(
        "--allow-lossy-store",
        is_flag=True,
        help="Accept a Redis that can lose what it has confirmed: after a crash of it people may "
        "be called twice.",
    ),
)
_WORKING: Final = (
    *_STORE,
    click.option(
        "--lease-seconds",
        type=float,
        default=120,
        show_default=True,
        help="How long a part belongs to a worker that shows no sign of life.",
    ),
    click.option(
        "--poll-seconds",
        type=float,
        # The 2 s of the library take more than the documented 10,000 requests of a day.
        default=30,
        show_default=True,
        help="How often the Hub is asked for the campaigns, by all workers together.",
    ),
)


def store_options(function: Callable[..., object]) -> Callable[..., object]:
    """Add the options to a command, which takes them as ``**store: Unpack[Store]``."""
    for option in reversed(_STORE):
        function = option(function)
    return function


def working_options(function: Callable[..., object]) -> Callable[..., object]:
    """Add the options to a command, which takes them as ``**working: Unpack[Working]``."""
    for option in reversed(_WORKING):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class Run:
    """A plan and what its ledger has, before a command changes anything.

    Attributes:
        plan: The plan.
        store: Where the ledger is.
        settings: What the first launch has fixed, or None.
        progress: How far it is.
    """

    plan: BulkPlan
    store: Store
    settings: BulkSettings | None
    progress: BulkProgress

    def command(self, verb: str) -> str:
        """Return the arguments of ``kataven`` for another command about this plan."""
        directory = shlex.quote(str(self.plan.directory))
        return f"bulk {verb.format(directory)}{self._store()}"

    def _store(self) -> str:
        """Return the options of the ledger, as far as they are not in the environment."""
        place = self.store["store"]
        if place is None or not given("store"):
            return ""
        # A password of Redis is not printed.
        option = " --store URL" if "@" in place else f" --store {shlex.quote(place)}"
        return option + (" --allow-lossy-store" if self.store["allow_lossy_store"] else "")


def given(option: str) -> bool:
    """Whether an option of the running command was given on the command line."""
    source = click.get_current_context().get_parameter_source(option)
    return source is ParameterSource.COMMANDLINE


def open_run(directory: str, store: Store) -> Run:
    """Open a plan, and read its ledger; nothing is created.

    Args:
        directory: The folder of the plan.
        store: Where the ledger is; a worker's options will do.

    Raises:
        BulkError: There is no plan in the folder.
        click.ClickException: The ledger cannot be used.
    """
    from kataven.bulk import BulkPlan
    from kataven.bulk._status import read_launched

    plan = BulkPlan.open(directory)
    only: Store = {"store": store["store"], "allow_lossy_store": store["allow_lossy_store"]}
    with ledger_errors():
        settings, progress = read_launched(plan, **only)
    return Run(plan, only, settings, progress)


def launched(directory: str, store: Store) -> tuple[Run, BulkSettings]:
    """Open a run that was launched, and return the settings of its first launch, too.

    Raises:
        BulkError: There is no plan in the folder, or it was not launched with this ledger.
        click.ClickException: The ledger cannot be used.
    """
    from kataven.bulk._status import not_launched

    run = open_run(directory, store)
    if run.settings is None:
        raise not_launched()
    return run, run.settings


@contextmanager
def ledger_errors() -> Iterator[None]:
    """Make an error of the ledger one of this machine: it is not about the key.

    Raises:
        click.ClickException: The ledger cannot be used.
    """
    try:
        yield
    except ConfigurationError as error:
        raise click.ClickException(as_commands(str(error))) from error
