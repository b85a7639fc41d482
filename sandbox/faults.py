"""The simulated API behind a network that fails: bare sockets, and a fault for each request."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from sandbox.records import ApiResponse, read_target

if TYPE_CHECKING:
    import ssl

    from sandbox.api import SandboxApi

_HOST = "127.0.0.1"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_PATIENCE = 10.0


@dataclass
class Exchange:
    """One request and the connection that it came on.

    Attributes:
        connection: What the response goes to.
        response: What the API says if nothing goes wrong.
        stopped: Set when the server ends.
    """

    connection: socket.socket
    response: ApiResponse
    stopped: threading.Event

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.connection.sendall(data)

    def reset(self) -> None:
        """Break the connection off the hard way."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.end()

    def end(self) -> None:
        """Close the connection."""
        raise ConnectionAbortedError

    def wait_for_the_client(self) -> None:
        """Send nothing until the client has had enough."""
        self.connection.settimeout(_PATIENCE)
        with contextlib.suppress(OSError):
            self.connection.recv(1)
        self.end()


Fault = Callable[[Exchange], None]
Script = Callable[[int, Mapping[str, str]], Fault | None]


def raw(response: ApiResponse, **headers: str) -> bytes:
    """Write a response as HTTP does."""
    lines = {"Content-Length": str(len(response.body)), **response.headers, **headers}
    reason = HTTPStatus(response.status).phrase if response.status in set(HTTPStatus) else "Odd"
    head = [f"HTTP/1.1 {response.status} {reason}", *(f"{k}: {v}" for k, v in lines.items())]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + response.body


def whole(exchange: Exchange) -> None:
    """Respond as the API does: no fault."""
    exchange.send(raw(exchange.response))


def reset(exchange: Exchange) -> None:
    """Reset the connection before the response."""
    exchange.reset()


def closed(exchange: Exchange) -> None:
    """Close the connection before the response."""
    exchange.end()


