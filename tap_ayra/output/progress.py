"""What people read while a sync runs and when it has ended."""

from __future__ import annotations

import enum
import logging
import time
from typing import TYPE_CHECKING, Any

from singer_sdk import metrics

from tap_ayra.instants import format_instant

if TYPE_CHECKING:
    from tap_ayra.paging.walk import ConversationsPaginator
    from tap_ayra.replication.bookmark import Bookmark

INTERVAL = 10.0
"""Seconds between two lines of progress."""


class CompletenessMetric(enum.StrEnum):
    """The metric that says whether a sync was complete."""

    COMPLETENESS = "sync_completeness"


class Progress:
    """Tells of a sync's progress every `INTERVAL` seconds, and of its completeness at the end."""

    def __init__(self, logger: logging.Logger) -> None:
        """Start the clock.

        Args:
            logger: gets the lines.
        """
        self._logger = logger
        self._began = self._told = time.monotonic()
        self.delivered = 0

    def page(self, delivered: int, counted: int, remaining: int | None) -> None:
        """Count a page, and tell of the progress if it is time.

        Args:
            delivered: conversations on the page that went to the target.
            counted: conversations that the API counted in all.
            remaining: requests left in the rate limit's window; None where unknown.
        """
        self.delivered += delivered
        now = time.monotonic()
        if now - self._told < INTERVAL:
            return
        self._told = now
        rate = self.delivered / (now - self._began)
        left = max(counted - self.delivered, 0) / rate if rate else 0.0
        self._logger.info(
            "%s of %s conversations (%.0f %%), %.0f a second, %s, about %s left",
            f"{self.delivered:,}",
            f"{counted:,}",
            100 * self.delivered / max(counted, self.delivered, 1),
            rate,
            "no rate limit known" if remaining is None else f"{remaining} requests left",
            _duration(left),
        )

    def finish(
        self,
        paginator: ConversationsPaginator,
        bookmark: Bookmark | None,
        *,
        requests: int,
        tags: dict[str, Any],
    ) -> None:
        """Say how complete the sync was: one line and one metric, and a warning if calls stick.

        Args:
            paginator: at the end of its walk.
            bookmark: where it stands; None where there is none (FULL_TABLE).
            requests: how many requests were made, repeated and unused ones included.
            tags: of the metric.
        """
        stands, held = "none", "nothing"
        if bookmark is not None and bookmark.value is not None:
            stands = format_instant(bookmark.value)
            if bookmark.held_by and bookmark.held_by[1] <= bookmark.ceiling:
                key, since = bookmark.held_by
                held = f"conversation {key}, unsettled, started {format_instant(since)}"
            elif bookmark.value == bookmark.ceiling:
                held = "the margin before now, the end date or a filter on what may change"
        counts = {
            "counted": paginator.counted,
            "delivered": self.delivered,
            "requests": requests,
            "repairs": paginator.repairs,
            "bookmark": stands,
            "held_by": held,
        }
        fewer = self.delivered < paginator.counted and not paginator.repairs
        self._logger.log(
            logging.WARNING if fewer else logging.INFO,
            "%(verdict)s: the API counted %(counted)d conversations, %(delivered)d were delivered "
            "in %(requests)d requests with %(repairs)d repairs; bookmark %(bookmark)s, held back "
            "by %(held_by)s",
            counts | {"verdict": "Fewer than counted" if fewer else "Complete"},
        )
        metrics.log(
            metrics.get_metrics_logger(),
            metrics.Point("summary", CompletenessMetric.COMPLETENESS, counts, tags),  # type: ignore[arg-type]
        )
        if bookmark is not None and bookmark.stuck:
            self._logger.warning(
                "%d conversations are taken as final although they never ended (started more than "
                "in_progress_limit_hours ago): %s",
                bookmark.stuck,
                ", ".join(bookmark.stuck_ids)
                + (", ..." if bookmark.stuck > len(bookmark.stuck_ids) else ""),
            )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min"
        if hours
        else f"{minutes} min {rest} s"
        if minutes
        else f"{rest} s"
    )
