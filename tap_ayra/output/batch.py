"""BATCH: records in files, complete before a message names them and a STATE covers them."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from singer_sdk.helpers._batch import BatchConfig, SDKBatchMessage
from singer_sdk.singerlib import RecordMessage, SchemaMessage, StateMessage

from tap_ayra.errors import TapAyraError
from tap_ayra.messages import output as messages
from tap_ayra.output.batch_files import BatchFile, Folder
from tap_ayra.output.writer import BufferedWriter, encode, message_line, state_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from singer_sdk.singerlib.encoding.simple import Message

LONGEST_OPEN = 30.0
"""Seconds after which a file is closed, however few records it holds."""

FIRST_PART = 5
"""The first file holds this part of ``batch_size`` (a fifth), so that the target starts early."""


class BatchWriter(BufferedWriter):
    """The writer for the setting ``batch_config``: BATCH messages in place of RECORD messages.

    A file holds the very bytes that RECORD messages would have held. It is closed when it holds
    ``batch_size`` records (the first one a fifth of that), `LONGEST_OPEN` after its first record,
    and at the end of a stream. Then a BATCH message names it; a STATE waits until every file that
    it covers has been named.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Make ready; the folder is looked at when the first SCHEMA is written.

        Args:
            config: the setting ``batch_config``.
        """
        super().__init__()
        self._given = config
        self._open: dict[str, BatchFile] = {}
        self._count = 0
        self._state: bytes | None = None
        self._timer = threading.Timer(LONGEST_OPEN, self._close_in_time)

    @cached_property
    def _config(self) -> BatchConfig:
        return BatchConfig.from_dict(dict(self._given))

    @property
    def _file_size(self) -> int:
        size = self._config.batch_size
        return -(-size // FIRST_PART) if self._count == 1 else size

    @cached_property
    def _folder(self) -> Folder:
        storage = self._config.storage
        with _failures_named(storage.root):
            return Folder(storage.root, storage.prefix or "", storage.params)

    def write_message(self, message: Message) -> None:
        """Write a message, or put it into a file if it is a record.

        Raises:
            BrokenPipeError: if nobody reads any more.
            TapAyraError: if a file cannot be written.
        """
        if type(message) is RecordMessage:
            self.write_bodies(message, [encode(message.record)])
            return
        with self._lock:
            if type(message) is StateMessage and self._open:
                self._state = state_line(message.value)
                return
            if type(message) is SchemaMessage:
                self._folder.remove_old_files()
            self._gather([message_line(message)])
            self._write()

    def write_bodies(self, message: RecordMessage, bodies: Sequence[bytes]) -> None:
        """Put records into the file of their stream.

        Args:
            message: names the stream.
            bodies: the records, as JSON.

        Raises:
            BrokenPipeError: if nobody reads any more.
            TapAyraError: if a file cannot be written.
        """
        stream = message.stream
        with self._lock:
            while bodies:
                file = self._open.get(stream) or self._begin(stream)
                room = self._file_size - file.records
                with _failures_named(self._config.storage.root):
                    file.add(bodies[:room])
                bodies = bodies[room:]
                if file.records == self._file_size:
                    self._close()

    def flush(self) -> None:
        """Close the files, name them, and write the STATE that waits for that."""
        with self._lock:
            self._close()

    def write_last_state(self, state: Mapping[str, Any]) -> None:
        """Close and name the files, write a STATE, and let nothing follow it."""
        self._lock.acquire()
        self._state = None  # which this one replaces
        with suppress(TapAyraError):
            self._close()
            super().write_last_state(state)

    def _begin(self, stream: str) -> BatchFile:
        if not self._open:
            self._timer = threading.Timer(LONGEST_OPEN, self._close_in_time)
            self._timer.daemon = True
            self._timer.start()
        self._count += 1
        zipped = self._config.encoding.compression == "gzip"
        with _failures_named(self._config.storage.root):
            file = self._folder.new_file(stream, self._count, zipped=zipped)
        self._open[stream] = file
        return file

    def _close(self) -> None:
        """Complete all files at once, since a STATE may cover records of each."""
        self._timer.cancel()
        lines = []
        for stream, file in self._open.items():
            with _failures_named(self._config.storage.root):
                url = file.complete()
            message = SDKBatchMessage(stream, self._config.encoding, [url])
            lines.append(message_line(message))
        self._open = {}
        state, self._state = self._state, None
        self._gather([*lines, state] if state else lines)
        self._write()

    def _close_in_time(self) -> None:
        """Close the files though no more records come; a failure shows when the next one does."""
        with suppress(TapAyraError, OSError):
            self.flush()


@contextmanager
def _failures_named(root: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ImportError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TapAyraError(messages.BATCH_FILE_FAILED(root=root, reason=reason)) from None
