"""How the API writes moments, dates of headers, and JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from email.utils import formatdate
from functools import lru_cache
from typing import Literal

import msgspec

TimeFormat = Literal["seconds", "fractions", "offset"]

_WHOLE_SECONDS = len("2025-01-15T14:30:00")
_ENCODER = msgspec.json.Encoder()
_TWO_HOURS_EAST = timezone(timedelta(hours=2))


def timestamp(moment: datetime, time_format: TimeFormat = "seconds") -> str:
    """Write a moment as a body does."""
    if time_format == "offset":
        return moment.astimezone(_TWO_HOURS_EAST).isoformat()
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    whole = moment.isoformat(timespec="seconds")[:_WHOLE_SECONDS]
    if time_format == "fractions" and moment.microsecond:
        return f"{whole}.{moment.microsecond:06d}".rstrip("0") + "Z"
    return f"{whole}Z"


def http_date(moment: datetime) -> str:
    """Write a moment as a header does."""
    return _http_date(int(moment.timestamp()))


@lru_cache(maxsize=256)
def _http_date(unix: int) -> str:
    return formatdate(unix, usegmt=True)


def encode_clean(value: object) -> bytes:
    """Write a value without NaN and infinity as JSON, quickly."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return encode(value)


def encode(value: object) -> bytes:
    """Write a value as JSON, however odd."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a lone surrogate: JSON can carry it, as an escape only
        return json.dumps(value, separators=(",", ":")).encode()
