"""What the simulated API sends, and what it remembers of each request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from datetime import datetime

Endpoint = Literal["conversations", "transcript"]

_PATH = re.compile(r"/v1/conversations(?:/(?P<id>[^/]+)/transcript)?")


class ApiResponse(NamedTuple):
    """What the API sends back."""

    status: int
    headers: dict[str, str]
    body: bytes


class Asked(NamedTuple):
    """What a path and query ask for.

    Attributes:
        endpoint: The endpoint, if there is one at this path.
        params: The query's parameters, and `conversation_id` where the path names one.
    """

    endpoint: Endpoint | None
    params: dict[str, str]


class Request(NamedTuple):
    """A request that may be answered.

    Attributes:
        number: The request's number, from 1.
        key: The key that it came with.
        params: What `Asked` says.
        at: When it came, by the world's clock.
    """

    number: int
    key: str
    params: dict[str, str]
    at: datetime


class RequestRecord(NamedTuple):
    """What the API remembers of a request.

    Attributes:
        number: The request's number, from 1.
        method: GET, if nothing is wrong.
        path: The path that was asked for.
        params: The query's parameters, and `conversation_id` where the path names one.
        status: The response's status.
        at: When it was answered, by the world's clock.
        cached: Whether the response came from the cache.
        rows: How many conversations or messages it held.
        endpoint: The endpoint that was asked for, if there is one at this path.
    """

    number: int
    method: str
    path: str
    params: dict[str, str]
    status: int
    at: datetime
    cached: bool
    rows: int
    endpoint: Endpoint | None


def read_target(path: str, query: str) -> Asked:
    """Read what a request's path and query ask for."""
    params = dict(parse_qsl(query, keep_blank_values=True))
    match = _PATH.fullmatch(path)
    if match is None:
        return Asked(None, params)
    if match["id"] is None:
        return Asked("conversations", params)
    return Asked("transcript", params | {"conversation_id": unquote(match["id"])})
