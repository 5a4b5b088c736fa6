"""Writes requests for one base URL: target, headers, multipart form.

Knows how an HTTP request is written. It sends nothing and must not know what an operation means.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from kataven._http.message import Request
from kataven._http.origin import read_origin
from kataven._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kataven._flow.operation import FormPart
    from kataven._http.credentials import Token
    from kataven.config import BaseUrl

    Header = tuple[bytes, bytes]
    Fields = Sequence[tuple[str, FormPart]]

USER_AGENT: Final = (
    f"kataven-python/{__version__} python/{sys.version_info[0]}.{sys.version_info[1]}"
)
"""The value of the ``User-Agent`` header."""

# Servers refuse far shorter ones; this only keeps a mistake from becoming a request of megabytes.
_LONGEST_URL: Final = 65_536

# Larger chunks are slower: TLS sends one entirely or not at all, within one timeout.
_CHUNK: Final = 64 * 1024

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


class HeaderList(list["Header"]):
    """Headers of a request, whose repr does not show the key."""

    def __repr__(self) -> str:
        return f"<{len(self)} headers>"


class Form:
    """A multipart form in memory; each iteration gives the same bytes.

    Args:
        fields: Name and value of each field, as ``files=`` of httpx takes them. A file is an
            ``io.BytesIO``, or ``bytes``.

    Attributes:
        headers: ``content-length`` and ``content-type`` with the boundary.
    """

    def __init__(self, fields: Fields) -> None:
        # Only an upload needs httpx, which takes longer to load than a call takes.
        import httpx  # noqa: PLC0415

        request = httpx.Request("POST", "http://form.invalid", files=fields)
        if not isinstance(request.stream, httpx.SyncByteStream):  # pragma: no cover - see httpx
            raise TypeError("httpx wrote the form for async clients only")
        self._stream = request.stream
        self.headers: list[Header] = [
            (name.lower(), value)
            for name, value in request.headers.raw
            if name.lower() in {b"content-length", b"content-type"}
        ]

    def __iter__(self) -> Iterator[bytes]:
        return joined(self._stream)

    def __repr__(self) -> str:
        return "<Form>"


def joined(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Join small parts into chunks of at most 64 KiB, and cut a larger part.

    httpx yields each line of a form by itself, and each field that is not a file in one part.

    Args:
        parts: The parts.

    Returns:
        The chunks.
    """
    held: list[bytes] = []
    size = 0
    for part in parts:
        if held and size + len(part) > _CHUNK:
            yield b"".join(held)
            held.clear()
            size = 0
        if len(part) > _CHUNK:
            yield from (part[at : at + _CHUNK] for at in range(0, len(part), _CHUNK))
            continue
        held.append(part)
        size += len(part)
    if held:
        yield b"".join(held)


class RequestWriter:
    """Writes requests for one base URL.

    Args:
        base: Where the Hub is.

    Raises:
        ConfigurationError: If no connection can be made to such a host.
    """

    def __init__(self, base: BaseUrl) -> None:
        self.base = base
        self.origin = read_origin(base)
        self._cached: tuple[int, HeaderList] | None = None

    def headers(self, token: Token) -> HeaderList:
        """Return the headers of every request with this token.

        Args:
            token: The token.

        Returns:
            The headers, names in lower case. The list is shared: do not change it.
        """
        cached = self._cached
        if cached is None or cached[0] != token.number:
            headers = HeaderList(
                [
                    (b"host", self.origin.host_header.encode("ascii")),
                    *token.headers,
                    (b"accept", b"application/json"),
                    (b"accept-encoding", b"gzip"),
                    (b"user-agent", USER_AGENT.encode("ascii")),
                ]
            )
            self._cached = cached = (token.number, headers)
        return cached[1]

    def write(
        self,
        method: str,
        target: str,
        token: Token,
        *,
        files: Form | Fields | None = None,
        extra: Sequence[Header] = (),
    ) -> Request:
        """Write one request.

        Args:
            method: The HTTP method, in upper case.
            target: Path and query below the base URL, percent-encoded.
            token: The token to send.
            files: The form, or the fields to make one of, or None.
            extra: More headers, names in lower case. They replace those of the same name.

        Returns:
            The request.

        Raises:
            ValueError: If an argument makes the URL too long.
        """
        if len(self.base.url) + len(target) > _LONGEST_URL:
            raise ValueError(
                f"an argument makes the URL too long ({target[:60]}...): it would have "
                f"{len(self.base.url) + len(target)} characters, and {_LONGEST_URL} are allowed"
            )
        headers: list[Header] = self.headers(token)
        if extra:
            replaced = {name for name, _ in extra}
            kept = (header for header in headers if header[0] not in replaced)
            headers = HeaderList([*kept, *extra])
        if files is not None:
            form = files if isinstance(files, Form) else Form(files)
            return Request(method, target, HeaderList([*headers, *form.headers]), form)
        if method in _WITH_BODY:
            headers = HeaderList([*headers, (b"content-length", b"0")])
        return Request(method, target, headers)
