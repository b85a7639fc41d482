"""Pacing by what the API's rate limit headers say."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from tap_ayra.api.headers import WHOLE_SECOND
from tap_ayra.api.rate_window import RateWindow
from tap_ayra.errors import QuotaExhaustedError
from tap_ayra.messages import api as messages
from tap_ayra.patience import LONGEST_SERVER_WAIT

if TYPE_CHECKING:
    from collections.abc import Mapping

A_MOMENT = 0.05
"""Seconds to wait for other threads to want a request, too, if there are more to make."""

SPREAD_PLACES = 6
"""Number of a window's last requests that are spread over a second.

With the default `concurrency` that leaves one for the window's end and one that has to wait."""

SPREAD = WHOLE_SECOND / SPREAD_PLACES
"""Seconds between two of them."""


class RateLimiter:
    """Lets requests start while the current window has room for them; for all threads.

    A request may start while fewer are under way than the window has left, so others who use
    the same key are counted as well. If more requests are wanted than the window has room for, its
    last ones show when it ends, if that pays. `SPREAD_PLACES` of them start evenly over a second.
    Their ``Date`` shows when a second of the server's clock begins, even if responses are fast.
    The very last one waits until the window may be over, and shows whether it is. Once the window
    is over, the next one's limit is taken to be the same until a response says otherwise. If the
    headers are missing or nonsense, nothing is held back.

    Until the first response one request may be under way, since nothing is known yet.

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
        self._last_start = 0.0
        self._wanting = 0
        self._under_way = 0
        self._any_response = False
        self._window = RateWindow()
        self._paused_until = 0.0
        self._logged_until = 0.0

    @property
    def remaining(self) -> int | None:
        """How many requests the window has left by the last responses; None if unknown."""
        return self._window.remaining

    @property
    def limit(self) -> int | None:
        """How many requests a window allows by the last responses; None if unknown."""
        return self._window.limit

    def starts_at_once(self) -> bool:
        """Whether the window has room for a request that is none of its last, as far as known."""
        with self._changed:
            now = time.monotonic()
            self._window.begin_next(now)
            room = self._room
            return (room is None or room > SPREAD_PLACES + 1) and self._paused_until <= now

    def acquire(self) -> None:
        """Wait until a request may start, and count it as under way.

        Raises:
            QuotaExhaustedError: if that takes longer than `LONGEST_SERVER_WAIT`.
            BaseException: what `close` was called with.
        """
        with self._changed:
            self._wanting += 1
        try:
            self._acquire()
        finally:
            with self._changed:
                self._wanting -= 1

    def _acquire(self) -> None:
        alone = False
        while True:
            with self._changed:
                if self._closed:
                    raise self._closed
                if not alone and self._is_kept and not self._more_wanted:
                    alone = not self._changed.wait(timeout=A_MOMENT)
                    continue
                wait = self._wait()
                if wait is None:
                    self._changed.wait(timeout=WHOLE_SECOND)
                    continue
                if wait <= 0:
                    self.started += 1
                    self._last_start = time.monotonic()
                    self._under_way += 1
                    return
                if wait > LONGEST_SERVER_WAIT:
                    raise QuotaExhaustedError(wait)
                self._log_wait(wait)
            time.sleep(wait)

    def release(self, headers: Mapping[str, str] | None) -> None:
        """Count a request as over and learn from its response.

        Args:
            headers: of the response; None if there was none.
        """
        with self._changed:
            self._under_way -= 1
            if headers is not None:
                self._any_response = True
                self._window.learn(headers, time.monotonic())
            else:
                self._window.count_lost(time.monotonic())
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Let no request start for so many seconds, since the server asked for it.

        The caller has logged it.
        """
        with self._changed:
            self._paused_until = max(self._paused_until, time.monotonic() + seconds)
            self._logged_until = max(self._logged_until, self._paused_until)

    def close(self, error: BaseException) -> None:
        """Let no more requests start; every thread that waits to start one gets the error."""
        with self._changed:
            self._closed = self._closed or error
            self._changed.notify_all()

    @property
    def _room(self) -> int | None:
        """How many requests may start in this window; None if unknown."""
        remaining = self._window.remaining
        return None if remaining is None else remaining - self._under_way

    @property
    def _is_kept(self) -> bool:
        """Whether the next place is one of the window's last, and it pays to keep those."""
        room, window = self._room, self._window
        return (
            room is not None
            and 0 < room <= SPREAD_PLACES + 1
            and window.probe_pays
            and time.monotonic() < window.named_end
        )

    @property
    def _more_wanted(self) -> bool:
        """Whether more requests are wanted than the window has room for."""
        return self._wanting > (self._room or 0)

    def _wait(self) -> float | None:
        """Seconds until a request may start; None if a response has to come first."""
        now = time.monotonic()
        if self._paused_until > now:
            return self._paused_until - now
        if not self._any_response:
            return None if self._under_way else 0.0
        window = self._window
        window.begin_next(now)
        room = self._room
        kept = self._is_kept and self._more_wanted
        if room is None or (room > 0 and not kept):
            return 0.0
        if room > 1:
            spread = now < window.named_end - 2 * WHOLE_SECOND
            return max(self._last_start + SPREAD - now, 0.0) if spread else 0.0
        if window.remaining and self._under_way:
            return None
        return max((window.named_end if kept else window.ends) - now, 0.001)

    def _log_wait(self, wait: float) -> None:
        until = time.monotonic() + wait
        if wait > 2 * SPREAD and until > self._logged_until + WHOLE_SECOND:
            self._logged_until = until
            messages.WAITING(seconds=wait).log(self._logger)
