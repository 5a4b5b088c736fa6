"""The token that a client sends, and its renewal where the key is a callable.

Knows who is asked for a token and when. It shows no token in any repr, and a pickle of it fails.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, NoReturn

from kataven.config import credential_headers
from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    CredentialHeaders = tuple[tuple[bytes, bytes], ...]


_HIDDEN: Final = b"<key>"


class Token:
    """One token, as headers, and its number: a renewal names the number that was refused."""

    __slots__ = ("headers", "number")

    def __init__(self, number: int, headers: CredentialHeaders) -> None:
        self.number = number
        self.headers = headers

    def hidden_in(
        self, body: bytes, raw_headers: Sequence[tuple[bytes, bytes]]
    ) -> tuple[bytes, Sequence[tuple[bytes, bytes]]]:
        """An answer without the token, where it echoes it."""
        token = self.headers[0][1].removeprefix(b"Bearer ")
        if token in body:
            body = body.replace(token, _HIDDEN)
        if any(token in value for _, value in raw_headers):
            raw_headers = [(name, value.replace(token, _HIDDEN)) for name, value in raw_headers]
        return body, raw_headers

    def __repr__(self) -> str:
        return f"<Token {self.number}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token is never pickled")


class _Source:
    """What both sources share: a fixed token, or whom to ask."""

    __slots__ = ("_account_id", "_provider", "_token", "renewable")

    def __init__(self, key: str | Callable[[], Any], account_id: str | None) -> None:
        self._account_id = account_id
        self._provider: Callable[[], Any] | None = None
        self._token: Token | None = None
        self.renewable = callable(key)
        if callable(key):
            self._provider = key
        else:
            self._token = Token(0, credential_headers(key, account_id))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token is never pickled")

    def _take(self, key: object) -> Token:
        number = 0 if self._token is None else self._token.number + 1
        # credential_headers checks the type of what a callable gave.
        self._token = Token(number, credential_headers(key, self._account_id))  # type: ignore[arg-type]
        return self._token

    def _refused(self, number: int) -> bool:
        return self._provider is not None and (self._token is None or self._token.number == number)


class TokenSource(_Source):
    """The token of a blocking client.

    Args:
        key: The token, or a function that gives one.
        account_id: The account that a JWT acts for.
    """

    __slots__ = ("_lock",)

    def __init__(self, key: str | Callable[[], str], account_id: str | None) -> None:
        super().__init__(key, account_id)
        self._lock = threading.Lock()

    def current(self) -> Token:
        """The token to send; the first call asks for it."""
        token = self._token
        if token is not None:
            return token
        with self._lock:
            return self._token or self._ask()

    def renew(self, number: int) -> None:
        """Ask again, once for all calls that were refused with token ``number``."""
        if self._refused(number):
            with self._lock:
                if self._refused(number):
                    self._ask()

    def _ask(self) -> Token:
        if self._provider is None:  # pragma: no cover - a source without provider has its token
            raise RuntimeError("no token and nobody to ask")
        key = self._provider()
        if hasattr(key, "__await__"):
            # Closed, or it would be reported as never awaited.
            getattr(key, "close", lambda: None)()
            raise ConfigurationError(
                "api_key= is an async function, which the blocking client cannot ask; give it a "
                "plain one, or use AsyncKatavenClient"
            )
        return self._take(key)


class AsyncTokenSource(_Source):
    """The token of an async client; the function may be a coroutine function.

    Args:
        key: The token, or a function that gives one or an awaitable of one.
        account_id: The account that a JWT acts for.
    """

    __slots__ = ("_asking",)

    def __init__(
        self, key: str | Callable[[], str | Awaitable[str]], account_id: str | None
    ) -> None:
        super().__init__(key, account_id)
        self._asking: Any = None

    async def current(self) -> Token:
        """The token to send; the first call asks for it."""
        token = self._token
        if token is not None:
            return token
        return await self._ask(-1)

    async def renew(self, number: int) -> None:
        """Ask again, once for all calls that were refused with token ``number``."""
        if self._refused(number):
            await self._ask(number)

    async def _ask(self, number: int) -> Token:
        import asyncio  # noqa: PLC0415 - costs 8 ms, and the blocking client never needs it

        # One task asks, everybody waits for it: a caller that is cancelled takes nobody with it.
        loop = asyncio.get_running_loop()
        task = self._asking
        if task is None or task.done() or task.get_loop() is not loop:
            if self._token is not None and self._token.number != number:
                return self._token
            task = self._asking = loop.create_task(self._fetch())
        token: Token = await asyncio.shield(task)
        return token

    async def _fetch(self) -> Token:
        if self._provider is None:  # pragma: no cover - a source without provider has its token
            raise RuntimeError("no token and nobody to ask")
        key = self._provider()
        if hasattr(key, "__await__"):
            key = await key
        return self._take(key)
