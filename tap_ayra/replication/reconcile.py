"""What has been delivered against what exists, span by span; the difference is work."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from tap_ayra.instants import earlier, later, whole_second
from tap_ayra.messages import replication as messages
from tap_ayra.replication.ledger import BEGINNING, day_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tap_ayra.messages import Text
    from tap_ayra.replication.ledger import Ledger

SECOND = timedelta(seconds=1)
NEAR = timedelta(hours=1)
"""How far before the settled past a second is looked for near which nothing was read."""

MOST_DIFFERENT = 10
LARGE = 1000
"""From how many conversations on the loss of more than half is doubted at first."""

NEAR_THE_MIDDLE = 10
"""How many conversations may count on both sides of the middle of a span."""

EVERYTHING = "*"
"""The span under which a difference that could not be located is kept."""


class Count(Protocol):
    """Asks the API how many conversations started within bounds, both ends included."""

    def __call__(self, start: datetime, end: datetime | None, *, again: int = 0) -> int | None:
        """Count; None where the API does not tell."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A stretch of time in which the API counts other than the ledger.

    Attributes:
        start: where it begins.
        end: where it ends; what starts then lies outside.
        delivered: by the ledger.
        counted: by the API.
    """

    start: datetime
    end: datetime
    delivered: int
    counted: int


class Reconciliation:
    """Compares the ledger with the API's counts at the end of a sync, and locates what differs.

    Attributes:
        api_count: how many conversations the API counted at the last comparison.
        doubt: why the API's counts are not believed; None while they are.
    """

    def __init__(
        self,
        ledger: Ledger,
        count: Count,
        *,
        settled_by: datetime,
        end: datetime | None = None,
        read: Sequence[datetime],
    ) -> None:
        """Prepare for a comparison.

        Args:
            ledger: at the end of the sync's reading.
            count: asks the API.
            settled_by: by the API's clock, `settling_minutes` before now.
            end: the setting ``end_date``.
            read: when the conversations started that this sync read, as far as they started
                within `NEAR` of `settled_by`, or later.
        """
        self._ledger = ledger
        self._count = count
        self._settled_by = settled_by
        self._end = end
        self._read = sorted(read)
        self._asked = 0
        self._edge = settled_by
        self.api_count: int | None = None
        self.doubt: Text | None = None

    @property
    def _since(self) -> datetime:
        return self._ledger.since or BEGINNING

    def agrees(self, *, undated: int = 0) -> bool:
        """Compare the sums; tell whether nothing is missing and nothing has gone.

        Args:
            undated: how many conversations without a start time were read, which may or may not
                be counted.
        """
        ledger = self._ledger
        self.api_count = self._ask(self._since, self._end)
        if self.api_count is None:
            self.doubt = messages.NO_TOTAL()
            return False
        if 0 <= self.api_count - self._expected(ledger.total) <= undated:
            return True
        edge, after, near = self._quiet_second()
        counted = self._ask(self._since, edge)
        self._edge = edge
        if counted is None:
            return False
        self.api_count = counted + after
        difference = self.api_count - self._expected(ledger.total)
        return -near <= difference <= undated + near

    def _ask(self, start: datetime, end: datetime | None) -> int | None:
        self._asked += 1
        return self._count(start, end, again=self._asked)

    def _expected(self, delivered: int) -> int:
        return delivered + sum(counted - kept for _, kept, counted in self._ledger.differs)

    def _quiet_second(self) -> tuple[datetime, int, int]:
        """Find the latest second in the settled past near which nothing was read.

        Returns:
            The second; how many conversations read started after it; how many started so near it
            that they may be counted on either side of it (0 if there is such a second).
        """
        read, edge = self._read, whole_second(self._settled_by)
        oldest = max(earlier(edge, NEAR), self._since)

        def near(second: datetime) -> int:
            first = bisect_right(read, earlier(second, 2 * SECOND))
            return bisect_left(read, later(second, 2 * SECOND)) - first

        quietest = edge
        while near(edge) and edge > oldest:
            edge = earlier(edge, SECOND)
            quietest = min(quietest, edge, key=near)
        return quietest, len(read) - bisect_right(read, quietest), near(quietest)

    # Where sums differ

    def audit_is_due(self, now: datetime) -> bool:
        """Tell whether this is the first sync of its day, which compares every span."""
        audited = self._ledger.audited
        return audited is not None and day_of(audited) < day_of(now)

    def locate(self, *, everywhere: bool = False) -> list[Difference]:
        """Find the spans that differ, the latest first; neighbours that differ are one.

        Args:
            everywhere: compare every span, since differences may cancel each other.
        """
        ledger, edge = self._ledger, self._edge
        bounds = [bound for bound in ledger.boundaries() if bound < edge]
        bounds = [*(bounds or [self._since]), later(edge, SECOND)]
        counts: dict[int, int] = {len(bounds) - 1: 0}
        after = sum(start > edge for start in ledger.pending)

        def delivered(index: int) -> int:
            if index == len(bounds) - 1:
                return 0
            start = bounds[index]
            kept = sum(
                counted - had
                for span, had, counted in ledger.differs
                if span != EVERYTHING and span >= f"{start:%Y-%m-%d}"[: len(span)]
            )
            return ledger.counted_from(start) - after + kept

        def off(index: int) -> int:
            if index not in counts:
                counted = self._ask(bounds[index], edge)
                if counted is None:
                    self.doubt = messages.NO_TOTAL()
                counts[index] = counted or 0
            return counts[index] - delivered(index)

        def halves(low: int, high: int) -> list[int]:
            if off(low) == off(high):
                return []
            if high == low + 1:
                return [low]
            middle = (low + high) // 2
            return halves(middle, high) + halves(low, middle)

        last = len(bounds) - 1
        if everywhere:
            places = [index for index in reversed(range(last)) if off(index) != off(index + 1)]
        else:
            places = halves(0, last)
        return [
            Difference(
                bounds[index],
                bounds[index + 1],
                delivered(index) - delivered(index + 1),
                counts[index] - counts[index + 1],
            )
            for index in places
            if not any(
                off(index) - off(index + 1) == off(other + 1) - off(other)
                for other in (index - 1, index + 1)
                if other in places
            )
        ]

    def confirms(self, difference: Difference) -> bool:
        """Ask for a span by itself, with both its bounds; tell whether the API counts the same.

        A large count is asked for in halves as well, since a capped one is as large for a half.
        """
        start, end = difference.start, difference.end
        if self._ask(start, end - timedelta.resolution) != difference.counted:
            return False
        if difference.counted < LARGE:
            return True
        middle = whole_second(start + (end - start) / 2)
        halves = (start, middle), (middle, end)
        counts = [self._ask(low, high - timedelta.resolution) or 0 for low, high in halves]
        return sum(counts) <= difference.counted + NEAR_THE_MIDDLE
