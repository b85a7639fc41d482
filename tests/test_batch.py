"""BATCH: files in place of RECORD messages, with the same bytes, complete before they are named."""

from __future__ import annotations

import gzip
import json
import math
import os
import re
import signal
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.singerlib import RecordMessage, StateMessage

from sandbox import Call, SandboxApi, SandboxClock, World, serve
from tap_ayra.errors import TapAyraError
from tap_ayra.messages import output as messages
from tap_ayra.output.batch import LONGEST_OPEN, BatchWriter
from tap_ayra.output.batch_files import KEPT
from tap_ayra.tap import TapAyra
from tests.processes import running
from tests.singer import captured, deselect, discovered, settings_for, small_pages
from tests.sweeps import sweep

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sandbox import RunningSandbox

NOW = datetime(2026, 3, 9, 15, tzinfo=UTC)
AFTER_RECORD = re.compile(rb'(?:,"version":\d+)?,"time_extracted":"[^"]*"')


@pytest.fixture
def world() -> World:
    clock = SandboxClock(NOW, frozen=True)
    world = World.generate(clock, seed=3, count=300, in_progress=4, odd_times=0.2)
    odd: dict[str, dict[str, Any]] = {
        "emoji": {"summary": "👩🏽‍💻 “naïve” שלום \u2028", "topics": ["🧾", "שלום"]},
        "nul": {"summary": "a\0b", "topics": ["c\0d", None]},
        "huge": {"summary": "long " * 100_000},
        "digits": {"overrides": {"duration": 123_456_789_012_345_678_901_234_567_890}},
        "unknown": {"overrides": {"new_field": {"a": [1]}}},
        "types": {"overrides": {"summary": 12.50, "has_recording": "true"}},
        "null": {"overrides": {"summary": None, "end_time": None, "topics": None}},
    }
    for number, (name, details) in enumerate(odd.items()):
        start = NOW - timedelta(days=2, minutes=number)
        world.add(Call(f"conv_{name}", start, start + timedelta(seconds=9), **details))
    return world


@pytest.fixture
def sandbox(world: World) -> Iterator[RunningSandbox]:
    with serve(SandboxApi(world, cache_seconds=0, rate_limit=None)) as running_sandbox:
        yield running_sandbox


@pytest.fixture
def slow_sandbox(world: World) -> Iterator[RunningSandbox]:
    api = SandboxApi(world, cache_seconds=0, rate_limit=None)
    with serve(api, latency=0.05) as running_sandbox:
        yield running_sandbox


@dataclass
class Batches:
    """What a tap has written, BATCH messages replaced by the records in their files.

    Attributes:
        lines: the records of each stream, as JSON.
        kinds: the type of each message, in order.
        sizes: how many records each file holds.
        covered: for each STATE, what it says has been delivered, and how many records had been.
        states: the values of the STATE messages.
    """

    lines: dict[str, list[bytes]] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    covered: list[tuple[int, int]] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, output: Iterable[bytes]) -> Batches:
        """Read what a tap writes; a file is read at the message that names it."""
        found = cls()
        for line in output:
            message = json.loads(line)
            found.kinds.append(message["type"])
            if message["type"] == "RECORD":
                before, _, rest = line.partition(b'"record":')
                assert before
                found._add(message["stream"], [AFTER_RECORD.split(rest)[0]])
            elif message["type"] == "BATCH":
                (url,) = message["manifest"]
                content = Path(url.removeprefix("file://")).read_bytes()
                if message["encoding"]["compression"] == "gzip":
                    content = gzip.decompress(content)
                assert content.endswith(b"\n")
                records = content[:-1].split(b"\n")
                found.sizes.append(len(records))
                found._add(message["stream"], records)
            elif message["type"] == "STATE":
                found._state(message["value"])
        return found

    def _add(self, stream: str, records: list[bytes]) -> None:
        self.lines.setdefault(stream, []).extend(records)

    def _state(self, value: dict[str, Any]) -> None:
        ledger = value["bookmarks"].get("conversations", {}).get("ledger", [{"counts": {}}])
        ids = {json.loads(line)["id"] for line in self.lines.get("conversations", [])}
        self.covered.append((sum(ledger[0]["counts"].values()), len(ids)))
        self.states.append(value)


def run(
    sandbox: RunningSandbox, *, catalog: dict[str, Any] | None = None, **settings: Any
) -> Batches:
    with captured() as written:
        TapAyra(config=settings_for(sandbox, **settings), catalog=catalog).sync_all()
    return Batches.read(written.getvalue().splitlines())


