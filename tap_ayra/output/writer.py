"""Singer messages out: one write for many records, and a last word when the tap is stopped."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from singer_sdk.contrib.msgspec import MsgSpecWriter, encoder
from singer_sdk.singerlib import RecordMessage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk.singerlib.encoding.simple import Message

BUFFER_BYTES = 1 << 18


class BufferedWriter(MsgSpecWriter):
    """The SDK's msgspec writer, which here gathers records and writes every other message at once.

    Records are written when `flush` is called (after each page), when another message follows,
    or when `BUFFER_BYTES` have gathered. Messages are never torn apart: whoever writes holds the
    lock, and after `write_last_state` nobody writes any more.
    """

    def __init__(self) -> None:
        """Begin with nothing gathered."""
        super().__init__()
        self._lock = threading.Lock()
        self._buffer = bytearray()

    def write_message(self, message: Message) -> None:
        """Write a message, or gather it if it is a record.

        Raises:
            BrokenPipeError: if nobody reads any more.
        """
        with self._lock:
            self._gather(message.to_dict())
            if type(message) is not RecordMessage or len(self._buffer) >= BUFFER_BYTES:
                self._write()

    def flush(self) -> None:
        """Write what has gathered."""
        with self._lock:
            self._write()

    def write_last_state(self, state: Mapping[str, Any]) -> None:
        """Write what has gathered and a STATE (if there is one), and let nothing follow it.

        Waits until a write that is under way has ended; the caller bounds the time. The lock
        stays taken, on purpose.
        """
        self._lock.acquire()
        if state:
            self._gather({"type": "STATE", "value": state})
        self._write()

    def _gather(self, message: dict[str, Any]) -> None:
        encoder.encode_into(message, self._buffer, -1)
        self._buffer += b"\n"

    def _write(self) -> None:
        left, self._buffer = memoryview(self._buffer), bytearray()
        while left:  # an unbuffered stdout takes a part only where a signal comes in between
            left = left[sys.stdout.buffer.write(left) :]
        sys.stdout.buffer.flush()
