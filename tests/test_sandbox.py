"""The simulated API keeps the contract of the real one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import requests

from sandbox import ApiResponse, Call, SandboxAdapter, SandboxApi, SandboxClock, World, serve
from sandbox.__main__ import main
from tests.asking import NOW, ask, error, listed_ids, past_call, read

PROJECT = Path(__file__).parent.parent


@pytest.fixture
def clock() -> SandboxClock:
    return SandboxClock(NOW, frozen=True)


@pytest.fixture
def world(clock: SandboxClock) -> World:
    return World(clock)


@pytest.fixture
def api(world: World) -> SandboxApi:
    return SandboxApi(world, cache_seconds=0)


@pytest.fixture
def busy(clock: SandboxClock) -> SandboxApi:
    world = World.generate(clock, seed=1, count=300, in_progress=5)
    return SandboxApi(world, cache_seconds=0, rate_limit=None)


def test_clock_ticks_with_real_time() -> None:
    clock = SandboxClock(NOW)
    assert timedelta(0) <= clock.now() - NOW < timedelta(seconds=30)
    assert clock.now() <= clock.now()


def test_frozen_clock_moves_only_when_told(clock: SandboxClock) -> None:
    clock.advance(90)
    assert clock.now() == NOW + timedelta(seconds=90)
    clock.set(datetime.fromisoformat("2025-02-01T01:00:00+01:00"))
    assert clock.now().isoformat() == "2025-02-01T00:00:00+00:00"


def test_clock_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        SandboxClock(datetime(2025, 1, 1))  # noqa: DTZ001


def test_call_has_all_documented_fields_in_order() -> None:
    row = past_call("conv_1", caller_number="+12025550123").as_json(NOW)
    assert row == {
        "id": "conv_1",
        "agent_id": "agent_support01",
        "agent_name": "Customer Support Agent",
        "caller_number": "+12025550123",
        "status": "completed",
        "start_time": "2025-01-15T14:00:00Z",
        "end_time": "2025-01-15T14:02:00Z",
        "duration": 120,
        "sentiment": "neutral",
        "outcome": "issue_resolved",
        "topics": ["billing"],
        "has_recording": True,
        "has_transcript": True,
        "summary": "Caller asked about an invoice.",
        "created_at": "2025-01-15T14:00:00Z",
    }
    assert json.loads(past_call("conv_1").encoded(NOW)).keys() == row.keys()
    assert list(row)[:6] == [
        "id",
        "agent_id",
        "agent_name",
        "caller_number",
        "status",
        "start_time",
    ]


def test_call_begins_changes_ends_and_is_processed(
    api: SandboxApi, world: World, clock: SandboxClock
) -> None:
    world.begin("conv_1", lasts=300, processing=20, topics=["refund", "billing", "account"])

    def now() -> dict[str, Any]:
        return dict(read(api)["data"][0])

    partial = now()
    assert (partial["status"], partial["duration"]) == ("in_progress", 0)
    assert (partial["end_time"], partial["summary"], partial["outcome"]) == (None, None, None)
    assert (partial["sentiment"], partial["topics"]) == (None, [])
    clock.advance(70)
    assert now()["duration"] == 70
    assert (now()["sentiment"], now()["topics"]) == ("neutral", ["refund"])
    clock.advance(230)
    ended = now()
    assert (ended["status"], ended["duration"]) == ("completed", 300)
    assert ended["end_time"] == "2025-01-15T15:05:00Z"
    assert (ended["has_transcript"], ended["summary"]) == (False, None)
    clock.advance(20)
    assert [now()] == world.final_rows()
    assert now()["has_transcript"]
    assert now()["topics"] == ["refund", "billing", "account"]


def test_call_is_corrected_days_later(world: World, clock: SandboxClock) -> None:
    world.add(past_call("conv_1")).correct(NOW + timedelta(days=3), sentiment="negative")
    assert world.rows()[0]["sentiment"] == "neutral"
    clock.advance(3 * 86_400)
    assert world.rows()[0]["sentiment"] == "negative"
    assert world.final_rows() == world.rows()


def test_call_can_be_stuck_open(world: World, clock: SandboxClock) -> None:
    world.begin("conv_1", lasts=None)
    clock.advance(3 * 86_400)
    assert world.rows()[0]["status"] == "in_progress"
    assert world.final_rows() == world.rows()


def test_call_can_have_odd_values() -> None:
    odd = past_call("conv_1", overrides={"status": "parked", "topics": None, "new": 1})
    row = odd.as_json(NOW)
    assert (row["status"], row["topics"], row["new"]) == ("parked", None, 1)
    odd.overrides = {"summary": "\ud83d"}
    assert json.loads(odd.encoded(NOW))["summary"] == "\ud83d"
    assert b"\\ud83d" in odd.encoded(NOW)


def test_call_has_its_time_format() -> None:
    half_past = timedelta(minutes=60) - timedelta(milliseconds=500)
    odd = past_call("conv_1", minutes_ago=half_past / timedelta(minutes=1))
    assert odd.as_json(NOW)["start_time"] == "2025-01-15T14:00:00Z"
    odd.time_format = "fractions"
    assert odd.as_json(NOW)["start_time"] == "2025-01-15T14:00:00.5Z"
    odd.time_format = "offset"
    assert odd.as_json(NOW)["start_time"] == "2025-01-15T16:00:00.500000+02:00"


def test_call_shows_assigned_fields_at_once(world: World) -> None:
    changing = world.add(past_call("conv_1"))
    assert world.rows()[0]["outcome"] == "issue_resolved"
    changing.outcome = "escalated"
    assert world.rows()[0]["outcome"] == "escalated"
    changing.corrections.append((NOW, {"outcome": "closed"}))
    assert world.rows()[0]["outcome"] == "closed"


def test_call_shows_the_same_whatever_was_shown_before() -> None:
    def make() -> Call:
        changing = past_call("conv_1", lasts=90.5, topics=["a", "b", "c"])
        changing.processed_at = NOW - timedelta(minutes=58)
        changing.correct(NOW, outcome="closed")
        changing.correct(NOW - timedelta(minutes=57), outcome="escalated", summary=None)
        return changing

    moments = [NOW + timedelta(seconds=seconds) for seconds in range(-3700, 100, 7)]
    Random(0).shuffle(moments)  # noqa: S311
    kept = make()
    assert all(kept.as_json(moment) == make().as_json(moment) for moment in moments)


def test_calls_appear_late_and_go(api: SandboxApi, world: World, clock: SandboxClock) -> None:
    world.extend([past_call("conv_1", 30), past_call("conv_0", 60), past_call("conv_2", -10)])
    world["conv_1"].visible_from = NOW + timedelta(minutes=5)
    assert listed_ids(api) == ["conv_0"]
    clock.advance(300)
    assert listed_ids(api) == ["conv_0", "conv_1"]
    world.remove("conv_0")
    clock.advance(300)
    assert listed_ids(api) == ["conv_1", "conv_2"]
    assert [row["id"] for row in world.final_rows()] == ["conv_1", "conv_2"]


def test_world_has_an_id_once(world: World) -> None:
    world.add(past_call("conv_1"))
    with pytest.raises(ValueError, match="conv_1"):
        world.add(past_call("conv_1"))


def test_same_seed_makes_the_same_world(clock: SandboxClock) -> None:
    first, again, other = (
        World.generate(clock, seed=seed, count=50).final_rows() for seed in (7, 7, 8)
    )
    assert first == again != other


def test_world_looks_like_a_call_centre(clock: SandboxClock) -> None:
    world = World.generate(
        clock, seed=1, count=3000, in_progress=5, stuck=2, odd_times=0.1, corrected=0.1
    )
    assert len(world.visible()) == 3000
    assert world.counts()["in_progress"] == 5 + 2
    assert set(world.counts()) == {"in_progress", "completed", "failed", "abandoned"}
    hours = Counter(call.start.hour for call in world.visible())
    assert hours[10] > 5 * hours[3]
    lengths = sorted(row["duration"] for row in world.rows() if row["end_time"])
    assert lengths[-1] > 8 * lengths[len(lengths) // 2]
    text = json.dumps(world.rows(), ensure_ascii=False)
    assert all(letter in text for letter in "éłדمお😊")
    assert '"caller_number": null' in text
    numbers = {row["caller_number"] for row in world.rows()} - {None}
    assert all(len(number) == 12 and number[5:10] == "55501" for number in numbers)


def test_calls_in_progress_end_soon(clock: SandboxClock) -> None:
    world = World.generate(clock, seed=1, count=100, in_progress=5)
    clock.advance(600)
    assert "in_progress" not in world.counts()
    assert world.rows() == world.final_rows()


def test_page_defaults(busy: SandboxApi) -> None:
    body = read(busy)
    starts = [row["start_time"] for row in body["data"]]
    assert starts == sorted(starts, reverse=True)
    assert len(starts) == 25
    assert body["meta"] == {
        "total": 300,
        "page": 1,
        "per_page": 25,
        "total_pages": 12,
        "request_id": "req_conversations_list_1",
        "timestamp": "2025-01-15T15:00:00Z",
    }


def test_links_leave_the_filters_out(busy: SandboxApi) -> None:
    url = "https://api.ayra.ai/v1/conversations"
    links = read(busy, per_page=100, sort_order="asc")["links"]
    assert links["prev"] is None
    assert links["next"] == f"{url}?page=2"
    links = read(busy, per_page=100, page=3)["links"]
    assert links == {
        "first": f"{url}?page=1",
        "prev": f"{url}?page=2",
        "next": None,
        "last": f"{url}?page=3",
    }


def test_pages_make_up_the_whole(busy: SandboxApi) -> None:
    walked = [row for page in (1, 2, 3, 4) for row in listed_ids(busy, page=page, per_page=90)]
    assert walked == [call.id for call in busy.world.visible()]


def test_larger_pages_are_capped(busy: SandboxApi) -> None:
    body = read(busy, per_page=1000)
    assert (len(body["data"]), body["meta"]["per_page"]) == (100, 100)


def test_pages_past_the_end_are_empty(busy: SandboxApi) -> None:
    assert read(busy, page=99)["data"] == []
    nothing = read(busy, agent_id="agent_nobody")
    assert (nothing["data"], nothing["meta"]["total"]) == ([], 0)


@pytest.mark.parametrize("field", ["duration", "sentiment", "start_time"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_sorting_by_each_field(busy: SandboxApi, field: str, order: str) -> None:
    rows = [
        row
        for page in (1, 2, 3)
        for row in read(busy, sort_by=field, sort_order=order, per_page=100, page=page)["data"]
    ]
    values = [row[field] for row in rows if row[field] is not None]
    assert len({row["id"] for row in rows}) == 300
    assert values == sorted(values, reverse=order == "desc")


def test_ties_keep_or_change_their_order(api: SandboxApi, world: World) -> None:
    world.extend(past_call(f"conv_{number}") for number in range(20))
    world.add(past_call("conv_first", 90))
    assert len({tuple(listed_ids(api)) for _ in range(5)}) == 1
    api.tie_order = "shuffled"
    orders = {tuple(listed_ids(api)) for _ in range(5)}
    assert len(orders) == 5
    assert all(order[0] == "conv_first" and len(order) == 21 for order in orders)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("agent_id", "agent_sales0002"),
        ("status", "abandoned"),
        ("status", "in_progress"),
        ("sentiment", "negative"),
        ("outcome", "escalated"),
    ],
)
def test_filter_by_equal_value(busy: SandboxApi, field: str, value: str) -> None:
    expected = [row["id"] for row in busy.world.rows() if row[field] == value]
    assert 0 < len(expected) < 100
    assert listed_ids(busy, **{field: value, "per_page": 100}) == expected


def test_filter_by_caller(api: SandboxApi, world: World) -> None:
    world.extend([past_call("conv_0"), past_call("conv_1", caller_number="+12025550177")])
    assert listed_ids(api, caller="+12025550177") == ["conv_1"]


def test_duration_bounds_are_included(api: SandboxApi, world: World) -> None:
    world.extend(past_call(f"conv_{seconds}", lasts=seconds) for seconds in (59, 60, 90, 91))
    assert listed_ids(api, min_duration=60, max_duration=90) == ["conv_60", "conv_90"]


@pytest.mark.parametrize("field", ["has_recording", "has_transcript"])
def test_filter_by_flags(api: SandboxApi, world: World, field: str) -> None:
    details: dict[str, Any] = {field: False}
    world.extend([past_call("conv_with"), past_call("conv_without", **details)])
    assert listed_ids(api, **{field: "true"}) == ["conv_with"]
    assert listed_ids(api, **{field: "false"}) == ["conv_without"]
    assert listed_ids(api, **{field: True}) == ["conv_with"]  # as the documentation's example


def test_dates_are_included_at_both_ends(api: SandboxApi, world: World) -> None:
    world.extend(past_call(f"conv_{minutes}", minutes) for minutes in (4, 3, 2, 1))
    between = {"start_date": "2025-01-15T14:57:00Z", "end_date": "2025-01-15T15:58:00+01:00"}
    assert listed_ids(api, **between) == ["conv_3", "conv_2"]
    assert len(listed_ids(api, start_date="2025-01-15")) == 4
    assert listed_ids(api, start_date="2025-01-15T14:58:30") == ["conv_1"]


def test_fractions_of_dates_count_or_do_not(api: SandboxApi, world: World) -> None:
    world.add(past_call("conv_1", minutes_ago=1))
    later = {"start_date": "2025-01-15T14:59:00.5Z"}
    assert listed_ids(api, **later) == []
    api.date_filters_keep_fractions = False
    assert listed_ids(api, **later) == ["conv_1"]


def test_search_finds_parts_of_words(api: SandboxApi, world: World) -> None:
    world.add(past_call("conv_summary", summary="Wants a REFUND for café Wi-Fi", transcript=""))
    world.add(past_call("conv_said", summary="Short", transcript="My refund is late"))
    assert listed_ids(api, search="refun") == ["conv_said", "conv_summary"]
    assert listed_ids(api, search="CAFÉ refund") == ["conv_summary"]
    assert listed_ids(api, search="invoice") == []


def test_search_needs_the_transcript(api: SandboxApi, world: World, clock: SandboxClock) -> None:
    world.begin("conv_1", lasts=60, processing=20, transcript="refund", topics=["billing"])
    clock.advance(70)
    assert listed_ids(api, search="refund") == listed_ids(api, topic="billing") == []
    clock.advance(10)
    assert listed_ids(api, search="refund") == listed_ids(api, topic="Billing") == ["conv_1"]


def test_filters_combine(busy: SandboxApi) -> None:
    rows = read(busy, status="completed", sentiment="negative", min_duration=200)["data"]
    assert rows
    assert all(row["sentiment"] == "negative" and row["duration"] >= 200 for row in rows)


@pytest.mark.parametrize("field", ["start_date", "end_date"])
def test_bad_date(api: SandboxApi, field: str) -> None:
    response = ask(api, **{field: "yesterday"})
    assert response.status == 400
    assert error(response) == {
        "type": "invalid_request",
        "message": f"Invalid date format for '{field}'. Use ISO 8601 format.",
        "code": "invalid_date_format",
        "field": field,
    }


def test_bad_choice_as_documented(api: SandboxApi) -> None:
    response = ask(api, sentiment="angry")
    assert response.status == 400
    assert error(response) == {
        "type": "invalid_request",
        "message": "Invalid value for 'sentiment'. Must be 'positive', 'neutral', or 'negative'.",
        "code": "invalid_parameter",
        "field": "sentiment",
        "valid_values": ["positive", "neutral", "negative"],
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "done"),
        ("sort_by", "id"),
        ("sort_order", "up"),
        ("has_recording", "maybe"),
        ("has_transcript", "1"),
        ("page", "0"),
        ("page", "two"),
        ("per_page", "0"),
        ("per_page", "-5"),
        ("min_duration", "1.5"),
        ("max_duration", "-1"),
        ("caller", "5550100"),
    ],
)
def test_bad_value(api: SandboxApi, field: str, value: str) -> None:
    response = ask(api, **{field: value})
    assert response.status == 400
    assert (error(response)["code"], error(response)["field"]) == ("invalid_parameter", field)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic abc"}])
def test_no_key(api: SandboxApi, headers: dict[str, str]) -> None:
    response = api.handle("GET", "/v1/conversations", "", headers)
    assert response.status == 401
    assert error(response) == {
        "type": "authentication_error",
        "message": "No API key provided",
        "code": "missing_api_key",
    }


def test_unknown_key(api: SandboxApi) -> None:
    response = ask(api, key="sk_test_unknown")
    assert (response.status, error(response)["code"]) == (401, "invalid_api_key")


def test_key_without_permission(api: SandboxApi) -> None:
    api.keys = {"sk_test_reader": {"conversations:read"}, "sk_test_other": {"agents:read"}}
    assert ask(api, key="sk_test_reader").status == 200
    response = ask(api, key="sk_test_other")
    assert response.status == 403
    assert "conversations:read" in error(response)["message"]


def test_other_paths_and_methods(api: SandboxApi) -> None:
    headers = {"Authorization": f"Bearer {api.key}"}
    assert api.handle("GET", "/v1/agents", "", headers).status == 404
    response = api.handle("POST", "/v1/conversations", "", headers)
    assert (response.status, response.headers["Allow"]) == (405, "GET")


def test_rate_limit_headers_are_on_every_answer(api: SandboxApi, clock: SandboxClock) -> None:
    clock.advance(20.25)
    assert ask(api).headers == {
        "Content-Type": "application/json",
        "Date": "Wed, 15 Jan 2025 15:00:20 GMT",
        "X-RateLimit-Limit": "500",
        "X-RateLimit-Remaining": "499",
        "X-RateLimit-Reset": str(int(NOW.timestamp()) + 60),
    }
    assert ask(api, page="x").headers["X-RateLimit-Remaining"] == "498"
    assert "X-RateLimit-Remaining" in ask(api, key="sk_test_unknown").headers


def test_rate_limit_refuses_past_the_limit_until_the_next_window(
    api: SandboxApi, clock: SandboxClock
) -> None:
    api.rate_limit, api.window_seconds = 2, 12
    clock.advance(4.5)
    responses = [ask(api) for _ in range(3)]
    assert [response.status for response in responses] == [200, 200, 429]
    assert [response.headers["X-RateLimit-Remaining"] for response in responses] == ["1", "0", "0"]
    assert responses[2].headers["Retry-After"] == "8"
    assert error(responses[2])["code"] == "rate_limit_exceeded"
    clock.advance(7.5)
    assert ask(api).status == 200


def test_forms_of_retry_after(api: SandboxApi) -> None:
    api.rate_limit = 0
    api.retry_after = "date"
    assert ask(api).headers["Retry-After"] == "Wed, 15 Jan 2025 15:01:00 GMT"
    api.retry_after = None
    assert "Retry-After" not in ask(api).headers


def test_rate_limits_of_keys_are_independent(api: SandboxApi) -> None:
    api.keys = {"sk_test_a": {"conversations:read"}, "sk_test_b": {"conversations:read"}}
    api.rate_limit = 1
    statuses = [ask(api, key=key).status for key in ("sk_test_a", "sk_test_a", "sk_test_b")]
    assert statuses == [200, 429, 200]


def test_daily_limit(api: SandboxApi, clock: SandboxClock) -> None:
    api.daily_limit = 1
    ask(api)
    clock.advance(60)
    response = ask(api)
    assert (response.status, response.headers["X-RateLimit-Limit"]) == (429, "1")
    midnight = datetime(2025, 1, 16, tzinfo=UTC).timestamp()
    assert response.headers["X-RateLimit-Reset"] == str(int(midnight))
    clock.advance(9 * 3600)
    assert ask(api).status == 200


def test_no_rate_limit_no_headers(api: SandboxApi) -> None:
    api.rate_limit = None
    assert not [name for name in ask(api).headers if name.startswith("X-")]


def test_cache_gives_the_same_url_the_same_body_for_a_minute(
    api: SandboxApi, world: World, clock: SandboxClock
) -> None:
    api.cache_seconds = 60
    first = ask(api)
    world.begin()
    clock.advance(59)
    again = ask(api)
    assert again.body == first.body
    assert again.headers["X-RateLimit-Remaining"] == "498"
    assert again.headers["Date"] != first.headers["Date"]
    assert [record.cached for record in api.requests] == [False, True]
    assert read(api, per_page=26)["meta"]["total"] == 1  # another URL
    clock.advance(1)
    assert read(api)["meta"] == {
        **json.loads(first.body)["meta"],
        "total": 1,
        "total_pages": 1,
        "request_id": "req_conversations_list_4",
        "timestamp": "2025-01-15T15:01:00Z",
    }


def test_each_key_has_its_own_cache(api: SandboxApi, world: World) -> None:
    api.cache_seconds = 60
    api.keys = {"sk_test_a": {"conversations:read"}, "sk_test_b": {"conversations:read"}}
    before = ask(api, key="sk_test_a")
    world.begin()
    assert ask(api, key="sk_test_b").body != before.body


def test_errors_are_not_cached(api: SandboxApi) -> None:
    api.cache_seconds = 60
    ask(api, page="x")
    assert ask(api, page="x").status == 400
    assert not any(record.cached for record in api.requests)


def test_the_world_changes_while_a_client_pages(busy: SandboxApi) -> None:
    first = listed_ids(busy, per_page=100)
    busy.on_request = lambda params: busy.world.remove(first[int(params["page"])])
    second = listed_ids(busy, per_page=100, page=2)
    assert busy.world.visible()[100].id == second[0]
    assert read(busy, page=3)["meta"]["total"] == 298


def test_faults_replace_answers(api: SandboxApi) -> None:
    broken = ApiResponse(503, {}, b"<html>")
    api.faults = lambda number, _: broken if number == 2 else None
    assert [ask(api).status for _ in range(3)] == [200, 503, 200]
    assert ask(api).headers["X-RateLimit-Remaining"] == "497"


def test_requests_are_remembered(busy: SandboxApi) -> None:
    ask(busy, page=3, per_page=100, status="completed")
    record = busy.requests[0]
    assert record.params == {"page": "3", "per_page": "100", "status": "completed"}
    assert (record.number, record.status, record.at, record.cached) == (1, 200, NOW, False)
    assert record.rows == read(busy, status="completed")["meta"]["total"] - 200


def test_session_needs_no_socket(busy: SandboxApi) -> None:
    with requests.Session() as session:
        session.mount("https://", SandboxAdapter(busy))
        response = session.get(
            "https://api.ayra.ai/v1/conversations",
            params={"caller": "+12025550100"},
            headers={"Authorization": f"Bearer {busy.key}"},
        )
    assert response.ok
    assert response.reason == "OK"
    assert response.headers["content-type"] == "application/json"
    assert response.json()["data"] == json.loads(response.content)["data"]
    assert b"".join(response.iter_content(1000)) == response.content
    assert busy.requests[0].params == {"caller": "+12025550100"}


def test_errors_in_a_session_raise_as_usual(api: SandboxApi) -> None:
    with requests.Session() as session:
        session.mount("https://", SandboxAdapter(api))
        response = session.get("https://api.ayra.ai/v1/conversations")
    with pytest.raises(requests.HTTPError, match="401 Client Error: Unauthorized"):
        response.raise_for_status()


def test_server_answers_as_in_memory(busy: SandboxApi) -> None:
    headers = {"Authorization": f"Bearer {busy.key}"}
    with serve(busy) as sandbox, requests.Session() as session:
        url = f"{sandbox.url}/conversations"
        got = session.get(url, params={"search": "café"}, headers=headers)
        refused = session.get(url)
    assert got.json()["data"] == read(busy, search="café")["data"]
    assert got.json()["links"]["first"] == f"{url}?page=1"
    assert got.headers["Date"] == "Wed, 15 Jan 2025 15:00:00 GMT"
    assert refused.status_code == 401


def test_server_control_paths(busy: SandboxApi) -> None:
    with serve(busy) as sandbox, requests.Session() as session:
        before = session.get(f"{sandbox.control_url}/status").json()
        after = session.post(f"{sandbox.control_url}/advance?seconds=900").json()
        bad = session.post(f"{sandbox.control_url}/advance")
    assert before["now"] == NOW.isoformat()
    assert before["conversations"]["in_progress"] == 5
    assert after["now"] == (NOW + timedelta(minutes=15)).isoformat()
    assert "in_progress" not in after["conversations"]
    assert bad.status_code == 400


def test_server_answers_at_the_same_time(busy: SandboxApi) -> None:
    together = threading.Barrier(3, timeout=60)

    def wait_for_the_others(_: object) -> None:
        together.wait()

    busy.on_request = wait_for_the_others
    headers = {"Authorization": f"Bearer {busy.key}"}
    with serve(busy, latency=(0.0, 0.001)) as sandbox:
        url = f"{sandbox.url}/conversations"
        threads = [
            threading.Thread(target=requests.get, args=(url,), kwargs={"headers": headers})
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [record.status for record in busy.requests] == [200, 200, 200]


def test_command_passes_the_exit_code_and_the_settings_on(
    capfd: pytest.CaptureFixture[str],
) -> None:
    script = (
        "import os, sys, urllib.request as web\n"
        "url = os.environ['TAP_AYRA_API_URL'] + '/conversations'\n"
        "key = {'Authorization': 'Bearer ' + os.environ['TAP_AYRA_API_KEY']}\n"
        "print(web.urlopen(web.Request(url, headers=key)).status)\n"
        "print(web.urlopen(os.environ['AYRA_SANDBOX_URL'] + '/status').status)\n"
        "sys.exit(7)\n"
    )
    assert main(["--count", "20", "--", sys.executable, "-c", script]) == 7
    assert capfd.readouterr().out == "200\n200\n"


def test_command_passes_signals_on() -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert main(["--count", "20", sys.executable, "-c", script]) == 128 + signal.SIGKILL


def test_command_unknown_command(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--count", "1", "no-such-command"]) == 127
    assert capfd.readouterr().err == "no-such-command: command not found\n"


def test_command_finds_what_is_installed_beside_its_python(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    assert main(["--count", "20", "tap-ayra", "--version"]) == 0
    assert capfd.readouterr().out.startswith("tap-ayra v")


def test_command_serves_until_stopped() -> None:
    options = ["--seed", "3", "--count", "50", "--now", "2025-01-15T15:00:00Z", "--frozen"]
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox", *options],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("Simulated Ayra API running with 50 conv")
        process.send_signal(signal.SIGINT)
        assert "curl" in process.stdout.read()
        assert process.stderr.read() == ""
        assert process.wait() == 0
