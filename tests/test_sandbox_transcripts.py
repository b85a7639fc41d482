"""The simulated API's endpoint for transcripts keeps what is documented of it."""

from __future__ import annotations

import itertools
import json
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from sandbox import Call, SandboxApi, SandboxClock, World
from sandbox.call import FOREVER
from tests.asking import NOW, ask, error, listed_ids, past_call, read

if TYPE_CHECKING:
    from sandbox import ApiResponse

PROJECT = Path(__file__).parent.parent
SAID = "Hello?\nHello, it is about a refund. 😕\nはい"


def sandbox(*calls: Call, **options: Any) -> SandboxApi:
    """Make an API with these calls."""
    return SandboxApi(World(SandboxClock(NOW, frozen=True), calls), **options)


def ask_transcript(
    api: SandboxApi, call_id: str, *, key: object = None, **params: object
) -> ApiResponse:
    headers = {"Authorization": f"Bearer {key or api.key}"}
    path = f"/v1/conversations/{call_id}/transcript"
    return api.handle("GET", path, urlencode(params), headers)


def read_transcript(api: SandboxApi, call_id: str, **params: object) -> dict[str, Any]:
    response = ask_transcript(api, call_id, **params)
    assert response.status == 200, response.body
    body: dict[str, Any] = json.loads(response.body)
    assert list(body) == ["data"]
    return dict(body["data"])


def test_transcript_has_the_documented_fields() -> None:
    api = sandbox(past_call("conv_1", lasts=20, transcript=SAID, language="en"))
    transcript = read_transcript(api, "conv_1")
    assert list(transcript) == ["conversation_id", "language", "word_count", "messages"]
    assert transcript["conversation_id"] == "conv_1"
    assert (transcript["language"], transcript["word_count"]) == ("en", 9)
    messages = transcript["messages"]
    documented = ["id", "speaker", "text", "timestamp", "duration", "confidence"]
    assert all(list(message) == documented for message in messages)
    assert [message["id"] for message in messages] == ["msg_001", "msg_002", "msg_003"]
    assert [message["speaker"] for message in messages] == ["agent", "caller", "agent"]
    assert [message["text"] for message in messages] == SAID.split("\n")


def test_messages_follow_one_another_within_the_call() -> None:
    messages = read_transcript(sandbox(past_call("conv_1", lasts=20)), "conv_1")["messages"]
    assert messages[0]["timestamp"] == 0
    for message, following in itertools.pairwise(messages):
        assert message["timestamp"] + message["duration"] <= following["timestamp"]
    assert 10 < messages[-1]["timestamp"] + messages[-1]["duration"] <= 20
    assert all(0.8 <= message["confidence"] <= 1 for message in messages)


def test_messages_are_the_same_each_time_and_differ_between_conversations() -> None:
    api = sandbox(past_call("conv_1"), past_call("conv_2"))
    first = read_transcript(api, "conv_1")
    assert read_transcript(api, "conv_1") == first
    assert read_transcript(api, "conv_2")["messages"] != first["messages"]


def test_sentiment_and_speakers_on_request() -> None:
    api = sandbox(past_call("conv_1"))
    plain = read_transcript(api, "conv_1", include_sentiment="false")["messages"][0]
    assert "sentiment" not in plain
    told = read_transcript(api, "conv_1", include_sentiment="true", speaker_labels="false")
    assert {each["sentiment"] for each in told["messages"]} <= {"positive", "neutral", "negative"}
    assert not any("speaker" in each for each in told["messages"])


