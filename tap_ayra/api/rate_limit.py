"""Pacing by what the API's rate limit headers say."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from tap_ayra.api.headers import LONGEST_WINDOW, WHOLE_SECOND, server_time
from tap_ayra.errors import QuotaExhaustedError
from tap_ayra.messages import api as messages
from tap_ayra.patience import LONGEST_SERVER_WAIT

if TYPE_CHECKING:
    from collections.abc import Mapping


class RateLimiter:
    """Lets requests start while the current window has room for them; for all threads.

    Every response carries ``X-RateLimit-Limit``, ``-Remaining`` and ``-Reset`` (Unix seconds by
    the server's clock, which its ``Date`` header shows). A request may start while fewer are
    under way than the window has left, by the lowest count that a response of this window has
    given; so others who use the same key are counted as well. Once the window is over, the
    next one's limit is taken to be the same until a response says otherwise. Where the headers
    are missing or nonsense nothing is held back.

    Until the first answer one request may be under way, since nothing is known yet.

    Attributes:
        started: how many requests have been let start.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        """Begin with nothing known.

        Args:
            logger: gets one INFO line for each wait.
        """
        self._logger = logger or logging.getLogger(__name__)
        self._changed = threading.Condition()
        self._closed: BaseException | None = None
        self.started = 0
        self._under_way = 0
        self._answered = False
        self._limit: int | None = None
        self._remaining: int | None = None
        self._reset = 0.0
        self._reset_header = 0.0
        self._offset = float("-inf")
        self._paused_until = 0.0
        self._told_until = 0.0

    @property
    def remaining(self) -> int | None:
        """How many requests the window has left by the last answers; None where unknown."""
        return self._remaining

    def acquire(self) -> None:
        """Wait until a request may start, and count it as under way.

        Raises:
            QuotaExhaustedError: if that takes longer than `LONGEST_SERVER_WAIT`.
            BaseException: what `close` was called with.
        """
        while True:
            with self._changed:
                if self._closed:
                    raise self._closed
                wait = self._wait()
                if wait is None:
                    self._changed.wait(timeout=WHOLE_SECOND)
                    continue
                if wait <= 0:
                    self.started += 1
                    self._under_way += 1
                    return
                if wait > LONGEST_SERVER_WAIT:
                    raise QuotaExhaustedError(wait)
                self._tell(wait)
            time.sleep(wait)

    def release(self, headers: Mapping[str, str] | None) -> None:
        """Count a request as over and learn from its answer.

        Args:
            headers: those of the response; None where there was none.
        """
        with self._changed:
            self._under_way -= 1
            if headers is not None:
                self._answered = True
                self._learn(headers)
            elif self._remaining and time.monotonic() < self._reset:
                self._remaining -= 1  # it may have been counted all the same
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Let no request start for so many seconds, since the server asked for it.

        The caller has logged it.
        """
        with self._changed:
            self._paused_until = max(self._paused_until, time.monotonic() + seconds)
            self._told_until = max(self._told_until, self._paused_until)

    def close(self, error: BaseException) -> None:
        """Let no request start any more; whoever waits for one gets the error."""
        with self._changed:
            self._closed = self._closed or error
            self._changed.notify_all()

    def _wait(self) -> float | None:
        """Seconds until a request may start; None where an answer has to come first."""
        now = time.monotonic()
        if self._paused_until > now:
            return self._paused_until - now
        if not self._answered:
            return None if self._under_way else 0.0
        if self._limit is None or self._remaining is None:
            return 0.0
        if now >= self._reset and self._remaining < self._limit:
            self._remaining = self._limit
        if self._under_way < max(self._remaining, 0):
            return 0.0
        if self._remaining > 0 and self._under_way:
            return None
        return max(self._reset - now, 0.001)

    def _tell(self, wait: float) -> None:
        until = time.monotonic() + wait
        if until > self._told_until + WHOLE_SECOND:
            self._told_until = until
            messages.WAITING(seconds=wait).log(self._logger)

    def _learn(self, headers: Mapping[str, str]) -> None:
        try:
            limit = int(headers["X-RateLimit-Limit"])
            remaining = int(headers["X-RateLimit-Remaining"])
            reset = float(headers["X-RateLimit-Reset"])
        except (KeyError, ValueError):
            return
        now, server = time.monotonic(), server_time(headers)
        server = time.time() if server is None else server
        same = reset == self._reset_header or (
            abs(reset - self._reset_header) <= WHOLE_SECOND
            and server < min(reset, self._reset_header) - WHOLE_SECOND
        )
        if same:  # a server that adds up whole seconds names one end now so, now a second later
            reset = max(reset, self._reset_header)
        else:
            self._offset = float("-inf")
        self._offset = max(self._offset, server - now)
        # The window may end up to a second after the whole second that the header names.
        ends = reset - self._offset + WHOLE_SECOND
        if limit < 1 or not 0 <= remaining <= limit or not 0 < ends - now < LONGEST_WINDOW:
            return
        if not same and reset < self._reset_header and now < self._reset:
            return
        if same and limit == self._limit and self._remaining is not None:
            remaining = min(remaining, self._remaining)
        self._limit, self._remaining = limit, remaining
        self._reset_header, self._reset = reset, ends
