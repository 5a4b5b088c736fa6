"""Proxies and certificates of the environment, decided once for one origin.

Knows the variables and what they mean. It makes no connection.
"""

from __future__ import annotations

import importlib
import ipaddress
import os
import re
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import httpcore

from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from kataven._http.origin import Origin

_PROXY_SCHEMES: Final = ("http", "https", "socks5", "socks5h")
_VARIABLES: Final = "SSL_CERT_FILE, SSL_CERT_DIR, HTTPS_PROXY, ALL_PROXY or NO_PROXY"
# An address in brackets, or the address of a network.
_BRACKETED = re.compile(r"\[([^\]]+)\](/[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy to connect through.

    Attributes:
        scheme: ``http``, ``https``, ``socks5`` or ``socks5h``.
        host: Its host, without brackets.
        port: Its port, or None for the default of its scheme.
        auth: User name and password, or None.
        errors: Exceptions other than httpcore's that mean that it does not speak its protocol.
    """

    scheme: str
    host: str
    port: int | None
    auth: tuple[bytes, bytes] | None = field(repr=False)
    errors: tuple[type[Exception], ...] = ()

    @property
    def address(self) -> str:
        """Host and port, as an error names them; never the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS, not HTTP."""
        return self.scheme.startswith("socks")


@dataclass(frozen=True, slots=True)
class Route:
    """How connections to one origin are made.

    Attributes:
        proxy: The proxy, or None.
        context: The TLS context for the origin and for an ``https`` proxy; None without TLS.
    """

    proxy: Proxy | None
    context: ssl.SSLContext | None

    @property
    def tls_layers(self) -> int:
        """How often TLS is started on a connection before the first byte of a request."""
        through_tls = self.proxy is not None and self.proxy.scheme == "https"
        return (self.context is not None) + through_tls


def read_route(origin: Origin, *, loopback: bool) -> Route:
    """Decide how to reach an origin, from the environment as it is now.

    Args:
        origin: Where the Hub is.
        loopback: Whether that is this machine, which is never reached through a proxy.

    Returns:
        The route.

    Raises:
        ConfigurationError: If a proxy or the certificates cannot be used.
    """
    # Plain HTTP is for loopback only (see kataven.config), so a proxy always carries TLS.
    if origin.scheme == "http":
        return Route(None, None)
    try:
        proxy = None if loopback else _proxy_for(origin)
        return Route(proxy, _tls_context())
    except (OSError, ImportError) as error:
        shown = str(error)
    except ValueError:
        # A proxy URL may hold a password: it is not quoted.
        shown = "invalid proxy URL"
    raise ConfigurationError(
        f"cannot use the proxy or the certificates of the environment ({shown}): correct or unset "
        f"{_VARIABLES}, or pass http_client="
    )


def _tls_context() -> ssl.SSLContext:
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file:
        return ssl.create_default_context(cafile=file)
    if folder:
        return ssl.create_default_context(capath=folder)
    return httpcore.default_ssl_context()


def _proxy_for(origin: Origin) -> Proxy | None:
    # Costs 20 ms, and a Hub on this machine does not need it.
    from urllib.request import getproxies  # noqa: PLC0415

    proxies = getproxies()
    url = proxies.get("https") or proxies.get("all")
    if not url or _is_excluded(origin.host, origin.port, proxies.get("no", "")):
        return None
    return _read_proxy(url)


def _read_proxy(url: str) -> Proxy:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    host = parts.hostname
    if parts.scheme not in _PROXY_SCHEMES or not host:
        raise ValueError
    auth: tuple[bytes, bytes] | None = None
    if parts.username or parts.password:
        auth = (unquote(parts.username or "").encode(), unquote(parts.password or "").encode())
    errors: tuple[type[Exception], ...] = ()
    if parts.scheme.startswith("socks"):
        try:
            errors = (importlib.import_module("socksio").SOCKSError,)
        except ImportError:
            raise ImportError(
                "a SOCKS proxy needs the package socksio: pip install 'httpx[socks]'"
            ) from None
    ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
    return Proxy(parts.scheme, ascii_host, parts.port, auth, errors)


def _is_excluded(host: str, port: int, no_proxy: str) -> bool:
    """Whether ``NO_PROXY`` names this host. Entries that cannot be read name nothing."""
    return any(_names(entry.strip().lower(), host, port) for entry in no_proxy.split(","))


def _names(entry: str, host: str, port: int) -> bool:
    scheme, separator, rest = entry.partition("://")
    if separator:
        if scheme not in {"https", "all"}:
            return False
        entry = rest
    if entry == "*":
        return True
    network = _network(entry)
    if network is None:
        name, colon, wanted = entry.rpartition(":")
        if colon:
            if wanted != str(port):
                return False
            entry = name
            network = _network(entry)
    if network is not None:
        try:
            return ipaddress.ip_address(host) in network
        except ValueError:
            return False
    # ".example.com" names the hosts below it, "example.com" that host as well.
    entry = entry.removeprefix("*").rstrip(".")
    host = host.rstrip(".")
    if not entry:
        return False
    return host.endswith(entry if entry.startswith(".") else f".{entry}") or host == entry


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if entry.startswith("["):
        bracketed = _BRACKETED.fullmatch(entry)
        if bracketed is None:
            return None
        entry = "".join(bracketed.groups(""))
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None
