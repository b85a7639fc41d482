"""Conversations one by one in order of their start, and a look at those that follow."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING

from tap_ayra.instants import earlier, whole_second
from tap_ayra.replication.bookmark import RESTATED_BY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from tap_ayra.streams.due import Due

MOST_READY = 2000
"""Conversations that are ready at most, but for the last page of them; few may be wanted."""

_start = attrgetter("start")


class InOrder:
    """Hands out conversations in order of start and id, up to a limit that may still fall.

    An unsettled conversation on a later page holds back what started up to `RESTATED_BY` before
    it. So a conversation is handed out, or shown as one that follows, only once the pages have come
    further than that. They become ready by whole seconds, since the API's order within a second may
    be another each time.

    Attributes:
        ready: those that follow and are certain to be handed out.
        rest: what has been read and is not ready: at the end, what lies past the limit.
    """

    def __init__(
        self, pages: Iterator[list[Due]], *, limit: Callable[[], datetime], ahead: int
    ) -> None:
        """Begin with nothing read.

        Args:
            pages: the conversations of each page; read as they are needed.
            limit: gives the latest start that may be handed out, by the pages read so far.
            ahead: how many with a transcript to have ready, as long as there are pages.
        """
        self._pages = pages
        self._limit = limit
        self._ahead = ahead
        self._wanted = 0
        self.ready: deque[Due] = deque()
        self.rest: list[Due] = []

    def __iter__(self) -> Iterator[Due]:
        """Hand out one after the other; at the first one its whole second is ready."""
        more = True
        while more or self.ready:
            while more and self._wanted <= self._ahead and len(self.ready) <= MOST_READY:
                page = next(self._pages, None)
                more = page is not None
                self.rest += page or ()
                self._release(to_the_end=not more)
            if self.ready:
                due = self.ready.popleft()
                self._wanted -= due.wanted
                yield due

    def _release(self, *, to_the_end: bool) -> None:
        rest = self.rest
        if not rest:
            return
        rest.sort()
        certain = bisect_right(rest, self._limit(), key=_start)
        if not to_the_end:
            reached = whole_second(earlier(rest[-1].start, RESTATED_BY))
            certain = min(certain, bisect_left(rest, reached, key=_start))
        self.ready.extend(rest[:certain])
        self._wanted += sum(due.wanted for due in rest[:certain])
        del rest[:certain]
