"""Acts on what differs between the ledger and the API, and says what has been shown."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_ayra.instants import earlier
from tap_ayra.messages import plural
from tap_ayra.messages import replication as messages
from tap_ayra.patience import COMPARISONS
from tap_ayra.replication.edge import SECOND
from tap_ayra.replication.ledger import day_of
from tap_ayra.replication.reconcile import EVERYTHING, LARGE, MOST_DIFFERENT, Difference, joined

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tap_ayra.messages import Text
    from tap_ayra.replication.ledger import Ledger
    from tap_ayra.replication.reconcile import Reconciliation

DOUBTED = "?"
"""The span under which a large loss is kept until a second sync confirms it."""


@dataclass(slots=True)
class Completeness:
    """What a comparison has shown.

    Attributes:
        complete: whether nothing that the API shows is missing.
        reason: why it is not shown; None if complete.
        late: how many conversations were found by reading spans again.
        deleted: how many have gone at the API since they were delivered.
    """

    complete: bool = False
    reason: Text | None = None
    late: int = 0
    deleted: int = 0


class Amendment:
    """Reads again what the API has and the ledger lacks, and writes off what has gone."""

    def __init__(
        self,
        ledger: Ledger,
        comparison: Reconciliation,
        read_again: Callable[[datetime, datetime], int],
        logger: logging.Logger,
    ) -> None:
        """Prepare to act.

        Args:
            ledger: at the end of the sync's reading.
            comparison: of the ledger with the API's counts.
            read_again: reads and delivers what started from an instant until before another, counts
                it anew, and says how many there were.
            logger: where what happens is logged.
        """
        self._ledger = ledger
        self._comparison = comparison
        self._read_again = read_again
        self._logger = logger
        self._read: list[tuple[datetime, datetime]] = []
        self._result = Completeness()
        self._loss_confirmed = False
        self._never_agrees = False
        #: Spans in which the last sync found more than the API counts: it is worth a second look.
        self._listed = {span for span, delivered, counted in ledger.differs if delivered > counted}
        self._listed -= {EVERYTHING, DOUBTED}
        ledger.differs[:] = [entry for entry in ledger.differs if entry[0] not in self._listed]

    def run(self, now: datetime, *, undated: int = 0) -> Completeness:
        """Compare, act on what differs and compare again, until nothing differs any more.

        Args:
            now: the API's clock.
            undated: how many conversations without a start time were read.
        """
        comparison, ledger, result = self._comparison, self._ledger, self._result
        audit = comparison.audit_is_due(now)
        if audit:  # what differed is worth another look once a day
            ledger.differs[:] = [entry for entry in ledger.differs if entry[0] == DOUBTED]
        for _ in range(COMPARISONS):
            agrees = comparison.agrees(undated=undated)
            if agrees and not self._believes_the_loss() and not audit:
                break
            if comparison.doubt is not None or self._is_known_to_be_inexact(audit=audit):
                break
            if not agrees and self._doubts_the_loss():
                break
            differences = comparison.locate(everywhere=audit)
            if audit:
                audit, ledger.audited = False, now
            if not differences and not agrees:
                comparison.doubt = messages.NOT_LOCATED()
            if not differences or comparison.doubt is not None:
                break
            self._act(differences)
        else:
            agrees = comparison.agrees(undated=undated)
        if ledger.audited is None:
            ledger.audited = now
        result.reason = comparison.doubt or self._what_differs()
        result.complete = agrees and result.reason is None
        return result

    def _what_differs(self) -> Text | None:
        for span, delivered, counted in self._ledger.differs:
            if span == DOUBTED:
                return messages.LARGE_LOSS(delivered=f"{delivered:,}", counted=f"{counted:,}")
            if span == EVERYTHING:
                return messages.NOT_LOCATED()
            return messages.DIFFERS(span=span, delivered=f"{delivered:,}", counted=f"{counted:,}")
        return None

    # A loss that is too large to be believed at once; counts that never agree

    def _kept(self, span: str) -> tuple[str, int, int] | None:
        return next((entry for entry in self._ledger.differs if entry[0] == span), None)

    def _believes_the_loss(self) -> bool:
        """Forget the doubt of the last sync in a loss that this one finds again."""
        entry = self._kept(DOUBTED)
        if entry is not None:
            self._ledger.differs.remove(entry)
            self._read.clear()
            self._loss_confirmed = True
        return entry is not None

    def _doubts_the_loss(self) -> bool:
        entry, ledger = self._kept(DOUBTED), self._ledger
        if entry is not None:
            ledger.differs.remove(entry)
        total, counted = ledger.total, self._comparison.api_count or 0
        if self._loss_confirmed or total < LARGE or counted * 2 >= total:
            return False
        ledger.differs.append((DOUBTED, total, counted))
        messages.LARGE_LOSS(delivered=f"{total:,}", counted=f"{counted:,}").log(
            self._logger, logging.WARNING
        )
        return True

    def _is_known_to_be_inexact(self, *, audit: bool) -> bool:
        """Tell whether nothing is worth locating until the next audit."""
        entry = self._kept(EVERYTHING)
        if entry is not None and audit:
            self._ledger.differs.remove(entry)
        return entry is not None and not audit

    # What differs

    def _act(self, differences: list[Difference]) -> None:
        gone: list[Difference] = []
        missing: list[Difference] = []
        for difference in differences:
            more = difference.counted > difference.delivered
            if self._was_read(difference):
                self._keep(difference)
            elif more or self._holds_pending(difference) or self._name(difference) in self._listed:
                missing.append(difference)
            elif self._comparison.confirms(difference):
                gone.append(difference)
            else:
                self._comparison.doubt = messages.NOT_CONFIRMED(span=self._name(difference))
                return
        self._write_off(gone)
        for stretch in joined(missing):
            self._catch_up(stretch)
        differs = self._ledger.differs
        if len(differs) > MOST_DIFFERENT or self._never_agrees:
            counted = self._comparison.api_count or 0
            differs[:] = [(EVERYTHING, self._ledger.total, counted)]

    def _was_read(self, difference: Difference) -> bool:
        return any(start <= difference.start < end for start, end in self._read)

    def _holds_pending(self, difference: Difference) -> bool:
        reach = self._ledger.reach
        return reach is None or difference.end > reach

    def _keep(self, difference: Difference) -> None:
        span = self._name(difference)
        self._forget(span)
        if span in self._listed:
            self._never_agrees = True
        kept = span, difference.delivered, difference.counted
        self._ledger.differs.append(kept)
        messages.DIFFERS(
            span=span, delivered=f"{difference.delivered:,}", counted=f"{difference.counted:,}"
        ).log(self._logger, logging.WARNING)

    def _forget(self, span: str) -> None:
        self._ledger.differs[:] = [entry for entry in self._ledger.differs if entry[0] != span]

    def _name(self, difference: Difference) -> str:
        return self._ledger.span_of(difference.start)

    def _write_off(self, gone: list[Difference]) -> None:
        if not gone:
            return
        count = sum(each.delivered - each.counted for each in gone)
        self._result.deleted += count
        for each in gone:
            span, counts = self._name(each), self._ledger.counts
            self._forget(span)
            pending = sum(each.start <= start < each.end for start in self._ledger.pending)
            day = f"{each.start:%Y-%m-%d}"  # a month that is being read again stands in days
            _, beyond = self._beyond(each)
            counts[day if day in counts else span] = max(0, each.counted - pending) + beyond
        messages.DELETED(
            conversations=plural(count, "conversation"),
            spans=", ".join(sorted(map(self._name, gone))),
        ).log(self._logger, logging.WARNING)

    def _catch_up(self, stretch: Difference) -> None:
        name, last = self._name(stretch), self._ledger.span_of(earlier(stretch.end, SECOND))
        span = name if name == last else f"{name} to {last}"
        messages.SPAN_AGAIN(
            span=span, counted=f"{stretch.counted:,}", delivered=f"{stretch.delivered:,}"
        ).log(self._logger)
        before = {span: delivered for span, delivered, _ in self._ledger.differs}
        self._ledger.differs[:] = [
            entry for entry in self._ledger.differs if not name <= entry[0] <= last
        ]
        end, beyond = self._beyond(stretch)
        found = self._read_again(stretch.start, end) - beyond
        if before.get(name) == found != stretch.counted:
            self._never_agrees = True
        self._read.append((stretch.start, end))
        self._result.late += max(0, found - stretch.delivered)
        self._result.deleted += max(0, stretch.delivered - found)

    def _beyond(self, difference: Difference) -> tuple[datetime, int]:
        """Say how far the last day is counted past the edge, and how many this sync read there."""
        end, reach = difference.end, self._ledger.reach
        if reach is None or day_of(end) == end:  # the end of a span
            return end, 0
        return max(end, reach), self._comparison.edge.read_between(end, max(end, reach))
