"""An embedded Hub with one campaign in a known state, to which recorded requests are sent again.

Knows how a campaign is brought into a state, and how a Hub is brought to refuse. Must not know
recordings. Its clock is manual, so that nothing happens that the recording does not show.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias

import httpx

from kataven.recording.forms import Part, build
from kataven.recording.frames import Frame, FrameReader
from kataven.sandbox import Clock, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MOUNT: Final = "/api/v1"
# Real seconds to wait for what a Hub in this process does at once.
_PATIENCE: Final = 30.0
_FILLER: Final = "+15550100199"
_RUNNABLE: Final = frozenset({"draft", "scheduled", "paused"})
NATURAL: Final = frozenset(
    {
        ("running", "completed"),
        ("running", "failed"),
        ("scheduled", "running"),
        ("scheduled", "completed"),
        ("scheduled", "failed"),
    }
)
Refusal: TypeAlias = Literal[
    "per_minute",
    "per_hour",
    "per_day",
    "concurrent",
    "budget",
    "calls",
    "minutes",
    "revoked",
    "reserved",
]


@dataclass(frozen=True, slots=True)
class Sent:
    """A request.

    Attributes:
        method: Its method.
        path: Its complete path.
        query: Its query.
        credential: ``key``, ``none`` or another token.
        content_type: The Content-Type of its body, or an empty string.
        body: Its body.
    """

    method: str
    path: str
    query: str = ""
    credential: str = "key"
    content_type: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """A response of the embedded Hub; the body is None if it is an event stream."""

    status: int
    headers: dict[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The campaign that a stage has.

    Attributes:
        fields: The form fields, without the list and the time to start at.
        contacts: The contact list, as CSV.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    contacts: str = f"phone_number\n{_FILLER}\n"


def new_client() -> httpx.Client:
    """Return what sends the requests to the stages."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    return httpx.Client(timeout=_PATIENCE, trust_env=False, limits=limits)


