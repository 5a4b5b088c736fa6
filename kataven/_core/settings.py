"""What both clients' constructors take, read and checked once.

Knows the options' types and bounds. The key is kept where no repr and no pickle reaches it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypeAlias

from kataven._core.budget import RateLimits
from kataven._core.exchange import Options
from kataven._core.observe import Hook, Observer, log_by_environment
from kataven._core.operation import Timeout, check_seconds
from kataven.config import read_account_id, read_api_key, read_base_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven._core.tracing import Tracing
    from kataven.config import BaseUrl


class _Sentinel(Enum):
    UNCHANGED = "unchanged"

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED: Final = _Sentinel.UNCHANGED
Unchanged: TypeAlias = Literal[_Sentinel.UNCHANGED]


class Secret:
    """A key, or who gives one; it shows in no repr and in no pickle."""

    __slots__ = ("value",)

    def __init__(self, value: str | Callable[[], Any]) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is never pickled")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that one client, or a view of it, was set up with."""

    key: Secret
    account_id: str | None
    base: BaseUrl
    options: Options
    rate_limits: RateLimits | None
    portable: bool

    def rebuild(self, cls: type[Any]) -> tuple[Any, ...]:
        """How a pickle makes the client again: settings go along, the key is read anew there.

        Raises:
            TypeError: If the key or something else of the client cannot go along.
        """
        if not self.portable:
            raise TypeError(
                f"this {cls.__name__} cannot be pickled: its key was given as an argument, or it "
                "has a caller's http_client, clock or hooks, or a budget in memory or at a URL "
                "with a password or options, and no pickle holds those; make the client where it "
                "is used (with KATAVEN_API_KEY in the environment it pickles)"
            )
        options = self.options
        return _rebuild, (
            cls,
            {
                "account_id": self.account_id,
                "base_url": self.base.url,
                "timeout": options.timeout,
                "max_retries": options.max_retries,
                "max_retry_wait": options.max_retry_wait,
                "deadline": options.deadline,
                "rate_limits": self.rate_limits,
                "tracing": options.tracing is not None,
            },
        )


def _rebuild(cls: type[Any], keywords: dict[str, Any]) -> Any:
    return cls(**keywords)


def read_settings(
    api_key: str | Callable[[], Any] | None,
    *,
    account_id: str | None,
    base_url: str | None,
    timeout: float | Timeout | None,
    max_retries: int,
    max_retry_wait: float,
    deadline: float | None,
    on_request: Hook | None,
    on_response: Hook | None,
    on_retry: Hook | None,
    on_wait: Hook | None,
    rate_limits: RateLimits | None,
    tracing: bool,
    http_client: Any,
    clock: Any,
    blocking: bool,
) -> Settings:
    """Read and check what a constructor was given.

    Raises:
        ConfigurationError: If the client cannot be used so.
        TypeError, ValueError: If an option has a wrong type or is out of its bounds.
        ImportError: If ``tracing`` is on and its extra is not installed.
    """
    log_by_environment()
    base = read_base_url(base_url)
    account = read_account_id(account_id)
    key = Secret(api_key if callable(api_key) else read_api_key(api_key))
    _check_http_client(http_client, blocking=blocking)
    if rate_limits is not None and not isinstance(rate_limits, RateLimits):
        raise TypeError(
            f"rate_limits must be a kataven.RateLimits, not {type(rate_limits).__name__}"
        )
    observer = _observer(
        on_request=on_request, on_response=on_response, on_retry=on_retry, on_wait=on_wait
    )
    if not isinstance(tracing, bool):
        raise TypeError(f"tracing must be True or False, not {type(tracing).__name__}")
    hint = ""
    if base.host == "api.kataven.ai" and base.url.endswith("/api/v1"):
        hint = (
            f"(The base URL is {base.url}; the documented one is https://api.kataven.ai/v1, and "
            "whether the other exists is not known.)"
        )
    options = _checked(
        Options(
            timeout=Timeout() if timeout is None else _timeout(timeout),
            max_retries=max_retries,
            max_retry_wait=max_retry_wait,
            deadline=deadline,
            budgeted=rate_limits is not None,
            renewable=callable(api_key),
            not_found_hint=hint,
            origin=f"{base.url} {account or ''}",
            observer=observer,
            tracing=_tracing() if tracing else None,
        )
    )
    portable = api_key is None and http_client is None and clock is None and observer == Observer()
    # A second budget in memory would let both clients spend the whole of it.
    portable = portable and (rate_limits is None or _travels(rate_limits.store))
    return Settings(key, account, base, options, rate_limits, portable)


def _travels(store: str) -> bool:
    """Whether a budget's store can be named in a pickle: it is shared, and names no password."""
    # One of the options of a Redis URL is "password".
    return store != "memory" and not set("@?") & set(store.partition("://")[2])


def _observer(**hooks: Hook | None) -> Observer:
    for name, hook in hooks.items():
        if hook is not None and not callable(hook):
            raise TypeError(
                f"{name} must be a function that takes a kataven.CallEvent, or None, not "
                f"{type(hook).__name__}"
            )
    return Observer(**hooks)


def _tracing() -> Tracing:
    from kataven._core.tracing import Tracing  # noqa: PLC0415 - an extra, loaded by who asks for it

    return Tracing()


def changed(
    settings: Settings,
    *,
    timeout: float | Timeout | Unchanged,
    max_retries: int | Unchanged,
    max_retry_wait: float | Unchanged,
    deadline: float | Unchanged | None,
) -> Settings:
    """The settings of a view."""
    old = settings.options
    options = replace(
        old,
        timeout=old.timeout if timeout is UNCHANGED else _timeout(timeout),
        max_retries=old.max_retries if max_retries is UNCHANGED else max_retries,
        max_retry_wait=old.max_retry_wait if max_retry_wait is UNCHANGED else max_retry_wait,
        deadline=old.deadline if deadline is UNCHANGED else deadline,
    )
    return replace(settings, options=_checked(options))


def _timeout(given: float | Timeout) -> Timeout:
    if isinstance(given, Timeout):
        parts = given
    elif isinstance(given, int | float) and not isinstance(given, bool):
        parts = Timeout(given, given, given, given)
    else:
        raise TypeError(
            f"timeout must be a number of seconds or a kataven.Timeout, not "
            f"{type(given).__name__}; a call without one can hang for ever"
        )
    for part in (parts.connect, parts.read, parts.write, parts.pool):
        check_seconds("timeout", part)
    return parts


def _checked(options: Options) -> Options:
    retries = options.max_retries
    if not isinstance(retries, int) or isinstance(retries, bool):
        raise TypeError(f"max_retries must be an int, not {type(retries).__name__}")
    if retries < 0:
        raise ValueError(f"max_retries must be 0 or more, not {retries}")
    check_seconds("max_retry_wait", options.max_retry_wait, zero=True)
    if options.deadline is not None:
        check_seconds("deadline", options.deadline)
    return options


def _check_http_client(http_client: Any, *, blocking: bool) -> None:
    if http_client is None:
        return
    import httpx  # noqa: PLC0415 - only who brings a client of their own has it loaded before

    wanted: type[Any] = httpx.Client if blocking else httpx.AsyncClient
    if not isinstance(http_client, wanted):
        raise TypeError(
            f"http_client must be an httpx.{wanted.__name__} here, not {type(http_client).__name__}"
        )
