"""How long to wait before a request is made again, and when to give up."""

from __future__ import annotations

import random
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from tap_ayra.api.rate_limit import LONGEST_WAIT, said_wait
from tap_ayra.errors import PageFailedError, PageMismatchError, QuotaExhaustedError, TapAyraError

if TYPE_CHECKING:
    from collections.abc import Generator

    from singer_sdk.exceptions import RetriableAPIError

PATIENCE = 5 * 60.0
"""Seconds without one good answer after which a sync gives up; waits that the server asked for
are not counted."""

LONGEST_OWN_WAIT = 60.0
QUICK_RETRIES = 2
TOO_MANY = HTTPStatus.TOO_MANY_REQUESTS

ASK_AYRA = "If it stays so, ask Ayra, and report it as a fault of tap-ayra where they see none."
LATER = "The state written so far is good: the next run goes on where this one stopped."


class Patience:
    """Waits between the tries of all threads of a sync, and when to stop trying.

    The server's word (``Retry-After``, the reset header) comes first; such waits may add up to
    `LONGEST_WAIT` in a row. Otherwise the waits double from one second to `LONGEST_OWN_WAIT`,
    with jitter, so that together they outlast a rate window of a minute. An answer that is JSON
    but does not add up is asked for twice more within seconds.
    """

    def __init__(self, *, max_tries: int | None = None) -> None:
        """Start the clock.

        Args:
            max_tries: how often one request is made at most; None for no bound but time.
        """
        self._max_tries = max_tries
        self._lock = threading.Lock()
        self._failing_since: float | None = None
        self._said_since: float | None = None
        self._said_until = 0.0
        self._said_total = 0.0

    def good_answer(self) -> None:
        """Note that a request succeeded: all patience is new."""
        with self._lock:
            self._failing_since = self._said_since = None
            self._said_total = 0.0

    def waits(self) -> Generator[float, RetriableAPIError, None]:
        """The waits of one request, in the form of a wait generator of `backoff`.

        Yields:
            Seconds to wait, given the error of the last try.

        Raises:
            TapAyraError: when it is time to give up; the text says why.
        """
        error = yield 0.0
        tries = 1
        mismatches = 0
        while True:
            self._failing_for()
            if self._max_tries and tries >= self._max_tries:
                raise TapAyraError(str(error)) from None
            if isinstance(error, PageMismatchError):
                mismatches += 1
                if mismatches > QUICK_RETRIES:
                    msg = f"{error}\nIt was asked for {tries} times. {ASK_AYRA}"
                    raise PageFailedError(msg) from None
                wait = random.uniform(0.5, 1.5)  # noqa: S311
            else:
                wait = self._said(error) or self._own(error, tries)
            error = yield wait
            tries += 1

    def _failing_for(self) -> float:
        """Seconds since the first failure after the last good answer, less what the server said."""
        now = time.monotonic()
        with self._lock:
            self._failing_since = now if self._failing_since is None else self._failing_since
            return now - self._failing_since - self._said_total

    def _said(self, error: RetriableAPIError) -> float | None:
        wait = None if error.response is None else said_wait(error.response.headers)
        if wait is None:
            return None
        now = time.monotonic()
        with self._lock:
            until = max(self._said_until, now + wait)
            since = now if self._said_since is None else self._said_since
            if until - since > LONGEST_WAIT:
                limited = error.response is not None and error.response.status_code == TOO_MANY
                raise QuotaExhaustedError(until - now, limited=limited) from None
            self._said_total += until - max(now, self._said_until)
            self._said_since, self._said_until = since, until
        return wait

    def _own(self, error: RetriableAPIError, tries: int) -> float:
        wait = min(LONGEST_OWN_WAIT, 2.0 ** (tries - 1)) * random.uniform(0.75, 1.25)  # noqa: S311
        waited = self._failing_for()
        if waited + wait > PATIENCE:
            msg = f"{error}\nThere was no good answer for {waited / 60:.1f} minutes. {LATER}"
            raise TapAyraError(msg) from None
        return wait
