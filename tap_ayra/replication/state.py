"""A stream's state: as it is found, as it is kept, and as it goes out."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from singer_sdk.streams._state import StreamStateManager

from tap_ayra.errors import TapAyraError
from tap_ayra.instants import earlier, format_instant, parse_instant, whole_second
from tap_ayra.messages import replication as messages
from tap_ayra.replication.bookmark import REPLICATION_KEY, Bookmark
from tap_ayra.replication.ledger import Ledger
from tap_ayra.replication.state_file import invalid_state

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping
    from datetime import datetime

    from singer_sdk.helpers.types import Record

    from tap_ayra.settings import Settings


def fingerprint(filters: Mapping[str, str]) -> str:
    """Tell filters apart by six hex digits; many phone numbers share one."""
    text = "&".join(f"{name}={value}" for name, value in sorted(filters.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:6]


class AyraStateManager(StreamStateManager):
    """The SDK's state manager, with `Bookmark` and `Ledger` in place of the last record's key.

    Attributes:
        bookmark: of this sync; None before it begins, and with FULL_TABLE.
        ledger: of this sync; None before it begins.
        emptied: whether the filters have changed, so that everything counts as missing.
        looks_back_only: whether all that is read lies behind the bookmark, and nothing counts.
    """

    bookmark: Bookmark | None = None
    ledger: Ledger | None = None
    emptied: bool = False
    looks_back_only: bool = False
    _logger: logging.Logger

    @property
    def began_with(self) -> datetime | None:
        """The bookmark in the state that was passed in; None where there is none.

        Raises:
            TapAyraError: if it is not a date-time, or of another replication key.
        """
        state = self.stream_state
        value, key = state.get("replication_key_value"), state.get("replication_key")
        if not value:
            return None
        if key not in {None, REPLICATION_KEY}:
            raise invalid_state(messages.OTHER_KEY(stream=self.stream_name, key=key))
        try:
            return parse_instant(str(value))
        except ValueError:
            raise TapAyraError(
                messages.INVALID_BOOKMARK(stream=self.stream_name, value=value)
            ) from None

    def open_ledger(self, settings: Settings) -> Ledger:
        """Read the ledger, and hold it against the settings of this sync."""
        bookmark, start = self.began_with, settings.start_date
        filters = fingerprint(settings.filters)
        ledger = Ledger.load(self.stream_state.get("ledger"), bookmark)
        if bookmark is None:
            ledger = Ledger(since=start)
        elif ledger is None:
            ledger = Ledger(since=whole_second(bookmark), reach=whole_second(bookmark))
            self._logger.info(
                "%s",
                text := messages.LEDGER_BEGINS(bookmark=format_instant(bookmark)),
                extra={"code": text.code},
            )
        else:
            if ledger.asked is not None and (start is None or start < ledger.asked):
                ledger.since = (
                    start if start is None or ledger.since is None else min(start, ledger.since)
                )
            if ledger.filters != filters:
                ledger.empty()
                self.emptied = True
        ledger.asked, ledger.filters = start, filters
        self.ledger = ledger
        return ledger

    def lower_bound(self, settings: Settings) -> tuple[datetime | None, datetime | None]:
        """Say from where on this sync reads.

        Returns:
            The lower bound, None for all of history; and from where on it counts anew what it
            reads, None for the bookmark. A bookmark that was moved back by hand counts as a
            look-back.
        """
        ledger, start, bookmark = self.open_ledger(settings), settings.start_date, self.began_with
        if bookmark is None:
            return start, None
        resume = whole_second(bookmark)
        if ledger.since is not None:  # what a filter holds back may lie before the start date
            resume = max(resume, whole_second(ledger.since))
        if start is not None and start > resume:
            messages.START_AFTER_BOOKMARK(
                start=format_instant(start), bookmark=format_instant(bookmark)
            ).log(self._logger)
            start = None
        if not settings.lookback and not ledger.reaches_past(bookmark):
            return resume, None
        asked = whole_second(earlier(bookmark, settings.lookback))
        if settings.end_date is not None and settings.end_date < resume:
            self.looks_back_only = True
            return (asked if start is None else max(asked, start)), None
        if ledger.since is not None and asked < ledger.since:  # what is not counted, but read
            ledger.empty(ledger.since)
            return (asked if start is None else max(asked, start)), ledger.since
        back = ledger.span_start(asked)
        if start is not None and start > back:
            back = whole_second(start)
        anew = back
        if ledger.span_start(back) != back:  # only a part of its span is read
            anew = next((bound for bound in ledger.boundaries() if bound > back), resume)
        if anew < resume:
            ledger.empty(anew)
        return min(back, resume), min(anew, resume)

    def begin(self, now: datetime, settings: Settings) -> Bookmark:
        """Make the bookmark of this sync; warn of one that lies in the future.

        Args:
            now: the API's clock.
            settings: the tap's.
        """
        value = self.began_with
        if value is not None and value > now:
            messages.BOOKMARK_IN_FUTURE(
                bookmark=format_instant(value), now=format_instant(now)
            ).log(self._logger, 30)
        self.bookmark = Bookmark(
            value,
            now=now,
            settling=settings.settling,
            limit=settings.in_progress_limit,
            end=settings.end_date,
            hides_changing=settings.hides_changing,
            aside=self._aside(),
        )
        return self.bookmark

    def _aside(self) -> list[datetime]:
        try:
            return [parse_instant(text) for text in self.stream_state.get("open", [])]
        except (TypeError, ValueError, AttributeError):
            return []

    def keep(self, **more: object) -> None:
        """Write bookmark and ledger into the state, once what they cover is on its way.

        Args:
            more: what a stream keeps of its own beside them, in the form of JSON.
        """
        bookmark = self.bookmark
        if bookmark is None or bookmark.value is None:
            return
        if self.ledger is not None:
            self.ledger.move(bookmark.value)
            more["ledger"] = self.ledger.dump()
        self.stream_state.update(  # all at once: a signal may ask for the state at any time
            replication_key=REPLICATION_KEY,
            replication_key_value=format_instant(bookmark.value),
            open=sorted(map(format_instant, bookmark.aside)),
            **more,
        )

    def increment_state(self, latest_record: Record, **_: Any) -> None:
        """Nothing: a record may lack fields that were deselected; `keep` is called page by page."""
