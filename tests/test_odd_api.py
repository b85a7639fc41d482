"""An API that answers oddly: what can be read is read, and nothing is lost in silence."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tap_ayra.conversation import Conversation, Row
from tap_ayra.paging.page import Page
from tap_ayra.paging.walk import ConversationsPaginator
from tests.simulator import NOW, Pipeline, ago, call, history

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox import ApiResponse


def by_page(pipeline: Pipeline, change: Callable[[int, dict[str, Any]], object]) -> None:
    """Have every answer's body changed, given the number of the page asked for."""

    def changed(answer: ApiResponse) -> ApiResponse:
        body = json.loads(answer.body)
        change(int(pipeline.api.requests[-1].params.get("page", 1)), body)
        return answer._replace(body=json.dumps(body).encode())

    interpose(pipeline, after=changed)


def interpose(
    pipeline: Pipeline,
    *,
    before: Callable[[str], str] = lambda query: query,
    after: Callable[[ApiResponse], ApiResponse] = lambda answer: answer,
) -> None:
    """Have queries changed before the API sees them, and answers before the tap does."""
    honest = pipeline.api.handle

    def handle(method: str, path: str, query: str, headers: Mapping[str, str]) -> ApiResponse:
        return after(honest(method, path, before(query), headers))

    pipeline.api.handle = handle  # type: ignore[method-assign]


def test_pages_that_came_in_the_wrong_order_for_a_while_are_read_again() -> None:
    pipeline = Pipeline(history(60))
    swapped = {"2": "3", "3": "2"}

    def query(asked: str) -> str:
        if len(pipeline.api.requests) > 10:
            swapped.clear()
        head, page = asked.rsplit("=", 1)
        return f"{head}={swapped.get(page, page)}"

    interpose(pipeline, before=query)
    by_page(
        pipeline,
        lambda page, body: body["meta"].update(page=int(swapped.get(str(page), page))),
    )
    outcome = pipeline.sync(page_size=5)
    assert len({*outcome.ids}) == len(outcome.ids) == 60
    assert not pipeline.wrong()


def test_a_page_size_that_grows_while_reading_hides_nothing() -> None:
    pipeline = Pipeline(history(100))

    def query(asked: str) -> str:
        early = len(pipeline.api.requests) < 3
        return asked.replace("per_page=10", "per_page=5") if early else asked

    interpose(pipeline, before=query)
    outcome = pipeline.sync(page_size=10)
    assert len({*outcome.ids}) == len(outcome.ids) == 100
    assert not pipeline.wrong()


def test_a_short_page_is_not_the_end_where_nothing_is_counted() -> None:
    pipeline = Pipeline([call("erased", ago(days=300)), *history(50)])

    def hide(_: int, body: dict[str, Any]) -> None:
        body["data"] = [row for row in body["data"] if row["id"] != "erased"]
        del body["meta"]["total"]

    by_page(pipeline, hide)
    outcome = pipeline.sync(page_size=10)
    assert {*outcome.ids} == {f"c{n:03}" for n in range(50)}


@pytest.mark.parametrize("status", [{"code": 1}, ["completed"], 7])
def test_a_status_of_another_type_is_odd_and_not_fatal(status: object) -> None:
    odd = call("odd", ago(hours=3), overrides={"status": status, "end_time": None})
    pipeline = Pipeline([odd, *history(3)])
    outcome = pipeline.sync()
    assert {*outcome.ids} == {"odd", "c000", "c001", "c002"}


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999Z"])
def test_the_calendars_last_moment_is_a_start_time_like_any_other(moment: str) -> None:
    last = call("last", ago(minutes=30), overrides={"start_time": moment})
    pipeline = Pipeline([*history(3), last])
    outcome = pipeline.sync()
    assert outcome.ids == ["c000", "c001", "c002", "last"]
    assert outcome.records[-1]["start_time"] == moment
    assert outcome.bookmark is not None
    assert outcome.bookmark < "2026-03-09T12"


def test_a_clock_at_the_end_of_time_is_no_reason_to_fail() -> None:
    pipeline = Pipeline(history(30))
    by_page(pipeline, lambda _, body: body["meta"].update(timestamp="9999-12-31T23:59:59.5Z"))
    assert len(pipeline.sync(page_size=10).ids) == 30


