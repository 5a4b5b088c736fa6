"""Event streams of campaigns that run, so that the progress moves between the ends of two parts.

Knows how many contacts of a running campaign are done, and the call limits of the account; both go
into notes of the ledger, which all processes read. States of parts are not decided here: the ledger
has them from the list of campaigns, also where no campaign is followed.
"""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any, Final, Self

from kataven._flow.ratelimit import HOUR, RateLimits, least_seconds
from kataven.campaigns.progress import DONE_STATUSES
from kataven.errors import KatavenError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from kataven.bulk.ledger import Ledger, LedgerRow
    from kataven.client import KatavenClient

__all__ = ["MOST_STREAMS", "Follower", "contacts_done", "seconds_by_limits"]

logger = logging.getLogger("kataven")

MOST_STREAMS: Final = 8
"""How many campaigns are followed at once, by all workers together. An open stream is a request in
flight, of which an account has 20 (documented)."""

# How long one worker follows before another one may; after that time the streams of a worker that
# was killed are opened again.
_TURN_SECONDS: Final = 600.0
# A stream ends at once when it is closed, unless its request waits for the rate limiter.
_PATIENCE: Final = 1.0
_TURN: Final = "follow"
_DONE: Final = "contacts done"
_LIMITS: Final = "call limits"


class Follower:
    """Follows the running campaigns of a run, if it is this worker's turn.

    Args:
        client: The client.
        ledger: The ledger.
        concurrent: How many requests the client may have in flight, or None for no limit.
    """

    def __init__(self, client: KatavenClient, ledger: Ledger, concurrent: int | None) -> None:
        self._client = client
        self._ledger = ledger
        self._clock = client._driver.clock  # noqa: SLF001 - one library
        # Most of a lower limit remains for everything else.
        self._most = MOST_STREAMS if concurrent is None else min(MOST_STREAMS, concurrent * 2 // 5)
        self._lock = threading.Lock()
        self._until: float | None = None
        self._streams: dict[int, _Stream] = {}
        # Parts whose stream has ended by itself: the poll shows the end of the campaign.
        self._over: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            streams = list(self._streams.values())
            self._close(self._streams)
            if self._until is not None and self._clock.now() < self._until:
                # The next turn has another name, so another worker can have it at once.
                self._ledger.set_note(_TURN, str(int(self._ledger.note(_TURN) or 0) + 1))
        for stream in streams:
            stream.join(_PATIENCE)

    def update(self, rows: Iterable[LedgerRow]) -> None:
        """Follow what runs now, and no longer what does not; note what is done.

        Args:
            rows: The parts.
        """
        with self._lock:
            if not self._has_turn():
                self._close(self._streams)
                return
            started = [row for row in rows if row.state == "started"]
            running = {row.number: str(row.campaign) for row in started if row.status == "running"}
            self._over.update(n for n, each in self._streams.items() if not each.is_alive())
            self._note({row.number for row in started})
            self._close(number for number in self._streams if number not in running)
            self._close(self._over & self._streams.keys())
            for number, campaign in running.items():
                if len(self._streams) >= self._most:
                    break
                if number not in self._over and number not in self._streams:
                    self._streams[number] = _Stream(self._client, campaign)
                    self._streams[number].start()

    def _has_turn(self) -> bool:
        if self._until is not None and self._clock.now() < self._until:
            return True
        self._until = None
        if not self._ledger.turn(f"{_TURN} {self._ledger.note(_TURN)}", _TURN_SECONDS):
            return False
        self._until = self._clock.now() + _TURN_SECONDS
        self._over.clear()
        self._ask_for_limits()
        return True

    def _note(self, started: set[int]) -> None:
        before = contacts_done(self._ledger)
        # What was seen of a campaign that is not followed now stays, until it has finished.
        done = {number: count for number, count in before.items() if number in started}
        for number, stream in self._streams.items():
            if stream.done is not None:
                done[number] = stream.done
        if done != before:
            self._ledger.set_note(_DONE, json.dumps(done))

    def _ask_for_limits(self) -> None:
        if not self._ledger.turn(_LIMITS, HOUR):
            return
        try:
            self._ledger.set_note(_LIMITS, json.dumps(self._client.call_limits()))
        except KatavenError as error:
            logger.info("the call limits of the account are not known: %s", error)

    def _close(self, numbers: Iterable[int]) -> None:
        for number in tuple(numbers):
            self._streams.pop(number).close()


class _Stream(threading.Thread):
    """Reads the event stream of one campaign.

    Attributes:
        done: How many of its contacts are done, or None as long as the Hub does not say it.
    """

    def __init__(self, client: KatavenClient, campaign: str) -> None:
        # A daemon: the rate limiter may hold back the request for longer than the run lasts.
        super().__init__(name=f"kataven-follow-{campaign}", daemon=True)
        self.done: int | None = None
        self._campaign = campaign
        self._progress = client.campaigns.watch(campaign, poll_fallback=False)

    def run(self) -> None:
        """Read until the campaign has finished, the stream fails, or it is closed."""
        try:
            with self._progress:
                for progress in self._progress:
                    if progress.counts:
                        self.done = sum(progress.counts.get(word, 0) for word in DONE_STATUSES)
        except Exception as error:  # noqa: BLE001 - the run does not depend on it
            logger.info("campaign %s is not followed by its stream: %s", self._campaign, error)

    def close(self) -> None:
        """End the stream, from any thread."""
        self._progress.close()


def contacts_done(ledger: Ledger) -> dict[int, int]:
    """Return how many contacts are done in parts that run, by the number of the part."""
    return {int(number): count for number, count in _noted(ledger, _DONE).items()}


def seconds_by_limits(ledger: Ledger, contacts: int) -> float | None:
    """Return how long the call limits of the account make some contacts take at least.

    Args:
        ledger: The ledger, which has the limits that the Hub showed.
        contacts: The number of contacts; each is at least one call.

    Returns:
        Seconds, or None if the limits are not known.
    """
    found = _noted(ledger, _LIMITS)
    calls = {name: _limit(found.get(name)) for name in ("calls_per_minute", "daily_calls_max")}
    if not any(calls.values()):
        return None
    limits = RateLimits(per_minute=calls["calls_per_minute"], per_day=calls["daily_calls_max"])
    return least_seconds(limits, contacts)


def _noted(ledger: Ledger, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ledger.note(name) or "{}")
    return found


def _limit(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if value > 0 else None
