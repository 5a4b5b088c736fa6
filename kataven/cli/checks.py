"""What ``kataven doctor`` finds, and its checks of the network: proxy, DNS, connection, TLS.

Proxies and certificates are those that the client uses, decided in ``kataven._http``. Sends no
request, and must not know keys.
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kataven.cli.exit_codes import Exit
from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kataven._http.environment import Route
    from kataven._http.origin import Origin
    from kataven.config import BaseUrl

__all__ = ["FAILURE", "OK", "SECONDS", "WARNING", "Check", "check_network"]

OK: Final = "ok"
WARNING: Final = "warning"
FAILURE: Final = "failure"

SECONDS: Final = 10.0
"""How long one step may take."""

_CERTIFICATE_DAYS: Final = 14
_PROXY_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found.

    Attributes:
        name: What was checked.
        state: ``ok``, ``warning`` or ``failure``.
        text: What was found.
        advice: What to do about it; empty if nothing needs to be done.
        code: The exit code that a failure means; 0 otherwise.
    """

    name: str
    state: str
    text: str
    advice: str = ""
    code: int = 0


def check_network(base: BaseUrl) -> Iterator[Check]:
    """Check what carries the requests; the last check is a failure if a request would fail too."""
    from kataven._http.environment import read_route
    from kataven._http.origin import read_origin

    try:
        origin = read_origin(base)
        route = read_route(origin, loopback=base.loopback)
    except ConfigurationError as error:
        yield Check("proxy", FAILURE, str(error), "", Exit.KEY)
        return
    host, port = origin.host, origin.port
    if route.proxy is None:
        yield Check("proxy", OK, "none")
    else:
        host, port = route.proxy.host, route.proxy.port or _PROXY_PORTS[route.proxy.scheme]
        yield Check("proxy", OK, f"{route.proxy.scheme}://{host}:{port}, from the environment")
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        yield Check(
            "DNS",
            FAILURE,
            f"{host} has no address: {error}",
            "check the name in the URL, and the network",
            Exit.HUB,
        )
        return
    yield Check("DNS", OK, f"{host} is {', '.join(sorted(map(str, found)))}")
    yield _connection(host, port, origin, route)


def _connection(host: str, port: int, origin: Origin, route: Route) -> Check:
    """Connect to the Hub, or to the proxy, which the request itself then goes through."""
    begun = time.perf_counter()
    try:
        connection = socket.create_connection((host, port), timeout=SECONDS)
    except OSError as error:
        return Check(
            "connection",
            FAILURE,
            f"cannot connect to {host}:{port}: {error.strerror or error}",
            "check the port in the URL, a firewall, or HTTPS_PROXY if this network needs a proxy",
            Exit.HUB,
        )
    with connection:
        if route.proxy is not None or route.context is None:
            milliseconds = (time.perf_counter() - begun) * 1000
            return Check("connection", OK, f"to {host}:{port} in {milliseconds:.0f} ms")
        return _tls(connection, origin, route.context)


def _tls(connection: socket.socket, origin: Origin, context: ssl.SSLContext) -> Check:
    where = f"{origin.host}:{origin.port}"
    try:
        with context.wrap_socket(connection, server_hostname=origin.host) as secure:
            return _certificate(secure, origin.host)
    except ssl.SSLCertVerificationError as error:
        return Check(
            "TLS",
            FAILURE,
            f"the certificate of {where} is not accepted: {error.verify_message}",
            "check the URL; if a proxy of your company replaces certificates, name its certificate "
            "in SSL_CERT_FILE",
            Exit.HUB,
        )
    except OSError as error:
        why = getattr(error, "reason", None) or error.strerror or error
        text = f"{where} does not speak TLS as expected: {why}"
        return Check("TLS", FAILURE, text, "check scheme and port of the URL", Exit.HUB)


def _certificate(secure: ssl.SSLSocket, host: str) -> Check:
    certificate = secure.getpeercert() or {}
    text = f"{secure.version()}, the certificate is valid for {host}"
    ends = certificate.get("notAfter")
    if not isinstance(ends, str):
        return Check("TLS", OK, text)
    days = (ssl.cert_time_to_seconds(ends) - time.time()) / 86400
    text = f"{text}, until {ends} (in {days:.0f} d)"
    if days < _CERTIFICATE_DAYS:
        return Check("TLS", WARNING, text, "the operator of the Hub must renew it soon")
    return Check("TLS", OK, text)
