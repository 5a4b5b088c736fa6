"""``BulkRun``: a plan becomes campaigns, by any number of processes.

Knows the public methods and which ledger they use. What is done is in ``_worker`` and ``_launch``.
"""

from __future__ import annotations

import inspect
import logging
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, Literal

from kataven import _validate
from kataven.bulk._campaign_settings import BulkSettings
from kataven.bulk._context import RunContext
from kataven.bulk._follow import Follower
from kataven.bulk._opening import PlanHours
from kataven.bulk._plan import BulkPlan, Part
from kataven.bulk._progress import BulkMeter
from kataven.bulk._status import ledger_of, not_launched, progress_in, read_launched
from kataven.bulk._worker import Worker
from kataven.client import KatavenClient
from kataven.clock import time_of_day
from kataven.errors import BulkError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from kataven.bulk._context import Campaigns
    from kataven.bulk._opening import GroupHours
    from kataven.bulk._progress import BulkProgress, PartStatus
    from kataven.bulk._results import Results
    from kataven.bulk._results_values import BulkResults, ResultsCost, ResultsProgress
    from kataven.bulk.ledger import Ledger
    from kataven.bulk.ledger.states import Wanted
    from kataven.clock import Clock
    from kataven.contacts._retry import RetryList
    from kataven.types import ContactStatus, LastError

__all__ = ["BulkRun", "apply_part"]

logger = logging.getLogger("kataven")

_DEFAULT_LEASE: Final = 120.0
_DEFAULT_POLL: Final = 2.0


