"""One sync of the conversations: reading, what is set aside, what the counts show missing."""

from __future__ import annotations

import logging
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from tap_ayra.instants import earlier, later, whole_second
from tap_ayra.messages import Text, plural, replication
from tap_ayra.messages import output as messages
from tap_ayra.replication.bookmark import RESTATED_BY
from tap_ayra.replication.completeness import Amendment, Completeness
from tap_ayra.replication.edge import Edge
from tap_ayra.replication.reconcile import Reconciliation
from tap_ayra.replication.recount import Recount
from tap_ayra.replication.spans import BEGINNING
from tap_ayra.replication.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from tap_ayra.conversation import Row
    from tap_ayra.errors import TapAyraError


from tap_ayra.streams.reading import Reading

NAMED_AT_MOST = 10
"""Conversations that a warning names."""


class ConversationsSync(Reading):
    """Reads, then what is set aside, then what the counts show missing; and says how it went."""

    # What is set aside

    def read_aside(self) -> Iterator[int]:
        """Read the minute around each second in which a conversation was set aside before."""
        bookmark, settled = self._bookmark, self._settled
        if bookmark is None or settled is None:
            return
        for seconds in neighbours(self._aside):
            walk = self._new_walk(
                earlier(seconds[0], RESTATED_BY), later(seconds[-1], RESTATED_BY), self._walk.now
            )
            rows = [row for _ in self._listing.pages(walk) for row in walk.new]
            unsettled = list(settled.unsettled(rows))
            still_open = {whole_second(start) for _, start in unsettled}
            over = {second for second in seconds if second not in still_open}
            ids = {key for key, _ in unsettled}
            bookmark.aside -= over
            wanted = [row for row in rows if over or row.conversation.id in ids]
            self._deliver([row for row in wanted if not self._was_delivered(row)])
            yield self._keep()

    def _was_delivered(self, row: Row) -> bool:
        """Tell whether the window from the bookmark on held it; of its last second, by the id."""
        first, last = self._start or BEGINNING, self._settings.end_date
        return self._walk.knows(row.conversation.id) or (
            row.start is not None
            and first <= row.start
            and (last is None or row.start < whole_second(last))
        )

    # What the counts show

    def reconcile(self) -> Iterator[int]:
        """Compare what has been delivered with what exists, and read again what is missing."""
        if not self._settings.reconcile or self._settled is None or self._stream.is_test:
            return
        doubt = self._walk.doubt
        if self._stream.state_manager.looks_back_only:
            doubt = doubt or messages.LOOKS_BACK_ONLY()
        if doubt is not None:
            self._completeness = Completeness(reason=doubt)
            return
        ledger = self._ledger
        if self._stream.state_manager.emptied:
            self._warn_of_other_filters()
        floor = max(self._start or BEGINNING, ledger.since or BEGINNING)
        edge = Edge(self._read, settled_by=self._settled_by, floor=floor)
        comparison = Reconciliation(ledger, self._listing.count, edge, end=self._settings.end_date)
        amendment = Amendment(ledger, comparison, self._read_again, self._stream.logger)
        self._completeness = amendment.run(self._walk.now, undated=self._undated)
        self._api_count = comparison.api_count
        yield self._keep()

    def _read_again(self, start: datetime, end: datetime) -> int:
        """Read and deliver what started from an instant until before another; count it anew."""
        recount = Recount(self._ledger, start, end)
        walk = self._new_walk(start, end - timedelta.resolution, self._walk.now)
        position = start
        for _ in self._listing.pages(walk):
            starts = []
            for row in walk.new:
                position = row.start or position
                starts.append(position)
            self._deliver(walk.new)
            recount.add(starts)
            self._keep()
        recount.finish()
        self._re_reads += 1 + walk.re_reads
        if walk.doubt is not None:
            self._completeness.reason = walk.doubt
        return recount.found

    def _warn_of_other_filters(self) -> None:
        ledger, bookmark = self._ledger, self._bookmark
        if bookmark is None or bookmark.value is None:
            return
        count = self._listing.count(ledger.since or BEGINNING, bookmark.value) or 0
        replication.FILTERS_CHANGED(
            conversations=plural(count, "conversation"),
            requests=plural(-(-count // self._settings.page_size), "request"),
        ).log(self._stream.logger, logging.WARNING)

    # The end

    def conclude(self, failed: TapAyraError | None = None) -> None:
        """Say what has been shown, and send ACTIVATE_VERSION if nothing speaks against it.

        Raises:
            TapAyraError: if the sync is not shown to be complete and ``on_incomplete`` is ``fail``.
        """
        stream, result = self._stream, self._completeness
        if failed is not None:
            result = Completeness(reason=Text(str(failed).splitlines()[0].rstrip("."), failed.code))
        elif self._bookmark is not None and self._bookmark.is_in_future:
            result = Completeness(reason=messages.IN_FUTURE())
        verdict = Verdict(
            completeness=result,
            checked=self._settings.reconcile,
            counted=self._counted,
            delivered=self._delivered,
            ledger=self._ledger.total,
            api_count=self._api_count,
            requests=stream.client.requests - self._requests_before,
            re_reads=self._re_reads + self._walk.re_reads,
            bookmark=self._bookmark,
            without=self._without,
        )
        verdict.log(stream.logger, self._settings, stream=stream.name, noun=self.noun)
        self._warn_of_stuck()
        if failed is None:
            stream.activate_version(complete=result.complete)
            verdict.enforce(self._settings)

    @property
    def _counted(self) -> int:
        return self._walk.counted

    def _warn_of_stuck(self) -> None:
        settled = self._settled
        if settled is not None and settled.stuck:
            more = ", ..." * (len(settled.stuck) > NAMED_AT_MOST)
            replication.STUCK_OPEN(
                conversations=plural(len(settled.stuck), "conversation"),
                hours=self._settings.in_progress_limit.total_seconds() / 3600,
                ids=", ".join(islice(settled.stuck, NAMED_AT_MOST)) + more,
            ).log(self._stream.logger, logging.WARNING)


def neighbours(seconds: Iterable[datetime]) -> Iterator[list[datetime]]:
    """Group seconds whose minutes touch each other."""
    group: list[datetime] = []
    for second in sorted(seconds):
        if group and second - group[-1] > 2 * RESTATED_BY:
            yield group
            group = []
        group.append(second)
    if group:
        yield group
