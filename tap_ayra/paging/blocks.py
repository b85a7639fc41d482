"""Blocks: successive pages of one window, trusted only while they agree with each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tap_ayra.instants import later, whole_second
from tap_ayra.paging.page import Page, PageToken

if TYPE_CHECKING:
    from datetime import datetime

SECOND = timedelta(seconds=1)
ROUNDS = 5
IDLE_ROUNDS = 3
MOST_ROUNDS = 50


@dataclass(slots=True)
class Block:
    """Up to `length` pages of a window.

    Attributes:
        start: the window's lower bound, as asked for.
        end: the window's upper bound, as asked for.
        length: after how many pages the block ends at the latest.
        due: how many pages the window is believed to have before the first answer says so.
        again: how often this very window has been begun before.
        counts: ``meta.total`` and ``meta.per_page`` of the first page.
        ids: the conversations read so far.
    """

    start: datetime | None
    end: datetime | None
    length: int
    due: int = 1
    again: int = 0
    counts: tuple[int, int] | None = None
    ids: set[Any] = field(default_factory=set)

    def token(self, page: int = 1) -> PageToken:
        """What to ask for to get one of the pages."""
        return PageToken(self.start, self.end, page, self.again)

    def agrees(self, page: Page) -> bool:
        """Take in a page, unless its counts differ from the first page's or an id comes again."""
        if self.counts is None:
            self.counts = page.total, page.per_page
        if (page.total, page.per_page) != self.counts or not self.ids.isdisjoint(page.ids):
            return False
        self.ids |= page.ids
        self.due = page.pages
        return True


@dataclass(slots=True)
class WideSecond:
    """The window of one second that no block can pass, read in rounds until it is complete.

    It ends at the next whole second (or at the walk's own end), so that it is whole whether or
    not the API keeps fractions of a second in ``end_date``.

    Attributes:
        start: the window's lower bound, in the second concerned.
        end: the window's upper bound.
        round: how often it has been read to the end.
        pages: how many pages it has, by the last answer.
        total: ``meta.total`` of the last answer.
        ids: what this round has shown.
        seen: what all rounds have shown since the total last changed.
        idle: how many rounds have begun since one showed something new.
    """

    start: datetime
    end: datetime
    round: int = 0
    pages: int = 1
    total: int | None = None
    ids: set[Any] = field(default_factory=set)
    seen: set[Any] = field(default_factory=set)
    idle: int = 0

    @classmethod
    def around(cls, start: datetime, limit: datetime | None) -> WideSecond:
        """The second of an instant, as far as a limit."""
        end = later(whole_second(start), SECOND)
        return cls(start, min(end, limit) if limit else end)

    @property
    def over(self) -> datetime:
        """The first instant after the second."""
        return later(whole_second(self.start), SECOND)

    def token(self, page: int = 1) -> PageToken:
        """What to ask for to get one of the pages, in this round's way of writing the window."""
        return PageToken(self.start, self.end, page, self.round)

    def is_steady(self, page: Page) -> bool:
        """Take in a page; False if the total changed in the middle of a round."""
        known = len(self.seen)
        first = page.token.page == 1
        steady = first or page.total == self.total
        if page.total != self.total:
            self.total = page.total
            self.seen.clear()
        self.ids = page.ids if first else self.ids | page.ids
        self.seen |= page.ids
        self.pages = page.pages
        self.idle = 0 if len(self.seen) != known else self.idle
        return steady

    @property
    def complete(self) -> bool:
        """Whether this round, or all of them together, showed as many as the API counts."""
        return self.total in {len(self.ids), len(self.seen)}

    @property
    def hopeless(self) -> bool:
        """Whether enough rounds have been read, the last of them without anything new."""
        return self.round >= MOST_ROUNDS or (self.round >= ROUNDS and self.idle >= IDLE_ROUNDS)

    def again(self) -> None:
        """Begin another round."""
        self.round += 1
        self.idle += 1
        self.pages = 1