class BulkRun:
    """A plan that is called, part by part, and nobody twice.

    Any number of processes may have a ``BulkRun`` of the same plan and ledger, at any time. Each
    does what is missing. The ledger guarantees that of each part at most one campaign is started.

    Args:
        plan: The plan.
        client: A blocking client. Its retries, limits and hooks apply to every request.
        name: The name of the campaigns; each gets a marker at its end, such as
            ``[kv:1f2e3d4c5b6a7988]``, by which it is found again. Do not remove it.
        agent_id: The agent that speaks.
        phone_number_id: The number that calls.
        max_concurrent_calls: Calls of each campaign in flight at once.
        retries_per_contact: How often a contact is dialled again.
        retry_delay_seconds: Seconds between two calls to one contact.
        store: The ledger: the path of an SQLite file, for the processes of one machine, or a
            ``redis://`` URL, for several machines. Default: ``ledger.sqlite`` in the folder of the
            plan. Use one ledger for a plan: two that are used at once would call everybody twice.
        lease_seconds: How long a part belongs to a worker that shows no sign of life; default: 120.
        poll_seconds: How often the Hub is asked for the list of campaigns, by all processes
            together; default: every 2 seconds.
        on_progress: Called with a ``BulkProgress`` when something has changed. With it, ``watch``
            and ``apply`` also follow the event streams of up to 8 campaigns, over all workers.
        allow_lossy_store: Whether a Redis may be used that does not write to disk before it
            confirms. After a crash of such a Redis people may be called twice.

    Raises:
        ConfigurationError: The ledger cannot be used.
        BulkError: The plan has local hours, and this machine does not know a time zone.
        TypeError: An argument has the wrong type, or the client is not a blocking one.
        ValueError: An argument has a wrong value.
    """

    def __init__(
        self,
        plan: BulkPlan,
        client: KatavenClient,
        *,
        name: str,
        agent_id: str,
        phone_number_id: str,
        max_concurrent_calls: int = 5,
        retries_per_contact: int = 0,
        retry_delay_seconds: int = 300,
        store: str | os.PathLike[str] | None = None,
        lease_seconds: float = _DEFAULT_LEASE,
        poll_seconds: float = _DEFAULT_POLL,
        on_progress: Callable[[BulkProgress], object] | None = None,
        allow_lossy_store: bool = False,
    ) -> None:
        given: object = client
        if not isinstance(given, KatavenClient):
            raise TypeError(
                f"client must be a KatavenClient (the blocking one), not {type(given).__name__}"
            )
        given = plan
        if not isinstance(given, BulkPlan):
            raise TypeError(
                "plan must be a BulkPlan, such as BulkPlan.open(directory), not "
                f"{type(given).__name__}"
            )
        _validate.function("on_progress", on_progress, "a kataven.bulk.BulkProgress")
        if inspect.iscoroutinefunction(on_progress):
            raise TypeError("on_progress must be a plain function")
        self._settings = BulkSettings(
            name,
            agent_id,
            phone_number_id,
            max_concurrent_calls,
            retries_per_contact,
            retry_delay_seconds,
        )
        self._plan = plan
        self._client = client
        self._clock: Clock = client._driver.clock  # noqa: SLF001 - the client's clock
        self._lease = _validate.seconds("lease_seconds", lease_seconds)
        self._poll = _validate.seconds("poll_seconds", poll_seconds)
        self._on_progress = on_progress
        self._hours = PlanHours(plan, self._time_of_day)
        self._meter = BulkMeter(plan, self._hours)
        self._lock = threading.Lock()
        self._last: tuple[tuple[PartStatus, ...], tuple[GroupHours, ...], int] | None = None
        self._follower: Follower | None = None
        # Whether the settings are those that a launch has fixed, so that this one fixes none.
        self._opened = False
        self._ledger: Ledger = ledger_of(
            plan, store, allow_lossy_store=allow_lossy_store, turn_clock=self._time_of_day
        )

    @classmethod
    def open(
        cls,
        plan: BulkPlan,
        client: KatavenClient,
        *,
        store: str | os.PathLike[str] | None = None,
        lease_seconds: float = _DEFAULT_LEASE,
        poll_seconds: float = _DEFAULT_POLL,
        on_progress: Callable[[BulkProgress], object] | None = None,
        allow_lossy_store: bool = False,
    ) -> Self:
        """Open a run that was launched before, with the settings that the ledger has fixed.

        Args:
            plan: The plan.
            client: As for the constructor, and so are all that follow.
            store: The ledger of the launch.
            lease_seconds: How long a part belongs to a worker that shows no sign of life.
            poll_seconds: How often the Hub is asked, by all processes together.
            on_progress: Called with a ``BulkProgress`` when something has changed.
            allow_lossy_store: Whether a Redis may be used that can lose what it has confirmed.

        Returns:
            The run.

        Raises:
            BulkError: The ledger does not exist, or nothing was launched with it.
            ConfigurationError: The ledger cannot be used.
            TypeError: An argument has the wrong type, or the client is not a blocking one.
            ValueError: An argument has a wrong value.
        """
        fixed, _ = read_launched(plan, store, allow_lossy_store=allow_lossy_store)
        if fixed is None:
            raise not_launched()
        run = cls(
            plan,
            client,
            **asdict(fixed),
            store=store,
            lease_seconds=lease_seconds,
            poll_seconds=poll_seconds,
            on_progress=on_progress,
            allow_lossy_store=allow_lossy_store,
        )
        run._opened = True
        return run

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger's file or connections. What it holds stays, and so do the campaigns."""
        self._ledger.close()

    def launch(self, *, resend_unknown: bool = False) -> BulkProgress:
        """Create and start the campaigns that are missing, as the account's limits allow.

        Returns when each part is started or unknown, or when the run is paused or stopped
        meanwhile. Where the account's concurrency is used up, it waits for a campaign to end. Parts
        of a plan with ``windows=`` wait for their local hours, which may take days; parts that
        never may call stay ``planned``. Afterwards nothing pauses the campaigns at the end of their
        hours: a process has to run ``watch`` or ``apply``, as a warning in the log says.

        Args:
            resend_unknown: Whether to send parts once more that were perhaps sent, and whose
                campaign cannot be found. Only one campaign of a part is ever started by this
                ledger. The risk is a draft that stays on the Hub: if a person starts it, people
                are called twice.

        Returns:
            The progress. Look at its ``unknown``.

        Raises:
            ConfigurationError: The first launch has fixed other settings.
            BulkError: The run is paused or stopped, or a part is damaged.
            KatavenError: The Hub refused a request. Call again to continue.
        """
        self._begin()
        wanted = self._ledger.wanted()
        if wanted != "running":
            raise BulkError(
                "the run is stopped, which is final: nothing more is started"
                if wanted == "stopped"
                else "the run is paused: call resume(), which continues with it"
            )
        self._worker().launch(resend_unknown=resend_unknown)
        progress = self._report()
        if progress.needs_watch:
            logger.warning(
                "the campaigns have local hours, and nothing pauses or resumes them from now on: "
                "run watch() or apply()"
            )
        return progress

    def watch(self) -> BulkProgress:
        """Follow the campaigns until each part is finished, failed or unknown.

        It starts nothing. If the run is stopped, it ends when the started campaigns have. Campaigns
        of a plan with ``windows=`` are paused 60 seconds before their local hours end, and resumed
        when these begin again, except those that a person has paused.

        Returns:
            The last progress.
        """
        self._begin()
        with self._following():
            self._worker().watch()
        return self._report()

    def apply(self, *, resend_unknown: bool = False) -> BulkProgress:
        """Launch and watch: do what is missing until nothing is.

        May be called by any number of processes, on any machine, at any time, and again after a
        crash. While the run is paused, it waits. It keeps local hours as ``watch`` does.

        Args:
            resend_unknown: As for ``launch``.

        Returns:
            The last progress. Look at its ``unknown``.

        Raises:
            ConfigurationError: The first launch has fixed other settings.
            BulkError: A part is damaged.
            KatavenError: The Hub refused a request. Call again to continue.
        """
        self._begin()
        with self._following():
            self._worker().apply(resend_unknown=resend_unknown)
        return self._report()

    def apply_part(self, part: Part | str) -> PartStatus:
        """Create and start one part, unless that has happened: the task of an engine.

        It waits for the local hours of the part, if the plan was made with ``windows=``. Afterwards
        a process has to run ``watch`` or ``apply``, as after ``launch``.

        Args:
            part: One of the plan's ``parts``, or its ``sha256``.

        Returns:
            The part. In a run that is paused or stopped, or if the part never may call, it may
            still be ``planned``.

        Raises:
            KatavenError: As for ``launch``.
            ValueError: The plan has no such part.
        """
        wished = part.sha256 if isinstance(part, Part) else part
        numbers = {each.sha256: number for number, each in enumerate(self._plan.parts)}
        if wished not in numbers:
            raise ValueError(f"the plan has no part {wished!r:.80}")
        self._begin()
        self._worker().launch(number=numbers[wished])
        return self._report().parts[numbers[wished]]

    def status(self) -> BulkProgress:
        """Return what the ledger has; nothing is requested of the Hub.

        ``kataven.bulk.status`` does the same without a client.
        """
        self._begin()
        return progress_in(self._ledger, self._meter, self._clock.now())

    def pause(self) -> BulkProgress:
        """Pause the run: no campaign is started from now on, and those that run are paused.

        The ledger has it before any campaign is paused. A worker that is just starting a campaign
        pauses it afterwards.

        Raises:
            BulkError: The run is stopped.
        """
        self._want("paused")
        self._worker().settle()
        return self._report()

    def resume(self) -> BulkProgress:
        """Resume a paused run and its campaigns, as the account's limits allow.

        Campaigns that a person has paused stay paused, and so do those outside their local hours.
        Parts that were never started are started by ``launch`` and ``apply``.

        Raises:
            BulkError: The run is stopped.
        """
        self._want("running")
        self._worker().resume()
        return self._report()

    def stop(self) -> BulkProgress:
        """Stop the run for good: no campaign is started, and those that were started are stopped.

        Calls in flight finish. Drafts stay on the Hub and call nobody.
        """
        self._want("stopped")
        self._worker().settle()
        return self._report()

    def retry_list(
        self,
        *,
        status: ContactStatus = "failed",
        last_error: LastError | Iterable[LastError] | None = None,
    ) -> RetryList:
        """Make a list of the contacts of all campaigns for a further round.

        It costs one request for each 100 contacts of this status. Pass it to ``prepare`` if it may
        be longer than a campaign.

        Args:
            status: As for ``client.campaigns.retry_list``.
            last_error: As for ``client.campaigns.retry_list``.

        Returns:
            A binary CSV file, each telephone once.

        Raises:
            BulkError: No campaign was started.
            KatavenError: As for ``client.campaigns.retry_list``.
        """
        self._begin()
        started = self._ledger.rows(("started", "finished", "failed"))
        ids = [str(row.campaign) for row in started]
        if not ids:
            raise BulkError("no campaign of the run was started, so there is nothing to retry")
        return self._client.campaigns.retry_list(ids, status=status, last_error=last_error)

    def results(
        self,
        path: str | os.PathLike[str],
        *,
        on_progress: Callable[[ResultsProgress], object] | None = None,
    ) -> BulkResults:
        """Write the contacts of all campaigns to one table, with the source row of each.

        The columns are those of ``export_contacts``, and after the fields of the contact
        ``campaign_id``, ``file`` and ``row``. The pages that were read are kept in a folder next
        to the table until it is complete, so that a call that was interrupted continues after the
        last one when it is made again. Several processes may make it for one path at once: each
        reads other parts, one writes the table, and all return the same. A campaign that has not
        finished is written as it is now.

        Args:
            path: Where to write; an ending of ``.csv``, ``.jsonl`` or ``.parquet`` (extra
                ``parquet``) is the format.
            on_progress: Called with a ``ResultsProgress`` before the first request and after each
                page. Its ``left`` is what the request limits make the reading cost.

        Returns:
            What was written: ``rows``, ``path``, ``counts`` by status, and what does not fit
            together.

        Raises:
            BulkError: No campaign was started, the Hub has none of them, or the plan is damaged.
            KatavenError: Reading failed. Call again to continue.
            OSError: The table cannot be written, or the disk is full. The error says what is kept.
            ValueError: The ending is unknown, or the path is a pipe or a device.
        """
        _validate.progress_function(on_progress, "a kataven.bulk.ResultsProgress", awaited=False)
        self._begin()
        # So that the campaigns that have finished meanwhile are known.
        self._worker().poll()
        return self._reader(path, on_progress).write()

    def results_cost(self, path: str | os.PathLike[str]) -> ResultsCost:
        """Return what ``results`` would cost; nothing is requested of the Hub.

        Args:
            path: As for ``results``. Pages that an interrupted call has read are not read again.

        Returns:
            The requests and the seconds that they take at least; its ``str`` is for people.
        """
        self._begin()
        return self._reader(path).left

    def _reader(
        self,
        path: str | os.PathLike[str],
        on_progress: Callable[[ResultsProgress], object] | None = None,
    ) -> Results:
        # Few runs read results.
        from kataven.bulk._results import Results  # noqa: PLC0415

        return Results(self._plan, self._ledger.rows(), self._client, path, self._poll, on_progress)

    def _time_of_day(self) -> float:
        return time_of_day(self._clock)

    def _want(self, wanted: Literal["running", "paused", "stopped"]) -> None:
        self._begin()
        now: Wanted = self._ledger.want(wanted)
        if now != wanted:
            raise BulkError("the run is stopped, which is final")

    def _begin(self) -> None:
        """Fix the settings, or compare them with those that are fixed."""
        if self._opened:
            self._settings.compare(self._ledger.settings())
            return
        parts = [part.sha256 for part in self._plan.parts]
        self._settings.compare(self._ledger.fix(parts, self._settings.text()))

    def _worker(self) -> Worker:
        campaigns = self._client.campaigns
        run = RunContext(
            campaigns,
            self._ledger,
            self._plan,
            self._settings,
            self._lease,
            self._hours,
            self._within if self._hours.given else lambda _: campaigns,
        )
        return Worker(run, self._clock, self._poll, self._changed)

    @contextmanager
    def _following(self) -> Iterator[None]:
        """Follow event streams meanwhile, if somebody looks at the progress."""
        if self._on_progress is None:
            yield
            return
        limits = self._client._settings.rate_limits  # noqa: SLF001 - one library
        concurrent = None if limits is None else limits.concurrent
        with Follower(self._client, self._ledger, concurrent) as follower:
            self._follower = follower
            try:
                yield
            finally:
                self._follower = None

    def _within(self, seconds: float) -> Campaigns:
        """Return the client's campaigns with a deadline, unless the client's own is shorter."""
        own = self._client._settings.options.deadline  # noqa: SLF001 - the client's option
        return self._client.with_options(deadline=min(seconds, own or seconds)).campaigns

    def _changed(self) -> None:
        if self._on_progress is not None:
            self._report()

    def _report(self) -> BulkProgress:
        """Return the progress, and pass it on if it has changed."""
        rows = self._ledger.rows()
        follower = self._follower
        if follower is not None:
            follower.update(rows)
        with self._lock:
            progress = progress_in(self._ledger, self._meter, self._clock.now(), rows)
            seen = progress.parts, progress.groups, progress.contacts_done
            changed = seen != self._last
            self._last = seen
        if changed and self._on_progress is not None:
            self._on_progress(progress)
        return progress


