"""The sandbox's own time: days pass in it when a test says so."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

FOREVER = datetime.max.replace(tzinfo=UTC)


class SandboxClock:
    """A clock that can be set, moved on and frozen, from any thread."""

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        """Start the clock.

        Args:
            start: What the clock shows at first; the real time if not given.
            frozen: Stand still between calls of `advance` and `set`; otherwise the clock ticks
                with real time.
        """
        self._frozen = frozen
        self._lock = threading.Lock()
        self.set(start or datetime.now(UTC))

    def now(self) -> datetime:
        """Return the sandbox's time, in UTC."""
        with self._lock:
            if self._frozen:
                return self._origin
            return self._origin + timedelta(seconds=time.monotonic() - self._set_at)

    def advance(self, seconds: float) -> None:
        """Move the clock on by some seconds."""
        with self._lock:
            self._origin += timedelta(seconds=seconds)

    def set(self, moment: datetime) -> None:
        """Make the clock show a moment, from which it goes on."""
        if moment.tzinfo is None:
            message = f"The sandbox's clock needs a moment with a time zone, not {moment}."
            raise ValueError(message)
        with self._lock:
            self._origin = moment.astimezone(UTC)
            self._set_at = time.monotonic()
