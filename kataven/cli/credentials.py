"""A key, a URL and an account: where they come from, and whether they fit together.

Must not print a key, nor a part of its secret, and reads neither files nor the environment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from kataven.config import (
    DEFAULT_BASE_URL,
    JWT_PREFIX,
    credential_headers,
    read_account_id,
    read_base_url,
)
from kataven.errors import ConfigurationError

__all__ = ["Credentials", "Source", "account_of", "checked", "kind_of"]

_API_KEY_PREFIX: Final = "sk_live_"
_FIRST_WORD: Final = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the key, the URL and the account come from, and what it says; not yet checked.

    Attributes:
        name: For people: ``options``, ``environment``, ``profile 'x'``.
        api_key: The key, or None if this source has none.
        base_url: The URL, or None for the default.
        account_id: The account, or None.
        add_key, add_account: How a user adds a key or an account to this source.
        ignored: The variables that are set, but belong to another source.
    """

    name: str
    api_key: str | None = field(repr=False)
    base_url: str | None
    account_id: str | None
    add_key: str
    add_account: str
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where requests go and on whose behalf.

    Attributes:
        source: Where the three come from, for people: ``environment``, ``profile 'x'``.
        api_key: The key.
        base_url: The Hub's URL, with the version.
        account_id: The account that a JWT acts for, or None.
    """

    source: str
    api_key: str
    base_url: str
    account_id: str | None

    def __repr__(self) -> str:
        """Show everything except the key."""
        return f"Credentials({self.source}, {self.base_url}, {self.account})"

    @property
    def account(self) -> str:
        """The account, as far as the key or the settings name it; else ``unknown``."""
        return account_of(self.api_key, self.account_id)

    @property
    def kind(self) -> str:
        """The kind of the key, for people."""
        return kind_of(self.api_key)


def kind_of(key: str) -> str:
    """Return the kind of a key, for people."""
    if key.startswith(JWT_PREFIX):
        return "JWT"
    return "API key" if key.startswith(_API_KEY_PREFIX) else "key of an unknown form"


def account_of(key: str, account_id: str | None) -> str:
    """Return the account that a key acts for, as far as it is known; never a part of a secret.

    An account name may contain an underscore, and so may a secret (assumed). So without
    ``account_id`` only the first word of several is certain.

    Args:
        key: An API key (``sk_live_<account>_<secret>``) or a JWT.
        account_id: The account that the settings name, or None.

    Returns:
        The account, its beginning and ``_...``, or ``unknown``.
    """
    if key.startswith(JWT_PREFIX):
        return account_id or "unknown"
    if not key.startswith(_API_KEY_PREFIX):
        return "unknown"
    first, *others = key.removeprefix(_API_KEY_PREFIX).split("_")
    if account_id:
        return account_id
    if not others or not _FIRST_WORD.fullmatch(first):
        return "unknown"
    return first if len(others) == 1 else f"{first}_..."


def checked(source: Source, key: str) -> Credentials:
    """Check that a key, a URL and an account fit together.

    Args:
        source: Where they come from.
        key: The key of the source, or the one that the user typed.

    Raises:
        ConfigurationError: They do not; the text does not quote the key.
    """
    base = read_base_url(DEFAULT_BASE_URL if source.base_url is None else source.base_url)
    account = None if source.account_id is None else read_account_id(source.account_id)
    if key.startswith(JWT_PREFIX) and account is None:
        raise ConfigurationError(
            f"the key from {source.name} is a JWT, which does not name an account: add the account "
            f"to the same source ({source.add_account})"
        )
    # Refuses keys that cannot be sent in a header.
    credential_headers(key, account)
    if (
        account
        and key.startswith(_API_KEY_PREFIX)
        and not key.startswith(f"{_API_KEY_PREFIX}{account}_")
    ):
        raise ConfigurationError(
            f"the key from {source.name} belongs to another account than {account!r}, which the "
            "same source names: remove the account, or use a key of that account"
        )
    return Credentials(source.name, key, base.url, account)
