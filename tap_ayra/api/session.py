"""HTTP to one host only, with a deadline for each whole response.

The timeouts of `requests` start anew with every byte received, so a response that drips in
would never end. Here the clock starts with the request and runs on to the last byte.
"""

from __future__ import annotations

import io
import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

import requests
import urllib3.exceptions
from requests import Request
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError, ContentDecodingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import PreparedRequest, Response
    from urllib3.connectionpool import ConnectionPool

    from tap_ayra.settings import Settings

MOST_BYTES = 1 << 17
"""Bytes received at a time, room for a whole page: each receive of less would hand the
interpreter's lock to and fro."""


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


class DeadlineAdapter(HTTPAdapter):
    """Requests' adapter, with its timeout counted from the request to the last byte.

    Certificates and proxies are those of the first request to a host, so its connections are too.
    """

    def __init__(self, **options: Any) -> None:
        """Begin without connections.

        Args:
            options: as requests' adapter takes them.
        """
        super().__init__(**options)
        self._pools: dict[str, ConnectionPool] = {}

    def get_connection_with_tls_context(
        self, request: PreparedRequest, *args: Any, **options: Any
    ) -> ConnectionPool:
        """Give the connections to the host of a request, looked up once."""
        origin = "/".join((request.url or "").split("/", 3)[:3])
        if origin not in self._pools:
            pool = super().get_connection_with_tls_context(request, *args, **options)
            self._pools[origin] = pool
        return self._pools[origin]

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Send a request and read the whole response.

        Args:
            request: what to send.
            args: none.
            options: as the session gives them; ``timeout`` is the seconds for all of it.

        Raises:
            requests.RequestException: if that fails, or takes longer.
        """
        deadline = time.monotonic() + options["timeout"]
        response = super().send(request, *args, **{**options, "stream": True})
        try:
            response.raw = io.BytesIO(_read(response.raw, deadline))
        except urllib3.exceptions.DecodeError as error:
            raise ContentDecodingError(error, response=response) from None
        except (TimeoutError, urllib3.exceptions.ReadTimeoutError) as error:
            raise requests.ReadTimeout(error, response=response) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ChunkedEncodingError(error, response=response) from None
        return response


def _read(raw: Any, deadline: float) -> bytes:  # noqa: ANN401  urllib3's response
    """Read a body to its end; each receive waits only for what is left until the deadline."""
    parts: list[bytes] = []
    connection = raw.connection
    with raw:  # it closes the connection, unless that has gone back to the pool
        while not parts or parts[-1]:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if connection is not None and connection.sock is not None:
                connection.sock.settimeout(left)
            parts.append(raw.read1(MOST_BYTES, decode_content=True))
    return b"".join(parts)


class OneHostSession(requests.Session):
    """A session that follows one redirect, and only within the host of the request."""

    def __init__(self) -> None:
        """Begin without connections."""
        super().__init__()
        self.max_redirects = 1
        self._example: PreparedRequest | None = None

    def fetch(self, url: str, query: Mapping[str, str], *, timeout: float) -> Response:
        """Make a GET request as `get` does, at half its cost: but for the URL all are the same.

        Args:
            url: where to, without the query.
            query: the parameters.
            timeout: the seconds for all of it.

        Raises:
            requests.RequestException: if it fails.
        """
        if self._example is None:
            self._example = self.prepare_request(Request("GET", url))
        request = self._example.copy()
        if url == self._example.url:  # what requests makes of a URL that needs no quoting
            request.url = f"{url}?{urlencode(query)}"
        else:
            request.prepare_url(url, query)
        options: dict[str, Any] = {
            "timeout": timeout,
            "verify": self.verify,
            "proxies": self.proxies,
        }
        response = self.get_adapter(url).send(request, **options)
        if response.is_redirect:
            for target in self.resolve_redirects(response, request, **options):
                response = target
        return response

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Find where a response redirects to; None if that leaves the host, port or https."""
        try:
            target = super().get_redirect_target(resp)
            stays = target is not None and _origin(urljoin(resp.url, target)) == _origin(resp.url)
        except ValueError:  # it is not an address
            return None
        return target if stays else None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
