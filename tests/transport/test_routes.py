"""How a request travels: proxies, TLS, and what of it may have reached the Hub."""

from __future__ import annotations

import importlib.util
import io
import socket
import subprocess
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from kataven._http.environment import Proxy, Route, read_route
from kataven._http.origin import read_origin
from kataven._http.transport_error import TransportError
from kataven.config import read_base_url
from kataven.errors import ConfigurationError
from tests.support.clients import KEY
from tests.support.http import PREFIX, response
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, close, refused_port, reset, silence, trickle
from tests.support.tables import table
from tests.support.tls import make_certificate, server_context
from tests.transport.sending import Sender, new_sending

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

ELSEWHERE = "https://hub.example.invalid/v1"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1."""
    return make_certificate(tmp_path_factory.mktemp("certificate"), "127.0.0.1")


@pytest.fixture(scope="module")
def name_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the host of ELSEWHERE."""
    return make_certificate(tmp_path_factory.mktemp("certificate"), "hub.example.invalid")


@pytest.fixture
def tls_hub(certificate: Path) -> Iterator[LoopbackHub]:
    """A Hub that speaks TLS."""
    with LoopbackHub(tls=server_context(certificate)) as hub:
        yield hub


def _fails(caller: Sender, url: str, **options: Any) -> tuple[TransportError, Any]:
    sending = new_sending(own_connection=True)
    with pytest.raises(TransportError) as caught:
        caller.send(caller.transport(url), url, sending, **options)
    return caught.value, sending


# What was sent.


def test_a_refused_connection_sent_nothing(caller: Sender) -> None:
    held, port = refused_port()
    with held:
        error, sending = _fails(caller, f"http://127.0.0.1:{port}")
    assert error.never_sent
    assert not sending.sent
    assert error.text.startswith(f"no connection to the Hub at 127.0.0.1:{port} (")
    assert error.advice == "Is base_url right?"


@table("steps", [(reset,), (close,)])
def test_a_request_that_was_written_may_have_arrived(
    caller: Sender, hub: LoopbackHub, steps: Any
) -> None:
    hub.always = steps
    error, sending = _fails(caller, hub.url)
    assert sending.sent
    assert not error.never_sent


def test_a_certificate_that_is_not_trusted_ends_a_request_before_it_is_sent(
    caller: Sender, tls_hub: LoopbackHub
) -> None:
    error, sending = _fails(caller, tls_hub.url, method="POST")
    assert f"127.0.0.1:{tls_hub.port} ([SSL: CERTIFICATE_VERIFY_FAILED]" in error.text
    assert error.advice.startswith("Is base_url right? The certificate must be for that host")
    assert error.never_sent
    assert not sending.sent
    assert tls_hub.requests == []


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


@table("sent_back", [response(400, "plain HTTP"), b""])
def test_a_server_that_does_not_speak_tls_was_sent_nothing(
    caller: Sender, sent_back: bytes
) -> None:
    with _server_that_sends(sent_back) as port:
        error, sending = _fails(caller, f"https://127.0.0.1:{port}")
    assert error.never_sent
    assert not error.timed_out
    assert not sending.sent


