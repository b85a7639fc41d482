"""How long to wait before a request is made again, and when to give up."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from tap_ayra.errors import (
    NotJSONError,
    PageFailedError,
    PageMismatchError,
    QuotaExhaustedError,
    TapAyraError,
)
from tap_ayra.messages import api as messages
from tap_ayra.patience import (
    LONGEST_OWN_WAIT,
    LONGEST_SERVER_WAIT,
    QUICK_RETRIES,
    QUICK_WAIT,
    TEST_TIMEOUT,
    WITHOUT_SUCCESS,
)

if TYPE_CHECKING:
    from tap_ayra.errors import TransientError


@dataclass(slots=True)
class Attempts:
    """How often one request has failed so far.

    Attributes:
        failed: in any way.
        inconsistent: because the response did not add up.
        problem: why the last response was not JSON, if it was complete.
        same: how many complete responses in a row were not JSON for that very reason.
    """

    failed: int = 0
    inconsistent: int = 0
    problem: str | None = None
    same: int = 0

    def count(self, error: TransientError) -> bool:
        """Count a failed attempt.

        Returns:
            Whether the API is the cause: the response does not add up, or is complete and not
            JSON.
        """
        self.failed += 1
        if isinstance(error, PageMismatchError):
            self.inconsistent += 1
            return True
        problem = error.problem if isinstance(error, NotJSONError) else None
        self.same = self.same + 1 if problem == self.problem else 1
        self.problem = problem
        return problem is not None

    @property
    def exhausted(self) -> bool:
        """Whether the quick retries are used up."""
        wrong = self.same if self.problem else 0
        return max(self.inconsistent, wrong) > QUICK_RETRIES


class Patience:
    """Decides on the waits between the attempts of all threads, and when to stop trying.

    The server's word comes first; such waits may add up to `LONGEST_SERVER_WAIT` in a row. A
    response that does not add up, or is complete but the same broken JSON each time, is requested
    again within seconds, `QUICK_RETRIES` times. All other waits double, with jitter, until there
    was no successful response for `WITHOUT_SUCCESS`.
    """

    def __init__(self, *, max_tries: int | None = None) -> None:
        """Start with all patience.

        Args:
            max_tries: how often one request is made at most; None for no bound but time.
        """
        self._max_tries = max_tries
        self._lock = threading.Lock()
        self._failing_since: float | None = None
        self._asked_since: float | None = None
        self._asked_until = 0.0
        self._asked_total = 0.0

    def succeeded(self) -> None:
        """Reset the patience after a successful response."""
        with self._lock:
            self._failing_since = self._asked_since = None
            self._asked_total = 0.0

    def wait_after(self, error: TransientError, attempts: Attempts) -> float:
        """Count a failed attempt and give the seconds to wait before the next one.

        Args:
            error: what it failed with.
            attempts: of the same request.

        Raises:
            TapAyraError: if it is time to give up; the text says why.
        """
        wrong = attempts.count(error)
        waited = self._failing_for()
        if self._max_tries:
            self._allow_in_a_test(error, attempts)
        if wrong:
            if attempts.exhausted:
                gave_up = messages.GAVE_UP(attempts=attempts.failed)
                raise PageFailedError(error.lines[0], gave_up, *error.lines[1:]) from None
            return random.uniform(*QUICK_WAIT)  # noqa: S311
        if error.retry_after is not None:
            self._allow(error.retry_after, limited=error.status == HTTPStatus.TOO_MANY_REQUESTS)
            return error.retry_after
        doubled = min(LONGEST_OWN_WAIT, 2.0 ** (attempts.failed - 1))
        wait = doubled * random.uniform(0.75, 1.25)  # noqa: S311
        if waited + wait > WITHOUT_SUCCESS:
            raise TapAyraError(*error.lines, messages.NO_SUCCESS(minutes=waited / 60)) from None
        return wait

    def _allow_in_a_test(self, error: TransientError, attempts: Attempts) -> None:
        """Refuse what someone who waits for a connection test should not have to wait for."""
        wait = error.retry_after or 0.0
        if wait > LONGEST_SERVER_WAIT:
            limited = error.status == HTTPStatus.TOO_MANY_REQUESTS
            raise QuotaExhaustedError(wait, limited=limited) from None
        if attempts.failed >= (self._max_tries or 0) or wait > TEST_TIMEOUT:
            raise TapAyraError(*error.lines) from None

    def _failing_for(self) -> float:
        """Seconds since the first failure after a success, less what the server asked for."""
        now = time.monotonic()
        with self._lock:
            self._failing_since = now if self._failing_since is None else self._failing_since
            return now - self._failing_since - self._asked_total

    def _allow(self, wait: float, *, limited: bool) -> None:
        """Count a wait that the server asked for, unless all in a row would be too long."""
        now = time.monotonic()
        with self._lock:
            until = max(self._asked_until, now + wait)
            since = now if self._asked_since is None else self._asked_since
            if until - since > LONGEST_SERVER_WAIT:
                raise QuotaExhaustedError(until - now, limited=limited) from None
            self._asked_total += until - max(now, self._asked_until)
            self._asked_since, self._asked_until = since, until
