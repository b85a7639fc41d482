"""How many conversations have been delivered, per day, and per month further back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_ayra.instants import earlier, format_instant, parse_instant, whole_second
from tap_ayra.replication.spans import (
    BEGINNING,
    DAY,
    MONTH_LENGTH,
    day_name,
    day_of,
    month_name,
    month_of,
    span_bounds,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


@dataclass(slots=True)
class Ledger:
    """Counts the distinct conversations delivered, by the span in which they started.

    A span is a day in UTC, or a whole month if it lies before the month that precedes the
    bookmark's. What started at or after the bookmark's second is `pending`: the next sync reads it
    again.

    Attributes:
        since: the earliest start time that has been asked for; None for all of history.
        asked: the ``start_date`` of the last sync.
        filters: a fingerprint of the filters.
        audited: when every span was last compared.
        counts: conversations per span, by ``2025-03`` or ``2026-11-23``.
        differs: spans that differ from the API's counts though they were read again: the span,
            what was delivered, what the API counts.
        reach: the bookmark's whole second; None while there is no bookmark.
        pending: the starts of conversations read in this sync at or after `reach`.
    """

    since: datetime | None = None
    asked: datetime | None = None
    filters: str = ""
    audited: datetime | None = None
    counts: dict[str, int] = field(default_factory=dict)
    differs: list[tuple[str, int, int]] = field(default_factory=list)
    reach: datetime | None = None
    pending: list[datetime] = field(default_factory=list)

    @classmethod
    def load(cls, value: Any, bookmark: datetime | None) -> Ledger | None:  # noqa: ANN401
        """Read a ledger from a state; None where the state has none that can be read."""
        try:
            (entry,) = value
            return cls(
                since=_instant(entry["since"]),
                asked=_instant(entry.get("asked")),
                filters=str(entry.get("filters", "")),
                audited=_instant(entry.get("audited")),
                counts={str(span): int(count) for span, count in entry["counts"].items()},
                differs=[(str(s), int(d), int(c)) for s, d, c in entry.get("differs", [])],
                reach=bookmark and whole_second(bookmark),
            )
        except (TypeError, ValueError, KeyError, AttributeError):
            return None

    def dump(self) -> list[dict[str, Any]]:
        """Write the ledger as it stands in a state."""
        return [
            {
                "since": _text(self.since),
                "asked": _text(self.asked),
                "filters": self.filters,
                "audited": _text(self.audited),
                "counts": dict(sorted(self.counts.items())),
                "differs": [list(entry) for entry in self.differs],
            }
        ]

    @property
    def total(self) -> int:
        """How many conversations have been delivered, those pending included."""
        return sum(self.counts.values()) + len(self.pending)

    # Spans

    @property
    def _first_day(self) -> datetime:
        """From where on spans are days."""
        return month_of(earlier(month_of(self.reach or BEGINNING), DAY))

    def reaches_past(self, bookmark: datetime) -> bool:
        """Tell whether more is counted than a bookmark covers: days that begin after it."""
        return any(span_bounds(span)[0] > bookmark for span in self.counts)

    def span_of(self, moment: datetime) -> str:
        """Name the span of a start time."""
        return day_name(moment) if moment >= self._first_day else month_name(moment)

    def span_start(self, moment: datetime) -> datetime:
        """Give the beginning of the span of a start time, not before `since`."""
        start = day_of(moment) if moment >= self._first_day else month_of(moment)
        return start if self.since is None else max(start, self.since)

    def boundaries(self) -> list[datetime]:
        """Give where spans begin in which something has been delivered, and what follows them."""
        found = {self.since or BEGINNING}
        for span in self.counts:
            start, end = span_bounds(span)
            found |= {max(start, self.since or BEGINNING), end}
        return sorted(found)

    def counted_from(self, moment: datetime) -> int:
        """Count what was delivered of what started at or after the beginning of a span."""
        name = day_name(moment)
        held = sum(
            count
            for span, count in self.counts.items()
            if span >= (name if len(span) == len(name) else name[: len(span)])
        )
        return held + sum(start >= moment for start in self.pending)

    # Delivering

    def add(self, starts: Iterable[datetime]) -> None:
        """Count conversations that have just been delivered."""
        starts = list(starts)
        if self.reach is None or not starts or min(starts) >= self.reach:
            self.pending += starts
            return
        self.pending += [start for start in starts if start >= self.reach]
        self._enter([start for start in starts if start < self.reach])

    def move(self, bookmark: datetime | None) -> None:
        """Follow the bookmark: what started before its second is pending no more."""
        if bookmark is None or (self.reach is not None and bookmark < self.reach):
            return
        reach = whole_second(bookmark)
        if reach == self.reach:
            return
        first_day, self.reach = self._first_day, reach
        passed = [start for start in self.pending if start < reach]
        if passed:
            self.pending = [start for start in self.pending if start >= reach]
            self._enter(passed)
        if self._first_day != first_day:
            self.roll_up()

    def _enter(self, starts: list[datetime]) -> None:
        if not starts:
            return
        first, last = self.span_of(min(starts)), self.span_of(max(starts))
        if first == last:
            self.counts[first] = self.counts.get(first, 0) + len(starts)
        else:
            for span, count in Counter(map(self.span_of, starts)).items():
                self.counts[span] = self.counts.get(span, 0) + count

    def roll_up(self) -> None:
        """Add days up to months where they lie far enough back."""
        edge = day_name(self._first_day)
        for span in [span for span in self.counts if len(span) > MONTH_LENGTH and span < edge]:
            month = span[:MONTH_LENGTH]
            self.counts[month] = self.counts.get(month, 0) + self.counts.pop(span)

    # Counting anew

    def empty(self, start: datetime | None = None) -> None:
        """Forget what was delivered from the beginning of a span on, since it is read again."""
        name = "" if start is None else day_name(start)

        def stays(span: str) -> bool:
            return span < (name if len(span) == len(name) else name[: len(span)])

        self.counts = {span: count for span, count in self.counts.items() if stays(span)}
        self.differs = [
            entry
            for entry in self.differs
            if stays(entry[0]) or (name and not entry[0][0].isdigit())  # of all spans together
        ]


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_instant(moment)
