"""The API's cache: the same URL asked again with the same key gets the same body."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import NamedTuple


class CachedPage(NamedTuple):
    """A body, how many conversations it shows, and when it was made."""

    body: bytes
    rows: int
    made_at: datetime


class PageCache:
    """Bodies by key and query."""

    def __init__(self) -> None:
        self._pages: OrderedDict[tuple[str, str], CachedPage] = OrderedDict()

    def get(self, key: str, query: str, now: datetime, seconds: float) -> CachedPage | None:
        """Return a body that is not older than this."""
        page = self._pages.get((key, query))
        if page is not None and page.made_at <= now < page.made_at + timedelta(seconds=seconds):
            return page
        return None

    def put(self, key: str, query: str, page: CachedPage, seconds: float) -> None:
        """Keep a new body, and drop those that are too old by now."""
        self._pages[key, query] = page
        self._pages.move_to_end((key, query))
        oldest = page.made_at - timedelta(seconds=seconds)
        while self._pages and next(iter(self._pages.values())).made_at <= oldest:
            self._pages.popitem(last=False)
