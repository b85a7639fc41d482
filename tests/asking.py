"""Requests to the simulated API as a test writes them, without a tap."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sandbox import Call

if TYPE_CHECKING:
    from sandbox import ApiResponse, SandboxApi

NOW = datetime(2025, 1, 15, 15, tzinfo=UTC)


def ask(api: SandboxApi, *, key: object = None, **params: object) -> ApiResponse:
    """Ask for a page of conversations."""
    headers = {"authorization": f"Bearer {key or api.key}"}
    return api.handle("GET", "/v1/conversations", urlencode(params), headers)


def read(api: SandboxApi, **params: object) -> dict[str, Any]:
    """Ask for a page of conversations, which must succeed, and give its body."""
    response = ask(api, **params)
    assert response.status == 200, response.body
    body: dict[str, Any] = json.loads(response.body)
    return body


def listed_ids(api: SandboxApi, **params: object) -> list[str]:
    """Give the ids on a page, the oldest first."""
    return [row["id"] for row in read(api, **{"sort_order": "asc", **params})["data"]]


def error(response: ApiResponse) -> dict[str, Any]:
    """Give what an error body says."""
    body: dict[str, Any] = json.loads(response.body)
    assert list(body) == ["error"]
    return dict(body["error"])


def past_call(call_id: str, minutes_ago: float = 60, lasts: float = 120, **details: Any) -> Call:
    """Make a call that began some minutes before `NOW`, and lasts some seconds."""
    start = NOW - timedelta(minutes=minutes_ago)
    return Call(call_id, start, start + timedelta(seconds=lasts), **details)
