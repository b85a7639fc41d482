"""The simulated API over real HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import uvicorn

from sandbox.records import ApiResponse

if TYPE_CHECKING:
    from sandbox.api import SandboxApi

_HOST = "127.0.0.1"
_SECONDS_TO_START = 60.0

Message = MutableMapping[str, Any]


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that is up.

    Attributes:
        api: The simulated API.
        origin: Its scheme, host and port.
    """

    api: SandboxApi
    origin: str

    @property
    def url(self) -> str:
        """The API's base URL."""
        return f"{self.origin}/v1"

    @property
    def control_url(self) -> str:
        """The base of the paths that steer the sandbox from another process."""
        return f"{self.origin}/_sandbox"


@contextmanager
def serve(
    api: SandboxApi, *, port: int = 0, latency: tuple[float, float] | float = 0.0, seed: int = 0
) -> Iterator[RunningSandbox]:
    """Serve a simulated API on this machine as long as the context lasts.

    Args:
        api: What answers.
        port: The port; a free one if 0.
        latency: Seconds that each response takes, or their least and most.
        seed: What the latency depends on.
    """
    listener = socket.create_server((_HOST, port), backlog=256)
    # Accepted connections inherit it; without it each response waits 40 ms for a delayed ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    running = RunningSandbox(api, f"http://{_HOST}:{listener.getsockname()[1]}")
    api.base_url = running.url
    least, most = latency if isinstance(latency, tuple) else (latency, latency)
    server = _Server(
        uvicorn.Config(
            _Application(api, least, most, Random(seed)),  # noqa: S311
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,  # the date is the sandbox's, not this machine's
            timeout_keep_alive=75,
        )
    )
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True
    )
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield running
    finally:
        server.end()
        thread.join()
        listener.close()


def _wait_until_started(server: _Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while not server.is_up.wait(0.05):
        if not thread.is_alive() or time.monotonic() > deadline:
            message = "The sandbox's server did not start."
            raise RuntimeError(message)


class _Server(uvicorn.Server):
    """Uvicorn's server, told when to end: its own loop looks every 100 ms and then waits as long.

    Attributes:
        is_up: Set once it responds.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()
        self._ending = asyncio.Event()

    async def main_loop(self) -> None:
        """Respond until `end` is called."""
        self._loop = asyncio.get_running_loop()
        self.is_up.set()
        await self._ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close all connections, whatever is under way."""
        del sockets
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()

    def end(self) -> None:
        """Let the thread that runs this end."""
        self._loop.call_soon_threadsafe(self._ending.set)


class _Application:
    """The API and its control paths as an ASGI application."""

    def __init__(self, api: SandboxApi, least: float, most: float, random: Random) -> None:
        self._api = api
        self._least = least
        self._most = most
        self._random = random

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        del receive
        method, path = scope["method"], scope["path"]
        query = scope["query_string"].decode("latin-1")
        if path.startswith("/_sandbox/"):
            response = self._control(method, path, query)
        else:
            headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
            response = await self._respond(method, path, query, headers)
        headers = {**response.headers}
        if not any(name.lower() == "content-length" for name in headers):
            headers["Content-Length"] = str(len(response.body))
        raw_headers = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        start = {"type": "http.response.start", "status": response.status, "headers": raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": response.body})

    async def _respond(
        self, method: str, path: str, query: str, headers: dict[str, str]
    ) -> ApiResponse:
        # Half of the time is the request's way, half the response's.
        half = self._random.uniform(self._least, self._most) / 2
        if half:
            await asyncio.sleep(half)
        if self._api.on_request is None and self._api.faults is None:
            response = self._api.handle(method, path, query, headers)
        else:  # a test's hook may wait for another request
            response = await asyncio.to_thread(self._api.handle, method, path, query, headers)
        if half:
            await asyncio.sleep(half)
        return response

    def _control(self, method: str, path: str, query: str) -> ApiResponse:
        world = self._api.world
        action = (method, path.removeprefix("/_sandbox/"))
        if action == ("POST", "advance"):
            try:
                world.clock.advance(float(parse_qs(query)["seconds"][0]))
            except (KeyError, ValueError, OverflowError):
                return _json_response(
                    HTTPStatus.BAD_REQUEST, {"error": "seconds is required: ?seconds=N"}
                )
        elif action != ("GET", "status"):
            paths = ["POST /_sandbox/advance?seconds=N", "GET /_sandbox/status"]
            return _json_response(HTTPStatus.NOT_FOUND, {"error": "unknown path", "paths": paths})
        now = world.clock.now()
        return _json_response(
            HTTPStatus.OK,
            {
                "now": now.isoformat(),
                "conversations": world.counts(now),
                "requests": len(self._api.requests),
            },
        )


def _json_response(status: HTTPStatus, body: dict[str, object]) -> ApiResponse:
    return ApiResponse(
        status, {"Content-Type": "application/json"}, json.dumps(body).encode() + b"\n"
    )
