"""The text of an error names host, port, timeout and option, and asks what may be wrong."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import kataven
from kataven import Timeout
from tests.support.http import response
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, refused_port, silence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clients import Blocking, DrivenClock

LIMITED = "rate_limited: per-minute (60) exceeded"


def _text(caller: Blocking, hub: Any, **options: Any) -> str:
    options.setdefault("max_retries", 0)
    client = caller.client(hub, **options)
    with pytest.raises(kataven.KatavenError) as caught:
        caller.call(client.campaigns.get, "c1")
    return str(caught.value)


@contextmanager
def _server_that_sends(data: bytes) -> Iterator[int]:
    """A port whose server reads once from its one client, sends some bytes and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.recv(4096)
                sock.sendall(data)

        serving = threading.Thread(target=serve)
        serving.start()
        yield listener.getsockname()[1]
        serving.join(PATIENCE)
        assert not serving.is_alive()


@pytest.mark.parametrize("own", [True, False], ids=["own", "httpx"])
def test_a_refused_connection_names_host_and_port(caller: Blocking, own: bool) -> None:
    held, port = refused_port()
    http_client = None if own else caller.http_client()
    with held:
        text = _text(caller, f"http://127.0.0.1:{port}", http_client=http_client)
    assert f"no connection to the Hub at 127.0.0.1:{port} (" in text
    assert text.endswith("). Is base_url right?")


