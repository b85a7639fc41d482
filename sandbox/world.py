"""All the calls that the simulated API knows of."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from sandbox.call import FOREVER, Call
from sandbox.generate import CallCentre
from sandbox.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.clock import SandboxClock

__all__ = ["Call", "World"]

_START = attrgetter("start", "id")


class _Listing(NamedTuple):
    """What is listed from one moment until just before another, in order of start."""

    since: datetime
    before: datetime
    starts: list[datetime]
    calls: list[Call]


class World:
    """Calls in order of their start, listed as the clock says."""

    def __init__(self, clock: SandboxClock, calls: Iterable[Call] = ()) -> None:
        """Make a world of these calls, past, present and to come."""
        self.clock = clock
        self._lock = threading.RLock()
        self._calls: dict[str, Call] = {}
        self._sorted: list[Call] | None = None
        self._listing: _Listing | None = None
        self._begun = 0
        self.extend(calls)

    @classmethod
    def generate(  # noqa: PLR0913
        cls,
        clock: SandboxClock,
        *,
        seed: int = 0,
        count: int = 300,
        since: datetime | None = None,
        until: datetime | None = None,
        in_progress: int = 0,
        stuck: int = 0,
        odd_times: float = 0.0,
        corrected: float = 0.0,
        restated: float = 0.0,
        odd_transcripts: float = 0.0,
    ) -> Self:
        """Make a world that looks like a real call centre's.

        Args:
            clock: The world's clock.
            seed: The same seed gives the same calls.
            count: How many calls in all.
            since: When the first may start; 14 days before `until` if not given.
            until: When the last may start; the clock's time if not given.
            in_progress: How many of them are in progress at `until`.
            stuck: How many of them never end.
            odd_times: The share whose times are shown with fractions or an offset.
            corrected: The share whose sentiment and outcome change days later.
            restated: The share whose start is restated by up to a second when they end.
            odd_transcripts: The share whose transcript is empty, hours late, or never comes.
        """
        until = until or clock.now()
        centre = CallCentre(
            seed,
            odd_times=odd_times,
            corrected=corrected,
            restated=restated,
            odd_transcripts=odd_transcripts,
        )
        since = since or until - timedelta(days=14)
        return cls(clock, centre.calls(count, since, until, in_progress=in_progress, stuck=stuck))

    def __len__(self) -> int:
        """Return how many calls the world knows of, listed or not."""
        return len(self._calls)

    def __getitem__(self, call_id: str) -> Call:
        """Return the call with this id."""
        return self._calls[call_id]

    def get(self, call_id: str) -> Call | None:
        """Return the call with this id, if there is one."""
        return self._calls.get(call_id)

    def add(self, call: Call) -> Call:
        """Add a call, which need not have started."""
        with self._lock:
            in_order = self._sorted
            self.extend([call])
            if in_order is not None:  # sorting all of them anew takes milliseconds
                insort(in_order, call, key=_START)
                self._sorted = in_order
        return call

    def extend(self, calls: Iterable[Call]) -> None:
        """Add several calls."""
        with self._lock:
            for call in calls:
                if call.id in self._calls:
                    message = f"The world has a call {call.id} already."
                    raise ValueError(message)
                self._calls[call.id] = call
                call._on_change = self._changed
            self._changed()

    def remove(self, call_id: str) -> None:
        """Delete a call at the API, from now on."""
        self._calls[call_id].removed_at = self.clock.now()

    def begin(
        self,
        call_id: str | None = None,
        *,
        lasts: float | None = 180.0,
        processing: float = 20.0,
        **details: Any,
    ) -> Call:
        """Begin a call now.

        Args:
            call_id: Its id; a new one if not given.
            lasts: Seconds until it ends; None for a call that stays open.
            processing: Seconds from its end until its final values appear.
            details: Other fields of the call.
        """
        with self._lock:
            self._begun += 1
            call_id = call_id or f"conv_live{self._begun:06d}"
        start = self.clock.now()
        end = None if lasts is None else start + timedelta(seconds=lasts)
        processed_at = end and end + timedelta(seconds=processing)
        return self.add(Call(call_id, start, end, **{"processed_at": processed_at, **details}))

    def visible(self, now: datetime | None = None) -> list[Call]:
        """Return the calls listed at a moment, in order of start."""
        return list(self._listed(now or self.clock.now()).calls)

    def window(
        self, now: datetime, since: datetime | None = None, until: datetime | None = None
    ) -> Window:
        """Return the listed calls that start between two moments, both included."""
        listing = self._listed(now)
        first = 0 if since is None else bisect_left(listing.starts, since)
        last = len(listing.starts) if until is None else bisect_right(listing.starts, until)
        return Window(listing.calls, first, max(first, last))

    def rows(self, now: datetime | None = None) -> list[dict[str, Any]]:
        """Return the conversations as the API shows them at a moment, in order of start."""
        now = now or self.clock.now()
        return [call.as_json(now) for call in self._listed(now).calls]

    def final_rows(self) -> list[dict[str, Any]]:
        """Return all conversations in their last form, in order of start.

        Calls to come are among them, calls that are ever removed are not. Calls that never end
        are shown as of now.
        """
        now = self.clock.now()
        moments = [(call, FOREVER if call.end else now) for call in self._in_order()]
        moments.sort(key=lambda each: each[0].start_at(each[1]))
        return [call.as_json(moment) for call, moment in moments if call.removed_at is None]

    def counts(self, now: datetime | None = None) -> dict[str, int]:
        """Return how many listed calls have each status."""
        now = now or self.clock.now()
        return dict(Counter(str(call.row(now)["status"]) for call in self._listed(now).calls))

    def _changed(self) -> None:
        with self._lock:
            self._sorted = None
            self._listing = None

    def _in_order(self) -> list[Call]:
        with self._lock:
            if self._sorted is None:
                self._sorted = sorted(self._calls.values(), key=_START)
            return self._sorted

    def _listed(self, now: datetime) -> _Listing:
        # Kept until a call appears or goes: paging through 100,000 calls must not look at all
        # of them for every page.
        listing = self._listing
        if listing is None or not listing.since <= now < listing.before:
            with self._lock:
                listing = self._listing = self._list(now)
        return listing

    def _list(self, now: datetime) -> _Listing:
        before = FOREVER
        calls = []
        restated = False
        for call in self._in_order():
            appears = call.visible_from or call.start
            if call.restated_start is not None:
                restated = True
                if call.restated_from > now:
                    before = min(before, call.restated_from)
            if appears > now:
                before = min(before, appears)
            elif call.removed_at is None:
                calls.append(call)
            elif call.removed_at > now:
                before = min(before, call.removed_at)
                calls.append(call)
        if restated:
            calls.sort(key=lambda call: (call.start_at(now), call.id))
            return _Listing(now, before, [call.start_at(now) for call in calls], calls)
        return _Listing(now, before, [call.start for call in calls], calls)
