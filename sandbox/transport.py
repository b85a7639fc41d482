"""The simulated API as a transport of requests, without sockets."""

from __future__ import annotations

import io
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.api import SandboxApi

_REASONS = {status.value: status.phrase for status in HTTPStatus}


class SandboxAdapter(BaseAdapter):
    """Answers a session's requests in memory, whatever their host."""

    def __init__(self, api: SandboxApi) -> None:
        """Make a transport to mount on a session, such as `session.mount("https://", …)`."""
        super().__init__()
        self.api = api

    def send(  # noqa: PLR0913, PLR0917
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        """Return the API's response to a request."""
        del stream, timeout, verify, cert, proxies
        url = request.url or ""
        parts = urlsplit(url)
        answered = self.api.handle(
            request.method or "GET", parts.path, parts.query, request.headers
        )
        response: Any = Response()
        response.status_code = answered.status
        response.reason = _REASONS.get(answered.status, "")
        response.headers = CaseInsensitiveDict(answered.headers)
        response.encoding = "utf-8"
        response.url = url
        response.request = request
        response.connection = self
        response.elapsed = timedelta(0)
        response.raw = io.BytesIO(answered.body)
        response._content = answered.body
        response._content_consumed = True
        return response  # type: ignore[no-any-return]

    def close(self) -> None:
        """Do nothing: there is no connection."""
