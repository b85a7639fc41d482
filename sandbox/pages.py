"""One page of conversations, with its `meta` and `links`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sandbox.formats import encode, timestamp

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from sandbox.call import Call
    from sandbox.query import ListQuery
    from sandbox.world import World


def choose(
    world: World, asked: ListQuery, now: datetime, shuffle_ties: Random | None
) -> list[Call]:
    """Return all calls that a request asks for, in its order."""
    calls = world.window(now, asked.since, asked.until)
    if asked.conditions:
        calls = asked.fitting(calls, now)
    if shuffle_ties is not None:
        shuffle_ties.shuffle(calls)
    if asked.sort_by != "start_time":
        calls.sort(key=lambda call: _rank(call.row(now)[asked.sort_by]), reverse=asked.descending)
    else:
        if shuffle_ties is not None:
            calls.sort(key=lambda call: call.start)
        if asked.descending:
            calls.reverse()
    return calls


def write(
    calls: list[Call], asked: ListQuery, now: datetime, *, number: int, base_url: str
) -> tuple[bytes, int]:
    """Return the body for the page that a request asks for, and how many calls it shows."""
    first = (asked.page - 1) * asked.per_page
    shown = [call.encoded(now) for call in calls[first : first + asked.per_page]]
    pages = math.ceil(len(calls) / asked.per_page)
    meta = {
        "total": len(calls),
        "page": asked.page,
        "per_page": asked.per_page,
        "total_pages": pages,
        "request_id": f"req_conversations_list_{number}",
        "timestamp": timestamp(now),
    }
    url = f"{base_url}/conversations?page="
    links = {
        "first": f"{url}1",
        "prev": f"{url}{asked.page - 1}" if asked.page > 1 else None,
        "next": f"{url}{asked.page + 1}" if asked.page < pages else None,
        "last": f"{url}{max(1, pages)}",
    }
    data = b'{"data":[' + b",".join(shown)
    return data + b'],"meta":' + encode(meta) + b',"links":' + encode(links) + b"}", len(shown)


def _rank(value: object) -> tuple[int, Any]:
    """Return where a value sorts: numbers, then text, then nulls."""
    if value is None:
        return (2, 0)
    return (0, value) if isinstance(value, int | float) else (1, str(value))
