"""How far a walk has come: what it has accepted, and where the next block begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_ayra.instants import format_instant, later, whole_second
from tap_ayra.paging.blocks import SECOND

if TYPE_CHECKING:
    from datetime import datetime

    from tap_ayra.conversation import Row
    from tap_ayra.paging.blocks import Block
    from tap_ayra.paging.page import Page


class Frontier:
    """Accepts pages and tells the conversations that are new on them.

    Attributes:
        anchor: the second of the last conversation accepted, from which the next block begins;
            None while nothing with a start time has been accepted and there is no lower bound.
        new: the conversations of the page last accepted that had not been accepted before.
    """

    def __init__(self, start: datetime | None, end: datetime | None) -> None:
        """Begin at a lower bound.

        Args:
            start: the lower bound; None for everything.
            end: the upper bound, by whole seconds; None for none.
        """
        self.anchor = start and whole_second(start)
        self.new: list[Row] = []
        self._over = end and later(whole_second(end), SECOND)
        self._known: dict[str, datetime | None] = {}

    def __str__(self) -> str:
        """Say where the next block begins."""
        return "the beginning" if self.anchor is None else format_instant(self.anchor)

    def accept(self, page: Page, start: datetime | None, before: datetime | None = None) -> None:
        """Keep what is new on a page and lies within bounds, and move the anchor on.

        Args:
            page: whose conversations are accepted.
            start: what started before it is not wanted.
            before: what started at or after it is not wanted; the anchor then stays.
        """
        known, over, starts = self._known, before or self._over, page.starts
        inside = not starts or (
            (start is None or min(starts) >= start) and (over is None or max(starts) < over)
        )

        def is_new(row: Row) -> bool:
            return row.conversation.id not in known and (
                row.start is None
                or ((start is None or row.start >= start) and (over is None or row.start < over))
            )

        all_new = inside and known.keys().isdisjoint(page.ids)
        self.new = page.rows if all_new else list(filter(is_new, page.rows))
        known.update([(row.conversation.id, row.start) for row in self.new])
        if before is None and starts and (self.anchor is None or starts[-1] > self.anchor):
            self.anchor = whole_second(starts[-1])

    def has_missed(self, page: Page, block: Block) -> bool:
        """Tell whether a page, good by its counts, begins with what should have come before."""
        if page.token.page == 1 or self.anchor is None or not page.rows:
            return False
        row = page.rows[0]
        return (
            row.start is not None
            and row.start < self.anchor
            and (block.start is None or row.start >= block.start)
            and row.conversation.id not in self._known
        )

    def knows(self, conversation_id: str) -> bool:
        """Tell whether a conversation has been accepted, as far back as that matters."""
        return conversation_id in self._known

    def skip_second(self) -> None:
        """Move the anchor past its second."""
        if self.anchor is not None:
            self.anchor = later(self.anchor, SECOND)

    def forget(self, before: datetime) -> None:
        """Forget the conversations that started before an instant: they will not come again."""
        self._known = {
            key: start for key, start in self._known.items() if start is None or start >= before
        }
