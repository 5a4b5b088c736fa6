"""Where a client's settings come from: argument, else environment, else default.

Knows the URL rule and the rules for tokens and account names. It opens nothing and never shows a
token: not in a repr, not in an error.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from kataven.errors import ConfigurationError

DEFAULT_BASE_URL: Final = "https://api.kataven.ai/v1"
JWT_PREFIX: Final = "eyJ"

_ACCOUNT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")


def from_environment(name: str) -> str | None:
    """The variable's value; an empty one counts as not set."""
    return os.environ.get(name) or None


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """Where the Hub is, with its version.

    Attributes:
        url: The base that paths like ``/campaigns`` follow, without a slash at the end.
        host: The host as the URL names it, brackets included.
        loopback: Whether it is this machine.
    """

    url: str
    host: str
    loopback: bool


def read_base_url(given: str | None) -> BaseUrl:
    """Apply the URL rule.

    Slashes at the end are ignored. A base whose last path segment is ``v1`` names the version; to
    any other ``/api/v1`` is added.

    Args:
        given: The argument, or None for ``KATAVEN_BASE_URL``, else ``https://api.kataven.ai/v1``.

    Returns:
        The base.

    Raises:
        ConfigurationError: If the URL cannot be used, or would carry the key in clear over a
            network.
    """
    if given is None:
        given = from_environment("KATAVEN_BASE_URL") or DEFAULT_BASE_URL
    if not isinstance(given, str):
        raise TypeError(f"base_url must be a str, not {type(given).__name__}")
    # Names no part of the URL in this error: userinfo in it may be a secret.
    if not _VISIBLE_ASCII.fullmatch(given) or "\\" in given:
        raise ConfigurationError(
            "the base URL is empty or has characters that a URL cannot have (spaces, backslashes, "
            "control or non-ASCII characters); give one like https://api.kataven.ai/v1"
        )
    # Anywhere, for a password may hold a slash.
    if "@" in given:
        raise ConfigurationError(
            "the base URL holds an '@', as one with a user name or password does; take it out and "
            "pass the key as api_key or in KATAVEN_API_KEY"
        )
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError:
        # Not what was found wrong: that quotes a part of the URL.
        raise ConfigurationError(
            "the base URL cannot be read: its host or its port is none; give one like "
            "https://api.kataven.ai/v1"
        ) from None
    if "?" in given or "#" in given:
        raise ConfigurationError(
            "the base URL has a query or a fragment; give only scheme, host and path, like "
            "https://api.kataven.ai/v1"
        )
    if parts.scheme not in {"http", "https"}:
        raise ConfigurationError(
            f"the base URL begins with {parts.scheme + ':' if parts.scheme else 'no scheme'}; "
            "it must begin with https:// (or http:// for this machine)"
        )
    host = parts.hostname or ""
    if not host or port == 0:
        raise ConfigurationError(f"the base URL {given} names no host or no usable port")
    path = parts.path.rstrip("/")
    segments = path.split("/")
    if "." in segments or ".." in segments:
        raise ConfigurationError(f"the base URL {given} has a path with '.' or '..'; write it out")
    loopback = _is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise ConfigurationError(
            f"the base URL {given} would send the API key in clear to another machine; "
            "use https:// (http:// is for this machine only)"
        )
    if segments[-1] != "v1":
        path += "/api/v1"
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if port is None else f":{port}"
    return BaseUrl(f"{parts.scheme}://{shown_host}{shown_port}{path}", shown_host, loopback)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def read_account_id(given: str | None) -> str | None:
    """The account a JWT acts for.

    Args:
        given: The argument, or None for ``KATAVEN_ACCOUNT_ID``.

    Returns:
        The account's name, or None where none is named.

    Raises:
        ConfigurationError: If the name breaks the Hub's documented rule.
    """
    account_id = from_environment("KATAVEN_ACCOUNT_ID") if given is None else given
    if account_id is None:
        return None
    if not isinstance(account_id, str):
        raise TypeError(f"account_id must be a str, not {type(account_id).__name__}")
    if not _ACCOUNT_NAME.fullmatch(account_id):
        # Not what it is: a key may have been put in its place.
        raise ConfigurationError(
            "account_id (or KATAVEN_ACCOUNT_ID) is no account name: one has 1 to 63 of a-z, 0-9, "
            "'_' and '-' and begins with a letter or digit; is it a key or a token by mistake?"
        )
    return account_id


def read_api_key(given: str | None) -> str:
    """The key to use.

    Args:
        given: The argument, or None for ``KATAVEN_API_KEY``.

    Returns:
        The key, not yet checked.

    Raises:
        ConfigurationError: If there is none.
    """
    key = from_environment("KATAVEN_API_KEY") if given is None else given
    if not key:
        raise ConfigurationError(
            "no API key: pass api_key= or set KATAVEN_API_KEY (a key looks like "
            "sk_live_<account>_...)"
        )
    if not isinstance(key, str):
        raise TypeError(f"api_key must be a str or a callable, not {type(key).__name__}")
    return key


def credential_headers(token: str, account_id: str | None) -> tuple[tuple[bytes, bytes], ...]:
    """The headers that name who calls.

    Args:
        token: An API key or a JWT.
        account_id: The account that a JWT acts for; an API key names its own.

    Returns:
        Name and value of each header.

    Raises:
        ConfigurationError: If the token cannot be sent, or is a JWT without an account.
    """
    if not isinstance(token, str) or not _VISIBLE_ASCII.fullmatch(token):
        raise ConfigurationError(
            "the API key is empty or holds something other than visible ASCII characters (a line "
            "end at its end, a space, a typographic dash?); copy it again"
        )
    authorization = (b"authorization", b"Bearer " + token.encode("ascii"))
    if not token.startswith(JWT_PREFIX):
        return (authorization,)
    if account_id is None:
        raise ConfigurationError(
            "this token is a JWT, which names no account: pass account_id= or set "
            "KATAVEN_ACCOUNT_ID"
        )
    return (authorization, (b"x-account-id", account_id.encode("ascii")))