@pytest.mark.parametrize(
    ("params", "content_type", "body"),
    [
        (
            {"format": "text"},
            "text/plain; charset=utf-8",
            "[00:00:00] Agent: Hi\n[00:00:10] Caller: Ho\n",
        ),
        (
            {"format": "text", "include_timestamps": "false", "speaker_labels": "false"},
            "text/plain; charset=utf-8",
            "Hi\nHo\n",
        ),
        (
            {"format": "srt"},
            "application/x-subrip; charset=utf-8",
            (
                "1\n00:00:00,000 --> 00:00:09,000\nAgent: Hi\n\n"
                "2\n00:00:10,000 --> 00:00:19,000\nCaller: Ho\n\n"
            ),
        ),
        (
            {"format": "vtt"},
            "text/vtt; charset=utf-8",
            (
                "WEBVTT\n\n00:00:00.000 --> 00:00:09.000\nAgent: Hi\n\n"
                "00:00:10.000 --> 00:00:19.000\nCaller: Ho\n\n"
            ),
        ),
    ],
)
def test_other_formats(params: dict[str, str], content_type: str, body: str) -> None:
    api = sandbox(past_call("conv_1", lasts=20, transcript="Hi\nHo"))
    response = ask_transcript(api, "conv_1", **params)
    assert (response.headers["Content-Type"], response.body.decode()) == (content_type, body)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "xml"),
        ("include_timestamps", "1"),
        ("include_sentiment", "maybe"),
        ("speaker_labels", ""),
    ],
)
def test_bad_parameters(name: str, value: str) -> None:
    response = ask_transcript(sandbox(past_call("conv_1")), "conv_1", **{name: value})
    assert (response.status, error(response)["field"]) == (400, name)


def test_transcript_appears_some_time_after_the_end() -> None:
    api = sandbox(cache_seconds=0)
    ready_at = NOW + timedelta(seconds=100)
    api.world.begin("conv_1", lasts=60, processing=20, transcript_ready_at=ready_at)
    for seconds in (30, 40, 29):
        api.world.clock.advance(seconds)
        refused = ask_transcript(api, "conv_1")
        assert (refused.status, error(refused)["type"]) == (404, "not_found")
        assert error(refused)["code"] == "transcript_not_found"
        assert not read(api)["data"][0]["has_transcript"]
        assert listed_ids(api, has_transcript="true") == []
    api.world.clock.advance(1)
    assert read_transcript(api, "conv_1")["messages"]
    assert listed_ids(api, has_transcript="true") == ["conv_1"]
    assert api.world.final_rows()[0]["has_transcript"]


def test_transcript_appears_with_the_final_values_if_not_told_otherwise() -> None:
    api = sandbox()
    api.world.begin("conv_1", lasts=60, processing=20)
    api.world.clock.advance(79)
    assert ask_transcript(api, "conv_1").status == 404
    api.world.clock.advance(1)
    assert ask_transcript(api, "conv_1").status == 200


def test_no_transcript_of_what_has_none() -> None:
    api = sandbox(past_call("conv_1", has_transcript=False))
    assert error(ask_transcript(api, "conv_1"))["code"] == "transcript_not_found"
    assert not read(api)["data"][0]["has_transcript"]


def test_transcript_that_is_promised_and_never_comes() -> None:
    promised = {"has_transcript": True}
    call = past_call("conv_1", transcript_ready_at=FOREVER, overrides=promised)
    api = sandbox(call)
    assert read(api)["data"][0]["has_transcript"]
    api.world.clock.advance(400 * 86_400)
    assert ask_transcript(api, "conv_1").status == 404


def test_no_transcript_of_conversations_that_are_not_listed() -> None:
    gone, hidden = past_call("conv_gone"), past_call("conv_hidden")
    hidden.visible_from = NOW + timedelta(hours=1)
    api = sandbox(gone, hidden)
    api.world.remove("conv_gone")
    for call_id in ("conv_gone", "conv_hidden", "conv_nobody", "conv%2Fodd"):
        response = ask_transcript(api, call_id)
        assert (response.status, error(response)["code"]) == (404, "conversation_not_found")


def test_ids_are_unquoted() -> None:
    assert read_transcript(sandbox(past_call("conv/ü")), "conv%2F%C3%BC")["messages"]


def test_transcripts_can_be_empty_and_odd() -> None:
    call = past_call("conv_1", messages=[])
    api = sandbox(call)
    empty = read_transcript(api, "conv_1")
    assert (empty["messages"], empty["word_count"]) == ([], 0)
    call.messages = [{"id": 7, "text": "\ud83d"}, None]
    assert read_transcript(api, "conv_1")["messages"] == call.messages
    call.messages = "none"
    assert read_transcript(api, "conv_1")["messages"] == "none"
    assert ask_transcript(api, "conv_1", format="srt").body == b"\n"
    call.transcript_overrides = {"conversation_id": "conv_2", "messages": None}
    odd = read_transcript(api, "conv_1")
    assert (odd["conversation_id"], odd["messages"]) == ("conv_2", None)


