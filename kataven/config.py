"""Which Hub, which key, which account: the rules for these three, and where each is read from.

Knows their environment variables, the default URL, what makes a value invalid, and how a key is
written as headers. Knows no client and no other option; ``_settings`` puts them together. Must not
do I/O, and must not show a key in a repr or an error.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from kataven._flow.responses import one_line
from kataven.errors import ConfigurationError

DEFAULT_BASE_URL: Final = "https://api.kataven.ai/v1"
JWT_PREFIX: Final = "eyJ"

_ACCOUNT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
_QUOTES: Final = ("'", '"', "`", "\u2018", "\u2019", "\u201c", "\u201d")
# The path of one of the Hub's operations, which the client appends itself.
_OPERATION_PATH = re.compile(
    r"/(?:campaigns(?:/(?!v1$)[^/]+(?:/(?:start|pause|resume|stop|contacts|events))?)?|call-limits)$",
    re.IGNORECASE,
)
# What examples have instead of a key: <key>, ${KEY}, sk_live_..., sk_live_xxxx, sk_live_****.
_PLACEHOLDER_SIGNS = re.compile(
    r"[<>{}$]|\.\.\.|\*\*\*|^%.*%$|^\[.*\]$|(?:^|[_.-])x{3,}$", re.IGNORECASE
)
# The same in words: lower case, without separators. A random key does not contain the first ones by
# chance; the others count only as the entire key.
_PLACEHOLDER_WORDS = re.compile(
    "your.*(?:key|token|secret)|(?:enter|insert|paste)(?:the|an|api|key)|(?:key|token)here|changeme"
    "|replace(?:me|this)|placeholder"
    "|^(?:(?:my|the|katavenapi|myapi|api|secret)(?:key|token|secret)|bearer|dummy|example|none|null"
    "|password|string|todo|undefined)$"
)


def from_environment(name: str) -> str | None:
    """Return the value of an environment variable; an empty one counts as not set."""
    return os.environ.get(name) or None


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """The URL of the Hub, including the API version.

    Attributes:
        url: The URL that paths like ``/campaigns`` are appended to, without a trailing slash.
        host: The host as written in the URL, including the brackets of an IPv6 address.
        loopback: Whether the host is this machine.
    """

    url: str
    host: str
    loopback: bool


def read_base_url(given: str | None) -> BaseUrl:
    """Apply the URL rule.

    Trailing slashes are ignored. A URL whose last path segment is ``v1`` is used as is; ``/api/v1``
    is appended to any other.

    Args:
        given: The ``base_url`` argument. None means ``KATAVEN_BASE_URL`` or, if that is not set,
            ``https://api.kataven.ai/v1``.

    Returns:
        The base URL.

    Raises:
        ConfigurationError: The URL is invalid, ends with the path of an operation, or would send
            the key unencrypted to another machine.
        TypeError: It is not a ``str``.
    """
    if given is None:
        given = from_environment("KATAVEN_BASE_URL") or DEFAULT_BASE_URL
    if not isinstance(given, str):
        raise TypeError(f"base_url must be a str, not {type(given).__name__}")
    # Do not quote any part of the URL here: its userinfo may be a secret.
    if not _VISIBLE_ASCII.fullmatch(given) or "\\" in given:
        raise ConfigurationError(
            "invalid base URL: it is empty or contains spaces, backslashes, control characters or "
            "non-ASCII characters; use one like https://api.kataven.ai/v1"
        )
    # Search the entire URL: a password may contain a slash.
    if "@" in given:
        raise ConfigurationError(
            "invalid base URL: it contains an '@', as if it had a user name or a password; remove "
            "that part and pass the key as api_key or in KATAVEN_API_KEY"
        )
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError:
        # Drop the ValueError: its text quotes a part of the URL.
        raise ConfigurationError(
            "invalid base URL: missing or malformed host or port; use one like "
            "https://api.kataven.ai/v1"
        ) from None
    if "?" in given or "#" in given:
        raise ConfigurationError(
            "invalid base URL: it has a query or a fragment; use only scheme, host and path, like "
            "https://api.kataven.ai/v1"
        )
    if parts.scheme not in {"http", "https"}:
        found = f"it starts with {parts.scheme}:" if parts.scheme else "it has no scheme"
        raise ConfigurationError(
            f"invalid base URL: {found}; it must start with https:// (or http:// for this machine)"
        )
    host = parts.hostname or ""
    quoted = one_line(given, 80)
    if not host or port == 0:
        raise ConfigurationError(f"invalid base URL {quoted}: missing host or unusable port")
    path = parts.path.rstrip("/")
    segments = path.split("/")
    if "." in segments or ".." in segments:
        raise ConfigurationError(
            f"invalid base URL {quoted}: its path contains '.' or '..'; write the path in full"
        )
    operation = _OPERATION_PATH.search(path)
    if operation is not None:
        raise ConfigurationError(
            f"invalid base URL {quoted}: it ends with the path of an operation, which the client "
            f"appends by itself; remove {one_line(operation.group(), 40)!r}"
        )
    loopback = _is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise ConfigurationError(
            f"the base URL {quoted} would send the API key unencrypted to another machine; "
            "use https:// (http:// is allowed for this machine only)"
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
    """Read the account that a JWT acts for.

    Args:
        given: The ``account_id`` argument, or None for ``KATAVEN_ACCOUNT_ID``.

    Returns:
        The account name, or None if neither is set.

    Raises:
        ConfigurationError: The name breaks the Hub's documented rule.
        TypeError: It is not a ``str``.
    """
    account_id = from_environment("KATAVEN_ACCOUNT_ID") if given is None else given
    if account_id is None:
        return None
    if not isinstance(account_id, str):
        raise TypeError(f"account_id must be a str, not {type(account_id).__name__}")
    if not _ACCOUNT_NAME.fullmatch(account_id):
        # Do not quote the value: it may be a key that was passed by mistake.
        raise ConfigurationError(
            "account_id (or KATAVEN_ACCOUNT_ID) is not an account name: a name has 1 to 63 "
            "characters of a-z, 0-9, '_' and '-', and starts with a letter or a digit; "
            "did you pass a key or a token by mistake?"
        )
    return account_id


def read_api_key(given: str | None) -> str:
    """Read the API key; ``credential_headers`` checks it.

    Args:
        given: The ``api_key`` argument, or None for ``KATAVEN_API_KEY``.

    Returns:
        The key, not yet validated.

    Raises:
        ConfigurationError: There is no key.
        TypeError: It is not a ``str``.
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


