"""How far the replication key may advance: never past what may still change."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from singer_sdk.streams._state import StreamStateManager

from tap_ayra.errors import TapAyraError
from tap_ayra.instants import earlier, format_instant, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from singer_sdk.helpers.types import Record

    from tap_ayra.settings import Settings

REPLICATION_KEY = "start_time"
ENDED = frozenset({"completed", "failed", "abandoned"})
IN_PROGRESS = "in_progress"
NAMED_AT_MOST = 10
CACHE_MARGIN = timedelta(minutes=2)
"""A very recent conversation may be missing: the API answers from a cache for 60 seconds."""


def status_of(record: Mapping[str, Any]) -> str | None:
    """The status, where it is a text."""
    status = record.get("status")
    return status if isinstance(status, str) else None


def end_of(record: Mapping[str, Any], start: datetime) -> datetime | None:
    """When a conversation ended, as far as its record tells.

    Args:
        record: as the API gave it.
        start: its start time.

    Returns:
        ``end_time``; else, for an ended one, start plus ``duration``; else, for an abandoned one,
        its start; else None.
    """
    try:
        return parse_instant(record["end_time"])
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    if status_of(record) not in ENDED:
        return None
    try:
        return start + timedelta(seconds=float(record["duration"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return start if status_of(record) == "abandoned" else None


class Bookmark:
    """The point before which every conversation has been delivered in its settled form.

    After each record it is the earliest of: the record's start, the start of the earliest
    unsettled conversation seen, and a ceiling, which is `CACHE_MARGIN` or ``settling`` before
    now, or ``end``, or, with a filter that hides what does not match yet, as long before now as
    a conversation may take to settle. It never moves back.

    Attributes:
        value: where it stands; None before it first moves.
        held_by: id and start of the earliest unsettled conversation; None where there is none.
        stuck: how many open conversations were taken as settled only because of their age.
        stuck_ids: the first of their ids.
    """

    def __init__(  # noqa: PLR0913
        self,
        value: datetime | None,
        *,
        now: datetime,
        settling: timedelta,
        limit: timedelta,
        end: datetime | None = None,
        hides_changing: bool = False,
    ) -> None:
        """Begin where the last sync stopped.

        Args:
            value: the bookmark that the sync began with.
            now: the API's clock.
            settling: how long after its end a conversation may still change.
            limit: how long after its start it may stay unsettled.
            end: the upper bound of what is read.
            hides_changing: whether a filter is set that hides what does not match yet.
        """
        self.value = value
        self.held_by: tuple[str, datetime] | None = None
        self.stuck = 0
        self.stuck_ids: list[str] = []
        self._settled_end = earlier(now, settling)
        self._settled_start = earlier(now, limit)
        self.ceiling = earlier(now, max(settling, CACHE_MARGIN))
        if end is not None:
            self.ceiling = min(self.ceiling, end)
        if hides_changing:
            self.ceiling = min(self.ceiling, earlier(self._settled_start, settling))

    def see(self, records: Iterable[tuple[Mapping[str, Any], datetime | None]]) -> None:
        """Take note of conversations before they are delivered.

        Args:
            records: as the API gave them, each with its start time.
        """
        for record, start in records:
            if start is None:
                continue
            if start < self._settled_start:
                status = status_of(record)
                if status not in ENDED and (status == IN_PROGRESS or not end_of(record, start)):
                    self.stuck += 1
                    self.stuck_ids = [*self.stuck_ids, str(record["id"])][:NAMED_AT_MOST]
            elif self.held_by is None or start < self.held_by[1]:
                end = end_of(record, start)
                if status_of(record) == IN_PROGRESS or end is None or end > self._settled_end:
                    self.held_by = str(record["id"]), start

    def advance(self, start: datetime | None) -> None:
        """Move on after a conversation has been delivered.

        Args:
            start: its start time; None moves nothing.
        """
        if start is None:
            return
        reached = min(start, self.ceiling)
        if self.held_by is not None:
            reached = min(reached, self.held_by[1])
        if self.value is None or reached > self.value:
            self.value = reached


class BookmarkStateManager(StreamStateManager):
    """The SDK's state manager, with `Bookmark` in place of the last record's replication key."""

    bookmark: Bookmark | None = None

    @property
    def began_with(self) -> datetime | None:
        """The bookmark in the state that was passed in; None where there is none of this key.

        Raises:
            TapAyraError: if it is no date-time.
        """
        state = self.stream_state
        value = state.get("replication_key_value")
        if not value or state.get("replication_key") != REPLICATION_KEY:
            return None
        try:
            return parse_instant(str(value))
        except ValueError:
            msg = (
                f"The state's bookmark of {self.stream_name}, {value!r}, is no date-time.\n"
                "Mend the state, or remove it to read everything again."
            )
            raise TapAyraError(msg) from None

    def begin(self, now: datetime, settings: Settings) -> Bookmark:
        """Make the bookmark of this sync; warn of one that lies in the future.

        Args:
            now: the API's clock.
            settings: the tap's.
        """
        value = self.began_with
        if value is not None and value > now:
            self._logger.warning(
                "The bookmark %s lies in the future: by the API's clock it is %s. Conversations "
                "that start before it are not read. Reset the state to read them.",
                format_instant(value),
                format_instant(now),
            )
        self.bookmark = Bookmark(
            value,
            now=now,
            settling=settings.settling,
            limit=settings.in_progress_limit,
            end=settings.end_date,
            hides_changing=settings.hides_changing,
        )
        return self.bookmark

    def keep(self) -> None:
        """Write the bookmark into the state, once all records that it covers are on their way."""
        if self.bookmark is not None and self.bookmark.value is not None:
            self.stream_state["replication_key"] = REPLICATION_KEY
            self.stream_state["replication_key_value"] = format_instant(self.bookmark.value)

    def increment_state(self, latest_record: Record, **_: Any) -> None:
        """Nothing: a record may lack fields that were deselected; `keep` is called page by page."""
