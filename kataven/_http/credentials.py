"""The token that a client sends, and its refresh where the key is a function.

Knows when the token provider is called. Shows no token in any repr, and refuses to be pickled.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from kataven.config import credential_headers
from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from kataven._flow.operation import RawHeaders

    Provider: TypeAlias = Callable[[], str | Awaitable[str]]

_HIDDEN: Final = b"<key>"


class Token:
    """One token as headers, and its number: a refresh names the number that was rejected."""

    __slots__ = ("headers", "number")

    def __init__(self, number: int, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self.number = number
        self.headers = headers

    def hidden_in(self, body: bytes, raw_headers: RawHeaders) -> tuple[bytes, RawHeaders]:
        """Return body and headers of a response without the token, which it may echo."""
        token = self.headers[0][1].removeprefix(b"Bearer ")
        if token in body:
            body = body.replace(token, _HIDDEN)
        if any(token in value or token in name for name, value in raw_headers):
            raw_headers = [
                (name.replace(token, _HIDDEN), value.replace(token, _HIDDEN))
                for name, value in raw_headers
            ]
        return body, raw_headers

    def is_in(self, text: str) -> bool:
        """Return whether a text shows the token."""
        return self.headers[0][1].removeprefix(b"Bearer ").decode("ascii") in text

    def __repr__(self) -> str:
        return f"<Token {self.number}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token is never pickled")


class _Shared:
    """What both kinds of credentials share: a fixed token, or its provider."""

    __slots__ = ("_account_id", "_provider", "_token")

    def __init__(self, key: str | Provider, account_id: str | None) -> None:
        self._account_id = account_id
        self._provider: Provider | None = None
        self._token: Token | None = None
        if callable(key):
            self._provider = key
        else:
            self._token = Token(0, credential_headers(key, account_id))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token is never pickled")

    def _adopt(self, key: str) -> Token:
        number = 0 if self._token is None else self._token.number + 1
        try:
            # This checks what a provider returned.
            self._token = Token(number, credential_headers(key, self._account_id))
            return self._token
        except ConfigurationError as error:
            # Tools that report errors send the variables of each frame: drop those with the key.
            error.__traceback__ = None
            raise
        finally:
            del key

    def _call_provider(self) -> str | Awaitable[str]:
        if self._provider is None:  # pragma: no cover - a fixed token is never requested
            raise RuntimeError("no token and no provider")
        return self._provider()

    def _rejected(self, number: int) -> bool:
        return self._provider is not None and (self._token is None or self._token.number == number)


class Credentials(_Shared):
    """The token of a blocking client.

    Args:
        key: The token, or a function that returns one.
        account_id: The account that a JWT acts for.
    """

    __slots__ = ("_lock",)

    def __init__(self, key: str | Provider, account_id: str | None) -> None:
        super().__init__(key, account_id)
        self._lock = threading.Lock()

    def current(self) -> Token:
        """Return the token to send; the first call requests it."""
        token = self._token
        if token is not None:
            return token
        with self._lock:
            return self._token or self._ask()

    def refresh(self, number: int) -> None:
        """Get a new token, once for all calls that were rejected with token ``number``."""
        if self._rejected(number):
            with self._lock:
                if self._rejected(number):
                    self._ask()

    def _ask(self) -> Token:
        key = self._call_provider()
        if isinstance(key, Awaitable):
            # Closed, or it would be reported as never awaited.
            getattr(key, "close", lambda: None)()
            raise ConfigurationError(
                "api_key= is an async function, which the blocking client cannot call; pass a "
                "plain function, or use AsyncKatavenClient"
            )
        try:
            return self._adopt(key)
        finally:
            del key


class AsyncCredentials(_Shared):
    """The token of an async client; the function may be a coroutine function.

    Args:
        key: The token, or a function that returns one or an awaitable of one.
        account_id: The account that a JWT acts for.
    """

    __slots__ = ("_asking",)

    def __init__(self, key: str | Provider, account_id: str | None) -> None:
        super().__init__(key, account_id)
        self._asking: asyncio.Task[Token] | None = None

    async def current(self) -> Token:
        """Return the token to send; the first call requests it."""
        token = self._token
        if token is not None:
            return token
        return await self._ask(-1)

    async def refresh(self, number: int) -> None:
        """Get a new token, once for all calls that were rejected with token ``number``."""
        if self._rejected(number):
            await self._ask(number)

    async def _ask(self, number: int) -> Token:
        import asyncio  # noqa: PLC0415 - costs 8 ms, and the blocking client never needs it

        # One task asks and every caller waits for it, so a cancelled caller does not cancel others.
        loop = asyncio.get_running_loop()
        task = self._asking
        if task is None or task.done() or task.get_loop() is not loop:
            if self._token is not None and self._token.number != number:
                return self._token
            task = self._asking = loop.create_task(self._fetch())
        return await asyncio.shield(task)

    async def _fetch(self) -> Token:
        key = self._call_provider()
        if isinstance(key, Awaitable):
            key = await key
        try:
            return self._adopt(key)
        finally:
            del key
