"""Whether and when a request is sent again.

Knows the retry rules: reads are retried on any transient failure, writes only if the Hub did not
process the request. Tells rate limits, which are waited for, from everything else that is a 429.
``stream.py`` reopens a stream by the same statuses. Reads no clock: now and jitter are arguments.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from kataven._flow.operation import Failure, Response

if TYPE_CHECKING:
    from kataven._flow.operation import Operation, RawHeaders

FIRST_BACKOFF: Final = 0.5
LONGEST_BACKOFF: Final = 8.0
# After these, reads are retried and event streams are reopened. 52x is what proxies in front of the
# Hub send when the origin did not respond.
TRANSIENT_STATUSES: Final = frozenset({500, 502, 503, 504, *range(520, 530)})

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+", re.ASCII)
# The texts that the Hub's pages show for cost caps; waiting a minute does not help there.
_COST_CAP_TEXTS: Final = ("call limit", "call rate limit", "minute budget")


def backoff(retries: int, jitter: float) -> float:
    """Return the seconds before retry number ``retries`` (from 0): exponential, full jitter."""
    return jitter * min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(retries, 16))


def read_retry_after(raw_headers: RawHeaders, now: float) -> float | None:
    """Return the seconds that ``Retry-After`` asks for.

    Args:
        raw_headers: The response's headers.
        now: Seconds since the epoch. An HTTP-date is compared to the response's own ``Date``, or to
            this if there is none that can be read.

    Returns:
        A positive number of seconds, or None if the header is absent or unusable (zero, negative,
        not a number, a date in the past).
    """
    text = _header(raw_headers, b"retry-after")
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        moment = _http_date(text)
        if moment is None:
            return None
        # Both dates come from one clock, whether that is right or not.
        sent = _http_date(_header(raw_headers, b"date"))
        seconds = moment - (now if sent is None else sent)
    return seconds if 0 < seconds < float("inf") else None


def _header(raw_headers: RawHeaders, name: bytes) -> str:
    """Return the first value of a header, or an empty text."""
    value = next((v for n, v in raw_headers if n.lower() == name), b"")
    return value.decode("latin-1").strip()


def _http_date(text: str) -> float | None:
    """Return an HTTP-date in seconds since the epoch, or None if it is not one."""
    if not text:
        return None
    # Rare, and the second one costs 10 ms.
    from datetime import UTC  # noqa: PLC0415
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:
            # An asctime date, or one with -0000: every HTTP-date is in UTC.
            date = date.replace(tzinfo=UTC)
        return date.timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def limit_reason(body: bytes, retry_after: float | None) -> Literal["rate_limit", "cost_cap"]:
    """Return what kind of 429 this is.

    A rate limit says so, or names a time to wait and is not one of the known cost caps. Every other
    429 counts as a cost cap, including a bare one from a proxy: waiting is not known to help there.
    """
    text = body[:4096].decode("utf-8", "replace").lstrip("\ufeff \t\r\n").lower()
    if text.startswith("rate_limited"):
        return "rate_limit"
    if retry_after is not None and not any(cap in text for cap in _COST_CAP_TEXTS):
        return "rate_limit"
    return "cost_cap"


def retry_delay(
    operation: Operation[object],
    outcome: Response | Failure,
    *,
    retries: int,
    max_retries: int,
    max_retry_wait: float,
    now: float,
    jitter: float,
) -> float | None:
    """Return the seconds to wait before the next attempt, or None if there must not be one.

    Args:
        operation: What was sent.
        outcome: What came of it.
        retries: The number of retries so far.
        max_retries: The maximum number of retries.
        max_retry_wait: The longest ``Retry-After``, in seconds, that is waited for.
        now: Seconds since the epoch, as the machine's clock shows them.
        jitter: A random number from 0 to 1.

    Returns:
        Seconds, or None.
    """
    if retries >= max_retries:
        return None
    if isinstance(outcome, Failure):
        if outcome.final or (operation.writes and outcome.sent):
            return None
        return backoff(retries, jitter)
    retry_after = read_retry_after(outcome.raw_headers, now)
    if outcome.status == 429:
        if limit_reason(outcome.body, retry_after) != "rate_limit":
            return None
    elif operation.writes or outcome.status not in TRANSIENT_STATUSES:
        return None
    if retry_after is None:
        return backoff(retries, jitter)
    if retry_after > max_retry_wait:
        return None
    # The Hub's documented advice to clients: Retry-After plus up to a tenth of it.
    return retry_after * (1 + jitter / 10)
