"""What people read while a sync runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tap_ayra.messages import output as messages
from tap_ayra.messages import plural
from tap_ayra.output.live_line import LiveLine, Shown

if TYPE_CHECKING:
    import logging

    from tap_ayra.messages import Text

INTERVAL = 10.0
"""Seconds between two lines of progress."""


class Progress:
    """Shows how far a sync is: a live line in a terminal, else a line every `INTERVAL` seconds."""

    def __init__(self, logger: logging.Logger, noun: str) -> None:
        """Start the clock.

        Args:
            logger: where progress is logged.
            noun: what one of the things counted is called.
        """
        self._logger = logger
        self._nouns = f"{noun}s"
        self._began = self._logged = time.monotonic()
        self._delivered = self._counted = 0
        self._remaining: int | None = None
        self._line: LiveLine | None = None

    def page(self, delivered: int, counted: int, remaining: int | None) -> None:
        """Count a page, and show the progress if it is time.

        Args:
            delivered: how many of the page went to the target.
            counted: how many there are in all.
            remaining: requests left in the rate-limit window; None if unknown.
        """
        self._delivered += delivered
        self._counted, self._remaining = counted, remaining
        if self._line is None and LiveLine.is_possible():
            self._line = LiveLine(self._shown)
        if self._line is None and time.monotonic() - self._logged >= INTERVAL:
            self._logged = time.monotonic()
            self._text().log(self._logger)

    def close(self) -> None:
        """Take the live line away, if there is one."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _shown(self) -> Shown:
        return Shown(self._text(), self._delivered, max(self._counted, self._delivered))

    def _text(self) -> Text:
        counted, remaining = self._counted, self._remaining
        elapsed = time.monotonic() - self._began
        rate = self._delivered / elapsed if elapsed else 0.0
        left = max(counted - self._delivered, 0) / rate if rate else 0.0
        known = messages.LIMIT_KNOWN(requests=plural(remaining or 0, "request"))
        return messages.PROGRESS(
            delivered=self._delivered,
            counted=counted,
            noun=self._nouns,
            percent=100 * self._delivered / max(counted, self._delivered, 1),
            rate=rate,
            left=duration(left),
            limit=messages.LIMIT_UNKNOWN() if remaining is None else known,
        )


def duration(seconds: float) -> str:
    """Write a length of time in its two largest units: ``1 h 43 min``, ``1 min 14 s``, ``9 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
