"""Accounts and their API keys.

Knows the names of accounts and the form of a key. Must not know HTTP: ``http/auth.py`` finds the
account of a request. Documented: keys are ``sk_live_<account>_<rest>``, account names match
``^[a-z0-9][a-z0-9_-]{0,62}$``, and ``kataven-admin`` is reserved.
"""

from __future__ import annotations

import re
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kataven.sandbox.model.limits import CallLimiter, RequestLimiter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kataven.sandbox.model.campaign import Campaign

RESERVED: Final = "kataven-admin"
ACCOUNT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(slots=True)
class Key:
    """An API key of the Hub.

    Args:
        token: The complete token.
        account: The account it names.
        limits: Request limits of its own, or None if only the account's limits apply.
        revoked: Whether it is no longer valid.
        limiter: The limiter of its own limits, or None if it has none.
    """

    token: str
    account: str
    limits: dict[str, int | None] | None
    revoked: bool = False
    limiter: RequestLimiter | None = field(init=False)

    def __post_init__(self) -> None:
        self.limiter = None if self.limits is None else RequestLimiter(self.limits)


@dataclass(eq=False, slots=True)
class Account:
    """One account of the Hub.

    Args:
        name: Its name.
        requests: The limiter of its requests.
        calls: The limiter of its calls.
        created: The number of campaigns it has ever created.
        in_flight: Calls in flight, over all its campaigns.
        campaigns: Its campaigns by id, oldest first.
        rotation: Its running campaigns, in the order in which they take turns.
        wake_at: When the dialler looks again because a cap stopped it; 0 if none did.
    """

    name: str
    requests: RequestLimiter
    calls: CallLimiter
    created: int = 0
    in_flight: int = 0
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    rotation: deque[Campaign] = field(default_factory=deque)
    wake_at: int = 0

    def forget(self, call_limits: Mapping[str, int]) -> None:
        """Forget campaigns and calls, before they are read from the store again."""
        self.calls = CallLimiter(call_limits)
        self.created = self.in_flight = self.wake_at = 0
        self.campaigns.clear()
        self.rotation.clear()


class Accounts:
    """All accounts and keys of one Hub.

    Args:
        limits: The request limits of each account.
        call_limits: The limits of each account on calls.
    """

    def __init__(self, limits: Mapping[str, int | None], call_limits: Mapping[str, int]) -> None:
        self._limits = limits
        self.call_limits = call_limits
        self._accounts: dict[str, Account] = {}
        self.keys: dict[str, Key] = {}

    def __iter__(self) -> Iterator[Account]:
        return iter(list(self._accounts.values()))

    @property
    def first_key(self) -> str:
        """The first key of the account ``sandbox``."""
        return next(iter(self.keys))

    def get(self, name: str) -> Account:
        """Return an account. It is created the first time it is named."""
        account = self._accounts.get(name)
        if account is None:
            account = Account(name, RequestLimiter(self._limits), CallLimiter(self.call_limits))
            self._accounts[name] = account
        return account

    def make_key(self, account: str, limits: dict[str, int | None] | None) -> Key:
        """Make a key for an account. Add it to ``keys`` when it is stored.

        Raises:
            ValueError: The account's name is not valid.
        """
        if not isinstance(account, str) or ACCOUNT_NAME.fullmatch(account) is None:
            msg = f"invalid account name {account!r}: it must match {ACCOUNT_NAME.pattern}"
            raise ValueError(msg)
        return Key(f"sk_live_{account}_{secrets.token_hex(16)}", account, limits)