def test_an_unknown_host_is_named(caller: Blocking, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: Any, **_options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    text = _text(caller, "https://hub.example.invalid")
    assert "the Hub at hub.example.invalid:443 (" in text
    assert text.endswith("Name or service not known). Is base_url right?")


def test_a_server_without_tls_is_recognised(caller: Blocking) -> None:
    with _server_that_sends(response(400, "plain HTTP")) as port:
        text = _text(caller, f"https://127.0.0.1:{port}")
    assert f"127.0.0.1:{port}" in text
    assert text.endswith("Is base_url right? The server does not speak TLS there.")


# An alert of TLS, and what some servers do instead.
@pytest.mark.parametrize("sent_back", [b"\x15\x03\x01\x00\x02\x02\x16", b""])
def test_plain_http_to_a_server_with_tls_is_recognised(caller: Blocking, sent_back: bytes) -> None:
    with _server_that_sends(sent_back) as port:
        text = _text(caller, f"http://127.0.0.1:{port}")
    assert f"the connection to the Hub at 127.0.0.1:{port} broke" in text
    assert text.endswith(
        "Is base_url right? If the server expects TLS, it must begin with https://."
    )


def test_a_proxy_that_refuses_the_connection_is_named_without_its_password(
    caller: Blocking, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, port = refused_port()
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:hush@127.0.0.1:{port}")
    with held:
        text = _text(caller, "https://hub.example.invalid")
    assert f"at hub.example.invalid:443 through the proxy 127.0.0.1:{port} (" in text
    assert text.endswith("Are base_url and the proxy (HTTPS_PROXY, ALL_PROXY, NO_PROXY) right?")
    assert "hush" not in text


def test_a_proxy_that_refuses_the_request_is_named(
    caller: Blocking, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.always = response(403, "no")
    monkeypatch.setenv("HTTPS_PROXY", hub.url)
    text = _text(caller, "https://hub.example.invalid")
    assert f"the proxy 127.0.0.1:{hub.port} did not make the connection to the Hub at hub" in text


@pytest.mark.parametrize("own", [True, False], ids=["own", "httpx"])
def test_a_response_that_does_not_come_names_the_read_timeout(
    caller: Blocking, hub: LoopbackHub, own: bool, brief: Any
) -> None:
    hub.always = (silence,)
    http_client = None if own else caller.http_client()
    text = _text(caller, hub, timeout=Timeout(read=brief(0.25)), http_client=http_client)
    assert text.endswith(
        f"no response from the Hub at 127.0.0.1:{hub.port} within the read timeout of "
        f"{brief(0.25):g} s (option timeout)."
    )


def test_a_body_that_does_not_come_names_the_read_timeout(
    caller: Blocking, hub: LoopbackHub, brief: Any
) -> None:
    hub.always = (response(200, b"", length=10), silence)
    text = _text(caller, hub, timeout=Timeout(read=brief(0.25)))
    assert text.endswith(
        "the response (200) was not complete within the read timeout of "
        f"{brief(0.25):g} s (option timeout)."
    )


def test_a_handshake_that_stalls_names_the_connect_timeout(caller: Blocking, brief: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        text = _text(caller, f"https://127.0.0.1:{port}", timeout=Timeout(connect=brief(0.25)))
    assert f"no connection to the Hub at 127.0.0.1:{port} within the connect timeout" in text
    assert f"of {brief(0.25):g} s (option timeout). Is base_url right?" in text


def test_a_deadline_is_named_with_its_value(caller: Blocking, hub: LoopbackHub, brief: Any) -> None:
    hub.always = (silence,)
    text = _text(caller, hub, deadline=brief(0.25))
    assert re.search(
        rf"no .*response.* within the deadline of {brief(0.25):g} s \(option deadline\)\.$", text
    )


def test_a_deadline_that_allows_no_retry_is_named(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.always = response(429, LIMITED, [("Retry-After", "60")])
    text = _text(caller, hub, deadline=30, max_retries=3, clock=clock)
    assert (
        "deadline of 30 s (option deadline) exceeded: the next attempt would be in 63.0 s" in text
    )


def test_a_stream_that_falls_silent_names_the_idle_timeout(
    caller: Blocking, hub: LoopbackHub, brief: Any
) -> None:
    hub.always = (response(200, b"", [("Content-Type", "text/event-stream")], length=10), silence)
    stream = caller.client(hub).campaigns.stream_events(
        "c1", reconnect=False, idle_timeout=brief(0.25)
    )
    with pytest.raises(
        kataven.StreamError, match=f"the idle timeout of {brief(0.25):g} s .option idle_ti"
    ):
        caller.rest(stream)


TOO_LONG = "The Hub asks to wait 300 s, and the client waits 120 s at most (option max_retry_wait)."
COST_CAP = (
    "This limits calls and not requests, so waiting a minute does not help; see "
    "client.call_limits()."
)


@pytest.mark.parametrize(
    ("status", "text", "after", "says"),
    [
        (429, LIMITED, "300", TOO_LONG),
        (503, "busy", "300", TOO_LONG),
        (429, "Daily call limit reached", None, COST_CAP),
    ],
)
@pytest.mark.parametrize("operation", ["get", "stream"])
def test_a_wait_that_would_be_too_long_or_of_no_use_is_explained(
    caller: Blocking,
    hub: LoopbackHub,
    operation: str,
    status: int,
    text: str,
    after: Any,
    says: str,
) -> None:
    hub.always = response(status, text, [("Retry-After", after)] if after else [])
    client = caller.client(hub)
    with pytest.raises(kataven.APIStatusError) as caught:
        if operation == "get":
            caller.call(client.campaigns.get, "c1")
        else:
            caller.next(client.campaigns.stream_events("c1"))
    # The Hub's words and ours are two sentences.
    assert str(caught.value).endswith(f": {text}. {says}")


@pytest.mark.parametrize(
    ("after", "retries", "says"),
    [
        ("60", 0, "Wait 60 s before the next request. The client gave up after 0 retries"),
        (None, 2, "The client gave up after 2 retries"),
    ],
)
def test_a_429_after_the_last_retry_says_how_long_to_wait(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, after: Any, retries: int, says: str
) -> None:
    hub.always = response(429, LIMITED, [("Retry-After", after)] if after else [])
    text = _text(caller, hub, clock=clock, max_retries=retries)
    assert text.endswith(f": {LIMITED}. {says} (option max_retries).")
