"""What is said of transcripts: in the catalog, before, while and after they are fetched."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sandbox import ApiResponse, SandboxApi, SandboxClock, World, serve
from sandbox.meltano_project import ROOT
from tap_ayra.errors import TapAyraError
from tap_ayra.output.progress import duration
from tap_ayra.tap import TapAyra
from tests.simulator import NOW, Pipeline, ago, call, catalog, history
from tests.singer import captured, discovered, settings_for

if TYPE_CHECKING:
    from collections.abc import Mapping

STREAM = "transcript_messages"
BOTH = catalog(transcripts=True)
FULL_TABLE = catalog(transcripts=True, method="FULL_TABLE", key=None)
PAGE = (ROOT / "docs" / "transcripts.md").read_text(encoding="utf-8")

TEXT = {"type": ["string", "null"]}
NUMBER = {"type": ["number", "null"]}
TYPES = {
    "conversation_id": {"type": ["string"]},
    "position": {"type": ["integer"]},
    "message_id": TEXT,
    "speaker": TEXT,
    "text": TEXT,
    "start_time": {"type": ["string", "null"], "format": "date-time"},
    "offset_seconds": NUMBER,
    "duration": NUMBER,
    "confidence": NUMBER,
    "sentiment": TEXT,
    "language": TEXT,
}


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level("INFO")
    return caplog


def told(caplog: pytest.LogCaptureFixture, code: str) -> list[str]:
    """Give the lines of the transcripts' stream with a code."""
    return [
        record.getMessage()
        for record in caplog.records
        if getattr(record, "code", "") == code and record.name.endswith(STREAM)
    ]


# In the catalog


def test_the_catalog_offers_messages_and_does_not_select_them() -> None:
    _, stream = discovered()["streams"]
    assert stream["tap_stream_id"] == STREAM
    assert stream["key_properties"] == ["conversation_id", "position"]
    assert (stream["replication_method"], stream["replication_key"]) == (
        "INCREMENTAL",
        "start_time",
    )
    (root,) = [entry["metadata"] for entry in stream["metadata"] if not entry["breadcrumb"]]
    assert root["selected-by-default"] is False
    assert not root.get("selected")
    assert root["table-key-properties"] == ["conversation_id", "position"]


def test_every_column_is_typed_and_described() -> None:
    schema = discovered()["streams"][1]["schema"]
    bare = {
        name: {key: value for key, value in definition.items() if key != "description"}
        for name, definition in schema["properties"].items()
    }
    assert bare == TYPES
    assert schema["required"] == ["conversation_id", "position"]
    descriptions = {n: d["description"] for n, d in schema["properties"].items()}
    assert all(descriptions.values())
    assert "econds" in descriptions["offset_seconds"]
    assert "seconds" in descriptions["duration"]
    assert "from 0 to 1" in descriptions["confidence"]
    assert "UTC" in descriptions["start_time"]


def test_a_connection_test_asks_for_no_transcript() -> None:
    world = World(SandboxClock(NOW, frozen=True), history(5))
    with serve(SandboxApi(world)) as sandbox, captured():
        TapAyra(config=settings_for(sandbox), catalog=BOTH).run_connection_test()
        assert [request.endpoint for request in sandbox.api.requests] == ["conversations"]


# Before


def test_the_cost_is_told_before_the_first_transcript_is_asked_for(
    lines: pytest.LogCaptureFixture,
) -> None:
    calls = history(20)
    calls[3].transcript_ready_at = ago(hours=-1)
    pipeline = Pipeline(calls, rate_limit=500)
    known: list[int] = []

    def on_request(params: Mapping[str, str]) -> None:
        if "conversation_id" in params:
            known.append(len(told(lines, code)))

    code = "transcripts-forecast"
    pipeline.api.on_request = on_request
    pipeline.sync(catalog=BOTH)
    assert set(known) == {1}
    assert told(lines, code) == ["19 transcripts to fetch: about 2 s at 500 requests per minute"]

    known.clear()
    code = "transcripts-again"
    pipeline.wait(minutes=90)
    pipeline.sync(catalog=BOTH)
    assert set(known) == {1}
    (line,) = told(lines, code)
    assert line.startswith("2026-03-08 to 2026-03-08: fetching 20 transcripts again: about 2 s at")


def test_a_bounded_sync_says_how_many_of_them_come_now(lines: pytest.LogCaptureFixture) -> None:
    Pipeline(history(300), rate_limit=100).sync(catalog=BOTH, transcripts_per_sync=200)
    (line,) = told(lines, "transcripts-forecast-bounded")
    assert line.startswith("300 transcripts to fetch, 200 in this sync (transcripts_per_sync): ")
    assert line.endswith(": about 2 min 0 s at 100 requests per minute")


# While


def test_progress_tells_how_many_of_how_many_at_which_rate(
    lines: pytest.LogCaptureFixture,
) -> None:
    pipeline = Pipeline(history(40), rate_limit=500)
    pipeline.api.on_request = lambda _: pipeline.clock.advance(0.5)
    pipeline.sync(catalog=BOTH, concurrency=1)
    first = told(lines, "progress")[0]
    assert re.fullmatch(
        r"(18|19|20) of 40 transcripts \(\d\d%\) · 2/s · \d+ s left · "
        r"rate limit: \d+ requests left in this minute's window",
        first,
    ), first


