"""The stream ``conversations``: what it reads, in which order, and what it has shown at the end."""

from __future__ import annotations

from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from tap_ayra.errors import TapAyraError
from tap_ayra.instants import format_instant
from tap_ayra.messages import output as messages
from tap_ayra.replication.bookmark import REPLICATION_KEY
from tap_ayra.streams.base import AyraStream
from tap_ayra.streams.listing import Listing
from tap_ayra.streams.schemas import CONVERSATION
from tap_ayra.streams.sync import ConversationsSync

if TYPE_CHECKING:
    from collections.abc import Iterator


class Conversations(AyraStream):
    """Conversations of Ayra's AI voice agents: ``GET /v1/conversations``."""

    name = "conversations"
    path = "/conversations"
    keys: ClassVar[tuple[str, ...]] = ("id",)
    primary_keys = keys
    replication_key = REPLICATION_KEY
    schema: ClassVar[dict[str, Any]] = CONVERSATION
    sync_type: ClassVar[type[ConversationsSync]] = ConversationsSync

    @cached_property
    def listing(self) -> Listing:
        """The list as this sync reads it."""
        size = max(self.settings.page_size, 1 + (self.ABORT_AT_RECORD_COUNT or 0))
        return Listing(
            self.client,
            self.logger,
            filters=self.settings.filters,
            page_size=size,
            workers=self.workers,
        )

    def replicate(self) -> Iterator[int]:
        """Read from the bookmark on, then what is set aside, then what the counts show missing.

        Yields:
            How many records have been delivered since the last time.
        """
        if self.incremental:
            start, anew = self.state_manager.lower_bound(self.settings)
        else:
            start, anew = self.settings.start_date, None
        end = self.settings.end_date
        if start is not None and end is not None and start > end:
            messages.NOTHING_TO_SYNC(start=format_instant(start), end=format_instant(end)).log(
                self.logger
            )
            return
        sync = self.sync_type(self, self.listing, start=start, anew=anew)
        try:
            with closing(sync):
                yield from sync.read()
                yield from sync.read_aside()
                yield from sync.reconcile()
        except TapAyraError as error:
            sync.conclude(error)
            raise
        sync.conclude()
