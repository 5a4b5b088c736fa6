"""``Sandbox``, the public API of the embedded Hub.

Knows the public names and checks their arguments. Must not know how the Hub works inside, and
imports the server only when a Hub is started.
"""

from __future__ import annotations

import math
import os
import threading

# Imports that only annotations use stay real here, so that typing.get_type_hints() works on the
# public API.
from collections.abc import Callable, Mapping, Sequence  # noqa: TC003
from datetime import datetime  # noqa: TC003
from os import PathLike
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Final, Self

from kataven.sandbox.client_clock import AsyncClientClock, ClientClock
from kataven.sandbox.extra import missing_extra
from kataven.sandbox.http.faults import Faults
from kataven.sandbox.http.request_log import HubRequest, RequestLog
from kataven.sandbox.model import keys, oversight, rfc3339
from kataven.sandbox.model.calls import Call, CallHistory
from kataven.sandbox.model.campaign import CampaignFields, ContactFields  # noqa: TC001
from kataven.sandbox.model.clock import Clock
from kataven.sandbox.model.journal import JournalEntry, JournalRow
from kataven.sandbox.model.limits import DEFAULT_LIMITS, checked_call_limits, checked_limits
from kataven.sandbox.model.outcome_rules import Script
from kataven.sandbox.model.outcomes import Outcome  # noqa: TC001
from kataven.sandbox.outcomes import Outcomes

if TYPE_CHECKING:
    from kataven.sandbox.hub import HubThread

_NOTHING_GIVEN: Final[Mapping[str, int | None]] = MappingProxyType({})
_MAX_PORT: Final = 65_535


