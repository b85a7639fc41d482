"""The second up to which spans are compared, since conversations begin while one counts."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import timedelta
from typing import TYPE_CHECKING

from tap_ayra.instants import earlier, later, whole_second

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

SECOND = timedelta(seconds=1)
NEAR = timedelta(hours=1)
"""How far before the settled past a second is looked for near which nothing was read."""


class Edge:
    """The latest second in the settled past near which nothing was read, as far as there is one.

    Everything that started after it has been read in this sync, so that the ledger up to it is
    known exactly.

    Attributes:
        second: where it lies; it belongs to what is compared.
        over: the instant after it.
        oldest: how far back it may lie at most.
        after: how many conversations were read that started later.
        near: how many started so near it that an API that rounds may count them on either side.
    """

    def __init__(self, read: Iterable[datetime], *, settled_by: datetime, floor: datetime) -> None:
        """Find it.

        Args:
            read: when the conversations started that this sync read, as far as they started
                within `NEAR` of `settled_by`, or later.
            settled_by: by the API's clock, `settling_minutes` before now.
            floor: from where on this sync read everything.
        """
        self._read = sorted(read)
        latest = max(whole_second(settled_by), whole_second(floor))
        self.oldest = min(latest, max(earlier(latest, NEAR), later(floor, 2 * SECOND)))
        self.second = second = latest
        self.near = self._near(second)
        while self.near and second > self.oldest:
            second = earlier(second, SECOND)
            if (near := self._near(second)) < self.near:
                self.second, self.near = second, near
        self.over = later(self.second, timedelta.resolution)
        self.after = len(self._read) - bisect_left(self._read, self.over)

    def _near(self, second: datetime) -> int:
        low, high = earlier(second, 2 * SECOND), later(second, 2 * SECOND)
        return bisect_left(self._read, high) - bisect_right(self._read, low)

    def read_between(self, start: datetime, end: datetime) -> int:
        """Count what was read that started from an instant, at `oldest` or later, until another."""
        return max(0, bisect_left(self._read, end) - bisect_left(self._read, start))
