"""Blocks: successive pages of one window, trusted only while they agree with each other."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from tap_ayra.instants import earlier, later, whole_second
from tap_ayra.messages import paging as messages
from tap_ayra.paging.token import PageToken
from tap_ayra.patience import IDLE_ROUNDS, MOST_ROUNDS, ROUNDS

if TYPE_CHECKING:
    from datetime import datetime

    from tap_ayra.messages import Message
    from tap_ayra.paging.page import Page

SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Block:
    """Up to `length` pages of a window, whose lower bound is asked for one second early.

    Attributes:
        start: the window's lower bound, a whole second; what lies before it is not wanted.
        end: the window's upper bound.
        length: after how many pages the block ends at the latest.
        due: how many pages the window is believed to have before the first response says so.
        again: how often this very window has been begun before.
        whole: whether it is the window of one second, read in rounds until it is complete.
        total: ``meta.total`` of the first page; of the last one if `whole`.
        per_page: ``meta.per_page`` of the first page.
        ids: the conversations listed so far, those before `start` included.
        starts: when they started, in order of the second; those without a start left out.
        undated: how many have no start time.
        rounds: how many rounds have been read.
        idle: how many rounds have begun since one showed something new.
    """

    start: datetime | None
    end: datetime | None
    length: int
    due: int = 1
    again: int = 0
    whole: bool = False
    total: int | None = None
    per_page: int = 0
    ids: set[str] = field(default_factory=set)
    starts: list[datetime] = field(default_factory=list)
    undated: int = 0
    rounds: int = 0
    idle: int = 0

    @classmethod
    def around(cls, second: datetime, limit: datetime | None, again: int) -> Block:
        """Make the window of one second, as far as a limit."""
        end = later(whole_second(second), SECOND)
        return cls(second, min(end, limit) if limit else end, 1, again=again, whole=True)

    def token(self, page: int = 1) -> PageToken:
        """What to ask for to get one of the pages."""
        start = None if self.start is None else earlier(self.start, SECOND)
        return PageToken(start, self.end, page, self.again)

    def disagrees(self, page: Page) -> Message | None:
        """Compare a page with those before it and take it in; say why if it contradicts them."""
        if self.total is None:
            self.total, self.per_page = page.total, page.per_page
        elif (page.total, page.per_page) != (self.total, self.per_page):
            return messages.TOTAL_CHANGED
        again = self.ids.intersection(page.ids)
        if again and any(  # the order of what comes before the start shifts nothing after it
            row.start is None or self.start is None or row.start >= self.start
            for row in page.rows
            if row.conversation.id in again
        ):
            return messages.SHOWN_AGAIN
        self.take(page)
        return None

    def take(self, page: Page) -> None:
        """Take a page in."""
        self.ids.update(page.ids)
        self.starts += page.starts
        self.undated += len(page.rows) - len(page.starts)
        self.due = page.pages

    def precedes(self, page: Page) -> bool:
        """Tell whether the first page of the next block of the window fits the counts of this one.

        The total must have fallen by as many conversations as this block listed before the first
        one of that page; which of several that started in one second comes first is left open.
        """
        if self.total is None:
            return True
        between = self.total - page.total
        if not page.starts:
            return len(self.starts) <= between <= len(self.starts) + self.undated
        first = whole_second(page.starts[0])
        least = bisect_left(self.starts, first)
        most = bisect_left(self.starts, later(first, SECOND))
        return least <= between <= max(most - 1, least) + self.undated

    def left(self, anchor: datetime | None) -> int:
        """Estimate how many pages a next block has that begins at an instant."""
        if anchor is None or self.total is None:
            return 1
        listed = bisect_left(self.starts, earlier(anchor, SECOND))
        return max(1, -(-(self.total - listed) // self.per_page))

    # The window of one second

    def round(self, page: Page) -> bool:
        """Take in a page of a round; tell whether the total stayed as it was within the round."""
        steady = page.token.page == 1 or page.total == self.total
        if page.total != self.total:
            self.total = page.total
            self.ids.clear()
        known = len(self.ids)
        self.take(page)
        self.starts.clear()
        if len(self.ids) != known:
            self.idle = 0
        return steady

    @property
    def complete(self) -> bool:
        """Whether the rounds together showed as many conversations as the API counts."""
        return self.total == len(self.ids)

    @property
    def exhausted(self) -> bool:
        """Whether enough rounds have been read, the last of them without anything new."""
        return self.rounds >= MOST_ROUNDS or (self.rounds >= ROUNDS and self.idle >= IDLE_ROUNDS)

    def begin_round(self) -> None:
        """Begin another round."""
        self.again += 1
        self.rounds += 1
        self.idle += 1
        self.due = 1
