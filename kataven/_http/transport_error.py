"""Why a request did not get a response, in words for a person.

Knows what errors of httpx and httpcore are called, and what each means. Imports neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kataven._http.sending import Sending

# a caller's httpx client. The first name found among an error's base classes decides. Of each: what
# happened, and for a timeout which one, as `Timeout` calls it.
_TEXTS: Final = {
    "ConnectTimeout": ("no connection to the Hub{at}", "connect"),
    "PoolTimeout": ("no free connection in the client's pool", "pool"),
    "WriteTimeout": ("the request could not be sent", "write"),
    "TimeoutException": ("no response from the Hub{at}", "read"),
    "ConnectError": ("no connection to the Hub{at}", ""),
    "ProxyError": ("the proxy{proxy} did not make the connection to the Hub{hub}", ""),
    "SOCKSError": ("the proxy{proxy} did not make the connection to the Hub{hub}", ""),
}
_BROKEN: Final = ("the connection to the Hub{at} broke", "")
_NEVER_SENT: Final = frozenset(
    {
        "ConnectTimeout",
        "PoolTimeout",
        "ConnectError",
        "ProxyError",
        "SOCKSError",
        "UnsupportedProtocol",
    }
)
# What OpenSSL says of a server that sends something else than TLS.
_NOT_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
# What h11 says of a server that sends an alert of TLS.
_TLS_RECORD: Final = "illegal request line"


class TransportError(Exception):
    """A request that did not get a response, or a response body that was truncated.

    Its ``__cause__`` is the library's exception: httpcore's on the SDK's transport, httpx's with
    ``http_client=``.

    Attributes:
        text: What happened, for a person.
        expired: Which timeout expired, with its value and its option; empty if none or if unknown.
        advice: A sentence that says what to look at, or an empty text.
        timed_out: Whether a timeout or the deadline ended it.
        never_sent: Whether errors of this kind come before the first byte of a request. False says
            nothing: see ``Sending.sent``.
    """

    def __init__(
        self,
        text: str,
        *,
        expired: str = "",
        advice: str = "",
        timed_out: bool = False,
        never_sent: bool = False,
    ) -> None:
        super().__init__(text)
        self.text = text
        self.expired = expired
        self.advice = advice
        self.timed_out = timed_out
        self.never_sent = never_sent


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom a transport connects to, as an error names it.

    Attributes:
        hub: Host and port of the Hub.
        tls: Whether the connection uses TLS.
        proxy: Host and port of the proxy, or an empty text.
    """

    hub: str
    tls: bool
    proxy: str = ""

    def fill(self, text: str) -> str:
        """Fill in what a text of ``_TEXTS`` leaves open."""
        hub, proxy = f" at {self.hub}" if self.hub else "", f" {self.proxy}" if self.proxy else ""
        return text.format(
            at=f"{hub} through the proxy{proxy}" if proxy else hub, hub=hub, proxy=proxy
        )


def transport_error(
    error: Exception, sending: Sending | None = None, peer: Peer | None = None
) -> TransportError:
    """Describe an exception of httpx or httpcore.

    Args:
        error: The exception. Its frames are dropped: they hold the headers, and so the key.
        sending: The request, which knows its timeouts, or None.
        peer: Whom it was sent to, or None.

    Returns:
        The error to raise from it.
    """
    names = [base.__name__ for base in type(error).__mro__]
    timed_out = "TimeoutException" in names
    text, phase = next((_TEXTS[name] for name in names if name in _TEXTS), _BROKEN)
    text = (peer or Peer("", tls=False)).fill(text)
    detail = without_frames(error)
    if detail and not timed_out:
        text = f"{text} ({detail})"
    never_sent = not _NEVER_SENT.isdisjoint(names)
    return TransportError(
        text,
        expired=sending.timeout_name(phase) if timed_out and sending is not None else "",
        advice=""
        if peer is None or phase in {"pool", "write", "read"}
        else _advice(
            detail, peer, connecting=never_sent, received=sending is None or sending.received
        ),
        timed_out=timed_out,
        never_sent=never_sent,
    )


def without_frames(error: BaseException) -> str:
    """Drop the frames of an exception and of what caused it; return what the system said first."""
    text = str(error)
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        if isinstance(link, OSError):
            text = str(link) or text
        link = link.__cause__ or link.__context__
    return text


def _advice(detail: str, peer: Peer, *, connecting: bool, received: bool) -> str:
    if peer.proxy and connecting:
        return "Are base_url and the proxy (HTTPS_PROXY, ALL_PROXY, NO_PROXY) right?"
    if "CERTIFICATE_VERIFY_FAILED" in detail:
        return (
            "Is base_url right? The certificate must be for that host and of an authority that is "
            "trusted (SSL_CERT_FILE)."
        )
    if any(sign in detail for sign in _NOT_TLS):
        return "Is base_url right? The server does not speak TLS there."
    if not (peer.tls or connecting) and (not received or _TLS_RECORD in detail):
        return "Is base_url right? If the server expects TLS, it must begin with https://."
    return "Is base_url right?" if connecting else ""