def test_both_streams_share_the_limit_and_provoke_no_429() -> None:
    pipeline = Pipeline(history(150), rate_limit=60)
    outcome = pipeline.sync(catalog=BOTH, page_size=10)
    assert outcome.verdicts[STREAM]["complete"]
    assert {request.status for request in pipeline.api.requests} == {200}


# After


def test_the_last_line(lines: pytest.LogCaptureFixture) -> None:
    calls = history(30)
    calls[4].messages = []
    outcome = Pipeline(calls).sync(catalog=BOTH)
    (line,) = told(lines, "sync-complete")
    assert line.startswith("Sync complete: 30 of 30 transcripts, 32 requests, 1 without messages. ")
    assert outcome.verdicts[STREAM]["delivered"] == 30


def test_the_last_line_of_a_bounded_sync(caplog: pytest.LogCaptureFixture) -> None:
    Pipeline(history(30)).sync(catalog=BOTH, transcripts_per_sync=12)
    (line,) = told(caplog, "sync-not-provable")
    assert line.startswith("Sync finished, completeness not provable: 12 transcripts, ")
    assert "transcripts_per_sync (12) is reached, the next sync resumes here" in line


@pytest.mark.parametrize(("budget", "activated"), [(None, True), (7, False), (8, True)])
def test_only_a_complete_refresh_deletes(budget: int | None, *, activated: bool) -> None:
    outcome = Pipeline(history(8)).sync(
        catalog=FULL_TABLE, emit_activate_version_messages=True, transcripts_per_sync=budget
    )
    streams = [row["stream"] for kind, row in outcome.messages if kind == "ACTIVATE_VERSION"]
    assert streams == (["conversations", STREAM] if activated else ["conversations"])
    if activated:
        assert outcome.messages[-2][1]["stream"] == STREAM  # after its last record


# What nobody else may read

CONFIDED = "my card number is 4242"
SAID = [{"id": "msg_1", "speaker": "caller", "text": CONFIDED, "timestamp": 1, "duration": 2}]


ODD: dict[str, dict[str, Any]] = {
    "nothing odd": {"messages": SAID},
    "a message is text": {"messages": [*SAID, CONFIDED]},
    "an unknown field": {"messages": [{**SAID[0], "note": CONFIDED}]},
    "a speaker is an object": {"messages": [{**SAID[0], "speaker": {"name": CONFIDED}}]},
    "a duration is text": {"messages": [{**SAID[0], "duration": CONFIDED}]},
    "a confidence is a list": {"messages": [{**SAID[0], "confidence": [CONFIDED]}]},
    "another conversation": {"transcript_overrides": {"conversation_id": CONFIDED}},
    "messages are text": {"transcript_overrides": {"messages": CONFIDED}},
    "a language is a list": {"transcript_overrides": {"language": [CONFIDED]}},
}


@pytest.mark.parametrize("name", ODD)
def test_what_was_said_stays_out_of_logs_errors_states_and_metrics(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    pipeline = Pipeline([call("conv_a", ago(hours=5), **ODD[name])])
    error = ""
    try:
        pipeline.sync(catalog=BOTH)
    except TapAyraError as failure:
        error = str(failure)
    assert CONFIDED not in caplog.text + error
    assert CONFIDED not in json.dumps(pipeline.target.state)


def test_a_body_that_is_not_json_is_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    pipeline = Pipeline(history(3))
    body = json.dumps({"data": {"conversation_id": "c000", "messages": SAID}})[:-1].encode()
    pipeline.api.faults = lambda _, params: (
        ApiResponse(200, {}, body) if "conversation_id" in params else None
    )
    with pytest.raises(TapAyraError) as caught:
        pipeline.sync(catalog=BOTH)
    assert CONFIDED not in caplog.text + str(caught.value)


# In the docs


def test_the_maps_of_the_docs_mask_every_text() -> None:
    (block,) = re.findall(r"```yaml\n(stream_maps:.*?)```", PAGE, re.DOTALL)
    outcome = Pipeline(history(3)).sync(catalog=BOTH, **yaml.safe_load(block))
    plain = {message["text"] for message in Pipeline(history(1)).sync(catalog=BOTH).said}
    assert len(outcome.said) == 9
    assert {len(row["text"]) for row in outcome.said} == {64}
    assert not plain & {row["text"] for row in outcome.said}
    assert all(row["words"] > 2 for row in outcome.said)


def test_the_figures_of_the_docs_add_up() -> None:
    rows = re.findall(r"\| (\w+) \| ([\d,]+) \| ([\d,]+) \| (.*?) \| (.*?) \|\n", PAGE)
    assert [row[0] for row in rows] == ["Free", "Professional", "Business"]
    for _, minute, day, *takes in rows:
        time, days = 10_100 / _number(minute) * 60, -(-101_000 // _number(day))
        assert takes[0].split(":")[0] == duration(time)
        assert takes[1] == f"{days} days"
    (line,) = re.findall(r"10,240 transcripts to fetch: about (.*?) at 100 requests", PAGE)
    assert line == duration(10_240 / 100 * 60)


def _number(text: str) -> int:
    return int(text.replace(",", ""))
