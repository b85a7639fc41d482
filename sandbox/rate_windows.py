"""The API's rate limits: fixed windows for each key, aligned to the clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

DAY = 86_400.0


@dataclass(frozen=True)
class Allowance:
    """What a key may still ask for in the window that matters most to it.

    Attributes:
        limit: Requests that the window allows.
        remaining: Requests that are left in it.
        reset: When the next window begins, in Unix seconds, rounded up.
        refused: Whether this request came past the limit.
    """

    limit: int
    remaining: int
    reset: int
    refused: bool


@dataclass
class RateWindows:
    """Counts each key's requests in the current window of each length."""

    _counts: dict[tuple[str, float], tuple[int, int]] = field(default_factory=dict)

    def take(
        self, key: str, now: datetime, limits: Sequence[tuple[int, float]]
    ) -> Allowance | None:
        """Count one request against limits of so many requests in so many seconds each.

        Return the first limit's allowance, or that of the longest window that refuses it; None
        where there is no limit. A refused request takes nothing from any window.
        """
        unix = now.timestamp()
        seen = []
        for limit, seconds in limits:
            window = math.floor(unix / seconds)
            last, count = self._counts.get((key, seconds), (window, 0))
            count = count if last == window else 0
            seen.append((limit, seconds, window, count))
        full = [entry for entry in seen if entry[3] >= entry[0]]
        if not full:
            for _, seconds, window, count in seen:
                self._counts[key, seconds] = (window, count + 1)
        if not seen:
            return None
        limit, seconds, window, count = full[-1] if full else seen[0]
        remaining = 0 if full else limit - count - 1
        return Allowance(limit, remaining, math.ceil((window + 1) * seconds), bool(full))