def test_a_handshake_that_stalls_ends_within_the_time_to_connect(
    caller: Sender, brief: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        sending = new_sending(brief(0.2))
        with pytest.raises(TransportError, match="no connection to the Hub at 127") as caught:
            caller.send(caller.transport(url), url, sending)
    assert caught.value.timed_out
    assert caught.value.expired == f"connect timeout of {brief(0.2):g} s (option timeout)"
    assert not sending.sent


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_of_the_environment_are_trusted(
    caller: Sender,
    tls_hub: LoopbackHub,
    certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    value = certificate
    if variable == "SSL_CERT_DIR":
        hashed = subprocess.run(
            ["openssl", "x509", "-hash", "-noout", "-in", str(certificate)],
            check=True,
            capture_output=True,
            text=True,
        )
        (tmp_path / f"{hashed.stdout.strip()}.0").write_bytes(certificate.read_bytes())
        value = tmp_path
    monkeypatch.setenv(variable, str(value))
    transport = caller.transport(tls_hub.url)
    sending = new_sending()
    assert caller.send(transport, tls_hub.url, sending).status == 200
    assert sending.sent
    assert caller.send(transport, tls_hub.url).status == 200
    assert tls_hub.connections == 1
    assert tls_hub.requests[0].header("authorization") == f"Bearer {KEY}"


def test_an_upload_over_tls_arrives(
    caller: Sender, tls_hub: LoopbackHub, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    content = b"0123456789" * 100_000
    files = [("contacts", ("list.csv", io.BytesIO(content), "text/csv"))]
    caller.send(caller.transport(tls_hub.url), tls_hub.url, method="POST", files=files)
    assert tls_hub.only.file.content == content


def test_a_read_over_tls_that_trickles_is_bounded(
    caller: Sender,
    tls_hub: LoopbackHub,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    brief: Any,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_hub.always = (trickle(response(200, b"x" * 400)),)
    with pytest.raises(TransportError) as caught:
        caller.send(caller.transport(tls_hub.url), tls_hub.url, new_sending(60, brief(0.5)))
    assert caught.value.timed_out


# Proxies.


class Tunnel:
    """A proxy that connects each client to one port of this machine, whatever it asks for."""

    def __init__(
        self, port: int, *, socks: bool = False, tls: ssl.SSLContext | None = None
    ) -> None:
        self._target = port
        self._socks = socks
        self._tls = tls
        self.asked: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = [self._listener]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        for sock in self._sockets:
            sock.close()

    def _start(self, function: Any, *args: Any) -> None:
        thread = threading.Thread(target=function, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(sock)
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError):
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._sockets.append(sock)
            if self._socks:
                sock.recv(4096)
                sock.sendall(b"\x05\x00")
                self.asked.append(sock.recv(4096))
                sock.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
            else:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += sock.recv(4096)
                self.asked.append(head)
                sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            onward = socket.create_connection(("127.0.0.1", self._target))
            self._sockets.append(onward)
            if self._tls is None:
                self._start(self._copy, onward, sock)
                self._copy(sock, onward)
            else:
                # One thread for both directions: TLS objects are not shared between threads.
                self._copy_tls(sock, onward)

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    @staticmethod
    def _copy_tls(sock: socket.socket, onward: socket.socket) -> None:
        sock.settimeout(0.02)
        onward.settimeout(0.02)
        while True:
            for source, target in ((sock, onward), (onward, sock)):
                try:
                    data = source.recv(65536)
                except TimeoutError:
                    continue
                if not data:
                    return
                target.sendall(data)


@pytest.fixture
def tunnel() -> Iterator[Any]:
    """Makes tunnels."""
    made: list[Tunnel] = []

    def make(*args: Any, **options: Any) -> Tunnel:
        made.append(Tunnel(*args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def far_hub(name_certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """The Hub of ELSEWHERE, which only a proxy can reach."""
    monkeypatch.setenv("SSL_CERT_FILE", str(name_certificate))
    with LoopbackHub(tls=server_context(name_certificate)) as hub:
        yield hub


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_requests_go_through_the_proxy_of_the_environment(
    caller: Sender,
    far_hub: LoopbackHub,
    tunnel: Any,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    proxy = tunnel(far_hub.port)
    monkeypatch.setenv(variable, f"http://us%40er:p%3Ass@127.0.0.1:{proxy.port}")
    transport = caller.transport(ELSEWHERE)
    for _ in range(2):
        assert caller.send(transport, ELSEWHERE).status == 200
    assert caller.send(transport, ELSEWHERE, method="POST").status == 200
    assert [request.target for request in far_hub.requests] == ["/v1/campaigns/c1"] * 3
    assert len(proxy.asked) == far_hub.connections == 2
    assert proxy.asked[0].startswith(b"CONNECT hub.example.invalid:443 HTTP/1.1\r\n")
    # us@er:p:ss
    assert b"Proxy-Authorization: Basic dXNAZXI6cDpzcw==" in proxy.asked[0]
    assert KEY.encode() not in b"".join(proxy.asked)
    assert far_hub.requests[0].header("proxy-authorization") is None


def test_requests_go_through_an_https_proxy_that_the_environment_trusts(
    caller: Sender,
    far_hub: LoopbackHub,
    tunnel: Any,
    certificate: Path,
    name_certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + name_certificate.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(both))
    proxy = tunnel(far_hub.port, tls=server_context(certificate))
    monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
    sending = new_sending()
    assert caller.send(caller.transport(ELSEWHERE), ELSEWHERE, sending).status == 200
    assert sending.sent


def test_an_https_proxy_that_is_not_trusted_gets_nothing(
    caller: Sender,
    far_hub: LoopbackHub,
    tunnel: Any,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = tunnel(far_hub.port, tls=server_context(certificate))
    monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
    error, sending = _fails(caller, ELSEWHERE)
    assert error.never_sent
    assert not sending.sent
    assert proxy.asked == []


@pytest.mark.slow
@table(
    "steps",
    [(response(403, "no"), close), (b"not HTTP\r\n\r\n", close), (close,), (reset,), (silence,)],
)
def test_what_a_proxy_does_not_pass_on_was_not_sent(
    caller: Sender, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, steps: Any, brief: Any
) -> None:
    hub.always = steps
    monkeypatch.setenv("HTTPS_PROXY", hub.url)
    sending = new_sending(brief(0.5), own_connection=True)
    with pytest.raises(TransportError) as caught:
        caller.send(caller.transport(ELSEWHERE), ELSEWHERE, sending, method="POST")
    assert not sending.sent
    assert caught.value.timed_out == (steps == (silence,))
    assert [request.method for request in hub.requests] == ["CONNECT"]
    assert KEY.encode() not in hub.requests[0].raw


needs_socks = pytest.mark.skipif(
    importlib.util.find_spec("socksio") is None, reason="socksio is not installed"
)


@needs_socks
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_requests_go_through_a_socks_proxy(
    caller: Sender, far_hub: LoopbackHub, tunnel: Any, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    proxy = tunnel(far_hub.port, socks=True)
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
    transport = caller.transport(ELSEWHERE)
    assert caller.send(transport, ELSEWHERE).status == 200
    assert caller.send(transport, ELSEWHERE).status == 200
    assert far_hub.connections == 1
    assert b"hub.example.invalid" in proxy.asked[0]


@needs_socks
@table("sent_back", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x05\xff"])
def test_a_socks_proxy_that_does_not_speak_socks_was_sent_nothing(
    caller: Sender, monkeypatch: pytest.MonkeyPatch, sent_back: bytes
) -> None:
    with _server_that_sends(sent_back) as port:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{port}")
        error, sending = _fails(caller, ELSEWHERE)
    assert error.never_sent
    assert not sending.sent


# What the environment says.


@pytest.fixture
def no_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Trust no authority: to load them all would take most of the time of a test of routes."""
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))


def _route(url: str = ELSEWHERE) -> Route:
    base = read_base_url(url)
    return read_route(read_origin(base), loopback=base.loopback)


@pytest.mark.usefixtures("no_certificates")
@table("name", ["127.0.0.1", "localhost", "127.0.0.2", "LOCALHOST", "[::1]"])
@table("scheme", ["http", "https"])
def test_this_machine_is_never_reached_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str, scheme: str
) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://proxy.example:3128")
    assert _route(f"{scheme}://{name}:1").proxy is None
    assert _route().proxy is not None


@pytest.mark.usefixtures("no_certificates")
@table(
    "value, expected",
    [
        ("http://proxy.example:3128", Proxy("http", "proxy.example", 3128, None)),
        ("proxy.example:3128", Proxy("http", "proxy.example", 3128, None)),
        ("https://proxy.example", Proxy("https", "proxy.example", None, None)),
        ("http://[::1]:3128", Proxy("http", "::1", 3128, None)),
        ("http://a:b@proxy.example", Proxy("http", "proxy.example", None, (b"a", b"b"))),
        ("http://a@proxy.example", Proxy("http", "proxy.example", None, (b"a", b""))),
    ],
)
def test_a_proxy_url_is_read(monkeypatch: pytest.MonkeyPatch, value: str, expected: Proxy) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    assert _route().proxy == expected
    assert "b'b'" not in repr(_route())


@pytest.mark.usefixtures("no_certificates")
def test_the_proxy_for_https_takes_precedence_over_the_one_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://all.example")
    monkeypatch.setenv("HTTP_PROXY", "http://http.example")
    assert _route().proxy == Proxy("http", "all.example", None, None)
    monkeypatch.setenv("HTTPS_PROXY", "http://https.example")
    assert _route().proxy == Proxy("http", "https.example", None, None)


NAMED = [
    "*",
    "hub.example.invalid",
    "HUB.example.INVALID",
    "example.invalid",
    ".example.invalid",
    "*.example.invalid",
    "invalid",
    "hub.example.invalid:443",
    ".example.invalid:443",
    "https://hub.example.invalid",
    "all://example.invalid",
    "other, ,hub.example.invalid",
    "10.0.0.0/99,[,::/x,[::1,:,://,hub.example.invalid",
]
NOT_NAMED = [
    "",
    "other.example.invalid",
    "b.example.invalid",
    ".hub.example.invalid",
    "hub.example.invalid:8443",
    "http://hub.example.invalid",
    "10.0.0.0/8",
    "[",
    "[::1",
    "10.0.0.0/99",
    ":443",
    "://",
    "*:1",
    "\xff",
]
NAMED_ADDRESSES = [
    ("10.1.2.3", "10.1.2.3"),
    ("10.1.2.3", "10.0.0.0/8"),
    ("10.1.2.3", "10.1.2.3/8"),
    ("10.1.2.3", "10.1.2.3:443"),
    ("[2001:db8::1]", "2001:db8::1"),
    ("[2001:db8::1]", "[2001:db8::1]"),
    ("[2001:db8::1]", "[2001:db8::1]:443"),
    ("[2001:db8::1]", "2001:db8::/32"),
    ("[2001:db8::1]", "[2001:db8::]/32"),
    ("[2001:db8::1]", "2001:DB8:0::1"),
]
NOT_NAMED_ADDRESSES = [
    ("10.1.2.3", "11.0.0.0/8"),
    ("10.1.2.3", "2001:db8::/32"),
    ("10.1.2.3", "10.1.2.3:444"),
    ("[2001:db8::1]", "2001:db9::/32"),
    ("[2001:db8::1]", "[2001:db8::1]:444"),
    ("110.1.2.3", "10.1.2.3"),
]


@pytest.mark.usefixtures("no_certificates")
@table(
    "host, no_proxy, direct",
    [
        *(("hub.example.invalid", value, True) for value in NAMED),
        *(("hub.example.invalid", value, False) for value in NOT_NAMED),
        *((*pair, True) for pair in NAMED_ADDRESSES),
        *((*pair, False) for pair in NOT_NAMED_ADDRESSES),
    ],
)
def test_no_proxy_names_hosts_that_are_reached_directly(
    monkeypatch: pytest.MonkeyPatch, host: str, no_proxy: str, direct: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (_route(f"https://{host}/v1").proxy is None) == direct


@table(
    "variable, value",
    [
        ("HTTPS_PROXY", "foo://user:hush@proxy"),
        ("HTTPS_PROXY", "http://user:hush@proxy:notaport"),
        ("HTTPS_PROXY", "http://user:hush@proxy:99999"),
        ("HTTPS_PROXY", "http://user:hush@"),
        ("HTTPS_PROXY", "http://user:hush@[proxy"),
        ("SSL_CERT_FILE", "/nowhere/hush.pem"),
    ],
)
def test_what_cannot_be_used_is_a_configuration_error_at_the_first_request(
    caller: Sender, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    with monkeypatch.context() as environment:
        environment.setenv(variable, value)
        transport = caller.transport(ELSEWHERE)
        for _ in range(2):
            with pytest.raises(ConfigurationError, match=variable) as caught:
                caller.send(transport, ELSEWHERE)
            assert "user:hush" not in str(caught.value)


def test_a_socks_proxy_without_socksio_is_a_configuration_error(
    caller: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:hush@proxy:1")
    with pytest.raises(ConfigurationError, match="socksio") as caught:
        caller.send(caller.transport(ELSEWHERE), ELSEWHERE)
    assert "hush" not in str(caught.value)


def test_a_base_on_this_machine_needs_no_certificates(
    caller: Sender, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    assert caller.send(caller.transport(hub.url), hub.url).status == 200
    assert hub.only.target == f"{PREFIX}/campaigns/c1"
