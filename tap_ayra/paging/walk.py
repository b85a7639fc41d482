"""Which page comes next, and when a page may be trusted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from singer_sdk.pagination import BaseAPIPaginator

from tap_ayra.instants import earlier, later, whole_second
from tap_ayra.paging.blocks import SECOND
from tap_ayra.paging.reader import BlockReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_ayra.conversation import Row
    from tap_ayra.messages import Text
    from tap_ayra.paging.page import Page
    from tap_ayra.paging.token import PageToken

LONGEST_BLOCK = 50


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
        self._clock_is_known = now is not None and end is not None
        self._reader = BlockReader(
            start, end, longest_block, longest_block if self._clock_is_known else 1
        )
        if now is not None and end is not None:
            self._reader.windows = [end]
        self._next: PageToken | None = None
        self.now = now or datetime.now(UTC)
        self.counted = 0
        super().__init__(self._reader.block.token())

    @property
    def new(self) -> list[Row]:
        """The conversations of the page last taken that had not been accepted before.

        Empty if the page was thrown away.
        """
        return self._reader.front.new

    @property
    def re_reads(self) -> int:
        """How often pages were thrown away or a second had to be read again."""
        return self._reader.re_reads

    @property
    def re_read(self) -> Text | None:
        """Why the page last taken was thrown away; None if it was not."""
        return self._reader.re_read

    @property
    def doubt(self) -> Text | None:
        """Why counts are not believed; None while they are."""
        return self._reader.doubt

    @property
    def upcoming(self) -> Iterator[PageToken]:
        """What will be asked for after the current page, as far as that is known."""
        block = self._reader.block
        pages = block.due if block.whole else min(block.length, block.due)
        return (block.token(page) for page in range(self.current_value.page + 1, pages + 1))

    def knows(self, conversation_id: str) -> bool:
        """Tell whether a conversation of the last blocks has been accepted."""
        return self._reader.front.knows(conversation_id)

    def advance(self, page: Page) -> None:  # type: ignore[override]
        """Judge the response to the current token: fill `new` and choose the next token."""
        if self._page_count == 0:
            self._begin(page)
        self._next = self._reader.take(page)
        super().advance(page)  # type: ignore[arg-type]

    def has_more(self, response: object) -> bool:  # noqa: ARG002
        """Tell whether there is a page left to ask for."""
        return self._next is not None

    def get_next(self, response: object) -> PageToken | None:  # noqa: ARG002
        """Give the token chosen by `advance`."""
        return self._next

    def _begin(self, page: Page) -> None:
        """Take the clock from the first response, and part what is left at the live edge."""
        self.counted = page.total
        if self._clock_is_known:
            return
        self.now = page.timestamp or self.now
        edge = self._end or whole_second(later(self.now, SECOND - timedelta.resolution))
        history = whole_second(earlier(self.now, self._settling))
        parted = history < edge and page.pages > 1
        self._reader.windows = [history, edge] if parted else [edge]
