"""``Recorder``: a proxy on this machine that forwards requests to a real Hub and records them.

Knows sockets: it listens on 127.0.0.1, sends with httpx, and passes each byte on when it arrives.
Must not know which values are personal (scrubbing), what may be forwarded (forwarding), or the
format of the file (file). Clients use a key that is made for the recording; only the recorder knows
the Hub's key.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self, cast
from urllib.parse import urlsplit

import httpx

from kataven._version import __version__
from kataven.config import JWT_PREFIX, credential_headers, read_base_url
from kataven.recording.exchanges import ExchangeLog, Took
from kataven.recording.file import RecordingWriter
from kataven.recording.forwarding import INVALID_KEY, refusal, sent_headers
from kataven.recording.scrubbing import Scrubber
from kataven.sandbox.extra import missing_extra

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from kataven.sandbox.http.app import App
    from kataven.sandbox.http.responses import Message, Receive, Scope, Send

_MAX_BODY: Final = 64 * 1024 * 1024
_LOOPBACK: Final = re.compile(r"(?:127(?:\.[0-9]{1,3}){3}|localhost|\[::1\])(?::[0-9]{1,5})?")
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade"})


@dataclass(frozen=True, slots=True)
class Summary:
    """What a recorder has recorded so far.

    Attributes:
        recorded: Requests that the Hub responded to.
        refused: Requests that were not forwarded.
        failed: Requests without a complete response.
        frames: Frames of event streams.
    """

    recorded: int
    refused: int
    failed: int
    frames: int


class Recorder:
    """A recording proxy on 127.0.0.1; use it with ``with``.

    Args:
        upstream: The URL of the real Hub, as a client's ``base_url``. TLS is verified.
        api_key: The key or JWT for it.
        path: The file of the recording; it must not exist.
        account_id: The account that a JWT acts for.
        port: The port on this machine; 0 for any free one.
        allow_dialling: Also forward what makes the Hub call people.
        timeout: Maximum seconds without a byte from the Hub.

    Raises:
        ConfigurationError: The URL or the key is not usable.
    """

    def __init__(
        self,
        upstream: str,
        api_key: str,
        path: str | os.PathLike[str],
        *,
        account_id: str | None = None,
        port: int = 0,
        allow_dialling: bool = False,
        timeout: float = 120.0,
    ) -> None:
        self.upstream = read_base_url(upstream).url
        is_jwt = api_key.startswith(JWT_PREFIX)
        given = credential_headers(api_key, account_id if is_jwt else None)
        self._credentials = {name.decode(): value.decode() for name, value in given}
        self._mount = urlsplit(self.upstream).path
        self._origin = self.upstream.removesuffix(self._mount)
        self._path = path
        self._port = port
        self._allow_dialling = allow_dialling
        self._timeout = timeout
        self._api_key = f"sk_live_recorder_{secrets.token_hex(16)}"
        self._scrubber = Scrubber([api_key], _account_names(api_key, account_id))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._ready: Future[None] = Future()
        self._thread: threading.Thread | None = None
        self._log: ExchangeLog | None = None

    @property
    def url(self) -> str:
        """The ``base_url`` for clients."""
        return f"http://127.0.0.1:{self._port}{self._mount}"

    @property
    def api_key(self) -> str:
        """The key for clients; it is valid only here, and only while the recorder runs."""
        return self._api_key

    @property
    def summary(self) -> Summary:
        """What was recorded so far."""
        log = self._log
        if log is None:
            return Summary(0, 0, 0, 0)
        return Summary(log.recorded, log.refused, log.failed, log.frames)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> Self:
        """Create the file and listen.

        Raises:
            ImportError: The extra ``sandbox`` is not installed.
            OSError: The file exists or cannot be written, or the port is in use.
        """
        try:
            from kataven.sandbox.http.server import Listener, listen  # noqa: PLC0415 - the extra
        except ModuleNotFoundError as error:
            msg = missing_extra("the recorder", error)
            raise ImportError(msg, name=error.name) from error
        sock = listen(self._port)
        try:
            self._port = sock.getsockname()[1]
            writer = RecordingWriter(
                self._path,
                {
                    "version": __version__,
                    "started": datetime.now(UTC).isoformat(timespec="seconds"),
                    "upstream": self.upstream,
                    "allow_dialling": self._allow_dialling,
                },
            )
        except BaseException:
            sock.close()
            raise
        self._log = ExchangeLog(writer, self._scrubber)
        # The listener only calls it.
        listener = Listener(cast("App", self._handle), sock, "recorder", 60.0)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main(listener)), name="kataven-recorder", daemon=True
        )
        self._thread.start()
        self._ready.result()
        return self

    def wait(self) -> None:
        """Wait until the recording cannot continue.

        Raises:
            OSError: The file cannot be written.
        """
        if self._log is not None:
            # In steps: a wait without an end cannot be interrupted on every system.
            while not self._log.broken.wait(3600):
                pass
            raise cast("OSError", self._log.error)

    def close(self) -> None:
        """Close the connections, write what is in progress, and finish the file.

        Raises:
            OSError: The file cannot be written.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        thread.join()
        if self._log is not None:
            self._log.close()

    async def _main(self, listener: Any) -> None:
        timeout = httpx.Timeout(self._timeout, connect=min(self._timeout, 10.0))
        limits = httpx.Limits(max_connections=None)
        self._loop = asyncio.get_running_loop()
        try:
            async with httpx.AsyncClient(timeout=timeout, limits=limits) as self._client:
                await listener.open()
                self._ready.set_result(None)
                await self._stop.wait()
                await listener.close()
        except Exception as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._log is None:
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        path = scope["raw_path"].decode("latin-1")
        below = path.startswith(self._mount + "/")
        took = self._log.begin(
            scope["method"],
            path[len(self._mount) :] if below else path,
            scope["query_string"].decode("latin-1"),
            below_mount=below,
        )
        try:
            await self._respond(took, headers, path, scope, receive, send)
        except asyncio.CancelledError:
            took.end = "stopped"
            raise
        finally:
            self._log.finish(took)

    async def _respond(
        self,
        took: Took,
        headers: dict[str, str],
        path: str,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        took.content_type = headers.get("content-type", "")
        credentials = self._credentials_for(headers, took)
        body = await _read(receive)
        if body is None:
            took.end = "client"
            took.refused = "the client disconnected before its request was complete"
            return
        took.request = body if len(body) <= _MAX_BODY else b""
        why, status = self._refusal(took, headers, credentials, len(body))
        if why:
            took.refused = why
            await _plain(send, status, f"kataven sandbox record: {why}")
            return
        request = self._client.build_request(
            took.method,
            httpx.URL(self._origin).copy_with(
                raw_path=(path + (f"?{took.query}" if took.query else "")).encode("latin-1")
            ),
            headers={**sent_headers(headers), **(credentials or {})},
            content=body or None,
        )
        forward = asyncio.create_task(self._forward(took, request, scope, send))
        gone = asyncio.create_task(_disconnected(receive))
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({forward, gone, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not forward.done():
                took.end = "stopped" if self._stop.is_set() else "client"
        finally:
            for task in (forward, gone, stop):
                task.cancel()
            await asyncio.gather(forward, gone, stop, return_exceptions=True)
        if not forward.cancelled() and (error := forward.exception()) is not None:
            took.end = "cut"
            took.failure = f"the recorder failed: {type(error).__name__}"
            raise error
        if took.end == "stopped":
            await scope["state"]["connection"].reset()

    def _credentials_for(self, headers: dict[str, str], took: Took) -> dict[str, str] | None:
        """Return the credentials that go to the Hub; None if the client's are not accepted."""
        given = headers.get("authorization")
        if given is None:
            took.credential = "none"
            return {}
        self._scrubber.learn_secret(given.rpartition(" ")[2])
        if given == f"Bearer {INVALID_KEY}":
            took.credential = "invalid"
            return {"authorization": given}
        took.credential = "key"
        # compare_digest: another user of this machine must not find the key by timing.
        if secrets.compare_digest(given.encode(), f"Bearer {self._api_key}".encode()):
            return self._credentials
        return None

    def _refusal(
        self, took: Took, headers: dict[str, str], credentials: dict[str, str] | None, size: int
    ) -> tuple[str, int]:
        if self._log is not None and self._log.error is not None:
            return "the recording cannot be written, so nothing is forwarded", 507
        if _LOOPBACK.fullmatch(headers.get("host", "").lower()) is None:
            return "the Host is not a loopback name", 400
        if credentials is None:
            text = "the key is not the one that the recorder printed, and no other is forwarded"
            return text, 401
        if size > _MAX_BODY:
            return f"the body is larger than {_MAX_BODY:,} bytes", 413
        if self._allow_dialling:
            return "", 0
        why = refusal(
            took.method,
            took.path,
            took.query,
            took.content_type,
            took.request,
            below_mount=took.below_mount,
        )
        if not why and headers.get("content-encoding", "identity") != "identity":
            why = "a compressed body cannot be checked; send it uncompressed"
        return why, 403

    async def _forward(self, took: Took, request: httpx.Request, scope: Scope, send: Send) -> None:
        try:
            response = await self._client.send(request, stream=True)
        except httpx.HTTPError as error:
            took.fail(error)
            status = 504 if isinstance(error, httpx.TimeoutException) else 502
            await _plain(send, status, f"kataven sandbox record: {took.failure}")
            return
        try:
            took.head(response.status_code, response.headers)
            took.ended = took.now()
            raw = [
                (name.lower(), value)
                for name, value in response.headers.raw
                if name.lower().decode("latin-1") not in _HOP_BY_HOP
            ]
            await send(
                {"type": "http.response.start", "status": response.status_code, "headers": raw}
            )
            async for chunk in response.aiter_raw():
                took.chunk(chunk)
                # Before the client has it, and may send its next request.
                took.ended = took.now()
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if took.reader is not None:
                took.ended = took.now()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except httpx.HTTPError as error:
            took.end = "cut"
            took.fail(error)
            await scope["state"]["connection"].reset()
        finally:
            with contextlib.suppress(httpx.HTTPError):
                await response.aclose()


async def _read(receive: Receive) -> bytes | None:
    """Return the body of a request; None if the client disconnected before its end."""
    body = bytearray()
    more = True
    while more:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            return None
        if len(body) <= _MAX_BODY:
            body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _plain(send: Send, status: int, text: str) -> None:
    data = text.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(data)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data, "more_body": False})


def _account_names(api_key: str, account_id: str | None) -> list[str]:
    """Return what may be the name of the account: a key does not tell where it ends."""
    words = api_key.removeprefix("sk_live_").split("_")[:-1]
    names = ["_".join(words[:end]) for end in range(1, len(words) + 1)]
    return [*(names if api_key.startswith("sk_live_") else []), *filter(None, [account_id])]
