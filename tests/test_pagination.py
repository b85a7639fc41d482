"""The paginator alone, on bare responses: which page comes next, and when it has come to an end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tap_ayra.errors import PageMismatchError, TapAyraError
from tap_ayra.paging.page import PageToken
from tap_ayra.paging.walk import LONGEST_BLOCK, ConversationsPaginator
from tests.simulator import NOW, Pipeline, history

START = datetime(2026, 3, 9, tzinfo=UTC)
SETTLING = timedelta(minutes=10)
HISTORY = NOW - SETTLING
EDGE = NOW


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def row(n: int, seconds: float | None = None) -> dict[str, Any]:
    moment = at(n if seconds is None else seconds)
    return {"id": f"c{n}", "start_time": moment.isoformat().replace("+00:00", "Z")}


def rows(first: int, last: int) -> list[dict[str, Any]]:
    return [row(n) for n in range(first, last + 1)]


def answer(data: object, total: object, page: object = 1, **meta: object) -> requests.Response:
    """Make a response to a request for pages of five."""
    pages = -(-total // 5) if isinstance(total, int) else total
    shown = {"total": total, "page": page, "per_page": 5, "total_pages": pages}
    shown |= {"timestamp": "2026-03-09T12:00:00Z", **meta}
    response = requests.Response()
    response.status_code = 200
    response._content = json.dumps({"data": data, "meta": shown}).encode()
    return response


def new(*, strict: bool = False, **bounds: datetime | None) -> ConversationsPaginator:
    return ConversationsPaginator(
        **{"start": START, "end": None, **bounds},
        settling=SETTLING,
        longest_block=1 if strict else LONGEST_BLOCK,
    )


def ids(paginator: ConversationsPaginator) -> list[str]:
    return [record["id"] for record, _ in paginator.fresh]


def test_one_page_is_the_end_and_costs_one_request() -> None:
    walk = new()
    assert walk.current_value == PageToken(START, None)
    assert (walk.finished, walk.count, walk.fresh, walk.counted) == (False, 0, [], 0)
    walk.advance(answer(rows(1, 5), total=5))
    assert ids(walk) == ["c1", "c2", "c3", "c4", "c5"]
    assert (walk.finished, walk.count, walk.now, walk.counted) == (True, 1, NOW, 5)
    assert walk.repairs == 0


@pytest.mark.parametrize("pages", [0, 1])
def test_no_conversation_at_all_is_the_end(pages: int) -> None:
    walk = new()
    walk.advance(answer([], total=0, total_pages=pages))
    assert (walk.finished, walk.fresh, walk.counted) == (True, [], 0)


def test_history_is_read_before_the_live_edge() -> None:
    walk = new()
    walk.advance(answer(rows(1, 5), total=8))
    assert walk.current_value == PageToken(at(5), HISTORY)
    walk.advance(answer(rows(5, 7), total=3))
    assert ids(walk) == ["c6", "c7"]
    assert walk.current_value == PageToken(at(7), EDGE)
    walk.advance(answer([row(7), row(8)], total=2))
    assert ids(walk) == ["c8"]
    assert (walk.finished, walk.count) == (True, 3)


def test_an_end_date_in_the_past_is_all_history() -> None:
    end = at(100)
    walk = new(end=end)
    assert walk.current_value == PageToken(START, end)
    walk.advance(answer(rows(1, 5), total=8))
    assert walk.current_value == PageToken(at(5), end)
    walk.advance(answer(rows(5, 8), total=4))
    assert walk.finished


def test_where_the_first_page_reaches_the_live_edge_no_history_is_asked_for() -> None:
    late = (HISTORY - START).total_seconds() + 60
    walk = new()
    walk.advance(answer([row(n, late + n) for n in range(5)], total=7))
    assert walk.current_value == PageToken(at(late + 4), EDGE)


def test_a_block_anchors_at_the_whole_second_of_the_last_conversation() -> None:
    walk = new()
    walk.advance(answer([*rows(1, 4), row(5, 4.75)], total=50))
    assert walk.current_value == PageToken(at(4), HISTORY)
    walk.advance(answer([row(4), row(5, 4.75), *rows(6, 8)], total=47))
    assert ids(walk) == ["c6", "c7", "c8"]


def test_a_block_has_fifty_pages_at_most() -> None:
    walk = new()
    walk.advance(answer(rows(1, 5), total=1000))
    tokens = []
    for page in range(1, 52):
        tokens.append(walk.current_value)
        first = 5 * page
        walk.advance(answer(rows(first, first + 4), total=996, page=tokens[-1].page))
        if walk.current_value.page == 1:
            break
    assert tokens == [PageToken(at(5), HISTORY, page) for page in range(1, 51)]
    assert walk.current_value == PageToken(at(254), HISTORY)


def test_what_comes_next_is_known_as_far_as_the_block_reaches() -> None:
    walk = new()
    assert list(walk.upcoming) == []
    walk.advance(answer(rows(1, 5), total=18))
    assert list(walk.upcoming) == []  # how many belong to history is not known yet
    walk.advance(answer(rows(5, 9), total=14))
    assert list(walk.upcoming) == [PageToken(at(5), HISTORY, 3)]


def test_the_pages_of_the_next_block_are_known_from_the_last() -> None:
    walk = new()
    walk.advance(answer(rows(1, 5), total=264))
    for page in range(1, 51):
        walk.advance(answer(rows(5 * page, 5 * page + 4), total=260, page=page))
    assert walk.current_value == PageToken(at(254), HISTORY)
    # 254 to 264 are eleven conversations: three pages.
    assert list(walk.upcoming) == [PageToken(at(254), HISTORY, page) for page in (2, 3)]


@pytest.mark.parametrize(
    "shifted",
    [
        pytest.param(answer(rows(11, 15), total=95, page=2), id="another total"),
        pytest.param(answer([row(9), *rows(10, 13)], total=96, page=2), id="an id again"),
    ],
)
def test_a_page_that_disagrees_is_thrown_away_and_a_short_block_begins(
    shifted: requests.Response,
) -> None:
    walk = new()
    walk.advance(answer(rows(1, 5), total=100))
    walk.advance(answer(rows(5, 9), total=96))
    walk.advance(shifted)
    assert (walk.fresh, walk.repairs) == ([], 1)
    assert walk.current_value == PageToken(at(9), HISTORY)
    assert list(walk.upcoming) == []
    lengths: list[int] = []
    last, total = 9, 91
    while len(lengths) < 8:  # blocks of one page, two, four and so on
        anchor, length = walk.current_value.start, 0
        while walk.current_value.start == anchor:
            page = walk.current_value.page
            walk.advance(answer(rows(last, last + 4), 10_000 - total, page=page))
            length += 1
            last += 5 if walk.current_value.start == anchor else 4
        total += 1  # another one for each block, which disturbs nothing
        lengths.append(length)
    assert lengths == [1, 2, 4, 8, 16, 32, 50, 50]


def test_in_strict_mode_every_block_is_one_page() -> None:
    walk = new(strict=True)
    walk.advance(answer(rows(1, 5), total=30))
    for first in (5, 9, 13):
        assert walk.current_value == PageToken(at(first), HISTORY)
        assert list(walk.upcoming) == []
        walk.advance(answer(rows(first, first + 4), total=40 - first))  # whatever the total
    assert walk.repairs == 0


def at_a_wide_second(wide: list[dict[str, Any]]) -> ConversationsPaginator:
    """Walk to the first page of a second's own window."""
    walk = new(strict=True)
    walk.advance(answer(wide[:5], total=20))
    walk.advance(answer(wide[:5], total=20))  # the block that begins there cannot get past it
    assert walk.current_value == PageToken(at(60), at(61))
    return walk


