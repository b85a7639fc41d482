"""Which page comes next, and when a page may be trusted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from singer_sdk.pagination import BaseAPIPaginator

from tap_ayra.errors import TapAyraError
from tap_ayra.instants import earlier, format_instant, later, whole_second
from tap_ayra.paging.blocks import SECOND, Block, WideSecond
from tap_ayra.paging.page import Page, PageToken

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

LONGEST_BLOCK = 50


class ConversationsPaginator(BaseAPIPaginator[PageToken]):
    """Walks the conversations from a lower bound on, in blocks of pages.

    Page numbers shift when rows come and go. So every block starts at page 1 of a window that
    begins at the second of the last conversation accepted (those of that second are dropped by
    id when they come again), and within a block every page must repeat the first one's
    ``meta.total`` and none of its ids. A page that does not is thrown away, and a new block
    begins: one page long, each quiet one after it twice as long as the one before. Where a page
    whose counts agree shows something unread from before, the new block begins where the old
    one did: rather out of order than lost.

    The first answer gives the API's clock and is a block of its own. What it leaves is read in
    two windows, history (up to ``settling`` before now) and then the live edge (up to now or
    ``end``), so that calls arriving during a long backfill disturb nothing. A second that holds
    more conversations than a block can pass is read with a window of its own, in rounds.

    The end: the walk is finished with the last page, by ``meta.total_pages``, of the last
    window; or at once where the first answer holds all; or where the windows left end before
    the last conversation accepted. No page is asked for that is known to be empty.

    Attributes:
        fresh: the conversations and start times of the page last accepted, without those that
            had been accepted before; empty where the page was thrown away.
        now: the API's clock at the first answer; this machine's where the API tells none.
        counted: how many conversations the API counted at the first answer.
        repairs: how often pages were thrown away or a second had to be read again.
    """

    def __init__(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        settling: timedelta = timedelta(0),
        longest_block: int = LONGEST_BLOCK,
    ) -> None:
        """Begin a walk.

        Args:
            start: the lower bound; None for everything.
            end: the upper bound; None for now.
            settling: how long before now history ends.
            longest_block: how many pages a block may have; 1 is the strict mode, in which
                nothing that happens while reading can hide a row.
        """
        self._end = end
        self._settling = settling
        self._longest = self._length = longest_block
        self._anchor = start
        self._tail_end: datetime | None = None
        self._tail: set[Any] = set()
        self._undated: set[Any] = set()
        self._windows: list[datetime] = []
        self._block = Block(start, end, length=1)
        self._second: WideSecond | None = None
        self._next: PageToken | None = None
        self.fresh: list[tuple[dict[str, Any], datetime | None]] = []
        self.now = datetime.now(UTC)
        self.counted = 0
        self.repairs = 0
        super().__init__(self._block.token())

    @property
    def upcoming(self) -> Iterator[PageToken]:
        """What will be asked for after the current page, as far as that is known."""
        source = self._second or self._block
        pages = self._second.pages if self._second else min(self._block.length, self._block.due)
        return (source.token(page) for page in range(self.current_value.page + 1, pages + 1))

    def advance(self, response: requests.Response | Page) -> None:
        """Judge the answer to the current token: fill `fresh` and choose the next token.

        Raises:
            RetriableAPIError: if the response is no page that adds up (`Page.read`).
            TapAyraError: if a second cannot be read completely.
        """
        page = response if isinstance(response, Page) else Page.read(response, self.current_value)
        if self._page_count == 0:
            self._set_clock(page)
        if self._second is not None:
            self._next = self._after_second(page, self._second)
        else:
            self._next = self._after_block(page, self._block)
        super().advance(response)  # type: ignore[arg-type]

    def has_more(self, response: requests.Response) -> bool:  # noqa: ARG002
        """Tell whether there is a page left to ask for."""
        return self._next is not None

    def get_next(self, response: requests.Response) -> PageToken | None:  # noqa: ARG002
        """Give the token chosen by `advance`."""
        return self._next

    def _set_clock(self, page: Page) -> None:
        self.now = page.timestamp or self.now
        self.counted = page.total
        edge = self._end or whole_second(later(self.now, SECOND - timedelta.resolution))
        history = whole_second(earlier(self.now, self._settling))
        self._windows = [history, edge] if history < edge and page.pages > 1 else [edge]

    def _after_block(self, page: Page, block: Block) -> PageToken | None:
        if self._goes_back(page, block):
            self._anchor = block.start
            self._tail |= block.ids
        elif block.agrees(page):
            return self._after_good_page(page, block)
        self.repairs += 1
        self.fresh = []
        return self._begin_block(length=1)

    def _goes_back(self, page: Page, block: Block) -> bool:
        """Tell whether a page, good by its counts, begins with what should have come before."""
        counts = page.total, page.per_page
        if page.token.page == 1 or not page.records or not self._anchor or counts != block.counts:
            return False
        key, start = page.records[0]["id"], page.starts[0]
        return bool(start and start < whole_second(self._anchor) and key not in block.ids)

    def _after_good_page(self, page: Page, block: Block) -> PageToken | None:
        self._accept(page)
        reached = next((whole_second(start) for start in reversed(page.starts) if start), None)
        if reached and (self._anchor is None or reached > self._anchor):
            self._anchor = reached  # also past conversations that had all been accepted before
        number, longer = page.token.page, min(self._longest, 2 * self._length)
        if number >= page.pages:
            del self._windows[0]
            return self._begin_block(length=longer)
        if number < block.length:
            return block.token(number + 1)
        if self._anchor != block.start:
            left = page.total - len(block.ids) + len(self._tail)
            return self._begin_block(length=longer, due=-(-left // page.per_page))
        if block.start is None or not any(page.starts):
            block.length += 1  # nothing on this page to anchor another block at
            return block.token(number + 1)
        self._second = WideSecond.around(block.start, self._end)
        if self._second.token() == page.token:  # the window is that second; it varies how it asks
            self._second.again()
        return self._second.token()

    def _begin_block(self, *, length: int, due: int = 1) -> PageToken | None:
        """Choose page 1 of the next block; None where no window is left."""
        self._length = length
        while self._windows and self._anchor and self._anchor > self._windows[0]:
            del self._windows[0]
        if not self._windows:
            return None
        last, end = self._block, self._windows[0]
        self._block = Block(self._anchor, end, length, due if end == last.end else 1)
        if (last.start, last.end) == (self._anchor, end):
            self._block.again = last.again + 1
        return self._block.token()

    def _after_second(self, page: Page, second: WideSecond) -> PageToken | None:
        steady = second.is_steady(page)
        self._accept(page, before=second.over)
        if steady and page.token.page < page.pages:
            return second.token(page.token.page + 1)
        if steady and second.complete:
            self._second = None
            self._anchor = second.over
            return self._begin_block(length=min(self._longest, 2 * self._length))
        self.repairs += 1
        second.again()
        if not second.hopeless:
            return second.token()
        msg = (
            f"The API counts {page.total} conversations in the second "
            f"{format_instant(second.start)}, but {second.round} readings did not show as many.\n"
            "Run the sync again later; it goes on from the last state."
        )
        raise TapAyraError(msg)

    def _accept(self, page: Page, before: datetime | None = None) -> None:
        """Keep what is new on a page, and started before a limit where one is given."""
        self.fresh = []
        for record, start in zip(page.records, page.starts, strict=True):
            if start is None:
                if record["id"] in self._undated:
                    continue
                self._undated.add(record["id"])
            elif (before is not None and start >= before) or (
                self._tail_end and start < self._tail_end and record["id"] in self._tail
            ):
                continue
            self.fresh.append((record, start))
        last = next((start for _, start in reversed(self.fresh) if start is not None), None)
        if last is not None:
            self._move_tail(whole_second(last))

    def _move_tail(self, second: datetime) -> None:
        """Remember the ids accepted in the last second, and anchor the next block there."""
        if self._tail_end is None or second >= self._tail_end:
            self._tail_end = later(second, SECOND)
            self._tail = set()
        self._tail |= {record["id"] for record, start in self.fresh if start and start >= second}
        if self._anchor is None or second > self._anchor:
            self._anchor = second
