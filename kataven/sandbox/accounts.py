"""Who asks: tokens, keys and accounts.

Knows what a token looks like and which account it names. Must not know campaigns or how an answer
is sent. Documented: `Authorization: Bearer`, keys `sk_live_<account>_<rest>` that name their
account, JWTs that need `X-Account-ID`, the pattern of account names, 400, 401 and 403. Ours: every
`eyJ<...>.<...>.<...>` counts as a valid JWT.
"""

import re
import secrets
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kataven.sandbox.refusals import Refused
from kataven.sandbox.windows import CallWindows, RequestWindows

if TYPE_CHECKING:
    from kataven.sandbox.campaign import Campaign

RESERVED: Final = "kataven-admin"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(slots=True)
class Key:
    """An API key of the Hub.

    Args:
        token: The whole token.
        account: The account it names.
        limits: Its own request limits, or None where only the account's count.
        revoked: It no longer opens anything.
    """

    token: str
    account: str
    limits: dict[str, int | None] | None
    revoked: bool = False
    windows: RequestWindows | None = None

    def __post_init__(self) -> None:
        if self.limits is not None:
            self.windows = RequestWindows(self.limits)


@dataclass(eq=False, slots=True)
class Account:
    """One account of the Hub.

    Args:
        name: Its name.
        requests: Its requests.
        calls: Its calls of the last minute and day.
        created: How many campaigns it ever made.
        in_flight: Calls in flight, of whatever campaign.
        campaigns: Its campaigns by id, oldest first.
        rotation: Its running campaigns, in the order they take turns.
        wake_at: When the dispatcher looks again because a cap stopped it; 0 if none did.
    """

    name: str
    requests: RequestWindows
    calls: CallWindows
    created: int = 0
    in_flight: int = 0
    campaigns: "dict[str, Campaign]" = field(default_factory=dict)
    rotation: "deque[Campaign]" = field(default_factory=deque)
    wake_at: int = 0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from.

    Args:
        account: The account.
        key: The API key, or None for a JWT.
    """

    account: Account
    key: Key | None

    @property
    def name(self) -> str:
        """What `created_by` says."""
        return "jwt" if self.key is None else "api_key"


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

    def get(self, name: str) -> Account:
        """Return an account; it comes to be when it is first named."""
        account = self._accounts.get(name)
        if account is None:
            account = Account(name, RequestWindows(self._limits), CallWindows(self.call_limits))
            self._accounts[name] = account
        return account

    def new_key(self, account: str, limits: dict[str, int | None] | None) -> Key:
        """Make a key for an account.

        Raises:
            ValueError: The account's name breaks the rule.
        """
        if _NAME.fullmatch(account) is None:
            msg = f"an account's name matches {_NAME.pattern}, not {account!r}"
            raise ValueError(msg)
        key = Key(f"sk_live_{account}_{secrets.token_hex(16)}", account, limits)
        self.keys[key.token] = key
        return key

    def identify(self, headers: Mapping[bytes, bytes]) -> Caller:
        """Tell who a request comes from.

        Args:
            headers: The request's headers, names in lower case.

        Raises:
            Refused: 401 for a missing, wrong or revoked token; 400 for a JWT without a good
                `X-Account-ID`; 403 for the reserved account.
        """
        token = _bearer(headers.get(b"authorization"))
        if _JWT.fullmatch(token) is not None:
            return Caller(self._named_by_header(headers.get(b"x-account-id")), None)
        key = self.keys.get(token)
        if key is None:
            raise Refused(401, "the token is not known; use an API key of this Hub")
        if key.revoked:
            raise Refused(401, "the API key was revoked; use another one")
        if key.account == RESERVED:
            raise Refused(403, f"the account {RESERVED} is reserved")
        return Caller(self.get(key.account), key)

    def _named_by_header(self, value: bytes | None) -> Account:
        if value is None:
            raise Refused(400, "missing X-Account-ID: a JWT needs it to name the account")
        name = value.decode("latin-1")
        if _NAME.fullmatch(name) is None:
            raise Refused(400, f"bad X-Account-ID: an account's name matches {_NAME.pattern}")
        if name == RESERVED:
            raise Refused(403, f"the account {RESERVED} is reserved")
        return self.get(name)


def _bearer(value: bytes | None) -> str:
    if value is None:
        raise Refused(401, "missing token: send Authorization: Bearer <token>")
    scheme, _, token = value.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused(401, "bad Authorization header: send Authorization: Bearer <token>")
    return token