def test_a_second_wider_than_a_page_gets_a_window_of_its_own() -> None:
    wide = [row(n, 60 + n / 100) for n in range(1, 13)]
    walk = at_a_wide_second(wide)
    walk.advance(answer(wide[:5], total=13))
    assert ids(walk) == []
    assert list(walk.upcoming) == [PageToken(at(60), at(61), 3)]
    walk.advance(answer(wide[5:10], total=13, page=2))
    assert ids(walk) == ["c6", "c7", "c8", "c9", "c10"]
    walk.advance(answer([*wide[10:], row(90, 61)], total=13, page=3))
    assert ids(walk) == ["c11", "c12"]  # what starts a second later belongs to the next block
    assert walk.current_value == PageToken(at(61), HISTORY)
    assert walk.repairs == 0


def test_a_second_is_read_again_until_it_shows_as_many_as_are_counted() -> None:
    wide = [row(n, 60) for n in range(7)]
    walk = at_a_wide_second(wide)
    walk.advance(answer(wide[:5], total=7))
    walk.advance(answer(wide[3:5], total=7, page=2))  # in another order each time
    assert walk.repairs == 1
    again = walk.current_value
    assert again == PageToken(at(60), at(61), 1, again=1)
    assert again.window["start_date"] == "2026-03-09T00:01:00.0Z"  # not what the cache knows
    walk.advance(answer(wide[2:], total=7))
    assert ids(walk) == ["c5", "c6"]
    walk.advance(answer(wide[3:5], total=7, page=2))
    assert walk.current_value == PageToken(at(61), HISTORY)


