"""Who may see the page and act on it: a browser on this machine that got the page from this Hub.

Knows headers of browsers. Must not know what an action does. Any site that is open in the same
browser can send requests to a loopback address, so four things protect the Hub. The ``Host`` must
be a loopback name with the Hub's port, or a DNS name that resolves to 127.0.0.1 could read the
page. ``Origin`` and ``Sec-Fetch-Site`` must name the page itself. Each request for data carries
the token of the page in a header, which no other site can know or send. And there are no cookies
and no CORS headers, so nothing is sent or readable without the page.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final

from kataven.sandbox.http.refusals import HttpRefused

if TYPE_CHECKING:
    from kataven.sandbox.http.requests import Request

# Of every response to a browser. Scripts and styles are files: nothing inline runs.
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
TOKEN_HEADER: Final = "X-Kataven-Page"  # noqa: S105 - the name of the header

_HOST: Final = re.compile(r"(?:127(?:\.[0-9]{1,3}){3}|localhost|\[::1\])(?::([0-9]{1,5}))?")
_HTTP_PORT: Final = 80


class Admission:
    """Admits requests of browsers.

    Args:
        port: The Hub's port.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        # Of this process. It is in the page, which no other site can read.
        self.token = secrets.token_urlsafe(32)

    def check_file(self, request: Request) -> None:
        """Check a request for the page or one of its files.

        Raises:
            HttpRefused: 403 if another site embeds it, 421 if it was reached by another name.
        """
        self._check_host(request)
        site = _header(request, b"sec-fetch-site")
        mode = _header(request, b"sec-fetch-mode")
        dest = _header(request, b"sec-fetch-dest")
        # A link on another site may lead here, but no other site may embed or load what is here.
        opened = (mode, dest) == ("navigate", "document")
        if site not in {None, "same-origin", "none"} and not opened:
            raise HttpRefused(403, "the page of the Hub is not for other sites")

    def check_action(self, request: Request) -> None:
        """Check a request for data or an action.

        Raises:
            HttpRefused: 403 if it does not come from the page, 421 if another name was used.
        """
        host = self._check_host(request)
        origin = _header(request, b"origin")
        site = _header(request, b"sec-fetch-site")
        if origin not in {None, f"http://{host}"} or site not in {None, "same-origin"}:
            raise HttpRefused(403, "only the page of this Hub may send this request")
        token = _header(request, TOKEN_HEADER.lower().encode()) or ""
        if not secrets.compare_digest(token.encode("latin-1"), self.token.encode()):
            raise HttpRefused(
                403, f"the header {TOKEN_HEADER} is missing or of another Hub: reload the page"
            )

    def _check_host(self, request: Request) -> str:
        host = (_header(request, b"host") or "").lower()
        match = _HOST.fullmatch(host)
        if match is None or int(match[1] or _HTTP_PORT) != self._port:
            raise HttpRefused(
                421, f"the page is only at http://127.0.0.1:{self._port}/, on the same machine"
            )
        return host


def _header(request: Request, name: bytes) -> str | None:
    value = request.headers.get(name)
    return None if value is None else value.decode("latin-1")
