"""What requests will cost: minutes by the rate limit, and the share of a day's quota."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_ayra.api.tiers import BY_LIMIT
from tap_ayra.instants import format_instant
from tap_ayra.messages import forecast as messages
from tap_ayra.messages import plural

if TYPE_CHECKING:
    from datetime import datetime

    from tap_ayra.messages import Message, Text

HOUR = 60


def reading(
    start: datetime | None, end: datetime | None, count: int, *, page_size: int, limit: int | None
) -> Text:
    """Say what a sync is about to read.

    Args:
        start: the lower bound; None for all of history.
        end: the upper bound; None for now.
        count: how many conversations the API counts between them.
        page_size: conversations per request.
        limit: requests per minute; None if unknown.
    """
    return messages.READING(
        start=messages.BEGINNING() if start is None else _shown(start),
        end=messages.NOW() if end is None else _shown(end),
        count=count,
        cost=cost(pages(count, page_size), limit),
    )


def pages(count: int, page_size: int) -> int:
    """Give the number of requests that so many conversations take."""
    return max(1, -(-count // page_size))


def cost(requests: int, limit: int | None) -> str:
    """Say how many requests there will be, and how long they take by the rate limit."""
    return plural(requests, "request") + _time(requests, limit, messages.TIME)


def full_cost(requests: int, limit: int | None) -> str:
    """Say what requests cost, and which share of a day's quota that is if the tier is known."""
    return cost(requests, limit) + _share(requests, limit, messages.SHARE)


def short_cost(requests: int, limit: int | None) -> str:
    """Say the same where limit and tier have been named before."""
    time = _time(requests, limit, messages.TIME_ALONE)
    return plural(requests, "request") + time + _share(requests, limit, messages.SHARE_ALONE)


def _time(requests: int, limit: int | None, message: Message) -> str:
    if limit is None:
        return ""
    hours, minutes = divmod(round(requests / limit), HOUR)
    span = f"{hours:,} h {minutes} min" if hours else f"{minutes} min"
    text = messages.ABOUT(duration=span) if hours or minutes else messages.UNDER_A_MINUTE()
    return message(duration=text, limit=limit)


def _share(requests: int, limit: int | None, message: Message) -> str:
    tier = None if limit is None else BY_LIMIT.get(limit)
    if tier is None:
        return ""
    percent = 100 * requests / tier.per_day
    share = f"{percent:,.0f}%" if percent >= 1 else messages.UNDER_A_PERCENT()
    return message(share=share, tier=tier.name)


def _shown(moment: datetime) -> str:
    """Write an instant; one at midnight as the day that it begins."""
    return format_instant(moment).removesuffix("T00:00:00Z")