def test_a_second_whose_order_is_never_the_same_is_read_while_that_shows_something_new() -> None:
    pipeline = Pipeline([call(f"wide{n:03}", ago(days=1)) for n in range(60)], tie_order="shuffled")
    outcome = pipeline.sync(page_size=20)
    assert len({*outcome.ids}) == 60


@pytest.mark.parametrize("page_size", [5, 10])
def test_the_order_of_what_started_before_the_start_date_does_not_matter(page_size: int) -> None:
    before = [call(f"wide{n:02}", ago(days=2)) for n in range(17)]
    pipeline = Pipeline([*before, *history(30)], tie_order="shuffled")
    outcome = pipeline.sync(page_size=page_size, start_date=ago(days=2, seconds=-1).isoformat())
    assert (len(outcome.ids), outcome.verdict["re_reads"]) == (30, 0)


def test_a_second_that_never_shows_what_is_counted_is_passed_after_five_readings() -> None:
    pipeline = Pipeline([call(f"wide{n:02}", ago(days=1)) for n in range(20)])

    def hide_one(page: int, body: dict[str, Any]) -> None:
        for row in body["data"]:
            row["id"] = "wide00" if page == 4 and row["id"] == "wide19" else row["id"]

    by_page(pipeline, hide_one)
    outcome = pipeline.sync(page_size=5)
    assert outcome.verdict["reason"] == "second-incomplete"


def test_a_page_that_does_not_add_up_is_asked_for_past_the_cache() -> None:
    pipeline = Pipeline(history(30), cache_seconds=60)
    broken: list[str] = []

    def miscount(page: int, body: dict[str, Any]) -> None:
        if page == 2 and not broken:
            broken.append(pipeline.api.requests[-1].params["start_date"])
        if page == 2 and pipeline.api.requests[-1].params["start_date"] == broken[0]:
            body["data"].pop()

    by_page(pipeline, miscount)
    assert len(pipeline.sync(page_size=10).ids) == 30
    asked = [request.params.get("start_date") for request in pipeline.api.requests]
    assert broken[0].replace("Z", ".0Z") in asked


def test_a_page_that_is_gone_when_it_is_asked_for_is_no_wrong_address() -> None:
    pipeline = Pipeline(history(100))

    def forty_vanish() -> None:
        for n in range(60, 100):
            pipeline.world.remove(f"c{n:03}")

    def not_found(answer: ApiResponse) -> ApiResponse:
        empty = json.loads(answer.body).get("data") == []
        return answer._replace(status=404, body=b"{}") if empty else answer

    pipeline.before_request(3, forty_vanish)
    interpose(pipeline, after=not_found)
    pipeline.sync(page_size=10)
    assert not pipeline.wrong()


def test_an_api_that_shows_fewer_than_it_counts_is_not_called_complete(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pipeline = Pipeline(history(50))
    interpose(pipeline, before=lambda query: query.replace("order=asc", "order=desc"))
    pipeline.sync(page_size=1)
    (line,) = [r for r in caplog.records if getattr(r, "code", "").startswith("sync-")]
    assert line.levelname == "WARNING"


def test_pages_without_any_start_time_cause_no_storm_of_requests() -> None:
    undated = [call(f"u{n}", ago(days=2), overrides={"start_time": None}) for n in range(30)]
    pipeline = Pipeline([*undated, *history(60)], cache_seconds=60)
    pipeline.before_request(2, lambda: pipeline.world.remove("u0"))
    outcome = pipeline.sync(page_size=10)
    assert outcome.requests < 40
    assert len({*outcome.ids}) >= 89


def test_a_page_that_begins_before_what_was_read_reopens_its_block_past_the_cache() -> None:
    walk = ConversationsPaginator()
    times = [ago(days=1) + timedelta(minutes=n) for n in range(40)]

    def answer(first: int, last: int, total: int) -> None:
        rows = [
            Row(Conversation(f"c{n}"), times[n], msgspec.Raw(b"{}"), fits=True)
            for n in range(first, last)
        ]
        walk.advance(Page(walk.current_value, rows, total, 10, -(-total // 10), NOW))

    answer(0, 10, 40)
    block = walk.current_value
    answer(9, 19, 31)
    answer(29, 39, 31)  # the third page in place of the second
    answer(19, 29, 31)
    assert walk.new == []
    assert walk.current_value == replace(block, again=1)
    answer(9, 19, 31)
    assert walk.new == []
    answer(18, 28, 22)
    assert [row.conversation.id for row in walk.new] == [f"c{n}" for n in range(19, 28)]
