"""What every stream of the API has in common, and what the SDK asks of it."""

from __future__ import annotations

import logging
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.exceptions import SyncLifecycleSignal
from singer_sdk.singerlib import StateMessage
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE, REPLICATION_INCREMENTAL

from tap_ayra.errors import TapAyraError
from tap_ayra.messages import output
from tap_ayra.output.conform import Conformer
from tap_ayra.output.records import Records
from tap_ayra.replication.bookmark import REPLICATION_KEY
from tap_ayra.replication.state import AyraStateManager
from tap_ayra.settings import Settings
from tap_ayra.streams.catalog import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import Catalog, SchemaMessage

    from tap_ayra.api import AyraClient
    from tap_ayra.conversation import Row
    from tap_ayra.output.writer import BufferedWriter

_EXPECTED = (TapAyraError, OSError, SyncLifecycleSignal)


class AyraStream(Stream):
    """A stream of the Ayra API: it says how it replicates, the rest is here.

    Attributes:
        path: what follows ``api_url`` in its address.
    """

    path: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]
    is_sorted = True
    emit_activate_version_messages = False  # the SDK would send one before the first record

    def replicate(self) -> Iterator[int]:
        """Read and deliver what this sync has to: here, what `get_records` yields.

        Yields:
            How many records have been delivered since the last time.
        """
        for record in self.get_records(None):
            self.records.write_record(record)
            yield 1

    # What streams use

    @cached_property
    def settings(self) -> Settings:
        """The settings, parsed."""
        return Settings.from_config(self.config)

    @property
    def client(self) -> AyraClient:
        """The tap's client, which all streams share."""
        client: AyraClient = self._tap.client  # type: ignore[attr-defined]
        return client

    @property
    def writer(self) -> BufferedWriter:
        """The tap's writer of messages."""
        writer: BufferedWriter = self._tap.message_writer  # type: ignore[assignment]
        return writer

    @property
    def workers(self) -> int:
        """How many threads make requests; a connection test needs one only."""
        return 1 if self.is_test else self.settings.concurrency

    @property
    def in_batches(self) -> bool:
        """Whether records go into files, by the setting ``batch_config``."""
        return bool(self.config.get("batch_config"))

    @property
    def is_test(self) -> bool:
        """Whether this is a connection test, which reads one page at most."""
        return self.ABORT_AT_RECORD_COUNT is not None

    @property
    def incremental(self) -> bool:
        """Whether a bookmark is used and kept."""
        return self.replication_method == REPLICATION_INCREMENTAL

    @cached_property
    def state_manager(self) -> AyraStateManager:
        """The keeper of the bookmark and the ledger."""
        return AyraStateManager(
            tap_name=self.tap_name, stream_name=self.name, tap_state=self.tap_state
        )

    @cached_property
    def records(self) -> Records:
        """Turns rows into RECORD messages."""
        schema = self.effective_schema
        deselected = [name for name in schema["properties"] if not self.mask["properties", name]]
        return Records(
            self.writer,
            Conformer(schema, own=self.schema, deselected=deselected, logger=self.logger),
            self.stream_maps,
            version=self._stream_version,
            expressions=self.config.get("stream_maps") or {},
        )

    def deliver(self, rows: Sequence[Row]) -> None:
        """Write the records of a page, unless the stream was not asked for.

        A connection test leaves no batch file.
        """
        if self.selected and not (self.is_test and self.in_batches):
            self.records.write(rows[: self.ABORT_AT_RECORD_COUNT])

    def write_state(self) -> None:
        """Write a STATE, whether or not it differs from the last: some targets forget those."""
        _ = self.stream_state
        self._tap.write_message(StateMessage(value=self.tap_state))

    def activate_version(self, *, complete: bool) -> None:
        """Send ACTIVATE_VERSION after a full read, unless it would delete what was not read."""
        if self.incremental or not self.config.get("emit_activate_version_messages"):
            return
        settings = self.settings
        if settings.narrowing:
            reason = output.NARROWED(settings=", ".join(settings.narrowing))
        elif not complete:
            reason = output.NOT_COMPLETE()
        elif self.in_batches:
            reason = output.IN_BATCHES()
        else:
            self._write_activate_version_message(self._stream_version or 0)
            return
        output.ACTIVATE_VERSION_WITHHELD(reason=reason).log(self.logger, logging.WARNING)

    # What the SDK asks

    def _sync_records(
        self,
        context: Context | None = None,
        *,
        write_messages: bool = True,  # noqa: ARG002
    ) -> Generator[dict[str, Any], Any, Any]:
        """Replicate; the last message is a STATE, also if the sync fails."""
        if self.replication_method == REPLICATION_FULL_TABLE:
            self._stream_version = self._initialized_at // 1000
        with self.get_record_counter() as counter, self.get_sync_timer():
            self._write_starting_replication_value(context)
            try:
                for delivered in self.replicate():
                    counter.increment(delivered)
                    self._check_max_record_limit(counter.value)
                    yield {}
            finally:
                self._finalize_state(self.stream_state)
                self.write_state()
                self.writer.flush()

    def _generate_schema_messages(self) -> Generator[SchemaMessage, None, None]:
        """Give the SCHEMA messages, without ``$schema``: some targets refuse the draft of 2020."""
        for message in super()._generate_schema_messages():
            message.schema = {k: v for k, v in message.schema.items() if k != "$schema"}
            yield message

    def _write_state_message(self) -> None:
        """Nothing: `write_state` is called after each page and at the end."""

    def get_batch_config(self, config: Mapping[str, Any]) -> None:
        """None: the writer makes files of the same records that would be messages."""

    def get_records(self, context: Context | None) -> Iterator[Record]:  # noqa: ARG002
        """Nothing, where `replicate` delivers whole pages."""
        return iter(())

    @property
    def partitions(self) -> None:
        """None, even where a state from elsewhere has some."""

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """None: the bookmark is capped by the API's clock, not by this machine's."""

    def compare_start_date(self, value: str, start_date_value: str) -> str:  # noqa: ARG002
        """The bookmark: a later start date changes nothing."""
        return value

    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log a message; the SDK's word on an unhandled error not where the failure is expected."""
        if level < logging.ERROR or not isinstance(sys.exc_info()[1], _EXPECTED):
            super().log(message, *args, level=level, **kwargs)

    def apply_catalog(self, catalog: Catalog) -> None:
        """Take over a catalog, as far as it asks for what is offered.

        Raises:
            TapAyraError: if it names another replication key or an unknown method.
        """
        super().apply_catalog(catalog)
        entry = catalog.get_stream(self.name)
        if entry is None:
            return
        self.primary_keys = list(self.keys)
        method, key = self.forced_replication_method, self.replication_key
        refuse_unknown(self.name, method, key)
        if method != REPLICATION_FULL_TABLE:
            self.replication_key = REPLICATION_KEY
