"""What one request for a page asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_ayra.instants import format_instant

if TYPE_CHECKING:
    from datetime import datetime

MOST_ZEROS = 7


@dataclass(frozen=True, slots=True)
class PageToken:
    """What one request asks for.

    Attributes:
        start: conversations that started at or after this instant; None for no lower bound.
        end: conversations that started at or before this instant; None for no upper bound.
        page: the page's number, from 1.
        again: how often this window has been asked for before. It only varies how the window is
            written, since the API serves the same URL from its cache for 60 seconds.
    """

    start: datetime | None
    end: datetime | None
    page: int = 1
    again: int = 0

    def __str__(self) -> str:
        """Say which stretch of time is asked for."""
        start = "the beginning" if self.start is None else format_instant(self.start)
        return f"{start} to {'now' if self.end is None else format_instant(self.end)}"

    def window(self, attempt: int = 0) -> dict[str, str]:
        """Write the query parameters ``start_date`` and ``end_date``, where they are set.

        Args:
            attempt: how often this very page has been asked for before.
        """
        bounds = {"start_date": self.start, "end_date": self.end}
        window = {name: format_instant(moment) for name, moment in bounds.items() if moment}
        zeros = "0" * ((self.again + attempt) % MOST_ZEROS)
        for name in list(window)[:1] if zeros else ():
            text = window[name].removesuffix("Z")
            window[name] = f"{text}{'' if '.' in text else '.'}{zeros}Z"
        return window
