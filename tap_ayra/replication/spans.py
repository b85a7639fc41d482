"""Spans of time in which conversations are counted: days in UTC, and whole months."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tap_ayra.instants import later

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Where counting begins if there never was a start date."""

DAY = timedelta(days=1)
MONTH_LENGTH = len("2026-11")
DAY_LENGTH = len("2026-11-24")


def day_name(moment: datetime) -> str:
    """Name an instant's day in UTC: ``2026-11-24``."""
    return moment.isoformat()[:DAY_LENGTH]


def month_name(moment: datetime) -> str:
    """Name an instant's month in UTC: ``2026-11``."""
    return moment.isoformat()[:MONTH_LENGTH]


def day_of(moment: datetime) -> datetime:
    """Give the midnight, in UTC, with which an instant's day began."""
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


def month_of(moment: datetime) -> datetime:
    """Give the midnight, in UTC, with which an instant's month began."""
    return datetime(moment.year, moment.month, 1, tzinfo=UTC)


def next_month(moment: datetime) -> datetime:
    """Give the midnight with which the month after an instant's begins."""
    return month_of(later(month_of(moment), 31 * DAY))


def span_bounds(span: str) -> tuple[datetime, datetime]:
    """Give the beginning of a span and of the one that follows it."""
    if len(span) == MONTH_LENGTH:
        start = datetime.strptime(span, "%Y-%m").replace(tzinfo=UTC)
        return start, next_month(start)
    start = datetime.strptime(span, "%Y-%m-%d").replace(tzinfo=UTC)
    return start, later(start, DAY)