def apply_part(
    plan: BulkPlan | str | os.PathLike[str],
    part: Part | str,
    *,
    client: KatavenClient | None = None,
    name: str,
    agent_id: str,
    phone_number_id: str,
    max_concurrent_calls: int = 5,
    retries_per_contact: int = 0,
    retry_delay_seconds: int = 300,
    store: str | os.PathLike[str] | None = None,
    lease_seconds: float = _DEFAULT_LEASE,
    poll_seconds: float = _DEFAULT_POLL,
    allow_lossy_store: bool = False,
) -> PartStatus:
    """Create and start one part, unless that has happened: what the task of an engine calls.

    Safe to run again, and on several machines at once.

    Args:
        plan: The plan, or its folder.
        part: One of its parts, or the ``sha256`` of one.
        client: A blocking client; None for one that is configured by the environment.
        name: As for ``BulkRun``, and so are all that follow. The same for all parts of a plan.
        agent_id: The agent that speaks.
        phone_number_id: The number that calls.
        max_concurrent_calls: Calls of each campaign in flight at once.
        retries_per_contact: How often a contact is dialled again.
        retry_delay_seconds: Seconds between two calls to one contact.
        store: The ledger; default: ``ledger.sqlite`` in the folder of the plan.
        lease_seconds: How long a part belongs to a worker that shows no sign of life.
        poll_seconds: How often the Hub is asked, by all processes together.
        allow_lossy_store: Whether a Redis may be used that can lose what it has confirmed.

    Returns:
        The part, as the ledger has it.

    Raises:
        KatavenError: As for ``BulkRun.apply_part``.
    """
    opened = plan if isinstance(plan, BulkPlan) else BulkPlan.open(plan)
    with ExitStack() as closing:
        used = closing.enter_context(KatavenClient()) if client is None else client
        run = closing.enter_context(
            BulkRun(
                opened,
                used,
                name=name,
                agent_id=agent_id,
                phone_number_id=phone_number_id,
                max_concurrent_calls=max_concurrent_calls,
                retries_per_contact=retries_per_contact,
                retry_delay_seconds=retry_delay_seconds,
                store=store,
                lease_seconds=lease_seconds,
                poll_seconds=poll_seconds,
                allow_lossy_store=allow_lossy_store,
            )
        )
        return run.apply_part(part)
