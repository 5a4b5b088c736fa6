"""The two clients: settings, connection pools, ``.campaigns``, ``.raw`` and their end.

Knows how the parts are put together. What is sent is the campaigns layer's; how, the core's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, cast

from kataven._core.exchange import exchange
from kataven._core.gate import AsyncGate, Gate
from kataven._core.raw import AsyncRawHttp, OtherHalf, RawHttp
from kataven._core.senders import AsyncDriver, BlockingDriver
from kataven._core.settings import UNCHANGED, Unchanged, changed, read_settings
from kataven._core.stores import open_store
from kataven._core.tokens import AsyncTokenSource, TokenSource
from kataven.campaigns import operations
from kataven.campaigns.async_client import AsyncCampaignsClient
from kataven.campaigns.client import CampaignsClient
from kataven.clock import AsyncSystemClock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx
    import kataven_hub

    from kataven._core.budget import Left, RateLimits
    from kataven._core.observe import Hook
    from kataven._core.operation import Timeout
    from kataven.clock import Clock
    from kataven.types import CallLimits


class KatavenClient:
    """The Kataven Hub, blocking.

    Safe to share between threads; not usable after a ``fork``. Use it as a context manager, or
    close it with ``close()``.

    Args:
        api_key: An API key (``sk_live_<account>_...``, which names its account), a JWT (``eyJ...``,
            which needs ``account_id``), or a function that gives one. Default:
            ``KATAVEN_API_KEY``. A function is asked at the first call, and again once whenever its
            token is refused with 401.
        account_id: The account that a JWT acts for. Default: ``KATAVEN_ACCOUNT_ID``.
        base_url: Where the Hub is. A base whose last path segment is ``v1`` names the version; to
            any other ``/api/v1`` is added. Default: ``KATAVEN_BASE_URL``, else
            ``https://api.kataven.ai/v1``.
        timeout: Seconds for each part of a request, or a ``Timeout``. Default: connect 10, read 30,
            write 30, pool 30.
        max_retries: At most so many repeats of a call; reads on anything that may pass, writes only
            where the Hub surely did not act.
        max_retry_wait: The longest ``Retry-After``, in seconds, that is waited for.
        deadline: Seconds for a whole call with its repeats and waits, or None.
        on_request: Called with a ``CallEvent`` before each attempt.
        on_response: Called with a ``CallEvent`` after each attempt.
        on_retry: Called with a ``CallEvent`` before each wait for another attempt.
        on_wait: Called with a ``CallEvent`` where the budget has no room yet.
        rate_limits: The request budget to keep to, for example ``RateLimits.documented()``.
            Default: none, because accounts differ.
        tracing: Whether each call becomes an OpenTelemetry span, with attempts and status (extra
            ``otel``).
        http_client: An ``httpx.Client`` of your own; its proxies, certificates, limits and hooks
            are used, auth, URL, timeouts and "no redirects" stay ours, and it is not closed.
        clock: For tests: what time it is, how to wait, and chance.

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
        on_request: Hook | None = None,
        on_response: Hook | None = None,
        on_retry: Hook | None = None,
        on_wait: Hook | None = None,
        rate_limits: RateLimits | None = None,
        tracing: bool = False,
        http_client: httpx.Client | None = None,
        clock: Clock | None = None,
    ) -> None:
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
            http_client=http_client,
            clock=clock,
            blocking=True,
        )
        self._settings = settings
        self._owns_driver = True
        time = clock or SystemClock()
        self._driver = BlockingDriver(
            settings.base,
            TokenSource(settings.key.value, settings.account_id),
            time,
            http_client,
            None if rate_limits is None else Gate(open_store(rate_limits), time),
        )

    @property
    def campaigns(self) -> CampaignsClient:
        """The outbound campaigns of the account."""
        return CampaignsClient(self._driver, self._settings.options)

    @property
    def raw(self) -> kataven_hub.Client:
        """The generated client on the same pool, with the same auth and URL rule.

        For the modules of ``kataven_hub.api``: ``get_campaign.sync(id, client=client.raw)``. It
        sends each request once: no repeats, no budget.
        """
        import kataven_hub  # noqa: PLC0415 - only who uses it pays for it

        raw = kataven_hub.Client(base_url=self._settings.base.url)
        http = RawHttp(self._driver, self._settings.options.timeout)
        raw.set_async_httpx_client(cast("httpx.AsyncClient", OtherHalf("an AsyncKatavenClient")))
        return raw.set_httpx_client(cast("httpx.Client", http))

    def call_limits(self) -> CallLimits:
        """Get the call limits of the account (``GET /call-limits``).

        Returns:
            A dict of ints: ``concurrent_max``, ``calls_per_minute``, ``daily_calls_max``,
            ``daily_minutes_max``.

        Raises:
            APIStatusError: The Hub refused; the class names the status.
            APIConnectionError: No answer, after the repeats that a read is given.
            ResponseFormatError: The answer is no JSON object.
        """
        operation = operations.get_call_limits()
        options = self._settings.options
        return self._driver.run(exchange(operation, options, self._driver.clock))

    @property
    def rate_limits(self) -> Left | None:
        """What is left of the request budget now, or None where there is no budget.

        A budget in a file or in Redis is asked for it, which may block for a moment.
        """
        gate = self._driver.gate
        if gate is None:
            return None
        # Its store belongs to the process that made it.
        self._driver.wire.check_usable()
        return gate.left()

    def with_options(
        self,
        *,
        timeout: float | Timeout | Unchanged = UNCHANGED,
        max_retries: int | Unchanged = UNCHANGED,
        max_retry_wait: float | Unchanged = UNCHANGED,
        deadline: float | Unchanged | None = UNCHANGED,
    ) -> Self:
        """The same client with other options: a view that shares pool, token and budget.

        Args:
            timeout: As for the constructor.
            max_retries: As for the constructor.
            max_retry_wait: As for the constructor.
            deadline: As for the constructor.

        Returns:
            The view; closing it closes nothing.
        """
        view = object.__new__(type(self))
        view._settings = changed(
            self._settings,
            timeout=timeout,
            max_retries=max_retries,
            max_retry_wait=max_retry_wait,
            deadline=deadline,
        )
        view._owns_driver = False
        view._driver = self._driver
        return view

    def close(self) -> None:
        """Close the client's connections; a caller's ``http_client`` stays open."""
        if self._owns_driver:
            self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._settings.base.url}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return self._settings.rebuild(type(self))


