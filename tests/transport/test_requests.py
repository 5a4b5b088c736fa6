"""What is written: target, Host, headers, forms; and what a transport can be read without."""

from __future__ import annotations

import io
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from kataven._http.credentials import Credentials
from kataven._http.request import USER_AGENT, Form, RequestWriter
from kataven._http.transport_error import TransportError
from kataven.config import BaseUrl, read_base_url
from kataven.errors import ConfigurationError
from tests.support.clients import KEY
from tests.support.http import response
from tests.support.server import LoopbackHub, refused_port
from tests.support.tables import table
from tests.transport.sending import TOKEN, Sender, new_sending

if TYPE_CHECKING:
    from pathlib import Path

    from kataven._http.message import Request


def _writer(url: str) -> RequestWriter:
    return RequestWriter(read_base_url(url))


def _headers(request: Request) -> dict[bytes, bytes]:
    assert len({name for name, _ in request.headers}) == len(request.headers)
    return dict(request.headers)


@table(
    "url, host",
    [
        ("https://hub.example", b"hub.example"),
        ("https://HUB.example:443/v1", b"hub.example"),
        ("https://hub.example:8443", b"hub.example:8443"),
        ("http://127.0.0.1:80", b"127.0.0.1"),
        ("http://[::1]:8080", b"[::1]:8080"),
        ("https://[2001:DB8::1]", b"[2001:db8::1]"),
    ],
)
def test_the_host_is_that_of_the_base_url(url: str, host: bytes) -> None:
    assert _headers(_writer(url).write("GET", "/x", TOKEN))[b"host"] == host


@table(
    "path, sent",
    [
        ("", "/api/v1/x?a=b"),
        ("/v1///", "/v1/x?a=b"),
        ("/a%2Fb/v1", "/a%2Fb/v1/x?a=b"),
        ('/a"b/100%/<c>/{d}|e^f/v1', "/a%22b/100%25/%3Cc%3E/%7Bd%7D|e^f/v1/x?a=b"),
        ("/~a!$&'()*+,;=:[]/v1", "/~a!$&'()*+,;=:[]/v1/x?a=b"),
    ],
)
@table("own", [True, False])
def test_the_path_of_the_base_url_is_percent_encoded(
    caller: Sender, hub: LoopbackHub, path: str, sent: str, own: bool
) -> None:
    url = hub.url + path
    caller.send(caller.either(url, own=own), url, target="/x?a=b")
    assert hub.only.target == sent


def test_a_request_has_these_headers_and_no_others(caller: Sender, hub: LoopbackHub) -> None:
    transport = caller.transport(hub.url)
    caller.send(transport, hub.url)
    caller.send(transport, hub.url, method="POST")
    caller.send(transport, hub.url, method="DELETE")
    common = {
        "host": f"127.0.0.1:{hub.port}",
        "authorization": f"Bearer {KEY}",
        "accept": "application/json",
        "accept-encoding": "gzip",
        "user-agent": USER_AGENT,
    }
    get, post, delete = (dict(request.headers) for request in hub.requests)
    assert get == delete == common
    assert post == {**common, "content-length": "0"}


def test_extra_headers_replace_those_of_the_same_name() -> None:
    extra = [(b"accept", b"text/event-stream"), (b"last-event-id", b"7")]
    request = _writer("https://hub.example").write("GET", "/x", TOKEN, extra=extra)
    headers = _headers(request)
    assert headers[b"accept"] == b"text/event-stream"
    assert headers[b"last-event-id"] == b"7"
    assert headers[b"authorization"] == f"Bearer {KEY}".encode()


def test_headers_follow_the_token() -> None:
    writer = _writer("https://hub.example")
    keys = iter(["one", "two"])
    source = Credentials(lambda: next(keys), None)
    for expected in (b"Bearer one", b"Bearer two"):
        token = source.current()
        for _ in range(2):
            assert _headers(writer.write("GET", "/x", token))[b"authorization"] == expected
        if expected.endswith(b"one"):
            source.refresh(token.number)


def test_no_repr_and_no_vars_show_the_key() -> None:
    writer = _writer("https://hub.example")
    for method in ("GET", "POST"):
        files: Any = [("a", (None, b"+15550100", None))] if method == "POST" else None
        request = writer.write(method, "/x", TOKEN, files=files, extra=[(b"x", b"y")])
        for thing in (writer, vars(writer), request, request.headers, request.body):
            assert KEY not in repr(thing)
            assert "+15550100" not in repr(thing)


