"""The blocking client: settings, connections, ``.campaigns``, ``.raw`` and their end.

Knows how the parts are put together. What is sent is decided by the campaigns layer; how, by flows.

Written by ``scripts/make_blocking.py`` from ``async_client.py``: change that file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from kataven._flow.call import call
from kataven._http.credentials import Credentials
from kataven._http.driver import Driver
from kataven._http.limiter import Limiter
from kataven._http.request import RequestWriter
from kataven._http.stores import open_store
from kataven._http.transport import Transport
from kataven._http.usage import Usage
from kataven._settings import UNCHANGED, Unchanged, changed, read_settings
from kataven.campaigns import operations
from kataven.campaigns.client import CampaignsClient
from kataven.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    import kataven_hub

    from kataven._flow.observe import CallHook
    from kataven._flow.operation import Timeout
    from kataven._flow.ratelimit import RateLimits, RateLimitStatus
    from kataven._http.adapter import HttpxTransport
    from kataven.clock import Clock
    from kataven.types import CallLimits


class KatavenClient(Usage):
    """The Kataven Hub.

    Safe to share between threads; not usable after a ``fork``. Use it as a context manager, or
    close it with ``close()``.

    Args:
        api_key: An API key (``sk_live_<account>_...``, which names its account), a JWT (``eyJ...``,
            which needs ``account_id``), or a function that returns one. Default:
            ``KATAVEN_API_KEY``. A function is called at the first call, and once more whenever its
            token is rejected with 401.
        account_id: The account that a JWT acts for. Default: ``KATAVEN_ACCOUNT_ID``.
        base_url: Where the Hub is. A base whose last path segment is ``v1`` names the version; to
            any other ``/api/v1`` is added. Default: ``KATAVEN_BASE_URL``, else
            ``https://api.kataven.ai/v1``.
        timeout: Seconds for each phase of a request, or a ``Timeout``. Default: connect 10, read
            30, write 30, pool 30.
        max_retries: Maximum number of retries. Reads are retried on any transient failure; writes
            only if the Hub is known not to have processed the request.
        max_retry_wait: The longest ``Retry-After``, in seconds, that is waited for.
        deadline: Seconds for an entire call including retries and waits, or None.
        on_request: Called with a ``CallEvent`` before each attempt.
        on_response: Called with a ``CallEvent`` after each attempt.
        on_retry: Called with a ``CallEvent`` before the wait for another attempt.
        on_wait: Called with a ``CallEvent`` when the rate limiter has no room yet.
        rate_limits: The request limits to keep to, for example ``RateLimits.documented()``.
            Default: none, because accounts differ.
        tracing: Whether each call becomes an OpenTelemetry span, with attempts and status (extra
            ``otel``).
        http_client: An ``httpx.Client`` of your own. Its proxies, certificates, limits and
            hooks are used. The SDK still sets auth, base URL, timeouts and redirect handling, and
            does not close it.
        clock: For tests: the time, how to wait, and random numbers.

    Raises:
        ConfigurationError: If the client cannot be used as set up; nothing is sent.
        ImportError: If ``tracing`` is on and its extra is not installed.
    """

    def __init__(
        self,
        api_key: str | Callable[[], str] | None = None,
        *,
        account_id: str | None = None,
        base_url: str | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int = 3,
        max_retry_wait: float = 120.0,
        deadline: float | None = None,
        on_request: CallHook | None = None,
        on_response: CallHook | None = None,
        on_retry: CallHook | None = None,
        on_wait: CallHook | None = None,
        rate_limits: RateLimits | None = None,
        tracing: bool = False,
        http_client: httpx.Client | None = None,
        clock: Clock | None = None,
    ) -> None:
        try:
            settings = read_settings(
                api_key,
                account_id=account_id,
                base_url=base_url,
                timeout=timeout,
                max_retries=max_retries,
                max_retry_wait=max_retry_wait,
                deadline=deadline,
                on_request=on_request,
                on_response=on_response,
                on_retry=on_retry,
                on_wait=on_wait,
                rate_limits=rate_limits,
                tracing=tracing,
                clock=clock,
                own_http_client=http_client is not None,
            )
        except Exception as error:
            # Tools that report errors send the variables of each frame: drop those with the key.
            error.__traceback__ = None
            raise
        finally:
            del api_key
        self._settings = settings
        self._owns_driver = True
        time = clock or SystemClock()
        transport: Transport | HttpxTransport = Transport(settings.base)
        if http_client is not None:
            # Loads httpx, which the client's own transport does without.
            from kataven._http.adapter import HttpxTransport  # noqa: PLC0415

            transport = HttpxTransport(http_client, settings.base)
        self._driver = Driver(
            RequestWriter(settings.base),
            Credentials(settings.key.value, settings.account_id),
            time,
            transport,
            None
            if rate_limits is None
            else Limiter(open_store(rate_limits, by_uptime=clock is None), time),
        )

    @property
    def campaigns(self) -> CampaignsClient:
        """The outbound campaigns of the account."""
        return CampaignsClient(self._driver, self._settings.options)

    @property
    def raw(self) -> kataven_hub.Client:
        """The generated client, with the same connections, auth and URL rule.

        For the modules of ``kataven_hub.api``:
        ``get_campaign.sync(id, client=client.raw)``. It sends each request once: no
        retries, no rate limiter.
        """
        from kataven._http.raw import raw_client  # noqa: PLC0415 - loads httpx

        return raw_client(self._driver, self._settings.base, self._settings.options.timeout)

    def call_limits(self) -> CallLimits:
        """Get the call limits of the account (``GET /call-limits``).

        Returns:
            A dict of ints: ``concurrent_max``, ``calls_per_minute``, ``daily_calls_max``,
            ``daily_minutes_max``.

        Raises:
            APIStatusError: The Hub refused; the class depends on the status.
            APIConnectionError: No response, after the retries of a read.
            ResponseFormatError: The response is not a JSON object.
        """
        flow = call(operations.get_call_limits(), self._settings.options, self._driver.clock)
        return self._driver.run(flow)

    @property
    def rate_limits(self) -> RateLimitStatus | None:
        """What is left of the request limits now, or None without ``rate_limits``.

        Reading the state from a file or from Redis may block for a moment.
        """
        limiter = self._driver.limiter
        if limiter is None:
            return None
        # Its store belongs to the process that made it.
        self._driver.check_usable()
        return limiter.status()

    def with_options(
        self,
        *,
        timeout: float | Timeout | Unchanged = UNCHANGED,
        max_retries: int | Unchanged = UNCHANGED,
        max_retry_wait: float | Unchanged = UNCHANGED,
        deadline: float | Unchanged | None = UNCHANGED,
    ) -> Self:
        """Return a copy with different options.

        The copy shares the connection pool, credentials and rate limiter. Closing it is a no-op.

        Args:
            timeout: As for the constructor.
            max_retries: As for the constructor.
            max_retry_wait: As for the constructor.
            deadline: As for the constructor.

        Returns:
            The copy.
        """
        copy = object.__new__(type(self))
        copy._settings = changed(
            self._settings,
            timeout=timeout,
            max_retries=max_retries,
            max_retry_wait=max_retry_wait,
            deadline=deadline,
        )
        copy._owns_driver = False
        copy._driver = self._driver
        return copy

    def close(self) -> None:
        """Close the client's connections; a caller's ``http_client`` stays open."""
        if self._owns_driver:
            self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        # The constructor may have failed.
        settings = getattr(self, "_settings", None)
        return f"<{type(self).__name__} {settings.base.url if settings else 'not set up'}>"

    def __reduce__(self) -> tuple[object, ...]:
        return self._settings.rebuild(type(self))
