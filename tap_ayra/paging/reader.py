"""Reads a window in blocks of pages: which page is next, and which are thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_ayra.instants import later
from tap_ayra.messages import paging as messages
from tap_ayra.paging.blocks import SECOND, Block
from tap_ayra.paging.frontier import Frontier

if TYPE_CHECKING:
    from datetime import datetime

    from tap_ayra.messages import Message, Text
    from tap_ayra.paging.page import Page
    from tap_ayra.paging.token import PageToken

STRIKES = 3
"""How often in a row totals may disagree before they are not believed any more."""


class BlockReader:
    """Chooses the next page by the last: another of its block, or the first of a new block.

    Attributes:
        front: what has been accepted, and where the next block begins.
        windows: the upper bounds that are still to be read up to.
        is_first: whether the page being judged is the walk's first.
        re_reads: how often pages were thrown away or a second had to be read again.
        re_read: why the page last taken was thrown away; None if it was not.
        doubt: why counts are not believed; None while they are.
    """

    def __init__(
        self, start: datetime | None, end: datetime | None, longest_block: int, length: int
    ) -> None:
        """Begin with the first page of a window.

        Args:
            start: the lower bound.
            end: the upper bound; None for none.
            longest_block: how many pages a block may have.
            length: how many the first one has.
        """
        self.front = Frontier(start, end)
        self.windows: list[datetime] = []
        self.is_first = True
        self.re_reads = 0
        self.re_read: Text | None = None
        self.doubt: Text | None = None
        self.block = Block(self.front.anchor, end, length)
        self._end = end
        self._longest = self._length = longest_block
        self._last: Block | None = None
        self._strikes = 0

    def take(self, page: Page) -> PageToken | None:
        """Judge the response to what was asked for last, and choose what to ask for next.

        Returns:
            The next page; None where no window is left.
        """
        self.front.new = []
        self.re_read = None
        if page.doubt is not None:
            self._disbelieve(page.doubt)
        chosen = self._judge(page, self.block)
        if chosen == page.token:  # as the API would serve it from its cache
            self.block.again += 1
            chosen = self.block.token(chosen.page)
        self.is_first = False
        return chosen

    def _disbelieve(self, problem: Text) -> None:
        self._longest = 1
        self.doubt = self.doubt or problem

    def _judge(self, page: Page, block: Block) -> PageToken | None:
        if page.refused:
            return self._after_refusal(page, block)
        if block.whole:
            return self._after_round(page, block)
        if self.doubt is not None:
            repeated = block.ids.issuperset(row.conversation.id for row in page.rows)
            block.take(page)
            self.front.accept(page, block.start)
            return self._after_uncounted(page, block, stuck=page.token.page > 1 and repeated)
        if page.token.page == 1 and self._last is not None:
            if not self._last.precedes(page):
                return self._after_disagreement(page, block, self._last)
            self._strikes = max(0, self._strikes - 1)
        problem = block.disagrees(page)
        if problem is None and self.front.has_missed(page, block):
            problem = messages.UNREAD_BEFORE
        if problem is not None:
            return self._throw_away(problem, page, block)
        self.front.accept(page, block.start)
        return self._after_counted(page, block)

    # What follows a page that was accepted

    def _after_counted(self, page: Page, block: Block) -> PageToken | None:
        number, last = page.token.page, page.token.page >= page.pages
        if last and number == 1 and (not page.full or self.is_first):
            return self._end_window()
        if number < block.length and not last:
            return block.token(number + 1)
        if self.front.anchor != block.start:
            return self._begin_block()
        return self._end_window() if last and not page.full else self._go_deeper(page, block)

    def _after_uncounted(self, page: Page, block: Block, *, stuck: bool) -> PageToken | None:
        if not page.full:
            return self._begin_block() if self.front.new else self._end_window()
        if self.front.anchor != block.start:
            return self._begin_block()
        return self._skip_second() if stuck else self._go_deeper(page, block)

    def _go_deeper(self, page: Page, block: Block) -> PageToken:
        """Ask for the next page of a window whose pages so far all lie in its first second."""
        block.length = page.token.page + 1
        return block.token(block.length)

    def _skip_second(self) -> PageToken | None:
        """Leave a second that holds more conversations than the API lists."""
        if self.front.anchor is None:
            return self._end_window()
        self._disbelieve(messages.SECOND_TOO_DEEP(start=self.front))
        self.front.skip_second()
        return self._begin_block()

    def _end_window(self) -> PageToken | None:
        del self.windows[:1]
        return self._begin_block()

    # What follows a page that was not

    def _throw_away(self, problem: Message, page: Page, block: Block) -> PageToken | None:
        """Begin anew; where conversations may have been skipped, where the block began."""
        stays = self.front.anchor == block.start
        shifted = problem is not messages.TOTAL_CHANGED
        if shifted or page.retried:  # a page that was short before hides a shift as well
            self.front.anchor = block.start
        if shifted and block.ids.issuperset(row.conversation.id for row in page.rows):
            self._longest = max(1, page.token.page - 1)
        self._note(problem, page=page.token.page, before=block.total, after=page.total)
        if stays and block.again and block.start is not None and page.token.page > 1:
            self.block = Block.around(block.start, self._end, self.re_reads)
            return self.block.token()
        return self._begin_block(length=1)

    def _after_disagreement(self, page: Page, block: Block, last: Block) -> PageToken | None:
        """Read the last block again; where that does not help, go on without counts."""
        self._strikes += 1
        if self._strikes >= STRIKES:
            self._disbelieve(messages.TOTALS_DISAGREE())
            return self._judge(page, block)
        self.front.anchor = last.start
        self._note(
            messages.COUNTS_DISAGREE, before=last.total, after=page.total, between=len(last.starts)
        )
        return self._begin_block(length=1)

    def _after_refusal(self, page: Page, block: Block) -> PageToken | None:
        number = page.token.page
        if number > block.due:
            return self._end_window()
        if self.front.anchor == block.start:
            return self._skip_second()
        self._longest = max(1, number - 1)
        self._note(messages.PAGE_REFUSED, page=number)
        return self._begin_block()

    def _note(self, reason: Message, **values: object) -> None:
        self.re_reads += 1
        self.re_read = reason(start=self.front, **values)

    def _begin_block(self, *, length: int | None = None) -> PageToken | None:
        """Choose page 1 of the next block; None where no window is left."""
        last, anchor = self.block, self.front.anchor
        while self.windows and anchor and anchor > self.windows[0]:
            del self.windows[0]
        if not self.windows:
            return None
        end, thrown_away = self.windows[0], self.re_read is not None
        self._length = min(self._longest, length or 2 * self._length)
        self._last = None if last.end != end or last.whole or thrown_away else last
        due = 1 if self._last is None or self.doubt else last.left(anchor)
        again = self.re_reads
        if (last.start, last.end) == (anchor, end):  # the very same window is written another way
            again = max(again, last.again + 1)
        self.block = Block(anchor, end, self._length, due=due, again=again)
        if last.start is not None and not thrown_away:  # nothing begins anew before it
            self.front.forget(before=last.start)
        return self.block.token()

    def _after_round(self, page: Page, second: Block) -> PageToken | None:
        """Go on reading one second until it has shown as many conversations as the API counts."""
        steady = second.round(page)
        over = second.end if second.start is None else later(second.start, SECOND)
        self.front.accept(page, second.start, before=over)
        if self.doubt is not None:
            return self._begin_block(length=1)
        if steady and page.token.page < page.pages:
            return second.token(page.token.page + 1)
        if steady and second.complete:
            self.front.anchor = over
            return self._begin_block()
        seen = {"seen": len(second.ids), "total": second.total}
        self._note(messages.SECOND_AGAIN, **seen)
        second.begin_round()
        if not second.exhausted:
            return second.token()
        self._disbelieve(messages.SECOND_INCOMPLETE(start=self.front, **seen))
        self.front.anchor = over
        return self._begin_block()
