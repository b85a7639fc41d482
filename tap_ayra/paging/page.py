"""One page of conversations: the response to a request, once it has been checked.

The shapes are those of ``GET /v1/conversations`` (its ``data`` and ``meta``). A response that does
not add up is never taken for the end of the stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn, cast

from tap_ayra.api.decoding import CLEAN, Replaced
from tap_ayra.errors import PageMismatchError
from tap_ayra.instants import earlier, later, parse_instant, whole_second
from tap_ayra.messages import paging as messages
from tap_ayra.paging.body import Body

if TYPE_CHECKING:
    from datetime import datetime

    import requests

    from tap_ayra.conversation import Row
    from tap_ayra.messages import Text
    from tap_ayra.paging.token import PageToken

LEEWAY = timedelta(minutes=1)
"""How far a start time may lie outside the window, or before its predecessor's, and the page still
be usable: APIs round bounds, and a start may be restated."""

_LARGEST_COUNT = 10**15


@dataclass(frozen=True)
class Page:
    """A checked response: the conversations and what ``meta`` says of their place.

    Attributes:
        token: the request that it answers.
        rows: the conversations in order of their start.
        total: how many conversations the window holds, by ``meta.total``.
        per_page: how many of them make a page, by ``meta.per_page``.
        pages: how many pages the window has, by ``meta.total_pages``.
        timestamp: the API's clock, by ``meta.timestamp``; None where it gives none.
        replaced: what was not clean in the body and had to be replaced.
        doubt: what did not add up, if the page was taken nevertheless; its counts mean nothing.
        refused: whether the API has no page of this number.
        retried: whether a response to the same request, before this one, did not add up.
        listed: how many places the conversations take on the page; more than `rows` if one is
            listed twice.
    """

    token: PageToken
    rows: list[Row]
    total: int = 0
    per_page: int = 1
    pages: int = 0
    timestamp: datetime | None = None
    replaced: Replaced = CLEAN
    doubt: Text | None = None
    refused: bool = False
    retried: bool = False
    listed: int = 0

    @cached_property
    def ids(self) -> list[str]:
        """The conversations' ids."""
        return [row.conversation.id for row in self.rows]

    @cached_property
    def starts(self) -> list[datetime]:
        """When the conversations started; those without a start left out."""
        return [row.start for row in self.rows if row.start is not None]

    @property
    def full(self) -> bool:
        """Whether there may be another page after this one."""
        return max(self.listed, len(self.rows)) >= self.per_page

    @classmethod
    def read(
        cls, response: requests.Response, token: PageToken, *, size: int, lenient: bool = False
    ) -> Page:
        """Decode and check the response to a request.

        Args:
            response: a successful response, or one that says that there is no such page.
            token: what was asked for.
            size: how many conversations were asked for.
            lenient: take a page that does not add up, if it holds conversations that are usable.

        Raises:
            NotJSONError: if the body is not JSON.
            PageMismatchError: if it does not add up; the message says what is wrong.
        """
        if response.status_code != HTTPStatus.OK:
            if not lenient:
                _mismatch(messages.NO_SUCH_PAGE())
            return cls(token, [], refused=True)
        body = Body.decode(response.content)
        rows, timestamp = body.rows, _timestamp(body.meta)
        doubt = body.problem
        try:
            total, per_page, pages = _counts(body.meta, token.page)
        except PageMismatchError as error:
            doubt = doubt or cast("Text", error.lines[0])
            total, per_page, pages = 0, size, 0
        else:
            due = min(per_page, max(0, total - (token.page - 1) * per_page))
            if body.listed != due:
                doubt = doubt or messages.PAGE_LENGTH(due=due, got=body.listed)
        doubt = _place(rows, token) or doubt
        if doubt is None:
            return cls(token, rows, total, per_page, pages, timestamp, body.replaced)
        if not lenient:
            _mismatch(doubt)
        rows = _usable(rows, token)
        if not rows and (body.listed or (total and token.page == 1)):
            _mismatch(doubt)
        return cls(
            token, rows, total, per_page, pages, timestamp, body.replaced, doubt, listed=body.listed
        )


def _mismatch(problem: Text) -> NoReturn:
    raise PageMismatchError(problem)


def _counts(meta: object, page: int) -> tuple[int, int, int]:
    if not isinstance(meta, dict):
        _mismatch(messages.NO_META())
    total, per_page, pages = (_count(meta, key) for key in ("total", "per_page", "total_pages"))
    number = _count(meta, "page")
    if number != page:
        _mismatch(messages.OTHER_PAGE(got=number))
    if per_page < 1 or (pages != -(-total // per_page) and (total or pages > 1)):
        _mismatch(messages.PAGE_COUNT(pages=pages, per_page=per_page, total=total))
    return total, per_page, pages


def _count(meta: dict[str, Any], key: str) -> int:
    value = meta.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        _mismatch(messages.NO_COUNT(key=key))
    if not 0 <= value < _LARGEST_COUNT or value != int(value):
        _mismatch(messages.BAD_COUNT(key=key))
    return int(value)


def _place(rows: list[Row], token: PageToken) -> Text | None:
    """Say which conversation stands where it should not, by whole seconds; None if all is well."""
    starts = [row.start for row in rows if row.start]
    if not starts:
        return None
    if starts != sorted(starts):
        for before, row in pairwise(row for row in rows if row.start):
            if row.start and before.start and row.start < whole_second(before.start):
                return messages.OUT_OF_ORDER(id=row.conversation.id)
    if token.start and min(starts) < earlier(token.start, LEEWAY):
        return messages.BEFORE_WINDOW(id=rows[0].conversation.id)
    if token.end and max(starts) > later(token.end, LEEWAY):
        return messages.AFTER_WINDOW(id=rows[-1].conversation.id)
    return None


def _usable(rows: list[Row], token: PageToken) -> list[Row]:
    """Give the conversations that lie in the window, in order.

    Raises:
        PageMismatchError: if they are so far out of order that the sort order cannot hold.
    """
    found: dict[str, Row] = {}
    for row in rows:
        if row.start and token.start and row.start < earlier(token.start, LEEWAY):
            continue
        if row.start and token.end and row.start > later(token.end, LEEWAY):
            continue
        found.setdefault(row.conversation.id, row)
    rows = list(found.values())
    dated = [row.start for row in rows if row.start]
    for before, after in pairwise(dated):
        if after < earlier(before, LEEWAY):
            _mismatch(messages.UNSORTED())
    if dated != sorted(dated):
        rows.sort(key=lambda row: row.start or dated[0])
    return rows


def _timestamp(meta: object) -> datetime | None:
    """Read the API's clock from ``meta.timestamp``; None where it gives none."""
    try:
        return parse_instant(meta["timestamp"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
