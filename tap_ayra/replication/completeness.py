"""Acts on what differs between the ledger and the API, and says what has been shown."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_ayra.instants import earlier
from tap_ayra.messages import plural
from tap_ayra.messages import replication as messages
from tap_ayra.patience import COMPARISONS
from tap_ayra.replication.differences import Difference, StandingDifferences, joined
from tap_ayra.replication.edge import SECOND
from tap_ayra.replication.spans import day_name, day_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tap_ayra.messages import Text
    from tap_ayra.replication.ledger import Ledger
    from tap_ayra.replication.reconcile import Reconciliation


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
        self._never_agrees = False
        self._standing = StandingDifferences(ledger, logger)

    def run(self, now: datetime, *, undated: int = 0) -> Completeness:
        """Compare, act on what differs and compare again, until nothing differs any more.

        Args:
            now: the API's clock.
            undated: how many conversations without a start time were read.
        """
        comparison, ledger, result = self._comparison, self._ledger, self._result
        standing = self._standing
        audit = comparison.audit_is_due(now)
        if audit:
            standing.forget_for_an_audit()
        for _ in range(COMPARISONS):
            agrees = comparison.agrees(undated=undated)
            if agrees and standing.confirm_the_loss():
                self._read.clear()
            elif agrees and not audit:
                break
            known = comparison.doubt is not None or standing.are_everywhere
            if known or not (agrees or standing.believe_the_loss(comparison.api_count or 0)):
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
        result.reason = comparison.doubt or standing.reason
        result.complete = agrees and result.reason is None
        return result

    # What differs

    def _act(self, differences: list[Difference]) -> None:
        gone: list[Difference] = []
        missing: list[Difference] = []
        for difference in differences:
            more = difference.counted > difference.delivered
            if self._was_read(difference):
                self._keep(difference)
            elif more or self._holds_pending(difference) or self._is_listed(difference):
                missing.append(difference)
            elif self._comparison.confirms(difference):
                gone.append(difference)
            else:
                self._comparison.doubt = messages.NOT_CONFIRMED(span=self._name(difference))
                return
        self._write_off(gone)
        for stretch in joined(missing):
            self._catch_up(stretch)
        if self._standing.too_many or self._never_agrees:
            self._standing.keep_all_as_one(self._comparison.api_count or 0)

    def _was_read(self, difference: Difference) -> bool:
        return any(start <= difference.start < end for start, end in self._read)

    def _holds_pending(self, difference: Difference) -> bool:
        reach = self._ledger.reach
        return reach is None or difference.end > reach

    def _is_listed(self, difference: Difference) -> bool:
        return self._name(difference) in self._standing.listed

    def _keep(self, difference: Difference) -> None:
        span = self._name(difference)
        self._never_agrees |= self._is_listed(difference)
        self._standing.keep(span, difference)

    def _name(self, difference: Difference) -> str:
        return self._ledger.span_of(difference.start)

    def _write_off(self, gone: list[Difference]) -> None:
        if not gone:
            return
        count = sum(each.delivered - each.counted for each in gone)
        self._result.deleted += count
        for each in gone:
            span, counts = self._name(each), self._ledger.counts
            self._standing.forget(span, span)
            pending = sum(each.start <= start < each.end for start in self._ledger.pending)
            day = day_name(each.start)  # a month that is being read again stands in days
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
        before = self._standing.delivered(name)
        self._standing.forget(name, last)
        end, beyond = self._beyond(stretch)
        found = self._read_again(stretch.start, end) - beyond
        if before == found != stretch.counted:
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