class Sandbox:
    """An embedded Kataven Hub on 127.0.0.1, to try campaigns without calling anyone.

    Use it with ``with`` or ``async with``. Both block while it starts and stops, for less than a
    tenth of a second. It follows the Hub's documentation; where that is silent, the behaviour is
    our choice, marked as assumed in docs/reference/sandbox.md.

    Args:
        time_scale: Hub seconds per real second (above 0), or ``Clock.manual()``.
        seed: The seed of all draws. Equal seeds and equal requests give equal campaigns.
        path: A file for the database, which survives restarts and kill -9; None keeps it in memory.
        limits: The request limits of each account. Missing names keep the documented defaults:
            ``per_minute`` 60, ``per_hour`` 1,000, ``per_day`` 10,000 and ``concurrent`` 20. On a
            manual clock, a limit that is not given is off. None as a value switches one off,
            ``limits=None`` switches all of them off.
        call_limits: The limits of each account on calls. Missing names keep the defaults (assumed):
            ``concurrent_max`` 100, ``calls_per_minute`` 6,000, ``daily_calls_max`` and
            ``daily_minutes_max`` 1,000,000.
        port: The port, or 0 for any free one.
        request_timeout: Maximum real seconds for the head of a request to arrive, and then for its
            body; a later one gets a 408 (assumed).

    Raises:
        ValueError: An argument is not valid. The text says which.
    """

    def __init__(
        self,
        *,
        time_scale: float | Clock = 1,
        seed: int = 0,
        path: str | PathLike[str] | None = None,
        limits: Mapping[str, int | None] | None = _NOTHING_GIVEN,
        call_limits: Mapping[str, int] | None = None,
        port: int = 0,
        request_timeout: float = 60.0,
    ) -> None:
        self._clock = time_scale if isinstance(time_scale, Clock) else Clock.scaled(time_scale)
        self._seed = _checked_integer("seed", seed)
        self._path = _checked_path(path)
        # Only ``advance`` would lift a limit of a manual clock, so it has those that are asked for.
        self._limits = checked_limits(limits, DEFAULT_LIMITS if self._clock.scale else {})
        self._call_limits = checked_call_limits(call_limits)
        self._port = _checked_integer("port", port)
        if not 0 <= port <= _MAX_PORT:
            msg = f"port must be from 0 (any free one) to {_MAX_PORT}, not {port}"
            raise ValueError(msg)
        self._request_timeout = _checked_timeout(request_timeout)
        # Reentrant, because a signal handler may close the Hub at any moment.
        self._lock = threading.RLock()
        self._thread: HubThread | None = None
        # Reads the journal of the Hub that was closed last: after an entry, at most so many.
        self._closed_journal: Callable[[int, int], list[tuple[int, JournalRow]]] | None = None
        self._faults = Faults()
        self._requests = RequestLog()
        self._outcomes = Outcomes(lambda: self._running)

    def __repr__(self) -> str:
        thread = self._thread
        where = f"http://127.0.0.1:{thread.port}" if thread is not None else self._state
        return f"Sandbox({where}, time_scale={self._clock.label})"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> Self:
        """Start the Hub, and return the Sandbox when it accepts requests. ``close`` stops it.

        Raises:
            ImportError: The extra ``sandbox`` is not installed.
            OSError: The port cannot be used, or the database cannot be written.
            RuntimeError: The Hub is already running, or another one uses the database.
            ValueError: The database cannot be used.
        """
        with self._lock:
            if self._thread is not None:
                raise RuntimeError(
                    "this Sandbox is already running: close it first, or make another one"
                )
            self._thread = self._new_thread()
        return self

    def _new_thread(self) -> HubThread:
        try:
            # Imports the server, which only a Hub that is started needs.
            from kataven.sandbox.hub import HubSettings, HubThread  # noqa: PLC0415
        except ModuleNotFoundError as error:
            msg = missing_extra("the embedded Hub", error)
            raise ImportError(msg, name=error.name) from error
        settings = HubSettings(
            self._clock,
            self._seed,
            self._path,
            self._limits,
            self._call_limits,
            self._port,
            self._request_timeout,
        )
        return HubThread(settings, self._faults, self._requests)

    def close(self) -> None:
        """Stop the Hub: close its connections, join its threads. No-op if it is not running.

        Afterwards ``journal`` and ``faults`` are still readable.

        Raises:
            OSError: The database could not be written at the end. The Hub has stopped.
        """
        with self._lock:
            thread = self._thread
            if thread is None:
                return
            try:
                thread.close()
            finally:
                self._closed_journal = thread.closed_journal()
                self._thread = None

    @property
    def url(self) -> str:
        """The Hub's address, ``http://127.0.0.1:PORT``, without a path."""
        return f"http://127.0.0.1:{self._running.port}"

    @property
    def page_url(self) -> str:
        """The address of the page for people, ``http://127.0.0.1:PORT/``. Open it in a browser."""
        return f"{self.url}/"

    @property
    def api_key(self) -> str:
        """A key of the account ``sandbox``. A database file keeps it over restarts."""
        return self._running.call(lambda engine: engine.accounts.first_key)

    @property
    def faults(self) -> Faults:
        """The scripted faults."""
        return self._faults

    @property
    def outcomes(self) -> Outcomes:
        """Outcomes by number, pattern or function: ``hub.outcomes["+15550100001"] = "busy"``."""
        return self._outcomes

    @property
    def requests(self) -> list[HubRequest]:
        """The requests that came, over all accounts, oldest first: the last 100,000.

        It stays readable when the Hub is closed. Requests below ``/_sandbox/`` are not listed.
        """
        return self._requests.read()

    @property
    def journal(self) -> list[JournalEntry]:
        """What the Hub has done so far, over all accounts, oldest first.

        It stays readable when the Hub is closed.
        """
        if self._thread is None and self._closed_journal is not None:
            rows = self._closed_journal(0, -1)
        else:
            rows = self._running.call(lambda engine: oversight.journal(engine, 0, -1))
        return [JournalEntry.from_row(row) for _, row in rows]

    def new_key(self, account: str, limits: Mapping[str, int | None] | None = None) -> str:
        """Make an API key.

        Args:
            account: The account it names. It is created if it does not exist.
            limits: Request limits of the key, with the same names as the Hub's, which apply in
                addition to the account's. None, or a missing name, adds no limit.

        Returns:
            The key.

        Raises:
            ValueError: The account's name or a limit is not valid.
        """
        return self._running.call(
            lambda engine: keys.new_key(engine.store, engine.accounts, account, limits).token
        )

    def revoke(self, key: str) -> None:
        """Revoke an API key: its next request gets a 401. Open streams continue.

        Raises:
            LookupError: The Hub has no such key.
        """
        self._running.call(lambda engine: keys.revoke(engine.store, engine.accounts, key))

    def now(self) -> datetime:
        """Return the Hub's time (aware, UTC, truncated to microseconds)."""
        return rfc3339.to_datetime(self._running.now())

    def advance(self, seconds: float) -> datetime:
        """Move a manual clock, and return when everything that was due has happened and is stored.

        May be called from any thread. The streams of running campaigns get a snapshot.

        Args:
            seconds: How far, from 0 to 400 days.

        Returns:
            The Hub's time after the advance.

        Raises:
            OSError: The database cannot be written. What was stored before has happened.
            RuntimeError: The clock is not manual.
            ValueError: The span is not a number, is negative or is too long.
        """
        return rfc3339.to_datetime(self._running.run(lambda hub: hub.advance(seconds)))

    async def advance_async(self, seconds: float) -> datetime:
        """Move a manual clock like ``advance``, without blocking the caller's event loop.

        If it is cancelled, the clock may have moved a part of the way.

        Args:
            seconds: How far, from 0 to 400 days.

        Returns:
            The Hub's time after the advance.

        Raises:
            OSError: The database cannot be written. What was stored before has happened.
            RuntimeError: The clock is not manual.
            ValueError: The span is not a number, is negative or is too long.
        """
        now = await self._running.run_async(lambda hub: hub.advance(seconds))
        return rfc3339.to_datetime(now)

    def fail(self, campaign_id: str) -> None:
        """Make a running campaign fail, as a terminal error of the Hub would.

        Raises:
            LookupError: The Hub has no such campaign.
            ValueError: It is not running.
        """
        self._running.call(lambda engine: engine.fail(campaign_id))

    def run_to_end(self, campaign_id: str) -> CampaignFields:
        """Move a manual clock until a campaign is over.

        Open event streams of the campaign have sent their end. A client that does not read its
        stream delays the return by 10 s of real time at most. Streams get one snapshot meanwhile;
        use ``advance`` to send more. A clock that is not manual is waited for. May be called from
        any thread.

        Args:
            campaign_id: A campaign that is running or scheduled, or is over already.

        Returns:
            The campaign, as ``GET /campaigns/{id}`` returns it.

        Raises:
            LookupError: The Hub has no such campaign.
            OSError: The database cannot be written.
            RuntimeError: The campaign does not end, because it is a draft or is paused, or it is
                not over after 400 days of Hub time; or a function of ``outcomes`` failed.
        """
        return self._running.run(lambda hub: hub.advance.run_to_end(campaign_id))

    async def run_to_end_async(self, campaign_id: str) -> CampaignFields:
        """Move a manual clock like ``run_to_end``, without blocking the caller's event loop.

        Args:
            campaign_id: A campaign that is running or scheduled, or is over already.

        Returns:
            The campaign, as ``GET /campaigns/{id}`` returns it.

        Raises:
            LookupError: The Hub has no such campaign.
            OSError: The database cannot be written.
            RuntimeError: As for ``run_to_end``.
        """
        return await self._running.run_async(lambda hub: hub.advance.run_to_end(campaign_id))

    def contacts(self, campaign_id: str) -> list[ContactFields]:
        """Return all contacts of a campaign, in the order of the list.

        Args:
            campaign_id: A campaign of any account.

        Returns:
            Dicts as ``GET /campaigns/{id}/contacts`` returns them: ``id``, ``phone_number``,
            ``custom_fields``, ``status``, ``attempts``, ``last_attempt_at`` and ``last_error``.

        Raises:
            LookupError: The Hub has no such campaign.
        """
        return self._running.call(lambda engine: oversight.contacts(engine, campaign_id))

    def calls(self, campaign_id: str | None = None) -> list[Call]:
        """Return the calls so far, in the order in which they began.

        It stays readable when the Hub is closed.

        Args:
            campaign_id: Only the calls of this campaign; None for the calls of all accounts.
        """
        if self._thread is None and self._closed_journal is not None:
            calls = CallHistory(self._closed_journal)
            return [Call.from_row(row) for row in calls.read(campaign_id)]
        # In the Hub's thread, which changes the rows of calls in flight.
        return self._running.call(
            lambda engine: [Call.from_row(row) for row in oversight.calls(engine, campaign_id)]
        )

    def assert_called_once_each(
        self, campaign_id: str | None = None, *, retries: bool = False
    ) -> None:
        """Check that each number was called, and that none was called twice.

        Numbers are compared over all campaigns, so that a list that was uploaded twice is found. A
        second round is a second call, too: check each round with its ``campaign_id``.

        Args:
            campaign_id: Only this campaign; None for all campaigns of all accounts. Calls of
                deleted campaigns count as well.
            retries: Allow further attempts to the same contact, which ``retries_per_contact`` asks
                for.

        Raises:
            AssertionError: A number was called more than once or never, or there is no number.
            LookupError: The Hub has no such campaign.
        """
        problem = self._running.call(
            lambda engine: oversight.not_called_once(engine, campaign_id, retries=retries)
        )
        if problem is not None:
            raise AssertionError(problem)

    def script(self, number: str, words: Sequence[Outcome]) -> None:
        """Set the outcomes of successive attempts: ``hub.script("+1...", ["busy", "answered"])``.

        It replaces what ``outcomes`` has for the number. Attempts after the last one are left to
        the other rules, and then to the draw.

        Args:
            number: A number in E.164, or a pattern as for ``outcomes``.
            words: The outcome of attempt 1, of attempt 2, and so on.

        Raises:
            ValueError: An argument is not valid.
        """
        self._outcomes[number] = Script(words)

    def reset(self) -> None:
        """Forget all campaigns, calls, requests, faults and outcomes, and the journal.

        Accounts, keys and the Hub's time stay, as do requests in flight. Streams end, as they do
        for a deleted campaign. Afterwards the Hub does what a new one with the same seed does.

        Raises:
            OSError: The database cannot be written. Nothing was changed.
        """
        self._running.run(lambda hub: hub.app.control.reset())

    @property
    def client_clock(self) -> ClientClock:
        """The Hub's clock for a blocking client: ``KatavenClient(clock=hub.client_clock)``.

        A client with it waits in Hub time, for retries and for ``Retry-After``. A manual clock
        moves to the end of the wait, so that it takes no real time; several clients that wait at
        once wait for the first of them, then for the next. The clock waits 250 ms of real time for
        a client that got a 429 or 5xx, and 5 ms for any other; a client that begins its wait later
        waits after the others. From the first use on, the ``Retry-After`` of request limits is in
        Hub time.
        """
        self._running.wait_in_hub_time()
        return ClientClock(lambda: self._running)

    @property
    def async_client_clock(self) -> AsyncClientClock:
        """The Hub's clock for an async client, like ``client_clock``."""
        self._running.wait_in_hub_time()
        return AsyncClientClock(lambda: self._running)

    @property
    def _state(self) -> str:
        return "not started" if self._closed_journal is None else "closed"

    @property
    def _running(self) -> HubThread:
        thread = self._thread
        if thread is None:
            advice = (
                "start it with `with Sandbox() as hub:`"
                if self._closed_journal is None
                else "use it inside its `with` block; only journal and faults are readable later"
            )
            msg = f"this Sandbox is not running, it is {self._state}: {advice}"
            raise RuntimeError(msg)
        return thread


def _checked_integer(name: str, value: int) -> int:
    valid = isinstance(value, int) and not isinstance(value, bool)
    if not valid:
        msg = f"{name} must be an integer, not {value!r}"
        raise ValueError(msg)
    return value


def _checked_path(path: str | PathLike[str] | None) -> str | PathLike[str] | None:
    if path is not None and not isinstance(path, str | PathLike):
        msg = f"path must be a path, or None to keep the database in memory, not {path!r}"
        raise ValueError(msg)
    text = None if path is None else os.fspath(path)
    if text in {"", ":memory:"} or (text is not None and "\0" in text):
        msg = f"path must name a file; leave it out to keep the database in memory, not {text!r}"
        raise ValueError(msg)
    return path


def _checked_timeout(value: float) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        msg = f"request_timeout must be a number of seconds above 0, not {value!r}"
        raise ValueError(msg)
    return value
