"""How far the replication key may move: never past what may still change."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tap_ayra.instants import earlier, later, whole_second

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

REPLICATION_KEY = "start_time"
CACHE_MARGIN = timedelta(minutes=2)
"""A very recent conversation may be missing: the API answers from a cache for 60 seconds."""

RESTATED_BY = timedelta(minutes=1)
"""How much earlier than shown a conversation may turn out to have started once it has ended."""

SET_ASIDE_AFTER = timedelta(hours=1)
MOST_SET_ASIDE = 50


class Bookmark:
    """The point before which every conversation has been delivered in its settled form.

    After each conversation it is the earliest of: its start, `RESTATED_BY` before the earliest
    unsettled conversation seen, and a ceiling, which is `CACHE_MARGIN` or ``settling`` before now,
    or ``end``, or, with a filter that hides what does not match yet, as long before now as a
    conversation may take to settle. It never moves back.

    A conversation that is still unsettled `SET_ASIDE_AFTER` its start holds nothing back: it is set
    aside, to be read on its own. So is one found behind the bookmark, or just after it.

    Attributes:
        value: where it stands; None before it first moves.
        margin: how far it stays behind now at least.
        ceiling: how far it may move in this sync.
        held_by: id and start of the earliest unsettled conversation that was not set aside; None
            where there is none.
        aside: the seconds in which conversations started that were set aside.
    """

    def __init__(  # noqa: PLR0913
        self,
        value: datetime | None,
        *,
        now: datetime,
        settling: timedelta,
        limit: timedelta,
        end: datetime | None = None,
        hides_changing: bool = False,
        aside: Iterable[datetime] = (),
    ) -> None:
        """Begin where the last sync stopped.

        Args:
            value: the bookmark that the sync began with.
            now: the API's clock.
            settling: how long after its end a conversation may still change.
            limit: how long after its start it may stay unsettled.
            end: the upper bound of what is read.
            hides_changing: whether a filter is set that hides what does not match yet.
            aside: what the last sync left set aside.
        """
        self.value = value
        self._now = now
        self.held_by: tuple[str, datetime] | None = None
        self.aside = set(aside)
        self._long_open = earlier(now, SET_ASIDE_AFTER)
        self.margin = max(settling, CACHE_MARGIN)
        self.ceiling = earlier(now, self.margin)
        if end is not None:
            self.ceiling = min(self.ceiling, end)
        if hides_changing:
            self.ceiling = min(self.ceiling, earlier(earlier(now, limit), settling))

    @property
    def is_in_future(self) -> bool:
        """Whether it stands where it hides what has not happened yet."""
        return self.value is not None and self.value > self._now

    @property
    def limit(self) -> datetime:
        """How far it may move, by what has been seen so far."""
        if self.held_by is None:
            return self.ceiling
        return min(self.ceiling, earlier(self.held_by[1], RESTATED_BY))

    def hold(self, unsettled: Iterable[tuple[str, datetime]]) -> None:
        """Take note of unsettled conversations before they are delivered.

        Args:
            unsettled: the id and start time of each.
        """
        for key, start in unsettled:
            if not self._set_aside(start) and (self.held_by is None or start < self.held_by[1]):
                self.held_by = key, start

    def _set_aside(self, start: datetime) -> bool:
        """Set a conversation aside, if it is due and there is room."""
        second = whole_second(start)
        behind = self.value is not None and start < later(self.value, RESTATED_BY)
        long_open = start <= self._long_open and earlier(start, RESTATED_BY) < self.ceiling
        if second in self.aside:
            return True
        if not (behind or long_open) or len(self.aside) >= MOST_SET_ASIDE:
            return False
        self.aside.add(second)
        return True

    def advance(self, start: datetime | None) -> None:
        """Move on after conversations have been delivered.

        Args:
            start: the latest of their start times; None moves nothing.
        """
        if start is None:
            return
        reached = min(start, self.limit)
        if self.value is None or reached > self.value:
            self.value = reached
