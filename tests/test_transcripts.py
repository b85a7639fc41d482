"""The stream of transcripts: each is fetched once, in order, when it can no longer change."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from sandbox import ApiResponse, Call
from sandbox.call import FOREVER
from tap_ayra.errors import PageFailedError, QuotaExhaustedError, TapAyraError
from tap_ayra.streams.conversations import Conversations
from tap_ayra.tap import TapAyra
from tests.simulator import NOW, Pipeline, ago, call, catalog, history
from tests.sweeps import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.simulator import Sync

STREAM = "transcript_messages"
BOTH = catalog(transcripts=True)
PER_CALL = 3
"""How many messages a call has, unless something else is said."""


class Calls(Pipeline):
    """A pipeline of both streams."""

    def sync(self, **options: Any) -> Sync:
        return super().sync(**{"catalog": BOTH, **options})

    def fetched(self, since: int = 0) -> list[str]:
        """Give the conversations whose transcripts were requested, in order."""
        return [
            request.params["conversation_id"]
            for request in self.api.requests[since:]
            if request.endpoint == "transcript"
        ]

    def listed(self, since: int = 0) -> int:
        """Count the requests for the list."""
        return sum(request.endpoint == "conversations" for request in self.api.requests[since:])

    @property
    def whole(self) -> set[str]:
        """The conversations of which every message is with the target, and none is too many."""
        found = Counter(key for key, _ in self.target.said)
        return {key for key, count in found.items() if count == PER_CALL}

    @property
    def entry(self) -> dict[str, Any]:
        """What the state has of transcripts."""
        found: dict[str, Any] = (self.target.state or {})["bookmarks"][STREAM]
        return found


def ids_of(calls: Iterable[Call]) -> set[str]:
    return {each.id for each in calls}


def codes_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [getattr(record, "code", "") for record in caplog.records]


# What a user gets


def test_conversations_come_first() -> None:
    assert list(TapAyra(config={"api_key": "any"}).streams) == ["conversations", STREAM]
    pipeline = Calls(history(30))
    outcome = pipeline.sync(page_size=10)
    kinds = ["position" in row for kind, row in outcome.messages if kind == "RECORD"]
    assert kinds == sorted(kinds)
    endpoints = [request.endpoint for request in pipeline.api.requests]
    assert endpoints.index("transcript") > 3


def test_a_message_is_a_row() -> None:
    start = ago(hours=5)
    message = {
        "id": "msg_001",
        "speaker": "agent",
        "text": "Hello",
        "timestamp": 0.5,
        "duration": 4.2,
        "confidence": 0.98,
        "sentiment": "positive",
    }
    pipeline = Calls([call("conv_a", start, messages=[message], language="fr")])
    (row,) = pipeline.sync().said
    assert row == {
        "conversation_id": "conv_a",
        "position": 1,
        "message_id": "msg_001",
        "speaker": "agent",
        "text": "Hello",
        "start_time": "2026-03-09T07:00:00Z",
        "offset_seconds": 0.5,
        "duration": 4.2,
        "confidence": 0.98,
        "sentiment": "positive",
        "language": "fr",
    }


def test_every_message_once_and_in_order() -> None:
    calls = history(120)
    outcome = Calls(calls).sync()
    assert [(row["conversation_id"], row["position"]) for row in outcome.said] == [
        (each.id, position) for each in calls for position in (1, 2, 3)
    ]
    assert outcome.verdicts[STREAM]["complete"]


class OnlyConversations(TapAyra):
    stream_types: ClassVar[Any] = (Conversations,)


def test_with_conversations_alone_nothing_is_different() -> None:
    with_both, alone = Calls(history(30)), Calls(history(30), tap_class=OnlyConversations)
    outcomes = [each.sync(catalog=None, page_size=10) for each in (with_both, alone)]
    assert outcomes[0].messages == outcomes[1].messages
    assert outcomes[0].verdicts == outcomes[1].verdicts
    requests = [[(r.path, r.params) for r in each.api.requests] for each in (with_both, alone)]
    assert requests[0] == requests[1]


def test_switched_off_for_a_while_nothing_is_lost_or_fetched_twice() -> None:
    pipeline = Calls(history(20))
    pipeline.sync()
    entry = pipeline.entry
    pipeline.world.extend([call(f"new{n}", ago(minutes=20 - n)) for n in range(5)])
    pipeline.wait(minutes=60)
    before = len(pipeline.api.requests)
    assert pipeline.sync(catalog=None).said == []
    assert pipeline.fetched(before) == []
    assert pipeline.entry == entry
    assert pipeline.sync().verdicts[STREAM]["complete"]
    assert pipeline.fetched(before) == [f"new{n}" for n in range(5)]


def test_transcripts_can_be_read_without_conversations() -> None:
    found = json.loads(json.dumps(BOTH))
    found["streams"][0]["metadata"][-1]["metadata"]["selected"] = False
    outcome = Calls(history(5)).sync(catalog=found)
    assert (len(outcome.records), len(outcome.said)) == (0, 15)


# What it costs


@pytest.mark.parametrize("concurrency", sweep([8, 1]))
def test_one_request_each_and_one_percent_beside(concurrency: int) -> None:
    pipeline = Calls(history(2000, apart=20))
    alone = Pipeline(history(2000, apart=20)).sync(concurrency=concurrency).requests
    pipeline.sync(concurrency=concurrency)
    assert sorted(pipeline.fetched()) == sorted(ids_of(history(2000)))
    assert pipeline.listed() - alone <= alone + 1  # which says what it will cost


def test_a_quiet_sync_costs_two_requests() -> None:
    pipeline = Calls(history(250))
    pipeline.sync()
    pipeline.wait(minutes=60)
    outcome = pipeline.sync()
    assert outcome.requests == 4  # two for each stream
    assert outcome.said == []


def test_a_sync_that_is_held_back_costs_no_more() -> None:
    pipeline = Calls([*history(20), call("open", ago(minutes=30), lasts=25 * 60)])
    pipeline.world.extend([call(f"later{n}", ago(minutes=29 - n), lasts=30) for n in range(9)])
    pipeline.sync()
    before = len(pipeline.api.requests)
    assert pipeline.sync().verdicts[STREAM]["complete"]
    assert len(pipeline.api.requests) - before == 4  # two for each stream


def test_what_it_will_cost_is_told_first(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    Calls(history(1024, apart=20), rate_limit=100).sync()
    told = next(line for line in caplog.messages if "to fetch" in line)
    assert told == (
        "1,024 transcripts to fetch: about 10 min 14 s at 100 requests per minute; "
        "set transcripts_per_sync to share the daily quota out"
    )


# When


def test_an_unsettled_call_holds_back_what_follows() -> None:
    pipeline = Calls([*history(3), call("open", ago(minutes=30), lasts=25 * 60)])
    pipeline.world.add(call("later", ago(minutes=20), lasts=60))
    pipeline.sync()
    assert pipeline.whole == {"c000", "c001", "c002"}
    pipeline.wait(minutes=10)
    before = len(pipeline.api.requests)
    assert pipeline.sync().verdicts[STREAM]["complete"]
    assert pipeline.fetched(before) == ["open", "later"]


def test_an_unsettled_call_holds_back_the_minute_before_it_on_the_page_before_too() -> None:
    start = ago(minutes=40)
    calls = [call(f"c{n}", start + timedelta(seconds=5 * n), lasts=1) for n in range(10)]
    pipeline = Calls([*calls, call("open", start + timedelta(seconds=52), lasts=35 * 60)])
    pipeline.sync(page_size=10, concurrency=1)
    assert pipeline.fetched() == []
    pipeline.wait(minutes=10)
    pipeline.sync(page_size=10, concurrency=1)
    assert pipeline.fetched() == [*(each.id for each in calls), "open"]


def test_an_id_of_any_letters_is_asked_for_as_it_is() -> None:
    calls = [call(name, ago(hours=5)) for name in ("a b", "ä/ö", "50%25", "a?b#c")]
    pipeline = Calls(calls)
    assert pipeline.sync().verdicts[STREAM]["complete"]
    assert pipeline.whole == ids_of(calls)


def test_a_call_open_for_long_holds_nothing_back_and_follows() -> None:
    pipeline = Calls([*history(3), call("long", ago(hours=3), lasts=4 * 3600)])
    pipeline.world.add(call("later", ago(hours=2), lasts=60))
    pipeline.world.add(call("neighbour", ago(hours=3), lasts=60))
    pipeline.sync()
    assert pipeline.fetched() == ["c000", "c001", "c002", "neighbour", "later"]
    pipeline.wait(minutes=30)
    pipeline.sync()
    pipeline.wait(minutes=60)
    assert pipeline.sync().verdicts[STREAM]["complete"]
    assert pipeline.fetched() == ["c000", "c001", "c002", "neighbour", "later", "long"]
    assert pipeline.entry["waiting"] == []


def test_a_call_that_has_just_ended_is_not_settled_whenever_it_began() -> None:
    pipeline = Calls([*history(3), call("long", ago(hours=3), lasts=3 * 3600 - 120)])
    pipeline.world.add(call("later", ago(hours=2)))
    assert pipeline.world["long"].as_json(NOW)["has_transcript"]
    pipeline.sync()
    assert "long" not in pipeline.fetched()
    pipeline.wait(minutes=10)
    pipeline.sync()
    assert Counter(pipeline.fetched())["long"] == 1


def test_living_calls_over_many_syncs() -> None:
    calls = [
        call(f"c{n:03}", ago(hours=6) + timedelta(minutes=3 * n), lasts=60 + 37 * (n % 30))
        for n in range(240)
    ]
    pipeline = Calls(calls)
    for _ in range(14):
        outcome = pipeline.sync()
        assert outcome.verdicts[STREAM]["complete"], outcome.verdicts[STREAM]
        pipeline.wait(minutes=30)
    pipeline.wait(minutes=60)
    pipeline.sync()
    assert pipeline.whole == ids_of(calls)
    assert max(Counter(pipeline.fetched()).values()) == 1


def test_a_transcript_that_comes_late_is_found(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    calls = history(20)
    calls[7].transcript_ready_at = NOW + timedelta(hours=1)
    pipeline = Calls(calls)
    pipeline.sync()
    assert pipeline.whole == ids_of(calls) - {"c007"}
    pipeline.wait(minutes=90)
    outcome = pipeline.sync()
    assert pipeline.whole == ids_of(calls)
    assert outcome.verdicts[STREAM]["complete"]
    assert outcome.verdicts[STREAM]["late"] == 1
    assert "transcripts-again" in codes_in(caplog)
    pipeline.wait(minutes=10)
    assert pipeline.sync().said == []


def test_a_call_that_comes_late_is_found() -> None:
    pipeline = Calls(history(20))
    pipeline.sync()
    pipeline.world.add(call("late", ago(hours=23), visible_from=NOW + timedelta(minutes=1)))
    pipeline.wait(minutes=30)
    assert pipeline.sync().verdicts[STREAM]["complete"]
    assert "late" in pipeline.whole


def test_a_call_that_comes_late_into_the_bookmarks_second_is_found() -> None:
    calls = [call(name, ago(hours=5)) for name in ("a", "b")]
    pipeline = Calls([*history(5), *calls])
    pipeline.sync()
    pipeline.world.add(call("aa", ago(hours=5), visible_from=NOW + timedelta(minutes=1)))
    pipeline.wait(minutes=30)
    assert pipeline.sync().verdicts[STREAM]["complete"]
    assert {"a", "aa", "b"} <= pipeline.whole


def test_a_call_that_was_open_at_the_bookmarks_second_is_fetched_once_it_has_settled() -> None:
    calls = [call("a", ago(hours=2)), call("open", ago(hours=2), lasts=2 * 3600 - 60)]
    pipeline = Calls([*history(5), *calls])
    pipeline.sync()
    assert "open" not in pipeline.fetched()
    pipeline.wait(minutes=30)
    assert pipeline.sync().verdicts[STREAM]["complete"]
    assert Counter(pipeline.fetched()) == Counter([*ids_of(history(5)), "a", "open"])


def test_an_earlier_start_date_fetches_what_lies_before() -> None:
    calls = [call(f"c{n}", ago(days=20 - n)) for n in range(20)]
    pipeline = Calls(calls)
    pipeline.sync(start_date="2026-03-01")
    first = pipeline.fetched()
    pipeline.sync(start_date="2026-02-01")
    assert pipeline.whole == ids_of(calls)
    assert sorted(pipeline.fetched()) == sorted(ids_of(calls))
    assert first == [each.id for each in calls if each.start >= datetime(2026, 3, 1, tzinfo=UTC)]


def test_looking_back_fetches_nothing_again() -> None:
    pipeline = Calls(history(20))
    for _ in range(2):
        pipeline.sync(lookback_days=3)
    assert max(Counter(pipeline.fetched()).values()) == 1


# Kills and states


@pytest.mark.parametrize("step", [41, pytest.param(13, marks=pytest.mark.slow)])
def test_a_kill_anywhere_loses_nothing_and_costs_little(step: int) -> None:
    calls = history(130)
    in_flight = 2 * 8
    for kill_after in range(130, 700, step):
        pipeline = Calls(calls)
        pipeline.sync(kill_after=kill_after, batch=7)
        pipeline.sync()
        assert pipeline.whole == ids_of(calls)
        assert len(pipeline.fetched()) <= len(calls) + 50 + in_flight + 7


def test_a_state_follows_fifty_transcripts_at_most() -> None:
    since_state: list[str] = []
    for kind, row in Calls(history(420)).sync().messages:
        if kind == "STATE":
            since_state = []
        elif row.get("position") == 1:
            since_state.append(row["conversation_id"])
            assert len(since_state) <= 50


def test_calls_without_transcripts_are_not_walked_again() -> None:
    pipeline = Calls(history(1500, apart=20, has_transcript=False))
    outcome = pipeline.sync()
    states = [s["bookmarks"][STREAM] for s in outcome.states if STREAM in s["bookmarks"]]
    assert len({state.get("replication_key_value") for state in states}) > 2


# Quotas


def test_a_quota_is_shared_out() -> None:
    calls = history(100)
    pipeline = Calls(calls)
    for number in range(1, 5):
        before = len(pipeline.api.requests)
        outcome = pipeline.sync(transcripts_per_sync=30)
        assert len(pipeline.fetched(before)) == (30 if number < 4 else 10)
        assert outcome.verdicts["conversations"]["complete"]
        verdict = outcome.verdicts[STREAM]
        assert verdict["complete"] == (number == 4)
        assert verdict["reason"] == (None if number == 4 else "transcripts-per-sync-reached")
        pipeline.wait(minutes=1)
    assert pipeline.fetched() == [each.id for each in calls]
    assert pipeline.whole == ids_of(calls)


def test_a_crowded_second_is_shared_out_too() -> None:
    calls = [call(f"c{n:03}", ago(days=1)) for n in range(100)]
    pipeline = Calls(calls, tie_order="shuffled")
    for _ in range(4):
        pipeline.sync(transcripts_per_sync=30)
    assert sorted(pipeline.fetched()) == sorted(ids_of(calls))
    assert pipeline.whole == ids_of(calls)


def test_a_span_that_is_fetched_again_is_shared_out_too() -> None:
    calls = history(40, apart=60)
    calls[3].transcript_ready_at = NOW + timedelta(hours=1)
    pipeline = Calls(calls)
    pipeline.sync()
    pipeline.wait(minutes=90)
    before = len(pipeline.api.requests)
    for _ in range(3):
        outcome = pipeline.sync(transcripts_per_sync=15)
    assert outcome.verdicts[STREAM]["complete"]
    assert sorted(pipeline.fetched(before)) == sorted(ids_of(calls))
    assert pipeline.whole == ids_of(calls)


def test_a_sync_with_no_budget_at_all_fetches_nothing() -> None:
    pipeline = Calls(history(10))
    pipeline.sync(transcripts_per_sync=0)
    assert pipeline.fetched() == []


def test_the_quotas_end_ends_the_sync_and_the_next_one_goes_on() -> None:
    calls = history(90)
    pipeline = Calls(calls, daily_limit=60)
    with pytest.raises(QuotaExhaustedError):
        pipeline.sync()
    assert len(pipeline.target.rows) == 90
    assert pipeline.target.said
    got = len(pipeline.whole)
    pipeline.clock.advance(12 * 3600)
    before = len(pipeline.api.requests)
    assert pipeline.sync().verdicts[STREAM]["complete"]
    assert pipeline.whole == ids_of(calls)
    assert len(pipeline.fetched(before)) == 90 - got


# Transcripts that are odd


def test_no_transcript_after_all_is_counted_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    calls = history(10)
    calls[2].transcript_ready_at = FOREVER
    calls[2].overrides = {"has_transcript": True}
    calls[5].messages = []
    pipeline = Calls(calls)
    outcome = pipeline.sync()
    assert pipeline.whole == ids_of(calls) - {"c002", "c005"}
    assert outcome.verdicts[STREAM]["complete"]
    assert outcome.verdicts[STREAM]["without"] == 2
    assert any("2 without messages" in line for line in caplog.messages)
    assert pipeline.sync().said == []
    assert Counter(pipeline.fetched())["c002"] == 1


WRONG = {
    "transcript-other": {"conversation_id": "c999"},
    "transcript-no-list": {"messages": {"0": "Hello"}},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_does_not_add_up_is_asked_for_three_times(wrong: Mapping[str, Any]) -> None:
    calls = history(10)
    calls[4].transcript_overrides = wrong
    pipeline = Calls(calls)
    with pytest.raises(PageFailedError) as caught:
        pipeline.sync(concurrency=1)
    assert caught.value.code == "transcript-inconsistent"
    assert Counter(pipeline.fetched())["c004"] == 3
    assert pipeline.whole == {"c000", "c001", "c002", "c003"}
    calls[4].transcript_overrides = {}
    assert pipeline.sync(concurrency=1).verdicts[STREAM]["complete"]
    assert pipeline.whole == ids_of(calls)


def test_what_is_no_object_has_no_data() -> None:
    pipeline = Calls(history(3))
    pipeline.api.faults = _on_transcript(lambda: ApiResponse(200, {}, b"[]"), times=99)
    with pytest.raises(TapAyraError) as caught:
        pipeline.sync()
    assert caught.value.code == "transcript-inconsistent"


@pytest.mark.parametrize(
    "response",
    [
        ApiResponse(500, {}, b""),
        ApiResponse(503, {"Retry-After": "3"}, b"{}"),
        ApiResponse(429, {"Retry-After": "7"}, b"{}"),
        ApiResponse(408, {}, b""),
        ApiResponse(200, {}, b'{"data": {"conversation_id": "c00'),
        ApiResponse(200, {}, b"<html>Bad gateway</html>"),
        ApiResponse(200, {}, b""),
        ApiResponse(200, {}, b'{"data": null}'),
    ],
    ids=lambda response: f"{response.status}-{response.body[:12].decode()}",
)
@pytest.mark.parametrize("concurrency", [1, 8])
def test_what_passes_is_waited_for(response: ApiResponse, concurrency: int) -> None:
    calls = history(30)
    pipeline = Calls(calls)
    pipeline.api.faults = _on_transcript(lambda: response, times=2)
    outcome = pipeline.sync(concurrency=concurrency)
    assert outcome.verdicts[STREAM]["complete"]
    assert [row["position"] for row in outcome.said] == [1, 2, 3] * 30
    assert pipeline.whole == ids_of(calls)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_what_does_not_pass_ends_the_sync_at_once(status: int) -> None:
    pipeline = Calls(history(30))
    pipeline.api.faults = _on_transcript(lambda: ApiResponse(status, {}, b"{}"), times=99)
    with pytest.raises(TapAyraError):
        pipeline.sync(concurrency=1)
    assert len(pipeline.fetched()) == 1
    assert len(pipeline.target.rows) == 30
    pipeline.api.faults = None
    pipeline.sync()
    assert len(pipeline.whole) == 30


def test_odd_messages_arrive_as_well_as_they_can(caplog: pytest.LogCaptureFixture) -> None:
    huge = "שלום " * 20_000
    said = [
        {"id": 7, "text": "a\0b", "timestamp": "1.5", "speaker": None},
        "not an object",
        {"text": "👩🏽‍💻 “naïve” שלום", "confidence": float("nan"), "mood": "sad"},
        {"text": "lone \ud800", "position": 99, "conversation_id": "other"},
        {"text": huge},
        {},
    ]
    pipeline = Calls([call("conv_a", ago(hours=5), messages=said)])
    rows = pipeline.sync().said
    assert [row["position"] for row in rows] == [1, 3, 4, 5, 6]
    assert {row["conversation_id"] for row in rows} == {"conv_a"}
    assert rows[0]["message_id"] == "7"
    assert rows[0]["text"] == "a\0b"
    assert rows[0]["offset_seconds"] == 1.5
    assert rows[1]["text"] == "👩🏽‍💻 “naïve” שלום"
    assert rows[1]["confidence"] is None
    assert rows[2]["text"] == "lone \N{REPLACEMENT CHARACTER}"
    assert rows[3]["text"] == huge
    warned = [getattr(r, "code", "") for r in caplog.records if r.levelname == "WARNING"]
    assert sorted(warned) == [
        "field-converted",
        "field-converted",
        "field-unknown",
        "lone-surrogates",
        "not-a-number",
        "transcript-messages-left-out",
    ]


def test_a_message_that_cannot_be_delivered_names_its_conversation() -> None:
    pipeline = Calls([call("conv_a", ago(hours=5), messages=[{"duration": {"s": 1}}])])
    with pytest.raises(TapAyraError, match="conv_a") as caught:
        pipeline.sync()
    assert caught.value.code == "field-invalid"


# What is wanted of it


def test_deselected_text_is_not_sent() -> None:
    outcome = Calls(history(3)).sync(catalog=catalog(transcripts=True, deselected=["text"]))
    assert len(outcome.said) == 9
    assert not any("text" in row for row in outcome.said)


def test_stream_maps_mask_the_text() -> None:
    maps = {STREAM: {"text": "sha256(text)", "words": "text.count(' ') + 1"}}
    outcome = Calls(history(3)).sync(stream_maps=maps)
    assert {len(row["text"]) for row in outcome.said} == {64}
    assert all(row["words"] > 0 for row in outcome.said)


def test_filters_apply() -> None:
    calls = [*history(5), call("other", ago(hours=9), agent_id="agent_other")]
    pipeline = Calls(calls)
    pipeline.sync(agent_id="agent_other")
    assert pipeline.fetched() == ["other"]


def test_other_filters_fetch_what_matches_now(caplog: pytest.LogCaptureFixture) -> None:
    calls = [*history(5), call("other", ago(hours=9), agent_id="agent_other")]
    pipeline = Calls(calls)
    pipeline.sync(agent_id="agent_other")
    assert pipeline.sync().verdicts[STREAM]["complete"]
    assert pipeline.whole == ids_of(calls)
    assert "transcripts-filters-changed" in codes_in(caplog)


def test_without_transcripts_there_is_nothing_to_fetch(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    pipeline = Calls(history(5))
    assert pipeline.sync(has_transcript=False).said == []
    assert "transcripts-filtered-out" in codes_in(caplog)


def test_with_transcripts_only_the_bookmark_is_not_held_back() -> None:
    pipeline = Calls([*history(5), call("recent", ago(hours=1))])
    pipeline.sync(has_transcript=True)
    assert len(pipeline.fetched()) == 6


def test_full_table_fetches_everything_each_time() -> None:
    pipeline = Calls([*history(5), call("open", ago(minutes=5), lasts=None)])
    full = catalog(transcripts=True, method="FULL_TABLE", key=None)
    for _ in range(2):
        assert len(pipeline.sync(catalog=full).said) == 15
    assert "replication_key_value" not in pipeline.entry


def _on_transcript(
    response: Callable[[], ApiResponse], *, times: int
) -> Callable[[int, Mapping[str, str]], ApiResponse | None]:
    """Answer so many requests for transcripts, from the first on, in another way."""
    left = [times]

    def fault(_: int, params: Mapping[str, str]) -> ApiResponse | None:
        if "conversation_id" not in params or not left[0]:
            return None
        left[0] -= 1
        return response()

    return fault
