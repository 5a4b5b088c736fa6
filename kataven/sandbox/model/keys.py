"""The API keys of a Hub: in memory, and stored before they are valid.

Knows accounts and the store. Must not know campaigns, or how a key is sent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kataven.sandbox.model.limits import checked_limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kataven.sandbox.model.accounts import Accounts, Key
    from kataven.sandbox.model.store import Store

_FIRST_ACCOUNT: Final = "sandbox"


def load_keys(store: Store, accounts: Accounts) -> None:
    """Read the stored keys and their accounts; a new Hub gets a key for the account ``sandbox``.

    Raises:
        NotStored: The database cannot be written.
    """
    for key in store.load_keys():
        accounts.keys[key.token] = key
        accounts.get(key.account)
    if not accounts.keys:
        new_key(store, accounts, _FIRST_ACCOUNT, None)


def new_key(
    store: Store, accounts: Accounts, account: str, limits: Mapping[str, int | None] | None
) -> Key:
    """Make and store a key for an account.

    Args:
        store: The database.
        accounts: The accounts of the Hub.
        account: The account, which is created if it does not exist.
        limits: Request limits of the key, or None for none.

    Raises:
        ValueError: The account's name or a limit is not valid.
        NotStored: The database cannot be written.
    """
    own = None if limits is None else checked_limits(limits, {})
    key = accounts.make_key(account, own)
    store.save_key(key)
    accounts.keys[key.token] = key
    accounts.get(account)
    return key


def revoke(store: Store, accounts: Accounts, token: str) -> None:
    """Revoke a key: its next request is refused.

    Raises:
        LookupError: The Hub has no such key.
    """
    key = accounts.keys.get(token)
    if key is None:
        raise LookupError("no such key in this Hub")
    store.save_key(replace(key, revoked=True))
    key.revoked = True
