"""Reading: conversations from a lower bound on, delivered page by page, and the books kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_ayra.instants import earlier, whole_second
from tap_ayra.output.progress import Progress
from tap_ayra.paging.walk import LONGEST_BLOCK, ConversationsPaginator
from tap_ayra.replication.completeness import Completeness
from tap_ayra.replication.edge import NEAR, SECOND
from tap_ayra.replication.ledger import Ledger
from tap_ayra.replication.settled import Settled
from tap_ayra.replication.spans import BEGINNING
from tap_ayra.streams.forecast import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from tap_ayra.conversation import Row
    from tap_ayra.replication.bookmark import Bookmark
    from tap_ayra.streams.conversations import Conversations
    from tap_ayra.streams.listing import Listing


class Reading:
    """Reads the list from a lower bound on, and keeps the books while it does.

    Attributes:
        noun: what is delivered.
    """

    noun = "conversation"

    def __init__(
        self,
        stream: Conversations,
        listing: Listing,
        *,
        start: datetime | None,
        anew: datetime | None,
    ) -> None:
        """Begin a sync.

        Args:
            stream: whose records are delivered and whose state is kept.
            listing: what is read.
            start: the lower bound; None for all of history.
            anew: from where on what is read counts anew; None for the bookmark.
        """
        self._stream = stream
        self._listing = listing
        self._settings = stream.settings
        self._walk = self._new_walk(start, self._settings.end_date)
        self._anew = anew
        self._start = start
        self._progress = Progress(stream.logger, self.noun)
        self._delivered = self._kept = self._re_reads = 0
        self._api_count: int | None = None
        self._without: int | None = None
        self._aside: set[datetime] = set()
        self._behind: set[datetime] = set()
        self._requests_before = stream.client.requests
        self._bookmark: Bookmark | None = None
        self._ledger = stream.state_manager.ledger or Ledger(since=start)
        self._settled: Settled | None = None
        self._undated = 0
        self._read: list[datetime] = []
        self._completeness = Completeness()

    def _new_walk(
        self, start: datetime | None, end: datetime | None, now: datetime | None = None
    ) -> ConversationsPaginator:
        return ConversationsPaginator(
            start=start,
            end=end,
            settling=self._settings.settling,
            longest_block=LONGEST_BLOCK if self._settings.concurrency > 1 else 1,
            now=now,
        )

    def close(self) -> None:
        """Take the live line away, however the sync ends."""
        self._progress.close()

    # Reading

    def read(self) -> Iterator[int]:
        """Walk from the lower bound to now, or to ``end_date``."""
        walk, stream, bookmark = self._walk, self._stream, self._bookmark
        for _ in self._listing.pages(walk):
            if walk.count == 1:
                bookmark = self._begin(walk.now)
                if walk.doubt is None:
                    self._forecast_reading()
            self._deliver(walk.new)
            starts = [row.start for row in walk.new if row.start is not None]
            self._undated += len(walk.new) - len(starts)
            if not stream.state_manager.looks_back_only:
                self._ledger.add(
                    starts if self._anew is None else [s for s in starts if s >= self._anew]
                )
            if starts and starts[-1] > self._near:
                self._read += [start for start in starts if start > self._near]
            if bookmark is not None:
                bookmark.advance(max(starts, default=None))
                bookmark.aside -= self._behind if walk.finished else set()
            elif starts:  # FULL_TABLE: what has been counted need not be remembered
                self._ledger.move(starts[-1])
            self._progress.page(len(walk.new), walk.counted, stream.client.limiter.remaining)
            yield self._keep()

    def _forecast_reading(self) -> None:
        client, settings = self._stream.client, self._settings
        reading(
            self._start,
            settings.end_date,
            self._walk.counted,
            page_size=settings.page_size,
            limit=client.limiter.limit,
        ).log(self._stream.logger)

    def _begin(self, now: datetime) -> Bookmark | None:
        settings, stream = self._settings, self._stream
        self._settled = Settled(now, settings.settling, settings.in_progress_limit)
        self._settled_by = self._settled.ended_by
        if settings.end_date is not None:
            self._settled_by = min(self._settled_by, settings.end_date)
        self._near = earlier(self._settled_by, NEAR + SECOND)
        if stream.incremental:
            self._bookmark = stream.state_manager.begin(now, settings)
            start = self._start or BEGINNING
            end = whole_second(settings.end_date or now)  # part of which may lie past it
            inside = {s for s in self._bookmark.aside if start <= s < end}  # read anyway
            self._aside = self._bookmark.aside - inside
            self._behind = {s for s in inside if s < whole_second(self._bookmark.value or now)}
            self._bookmark.aside -= inside - self._behind  # these until they have been read
        return self._bookmark

    def _deliver(self, rows: Sequence[Row]) -> None:
        if self._settled is None:
            return
        unsettled = list(self._settled.unsettled(rows))
        if self._bookmark is not None:
            self._bookmark.hold(unsettled)
            self._behind -= {whole_second(start) for _, start in unsettled}
        self._stream.deliver(rows)
        self._delivered += len(rows)

    def _keep(self) -> int:
        """Take what has been delivered into the state and write it; say how much that was."""
        self._stream.state_manager.keep()
        self._stream.write_state()
        new, self._kept = self._delivered - self._kept, self._delivered
        return new