def test_a_second_whose_total_changes_while_it_is_read_is_read_again() -> None:
    wide = [row(n, 60) for n in range(8)]
    walk = at_a_wide_second(wide)
    walk.advance(answer(wide[:5], total=7))
    walk.advance(answer(wide[5:8], total=8, page=2))
    assert walk.current_value.again == 1
    walk.advance(answer(wide[:5], total=8))
    walk.advance(answer(wide[5:8], total=8, page=2))
    assert walk.current_value == PageToken(at(61), HISTORY)


def test_what_earlier_rounds_showed_does_not_count_once_the_total_has_changed() -> None:
    wide = [row(n, 60) for n in range(8)]
    walk = at_a_wide_second(wide)
    walk.advance(answer(wide[:5], total=8))
    walk.advance(answer([wide[6], *wide[:2]], total=8, page=2))
    walk.advance(answer(wide[1:6], total=7))  # c0 is gone, and c7 has not been seen
    walk.advance(answer(wide[4:6], total=7, page=2))
    assert walk.current_value.again == 2


def test_a_second_is_given_up_after_five_rounds() -> None:
    wide = [row(n, 60) for n in range(7)]
    walk = at_a_wide_second(wide)
    for _ in range(4):
        walk.advance(answer(wide[:5], total=7))
        walk.advance(answer(wide[3:5], total=7, page=2))
    walk.advance(answer(wide[:5], total=7))
    with pytest.raises(TapAyraError, match="7 conversations in the second 2026-03-09T00:01:00Z"):
        walk.advance(answer(wide[3:5], total=7, page=2))


def test_the_window_of_a_second_ends_with_the_walk() -> None:
    end = at(60.5)
    walk = new(strict=True, end=end)
    wide = [row(n, 60) for n in range(9)]
    walk.advance(answer(wide[:5], total=9))
    walk.advance(answer(wide[:5], total=9))
    assert walk.current_value == PageToken(at(60), end, 1, again=1)  # no token comes twice


def test_without_a_lower_bound_undated_conversations_are_passed_page_by_page() -> None:
    undated = [{"id": f"u{n}", "start_time": None} for n in range(10)]
    walk = new(start=None)
    walk.advance(answer(undated[:5], total=17))
    assert (len(walk.fresh), walk.current_value) == (5, PageToken(None, None, 2))
    walk.advance(answer(undated[5:], total=17, page=2))
    walk.advance(answer(rows(1, 5), total=17, page=3))
    assert len(walk.fresh) == 5
    assert walk.current_value == PageToken(at(5), HISTORY)


def test_the_live_edge_ends_with_the_second_that_the_api_is_in() -> None:
    walk = new()
    walk.advance(answer(rows(1, 5), total=8, timestamp="2026-03-09T12:00:00.25Z"))
    walk.advance(answer([row(5)], total=1))
    assert walk.current_value == PageToken(at(5), NOW + timedelta(seconds=1))


def test_an_undated_conversation_is_sent_once() -> None:
    undated = {"id": "u", "start_time": None}
    walk = new(strict=True)
    walk.advance(answer([*rows(1, 4), undated], total=9))
    walk.advance(answer([row(4), undated, *rows(5, 7)], total=6))
    assert ids(walk) == ["c5", "c6", "c7"]


def test_a_row_that_goes_out_of_history_leaves_an_empty_last_page() -> None:
    walk = new()
    walk.advance(answer(rows(1, 5), total=12))
    walk.advance(answer(rows(5, 9), total=8))
    walk.advance(answer([], total=5, page=2))
    assert (walk.repairs, walk.current_value) == (1, PageToken(at(9), HISTORY))


