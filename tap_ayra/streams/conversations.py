"""The streams: what there is to read, and how it is replicated."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import metrics
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.singerlib import RecordMessage
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE, REPLICATION_INCREMENTAL

from tap_ayra.api import CLEAN, Prefetch, Replaced
from tap_ayra.errors import PageMismatchError, TapAyraError
from tap_ayra.instants import earlier, format_instant, whole_second
from tap_ayra.output.conform import Conformer
from tap_ayra.output.progress import Progress
from tap_ayra.output.writer import BufferedWriter
from tap_ayra.paging.page import Page, PageToken
from tap_ayra.paging.walk import LONGEST_BLOCK, ConversationsPaginator
from tap_ayra.redaction import one_line
from tap_ayra.replication.bookmark import REPLICATION_KEY, Bookmark, BookmarkStateManager
from tap_ayra.streams.base import AyraStream
from tap_ayra.streams.schemas import CONVERSATION

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    import requests
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import Catalog


class Conversations(AyraStream):
    """Calls that Ayra's AI voice agents took: ``GET /v1/conversations``."""

    name = "conversations"
    path = "/conversations"
    primary_keys: ClassVar[tuple[str, ...]] = ("id",)
    replication_key = REPLICATION_KEY
    schema: ClassVar[dict[str, Any]] = CONVERSATION
    is_sorted = True

    #: `Conformer` sees to it, for a fraction of the time.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    #: `get_records` writes one after each page.
    STATE_MSG_FREQUENCY = sys.maxsize

    _warned: Replaced = CLEAN
    _extracted_at: datetime | None = None

    @cached_property
    def state_manager(self) -> BookmarkStateManager:
        """The bookmark's keeper."""
        return BookmarkStateManager(
            tap_name=self.tap_name, stream_name=self.name, tap_state=self.tap_state
        )

    @cached_property
    def conformer(self) -> Conformer:
        """Fits records to the catalog's schema and selection."""
        schema = self.effective_schema
        deselected = [name for name in schema["properties"] if not self.mask["properties", name]]
        return Conformer(schema, deselected=deselected, logger=self.logger)

    @property
    def began_with(self) -> datetime | None:
        """The bookmark to go on from; None where there is none or FULL_TABLE is asked for."""
        if self.replication_method == REPLICATION_FULL_TABLE:
            return None
        return self.state_manager.began_with

    @property
    def partitions(self) -> None:
        """None, even where a state from elsewhere has some."""

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """None: the bookmark is capped by the API's clock, not by this machine's."""

    def compare_start_date(self, value: str, start_date_value: str) -> str:
        """The later of a state's bookmark and the start date, as moments."""
        bookmark, start = self.state_manager.began_with, self.settings.start_date
        return value if bookmark and start and bookmark > start else start_date_value

    def get_new_paginator(self) -> ConversationsPaginator:
        """A walk from the start date, or from the bookmark less the look-back, if that is later."""
        settings = self.settings
        start = settings.start_date
        bookmark = self.began_with
        if bookmark is not None:
            back = whole_second(earlier(bookmark, settings.lookback))
            start = back if start is None else max(start, back)
        return ConversationsPaginator(
            start=start,
            end=settings.end_date,
            settling=settings.settling,
            longest_block=LONGEST_BLOCK if settings.concurrency > 1 else 1,
        )

    def query(self, token: PageToken) -> dict[str, str]:
        """The query: sorting, the filters, the token's window and page."""
        return {
            "sort_by": "start_time",
            "sort_order": "asc",
            "per_page": str(max(self.settings.page_size, 1 + (self.ABORT_AT_RECORD_COUNT or 0))),
            **self.settings.filters,
            **token.window,
            "page": str(token.page),
        }

    def fetch(self, token: PageToken) -> Page:
        """Request one page; each attempt writes the window another way, past the API's cache.

        Raises:
            TapAyraError: if the failure is permanent or lasts too long.
        """

        def read(response: requests.Response) -> Page:
            if response.status_code == HTTPStatus.NOT_FOUND:
                msg = f"Page {token.page}: the API says that there is no such page"
                raise PageMismatchError(msg)
            try:
                return Page.read(response, token)
            except PageMismatchError as error:
                msg = f"Page {token.page}: {one_line(str(error))}"
                raise PageMismatchError(msg) from None

        return self.client.get(
            self.path,
            lambda attempt: self.query(replace(token, again=token.again + attempt)),
            read,
            accept={HTTPStatus.OK, HTTPStatus.NOT_FOUND} if token.page > 1 else {HTTPStatus.OK},
            about=f"Page {token.page}",
        )

    def get_records(self, context: Context | None) -> Iterator[Record]:  # noqa: ARG002
        """Read pages ahead, hand out their records in order, and write a STATE after each page.

        Yields:
            The conversations as the API gave them, each once.
        """
        paginator = self.get_new_paginator()
        if self._is_empty(paginator.current_value):
            return
        progress = Progress(self.logger)
        pages = Prefetch(self.fetch, workers=self.workers)
        bookmark: Bookmark | None = None
        try:
            while not paginator.finished:
                page = pages.get(paginator.current_value, paginator.upcoming)
                paginator.advance(page)
                self._warn_of(page)
                if paginator.count == 1 and self.replication_method == REPLICATION_INCREMENTAL:
                    bookmark = self.state_manager.begin(paginator.now, self.settings)
                if bookmark is not None:
                    bookmark.see(paginator.fresh)
                self._extracted_at = datetime.now(UTC)
                for record, _ in paginator.fresh:
                    yield record
                if bookmark is not None:
                    starts = (start for _, start in paginator.fresh if start)
                    bookmark.advance(max(starts, default=None))
                self.state_manager.keep()
                self._write_state_message()
                progress.page(
                    len(paginator.fresh), paginator.counted, self.client.limiter.remaining
                )
        finally:
            pages.close()
        requests = self.client.requests
        with metrics.http_request_counter(self.name, endpoint=self.path) as counter:
            counter.increment(requests)
        progress.finish(paginator, bookmark, requests=requests, tags={"stream": self.name})

    def _write_state_message(self) -> None:
        """Write a STATE where it has changed; the records before it go out in any case."""
        super()._write_state_message()
        if isinstance(self._tap.message_writer, BufferedWriter):
            self._tap.message_writer.flush()

    def _generate_record_messages(self, record: Record) -> Generator[RecordMessage]:
        """Pass a record, selected and conformed by `post_process`, through the stream maps."""
        for stream_map in self.stream_maps:
            try:
                mapped = stream_map.transform(record)
            except Exception as error:  # noqa: BLE001  its text may quote the record
                msg = (
                    f"A stream map of {stream_map.stream_alias} fails on conversation "
                    f"{record.get('id')} ({type(error).__name__}).\nMend stream_maps."
                )
                raise TapAyraError(msg) from None
            if mapped is not None:
                yield RecordMessage(
                    stream=stream_map.stream_alias,
                    record=mapped,
                    version=self._stream_version,
                    time_extracted=self._extracted_at,
                )

    def post_process(self, row: Record, context: Context | None = None) -> Record:  # noqa: ARG002
        """Fit a record to the schema and the selection."""
        return self.conformer.conform(row)

    def apply_catalog(self, catalog: Catalog) -> None:
        """Take over a catalog, as far as it asks for what is offered.

        Raises:
            TapAyraError: if it names another replication key or an unknown method.
        """
        super().apply_catalog(catalog)
        if catalog.get_stream(self.name) is None:
            return
        method, key = self.forced_replication_method, self.replication_key
        asked = f"The catalog's stream {self.name} asks for"
        if key not in {None, REPLICATION_KEY}:
            msg = f"{asked} the replication key {key}; the only one is {REPLICATION_KEY}."
            raise TapAyraError(msg)
        if method not in {None, REPLICATION_FULL_TABLE, REPLICATION_INCREMENTAL}:
            msg = f"{asked} {method} replication; there are INCREMENTAL and FULL_TABLE."
            raise TapAyraError(msg)
        if method != REPLICATION_FULL_TABLE:
            self.replication_key = REPLICATION_KEY

    def _is_empty(self, asked: PageToken) -> bool:
        """Tell whether a window holds nothing by itself, and say so."""
        if asked.start is None or asked.end is None or asked.start <= asked.end:
            return False
        self.logger.info(
            "Nothing to ask for: the sync would read from %s on, but end_date is %s",
            format_instant(asked.start),
            format_instant(asked.end),
        )
        return True

    def _warn_of(self, page: Page) -> None:
        for message in page.replaced - self._warned:
            message().log(self.logger, logging.WARNING)
        self._warned |= page.replaced
