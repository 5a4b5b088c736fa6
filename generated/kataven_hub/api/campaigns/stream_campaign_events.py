from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from ...types import path_segment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx

    from ...client import AuthenticatedClient, Client


def build_request(
    id: str,
) -> dict[str, Any]:
    """Build what ``httpx.Client.request(**kwargs)`` takes; the URL lies below the client's base URL"""

    headers: dict[str, Any] = {}
    headers["Accept"] = "text/event-stream"

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/campaigns/{id}/events".format(
            id=path_segment("id", id),
        ),
    }

    _kwargs["headers"] = headers
    return _kwargs


@contextmanager
def stream(
    id: str,
    *,
    client: AuthenticatedClient | Client,
) -> Iterator[httpx.Response]:
    """Stream a campaign's events

    Server-Sent Events: a snapshot every 2 s while the campaign runs, a comment ": heartbeat" every 15
    s, and at a terminal status "event: end" and the end of the stream.

    Yields:
        The open response, whatever its status, before any of its body is read. It is closed when the
        block is left.
    """
    with client.get_httpx_client().stream(
        **build_request(
            id=id,
        )
    ) as response:
        yield response


@asynccontextmanager
async def astream(
    id: str,
    *,
    client: AuthenticatedClient | Client,
) -> AsyncIterator[httpx.Response]:
    """Stream a campaign's events

    Server-Sent Events: a snapshot every 2 s while the campaign runs, a comment ": heartbeat" every 15
    s, and at a terminal status "event: end" and the end of the stream.

    Yields:
        The open response, whatever its status, before any of its body is read. It is closed when the
        block is left.
    """
    async with client.get_async_httpx_client().stream(
        **build_request(
            id=id,
        )
    ) as response:
        yield response
