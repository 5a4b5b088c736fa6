"""The arguments of both clients' constructors as one checked value, which a copy and a pickle use.

Knows all options of a client, and what of them a pickle may hold; what the flows read of them is in
``_flow/options.py``. The rules for URL, key and account, and their environment variables, are in
``config``. The key is kept where no repr and no pickle can show it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypeAlias, TypeVar

from kataven import _validate
from kataven._flow.observe import CallHook, Observer, log_by_environment
from kataven._flow.operation import Timeout
from kataven._flow.options import Options
from kataven._flow.ratelimit import RateLimits
from kataven.config import credential_headers, read_account_id, read_api_key, read_base_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kataven._flow.tracing import Tracing
    from kataven.clock import Clock
    from kataven.config import BaseUrl

    ApiKey: TypeAlias = str | Callable[[], str | Awaitable[str]]

ClientT = TypeVar("ClientT")


class _Sentinel(Enum):
    UNCHANGED = "unchanged"

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED: Final = _Sentinel.UNCHANGED
Unchanged: TypeAlias = Literal[_Sentinel.UNCHANGED]


class Secret:
    """A key, or the function that returns it; it shows in no repr and in no pickle."""

    __slots__ = ("value",)

    def __init__(self, value: ApiKey) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is never pickled")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that one client, or a copy with other options, was set up with."""

    key: Secret
    account_id: str | None
    base: BaseUrl
    options: Options
    rate_limits: RateLimits | None
    portable: bool

    def rebuild(
        self, cls: type[ClientT]
    ) -> tuple[Callable[[type[ClientT], dict[str, Any]], ClientT], tuple[object, ...]]:
        """Return how a pickle makes the client again; the key is read from the environment there.

        Raises:
            TypeError: If the key or another part of the client cannot be pickled.
        """
        if not self.portable:
            raise TypeError(
                f"this {cls.__name__} cannot be pickled: its key was passed as an argument, or it "
                "has its own http_client, clock or hooks, or rate limits in memory or at a URL "
                "with a password or options, which a pickle must not hold; create the client where "
                "it is used (with KATAVEN_API_KEY in the environment it can be pickled)"
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


def _rebuild(cls: type[ClientT], keywords: dict[str, Any]) -> ClientT:
    return cls(**keywords)


def read_settings(
    api_key: ApiKey | None,
    *,
    account_id: str | None,
    base_url: str | None,
    timeout: float | Timeout | None,
    max_retries: int,
    max_retry_wait: float,
    deadline: float | None,
    on_request: CallHook | None,
    on_response: CallHook | None,
    on_retry: CallHook | None,
    on_wait: CallHook | None,
    rate_limits: RateLimits | None,
    tracing: bool,
    clock: Clock | None,
    own_http_client: bool,
) -> Settings:
    """Read and check what a constructor was given.

    Raises:
        ConfigurationError: If the client cannot be used so.
        TypeError, ValueError: If an option has the wrong type or is out of range.
        ImportError: If ``tracing`` is on and its extra is not installed.
    """
    log_by_environment()
    base = read_base_url(base_url)
    account = read_account_id(account_id)
    key = Secret(api_key if callable(api_key) else read_api_key(api_key))
    if isinstance(key.value, str):
        credential_headers(key.value, account)
    if rate_limits is not None and not isinstance(rate_limits, RateLimits):
        raise TypeError(
            f"rate_limits must be a kataven.RateLimits, not {type(rate_limits).__name__}"
        )
    observer = _observer(
        on_request=on_request, on_response=on_response, on_retry=on_retry, on_wait=on_wait
    )
    _validate.flag("tracing", tracing)
    hint = ""
    if base.host == "api.kataven.ai" and base.url.endswith("/api/v1"):
        hint = (
            f"(The base URL is {base.url}; the documented one is https://api.kataven.ai/v1, and "
            "whether the other exists is not known.)"
        )
    options = _checked(
        Options(
            timeout=Timeout() if timeout is None else _validate.timeout(timeout),
            max_retries=max_retries,
            max_retry_wait=max_retry_wait,
            deadline=deadline,
            rate_limited=rate_limits is not None,
            refreshable=callable(api_key),
            not_found_hint=hint,
            origin=f"{base.url} {account or ''}",
            observer=observer,
            tracing=_tracing() if tracing else None,
        )
    )
    portable = api_key is None and not own_http_client and clock is None and observer == Observer()
    # A second state in memory would let both clients spend the entire limit.
    portable = portable and (rate_limits is None or _is_portable(rate_limits.store))
    return Settings(key, account, base, options, rate_limits, portable)


def _is_portable(store: str) -> bool:
    """Return whether a pickle may name a store: it is shared, and its URL holds no password."""
    # One of the options of a Redis URL is "password".
    return store != "memory" and not set("@?") & set(store.partition("://")[2])


def _observer(**hooks: CallHook | None) -> Observer:
    for name, hook in hooks.items():
        _validate.function(name, hook, "a kataven.CallEvent")
    return Observer(**hooks)


def _tracing() -> Tracing:
    from kataven._flow.tracing import Tracing  # noqa: PLC0415 - an extra

    return Tracing()


def changed(
    settings: Settings,
    *,
    timeout: float | Timeout | Unchanged,
    max_retries: int | Unchanged,
    max_retry_wait: float | Unchanged,
    deadline: float | Unchanged | None,
) -> Settings:
    """Return the settings with other options."""
    old = settings.options
    options = replace(
        old,
        timeout=old.timeout if timeout is UNCHANGED else _validate.timeout(timeout),
        max_retries=old.max_retries if max_retries is UNCHANGED else max_retries,
        max_retry_wait=old.max_retry_wait if max_retry_wait is UNCHANGED else max_retry_wait,
        deadline=old.deadline if deadline is UNCHANGED else deadline,
    )
    return replace(settings, options=_checked(options))


def _checked(options: Options) -> Options:
    _validate.count("max_retries", options.max_retries)
    _validate.seconds("max_retry_wait", options.max_retry_wait, zero=True)
    _validate.optional_seconds("deadline", options.deadline)
    return options
