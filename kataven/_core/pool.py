"""The connection pools, and how a request of ours is written for httpx.

Knows httpx and nothing of operations, retries or budgets. One TLS context serves all pools of a
client; a loopback base is never sent through a proxy of the environment.
"""

from __future__ import annotations

import logging
import ssl
import threading
import weakref
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import httpx

from kataven._core.bounds import keep_bounds
from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kataven._core.operation import Attempt, Timeout
    from kataven.config import BaseUrl

# A longer life turns every idle close by the server into an "outcome unknown" for a write.
_LIMITS: Final = httpx.Limits(
    max_connections=100, max_keepalive_connections=20, keepalive_expiry=5.0
)

# Each opening of a stream makes its own connection, so that its socket is known and can be shut
# down while its answer is awaited, and an ended stream leaves none behind.
_STREAM_LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=0)

# Who calls is said by our headers: neither by a caller's auth nor by a user in the URL, for which
# httpx would look in each.
NO_AUTH: Final = httpx.Auth()

sending: ContextVar[bool] = ContextVar("kataven_sending", default=False)


class _OursAreLoggedByUs(logging.Filter):
    """Keeps httpx's own line for each URL out of the log while a request of ours is sent."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - the base's signature
        return not sending.get()


logging.getLogger("httpx").addFilter(_OursAreLoggedByUs())


def tls_context(base: BaseUrl) -> ssl.SSLContext:
    """The TLS context for a base.

    A base on loopback without TLS gets an empty context, which trusts nobody: reading the machine's
    certificates costs as much as importing httpx, and nothing would use them.
    """
    if base.url.startswith("http://"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.create_ssl_context()


def blocking_pool(
    base: BaseUrl, context: ssl.SSLContext, limits: httpx.Limits = _LIMITS
) -> httpx.Client:
    """A pool for the blocking client."""
    mounts: dict[str, httpx.BaseTransport | None] = {}
    if base.loopback:
        mounts[f"all://{base.host}"] = None
    client = httpx.Client(
        verify=context,
        limits=limits,
        timeout=None,  # noqa: S113 - each request brings its own
        mounts=mounts,
        follow_redirects=False,
    )
    keep_bounds(client)
    return client


def async_pool(
    base: BaseUrl, context: ssl.SSLContext, limits: httpx.Limits = _LIMITS
) -> httpx.AsyncClient:
    """A pool for the async client."""
    mounts: dict[str, httpx.AsyncBaseTransport | None] = {}
    if base.loopback:
        mounts[f"all://{base.host}"] = None
    client = httpx.AsyncClient(
        verify=context,
        limits=limits,
        timeout=None,  # noqa: S113 - each request brings its own
        mounts=mounts,
        follow_redirects=False,
    )
    keep_bounds(client)
    return client


@contextmanager
def _by_environment() -> Iterator[None]:
    """Say of what httpx cannot use that it comes from the environment, and from where."""
    try:
        yield
    except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
        # A proxy's URL may hold a password: what is wrong with it is not quoted.
        shown = error if isinstance(error, OSError | ImportError) else "a proxy's URL"
        raise ConfigurationError(
            f"the environment's certificates or proxy cannot be used ({shown}); mend or unset "
            "SSL_CERT_FILE, SSL_CERT_DIR, HTTPS_PROXY, HTTP_PROXY, ALL_PROXY or NO_PROXY, or "
            "pass an http_client"
        ) from None


class BlockingPools:
    """The two pools of a blocking client, each made when it is first needed."""

    def __init__(self, base: BaseUrl) -> None:
        self._base = base
        self._lock = threading.Lock()
        self._context: Any = None
        self._clients: dict[bool, httpx.Client] = {}

    def get(self, *, streams: bool) -> httpx.Client:
        """The pool for calls, or the one for event streams."""
        client = self._clients.get(streams)
        if client is None:
            with self._lock:
                client = self._clients.get(streams)
                if client is None:
                    with _by_environment():
                        self._context = self._context or tls_context(self._base)
                        client = blocking_pool(
                            self._base, self._context, _STREAM_LIMITS if streams else _LIMITS
                        )
                    self._clients[streams] = client
        return client

    def close(self) -> None:
        """Close both."""
        with self._lock:
            clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()


class AsyncPools:
    """The two pools of an async client, for each event loop that it is used in."""

    def __init__(self, base: BaseUrl) -> None:
        self._base = base
        self._context: Any = None
        # Connections belong to a loop; a client that outlives asyncio.run() gets new ones.
        self._clients: Any = weakref.WeakKeyDictionary()

    def get(self, *, streams: bool) -> httpx.AsyncClient:
        """The pool for calls, or the one for event streams, of the running loop."""
        import asyncio  # noqa: PLC0415 - loaded already by whoever runs a loop

        clients = self._clients.setdefault(asyncio.get_running_loop(), {})
        client: httpx.AsyncClient | None = clients.get(streams)
        if client is None:
            with _by_environment():
                self._context = self._context or tls_context(self._base)
                client = clients[streams] = async_pool(
                    self._base, self._context, _STREAM_LIMITS if streams else _LIMITS
                )
        return client

    async def aclose(self) -> None:
        """Close those of the running loop."""
        import asyncio  # noqa: PLC0415 - loaded already by whoever runs a loop

        clients = self._clients.pop(asyncio.get_running_loop(), {})
        for client in clients.values():
            await client.aclose()


# Parsing a URL is the dearest part of a small request; the same campaign is asked for again and
# again.
@lru_cache(maxsize=1024)
def read_url(url: str) -> httpx.URL:
    """The URL, parsed."""
    return httpx.URL(url)


def timeouts(timeout: Timeout) -> dict[str, float | None]:
    """The timeouts as httpx's transports read them."""
    return {
        "connect": timeout.connect,
        "read": timeout.read,
        "write": timeout.write,
        "pool": timeout.pool,
    }


