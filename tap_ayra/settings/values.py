"""The settings, parsed into the types that they are used in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from tap_ayra.instants import parse_instant
from tap_ayra.redaction import confidential

if TYPE_CHECKING:
    from collections.abc import Mapping

FIXED_FILTERS = ("agent_id", "caller")
"""Filters on what never changes during or after a call."""

CHANGING_FILTERS = (
    "status",
    "sentiment",
    "outcome",
    "min_duration",
    "max_duration",
    "has_recording",
    "has_transcript",
    "search",
    "topic",
)
"""Filters that hide a conversation that does not match yet."""

LONGEST_TIMEOUT = 86400.0
"""Seconds: what comes near a century is more than a socket can wait."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in the types that they are used in. See `SETTINGS` for their meanings.

    Attributes:
        filters: query parameters that narrow the conversations down, as the API takes them.
        hides_changing: whether a filter is set that hides what does not match yet.
        confidential: values that nobody should read in logs and messages.
    """

    api_key: str
    api_url: str
    start_date: datetime | None
    end_date: datetime | None
    filters: Mapping[str, str]
    hides_changing: bool
    confidential: tuple[str, ...]
    page_size: int
    concurrency: int
    settling: timedelta
    in_progress_limit: timedelta
    lookback: timedelta
    request_timeout: float
    user_agent: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Parse a configuration that has been found valid."""
        filters = {
            name: _query_text(config[name])
            for name in (*FIXED_FILTERS, *CHANGING_FILTERS)
            if config.get(name) is not None
        }
        return cls(
            api_key=config["api_key"],
            api_url=config["api_url"],
            start_date=_instant(config.get("start_date")),
            end_date=_instant(config.get("end_date")),
            filters=filters,
            hides_changing=any(name in filters for name in CHANGING_FILTERS),
            confidential=confidential(config),
            page_size=config["page_size"],
            concurrency=config["concurrency"],
            settling=_span(config["settling_minutes"] * 60),
            in_progress_limit=_span(config["in_progress_limit_hours"] * 3600),
            lookback=_span(config["lookback_days"] * 86400),
            request_timeout=min(config["request_timeout"], LONGEST_TIMEOUT),
            user_agent=config.get("user_agent")
            or f"tap-ayra/{version('tap-ayra')} singer-sdk/{version('singer-sdk')}",
        )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)


def _span(seconds: float) -> timedelta:
    """A span of time, at most the longest there is."""
    return timedelta(seconds=min(seconds, timedelta.max.total_seconds() // 2))


def _query_text(value: Any) -> str:  # noqa: ANN401
    return str(value).lower() if isinstance(value, bool) else str(value)