class AsyncKatavenClient:
    """The Kataven Hub, awaited.

    Safe to share between tasks; not usable after a ``fork``. Use it as an async context manager, or
    close it with ``aclose()``, which closes the connections of the running event loop.

    Args:
        api_key: An API key (``sk_live_<account>_...``, which names its account), a JWT (``eyJ...``,
            which needs ``account_id``), or a function, async or not, that gives one. Default:
            ``KATAVEN_API_KEY``. A function is asked at the first call, and again once whenever its
            token is refused with 401.
        account_id: The account that a JWT acts for. Default: ``KATAVEN_ACCOUNT_ID``.
        base_url: Where the Hub is. A base whose last path segment is ``v1`` names the version; to
            any other ``/api/v1`` is added. Default: ``KATAVEN_BASE_URL``, else
            ``https://api.kataven.ai/v1``.
        timeout: Seconds for each part of a request, or a ``Timeout``. Default: connect 10, read 30,
            write 30, pool 30.
        max_retries: At most so many repeats of a call; reads on anything that may pass, writes only
            where the Hub surely did not act.
        max_retry_wait: The longest ``Retry-After``, in seconds, that is waited for.
        deadline: Seconds for a whole call with its repeats and waits, or None.
        on_request: Called with a ``CallEvent`` before each attempt.
        on_response: Called with a ``CallEvent`` after each attempt.
        on_retry: Called with a ``CallEvent`` before each wait for another attempt.
        on_wait: Called with a ``CallEvent`` where the budget has no room yet.
        rate_limits: The request budget to keep to, for example ``RateLimits.documented()``.
            Default: none, because accounts differ.
        tracing: Whether each call becomes an OpenTelemetry span, with attempts and status (extra
            ``otel``).
        http_client: An ``httpx.AsyncClient`` of your own; its proxies, certificates, limits and
            hooks are used, auth, URL, timeouts and "no redirects" stay ours, and it is not closed.
        clock: For tests: what time it is, how to wait, and chance.

    Raises:
        ConfigurationError: If the client cannot be used as set up; nothing is sent.
        ImportError: If ``tracing`` is on and its extra is not installed.
    """

    def __init__(
        self,
        api_key: str | Callable[[], str | Awaitable[str]] | None = None,
        *,
        account_id: str | None = None,
        base_url: str | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int = 3,
        max_retry_wait: float = 120.0,
        deadline: float | None = None,
        on_request: Hook | None = None,
        on_response: Hook | None = None,
        on_retry: Hook | None = None,
        on_wait: Hook | None = None,
        rate_limits: RateLimits | None = None,
        tracing: bool = False,
        http_client: httpx.AsyncClient | None = None,
        clock: Clock | None = None,
    ) -> None:
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
            http_client=http_client,
            clock=clock,
            blocking=False,
        )
        self._settings = settings
        self._owns_driver = True
        time = clock or AsyncSystemClock()
        self._driver = AsyncDriver(
            settings.base,
            AsyncTokenSource(settings.key.value, settings.account_id),
            time,
            http_client,
            None if rate_limits is None else AsyncGate(open_store(rate_limits), time),
        )

    @property
    def campaigns(self) -> AsyncCampaignsClient:
        """The outbound campaigns of the account."""
        return AsyncCampaignsClient(self._driver, self._settings.options)

    @property
    def raw(self) -> kataven_hub.Client:
        """The generated client on the same pool, with the same auth and URL rule.

        For the modules of ``kataven_hub.api``:
        ``await get_campaign.asyncio(id, client=client.raw)``. It sends each request once: no
        repeats, no budget.
        """
        import kataven_hub  # noqa: PLC0415 - only who uses it pays for it

        raw = kataven_hub.Client(base_url=self._settings.base.url)
        http = AsyncRawHttp(self._driver, self._settings.options.timeout)
        raw.set_httpx_client(cast("httpx.Client", OtherHalf("a KatavenClient")))
        return raw.set_async_httpx_client(cast("httpx.AsyncClient", http))

    async def call_limits(self) -> CallLimits:
        """Get the call limits of the account (``GET /call-limits``).

        Returns:
            A dict of ints: ``concurrent_max``, ``calls_per_minute``, ``daily_calls_max``,
            ``daily_minutes_max``.

        Raises:
            APIStatusError: The Hub refused; the class names the status.
            APIConnectionError: No answer, after the repeats that a read is given.
            ResponseFormatError: The answer is no JSON object.
        """
        operation = operations.get_call_limits()
        options = self._settings.options
        return await self._driver.run(exchange(operation, options, self._driver.clock))

    @property
    def rate_limits(self) -> Left | None:
        """What is left of the request budget now, or None where there is no budget.

        A budget in a file or in Redis is asked for it, which may block for a moment.
        """
        gate = self._driver.gate
        if gate is None:
            return None
        # Its store belongs to the process that made it.
        self._driver.wire.check_usable()
        return gate.left()

    def with_options(
        self,
        *,
        timeout: float | Timeout | Unchanged = UNCHANGED,
        max_retries: int | Unchanged = UNCHANGED,
        max_retry_wait: float | Unchanged = UNCHANGED,
        deadline: float | Unchanged | None = UNCHANGED,
    ) -> Self:
        """The same client with other options: a view that shares pool, token and budget.

        Args:
            timeout: As for the constructor.
            max_retries: As for the constructor.
            max_retry_wait: As for the constructor.
            deadline: As for the constructor.

        Returns:
            The view; closing it closes nothing.
        """
        view = object.__new__(type(self))
        view._settings = changed(
            self._settings,
            timeout=timeout,
            max_retries=max_retries,
            max_retry_wait=max_retry_wait,
            deadline=deadline,
        )
        view._owns_driver = False
        view._driver = self._driver
        return view

    async def aclose(self) -> None:
        """Close the client's connections; a caller's ``http_client`` stays open."""
        if self._owns_driver:
            await self._driver.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._settings.base.url}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return self._settings.rebuild(type(self))
