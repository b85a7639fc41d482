"""One page of conversations, with its `meta` and `links`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.formats import encode_clean
from sandbox.window import Window

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from sandbox.query import ListQuery
    from sandbox.world import World


def choose(
    world: World,
    asked: ListQuery,
    bounds: tuple[datetime | None, datetime | None],
    now: datetime,
    shuffle_ties: Random | None,
) -> Window:
    """Return all calls that a request asks for between these bounds, in its order."""
    window = world.window(now, *bounds)
    if not asked.conditions and shuffle_ties is None and asked.sort_by == "start_time":
        return window.reversed() if asked.descending else window
    calls = window.all()
    if asked.conditions:
        calls = asked.fitting(calls, now)
    if shuffle_ties is not None:
        shuffle_ties.shuffle(calls)
    if asked.sort_by != "start_time":
        calls.sort(key=lambda call: _rank(call.row(now)[asked.sort_by]), reverse=asked.descending)
    else:
        if shuffle_ties is not None:
            calls.sort(key=lambda call: call.start_at(now))
        if asked.descending:
            calls.reverse()
    return Window.of(calls)


def write(
    rows: list[bytes],
    meta: dict[str, Any],
    *,
    base_url: str,
    more: bool,
) -> bytes:
    """Return the body for a page of rows.

    Args:
        rows: The page's rows.
        meta: Its `meta`.
        base_url: What its `links` begin with.
        more: Whether there are rows behind this page, where `meta` does not count pages.
    """
    page, pages = meta["page"], meta.get("total_pages")
    url = f"{base_url}/conversations?page="
    is_last = not more if pages is None else page >= pages
    links = {
        "first": f"{url}1",
        "prev": f"{url}{page - 1}" if page > 1 else None,
        "next": None if is_last else f"{url}{page + 1}",
        "last": None if pages is None else f"{url}{max(1, pages)}",
    }
    data = b'{"data":[' + b",".join(rows)
    return data + b'],"meta":' + encode_clean(meta) + b',"links":' + encode_clean(links) + b"}"


def _rank(value: object) -> tuple[int, Any]:
    """Return where a value sorts: numbers, then text, then nulls."""
    if value is None:
        return (2, 0)
    return (0, value) if isinstance(value, int | float) else (1, str(value))