class Stage:
    """An embedded Hub without request limits; close it.

    Args:
        client: What sends the requests; all stages may share it.
        in_hub_time: Whether ``Retry-After`` is sent as a Hub with a running clock sends it.
        call_limits: The limits on calls that differ.
    """

    def __init__(
        self,
        client: httpx.Client,
        *,
        in_hub_time: bool = True,
        call_limits: Mapping[str, int] | None = None,
    ) -> None:
        self.hub = Sandbox(
            time_scale=Clock.manual(),
            seed=1,
            limits=None,
            # Only a stage for this refusal has a budget.
            call_limits={"concurrent_max": 1_000_000, **(call_limits or {})},
        ).start()
        if in_hub_time:
            _ = self.hub.client_clock
        self.key = self.hub.api_key
        self._client = client
        self._streams: list[Stream] = []
        self.campaign_id = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the Hub."""
        for stream in self._streams:
            stream.close()
        self.hub.close()

    def send(self, sent: Sent, *, is_stream: bool = False) -> Response:
        """Send a request and return its response.

        Args:
            sent: The request.
            is_stream: Whether the response may be an event stream, which may never end: then its
                status and headers are returned.
        """
        if is_stream:
            opened = self.open(sent)
            if isinstance(opened, Response):
                return opened
            opened.close()
            return Response(opened.status, opened.headers, None)
        found = self._client.send(self._request(sent))
        headers = {name.lower(): value for name, value in found.headers.items()}
        return Response(found.status_code, headers, found.content)

    def open(self, sent: Sent) -> Stream | Response:
        """Open an event stream; a response that is not a stream is returned complete."""
        found = self._client.send(self._request(sent), stream=True)
        headers = {name.lower(): value for name, value in found.headers.items()}
        if not headers.get("content-type", "").startswith("text/event-stream"):
            with contextlib.closing(found):
                return Response(found.status_code, headers, found.read())
        stream = Stream(found, headers)
        self._streams.append(stream)
        return stream

    def create(self, settings: Settings, status: str = "draft") -> str:
        """Create the campaign in a status, and return its id."""
        fields = {"name": "x", "agent_id": "a", "phone_number_id": "p", **settings.fields}
        if status == "scheduled":
            at = self.hub.now() + timedelta(hours=1)
            fields["scheduled_at"] = at.isoformat(timespec="seconds").replace("+00:00", "Z")
        parts = [Part(name, None, "", value.encode()) for name, value in fields.items()]
        contacts = settings.contacts.encode("utf-8", "surrogateescape")
        parts.append(Part("contacts", "contacts.csv", "text/csv", contacts))
        content_type, body = build(parts)
        made = self.send(Sent("POST", f"{MOUNT}/campaigns", content_type=content_type, body=body))
        if made.status != 201:
            if settings == Settings():
                msg = f"the embedded Hub refused a campaign of the comparison: {made.body!r:.200}"
                raise RuntimeError(msg)
            # The Hub that was recorded accepts more than the embedded one.
            return self.create(Settings(), status)
        self.campaign_id = _field(made, "id")
        self.bring(status)
        return self.campaign_id

    @property
    def status(self) -> str:
        """The status of the campaign; an empty string if it was deleted."""
        found = self.send(Sent("GET", f"{MOUNT}/campaigns/{self.campaign_id}"))
        return _field(found, "status") if found.status == 200 else ""

    def bring(self, status: str) -> bool:
        """Bring the campaign into a status; return whether that was possible."""
        now = self.status
        if now == status:
            return True
        if status not in {"running", "paused", "completed", "failed"}:
            return False
        if now in _RUNNABLE:
            self.act("start")
        if status == "paused":
            self.act("pause")
        elif status == "failed" and self.status == "running":
            self.hub.fail(self.campaign_id)
        elif status == "completed" and self.status == "running":
            self.hub.run_to_end(self.campaign_id)
        return self.status == status

    def act(self, action: str) -> Response:
        """Start, pause, resume or stop the campaign."""
        return self.send(Sent("POST", f"{MOUNT}/campaigns/{self.campaign_id}/{action}"))

    def delete(self) -> None:
        """Delete the campaign, whatever its status is."""
        self.bring("completed")
        self.send(Sent("DELETE", f"{MOUNT}/campaigns/{self.campaign_id}"))

    def refuse(self, refusal: Refusal) -> None:
        """Make the Hub refuse the next request of its key, without a change to the campaign."""
        if refusal == "revoked":
            self.hub.revoke(self.key)
        elif refusal in {"per_minute", "per_hour", "per_day", "concurrent"}:
            self.key = self.hub.new_key("sandbox", limits={refusal: 1})
            if refusal == "concurrent":
                stream = self.open(Sent("GET", f"{MOUNT}/campaigns/{self.campaign_id}/events"))
                if isinstance(stream, Stream):
                    stream.wait(bool)
            else:
                self.send(Sent("GET", f"{MOUNT}/call-limits"))
        elif refusal in {"calls", "minutes"}:
            self._use_up(refusal)

    def _use_up(self, refusal: str) -> None:
        """Use up the calls or minutes of the day with another campaign."""
        mine = self.campaign_id
        self.hub.outcomes["+*"] = "answered"
        rows = 200 if refusal == "minutes" else 1
        numbers = "".join(f"+1555010{row:04d}\n" for row in range(rows))
        self.create(Settings({}, f"phone_number\n{numbers}"), "running")
        # A call takes at most 200 s, and five run at once.
        self.hub.advance(200.0 * (rows // 5 + 1))
        self.campaign_id = mine

    def _request(self, sent: Sent) -> httpx.Request:
        headers = {"content-type": sent.content_type} if sent.content_type else {}
        if sent.credential != "none":
            token = self.key if sent.credential == "key" else sent.credential
            headers["authorization"] = f"Bearer {token}"
        target = sent.path + (f"?{sent.query}" if sent.query else "")
        url = httpx.URL(self.hub.url).copy_with(raw_path=target.encode("latin-1", "replace"))
        return self._client.build_request(
            sent.method, url, headers=headers, content=sent.body or None
        )


def _field(response: Response, name: str) -> str:
    return str(json.loads(response.body or b"")[name])


class Stream:
    """An open event stream of a stage, read in a thread of its own.

    Args:
        response: The response, whose head has arrived.
        headers: Its headers.
    """

    def __init__(self, response: httpx.Response, headers: dict[str, str]) -> None:
        self.status = response.status_code
        self.headers = headers
        self.frames: list[Frame] = []
        self.closed = False
        self._response = response
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="kataven-compare", daemon=True)
        self._thread.start()

    def wait(self, ready: Callable[[Sequence[Frame]], object]) -> bool:
        """Wait until the frames so far are enough, or the stream has closed."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or ready(self.frames), _PATIENCE)
            return bool(ready(self.frames))

    def close(self) -> None:
        """End the stream, if it is open."""
        # From the reading thread: a response may only be closed where it is not being read.
        network: Any = self._response.extensions.get("network_stream")
        if not self.closed and network is not None:
            sock = network.get_extra_info("socket")
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(2)
        self._thread.join(_PATIENCE)

    def _read(self) -> None:
        reader = FrameReader()
        began = time.monotonic()
        try:
            for chunk in self._response.iter_raw():
                with self._changed:
                    self.frames += reader.feed(chunk, time.monotonic() - began)
                    self._changed.notify_all()
        except httpx.HTTPError:
            pass
        finally:
            with contextlib.suppress(httpx.HTTPError):
                self._response.close()
            with self._changed:
                self.closed = True
                self._changed.notify_all()
