"""`Sandbox`: the embedded Hub as users hold it.

Knows the public names and checks their arguments. Must not know how the Hub works inside, and loads
the server only when one is started.
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import datetime
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Self

from kataven.sandbox import outcomes, rfc3339
from kataven.sandbox.clock import Clock
from kataven.sandbox.faults import Faults
from kataven.sandbox.journal import JournalEntry, entry
from kataven.sandbox.windows import DEFAULT_LIMITS, checked_call_limits, checked_limits

if TYPE_CHECKING:
    from kataven.sandbox.hub import HubThread


class Sandbox:
    """An embedded Kataven Hub on 127.0.0.1, for trying campaigns without calling anybody.

    Use it with `with` or `async with`. In both it starts and stops blocking, within a tenth of a
    second. What is documented of the Hub holds here; what is our choice is listed in the docs.

    Args:
        time_scale: Hub seconds for each second of the machine (above 0), or `Clock.manual()`.
        seed: The seed of all draws; equal seeds and equal requests give equal campaigns.
        path: A file for the database, kept over restarts and kill -9; None keeps it in memory.
        limits: The request limits of each account: `per_minute` 60, `per_hour` 1,000, `per_day`
            10,000 and `concurrent` 20 (documented) where not given; None as a value switches one
            off, None as the whole switches all off.
        call_limits: The limits of each account on calls: `concurrent_max` 100, `calls_per_minute`
            6,000, `daily_calls_max` and `daily_minutes_max` 1,000,000 (our choice) where not given.
        port: The port, 0 for any free one.
        request_timeout: Seconds of the machine that a request's head, and then its body, may take
            to arrive; 408 after it (our choice).

    Raises:
        ValueError: An argument makes no sense; the text says which.
    """

    def __init__(
        self,
        *,
        time_scale: float | Clock = 1,
        seed: int = 0,
        path: str | PathLike[str] | None = None,
        limits: Mapping[str, int | None] | None = DEFAULT_LIMITS,
        call_limits: Mapping[str, int] | None = None,
        port: int = 0,
        request_timeout: float = 60.0,
    ) -> None:
        self._clock = time_scale if isinstance(time_scale, Clock) else Clock.scaled(time_scale)
        self._seed = seed
        self._path = path
        self._limits = checked_limits(limits, DEFAULT_LIMITS)
        self._call_limits = checked_call_limits(call_limits)
        self._port = port
        self._request_timeout = request_timeout
        self._thread: HubThread | None = None
        self._faults = Faults()
        self._outcomes = Outcomes(lambda: self._running)

    def __repr__(self) -> str:
        where = "not started" if self._thread is None else self.url
        return f"Sandbox({where}, time_scale={self._clock.label})"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the Hub and return when it takes requests.

        Raises:
            ImportError: The extra `sandbox` is not installed.
            OSError: The port is taken.
            RuntimeError: The Hub runs already, or another one holds the database.
            ValueError: The database cannot be read.
        """
        if self._thread is not None:
            raise RuntimeError("this Sandbox runs already; close it first, or make another one")
        try:
            # Loads the server: only a Hub that is started pays for it.
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
        self._thread = HubThread(settings, self._faults)

    def close(self) -> None:
        """Stop the Hub: its connections end, its threads are joined; does nothing when stopped."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.close()

    @property
    def url(self) -> str:
        """The Hub's address, `http://127.0.0.1:PORT`, with nothing behind it."""
        return f"http://127.0.0.1:{self._running.port}"

    @property
    def api_key(self) -> str:
        """A key of the account `sandbox`; the same for a database file as long as it exists."""
        return self._running.call(lambda engine: engine.first_key)

    @property
    def faults(self) -> Faults:
        """The scripted faults."""
        return self._faults

    @property
    def outcomes(self) -> "Outcomes":
        """Fixed outcomes by phone number: `hub.outcomes["+15550100001"] = "busy"`."""
        return self._outcomes

    @property
    def journal(self) -> list[JournalEntry]:
        """What was done so far, the oldest first, over all accounts."""
        rows = self._running.call(lambda engine: engine.journal(0, -1))
        return [entry(row) for _, row in rows]

    def new_key(self, account: str, limits: Mapping[str, int | None] | None = None) -> str:
        """Make an API key.

        Args:
            account: The account it names; it comes to be if it does not exist.
            limits: Limits of the key's own, with the names of the Hub's, counted beside those of
                the account; None or a missing name: only the account's count.

        Returns:
            The key.

        Raises:
            ValueError: The account's name breaks the rule, or a limit makes no sense.
        """
        own = None if limits is None else checked_limits(limits, {})
        return self._running.call(lambda engine: engine.new_key(account, own).token)

    def revoke(self, key: str) -> None:
        """Revoke an API key: its next request is answered with 401; open streams go on.

        Raises:
            LookupError: There is no such key.
        """
        self._running.call(lambda engine: engine.revoke(key))

    def now(self) -> datetime:
        """Return the Hub's time (aware, UTC, cut to microseconds)."""
        return rfc3339.to_datetime(self._running.app.engine.time.now())

    def advance(self, seconds: float) -> datetime:
        """Move a manual clock; return when all that was due has happened and is stored.

        May be called from any thread. Each running campaign's stream gets a snapshot.

        Args:
            seconds: How far, from 0 to 400 days.

        Returns:
            The Hub's time after it.

        Raises:
            RuntimeError: The clock is not manual.
            ValueError: The span is negative or too long.
        """
        thread = self._running
        return rfc3339.to_datetime(thread.wait(thread.app.advance(seconds)))

    def fail(self, campaign_id: str) -> None:
        """Let a running campaign fail, as a terminal error of the Hub would.

        Raises:
            LookupError: There is no such campaign.
            ValueError: It does not run.
        """
        self._running.call(lambda engine: engine.fail(campaign_id))

    @property
    def _running(self) -> "HubThread":
        if self._thread is None:
            raise RuntimeError("this Sandbox is not running: use it with `with Sandbox() as hub:`")
        return self._thread


class Outcomes(MutableMapping[str, str]):
    """Fixed outcomes by phone number; every call that begins after the setting goes so.

    The words are `answered`, `no_answer`, `voicemail`, `busy` and `failed`; another one is a
    ValueError. Kept in the database.

    Args:
        running: Gives the running Hub they belong to.
    """

    def __init__(self, running: "Callable[[], HubThread]") -> None:
        self._running = running

    def __getitem__(self, number: str) -> str:
        return self._all()[number]

    def __setitem__(self, number: str, word: str) -> None:
        outcomes.code_of(word)
        self._running().call(lambda engine: engine.fix_outcome(number, word))

    def __delitem__(self, number: str) -> None:
        self[number]
        self._running().call(lambda engine: engine.fix_outcome(number, None))

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, str]:
        return self._running().call(lambda engine: dict(engine.outcomes))
