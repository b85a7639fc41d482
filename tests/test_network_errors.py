"""Why there was no response, found out over real sockets and told in the user's words."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
import requests
import trustme
from requests.exceptions import ContentDecodingError

from tap_ayra.api.network import failed_request
from tap_ayra.api.session import DeadlineAdapter, OneHostSession
from tap_ayra.errors import TapAyraError, TransientError
from tests.faking import codes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 0.3
API = "https://api.ayra.example/v1"
Answer = bytes | ssl.SSLContext | None


@contextlib.contextmanager
def listening(answer: Answer) -> Iterator[int]:
    """Answer each connection with bytes, a TLS handshake, or nothing; give the port."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                kept.append(connection)
                with contextlib.suppress(OSError):
                    if isinstance(answer, bytes):
                        connection.recv(65536)
                        connection.sendall(answer)
                        connection.close()
                    elif answer:
                        kept.append(answer.wrap_socket(connection, server_side=True))

    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for connection in kept:
                connection.close()


@contextlib.contextmanager
def full() -> Iterator[int]:
    """Listen without ever accepting, all places taken."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                client.connect(server.getsockname())
        yield server.getsockname()[1]


def network_error(url: str, *, proxy: str = "", trust: str = "") -> TransientError | TapAyraError:
    """Make a request that fails, and give the error for it."""
    with OneHostSession() as session:
        session.trust_env = False
        session.proxies = {"https": proxy, "http": proxy} if proxy else {}
        session.verify = trust or True
        for scheme in ("http://", "https://"):
            session.mount(scheme, DeadlineAdapter())
        request = session.prepare_request(requests.Request("GET", url))
        with pytest.raises(requests.RequestException) as caught:
            session.send(request, timeout=SECONDS)
        return failed_request(caught.value, api_url=url, session=session, timeout=SECONDS)


def test_each_host_and_port_has_connections_of_its_own() -> None:
    adapter = DeadlineAdapter()

    def pool(url: str) -> tuple[str, int | None]:
        request = requests.Request("GET", url).prepare()
        found = adapter.get_connection_with_tls_context(request, verify=True)
        assert adapter.get_connection_with_tls_context(request, verify=True) is found
        return found.host, found.port

    assert pool("https://a.example/v1/things?page=1") == ("a.example", 443)
    assert pool("https://b.example/v1/things?page=1") == ("b.example", 443)
    assert pool("https://a.example:8443/v1") == ("a.example", 8443)
    assert pool("http://a.example") == ("a.example", 80)


@pytest.fixture
def no_such_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no host's name be known."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)


@pytest.mark.usefixtures("no_such_host")
def test_the_host_is_not_found() -> None:
    error = network_error(API)
    assert isinstance(error, TransientError)
    assert codes(error) == ["host-not-found", "check-network", "url-is"]
    assert "the API (api.ayra.example)" in error.lines[0]


def test_the_connection_is_refused() -> None:
    error = network_error("http://127.0.0.1:9/v1")
    assert isinstance(error, TransientError)
    assert codes(error) == ["connection-refused", "check-network", "url-is"]
    assert "the API (127.0.0.1:9)" in error.lines[0]


def test_the_connection_takes_too_long() -> None:
    with full() as port:
        error = network_error(f"http://127.0.0.1:{port}/v1")
    assert isinstance(error, TransientError)
    assert codes(error) == ["connect-timed-out", "check-network", "url-is"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_there_is_no_response_in_time(scheme: str) -> None:
    with listening(None) as port:
        error = network_error(f"{scheme}://127.0.0.1:{port}/v1")
    assert isinstance(error, TransientError)
    assert codes(error) == ["timed-out", "check-timeout"]
    assert f"{SECONDS} s" in error.lines[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n12345",
        b"SSH-2.0-OpenSSH_9.9\r\n",
    ],
    ids=["closed", "too short", "no last chunk", "not zipped", "not HTTP"],
)
def test_the_response_is_broken_off(answer: bytes) -> None:
    with listening(answer) as port:
        error = network_error(f"http://127.0.0.1:{port}/v1")
    assert isinstance(error, TransientError)
    assert codes(error) == ["broken-off", "check-connection"]


def test_the_server_does_not_speak_tls() -> None:
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        error = network_error(f"https://127.0.0.1:{port}/v1")
    assert isinstance(error, TransientError)
    assert codes(error) == ["tls-failed", "check-network", "url-is"]


@pytest.mark.parametrize(("host", "known"), [("127.0.0.1", False), ("elsewhere.example", True)])
def test_the_certificate_is_not_trusted(tmp_path: Path, host: str, known: bool) -> None:  # noqa: FBT001
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    bundle = str(tmp_path / "authority.pem")
    authority.cert_pem.write_to_path(bundle)
    with listening(context) as port:
        error = network_error(f"https://127.0.0.1:{port}/v1", trust=bundle if known else "")
    assert isinstance(error, TapAyraError)
    assert codes(error) == ["untrusted", "check-certificate", "url-is"]
    assert ("mismatch" if known else "issuer") in error.lines[0]


REFUSING = b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (
            b"407 Proxy Authentication Required",
            TapAyraError,
            ["proxy-authentication", "fix-proxy-credentials"],
        ),
        (b"403 Forbidden", TapAyraError, ["proxy-refused", "fix-proxy-rules"]),
        (b"502 Bad Gateway", TransientError, ["proxy-failed", "usually-temporary"]),
    ],
)
def test_the_proxy_refuses(status: bytes, kind: type[Exception], said: list[str]) -> None:
    with listening(REFUSING % status) as port:
        error = network_error(API, proxy=f"http://someone:secret@127.0.0.1:{port}")
    assert isinstance(error, kind)
    assert codes(error) == said
    assert error.lines[0].endswith(f" (HTTP {status[:3].decode()})")
    assert "secret" not in str(error)


@pytest.mark.parametrize("url", [API, "http://127.0.0.1:8/v1"])
def test_the_proxy_is_not_there(url: str) -> None:
    error = network_error(url, proxy="http://someone:secret@127.0.0.1:9")
    assert isinstance(error, TransientError)
    assert codes(error) == ["connection-refused", "check-proxy"]
    assert "the proxy (127.0.0.1:9)" in error.lines[0]
    assert "secret" not in str(error)


@pytest.mark.usefixtures("no_such_host")
def test_the_proxys_host_is_not_found() -> None:
    error = network_error(API, proxy="http://proxy.example:3128")
    assert codes(error) == ["host-not-found", "check-proxy"]
    assert "the proxy (proxy.example:3128)" in error.lines[0]


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("socks5://127.0.0.1:9", ["no-socks", "fix-socks"]),
        ("http://", ["not-sent", "check-url", "url-is"]),
    ],
)
def test_the_proxy_cannot_be_used(proxy: str, said: list[str]) -> None:
    error = network_error(API, proxy=proxy)
    assert isinstance(error, TapAyraError)
    assert codes(error) == said


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (requests.TooManyRedirects("x"), "redirect-loop"),
        (ContentDecodingError("x"), "broken-off"),
        (requests.ConnectionError("x"), "not-connected"),
    ],
)
def test_what_no_socket_shows(error: requests.RequestException, code: str) -> None:
    session = OneHostSession()
    assert failed_request(error, api_url=API, session=session, timeout=1).code == code