def reset_in_the_body(exchange: Exchange) -> None:
    """Reset the connection half-way through the body."""
    exchange.send(raw(exchange.response)[: -len(exchange.response.body) // 2])
    exchange.reset()


def truncated(exchange: Exchange) -> None:
    """Close the connection before the body has its length."""
    exchange.send(raw(exchange.response)[:-7])
    exchange.end()


def truncated_in_the_head(exchange: Exchange) -> None:
    """Close the connection before the headers end."""
    exchange.send(raw(exchange.response)[:30])
    exchange.end()


def truncated_chunks(exchange: Exchange) -> None:
    """Close a chunked body before its last chunk."""
    body = exchange.response.body
    head = raw(exchange.response._replace(body=b""), **{"Transfer-Encoding": "chunked"})
    half = body[: len(body) // 2]
    exchange.send(head.replace(b"Content-Length: 0\r\n", b"") + b"%x\r\n%s\r\n" % (len(half), half))
    exchange.end()


def stalled(exchange: Exchange) -> None:
    """Never response."""
    exchange.wait_for_the_client()


def stalled_in_the_body(exchange: Exchange) -> None:
    """Stop answering half-way through the body."""
    exchange.send(raw(exchange.response)[: -len(exchange.response.body) // 2])
    exchange.wait_for_the_client()


def _drip(exchange: Exchange, data: bytes) -> None:
    for position in range(len(data)):
        exchange.send(data[position : position + 1])
        if exchange.stopped.wait(0.003):
            exchange.end()


def dripping(exchange: Exchange) -> None:
    """Send headers and body a byte at a time."""
    _drip(exchange, raw(exchange.response))


def dripping_body(exchange: Exchange) -> None:
    """Send the body a byte at a time."""
    message = raw(exchange.response)
    head = len(message) - len(exchange.response.body)
    exchange.send(message[:head])
    _drip(exchange, message[head:])


def not_http(exchange: Exchange) -> None:
    """Respond in another protocol."""
    exchange.send(b"SSH-2.0-OpenSSH_9.9\r\n")
    exchange.end()


def zipped(exchange: Exchange) -> None:
    """Respond compressed: no fault."""
    response = exchange.response._replace(body=gzip.compress(exchange.response.body))
    exchange.send(raw(response, **{"Content-Encoding": "gzip"}))


def zipped_badly(exchange: Exchange) -> None:
    """Call compressed what is not."""
    exchange.send(raw(exchange.response, **{"Content-Encoding": "gzip"}))


def mislabelled(exchange: Exchange) -> None:
    """Name a charset that the body is not in, as JSON never is: no fault."""
    exchange.send(raw(exchange.response, **{"Content-Type": "text/html; charset=ISO-8859-1"}))


def instead(status: int, body: bytes | dict[str, Any] = b"", **headers: str) -> Fault:
    """Send another response in place of the API's; ``_`` in a header's name stands for ``-``."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.send(raw(ApiResponse(status, names, body)))


def edited(edit: Callable[[Any], None]) -> Fault:
    """Send the API's response with its JSON changed, where that can be done."""

    def send(exchange: Exchange) -> None:
        document = json.loads(exchange.response.body)
        with contextlib.suppress(LookupError):
            edit(document)
        exchange.send(raw(exchange.response._replace(body=json.dumps(document).encode())))

    return send


class Seen(NamedTuple):
    """A request as it came in."""

    target: str
    params: dict[str, str]
    headers: dict[str, str]


@dataclass(eq=False)
class FaultyServer:
    """Answers from a simulated API, with the faults that a script asks for.

    Attributes:
        api: What answers.
        script: Gives the fault for a request by its number, from 1, and its parameters.
        tls: Speak TLS, after CONNECT where a client takes this for its proxy.
        requests: What has come in so far.
        tunnels: What a proxy has been asked for.
    """

    api: SandboxApi
    script: Script
    tls: ssl.SSLContext | None = None
    requests: list[Seen] = field(default_factory=list)
    tunnels: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make ready to listen."""
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._is_down = True
        self._connections: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The API's base URL."""
        return f"{'https' if self.tls else 'http'}://{_HOST}:{self.port}/v1"

    def up(self) -> None:
        """Listen, on the same port as before."""
        self._is_down = False
        self._listener = listener = socket.create_server((_HOST, self.port), backlog=64)
        self.port = listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections, and break off those that there are."""
        self._is_down = True
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        self.down()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._connections.add(connection)
        try:
            with contextlib.suppress(OSError):
                if self.tls and connection.recv(7, socket.MSG_PEEK) != b"CONNECT":
                    connection = self.tls.wrap_socket(connection, server_side=True)
                while (head := _read_head(connection)) and not self._is_down:
                    if self.tls and head.startswith("CONNECT"):
                        self.tunnels.append(head)
                        connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                        connection = self.tls.wrap_socket(connection, server_side=True)
                    else:
                        self._answer(connection, head)
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _answer(self, connection: socket.socket, head: str) -> None:
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        parts = urlsplit(target)
        params = read_target(parts.path, parts.query).params
        with self._lock:
            self.requests.append(Seen(target, params, headers))
            number = len(self.requests)
        fault = self.script(number, params) or whole
        response = self.api.handle(method, parts.path, parts.query, headers)
        fault(Exchange(connection, response, self._stopped))


def _read_head(connection: socket.socket) -> str:
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        more = connection.recv(65536)
        if not more:
            return ""
        data += more
    return data[:-4].decode("latin-1")


@contextmanager
def faulty(
    api: SandboxApi, script: Script | None = None, *, tls: ssl.SSLContext | None = None
) -> Iterator[FaultyServer]:
    """Serve a simulated API over failing sockets as long as the context lasts."""
    server = FaultyServer(api, script or (lambda _number, _params: None), tls)
    server.up()
    try:
        yield server
    finally:
        server.stop()
