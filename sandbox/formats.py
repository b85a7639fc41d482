"""How the API writes moments, dates of headers, and JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Literal

TimeFormat = Literal["seconds", "fractions", "offset"]

_TWO_HOURS_EAST = timezone(timedelta(hours=2))


def timestamp(moment: datetime, time_format: TimeFormat = "seconds") -> str:
    """Write a moment as a body does."""
    if time_format == "offset":
        return moment.astimezone(_TWO_HOURS_EAST).isoformat()
    whole = f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
    if time_format == "fractions" and moment.microsecond:
        return f"{whole}.{moment.microsecond:06d}".rstrip("0") + "Z"
    return f"{whole}Z"


def http_date(moment: datetime) -> str:
    """Write a moment as a header does."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def encode(value: object) -> bytes:
    """Write a value as JSON."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a lone surrogate: JSON can carry it, as an escape only
        return json.dumps(value, separators=(",", ":")).encode()
