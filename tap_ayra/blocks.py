"""Blocks: successive pages of one window, trusted only while they agree with each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tap_ayra.instants import whole_second
from tap_ayra.pages import Page, PageToken

if TYPE_CHECKING:
    from datetime import datetime

SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Block:
    """Up to `length` pages of a window.

    Attributes:
        start: the window's lower bound, as asked for.
        end: the window's upper bound, as asked for.
        length: after how many pages the block ends at the latest.
        due: how many pages the window is believed to have before the first answer says so.
        total: ``meta.total`` of the first page.
        ids: the conversations read so far.
    """

    start: datetime | None
    end: datetime | None
    length: int
    due: int = 1
    total: int | None = None
    ids: set[Any] = field(default_factory=set)

    def token(self, page: int = 1) -> PageToken:
        """What to ask for to get one of the pages."""
        return PageToken(self.start, self.end, page)

    def agrees(self, page: Page) -> bool:
        """Take in a page, unless its total differs from the first one's or an id comes again."""
        if self.total is None:
            self.total = page.total
        if page.total != self.total or not self.ids.isdisjoint(page.ids):
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
    """

    start: datetime
    end: datetime
    round: int = 0
    pages: int = 1
    total: int | None = None
    ids: set[Any] = field(default_factory=set)
    seen: set[Any] = field(default_factory=set)

    @classmethod
    def around(cls, start: datetime, limit: datetime | None) -> WideSecond:
        """The second of an instant, as far as a limit."""
        end = whole_second(start) + SECOND
        return cls(start, min(end, limit) if limit else end)

    @property
    def over(self) -> datetime:
        """The first instant after the second."""
        return whole_second(self.start) + SECOND

    def token(self, page: int = 1) -> PageToken:
        """What to ask for to get one of the pages, in this round's way of writing the window."""
        return PageToken(self.start, self.end, page, self.round)

    def is_steady(self, page: Page) -> bool:
        """Take in a page; False if the total changed in the middle of a round."""
        first = page.token.page == 1
        steady = first or page.total == self.total
        if page.total != self.total:
            self.total = page.total
            self.seen.clear()
        self.ids = page.ids if first else self.ids | page.ids
        self.seen |= page.ids
        self.pages = page.pages
        return steady

    @property
    def complete(self) -> bool:
        """Whether this round, or all of them together, showed as many as the API counts."""
        return self.total in {len(self.ids), len(self.seen)}

    def again(self) -> None:
        """Begin another round."""
        self.round += 1
        self.pages = 1
