"""The connection test: whether the key works, what there is, and what a first sync will cost."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tap_ayra.api import AyraClient
from tap_ayra.errors import TapAyraError
from tap_ayra.messages import forecast as messages
from tap_ayra.messages import plural
from tap_ayra.patience import TEST_ATTEMPTS, TEST_TIMEOUT
from tap_ayra.replication.spans import BEGINNING
from tap_ayra.streams.forecast import full_cost, pages, short_cost
from tap_ayra.streams.listing import Listing

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from tap_ayra.messages import Text
    from tap_ayra.settings import Settings

WITH_TRANSCRIPT = {"has_transcript": "true"}


def impatient_client(settings: Settings, logger: logging.Logger) -> AyraClient:
    """Give a client that someone waits for: it fails within seconds."""
    timeout = min(settings.request_timeout, TEST_TIMEOUT)
    quick = replace(settings, request_timeout=timeout)
    return AyraClient(quick, logger, max_tries=TEST_ATTEMPTS)


def check_connection(settings: Settings, logger: logging.Logger) -> Text:
    """Make two requests at most, and say in one line what they show; nothing personal.

    The first counts what the settings let through. The second counts everything if they hide
    something, else what has a transcript. It is left out if the rate limit has no room, and may
    fail: the first has shown that the key works.

    Raises:
        TapAyraError: if the key, the settings or the connection do not work.
    """
    client = impatient_client(settings, logger)

    def count(filters: Mapping[str, str], *, all_time: bool = False) -> int | None:
        listing = Listing(client, logger, filters=filters, page_size=1, workers=1)
        start = None if all_time else settings.start_date
        return listing.count(start or BEGINNING, None if all_time else settings.end_date)

    matching = count(settings.filters)
    if matching is None:
        return messages.CONNECTION_OK_UNCOUNTED()
    narrowed = bool(settings.filters or settings.start_date or settings.end_date)
    has_room = client.requests < TEST_ATTEMPTS and client.limiter.remaining != 0
    limit = client.limiter.limit
    total = with_transcript = None
    with suppress(TapAyraError):
        if has_room and narrowed:
            total = count({}, all_time=True)
        elif has_room:
            with_transcript = count(WITH_TRANSCRIPT)
    say = {
        "cost": full_cost(pages(matching, settings.page_size), limit),
        "more": _transcripts(settings, matching, with_transcript, limit),
    }
    conversations: str = plural(matching if total is None else total, "conversation")
    if total is None:
        found = messages.MATCHING(conversations=conversations) if narrowed else conversations
        return messages.CONNECTION_OK(conversations=found, **say)
    return messages.CONNECTION_OK_NARROWED(conversations=conversations, matching=matching, **say)


def _transcripts(settings: Settings, matching: int, exact: int | None, limit: int | None) -> str:
    if settings.has_transcript is False or not matching:
        return ""
    if exact is not None or settings.has_transcript:
        return messages.TRANSCRIPTS(cost=short_cost(exact or matching, limit))
    return messages.TRANSCRIPTS_AT_MOST(cost=short_cost(matching, limit))
