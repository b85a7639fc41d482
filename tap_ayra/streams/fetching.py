"""Transcripts fetched in flight, delivered in order, as many as a sync may."""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING

from tap_ayra.api import CLEAN, Prefetch
from tap_ayra.messages import plural
from tap_ayra.messages import transcripts as messages
from tap_ayra.output.progress import Progress, duration
from tap_ayra.streams.transcript import fetch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_ayra.messages import Text
    from tap_ayra.streams.base import AyraStream
    from tap_ayra.streams.due import Due
    from tap_ayra.streams.transcript import Transcript

MINUTE = 60.0
NOUN = "transcript"


class BudgetSpentError(Exception):
    """A transcript is due, and ``transcripts_per_sync`` is reached."""


class Fetching:
    """Fetches the transcripts of one sync.

    Attributes:
        transcripts: how many have been fetched and delivered.
        messages: how many records that were.
        without: how many had none, or did not exist after all.
        due: how many are to be fetched in all, as far as is known.
    """

    def __init__(self, stream: AyraStream) -> None:
        """Make ready; nothing is requested yet.

        Args:
            stream: whose records the messages are.
        """
        self._stream = stream
        self._limiter = stream.client.limiter
        self._budget: int | None = stream.settings.transcripts_per_sync
        self._progress = Progress(stream.logger, NOUN)
        self._ahead: Prefetch[str, Transcript] = Prefetch(
            lambda key: fetch(stream.client, key),
            workers=stream.workers,
            starts_at_once=self._limiter.starts_at_once,
        )
        self._warned = CLEAN
        self._warned_of_odd = False
        self.transcripts = self.messages = self.without = self.due = 0

    def close(self) -> None:
        """Drop what has been fetched ahead and not been delivered, and the live line."""
        self._progress.close()
        self._ahead.close()

    def deliver(self, due: Due, following: Iterable[Due] = ()) -> None:
        """Deliver the messages of a conversation, and have the next ones fetched meanwhile.

        Args:
            due: the conversation whose transcript is wanted now.
            following: those that are wanted next, in order.

        Raises:
            BudgetSpentError: if no request is left.
            TapAyraError: if a failure is permanent or lasts too long.
        """
        left = self._left
        if left == 0:
            raise BudgetSpentError
        upcoming = (each.id for each in following)
        transcript = self._ahead.get(due.id, islice(upcoming, left and left - 1))
        self._warn(transcript)
        before = self.messages
        for record in transcript.records(due):
            self._stream.records.write_record(record)
            self.messages += 1
        self.without += self.messages == before
        self.transcripts += 1
        self._progress.page(1, max(self.due, self.transcripts), self._limiter.remaining)

    @property
    def _left(self) -> int | None:
        return None if self._budget is None else self._budget - self.transcripts

    def _warn(self, transcript: Transcript) -> None:
        logger = self._stream.logger
        for message in transcript.replaced - self._warned:
            message().log(logger, logging.WARNING)
        self._warned |= transcript.replaced
        if None in transcript.messages and not self._warned_of_odd:
            self._warned_of_odd = True
            messages.MESSAGES_LEFT_OUT().log(logger, logging.WARNING)

    # What it will cost

    def forecast(self, count: int) -> None:
        """Say how many transcripts there are to fetch, and how long that will take."""
        self.due = count
        if not count:
            return
        left, transcripts = self._left, plural(count, NOUN)
        if left is not None and left < count:
            text = messages.FORECAST_BOUNDED(
                transcripts=transcripts, allowed=f"{left:,}", time=self.time(left)
            )
        else:
            takes_long = left is None and count > (self._limiter.limit or 0)
            hint = messages.SHARE_OUT() if takes_long else ""
            text = messages.FORECAST(transcripts=transcripts, time=self.time(count), hint=hint)
        text.log(self._stream.logger)

    def time(self, count: int) -> Text | str:
        """Say how long so many requests take by the rate limit; nothing if that is not known."""
        limit = self._limiter.limit
        if limit is None:
            return ""
        return messages.TIME(duration=duration(count / limit * MINUTE), limit=limit)
