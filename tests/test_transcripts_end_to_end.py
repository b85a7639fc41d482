"""Transcripts into a real PostgreSQL and a file, through quotas, kills and what comes late."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Call, SandboxApi, serve
from sandbox.call import FOREVER
from sandbox.comparison import api_messages, api_rows, read_lines
from sandbox.meltano_project import ROOT
from tests.piping import Pipe, postgres_settings, query
from tests.simulator import catalog
from tests.singer import settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from sandbox import RunningSandbox, World

pytestmark = pytest.mark.usefixtures("plugins")

COLUMNS = {
    "conversation_id": "text",
    "position": "bigint",
    "message_id": "text",
    "speaker": "text",
    "text": "text",
    "start_time": "timestamp without time zone",
    "offset_seconds": "numeric",
    "duration": "numeric",
    "confidence": "numeric",
    "sentiment": "text",
    "language": "text",
}
TEXTS = ("a\0b", "👩🏽‍💻 “naïve” שלום", "\\N \t {\"'}; --\n\r", "", "שלום " * 200_000)
KNOWN = "SELECT {} FROM tap_ayra.transcript_messages"


@pytest.fixture
def sandbox(call_centre: World) -> Iterator[RunningSandbox]:
    start = call_centre.clock.now() - timedelta(days=3)
    odd = [
        {"id": f"msg_{n}", "speaker": "caller", "text": text, "timestamp": n + 0.25}
        | {"duration": 1, "confidence": 0.5, "sentiment": None}
        for n, text in enumerate(TEXTS)
    ]
    for name, details in {
        "odd": {"messages": odd, "language": None},
        "empty": {"messages": []},
        "never": {"transcript_ready_at": FOREVER, "overrides": {"has_transcript": True}},
    }.items():
        call_centre.add(
            Call(f"conv_{name}", start, start + timedelta(seconds=30), **details)  # type: ignore[arg-type]
        )
    with serve(SandboxApi(call_centre)) as running:
        yield running


@pytest.mark.slow
def test_into_postgres_through_quotas_kills_and_what_comes_late(
    sandbox: RunningSandbox, database: str, call_centre: World, tmp_path: Path
) -> None:
    api, clock = sandbox.api, call_centre.clock
    for call in _with_transcript(call_centre)[20:200:60]:
        call.transcript_ready_at = clock.now() + timedelta(hours=1)
    target = postgres_settings(database)
    both = catalog(transcripts=True)
    pipe = Pipe(tmp_path, settings_for(sandbox), "target-postgres", target, catalog=both)

    api.daily_limit = 60
    assert pipe.run() == 1
    assert len(query(database, "SELECT id FROM tap_ayra.conversations")) == len(
        api_rows(call_centre)
    )
    (first,) = query(database, KNOWN.format("count(*)"))[0]
    assert first > 0

    api.daily_limit = None
    pipe.kill_at_transcript(80, api)
    assert pipe.run() < 0
    (second,) = query(database, KNOWN.format("count(*)"))[0]
    assert second > first

    api.on_request = None
    for hours in (0, 2, 48):
        clock.advance(hours * 3600)
        assert pipe.run() == 0
    found = _table(database)
    assert found == {key: _plain(row) for key, row in api_messages(call_centre).items()}
    assert {("conv_odd", n) for n in range(1, 6)} <= found.keys()
    assert not {("conv_empty", 1), ("conv_never", 1)} & found.keys()

    late = {f"{call.start:%Y-%m-%d}" for call in _with_transcript(call_centre)[20:200:60]}
    again = Counter(
        request.params["conversation_id"]
        for request in api.requests
        if request.endpoint == "transcript" and request.status == 200
    )
    twice = [key for key, count in again.items() if count > 1]
    assert len([key for key in twice if f"{call_centre[key].start:%Y-%m-%d}" not in late]) <= 66

    _check_the_query_of_the_docs(database, call_centre)


@pytest.mark.slow
def test_into_a_file_each_message_once(
    sandbox: RunningSandbox, call_centre: World, tmp_path: Path
) -> None:
    api = sandbox.api
    settings = settings_for(sandbox, transcripts_per_sync=120)
    target = {"destination_path": str(tmp_path), "do_timestamp_file": False}
    both = catalog(transcripts=True)
    pipe = Pipe(tmp_path, settings, "target-jsonl", target, catalog=both)
    codes = []
    for hours, daily_limit in ((0, 70), (0, None), (1, None), (1, None), (48, None)):
        call_centre.clock.advance(hours * 3600)
        api.daily_limit = daily_limit
        codes.append(pipe.run())
    assert codes == [1, 0, 0, 0, 0]

    lines = read_lines(tmp_path / "transcript_messages.jsonl")
    expected = api_messages(call_centre)
    assert len(lines) == len(expected)
    rows = {(row["conversation_id"], row["position"]): row for row in lines}
    assert rows.keys() == expected.keys()
    assert [row["text"] for row in rows.values()] == [expected[key]["text"] for key in rows]
    grouped = [key for key, _ in groupby(row["conversation_id"] for row in lines)]
    assert len(grouped) == len(set(grouped)), "the messages of a conversation are apart"
    assert all(
        [position for _, position in group] == list(range(1, len(group) + 1))
        for group in (list(g) for _, g in groupby(rows, key=lambda key: key[0]))
    )


def _check_the_query_of_the_docs(database: str, world: World) -> None:
    page = (ROOT / "docs" / "transcripts.md").read_text(encoding="utf-8")
    (sql,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    messages = [row for (key, _), row in sorted(api_messages(world).items()) if key == "conv_odd"]
    said = "\n".join(f"{row['speaker']}: {_plain(row)['text']}" for row in messages)
    row = api_rows(world)["conv_odd"]
    ((start, agent, text),) = query(database, sql.replace("conv_abc123", "conv_odd"))
    assert (_utc(start), agent, text) == (row["start_time"], row["agent_name"], said)


def _table(database: str) -> dict[tuple[str, int], dict[str, Any]]:
    types = query(
        database,
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE (table_schema, table_name) = ('tap_ayra', 'transcript_messages')",
    )
    assert {name: kind for name, kind in types if not name.startswith("_sdc_")} == COLUMNS
    rows = query(database, KNOWN.format(", ".join(f'"{name}"' for name in COLUMNS)))
    return {
        (row[0], row[1]): _plain(
            dict(zip(COLUMNS, row, strict=True)) | {"start_time": _utc(row[5])}
        )
        for row in rows
    }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Give a row as PostgreSQL can hold it, its numbers in one type."""
    return {
        name: value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        if isinstance(value, str)
        else float(value)
        if name in {"offset_seconds", "duration", "confidence"} and value is not None
        else value
        for name, value in row.items()
    }


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _with_transcript(world: World) -> list[Call]:
    """Give the calls whose transcript is there now, in order of their start."""
    now = world.clock.now()
    calls = [call for call in world.visible() if call.row(now)["has_transcript"]]
    return sorted(calls, key=lambda call: call.start)