def _key_problem(token: object) -> str | None:
    """Return what is wrong with a token, without quoting it; None if it can be sent."""
    if not isinstance(token, str):
        return f"the API key must be a str, not {type(token).__name__}"
    if re.match(r"\s*(?:authorization\s*:\s*)?bearer[\s:]", token, re.IGNORECASE):
        return (
            "the API key begins with 'Bearer', which the client adds by itself; pass only what "
            "follows"
        )
    if re.match(r"\s*(?:export\s+)?[A-Z_]*API_KEY\s*=", token):
        return "the API key begins with the name of a variable; pass only what follows the '='"
    if token.strip().startswith(_QUOTES) or token.strip().endswith(_QUOTES):
        return "the API key has quotation marks around it; remove them"
    words = re.sub(r"^sk(?:_live_|_test_|[_-])|[-_.\s]", "", token.lower())
    if _PLACEHOLDER_SIGNS.search(token) or _PLACEHOLDER_WORDS.search(words):
        return (
            "the API key is a placeholder from an example; replace it with your own key (it looks "
            "like sk_live_<account>_...)"
        )
    if not _VISIBLE_ASCII.fullmatch(token):
        return (
            "the API key is empty or contains characters other than visible ASCII (a trailing line "
            "break, a space, a typographic dash?); copy it again"
        )
    return None


def credential_headers(token: str, account_id: str | None) -> tuple[tuple[bytes, bytes], ...]:
    """Build the authentication headers.

    Args:
        token: An API key or a JWT.
        account_id: The account that a JWT acts for; ignored for an API key, which names its own.

    Returns:
        The name and the value of each header.

    Raises:
        ConfigurationError: The token cannot be sent in a header, is a placeholder or quoted, or it
            is a JWT and there is no account.
    """
    problem = _key_problem(token)
    if problem is not None:
        raise ConfigurationError(problem)
    authorization = (b"authorization", b"Bearer " + token.encode("ascii"))
    if not token.startswith(JWT_PREFIX):
        return (authorization,)
    if account_id is None:
        raise ConfigurationError(
            "this token is a JWT, which does not name an account: pass account_id= or set "
            "KATAVEN_ACCOUNT_ID"
        )
    return (authorization, (b"x-account-id", account_id.encode("ascii")))
