"""Timestamps as instants: read from ISO 8601, compared as moments, written in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_IN_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", re.ASCII)
_LINES_IN_UTC = re.compile(rf"(?:{_IN_UTC.pattern}\n)*", re.ASCII)
_FRACTION = re.compile(r"[.,]\d+")


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 date or date-time.

    Args:
        text: for example ``2025-01-15T14:30:00Z``, ``2025-01-15T16:30:00.5+02:00`` or
            ``2025-01-15`` (midnight). Without an offset it is taken as UTC.

    Returns:
        The instant, aware, to the microsecond (finer digits are cut off).

    Raises:
        ValueError: if the text is no such date, or one that no calendar in UTC holds.
    """
    if len(text) > len("20250115") and text.isdigit():
        msg = f"{text!r} is a number, not a date-time"
        raise ValueError(msg)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        msg = f"{text!r} lies outside the calendar"
        raise ValueError(msg) from error


def instants_in_utc(texts: list[str | None]) -> list[datetime] | None:
    """Read ISO 8601 date-times that are all in UTC and say so, at once; None if one is not."""
    try:
        moments = list(map(datetime.fromisoformat, texts))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return moments if {moment.tzinfo for moment in moments} == {UTC} else None


def format_instant(moment: datetime) -> str:
    """Write an instant in UTC with ``Z``, fractions of a second only where there are any."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def are_utc_texts(texts: Collection[str]) -> bool:
    """Tell whether all texts are ISO 8601 date-times in UTC with ``Z``, as `utc_text` has them."""
    if not _LINES_IN_UTC.fullmatch("\n".join([*texts, ""])):
        return False
    try:
        list(map(datetime.fromisoformat, texts))
    except ValueError:
        return False
    return True


def utc_text(text: str) -> str:
    """Rewrite an ISO 8601 date-time in UTC with ``Z``, every digit of its fraction kept.

    Targets drop offsets, so ``16:30:00+02:00`` has to leave the tap as ``14:30:00Z``. Text
    that is in that form already comes back unchanged.

    Raises:
        ValueError: as in `parse_instant`.
    """
    if _IN_UTC.fullmatch(text):
        datetime.fromisoformat(text)
        return text
    moment = parse_instant(text)
    fraction = _FRACTION.search(text)
    return format_instant(whole_second(moment))[:-1] + (
        fraction[0].replace(",", ".") + "Z" if fraction else "Z"
    )


def whole_second(moment: datetime) -> datetime:
    """Round an instant down to the whole second."""
    return moment.replace(microsecond=0)


def later(moment: datetime, span: timedelta) -> datetime:
    """Add a span, stopping at the calendar's last moment where it reaches further."""
    try:
        return moment + span
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def earlier(moment: datetime, span: timedelta) -> datetime:
    """Subtract a span, stopping at the calendar's first day where it reaches further back."""
    try:
        return moment - span
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)
