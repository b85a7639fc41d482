"""The writer: few writes, at once where it matters, and every value as it was."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.singerlib import RecordMessage, SchemaMessage, StateMessage

from sandbox import SandboxApi, SandboxClock, World, serve
from tap_ayra.output import writer
from tap_ayra.output.writer import BUFFER_BYTES, BufferedWriter
from tests.singer import run_tap

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = SchemaMessage("conversations", {"properties": {"id": {"type": "string"}}}, ["id"])
STATE = {"bookmarks": {"conversations": {"replication_key": "start_time"}}}


class Stdout:
    """Stands in for stdout, and remembers each write.

    Attributes:
        writes: what was written at once, each time flushed after it.
    """

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.flushed = 0
        self.on_write: Callable[[], object] = lambda: None

    def write(self, text: bytes) -> int:
        assert self.flushed == len(self.writes)
        self.on_write()
        self.writes.append(bytes(text))
        return len(text)

    def flush(self) -> None:
        self.flushed = len(self.writes)

    @property
    def types(self) -> list[list[str]]:
        """The messages' types, write by write."""
        return [[json.loads(line)["type"] for line in text.splitlines()] for text in self.writes]


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Stdout:
    pipe = Stdout()
    stdout = SimpleNamespace(buffer=pipe)
    monkeypatch.setattr(writer, "sys", SimpleNamespace(stdout=stdout))
    return pipe


def record(**fields: Any) -> RecordMessage:
    return RecordMessage("conversations", fields)


def written(pipe: Stdout, **fields: Any) -> str:
    """Write a record, and give its fields as JSON text."""
    out = BufferedWriter()
    out.write_message(record(**fields))
    out.flush()
    (text,) = pipe.writes
    assert text.endswith(b"}\n")
    assert text.count(b"\n") == 1
    return text.decode().partition('"record":')[2].split(',"', 1)[0].removesuffix("}\n")


def test_many_records_in_one_write(pipe: Stdout) -> None:
    out = BufferedWriter()
    for number in range(100):
        out.write_message(record(id=f"conv_{number}"))
    assert pipe.writes == []
    out.flush()
    assert pipe.types == [100 * ["RECORD"]]
    out.flush()
    assert len(pipe.writes) == 1


def test_every_other_message_goes_out_at_once_with_the_records_before_it(pipe: Stdout) -> None:
    out = BufferedWriter()
    out.write_message(SCHEMA)
    for number in range(3):
        out.write_message(record(id=f"conv_{number}"))
    out.write_message(StateMessage(STATE))
    assert pipe.types == [["SCHEMA"], ["RECORD", "RECORD", "RECORD", "STATE"]]


def test_memory_is_bounded(pipe: Stdout) -> None:
    out = BufferedWriter()
    message = record(id="conv_1", summary="x" * 1000)
    for _ in range(1000):
        out.write_message(message)
        assert sum(map(len, out._lines)) < BUFFER_BYTES
    assert 3 <= len(pipe.writes) <= 4
    assert max(map(len, pipe.writes)) < BUFFER_BYTES + 2000


@pytest.mark.parametrize("concurrency", [1, 8])
def test_each_page_goes_out_as_soon_as_it_is_read(pipe: Stdout, concurrency: int) -> None:
    clock = SandboxClock(datetime(2026, 3, 9, 15, tzinfo=UTC), frozen=True)
    world = World.generate(clock, seed=6, count=100)
    with serve(SandboxApi(world, rate_limit=None)) as sandbox:
        run_tap(sandbox, page_size=10, concurrency=concurrency)
    records = [types.count("RECORD") for types in pipe.types]
    assert sum(records) == 100
    assert max(records) <= 10
    assert all(types[-1] == "STATE" for types in pipe.types if "RECORD" in types)
    assert pipe.flushed == len(pipe.writes)


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "323",
        "12.5",
        "0.1",
        "1.10",
        "0.1000000000000000055511151231257827",
        "9007199254740993",
        "123456789012345678901234567890",
        "-0.000001",
        "1E+2",
    ],
)
def test_numbers_are_exact(pipe: Stdout, number: str) -> None:
    value = int(number) if number.isdigit() else Decimal(number)
    assert written(pipe, duration=value) == f'{{"duration":{number}}}'


@pytest.mark.parametrize(
    "text",
    [
        "👩🏽‍💻 naïve “quotes”",
        "שלום العربية",
        "\u202edetrev\u202c",
        "a\0b",
        "line\nbreak\r\n\ttab \u2028 \u2029 \x7f",
        '\\ " / \\u0041',
        "e\u0301 é ﬁ",
        "",
        "true",
        "2025-01-15T14:30:00.123456789Z",
    ],
)
def test_text_is_unchanged(pipe: Stdout, text: str) -> None:
    assert json.loads(written(pipe, summary=text))["summary"] == text


def test_nulls_truth_values_and_lists(pipe: Stdout) -> None:
    fields = '{"summary":null,"has_recording":true,"topics":["a",null]}'
    out = BufferedWriter()
    out.write_message(record(**json.loads(fields)))
    out.flush()
    assert fields in pipe.writes[0].decode()


def test_a_broken_pipe_is_told(pipe: Stdout) -> None:
    def breaks() -> None:
        raise BrokenPipeError

    pipe.on_write = breaks
    with pytest.raises(BrokenPipeError):
        BufferedWriter().write_message(SCHEMA)


def test_the_last_state_follows_the_records_and_nothing_follows_it(pipe: Stdout) -> None:
    out = BufferedWriter()
    out.write_message(record(id="conv_1"))
    out.write_last_state(STATE)
    late = threading.Thread(target=out.write_message, args=(SCHEMA,), daemon=True)
    late.start()
    late.join(0.05)
    assert late.is_alive()
    assert pipe.types == [["RECORD", "STATE"]]
    assert json.loads(pipe.writes[0].splitlines()[-1]) == {"type": "STATE", "value": STATE}


def test_without_a_state_the_records_are_the_last(pipe: Stdout) -> None:
    out = BufferedWriter()
    out.write_message(record(id="conv_1"))
    out.write_last_state({})
    assert pipe.types == [["RECORD"]]


def test_the_last_state_is_never_inside_another_write(pipe: Stdout) -> None:
    out = BufferedWriter()
    last = threading.Thread(target=out.write_last_state, args=(STATE,), daemon=True)
    pipe.on_write = last.start
    out.write_message(SCHEMA)
    pipe.on_write = lambda: None
    last.join(5)
    assert pipe.types == [["SCHEMA"], ["STATE"]]
