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
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import datetime  # noqa: TC003
from os import PathLike
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Final, Self

from kataven.sandbox.http.faults import Faults
from kataven.sandbox.model import outcomes, rfc3339
from kataven.sandbox.model.clock import Clock
from kataven.sandbox.model.contacts import NUMBER
from kataven.sandbox.model.journal import JournalEntry, JournalRow
from kataven.sandbox.model.limits import DEFAULT_LIMITS, checked_call_limits, checked_limits
from kataven.sandbox.model.outcomes import Outcome

if TYPE_CHECKING:
    from kataven.sandbox.hub import HubThread

_NOTHING_GIVEN: Final[Mapping[str, int | None]] = MappingProxyType({})
_MAX_PORT: Final = 65_535


class Sandbox:
    """An embedded Kataven Hub on 127.0.0.1, to try campaigns without calling anyone.

    Use it with ``with`` or ``async with``. Both block while it starts and stops, for less than a
    tenth of a second. It follows the Hub's documentation; where that is silent, the behaviour is
    our choice, marked as assumed in docs/sandbox.md.

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
        # Returns the journal of the Hub that was closed last.
        self._closed_journal: Callable[[], list[tuple[int, JournalRow]]] | None = None
        self._faults = Faults()
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
            msg = (
                f"the embedded Hub needs {error.name}, which is not installed: "
                "pip install 'kataven[sandbox]'"
            )
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
        return HubThread(settings, self._faults)

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
    def api_key(self) -> str:
        """A key of the account ``sandbox``. A database file keeps it over restarts."""
        return self._running.call(lambda engine: engine.first_key)

    @property
    def faults(self) -> Faults:
        """The scripted faults."""
        return self._faults

    @property
    def outcomes(self) -> Outcomes:
        """Fixed outcomes by phone number: ``hub.outcomes["+15550100001"] = "busy"``."""
        return self._outcomes

    @property
    def journal(self) -> list[JournalEntry]:
        """What the Hub has done so far, over all accounts, oldest first.

        It stays readable when the Hub is closed.
        """
        if self._thread is None and self._closed_journal is not None:
            rows = self._closed_journal()
        else:
            rows = self._running.call(lambda engine: engine.journal(0, -1))
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
        own = None if limits is None else checked_limits(limits, {})
        return self._running.call(lambda engine: engine.new_key(account, own).token)

    def revoke(self, key: str) -> None:
        """Revoke an API key: its next request gets a 401. Open streams continue.

        Raises:
            LookupError: The Hub has no such key.
        """
        self._running.call(lambda engine: engine.revoke(key))

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
        return rfc3339.to_datetime(self._running.advance(seconds))

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
        return rfc3339.to_datetime(await self._running.advance_async(seconds))

    def fail(self, campaign_id: str) -> None:
        """Make a running campaign fail, as a terminal error of the Hub would.

        Raises:
            LookupError: The Hub has no such campaign.
            ValueError: It is not running.
        """
        self._running.call(lambda engine: engine.fail(campaign_id))

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


class Outcomes(MutableMapping[str, Outcome]):
    """Fixed outcomes by phone number. Each applies to every call that begins after it was set.

    The outcomes are ``answered``, ``no_answer``, ``voicemail``, ``busy`` and ``failed``; any other,
    and a number that is not E.164, raises ``ValueError``. They are stored in the database.

    Args:
        running: Returns the running Hub that they belong to.
    """

    def __init__(self, running: Callable[[], HubThread]) -> None:
        self._running = running

    def __getitem__(self, number: str) -> Outcome:
        return self._all()[number]

    def __setitem__(self, number: str, word: Outcome) -> None:
        if not isinstance(number, str) or NUMBER.fullmatch(number) is None:
            msg = (
                f"an outcome needs a number in E.164, as in the list, such as '+15550100001', "
                f"not {number!r}"
            )
            raise ValueError(msg)
        outcomes.code_of(word)
        self._running().call(lambda engine: engine.fix_outcome(number, word))

    def __delitem__(self, number: str) -> None:
        self[number]
        self._running().call(lambda engine: engine.fix_outcome(number, None))

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, Outcome]:
        return self._running().call(lambda engine: dict(engine.outcomes))


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