class SendTrace:
    """Watches the transport: sees the first byte go out, and keeps each phase within a limit.

    httpx hands its transport one dict of timeouts, which is read as each phase begins; so what is
    left of the deadline is written into it just before.

    Attributes:
        seen: Whether the transport said anything at all.
    """

    __slots__ = ("_attempt", "_left", "_timeouts", "seen")

    def __init__(self, attempt: Attempt, parts: dict[str, float | None], left: Any = None) -> None:
        self._attempt = attempt
        self._timeouts = parts
        self._left = left
        self.seen = False

    def __call__(self, event: str, info: dict[str, Any]) -> None:
        """One event of the transport, of a blocking request."""
        self.seen = True
        # This transport speaks, so it will say when the first byte goes out.
        self._attempt.handed_over = False
        if event.endswith(".started"):
            if self._left is not None:
                left = max(0.001, self._left())
                for part, seconds in self._timeouts.items():
                    if seconds is None or seconds > left:
                        self._timeouts[part] = left
            if event.endswith("send_request_headers.started"):
                request = info.get("request")
                # A CONNECT goes to a proxy; the Hub sees nothing of it.
                if getattr(request, "method", b"") != b"CONNECT":
                    self._attempt.sent = True

    async def awaited(self, event: str, info: dict[str, Any]) -> None:
        """One event of the transport, of an async request."""
        self(event, info)


_NEVER_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
)


def was_sent(error: Exception, attempt: Attempt, trace: SendTrace | None) -> bool:
    """Whether the Hub may have seen something of a request that failed.

    Without word from the transport (a caller's own may send none) only errors that surely come
    before the first byte count as "not sent".
    """
    if attempt.sent:
        return True
    if trace is not None and trace.seen:
        return False
    return not isinstance(error, _NEVER_SENT)


def describe(error: Exception) -> str:
    """What went wrong, for a person."""
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection to the Hub within the timeout"
    if isinstance(error, httpx.PoolTimeout):
        return "no free connection in the client's pool within the timeout"
    if isinstance(error, httpx.WriteTimeout):
        return "the request could not be handed over within the timeout"
    if isinstance(error, httpx.TimeoutException):
        return "no answer within the timeout"
    if isinstance(error, httpx.ConnectError):
        return f"no connection to the Hub ({error})"
    detail = str(error)
    return f"the connection broke ({detail})" if detail else "the connection broke"
