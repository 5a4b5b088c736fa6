"""The requests that came, and the status of each response.

Knows methods, paths and statuses. Must not know what an operation does. Requests below
``/_sandbox/`` and those that are not HTTP are not recorded.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - typing.get_type_hints() works on HubRequest
from itertools import islice
from typing import Final

from kataven.sandbox.http.refusals import HttpRefused
from kataven.sandbox.http.routes import below_mount
from kataven.sandbox.model import rfc3339

# A Hub that runs for days must not fill the memory.
_KEPT: Final = 100_000
# 429 and 5xx, which clients retry.
_RETRIED: Final = 429


@dataclass(frozen=True, slots=True)
class HubRequest:
    """One request that the Hub got.

    Attributes:
        method: The HTTP method.
        path: The path below the mount, as in ``faults.add``; the entire path if it is not below
            one.
        status: The status of the response; None while there is none, and if the connection ended
            without one.
        account: The account's name; None if the token is not valid.
        time: The Hub time at which it came (aware, UTC, truncated to microseconds).
        query: The query, without ``?``.
    """

    method: str
    path: str
    status: int | None
    account: str | None
    time: datetime
    query: str


@dataclass(slots=True)
class Record:
    """One request, while it is handled and later. ``RequestLog.begin`` makes it."""

    method: str
    path: str
    time: int
    query: str
    status: int | None = None
    account: str | None = None
    waiting: bool = True


class RequestLog:
    """The requests of one Hub, oldest first: the last 100,000. May be read from any thread.

    Attributes:
        changes: The number of requests and responses so far.
        waiting: The number of requests without a response.
        failures: The number of responses after which a client may wait and try again.
    """

    def __init__(self) -> None:
        self.changes = 0
        self.waiting = 0
        self.failures = 0
        # The number of the last request, from 1.
        self._last = 0
        self._records: deque[Record] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    def begin(self, time: int, method: str, path: str, query: bytes) -> Record:
        """Record a request that came.

        Args:
            time: The Hub's time.
            method: The request's method.
            path: Its entire path.
            query: Its query.
        """
        with contextlib.suppress(HttpRefused):
            path = below_mount(path)
        record = Record(method, path, time, query.decode("latin-1"))
        self.changes += 1
        self.waiting += 1
        with self._lock:
            self._records.append(record)
            self._last += 1
        return record

    def end(self, record: Record, status: int | None) -> None:
        """Record the response, or that there is none (None). Only the first call counts."""
        if record.waiting:
            record.waiting = False
            record.status = status
            self.changes += 1
            self.waiting -= 1
            if status is None or status >= _RETRIED:
                self.failures += 1

    def page(self, after: int, at_most: int) -> list[tuple[int, Record]]:
        """Return requests, each with its number, oldest first.

        Args:
            after: The number of the last request already read, 0 for none.
            at_most: Maximum number of requests.
        """
        with self._lock:
            first = self._last - len(self._records) + 1
            begin = max(0, after + 1 - first)
            records = list(islice(self._records, begin, begin + at_most))
        return list(enumerate(records, first + begin))

    @property
    def last(self) -> int:
        """The number of the last request, 0 for none."""
        return self._last

    def clear(self) -> None:
        """Forget the requests that came. The counts go on, for clients that wait."""
        with self._lock:
            self._records.clear()
            self._last = 0

    def read(self) -> list[HubRequest]:
        """Return all requests, oldest first."""
        with self._lock:
            records = list(self._records)
        return [
            HubRequest(
                one.method,
                one.path,
                one.status,
                one.account,
                rfc3339.to_datetime(one.time),
                one.query,
            )
            for one in records
        ]