def test_an_argument_that_makes_the_url_too_long_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="URL too long"):
        _writer("https://hub.example").write("GET", "/campaigns/" + "x" * 70_000, TOKEN)


@table("url", ["https://a|b/v1", "https://a%20b/v1"])
def test_an_invalid_host_is_a_configuration_error(url: str) -> None:
    host = url.removeprefix("https://").removesuffix("/v1")
    with pytest.raises(ConfigurationError, match="base URL"):
        RequestWriter(BaseUrl(url, host, loopback=False))


# Forms.


def _fields(content: bytes) -> list[tuple[str, Any]]:
    return [
        ("name", (None, "Frühling".encode(), "text/plain")),
        ("contacts", ("líst.csv", io.BytesIO(content), "text/csv")),
    ]


def test_each_attempt_sends_the_same_form(caller: Sender, hub: LoopbackHub) -> None:
    content = b"0123456789" * 50_000
    form = Form(_fields(content))
    hub.respond(response(503, "busy"))
    for transport in (caller.transport(hub.url), caller.adapter(hub.url)):
        for _ in range(2):
            caller.send(transport, hub.url, method="POST", files=form)
    assert len({request.body for request in hub.requests}) == 1
    assert hub.requests[0].file.content == content
    assert hub.requests[0].file.filename == "líst.csv"
    assert hub.requests[0].form == {"name": "Frühling"}
    assert hub.requests[0].header("transfer-encoding") is None


@table("size", [0, 1, 65_536, 65_537, 1_000_000])
@table("kind", [io.BytesIO, bytes])
def test_a_form_comes_in_chunks_of_at_most_64_kib(size: int, kind: Any) -> None:
    content = b"x" * size
    form = Form([("name", (None, b"n", "text/plain")), ("contacts", ("a", kind(content), None))])
    chunks = list(form)
    assert max(len(chunk) for chunk in chunks) <= 65_536
    # Small parts go out together.
    assert len(chunks) <= size // 65_536 + 3
    assert dict(form.headers)[b"content-length"] == str(sum(map(len, chunks))).encode()
    assert list(form) == chunks
    assert content in b"".join(chunks)


def test_an_upload_needs_no_second_copy_of_its_list(caller: Sender, hub: LoopbackHub) -> None:
    transport = caller.transport(hub.url)
    hub.always = response(201, {})
    content = io.BytesIO(b"x" * 10_000_000)
    # The first upload loads httpx, and what it takes is not the list's.
    caller.send(transport, hub.url, method="POST", files=_fields(b""))
    discarding = _Discard()
    url = f"http://127.0.0.1:{discarding.port}"
    to = caller.transport(url)
    files = [("contacts", ("list.csv", content, "text/csv"))]
    try:
        peak = _peak(lambda: caller.send(to, url, method="POST", files=files))
    finally:
        discarding.close()
    assert peak < 2_000_000


def _peak(function: Any) -> int:
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class _Discard:
    """A server in another process, which keeps nothing of what it is sent."""

    CODE = """
import re, socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    sock, _ = listener.accept()
    data = b""
    while b"\\r\\n\\r\\n" not in data:
        data += sock.recv(65536)
    head, _, rest = data.partition(b"\\r\\n\\r\\n")
    left = int(re.search(rb"content-length: (\\d+)", head.lower())[1]) - len(rest)
    while left:
        left -= len(sock.recv(65536))
    sock.sendall(b"HTTP/1.1 201 Created\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
    sock.close()
"""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self.CODE], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


# A caller's client.


def test_a_callers_client_is_used_for_nothing_that_the_sdk_sets(
    caller: Sender, hub: LoopbackHub
) -> None:
    with LoopbackHub() as elsewhere:
        adapter = caller.adapter(
            hub.url,
            auth=("ada", "word"),
            base_url=elsewhere.url,
            headers={"X-Theirs": "1", "User-Agent": "theirs"},
            cookies={"a": "b"},
            params={"theirs": "1"},
            follow_redirects=True,
            timeout=0.000001,
        )
        hub.always = response(302, "", [("Location", elsewhere.url)])
        assert caller.send(adapter, hub.url).status == 302
        assert elsewhere.connections == 0
    request = hub.only
    assert request.target == "/api/v1/campaigns/c1"
    assert request.header("authorization") == f"Bearer {KEY}"
    assert request.header("user-agent") == USER_AGENT
    assert request.header("x-theirs") is None
    assert request.header("cookie") is None


