"""The benchmark server's rate limit: so many requests in each window of fixed length."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class Limiter:
    """Counts requests by window.

    The first window begins with the whole second in which the first request comes, so that the
    reset header's whole seconds are exact and the least time possible can be worked out.
    """

    limit: int
    seconds: int
    window: int | None = None
    used: int = 0

    def take(self, now: float) -> bool:
        """Count one request; say whether it still fits into its window."""
        if self.window is None:
            self.window = math.floor(now)
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
        return (self.window or 0) + self.seconds

    def headers(self) -> str:
        """Say what a response says of the limit, as header lines."""
        return (
            f"X-RateLimit-Limit: {self.limit}\r\n"
            f"X-RateLimit-Remaining: {self.limit - self.used}\r\n"
            f"X-RateLimit-Reset: {self.reset}\r\n"
        )


def least_seconds(requests: int, limit: int, seconds: int, first: float) -> float:
    """Work out when the last of some requests can be sent at the earliest.

    Args:
        requests: How many there are.
        limit: Requests in a window.
        seconds: Length of a window.
        first: When the first request came, in seconds since 1970.

    Returns:
        Seconds after the first request.
    """
    windows = math.ceil(requests / limit)
    return 0.0 if windows <= 1 else math.floor(first) + (windows - 1) * seconds - first
