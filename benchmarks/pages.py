"""One page of the conversations that a query asks for, put together from ready-made JSON."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.conversations import Conversations

_PATH = "https://api.ayra.ai/v1/conversations"


@dataclass(frozen=True, slots=True)
class Page:
    """A response body, how deep it lies in its window, and where it begins among all rows."""

    body: bytes
    offset: int
    first: int


class Pages:
    """The conversations as they stand, some perhaps deleted."""

    def __init__(self, source: Conversations) -> None:
        """Start from all conversations; the source itself is left as it is."""
        self._ids = list(source.ids)
        self._starts = list(source.starts)
        self._rows = list(source.rows)
        self.deleted: list[str] = []

    def delete(self, position: int) -> None:
        """Delete the conversation at a position."""
        if position < len(self._ids):
            self.deleted.append(self._ids.pop(position))
            del self._starts[position], self._rows[position]

    def page(self, query: dict[str, str], now: float) -> Page:
        """Find the rows that a query asks for; the body says the time `now`."""
        low, high = self._window(query.get("start_date"), query.get("end_date"))
        size = min(100, int(query.get("per_page", 25)))
        number = int(query.get("page", 1))
        offset = size * (number - 1)
        if query.get("sort_order", "desc") == "asc":
            first = min(low + offset, high)
            rows = self._rows[first : min(first + size, high)]
        else:
            end = max(low, high - offset)
            first = max(low, end - size)
            rows = self._rows[first:end][::-1]
        tail = _tail(high - low, number, size, now)
        return Page(b'{"data":[' + b",".join(rows) + tail, offset, first)

    def _window(self, start: str | None, end: str | None) -> tuple[int, int]:
        low = bisect_left(self._starts, _seconds(start)) if start else 0
        high = bisect_right(self._starts, _seconds(end)) if end else len(self._starts)
        return low, max(low, high)


def _tail(total: int, number: int, size: int, now: float) -> bytes:
    last = ceil(total / size)
    before = f'"{_PATH}?page={number - 1}"' if number > 1 else "null"
    after = f'"{_PATH}?page={number + 1}"' if number < last else "null"
    timestamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f'],"meta":{{"total":{total},"page":{number},"per_page":{size},"total_pages":{last},'
        f'"request_id":"req_{int(now * 1e6):x}","timestamp":"{timestamp}"}},'
        f'"links":{{"first":"{_PATH}?page=1","prev":{before},"next":{after},'
        f'"last":"{_PATH}?page={max(1, last)}"}}}}'
    ).encode()


def _seconds(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