def test_permission_and_rate_limit_are_those_of_the_list() -> None:
    api = sandbox(past_call("conv_1"), rate_limit=2)
    api.keys = {api.key: {"conversations:read"}, "sk_test_other": {"agents:read"}}
    assert ask_transcript(api, "conv_1", key="sk_test_other").status == 403
    assert ask(api).status == 200
    assert ask_transcript(api, "conv_1").headers["X-RateLimit-Remaining"] == "0"
    assert ask_transcript(api, "conv_1").status == 429


def test_requests_say_which_endpoint_they_went_to() -> None:
    api = sandbox(past_call("conv_1"))
    asked: list[dict[str, str]] = []
    api.on_request = lambda params: asked.append(dict(params))
    ask(api, page=1)
    ask_transcript(api, "conv_1", format="json")
    api.handle("GET", "/v1/agents", "", {})
    assert [each.endpoint for each in api.requests] == ["conversations", "transcript", None]
    assert asked == [{"page": "1"}, {"format": "json", "conversation_id": "conv_1"}, {}]
    assert [each.rows for each in api.requests] == [1, 3, 0]


def test_generated_transcripts_are_plausible() -> None:
    world = World.generate(SandboxClock(NOW, frozen=True), seed=1, count=500)
    api = SandboxApi(world, rate_limit=None)
    with_transcript = [row["id"] for row in world.rows() if row["has_transcript"]]
    transcripts = {each: read_transcript(api, each) for each in with_transcript}
    assert {each["language"] for each in transcripts.values()} == {
        "en",
        "fr",
        "es",
        "de",
        "ar",
        "he",
        "ja",
    }
    assert all(4 <= len(each["messages"]) <= 40 for each in transcripts.values())
    text = json.dumps(list(transcripts.values()), ensure_ascii=False)
    assert all(letter in text for letter in "é😕שم番—")
    for row in world.rows():
        ends = [each["timestamp"] for each in transcripts.get(row["id"], {}).get("messages", ())]
        assert not ends or max(ends) <= row["duration"] + 2


def test_sample_numbers_are_fictional() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in PROJECT.glob("sandbox/*.py"))
    numbers = re.findall(r"\+\d[\d ()-]{8,}", text)
    assert numbers
    assert all(re.fullmatch(r"1\d{3}55501\d\d", re.sub(r"\D", "", each)) for each in numbers)


def test_generated_transcripts_appear_within_a_minute_or_so_of_the_end() -> None:
    clock = SandboxClock(NOW, frozen=True)
    calls = World.generate(clock, seed=1, count=500).visible()
    after = [ready - end for call in calls if (ready := call.transcript_from) and (end := call.end)]
    assert sum(each <= timedelta(seconds=30) for each in after) > 0.8 * len(after)
    assert max(after) <= timedelta(seconds=90)


def test_generated_transcripts_can_be_odd() -> None:
    clock = SandboxClock(NOW, frozen=True)
    world = World.generate(clock, seed=1, count=300, odd_transcripts=0.3)
    api = SandboxApi(world, rate_limit=None)
    promised = [call.id for call in world.visible() if call.row(NOW)["has_transcript"]]
    statuses = [ask_transcript(api, each).status for each in promised]
    assert 10 < statuses.count(404) < 60
    assert sum(call.messages == () for call in world.visible()) > 10
    assert any((call.transcript_from or NOW) > NOW for call in world.visible())


def test_search_looks_into_what_is_said() -> None:
    world = World.generate(SandboxClock(NOW, frozen=True), seed=1, count=300)
    found = read(SandboxApi(world), search="Grüezi", per_page=1)["meta"]["total"]
    assert 0 < found < 100


def test_transcripts_are_cheap_to_serve() -> None:
    world = World.generate(SandboxClock(NOW, frozen=True), seed=1, count=1000)
    api = SandboxApi(world, rate_limit=None)
    began = time.process_time()
    for call in world.visible():
        ask_transcript(api, call.id)
    assert time.process_time() - began < 1.0
