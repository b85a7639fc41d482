"""Reading along the list: the transcript of each conversation that has settled."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tap_ayra.instants import earlier, whole_second
from tap_ayra.messages import transcripts as messages
from tap_ayra.replication.completeness import Completeness
from tap_ayra.replication.edge import NEAR, SECOND
from tap_ayra.replication.spans import BEGINNING
from tap_ayra.streams.due import Due, Kept, Place
from tap_ayra.streams.fetching import NOUN, BudgetSpentError, Fetching
from tap_ayra.streams.in_order import InOrder
from tap_ayra.streams.sync import ConversationsSync

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_ayra.conversation import Row
    from tap_ayra.paging.walk import ConversationsPaginator
    from tap_ayra.streams.listing import Listing
    from tap_ayra.streams.transcripts import TranscriptMessages

MOST_BETWEEN_STATES = 50
MOST_PASSED = 500
"""Conversations between two STATEs where few have a transcript."""

NEVER = datetime.max.replace(tzinfo=UTC)


class TranscriptsReading(ConversationsSync):
    """Walks the list of conversations, and fetches the transcript of each one that has settled.

    Attributes:
        noun: what is delivered.
    """

    noun = NOUN
    _stream: TranscriptMessages

    def __init__(
        self,
        stream: TranscriptMessages,
        listing: Listing,
        *,
        start: datetime | None,
        anew: datetime | None,
    ) -> None:
        """Begin a sync. See `ConversationsSync`."""
        super().__init__(stream, listing, start=start, anew=anew)
        self._fetching = Fetching(stream)
        self._memo = Kept()
        if stream.incremental:
            keeper = stream.state_manager
            self._memo = Kept.load(stream.stream_state, keeper.began_with)
            if keeper.emptied:
                self._memo.again = []
        self._open: dict[str, Due] = {}
        self._near_the_end: deque[datetime] = deque()
        self._in_state = self._passed = 0
        self._spent = False

    def close(self) -> None:
        """Let the threads end that fetch transcripts, and take the live line away."""
        self._fetching.close()

    # Reading

    def read(self) -> Iterator[int]:
        """Fetch, in order, what has settled since the last sync, up to what still holds it back."""
        order = self._in_order(self._walk)
        done: frozenset[str] | None = None
        try:
            for due in order:
                if done is None:
                    done = self._done([due, *order.ready])
                    self._forecast(due, order, done)
                self._pass(due, order, done)
                if self._is_time():
                    yield self._keep()
        except BudgetSpentError:
            self._stop()
            return
        for due in order.rest:  # past the limit: the counts include it
            if due.has:
                self._count(due)
        yield self._keep()

    def _in_order(self, walk: ConversationsPaginator, limit: datetime | None = None) -> InOrder:
        return InOrder(
            self._judged(walk),
            limit=self._limit if limit is None else lambda: limit,
            ahead=2 * self._stream.workers,
        )

    def _limit(self) -> datetime:
        return NEVER if self._bookmark is None else self._bookmark.limit

    def _judged(self, walk: ConversationsPaginator) -> Iterator[list[Due]]:
        for _ in self._listing.pages(walk):
            if self._settled is None:
                self._begin(walk.now)
            yield self._judge(walk.new)

    def _judge(self, rows: Sequence[Row]) -> list[Due]:
        if self._settled is None:
            return []
        unsettled = list(self._settled.unsettled(rows))
        if self._bookmark is not None:
            self._bookmark.hold(unsettled)
        open_ids = {key for key, _ in unsettled}
        found = []
        start = self._start or BEGINNING
        for conversation, known_start, _, _ in rows:
            start = known_start or start
            found.append(
                Due(
                    start,
                    conversation.id,
                    conversation.start_time if known_start else None,
                    conversation.has_transcript is True,
                    conversation.id not in open_ids,
                )
            )
        return found

    def _done(self, first: list[Due]) -> frozenset[str]:
        """Find what the last sync fetched of the bookmark's second; nothing if it has changed."""
        place = self._memo.place
        if place is None:
            return frozenset()
        done = frozenset(
            due.id
            for due in first
            if due.wanted and place.includes(due)
            if due.id not in self._memo.waiting
        )
        if len(done) == place.fetched:
            return done
        self._memo.place = Place(whole_second(place.start), "", 0)
        return frozenset()

    def _forecast(self, due: Due, order: InOrder, done: frozenset[str]) -> None:
        if self._walk.finished:
            rest = (each for each in order.rest if each.start <= self._limit())
            count = sum(e.wanted and e.id not in done for e in [due, *order.ready, *rest])
        else:
            end = min(self._limit(), self._walk.now)
            counted = self._listing.count(self._start or BEGINNING, end) or 0
            count = max(0, counted - len(done))
        self._fetching.forecast(count)

    def _pass(self, due: Due, order: InOrder, done: frozenset[str]) -> None:
        self._passed += 1
        if due.wanted:
            if due.id not in done:
                self._fetch(due, order, done)
            self._count(due)
        elif not due.settled:
            self._wait_for(due)
        if self._bookmark is None:
            self._ledger.move(due.start)
            return
        self._bookmark.advance(due.start)
        place = self._memo.place or Place(due.start, "", 0)
        if not place.includes(due):
            self._memo.place = place.after(due)

    def _fetch(self, due: Due, order: InOrder, done: frozenset[str] = frozenset()) -> None:
        following = (each for each in order.ready if each.wanted and each.id not in done)
        self._fetching.deliver(due, following)
        self._memo.waiting.discard(due.id)

    def _count(self, due: Due) -> None:
        """Count a conversation with a transcript, and remember it as long as it may matter."""
        if due.start_time is None:
            self._undated += 1
            return
        self._ledger.add([due.start])
        near = self._near_the_end
        near.append(due.start)
        oldest = earlier(min(self._limit(), due.start), NEAR + SECOND)
        while near[0] < oldest:
            near.popleft()

    def _wait_for(self, due: Due) -> None:
        """Note a conversation that is set aside: its transcript follows when it has settled."""
        self._open[due.id] = due
        self._memo.waiting.add(due.id)

    # What is kept

    def _is_time(self) -> bool:
        """Tell whether a STATE is due."""
        fetched = self._fetching.transcripts - self._in_state
        return fetched >= MOST_BETWEEN_STATES or self._passed >= MOST_PASSED

    def _keep(self) -> int:
        fetching = self._fetching
        self._in_state, self._passed = fetching.transcripts, 0
        self._stream.state_manager.keep(**self._memo.dump())
        self._stream.write_state()
        new, self._kept = fetching.messages - self._kept, fetching.messages
        return new

    def _stop(self) -> None:
        """Stop at ``transcripts_per_sync``; the next sync goes on from there."""
        self._spent = True
        limit = self._settings.transcripts_per_sync or 0
        self._completeness = Completeness(reason=messages.BUDGET_SPENT(limit=limit))
        self._keep()