def into(folder: Path, compression: str = "none", **more: Any) -> dict[str, Any]:
    encoding = {"format": "jsonl", "compression": compression}
    return {"encoding": encoding, "storage": {"root": str(folder)}, **more}


def without_summary() -> dict[str, Any]:
    catalog = discovered()
    deselect(catalog, ["summary", "status"])
    return catalog


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize(
    ("options", "streams"),
    [
        ({}, {"conversations"}),
        ({"catalog": without_summary}, {"conversations"}),
        ({"flattening_enabled": True, "flattening_max_depth": 1}, {"conversations"}),
        (
            {"stream_maps": {"conversations": {"caller_number": "md5(caller_number or '')"}}},
            {"conversations"},
        ),
        (
            {"stream_maps": {"copy": {"__source__": "conversations", "summary": None}}},
            {"conversations", "copy"},
        ),
    ],
    ids=["plain", "selection", "flattening", "stream map", "copy"],
)
def test_files_hold_the_bytes_that_record_messages_hold(
    sandbox: RunningSandbox,
    tmp_path: Path,
    options: dict[str, Any],
    streams: set[str],
    compression: str,
) -> None:
    options = {name: value() if callable(value) else value for name, value in options.items()}
    plain = run(sandbox, **options)
    batches = run(sandbox, batch_config=into(tmp_path, compression, batch_size=50), **options)
    assert plain.lines.keys() == streams
    assert batches.lines == plain.lines
    assert "RECORD" not in batches.kinds


def test_transcripts_too(sandbox: RunningSandbox, tmp_path: Path) -> None:
    catalog = discovered()
    for entry in catalog["streams"][1]["metadata"]:
        entry["metadata"]["selected"] = True
    plain = run(sandbox, catalog=catalog)
    batches = run(sandbox, catalog=catalog, batch_config=into(tmp_path / "batches", "gzip"))
    assert len(plain.lines["transcript_messages"]) > 100
    assert batches.lines == plain.lines
    assert batches.kinds[0] == "SCHEMA"
    assert batches.kinds.count("BATCH") == 2


@pytest.mark.parametrize("size", sweep([7, 10, 1, 64, 100_000], quick=2))
def test_a_file_holds_batch_size_records_at_most(
    sandbox: RunningSandbox, tmp_path: Path, size: int
) -> None:
    batches = run(sandbox, page_size=10, batch_config=into(tmp_path, batch_size=size))
    first, *others = batches.sizes
    total = len(batches.lines["conversations"])
    assert first == min(total, math.ceil(size / 5)), "small, so that the target begins early"
    assert first + sum(others) == total
    assert len(others) == math.ceil((total - first) / size)
    assert all(other <= size for other in others)


@pytest.mark.parametrize("size", sweep([7, 10, 1, 64, 100_000], quick=2))
def test_a_state_follows_the_files_that_it_covers(
    sandbox: RunningSandbox, tmp_path: Path, size: int
) -> None:
    plain = run(sandbox, page_size=10)
    batches = run(sandbox, page_size=10, batch_config=into(tmp_path, batch_size=size))
    assert all(delivered <= named for delivered, named in batches.covered)
    assert batches.kinds[-1] == "STATE"
    assert batches.states[-1] == plain.states[-1]
    assert len(batches.states) >= len(plain.states) // max(2, size)


def test_it_is_closed_in_time_though_no_record_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    timers: list[tuple[float, Any]] = []

    class Timer:
        daemon = False

        def __init__(self, seconds: float, action: Any) -> None:  # noqa: ANN401
            self._plan = (seconds, action)

        def start(self) -> None:
            timers.append(self._plan)

        def cancel(self) -> None:
            timers[:] = [plan for plan in timers if plan is not self._plan]

    monkeypatch.setattr("tap_ayra.output.batch.threading.Timer", Timer)
    writer = BatchWriter(into(tmp_path))
    for number in range(3):
        writer.write_message(RecordMessage("conversations", {"id": number}))
        writer.write_message(StateMessage({"bookmarks": {"page": number}}))
    assert capfdbinary.readouterr().out == b""
    (unfinished,) = tmp_path.iterdir()
    assert unfinished.name.startswith(".")
    ((seconds, close),) = timers
    assert seconds == LONGEST_OPEN == 30
    close()
    assert timers == []
    batches = Batches.read(capfdbinary.readouterr().out.splitlines())
    assert batches.kinds == ["BATCH", "STATE"]
    assert batches.states == [{"bookmarks": {"page": 2}}]
    assert batches.sizes == [3]
    writer.write_message(RecordMessage("conversations", {"id": 3}))
    assert len(timers) == 1
    writer.flush()


