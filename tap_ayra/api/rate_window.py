"""What the API's rate-limit headers have said of the current window."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tap_ayra.api.headers import LONGEST_WINDOW, WHOLE_SECOND, server_time

if TYPE_CHECKING:
    from collections.abc import Mapping

MINUTE = 60.0
SHORTEST_PERIOD = 10.0
CLOCK_DRIFT = 1.0001
"""How much faster this machine's clock may run than the server's."""


class RateWindow:
    """The current window: how many requests it has left, and when it ends.

    Every response carries ``X-RateLimit-Limit``, ``-Remaining`` and ``-Reset``. The last names
    a whole second of the server's clock, which its ``Date`` header shows in whole seconds too. So
    a window may end up to a second after the second named. Once a response has shown the next
    window, the end of that one is known better: it is no longer than a period after the moment at
    which it was first seen. That holds for windows of fixed length, whether they are aligned to
    the clock or begin with a request. Only a period that is a plain part or multiple of a minute
    is trusted: in others a second may have been lost to rounding.

    Attributes:
        limit: requests that a window allows; None if unknown.
        remaining: requests that this one has left by the lowest count heard; None if unknown.
        named_end: when the second named in the reset header begins, by this machine's monotonic
            clock; the window may be over.
        ends: when it is over for certain, by the same clock.
    """

    def __init__(self) -> None:
        """Begin with nothing known."""
        self.limit: int | None = None
        self.remaining: int | None = None
        self.named_end = 0.0
        self.ends = 0.0
        self._reset = 0.0
        self._reset_before = 0.0
        self._first_seen = 0.0
        self._offset = float("-inf")

    @property
    def probe_pays(self) -> bool:
        """Whether to keep the last request of this window until it may be over.

        That request is not refused, whichever window it falls into, and shows whether the next
        one has begun. It costs a place in this window if so, and saves the wait until the window
        is over for certain.
        """
        if self.limit is None:
            return False
        place = (self.named_end - self._first_seen) / self.limit
        return self.ends - self.named_end > place

    def begin_next(self, now: float) -> None:
        """Take the next window to have as many requests as this one had, once this one is over."""
        if self.limit is not None and now >= self.ends:
            self.remaining = self.limit

    def count_lost(self, now: float) -> None:
        """Count a request that got no response, since the API may have counted it."""
        if self.remaining and now < self.ends:
            self.remaining -= 1

    def learn(self, headers: Mapping[str, str], now: float) -> None:
        """Take in the headers of a response; nonsense is left aside.

        Args:
            headers: of any response.
            now: when it arrived, by the monotonic clock.
        """
        try:
            limit = int(headers["X-RateLimit-Limit"])
            remaining = int(headers["X-RateLimit-Remaining"])
            reset = float(headers["X-RateLimit-Reset"])
        except (KeyError, ValueError):
            return
        server = server_time(headers)
        server = time.time() if server is None else server
        same = reset == self._reset or (
            abs(reset - self._reset) <= WHOLE_SECOND
            and server < min(reset, self._reset) - WHOLE_SECOND
        )
        if same:  # a server that adds up whole seconds names one end now so, now a second later
            reset = max(reset, self._reset)
        else:
            self._offset = float("-inf")
        self._offset = max(self._offset, server - now)
        named_end = reset - self._offset
        ends = named_end + WHOLE_SECOND
        if limit < 1 or not 0 <= remaining <= limit or not 0 < ends - now < LONGEST_WINDOW:
            return
        if not same:
            if reset < self._reset and now < self.ends:
                return  # of the window before
            self._reset_before, self._first_seen = self._reset, now
        elif limit == self.limit and self.remaining is not None:
            remaining = min(remaining, self.remaining)
        period = reset - self._reset_before
        if period >= SHORTEST_PERIOD and (MINUTE % period == 0 or period % MINUTE == 0):
            ends = min(ends, self._first_seen + period * CLOCK_DRIFT)
        self.limit, self.remaining = limit, remaining
        self._reset, self.named_end, self.ends = reset, named_end, ends
