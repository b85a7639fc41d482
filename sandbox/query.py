"""The query parameters: what they may be, and which conversations they choose."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.call import Call
from sandbox.errors import bad_choice, bad_date, bad_value

STATUSES = ("in_progress", "completed", "failed", "abandoned")
SENTIMENTS = ("positive", "neutral", "negative")
SORT_FIELDS = ("start_time", "duration", "sentiment")
SORT_ORDERS = ("asc", "desc")
LARGEST_PAGE = 100
_BOOLEANS = ("true", "false")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_E164 = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)

Row = Mapping[str, Any]
Condition = Callable[[Call, Row], bool]


@dataclass(frozen=True)
class ListQuery:
    """What a request for conversations asks for."""

    page: int
    per_page: int
    sort_by: str
    descending: bool
    since: datetime | None
    until: datetime | None
    conditions: tuple[Condition, ...]

    def fitting(self, calls: Iterable[Call], now: datetime) -> list[Call]:
        """Return the calls that fit every filter at a moment, dates aside."""
        candidates = [(call, call.row(now)) for call in calls]
        for fits in self.conditions:
            candidates = [(call, row) for call, row in candidates if fits(call, row)]
        return [call for call, _ in candidates]


def parse(params: Mapping[str, str], *, dates_keep_fractions: bool = True) -> ListQuery:
    """Read the parameters of a request, or raise the API's error for the first bad one."""
    since, until = (
        _date(params, name, keep_fractions=dates_keep_fractions)
        for name in ("start_date", "end_date")
    )
    page, per_page = _number(params, "page", 1, 1), _number(params, "per_page", 25, 1)
    sort_by = choice(params, "sort_by", SORT_FIELDS) or "start_time"
    sort_order = choice(params, "sort_order", SORT_ORDERS) or "desc"
    return ListQuery(
        page=page,
        per_page=min(per_page, LARGEST_PAGE),
        sort_by=sort_by,
        descending=sort_order == "desc",
        since=since,
        until=until,
        conditions=tuple(
            make(params, name) for name, make in _CONDITIONS.items() if name in params
        ),
    )


def _date(params: Mapping[str, str], name: str, *, keep_fractions: bool) -> datetime | None:
    if name not in params:
        return None
    try:
        moment = datetime.fromisoformat(params[name])
        # Compared in UTC, so that an offset at the edge of the calendar is caught here too.
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_date(name) from None
    return moment if keep_fractions else moment.replace(microsecond=0)


def _number(params: Mapping[str, str], name: str, default: int, least: int) -> int:
    if name not in params:
        return default
    if not _WHOLE_NUMBER.fullmatch(params[name]) or int(params[name]) < least:
        raise bad_value(name, f"an integer of at least {least}")
    return int(params[name])


def choice(params: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str | None:
    """Read a parameter that can have one of a few values; None if it is not given."""
    value = params.get(name)
    if value is not None and value not in choices:
        raise bad_choice(name, choices)
    return value


def flag(params: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    """Read a parameter that is true or false."""
    if name not in params:
        return default
    # The contract's Python example sends True, which requests writes with a capital.
    value = params[name].lower()
    if value not in _BOOLEANS:
        raise bad_choice(name, _BOOLEANS)
    return value == "true"


def _same(params: Mapping[str, str], name: str) -> Condition:
    wanted = params[name]
    return lambda _, row: bool(row[name] == wanted)


def _one_of(choices: tuple[str, ...]) -> Callable[[Mapping[str, str], str], Condition]:
    def make(params: Mapping[str, str], name: str) -> Condition:
        choice(params, name, choices)
        return _same(params, name)

    return make


def _caller(params: Mapping[str, str], name: str) -> Condition:
    wanted = params[name]
    if not _E164.fullmatch(wanted):
        raise bad_value(name, "a phone number in E.164 format")
    return lambda _, row: bool(row["caller_number"] == wanted)


def _duration(params: Mapping[str, str], name: str) -> Condition:
    bound = _number(params, name, 0, 0)

    def within(_: Call, row: Row) -> bool:
        seconds = row["duration"]
        if not isinstance(seconds, int | float):
            return False
        return seconds >= bound if name == "min_duration" else seconds <= bound

    return within


def _flag(params: Mapping[str, str], name: str) -> Condition:
    wanted = flag(params, name)
    return lambda _, row: row[name] is wanted


def _search(params: Mapping[str, str], name: str) -> Condition:
    words = params[name].casefold().split()

    def found(call: Call, row: Row) -> bool:
        said = call.said if row["has_transcript"] else ""
        text = f"{row['summary'] or ''}\n{said}".casefold()
        return all(word in text for word in words)

    return found


def _topic(params: Mapping[str, str], name: str) -> Condition:
    wanted = params[name].casefold()
    return lambda _, row: wanted in [str(topic).casefold() for topic in row["topics"] or ()]


_CONDITIONS: dict[str, Callable[[Mapping[str, str], str], Condition]] = {
    "agent_id": _same,
    "status": _one_of(STATUSES),
    "sentiment": _one_of(SENTIMENTS),
    "outcome": _same,
    "caller": _caller,
    "min_duration": _duration,
    "max_duration": _duration,
    "has_recording": _flag,
    "has_transcript": _flag,
    "search": _search,
    "topic": _topic,
}
