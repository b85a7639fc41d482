"""The benchmark's own Ayra API: `python -m benchmarks.server`, fast, in a process of its own.

Records are serialised once; a request costs two bisections and a join. A first line on stdout
tells the port. Paths below /control/ report and reset; nobody but the benchmark asks for them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import sys
import time
from email.utils import formatdate
from urllib.parse import parse_qsl, urlsplit

from benchmarks.conversations import build
from benchmarks.limiter import Limiter
from benchmarks.pages import Pages

_REASONS = {200: "OK", 404: "Not Found", 429: "Too Many Requests"}


class Service:
    """What the server answers, and what it counts."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Serialise the conversations and start counting from nothing."""
        self._options = options
        self._source = build(options.records)
        self.reset()

    def reset(self) -> None:
        """Forget what was counted and put deleted conversations back."""
        self._chance = random.Random(11)
        self._pages = Pages(self._source)
        self._limiter = Limiter(self._options.limit, self._options.window)
        self._deletions = list(self._options.delete_at)
        self._requests = self._refused = self._answered = 0

    def answer(self, target: str) -> tuple[float, bytes]:
        """Answer one request: how many seconds to hold the response back, and the response."""
        parts = urlsplit(target)
        if parts.path == "/v1/conversations":
            return self._conversations(dict(parse_qsl(parts.query)))
        if parts.path == "/control/reset":
            self.reset()
        elif parts.path != "/control/report":
            return 0, _response(404, b'{"error":{"type":"not_found","message":"No such path"}}')
        return 0, _response(200, json.dumps(self._report()).encode())

    def _conversations(self, query: dict[str, str]) -> tuple[float, bytes]:
        now = time.time()
        self._requests += 1
        if not self._limiter.take(now):
            self._refused += 1
            wait = max(1, math.ceil(self._limiter.reset - now))
            headers = f"{self._limiter.headers()}Retry-After: {wait}\r\n"
            body = b'{"error":{"type":"rate_limit_error","message":"Too many requests"}}'
            return self._delay(0), _response(429, body, headers)
        page = self._pages.page(query, now)
        self._answered += 1
        if self._deletions and self._answered >= self._deletions[0]:
            self._deletions.pop(0)
            self._pages.delete(page.first)
        return self._delay(page.offset), _response(200, page.body, self._limiter.headers())

    def _delay(self, offset: int) -> float:
        options = self._options
        jitter = self._chance.uniform(-options.jitter, options.jitter)
        penalty = options.offset_penalty * offset / 1000
        return float(options.delay + jitter + penalty) / 1000

    def _report(self) -> dict[str, object]:
        return {
            "requests": self._requests,
            "refused": self._refused,
            "began": self._limiter.began,
            "deleted": self._pages.deleted,
        }


class Connection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection, one request at a time."""

    def __init__(self, service: Service) -> None:
        """Serve this connection from the one service."""
        self._service = service
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request once its headers are complete; a GET has no body."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, self._received = self._received.split(b"\r\n\r\n", 1)
            delay, response = self._service.answer(head.split(b" ", 2)[1].decode())
            if delay > 0:
                asyncio.get_running_loop().call_later(delay, self._transport.write, response)
            else:
                self._transport.write(response)


def _response(status: int, body: bytes, headers: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nDate: {formatdate(usegmt=True)}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    )
    return head.encode() + body


async def _serve(options: argparse.Namespace) -> None:
    service = Service(options)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", options.port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def parser() -> argparse.ArgumentParser:
    """Say which conditions the server can simulate."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.server", description=__doc__)
    add = made.add_argument
    add("--port", type=int, default=0, help="0 takes a free one")
    add("--records", type=int, default=10_000)
    add("--delay", type=float, default=0, help="milliseconds before each response")
    add("--jitter", type=float, default=0, help="milliseconds more or less, evenly spread")
    add("--offset-penalty", type=float, default=0, help="milliseconds for each 1,000 rows skipped")
    add("--limit", type=int, default=10**9, help="requests in each window")
    add("--window", type=int, default=60, help="seconds")
    add(
        "--delete-at",
        type=int,
        nargs="*",
        default=[],
        metavar="N",
        help="after the Nth page sent, delete the first conversation on it",
    )
    return made


if __name__ == "__main__":
    try:
        asyncio.run(_serve(parser().parse_args()))
    except KeyboardInterrupt:
        sys.exit(130)
