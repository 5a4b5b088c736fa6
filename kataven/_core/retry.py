"""Whether and when a request is sent again.

Knows the rules of repeating: reads on anything that may pass, writes only where the Hub surely did
not act. It reads no clock: now and jitter are handed in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

from kataven._core.operation import Failure, Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kataven._core.operation import Operation

FIRST_BACKOFF: Final = 0.5
LONGEST_BACKOFF: Final = 8.0
# 52x is what proxies before the Hub make up for "the origin did not answer".
PASSING_STATUSES: Final = frozenset({500, 502, 503, 504, *range(520, 530)})

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+", re.ASCII)
# The texts that the Hub's pages show for cost caps; waiting a minute does not help there.
_COST_CAP_TEXTS: Final = ("call limit", "call rate limit", "minute budget")


def backoff(repeats: int, jitter: float) -> float:
    """Seconds before repeat number ``repeats`` (from 0): exponential, with full jitter."""
    return jitter * min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(repeats, 16))


def read_retry_after(raw_headers: Sequence[tuple[bytes, bytes]], now: float) -> float | None:
    """Seconds that ``Retry-After`` asks for.

    Args:
        raw_headers: The answer's headers.
        now: Seconds since the epoch, against which an HTTP-date is held.

    Returns:
        A positive number of seconds, or None where the header is absent or rubbish (zero, negative,
        not a number, a date in the past).
    """
    value = next((v for n, v in raw_headers if n.lower() == b"retry-after"), None)
    if value is None:
        return None
    text = value.decode("latin-1").strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        from datetime import UTC  # noqa: PLC0415 - rare, as the next, which costs 10 ms
        from email.utils import parsedate_to_datetime  # noqa: PLC0415

        try:
            date = parsedate_to_datetime(text)
            if date.tzinfo is None:
                # An asctime date, or one with -0000: every HTTP-date is in UTC.
                date = date.replace(tzinfo=UTC)
            seconds = date.timestamp() - now
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return seconds if 0 < seconds < float("inf") else None


def limit_reason(body: bytes, retry_after: float | None) -> Literal["rate_limit", "cost_cap"]:
    """What kind of 429 this is.

    A rate limit says so, or names a time to wait without being one of the known cost caps. Every
    other 429 is taken for a cost cap, a proxy's bare one too: waiting is not known to help there.
    """
    text = body[:4096].decode("utf-8", "replace").lstrip("\ufeff \t\r\n").lower()
    if text.startswith("rate_limited"):
        return "rate_limit"
    if retry_after is not None and not any(cap in text for cap in _COST_CAP_TEXTS):
        return "rate_limit"
    return "cost_cap"


def wait_before_repeat(
    operation: Operation[Any],
    outcome: Reply | Failure,
    *,
    repeats: int,
    max_retries: int,
    max_retry_wait: float,
    now: float,
    jitter: float,
) -> float | None:
    """Seconds to wait before the request is sent again, or None where it must not be.

    Args:
        operation: What was sent.
        outcome: What came of it.
        repeats: How often it was repeated already.
        max_retries: How often it may be repeated.
        max_retry_wait: The longest ``Retry-After``, in seconds, that is waited for.
        now: Seconds since the epoch.
        jitter: A random number from 0 to 1.

    Returns:
        Seconds, or None.
    """
    if repeats >= max_retries:
        return None
    if isinstance(outcome, Failure):
        if outcome.final or (operation.writes and outcome.sent):
            return None
        return backoff(repeats, jitter)
    retry_after = read_retry_after(outcome.raw_headers, now)
    if outcome.status == 429:
        if limit_reason(outcome.body, retry_after) == "cost_cap":
            return None
    elif operation.writes or outcome.status not in PASSING_STATUSES:
        return None
    if retry_after is None:
        return backoff(repeats, jitter)
    if retry_after > max_retry_wait:
        return None
    # The Hub's documented advice to clients: Retry-After plus up to a tenth of it.
    return retry_after * (1 + jitter / 10)
