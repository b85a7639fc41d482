"""What has been delivered against what exists, span by span; the difference is work."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from tap_ayra.instants import later, whole_second
from tap_ayra.messages import replication as messages
from tap_ayra.replication.differences import EVERYTHING, LARGE, Difference
from tap_ayra.replication.edge import SECOND
from tap_ayra.replication.spans import BEGINNING, day_name, day_of

if TYPE_CHECKING:
    from datetime import datetime

    from tap_ayra.messages import Text
    from tap_ayra.replication.edge import Edge
    from tap_ayra.replication.ledger import Ledger

NEAR_THE_MIDDLE = 10
"""How many conversations may count on both sides of the middle of a span."""


class Count(Protocol):
    """Asks the API how many conversations started within bounds, both ends included."""

    def __call__(self, start: datetime, end: datetime | None, *, again: int = 0) -> int | None:
        """Count; None where the API does not tell."""


class Reconciliation:
    """Compares the ledger with the API's counts at the end of a sync, and locates what differs.

    Attributes:
        edge: up to where spans are compared.
        api_count: how many conversations the API counted at the last comparison.
        doubt: why the API's counts are not believed; None while they are.
    """

    def __init__(
        self,
        ledger: Ledger,
        count: Count,
        edge: Edge,
        *,
        end: datetime | None = None,
    ) -> None:
        """Prepare for a comparison.

        Args:
            ledger: at the end of the sync's reading.
            count: asks the API.
            edge: up to where spans are compared.
            end: the setting ``end_date``.
        """
        self._ledger = ledger
        self._count = count
        self._end = end
        self.edge = edge
        self._asked = 0
        self._blur = 0
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
        counted = self._ask(self._since, self.edge.second)
        if counted is None:
            return False
        self.api_count = counted + self.edge.after
        difference = self.api_count - self._expected(ledger.total)
        self._blur = self._blur_of_the_edge() if difference else 0
        return 0 <= difference - self._blur <= undated

    def _ask(self, start: datetime, end: datetime | None) -> int | None:
        self._asked += 1
        return self._count(start, end, again=self._asked)

    def _expected(self, delivered: int) -> int:
        return delivered + sum(counted - kept for _, kept, counted in self._ledger.differs)

    def _blur_of_the_edge(self) -> int:
        """Count what the API leaves out at the edge though it was read; a number below 0.

        That is how an API shows whose ``end_date`` means "before", where no second is quiet.
        """
        edge = self.edge
        if not edge.near:
            return 0
        counted = self._ask(edge.oldest, edge.second) or 0
        missing = counted - edge.read_between(edge.oldest, edge.over)
        return missing if -edge.near <= missing < 0 else 0

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
        ledger, edge = self._ledger, self.edge.second
        bounds = [bound for bound in ledger.boundaries() if bound < edge]
        bounds = [*(bounds or [self._since]), later(edge, SECOND)]
        counts: dict[int, int] = {len(bounds) - 1: self._blur}

        def delivered(index: int) -> int:
            if index == len(bounds) - 1:
                return 0
            start = bounds[index]
            kept = sum(
                counted - had
                for span, had, counted in ledger.differs
                if span != EVERYTHING and span >= day_name(start)[: len(span)]
            )
            return ledger.counted_from(start) - self.edge.after + kept

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
