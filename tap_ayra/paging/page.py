"""One page of conversations: what is asked for, and the answer once it has been checked.

The shapes are those of ``GET /v1/conversations`` (its query parameters and its ``data`` and
``meta``). An answer that does not add up is never taken for the end of the stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from tap_ayra.api.decoding import CLEAN, Replaced, decode
from tap_ayra.errors import PageMismatchError
from tap_ayra.instants import format_instant, parse_instant, whole_second

if TYPE_CHECKING:
    from datetime import datetime

    import requests

MOST_ZEROS = 7
_LARGEST_COUNT = 10**15


@dataclass(frozen=True, slots=True)
class PageToken:
    """What one request asks for.

    Attributes:
        start: conversations that started at or after this instant; None for no lower bound.
        end: conversations that started at or before this instant; None for no upper bound.
        page: the page's number, from 1.
        again: how often this window has been asked for before. It only varies how the window is
            written, since the API answers the same URL from its cache for 60 seconds.
    """

    start: datetime | None
    end: datetime | None
    page: int = 1
    again: int = 0

    @property
    def window(self) -> dict[str, str]:
        """The query parameters ``start_date`` and ``end_date``, where they are set."""
        bounds = {"start_date": self.start, "end_date": self.end}
        window = {name: format_instant(moment) for name, moment in bounds.items() if moment}
        zeros = "0" * (self.again % MOST_ZEROS)
        for name in list(window)[:1] if zeros else ():
            text = window[name].removesuffix("Z")
            window[name] = f"{text}{'' if '.' in text else '.'}{zeros}Z"
        return window


@dataclass(frozen=True, slots=True)
class Page:
    """A checked answer: the conversations and what ``meta`` says of their place.

    Attributes:
        token: the request that it answers.
        records: the conversations, in the API's order and as the API gave them.
        starts: their start times, None where the API gives null.
        total: how many conversations the window holds, by ``meta.total``.
        per_page: how many of them make a page, by ``meta.per_page``.
        pages: how many pages the window has, by ``meta.total_pages``.
        timestamp: the API's clock, by ``meta.timestamp``; None where it gives none.
        replaced: what had to be replaced in the body, by the messages that say so.
    """

    token: PageToken
    records: list[dict[str, Any]]
    starts: list[datetime | None]
    total: int
    per_page: int
    pages: int
    timestamp: datetime | None
    replaced: Replaced = CLEAN

    @property
    def ids(self) -> set[Any]:
        """The conversations' ids."""
        return {record["id"] for record in self.records}

    @classmethod
    def read(cls, response: requests.Response, token: PageToken) -> Page:
        """Decode and check the answer to a request.

        Args:
            response: a successful response (status 200).
            token: what was asked for.

        Raises:
            NotJSONError: if the body is no JSON.
            PageMismatchError: if it does not add up; the message says what is wrong.
        """
        body, replaced = decode(response.content)
        if not isinstance(body, dict) or not isinstance(body.get("data"), list):
            _mismatch("it has no list named data")
        meta = body.get("meta")
        if not isinstance(meta, dict):
            _mismatch("it has no object named meta")
        total, per_page, pages = (_count(meta, key) for key in ("total", "per_page", "total_pages"))
        number = _count(meta, "page")
        if number != token.page:
            _mismatch(f"it is page {number}, and page {token.page} was asked for")
        if per_page < 1 or (pages != -(-total // per_page) and (total or pages > 1)):
            _mismatch(f"meta counts {pages} pages of {per_page} for {total} conversations")
        records = body["data"]
        due = min(per_page, max(0, total - (number - 1) * per_page))
        if len(records) != due:
            _mismatch(f"page {number} holds {len(records)} conversations where meta makes it {due}")
        starts = _check_records(records, token)
        return cls(token, records, starts, total, per_page, pages, _timestamp(meta), replaced)


def _mismatch(reason: str) -> NoReturn:
    msg = f"the answer does not add up: {reason}"
    raise PageMismatchError(msg)


def _count(meta: dict[str, Any], key: str) -> int:
    value = meta.get(key)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        _mismatch(f"meta.{key} is not a number")
    if not 0 <= value < _LARGEST_COUNT or value != int(value):
        _mismatch(f"meta.{key} counts nothing: it is negative, fractional or absurdly large")
    return int(value)


def _timestamp(meta: dict[str, Any]) -> datetime | None:
    try:
        return parse_instant(meta["timestamp"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _check_records(records: list[Any], token: PageToken) -> list[datetime | None]:
    """Check each conversation's id, start time, window and order; return the start times."""
    starts: list[datetime | None] = []
    ids = set()
    floor = whole_second(token.start) if token.start else None
    before = floor
    for record in records:
        if type(record) is not dict:
            _mismatch("one of its conversations is no object")
        key = record.get("id")
        if not key or type(key) not in {str, int}:
            _mismatch("one of its conversations has no id")
        if key in ids:
            _mismatch(f"it holds conversation {key} twice")
        ids.add(key)
        text = record.get("start_time")
        if text is None:
            starts.append(None)
            continue
        try:
            start = parse_instant(text)
        except (TypeError, ValueError, AttributeError):
            _mismatch(f"conversation {key} has a start_time that is no date-time")
        if before is not None and start < before and whole_second(start) < whole_second(before):
            outside = floor is not None and start < floor
            _mismatch(
                f"conversation {key} "
                + ("lies before the window" if outside else "starts before the one ahead of it")
            )
        starts.append(start)
        before = start
    if before is not None and token.end and whole_second(before) > whole_second(token.end):
        _mismatch("its last conversation lies after the window")
    return starts
