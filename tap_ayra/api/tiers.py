"""Ayra's documented tiers: what a limit a minute says about a day.

What a response says outranks this table; it only turns the limit in a header into the name and
the daily quota that Ayra publishes for it.
"""

from __future__ import annotations

from typing import NamedTuple


class Tier(NamedTuple):
    """A tier of Ayra's price list.

    Attributes:
        name: as Ayra calls it.
        per_day: requests a day and key.
    """

    name: str
    per_day: int


BY_LIMIT = {
    100: Tier("Free", 10_000),
    500: Tier("Professional", 50_000),
    1_000: Tier("Business", 100_000),
}
"""By requests a minute, as ``X-RateLimit-Limit`` shows them."""