@pytest.mark.slow
def test_a_kill_leaves_no_state_without_its_files_and_no_half_file_with_a_name(
    world: World, slow_sandbox: RunningSandbox, tmp_path: Path
) -> None:
    folder, state = tmp_path / "batches", tmp_path / "state.json"
    state.write_text('{"bookmarks": {}}')
    expected = {call.id for call in world.visible()}
    delivered: set[str] = set()
    runs = 0
    while delivered != expected:
        runs += 1
        config = small_pages(slow_sandbox, concurrency=1, batch_config=into(folder, batch_size=64))
        with running(tmp_path, config, "--state", str(state)) as tap:
            lines = tap.read_until_state()  # the one that it began with
            lines += tap.read_until_state()
            tap.process.kill()
            lines += tap.stdout
        batches = Batches.read(line for line in lines if line.endswith(b"\n"))
        delivered |= {json.loads(line)["id"] for line in batches.lines["conversations"]}
        assert all(covered <= len(delivered) for covered, _ in batches.covered)
        state.write_text(json.dumps(batches.states[-1]))
    assert runs >= 4


@pytest.mark.parametrize("number", sweep([signal.SIGTERM, signal.SIGINT]))
def test_a_signal_names_the_files_before_the_last_state(
    slow_sandbox: RunningSandbox, tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "batches"
    config = small_pages(slow_sandbox, concurrency=1, batch_config=into(folder))
    with running(tmp_path, config) as tap:
        tap.wait_for(lambda: folder.exists() and any(f.stat().st_size for f in folder.iterdir()))
        tap.process.send_signal(number)
        batches = Batches.read(tap.stdout)
        assert tap.end() == 128 + number
    assert batches.kinds[-2:] == ["BATCH", "STATE"]
    assert all(delivered <= named for delivered, named in batches.covered)
    assert batches.covered[-1][0] > 0


def test_activate_version_is_never_sent(
    sandbox: RunningSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    catalog = discovered()
    catalog["streams"][0]["replication_method"] = "FULL_TABLE"
    catalog["streams"][0]["metadata"][-1]["metadata"].pop("replication-method", None)
    options: dict[str, Any] = {"catalog": catalog, "emit_activate_version_messages": True}
    assert "ACTIVATE_VERSION" in run(sandbox, **options).kinds
    assert not caplog.records or messages.ACTIVATE_VERSION_WITHHELD.code not in _codes(caplog)
    assert "ACTIVATE_VERSION" not in run(sandbox, batch_config=into(tmp_path), **options).kinds
    assert messages.ACTIVATE_VERSION_WITHHELD.code in _codes(caplog)


def test_old_files_of_earlier_syncs_are_removed_and_no_others(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    old = time.time() - KEPT - 60
    theirs = [tmp_path / "notes.jsonl", tmp_path / "other-tap-ayra--conversations-1.jsonl"]
    mine = [tmp_path / "p-tap-ayra--conversations-1.jsonl", tmp_path / ".p-tap-ayra--x.jsonl.part"]
    new = tmp_path / "p-tap-ayra--conversations-2.jsonl.gz"
    for file in (*theirs, *mine, new):
        file.touch()
        if file is not new:
            os.utime(file, (old, old))
    config = into(tmp_path)
    config["storage"]["prefix"] = "p-"
    run(sandbox, batch_config=config)
    left = set(tmp_path.iterdir())
    assert {*theirs, new} < left
    assert left.isdisjoint(mine)


def test_a_connection_test_leaves_no_file(sandbox: RunningSandbox, tmp_path: Path) -> None:
    folder = tmp_path / "batches"
    with captured() as written:
        tap = TapAyra(config=settings_for(sandbox, batch_config=into(folder)))
        assert tap.run_connection_test()
    assert b"BATCH" not in written.getvalue()
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_fails_before_the_first_request(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for root in (str(tmp_path / "file" / "folder"), "s3://bucket/folder", "nowhere://x"):
        config = into(tmp_path)
        config["storage"]["root"] = root
        with pytest.raises(TapAyraError) as failure:
            run(sandbox, batch_config=config)
        assert failure.value.code == messages.BATCH_FILE_FAILED.code
        assert root in str(failure.value)
    assert sandbox.api.requests == []


def test_a_full_disk_ends_the_sync_without_a_state_that_covers_too_much(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with captured() as written, pytest.raises(TapAyraError) as failure:
        TapAyra(config=small_pages(sandbox, batch_config=into(tmp_path))).sync_all()
    assert failure.value.code == messages.BATCH_FILE_FAILED.code
    assert Batches.read(written.getvalue().splitlines()).kinds == ["SCHEMA"]


def _codes(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [getattr(record, "code", "") for record in caplog.records]
