"""The stream ``transcript_messages``: what was said, one record per message."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec.structs import replace

from tap_ayra.messages import transcripts as messages
from tap_ayra.streams.conversations import Conversations
from tap_ayra.streams.listing import Listing
from tap_ayra.streams.schemas import TRANSCRIPT_MESSAGE
from tap_ayra.streams.transcript import PATH
from tap_ayra.streams.transcripts_sync import TranscriptsSync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_ayra.settings import Settings
    from tap_ayra.streams.sync import ConversationsSync

_WITH_TRANSCRIPT = {"has_transcript": "true"}


class TranscriptMessages(Conversations):
    """What was said: ``GET /v1/conversations/{id}/transcript`` for each settled conversation.

    The list of conversations is walked once more for it, with a bookmark and a ledger of its own.
    """

    name = "transcript_messages"
    path = PATH
    keys: ClassVar[tuple[str, ...]] = ("conversation_id", "position")
    primary_keys = keys
    schema: ClassVar[dict[str, Any]] = TRANSCRIPT_MESSAGE
    sync_type: ClassVar[type[ConversationsSync]] = TranscriptsSync
    selected_by_default = False

    @cached_property
    def settings(self) -> Settings:
        """The settings, without those that make no sense here.

        The list is read without ``has_transcript``, since it must show what has not settled, and
        nothing is fetched a second time for ``lookback_days``.
        """
        return replace(super().settings, has_transcript=None, lookback_days=0)

    @cached_property
    def listing(self) -> Listing:
        """The list as this sync walks it; what it counts are conversations with a transcript."""
        settings = self.settings
        listing = Listing(
            self.client,
            self.logger,
            filters=settings.filters,
            page_size=settings.page_size,
            workers=1 if settings.transcripts_per_sync is not None else self.workers,
        )
        listing.counted = _WITH_TRANSCRIPT
        return listing

    def replicate(self) -> Iterator[int]:
        """Fetch what has settled, in order; nothing in a connection test, which needs one stream.

        Yields:
            How many records have been delivered since the last time.
        """
        if self.ABORT_AT_RECORD_COUNT == 1:
            return
        if self.config.get("has_transcript") is False:
            messages.FILTERED_OUT().log(self.logger)
            return
        yield from super().replicate()
