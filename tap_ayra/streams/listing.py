"""``GET /v1/conversations``: pages of a walk, fetched ahead, and counts."""

from __future__ import annotations

import logging
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tap_ayra.api import CLEAN, Prefetch, decode
from tap_ayra.errors import NotJSONError, PageMismatchError
from tap_ayra.messages import paging, plural
from tap_ayra.paging.page import Page
from tap_ayra.paging.token import PageToken
from tap_ayra.patience import QUICK_RETRIES
from tap_ayra.redaction import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    import requests

    from tap_ayra.api import AyraClient
    from tap_ayra.paging.walk import ConversationsPaginator

PATH = "/conversations"
_DEEPER = {
    HTTPStatus.OK,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
"""What may answer a request for a page after the first: APIs refuse pages that are too deep."""


class Listing:
    """The list of conversations as one sync reads it.

    Attributes:
        filters: query parameters that narrow the list down.
        counted: query parameters that narrow down further what is counted.
    """

    def __init__(
        self,
        client: AyraClient,
        logger: logging.Logger,
        *,
        filters: Mapping[str, str],
        page_size: int,
        workers: int,
    ) -> None:
        """Prepare to read.

        Args:
            client: makes the requests.
            logger: where re-reads are logged.
            filters: query parameters that narrow the list down.
            page_size: conversations per request.
            workers: requests in flight at most.
        """
        self._client = client
        self._logger = logger
        self._page_size = page_size
        self._workers = workers
        self.counted: Mapping[str, str] = {}
        self._warned = CLEAN
        self.filters = filters

    def pages(self, walk: ConversationsPaginator) -> Iterator[Page]:
        """Fetch pages ahead and advance a walk by each; what is new on it stands in ``walk.new``.

        Raises:
            TapAyraError: if a failure is permanent or lasts too long.
        """
        ahead = Prefetch(
            self.fetch,
            workers=self._workers,
            starts_at_once=self._client.limiter.starts_at_once,
        )
        doubt = walk.doubt
        try:
            while not walk.finished:
                page = ahead.get(walk.current_value, walk.upcoming)
                walk.advance(page)
                self._tell(page)
                for message in page.replaced - self._warned:
                    message().log(self._logger, logging.WARNING)
                self._warned |= page.replaced
                if walk.re_read is not None:
                    walk.re_read.log(self._logger)
                if walk.doubt is not doubt:
                    doubt = walk.doubt
                    paging.COUNTS_INEXACT(problem=doubt).log(self._logger, logging.WARNING)
                yield page
        finally:
            ahead.close()

    def _tell(self, page: Page) -> None:
        if self._logger.isEnabledFor(logging.DEBUG):
            token = page.token
            if token.page == 1:
                paging.BLOCK_BEGINS(window=token).log(self._logger, logging.DEBUG)
            rows = plural(len(page.rows), "conversation")
            told = paging.PAGE_READ(page=token.page, rows=rows, total=f"{page.total:,}")
            told.log(self._logger, logging.DEBUG)

    def fetch(self, token: PageToken) -> Page:
        """Request one page; each attempt writes the window another way, past the API's cache.

        Raises:
            TapAyraError: if the failure is permanent or lasts too long.
        """
        wrong = 0

        def read(response: requests.Response) -> Page:
            nonlocal wrong
            lenient = wrong >= QUICK_RETRIES
            try:
                page = Page.read(response, token, size=self._page_size, lenient=lenient)
                return replace(page, retried=True) if wrong else page
            except PageMismatchError as error:
                wrong += 1
                problem = one_line(str(error))
                message = paging.INCONSISTENT(page=token.page, problem=problem)
                raise PageMismatchError(message) from None

        def params(attempt: int) -> dict[str, str]:
            query = self._query(token.window(attempt), self._page_size)
            return {**query, "page": str(token.page)}

        accept = _DEEPER if token.page > 1 else {HTTPStatus.OK}
        return self._client.get(PATH, params, read, accept=accept, about=f"Page {token.page}")

    def count(self, start: datetime, end: datetime | None, *, again: int = 0) -> int | None:
        """Ask how many conversations started within bounds, both ends included.

        Returns:
            The API's total; None where it gives none.
        """
        token = PageToken(start, end, again=again)

        def read(response: requests.Response) -> int | None:
            try:
                total: Any = decode(response.content)[0]["meta"]["total"]
            except (NotJSONError, KeyError, TypeError):
                return None
            return total if type(total) is int and total >= 0 else None

        total = self._client.get(
            PATH,
            lambda attempt: {**self._query(token.window(attempt), 1), **self.counted, "page": "1"},
            read,
        )
        said = "Unknown" if total is None else f"{total:,}"
        paging.COUNTED(total=said, window=token).log(self._logger, logging.DEBUG)
        return total

    def _query(self, window: Mapping[str, str], per_page: int) -> dict[str, str]:
        return {
            "sort_by": "start_time",
            "sort_order": "asc",
            "per_page": str(per_page),
            **self.filters,
            **window,
        }
