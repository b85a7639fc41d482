"""Which page comes next, and when a page may be trusted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from singer_sdk.pagination import BaseAPIPaginator

from tap_ayra.instants import earlier, format_instant, later, whole_second
from tap_ayra.messages import paging as messages
from tap_ayra.paging.blocks import SECOND, Block
from tap_ayra.paging.frontier import Frontier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_ayra.conversation import Row
    from tap_ayra.messages import Message, Text
    from tap_ayra.paging.page import Page
    from tap_ayra.paging.token import PageToken

LONGEST_BLOCK = 50
STRIKES = 3
"""How often in a row totals may disagree before they are not believed any more."""


class ConversationsPaginator(BaseAPIPaginator["PageToken"]):
    """Walks the conversations from a lower bound on, in blocks of pages.

    Page numbers shift when conversations come and go. So every block starts at page 1 of a window
    that begins at the second of the last conversation accepted; those that come again are dropped
    by their id. Within a block every page must repeat the first one's ``meta.total`` and none of
    its ids, and from one block to the next the total must fall by what lies between. Where that
    fails, what has not been accepted yet is thrown away and a new block begins: one page long, each
    quiet one after it twice as long as the one before.

    The first response gives the API's clock and is a block of its own. What it leaves is read in
    two windows, history (up to ``settling`` before now) and then the live edge (up to now or
    ``end``), so that conversations arriving during a long backfill disturb nothing.

    When counts cannot be believed the walk goes on without them, one page to a block, until a page
    that is not full brings nothing new.

    The end: a window is over with a page that is its only one, by ``meta.total_pages``, and not
    full; the walk is over with its last window.

    Attributes:
        now: the API's clock at the first response; this machine's where the API tells none.
        counted: how many conversations the API counted at the first response.
        re_reads: how often pages were thrown away or a second had to be read again.
        re_read: why the page last taken was thrown away; None if it was not.
        doubt: why counts are not believed; None while they are.
    """

    def __init__(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        settling: timedelta = timedelta(0),
        longest_block: int = LONGEST_BLOCK,
        now: datetime | None = None,
    ) -> None:
        """Begin a walk.

        Args:
            start: the lower bound; None for everything.
            end: the upper bound; None for now.
            settling: how long before now history ends.
            longest_block: how many pages a block may have; 1 is the strict mode, in which no
                change of what lies behind or ahead can shift a conversation past the reader.
            now: the API's clock where it is known already; `end` is then the only window.
        """
        self._end = end
        self._settling = settling
        self._longest = longest_block
        self._front = Frontier(start, end)
        self._windows: list[datetime] = [] if now is None or end is None else [end]
        self._last: Block | None = None
        self._block = Block(self._front.anchor, end, length=longest_block if self._windows else 1)
        self._length = longest_block
        self._strikes = 0
        self._next: PageToken | None = None
        self.now = now or datetime.now(UTC)
        self.counted = 0
        self.re_reads = 0
        self.re_read: Text | None = None
        self.doubt: Text | None = None
        super().__init__(self._block.token())

    @property
    def new(self) -> list[Row]:
        """The conversations of the page last taken that had not been accepted before.

        Empty if the page was thrown away.
        """
        return self._front.new

    @property
    def upcoming(self) -> Iterator[PageToken]:
        """What will be asked for after the current page, as far as that is known."""
        block = self._block
        pages = block.due if block.whole else min(block.length, block.due)
        return (block.token(page) for page in range(self.current_value.page + 1, pages + 1))

    def advance(self, page: Page) -> None:  # type: ignore[override]
        """Judge the response to the current token: fill `new` and choose the next token."""
        self._front.new = []
        self.re_read = None
        if self._page_count == 0:
            self._begin_walk(page)
        if page.doubt is not None:
            self._disbelieve(page.doubt)
        self._next = self._judge(page, self._block)
        super().advance(page)  # type: ignore[arg-type]

    def has_more(self, response: object) -> bool:  # noqa: ARG002
        """Tell whether there is a page left to ask for."""
        return self._next is not None

    def get_next(self, response: object) -> PageToken | None:  # noqa: ARG002
        """Give the token chosen by `advance`."""
        return self._next

    def _begin_walk(self, page: Page) -> None:
        self.counted = page.total
        if self._windows:
            return
        self.now = page.timestamp or self.now
        edge = self._end or whole_second(later(self.now, SECOND - timedelta.resolution))
        history = whole_second(earlier(self.now, self._settling))
        self._windows = [history, edge] if history < edge and page.pages > 1 else [edge]

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
            self._front.accept(page, block.start)
            return self._after_uncounted(page, block, stuck=page.token.page > 1 and repeated)
        if page.token.page == 1 and self._last is not None:
            if not self._last.precedes(page):
                return self._after_disagreement(page, block, self._last)
            self._strikes = max(0, self._strikes - 1)
        problem = block.disagrees(page)
        if problem is None and self._front.has_missed(page, block):
            problem = messages.UNREAD_BEFORE
        if problem is not None:
            return self._throw_away(problem, page, block)
        self._front.accept(page, block.start)
        return self._after_counted(page, block)

    # What follows a page that was accepted

    def _after_counted(self, page: Page, block: Block) -> PageToken | None:
        number, last = page.token.page, page.token.page >= page.pages
        if last and number == 1 and (not page.full or self._page_count == 0):
            return self._end_window()
        if number < block.length and not last:
            return block.token(number + 1)
        if self._front.anchor != block.start:
            return self._begin_block()
        return self._end_window() if last and not page.full else self._go_deeper(page, block)

    def _after_uncounted(self, page: Page, block: Block, *, stuck: bool) -> PageToken | None:
        if not page.full:
            return self._begin_block() if self._front.new else self._end_window()
        if self._front.anchor != block.start:
            return self._begin_block()
        return self._skip_second() if stuck else self._go_deeper(page, block)

    def _go_deeper(self, page: Page, block: Block) -> PageToken:
        """Ask for the next page of a window whose pages so far all lie in its first second."""
        block.length = page.token.page + 1
        return block.token(block.length)

    def _skip_second(self) -> PageToken | None:
        """Leave a second that holds more conversations than the API lists."""
        if self._front.anchor is None:
            return self._end_window()
        self._disbelieve(messages.SECOND_TOO_DEEP(start=self._front))
        self._front.skip_second()
        return self._begin_block()

    def _end_window(self) -> PageToken | None:
        del self._windows[:1]
        return self._begin_block()

    # What follows a page that was not

    def _throw_away(self, problem: Message, page: Page, block: Block) -> PageToken | None:
        """Begin anew; where conversations may have been skipped, where the block began."""
        stays = self._front.anchor == block.start
        if problem is not messages.TOTAL_CHANGED:
            self._front.anchor = block.start
            if block.ids.issuperset(row.conversation.id for row in page.rows):
                self._longest = max(1, page.token.page - 1)
        self._note(problem, page=page.token.page, before=block.total, after=page.total)
        if stays and block.again and block.start is not None and page.token.page > 1:
            self._block = Block.around(block.start, self._end, self.re_reads)
            return self._block.token()
        return self._begin_block(length=1)

    def _after_disagreement(self, page: Page, block: Block, last: Block) -> PageToken | None:
        """Read the last block again; where that does not help, go on without counts."""
        self._strikes += 1
        if self._strikes >= STRIKES:
            self._disbelieve(messages.TOTALS_DISAGREE())
            return self._judge(page, block)
        self._front.anchor = last.start
        self._note(
            messages.COUNTS_DISAGREE, before=last.total, after=page.total, between=len(last.starts)
        )
        return self._begin_block(length=1)

    def _after_refusal(self, page: Page, block: Block) -> PageToken | None:
        number = page.token.page
        if number > block.due:
            return self._end_window()
        if self._front.anchor == block.start:
            return self._skip_second()
        self._longest = max(1, number - 1)
        self._note(messages.PAGE_REFUSED, page=number)
        return self._begin_block()

    def _note(self, reason: Message, **values: object) -> None:
        self.re_reads += 1
        self.re_read = reason(start=self._front, **values)

    def _begin_block(self, *, length: int | None = None) -> PageToken | None:
        """Choose page 1 of the next block; None where no window is left."""
        last, anchor = self._block, self._front.anchor
        while self._windows and anchor and anchor > self._windows[0]:
            del self._windows[0]
        if not self._windows:
            return None
        end, thrown_away = self._windows[0], self.re_read is not None
        self._length = min(self._longest, length or 2 * self._length)
        self._last = None if last.end != end or last.whole or thrown_away else last
        due = 1 if self._last is None or self.doubt else last.left(anchor)
        self._block = Block(anchor, end, self._length, due=due, again=self.re_reads)
        if (
            last.start is not None and not thrown_away
        ):  # as far back as reading may have to begin anew
            self._front.forget(before=last.start)
        return self._block.token()

    def _after_round(self, page: Page, second: Block) -> PageToken | None:
        """Go on reading one second until it has shown as many conversations as the API counts."""
        steady = second.round(page)
        over = later(second.start or page.token.start or self.now, SECOND)
        self._front.accept(page, second.start, before=over)
        if self.doubt is not None:
            return self._begin_block(length=1)
        if steady and page.token.page < page.pages:
            return second.token(page.token.page + 1)
        if steady and second.complete:
            self._front.anchor = over
            return self._begin_block()
        seen = {"seen": len(second.ids), "total": second.total}
        self._note(messages.SECOND_AGAIN, **seen)
        second.begin_round()
        if not second.exhausted:
            return second.token()
        self._disbelieve(messages.SECOND_INCOMPLETE(start=format_instant(over), **seen))
        self._front.anchor = over
        return self._begin_block()
