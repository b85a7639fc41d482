"""The end of a sync: one last line and one metric that say the same."""

from __future__ import annotations

import enum
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from singer_sdk import metrics

from tap_ayra.errors import TapAyraError
from tap_ayra.instants import earlier, format_instant
from tap_ayra.messages import output as messages
from tap_ayra.messages import plural, transcripts
from tap_ayra.replication.bookmark import RESTATED_BY

if TYPE_CHECKING:
    from tap_ayra.messages import Text
    from tap_ayra.replication.bookmark import Bookmark
    from tap_ayra.replication.completeness import Completeness
    from tap_ayra.settings import Settings


class CompletenessMetric(enum.StrEnum):
    """The metric that says whether a sync was complete."""

    COMPLETENESS = "sync_completeness"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a sync has shown.

    Attributes:
        completeness: whether it is complete, and why not.
        checked: whether the ledger was to be compared with the API's counts.
        counted: how many conversations the API counted at the sync's first response.
        delivered: how many records this sync delivered.
        ledger: how many conversations have been delivered in all.
        api_count: how many of all that is covered the API counts; None where it was not asked.
        requests: how many requests were made, repeated and unused ones included.
        re_reads: how often pages were read again.
        bookmark: where it stands; None with FULL_TABLE.
        without: how many transcripts turned out to have no messages; None where none are read.
    """

    completeness: Completeness
    checked: bool
    counted: int
    delivered: int
    ledger: int
    api_count: int | None
    requests: int
    re_reads: int
    bookmark: Bookmark | None
    without: int | None = None

    def log(self, logger: logging.Logger, settings: Settings, *, stream: str, noun: str) -> None:
        """Log the last line and the metric."""
        self._line(settings, noun).log(logger, logging.INFO if self._is_fine else logging.WARNING)
        point = metrics.Point(
            "summary",
            CompletenessMetric.COMPLETENESS,  # type: ignore[arg-type]
            self.metric(settings),
            {"stream": stream},
        )
        metrics.log(metrics.get_metrics_logger(), point)

    @property
    def _is_fine(self) -> bool:
        return self.completeness.complete or (not self.checked and self.completeness.reason is None)

    @property
    def missing(self) -> int:
        """How many conversations the API counts that were not delivered."""
        if self.completeness.complete or self.api_count is None:
            return 0
        return max(0, self.api_count - self.ledger)

    def metric(self, settings: Settings) -> dict[str, Any]:
        """Give the metric's value: plain numbers, booleans and instants."""
        result, bookmark = self.completeness, self.bookmark
        reason = None if result.complete else result.reason
        value = bookmark.value if bookmark else None
        return {
            "complete": result.complete,
            "reason": None if result.complete else reason.code if reason else "not-checked",
            "counted": self.counted,
            "delivered": self.delivered,
            "ledger": self.ledger,
            "api_count": self.api_count,
            "missing": self.missing,
            "deleted": result.deleted,
            "late": result.late,
            "requests": self.requests,
            "re_reads": self.re_reads,
            "bookmark": value and format_instant(value),
            "held_by": self._held_by(settings)[0],
            **({} if self.without is None else {"without": self.without}),
        }

    def _line(self, settings: Settings, noun: str) -> Text:
        result = self.completeness
        effort = messages.EFFORT(
            requests=plural(self.requests, "request"),
            re_reads=f", {plural(self.re_reads, 'page')} re-read" if self.re_reads else "",
            without=transcripts.WITHOUT(count=self.without) if self.without else "",
            late=f", {result.late:,} found late" if result.late else "",
            deleted=f", {result.deleted:,} deleted at Ayra" if result.deleted else "",
        )
        value = self.bookmark.value if self.bookmark else None
        bookmark: Text = messages.NO_BOOKMARK()
        if value is not None:
            bookmark = messages.BOOKMARK(
                bookmark=format_instant(value), why=self._held_by(settings)[1]
            )
        values = {
            "delivered": self.delivered,
            "of": f" of {self.counted:,}" if self.delivered == self.counted else "",
            "noun": noun if self.delivered == 1 else f"{noun}s",
            "effort": effort,
            "bookmark": bookmark,
            "reason": result.reason,
        }
        if result.complete:
            return messages.SYNC_COMPLETE(**values)
        if result.reason is None:
            return messages.SYNC_NOT_CHECKED(**values)
        if self.missing:
            return messages.SYNC_INCOMPLETE(**values)
        return messages.SYNC_NOT_PROVABLE(**values)

    def _held_by(self, settings: Settings) -> tuple[str | None, str]:
        """Name the one reason why the bookmark stands where it stands: for machines, for people."""
        bookmark = self.bookmark
        if bookmark is None or bookmark.value is None:
            return None, ""
        if bookmark.held_by is not None:
            key, start = bookmark.held_by
            if earlier(start, RESTATED_BY) <= bookmark.ceiling:
                return key, messages.HELD_BY(id=key, start=format_instant(start))
        if bookmark.value < bookmark.ceiling:
            return None, messages.HELD_BY_NOTHING()
        if bookmark.value == settings.end_date:
            return "end_date", messages.HELD_BY_END()
        if settings.hides_changing:
            hours = (settings.in_progress_limit + settings.settling).total_seconds() / 3600
            return "filter", messages.HELD_BY_FILTER(hours=hours)
        minutes = bookmark.margin.total_seconds() / 60
        return "settling_minutes", messages.HELD_BY_MARGIN(minutes=minutes)

    def enforce(self, settings: Settings) -> None:
        """Fail a sync that is not shown to be complete, if the setting ``on_incomplete`` says so.

        Raises:
            TapAyraError: in three lines.
        """
        if self.completeness.complete or settings.on_incomplete != "fail":
            return
        reason = self.completeness.reason or messages.NOT_COMPLETE()
        raise TapAyraError(messages.INCOMPLETE_FAILS(reason=reason))
