"""One sync of the transcripts: each is fetched once, when it can no longer change."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tap_ayra.instants import earlier, format_instant, later, parse_instant, whole_second
from tap_ayra.messages import plural
from tap_ayra.messages import transcripts as messages
from tap_ayra.replication.bookmark import RESTATED_BY
from tap_ayra.replication.recount import Recount
from tap_ayra.replication.spans import BEGINNING, day_name, day_of
from tap_ayra.streams.due import Due, Place
from tap_ayra.streams.fetching import NOUN, BudgetSpentError
from tap_ayra.streams.sync import neighbours
from tap_ayra.streams.transcripts_reading import NEVER, TranscriptsReading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_ayra.errors import TapAyraError


class TranscriptsSync(TranscriptsReading):
    """Reads, then what was set aside, then what the counts show missing; and says how it went."""

    # What was set aside

    def read_aside(self) -> Iterator[int]:
        """Fetch the transcripts of what was set aside and has settled since."""
        bookmark = self._bookmark
        if bookmark is None or self._spent:
            return
        try:
            for seconds in neighbours(self._aside):
                first, last = earlier(seconds[0], RESTATED_BY), later(seconds[-1], RESTATED_BY)
                walk = self._new_walk(first, last, self._walk.now)
                order = self._in_order(walk, NEVER)
                found = [due for due in order if self._was_set_aside(due)]
                for due in found:
                    if not due.settled:
                        self._wait_for(due)
                    elif due.has:
                        self._fetch(due, order)
                        self._count(due)
                still_open = {whole_second(due.start) for due in found if not due.settled}
                bookmark.aside -= set(seconds) - still_open
                yield self._keep()
        except BudgetSpentError:
            self._stop()
        else:
            self._memo.waiting = set(self._open)

    def _was_set_aside(self, due: Due) -> bool:
        behind = self._start is not None and due.start < self._start
        return due.id in self._memo.waiting or (behind and not due.settled)

    # What the counts show

    def reconcile(self) -> Iterator[int]:
        """Compare with the API's counts what has settled; fetch again the spans that differ."""
        if self._spent or self._settled is None:
            return
        since = self._ledger.since or BEGINNING
        self._settled_by = max(since, min(self._settled_by, self._limit()))
        self._read = list(self._near_the_end)
        try:
            self._resume()
            shown = [due.start for due in self._open.values() if due.has and due.start_time]
            self._ledger.pending += shown
            self._undated += len(self._open) - len(shown)  # which may show one by now
            yield from super().reconcile()
        except BudgetSpentError:
            self._stop()

    def _resume(self) -> None:
        """Go on reading a span again where the last sync was stopped."""
        try:
            end, start, key, fetched = self._memo.again
            place = Place(parse_instant(start), str(key), int(fetched))
            day, end = day_of(place.start), parse_instant(end)
        except (TypeError, ValueError):
            self._memo.again = []
            return
        since = self._ledger.since
        self._read_again(day if since is None else max(day, since), end, place)

    def _read_again(self, start: datetime, end: datetime, place: Place | None = None) -> int:
        """Fetch again what started from an instant until before another; count it anew."""
        self._tell_what_it_costs(start, end, place)
        recount = Recount(self._ledger, start, end, counted=place.fetched if place else 0)
        walk = self._new_walk(
            whole_second(place.start) if place else start,
            end - timedelta.resolution,
            self._walk.now,
        )
        order = self._in_order(walk, NEVER)
        for due in order:
            if place is not None and place.includes(due):
                continue
            if not due.settled:
                self._wait_for(due)
            elif due.has:
                self._fetch(due, order)
                recount.add([due.start])
                counted = recount.counted_on(due.start)
                self._memo.again = [format_instant(end), format_instant(due.start), due.id, counted]
            if self._is_time():
                self._keep()
        recount.finish()
        self._memo.again = []
        self._re_reads += 1 + walk.re_reads
        if walk.doubt is not None:
            self._completeness.reason = walk.doubt
        self._keep()
        return recount.found

    def _tell_what_it_costs(self, start: datetime, end: datetime, place: Place | None) -> None:
        first = place.start if place else start
        count = self._listing.count(first, end - timedelta.resolution) or 0
        self._fetching.due += count
        messages.FETCH_AGAIN(
            start=day_name(first),
            end=day_name(end - timedelta.resolution),
            transcripts=plural(count, NOUN),
            time=self._fetching.time(count),
        ).log(self._stream.logger)

    def _warn_of_other_filters(self) -> None:
        bookmark, ledger = self._bookmark, self._ledger
        if bookmark is None or bookmark.value is None:
            return
        count = self._listing.count(ledger.since or BEGINNING, bookmark.value) or 0
        messages.FILTERS_CHANGED(
            transcripts=plural(count, NOUN), time=self._fetching.time(count)
        ).log(self._stream.logger, logging.WARNING)

    # The end

    def conclude(self, failed: TapAyraError | None = None) -> None:
        """Say how many transcripts were fetched. See `ConversationsSync.conclude`."""
        fetching = self._fetching
        if failed is not None:
            self._keep()
        self._delivered, self._without = fetching.transcripts, fetching.without
        super().conclude(failed)

    @property
    def _counted(self) -> int:
        fetched, due = self._fetching.transcripts, self._fetching.due
        return fetched if self._completeness.complete else max(due, fetched)

    def _warn_of_stuck(self) -> None:
        """Nothing: the conversations' sync says it."""
