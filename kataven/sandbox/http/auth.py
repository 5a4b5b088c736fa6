"""Whose request it is: from the token and the headers to an account.

Knows what a token looks like and which account it names. Must not know operations. Documented:
``Authorization: Bearer``, keys that name their account, JWTs that need ``X-Account-ID``; 400, 401
and 403. Assumed: every ``eyJ<...>.<...>.<...>`` counts as a valid JWT.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kataven.sandbox.http.refusals import HttpRefused
from kataven.sandbox.model.accounts import ACCOUNT_NAME, RESERVED, Account, Accounts, Key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kataven.sandbox.model.limits import RequestLimiter

_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request.

    Args:
        account: The account.
        key: The API key, or None for a JWT.
    """

    account: Account
    key: Key | None

    @property
    def created_by(self) -> str:
        """The value of ``created_by`` of the campaigns that it creates."""
        return "jwt" if self.key is None else "api_key"

    def limiters(self) -> list[RequestLimiter]:
        """Return the limiters of its requests: the account's, and the key's if it has one."""
        limiters = [self.account.requests]
        if self.key is not None and self.key.limiter is not None:
            limiters.append(self.key.limiter)
        return limiters


def identify(accounts: Accounts, headers: Mapping[bytes, bytes]) -> Caller:
    """Find the sender of a request.

    Args:
        accounts: The accounts and keys of the Hub.
        headers: The request's headers, names in lower case.

    Raises:
        HttpRefused: 401 for a missing, wrong or revoked token; 400 for a JWT without a valid
            ``X-Account-ID``; 403 for the reserved account.
    """
    token = _bearer(headers.get(b"authorization"))
    if _JWT.fullmatch(token) is not None:
        return Caller(accounts.get(_account_name(headers.get(b"x-account-id"))), None)
    key = accounts.keys.get(token)
    if key is None:
        raise HttpRefused(401, "unknown token: use an API key of this Hub")
    if key.revoked:
        raise HttpRefused(401, "the API key was revoked: use another one")
    if key.account == RESERVED:
        raise HttpRefused(403, f"the account {RESERVED} is reserved")
    return Caller(accounts.get(key.account), key)


def _account_name(value: bytes | None) -> str:
    if value is None:
        raise HttpRefused(400, "missing X-Account-ID: a JWT needs it to name the account")
    name = value.decode("latin-1")
    if ACCOUNT_NAME.fullmatch(name) is None:
        raise HttpRefused(400, f"invalid X-Account-ID: it must match {ACCOUNT_NAME.pattern}")
    if name == RESERVED:
        raise HttpRefused(403, f"the account {RESERVED} is reserved")
    return name


def _bearer(value: bytes | None) -> str:
    if value is None:
        raise HttpRefused(401, "missing token: send Authorization: Bearer <token>")
    scheme, _, token = value.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise HttpRefused(401, "invalid Authorization header: send Authorization: Bearer <token>")
    return token