def test_a_body_that_a_hook_has_read_is_not_decoded_again(caller: Sender, hub: LoopbackHub) -> None:
    import gzip

    def read(received: Any) -> None:
        received.read()

    async def read_awaited(received: Any) -> None:
        await received.aread()

    hub.always = response(200, gzip.compress(b'{"id": "c1"}'), [("Content-Encoding", "gzip")])
    hook = read if caller.name == "sync" else read_awaited
    received = caller.send(caller.adapter(hub.url, event_hooks={"response": [hook]}), hub.url)
    assert received.body == b'{"id": "c1"}'
    assert received.encoding == ""
    assert caller.send(caller.adapter(hub.url), hub.url).encoding == "gzip"
    assert caller.send(caller.transport(hub.url), hub.url).encoding == "gzip"


@table("location", ["http:login", "http://h:bad/x", "https://\xff.example/"])
def test_a_redirect_that_httpx_cannot_read_keeps_its_status(
    caller: Sender, hub: LoopbackHub, location: str
) -> None:
    hub.always = response(302, b"moved", [("Location", location), ("X-A", "b")])
    sending = new_sending()
    received = caller.send(caller.adapter(hub.url), hub.url, sending)
    assert received.status == 302
    assert (b"X-A", b"b") in received.headers
    assert sending.sent
    assert caller.send(caller.transport(hub.url), hub.url).status == 302


def test_a_transport_that_reports_nothing_leaves_open_what_was_sent(caller: Sender) -> None:
    import httpx

    def handle(_request: Any) -> Any:
        return httpx.Response(302, headers={"Location": "http://h:bad/x"})

    url = "https://hub.example.invalid/v1"
    sending = new_sending()
    with pytest.raises(TransportError, match="Invalid URL in location") as caught:
        caller.send(caller.adapter(url, transport=httpx.MockTransport(handle)), url, sending)
    assert sending.handed_over
    assert not caught.value.never_sent


def test_a_callers_client_that_cannot_connect_sent_nothing(caller: Sender) -> None:
    held, port = refused_port()
    url = f"http://127.0.0.1:{port}"
    sending = new_sending()
    with held, pytest.raises(TransportError, match="no connection to the Hub") as caught:
        caller.send(caller.adapter(url), url, sending)
    assert caught.value.never_sent
    assert not sending.sent
    assert not sending.handed_over
    assert type(caught.value.__cause__).__module__ == "httpx"


# What is loaded.


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("message", ["httpx", "httpcore", "asyncio", "ssl"]),
        ("request", ["httpx", "httpcore", "asyncio", "ssl"]),
        ("body", ["httpx", "httpcore", "asyncio", "ssl"]),
        ("environment", ["httpx", "asyncio", "urllib.request"]),
        ("transport", ["httpx"]),
        ("async_transport", ["httpx"]),
    ],
)
@pytest.mark.slow
def test_a_module_loads_only_what_it_needs(module: str, absent: list[str], tmp_path: Path) -> None:
    code = f"import kataven._http.{module}, sys; print([m for m in {absent} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_an_upload_is_the_only_request_that_loads_httpx(hub: LoopbackHub) -> None:
    code = f"""
import io, sys
from kataven._flow.operation import Timeout
from kataven._http.credentials import Credentials
from kataven._http.sending import Sending
from kataven._http.request import RequestWriter
from kataven._http.transport import Transport
from kataven.config import read_base_url
base = read_base_url({hub.url!r})
token = Credentials("key", None).current()
transport = Transport(base)
for files in (None, [("a", ("b", io.BytesIO(b"c"), None))]):
    request = RequestWriter(base).write("POST", "/x", token, files=files)
    response = transport.open(request, Sending(Timeout(), own_connection=True))
    list(response)
    response.close()
    print("httpx" in sys.modules)
transport.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["False", "True"]
