"""What people read while a sync runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tap_ayra.messages import output as messages
from tap_ayra.messages import plural

if TYPE_CHECKING:
    import logging

INTERVAL = 10.0
"""Seconds between two lines of progress."""


class Progress:
    """Logs a sync's progress every `INTERVAL` seconds."""

    def __init__(self, logger: logging.Logger, noun: str) -> None:
        """Start the clock.

        Args:
            logger: where progress is logged.
            noun: what one of the things counted is called.
        """
        self._logger = logger
        self._nouns = f"{noun}s"
        self._began = self._logged = time.monotonic()
        self._delivered = 0

    def page(self, delivered: int, counted: int, remaining: int | None) -> None:
        """Count a page, and log the progress if it is time.

        Args:
            delivered: how many of the page went to the target.
            counted: how many there are in all.
            remaining: requests left in the rate-limit window; None if unknown.
        """
        self._delivered += delivered
        now = time.monotonic()
        if now - self._logged < INTERVAL:
            return
        self._logged = now
        rate = self._delivered / (now - self._began)
        left = max(counted - self._delivered, 0) / rate if rate else 0.0
        known = messages.LIMIT_KNOWN(requests=plural(remaining or 0, "request"))
        messages.PROGRESS(
            delivered=self._delivered,
            counted=counted,
            noun=self._nouns,
            percent=100 * self._delivered / max(counted, self._delivered, 1),
            rate=rate,
            left=duration(left),
            limit=messages.LIMIT_UNKNOWN() if remaining is None else known,
        ).log(self._logger)


def duration(seconds: float) -> str:
    """Write a length of time in its two largest units: ``1 h 43 min``, ``1 min 14 s``, ``9 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
