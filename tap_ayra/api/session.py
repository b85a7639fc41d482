"""HTTP to one host only, where a whole answer has to arrive before a deadline.

The timeouts of `requests` start anew with every byte received, so an answer that drips in
would never end. Here the clock starts with the request and runs on to the last byte.
"""

from __future__ import annotations

import http.client
import io
import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    import socket

    from tap_ayra.settings.values import Settings


BUFFER_BYTES = 1 << 17
"""Room for a whole page: each read of less would hand the interpreter's lock to and fro."""


def open_session(settings: Settings, *, debug: bool = False) -> OneHostSession:
    """Open a session with the API key, a connection for each thread, and the machine's proxies.

    Proxies and a company's certificate authority are looked up in the environment once; `netrc`
    is not, since it would replace the key.

    Args:
        settings: the key, the address, and how many threads there are at most.
        debug: whether urllib3 may log, which it does with tracebacks of its own.
    """
    if not debug:
        logging.getLogger("urllib3").setLevel(logging.ERROR)
    session = OneHostSession()
    session.headers["Authorization"] = f"Bearer {settings.api_key}"
    session.headers["User-Agent"] = settings.user_agent
    adapter = DeadlineAdapter(pool_maxsize=settings.concurrency)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    found = session.merge_environment_settings(settings.api_url, {}, None, None, None)
    session.proxies, session.verify = found["proxies"], found["verify"]
    session.trust_env = False
    return session


class _TimedReader(io.RawIOBase):
    """Reads from a socket, each time waiting only for what is left until the deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        seconds = sock.gettimeout()
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                msg = "the answer timed out before its end"
                raise TimeoutError(msg)
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock), BUFFER_BYTES)


class _TimedConnection(HTTPConnection):
    response_class = _TimedResponse


class _TimedTLSConnection(HTTPSConnection):
    response_class = _TimedResponse


class _TimedPool(HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class _TimedTLSPool(HTTPSConnectionPool):
    ConnectionCls = _TimedTLSConnection


class DeadlineAdapter(HTTPAdapter):
    """Requests' adapter, with its read timeout counted for the whole answer."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool of connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _TimedPool, "https": _TimedTLSPool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Make the pool of connections through a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _TimedPool, "https": _TimedTLSPool}
        return manager


class OneHostSession(requests.Session):
    """A session that follows redirects only within the host of the first request, and one only."""

    def __init__(self) -> None:
        """Begin without connections."""
        super().__init__()
        self.max_redirects = 1

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Find where a response redirects to; None where that leaves the host, port or https."""
        try:
            target = super().get_redirect_target(resp)
            stays = target is not None and _origin(urljoin(resp.url, target)) == _origin(resp.url)
        except ValueError:  # it is no address
            return None
        return target if stays else None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
