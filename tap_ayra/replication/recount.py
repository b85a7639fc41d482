"""A stretch of the ledger that is read again, and counted anew as far as it has been read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tap_ayra.replication.spans import MONTH_LENGTH, day_name, span_bounds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tap_ayra.replication.ledger import Ledger


class Recount:
    """Replaces the counts of a stretch of the ledger, day by day as its conversations come.

    A month stands in days until it is done, so that a sync that is stopped on the way leaves
    nothing counted that has not been read.

    Attributes:
        found: how many distinct conversations have come so far.
    """

    def __init__(self, ledger: Ledger, start: datetime, end: datetime, *, counted: int = 0) -> None:
        """Begin a recount.

        Args:
            ledger: whose counts are replaced.
            start: the beginning of a span.
            end: the end of a span, or an instant after the bookmark; it lies outside.
            counted: how many of the first day were counted before a recount was interrupted.
        """
        self._ledger = ledger
        self._days: Counter[str] = Counter({day_name(start): counted} if counted else {})
        self._old = {
            span
            for span in ledger.counts
            if start < span_bounds(span)[1] and span_bounds(span)[0] < end
        }
        for span in [span for span in self._old if len(span) == MONTH_LENGTH]:
            del ledger.counts[span]
        ledger.pending = [moment for moment in ledger.pending if not start <= moment < end]
        self.found = counted

    def counted_on(self, moment: datetime) -> int:
        """Give how many of a day's conversations have come so far."""
        return self._days[day_name(moment)]

    def add(self, starts: Iterable[datetime]) -> None:
        """Count conversations that have just been delivered again."""
        ledger, starts = self._ledger, list(starts)
        if not starts:
            return
        self.found += len(starts)
        reach = ledger.reach
        ledger.pending += [start for start in starts if reach is None or start >= reach]
        self._days.update(
            day_name(start) for start in starts if reach is not None and start < reach
        )
        self._enter(before=day_name(max(starts)))

    def finish(self) -> None:
        """Enter what is left."""
        self._enter(before="9999-99")
        self._ledger.roll_up()

    def _enter(self, before: str) -> None:
        counts = self._ledger.counts
        for day in [day for day in self._old if day < before]:
            self._old.discard(day)
            if len(day) != MONTH_LENGTH and day not in self._days:
                counts.pop(day, None)
        for day in [day for day in self._days if day < before]:
            counts[day] = self._days[day]
