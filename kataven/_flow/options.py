"""How a client, or a copy of it with other options, sends.

Knows no request and no HTTP library.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kataven._flow.observe import SILENT, Observer
from kataven._flow.operation import Timeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven._flow.operation import Response
    from kataven._flow.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one client.

    Attributes:
        timeout: Seconds for each phase of a request.
        max_retries: Maximum number of retries of a call.
        max_retry_wait: The longest ``Retry-After``, in seconds, that is waited for.
        deadline: Seconds for an entire call, or None.
        rate_limited: Whether calls ask the rate limiter first.
        refreshable: Whether a rejected token can be refreshed.
        not_found_hint: What the message of a 404 adds.
        origin: Which Hub and account this is, without the key.
        observer: The log and the caller's hooks.
        record: Called with the last response of each call, or None.
        tracing: Makes a span of each call, or None.
    """

    timeout: Timeout = field(default_factory=Timeout)
    max_retries: int = 3
    max_retry_wait: float = 120.0
    deadline: float | None = None
    rate_limited: bool = False
    refreshable: bool = False
    not_found_hint: str = ""
    origin: str = ""
    observer: Observer = SILENT
    record: Callable[[Response], None] | None = None
    tracing: Tracing | None = None
