"""Singer messages out: whole lines in whole writes, and a last word when the tap is stopped."""

from __future__ import annotations

import os
import select
import stat
import sys
import threading
from typing import TYPE_CHECKING, Any

from singer_sdk.contrib.msgspec import MsgSpecWriter, encoder
from singer_sdk.singerlib import RecordMessage, StateMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from singer_sdk.singerlib.encoding.simple import Message

BUFFER_BYTES = 1 << 18
encode = encoder.encode


class BufferedWriter(MsgSpecWriter):
    """The SDK's msgspec writer, which here gathers records and writes every other message at once.

    Records are written when `flush` is called (after each page), when another message follows,
    or when `BUFFER_BYTES` have gathered. Into a pipe, lines leave in whole writes that the system
    makes all at once (PIPE_BUF), as far as they fit, so that a kill tears none. Whoever writes
    holds the lock, and after `write_last_state` nobody writes any more.
    """

    def __init__(self) -> None:
        """Begin with nothing gathered."""
        super().__init__()
        self._lock = threading.RLock()
        self._lines: list[bytes] = []
        self._size = 0

    def write_message(self, message: Message) -> None:
        """Write a message, or gather it if it is a record.

        Raises:
            BrokenPipeError: if nobody reads any more.
        """
        line = message_line(message)
        with self._lock:
            self._gather([line])
            if type(message) is not RecordMessage:
                self._write()

    def write_bodies(self, message: RecordMessage, bodies: Sequence[bytes]) -> None:
        """Gather RECORD messages that are the same but for their records.

        Args:
            message: one of them, its record left empty.
            bodies: the records, as JSON.

        Raises:
            BrokenPipeError: if nobody reads any more.
        """
        before, _, after = message_line(message).partition(b"{}")
        with self._lock:
            self._gather([b"".join((before, body, after)) for body in bodies])

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
            self._lines.append(state_line(state))
        self._write()

    def _gather(self, lines: list[bytes]) -> None:
        self._lines += lines
        self._size += sum(map(len, lines))
        if self._size >= BUFFER_BYTES:
            self._write()

    def _write(self) -> None:
        lines, self._lines, self._size = self._lines, [], 0
        output = sys.stdout.buffer
        for chunk in _chunks(lines, select.PIPE_BUF) if _is_pipe(output) else [b"".join(lines)]:
            left = memoryview(chunk)
            while left:  # an unbuffered stdout takes a part only where a signal comes in between
                left = left[output.write(left) :]
            output.flush()


def message_line(message: Message) -> bytes:
    """Encode a message as a line."""
    if type(message) is StateMessage:
        return state_line(message.value)
    return encode(message.to_dict()) + b"\n"


def state_line(state: Mapping[str, Any]) -> bytes:
    """Encode a STATE as a line, without the deep copy that its ``to_dict`` makes."""
    return encode({"type": "STATE", "value": state}) + b"\n"


def _is_pipe(output: Any) -> bool:  # noqa: ANN401
    try:
        return stat.S_ISFIFO(os.fstat(output.fileno()).st_mode)
    except (OSError, AttributeError):
        return False


def _chunks(lines: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Join lines as long as they fit into one write; a longer line stands alone."""
    gathered: list[bytes] = []
    length = 0
    for line in lines:
        if gathered and length + len(line) > size:
            yield b"".join(gathered)
            gathered, length = [], 0
        gathered.append(line)
        length += len(line)
    if gathered:
        yield b"".join(gathered)