def test_this_machines_clock_is_asked_only_where_the_api_shows_none() -> None:
    walk = new()
    walk.advance(answer([], total=0, timestamp="soon"))
    assert walk.now is not None
    assert abs(walk.now - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("response", "wrong"),
    [
        (answer(None, total=5), "no list named data"),
        (answer({"a": 1}, total=5), "no list named data"),
        (answer(rows(1, 5), total="5", total_pages=1), "meta.total is not a number"),
        (answer(rows(1, 5), total=None), "meta.total is not a number"),
        (answer(rows(1, 5), total=True, total_pages=1), "meta.total is not a number"),
        (answer(rows(1, 5), total=-5), "meta.total counts nothing"),
        (answer(rows(1, 5), total=5.5, total_pages=2), "meta.total counts nothing"),
        (answer(rows(1, 5), total=5, per_page=0), "5 pages of 0|1 pages of 0"),
        (answer(rows(1, 5), total=5, per_page=None), "meta.per_page is not a number"),
        (answer(rows(1, 5), total=5, total_pages=None), "meta.total_pages is not a number"),
        (answer(rows(1, 5), total=9, total_pages=1), "counts 1 pages of 5 for 9"),
        (answer(rows(1, 5), total=5, total_pages=2), "counts 2 pages of 5 for 5"),
        (answer(rows(1, 5), total=9, page=2), "page 2, and page 1 was asked for"),
        (answer(rows(1, 5), total=5, page=None), "meta.page is not a number"),
        (answer(rows(1, 4), total=9), "holds 4 conversations where meta makes it 5"),
        (answer([], total=9), "holds 0 conversations where meta makes it 5"),
        (answer(rows(1, 6), total=9), "holds 6 conversations where meta makes it 5"),
        (answer([row(1), "c2"], total=2), "is no object"),
        (answer([row(1), {"start_time": None}], total=2), "has no id"),
        (answer([row(1), {**row(2), "id": ""}], total=2), "has no id"),
        (answer([row(1), {**row(2), "id": None}], total=2), "has no id"),
        (answer([row(1), row(1)], total=2), "holds conversation c1 twice"),
        (answer([row(1), {**row(2), "start_time": "noon"}], total=2), "c2 .* is no date-time"),
        (answer([row(1), {**row(2), "start_time": 5}], total=2), "c2 .* is no date-time"),
        (answer([row(2), row(1)], total=2), "c1 starts before the one ahead of it"),
        (answer([row(1, -1)], total=1), "c1 lies before the window"),
        (answer([row(1), row(2, 101)], total=2), "lies after the window"),
    ],
)
def test_an_answer_that_does_not_add_up_is_an_error_and_never_the_end(
    response: requests.Response, wrong: str
) -> None:
    walk = new(end=at(100))
    with pytest.raises(PageMismatchError, match=wrong):
        walk.advance(response)
    assert not walk.finished
    assert walk.count == 0


@pytest.mark.parametrize("body", [{"data": []}, {"data": [], "meta": []}, [], "text", None])
def test_json_that_is_no_page_is_an_error(body: object) -> None:
    response = answer([], total=0)
    response._content = json.dumps(body).encode()
    with pytest.raises(PageMismatchError, match="does not add up"):
        new().advance(response)


def test_within_a_second_any_order_is_accepted() -> None:
    walk = new(start=at(1.5), end=at(2.5))
    walk.advance(answer([row(1, 1.9), row(2, 1.1), row(3, 2.9), row(4, 2.0)], total=4))
    assert len(walk.fresh) == 4


@pytest.mark.parametrize("lasting", [True, False])
def test_an_answer_that_does_not_add_up_is_asked_for_twice_more(*, lasting: bool) -> None:
    pipeline = Pipeline(history(3))
    handle, asked = pipeline.api.handle, []

    def wrong(*request: Any) -> Any:  # noqa: ANN401
        asked.append(pipeline.clock.now())
        found = handle(*request)
        if len(asked) == 3 and not lasting:
            return found
        return found._replace(body=found.body.replace(b'"total":3', b'"total":4'))

    pipeline.api.handle = wrong  # type: ignore[assignment, method-assign]
    if lasting:
        with pytest.raises(TapAyraError, match="holds 3 conversations where meta makes it 4"):
            pipeline.sync()
    else:
        assert len(pipeline.sync().ids) == 3
    assert len(asked) == 3
    assert asked[-1] - asked[0] < timedelta(seconds=10)
