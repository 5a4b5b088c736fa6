"""The parts of the base URL that go into requests and connections.

Knows how a URL is written in HTTP/1.1. The rule for base URLs themselves is in ``kataven.config``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from kataven.config import BaseUrl

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9._-]+")
# What may be written in a path as it is; a percent sign only where it begins an escape.
_PATH_SAFE: Final = "/!$&'()*+,;=:@[]^|~"
_ESCAPE = re.compile(r"(%[0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the Hub is, as connections and requests need it.

    Attributes:
        scheme: ``http`` or ``https``.
        host: The host name or address, without brackets.
        port: The port to connect to.
        path: The path of the base URL, percent-encoded, without a slash at the end.
        host_header: The value of the ``Host`` header.
    """

    scheme: str
    host: str
    port: int
    path: str
    host_header: str

    @property
    def address(self) -> str:
        """Host and port, as an error names them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_origin(base: BaseUrl) -> Origin:
    """Take a base URL apart.

    Args:
        base: The base URL, by the rule of ``kataven.config``.

    Returns:
        Its parts.

    Raises:
        ConfigurationError: If no connection can be made to such a host.
    """
    parts = urlsplit(base.url)
    host = parts.hostname or ""
    try:
        usable = bool(IPv6Address(host)) if ":" in host else _HOST.fullmatch(host) is not None
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            f"invalid base URL {base.url}: {host!r} is not a host name or an IP address"
        )
    shown = f"[{host}]" if ":" in host else host
    default = _DEFAULT_PORTS[parts.scheme]
    port = parts.port or default
    return Origin(
        scheme=parts.scheme,
        host=host,
        port=port,
        path="".join(
            part if _ESCAPE.fullmatch(part) else quote(part, safe=_PATH_SAFE)
            for part in _ESCAPE.split(parts.path)
        ),
        host_header=shown if port == default else f"{shown}:{port}",
    )
