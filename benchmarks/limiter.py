"""The benchmark server's rate limit: a number of requests in each window of fixed length."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class Limiter:
    """Counts requests by window.

    The first window begins with the whole second in which the first request comes, so that the
    reset header's whole seconds are exact.

    Attributes:
        limit: Requests in a window.
        seconds: Length of a window.
        began: When the first window began, in seconds since 1970; None before the first request.
        window: When the current one began.
        used: Requests counted in it.
    """

    limit: int
    seconds: int
    began: int | None = None
    window: int = 0
    used: int = 0

    def take(self, now: float) -> bool:
        """Count one request; say whether it still fits into its window."""
        if self.began is None:
            self.began = self.window = math.floor(now)
        if now >= self.window + self.seconds:
            self.window += self.seconds * int((now - self.window) // self.seconds)
            self.used = 0
        if self.used >= self.limit:
            return False
        self.used += 1
        return True

    @property
    def reset(self) -> int:
        """When the window in force ends, in seconds since 1970."""
        return self.window + self.seconds

    def headers(self) -> str:
        """Say what a response says of the limit, as header lines."""
        return (
            f"X-RateLimit-Limit: {self.limit}\r\n"
            f"X-RateLimit-Remaining: {self.limit - self.used}\r\n"
            f"X-RateLimit-Reset: {self.reset}\r\n"
        )
