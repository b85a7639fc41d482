"""The paginator alone, on bare responses: which page comes next, and when it has come to an end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tap_ayra.errors import PageMismatchError
from tap_ayra.paging.blocks import Block
from tap_ayra.paging.page import Page
from tap_ayra.paging.token import PageToken
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


def asked(start: datetime | None, end: datetime | None, page: int = 1, again: int = 0) -> PageToken:
    """Give what is asked for to read from an instant on: its second, and the one before."""
    return PageToken(start and start - timedelta(seconds=1), end, page, again)


def take(walk: ConversationsPaginator, response: requests.Response, **options: bool) -> None:
    """Advance a walk by the response to what it asks for."""
    walk.advance(Page.read(response, walk.current_value, size=5, **options))


def new_walk(*, strict: bool = False, **bounds: datetime | None) -> ConversationsPaginator:
    return ConversationsPaginator(
        **{"start": START, "end": None, **bounds},
        settling=SETTLING,
        longest_block=1 if strict else LONGEST_BLOCK,
    )


def ids(paginator: ConversationsPaginator) -> list[str]:
    return [row.conversation.id for row in paginator.new]


def test_one_page_is_the_end_and_costs_one_request() -> None:
    walk = new_walk()
    assert walk.current_value == asked(START, None)
    assert (walk.finished, walk.count, walk.new, walk.counted) == (False, 0, [], 0)
    take(walk, answer(rows(1, 5), total=5))
    assert ids(walk) == ["c1", "c2", "c3", "c4", "c5"]
    assert (walk.finished, walk.count, walk.now, walk.counted) == (True, 1, NOW, 5)
    assert walk.re_reads == 0


@pytest.mark.parametrize("pages", [0, 1])
def test_no_conversation_at_all_is_the_end(pages: int) -> None:
    walk = new_walk()
    take(walk, answer([], total=0, total_pages=pages))
    assert (walk.finished, walk.new, walk.counted) == (True, [], 0)


def test_history_is_read_before_the_live_edge() -> None:
    walk = new_walk()
    take(walk, answer(rows(1, 5), total=8))
    assert walk.current_value == asked(at(5), HISTORY)
    take(walk, answer(rows(5, 7), total=3))
    assert ids(walk) == ["c6", "c7"]
    assert walk.current_value == asked(at(7), EDGE)
    take(walk, answer([row(7), row(8)], total=2))
    assert ids(walk) == ["c8"]
    assert (walk.finished, walk.count) == (True, 3)


def test_an_end_date_in_the_past_is_all_history() -> None:
    end = at(100)
    walk = new_walk(end=end)
    assert walk.current_value == asked(START, end)
    take(walk, answer(rows(1, 5), total=8))
    assert walk.current_value == asked(at(5), end)
    take(walk, answer(rows(5, 8), total=4))
    assert walk.finished


def test_where_the_first_page_reaches_the_live_edge_no_history_is_asked_for() -> None:
    late = (HISTORY - START).total_seconds() + 60
    walk = new_walk()
    take(walk, answer([row(n, late + n) for n in range(5)], total=7))
    assert walk.current_value == asked(at(late + 4), EDGE)


def test_a_block_anchors_at_the_whole_second_of_the_last_conversation() -> None:
    walk = new_walk()
    take(walk, answer([*rows(1, 4), row(5, 4.75)], total=50))
    assert walk.current_value == asked(at(4), HISTORY)
    take(walk, answer([row(4), row(5, 4.75), *rows(6, 8)], total=47))
    assert ids(walk) == ["c6", "c7", "c8"]


def test_a_block_has_fifty_pages_at_most() -> None:
    walk = new_walk()
    take(walk, answer(rows(1, 5), total=1000))
    tokens = []
    for page in range(1, 52):
        tokens.append(walk.current_value)
        first = 5 * page
        take(walk, answer(rows(first, first + 4), total=996, page=tokens[-1].page))
        if walk.current_value.page == 1:
            break
    assert tokens == [asked(at(5), HISTORY, page) for page in range(1, 51)]
    assert walk.current_value == asked(at(254), HISTORY)


def test_what_comes_next_is_known_as_far_as_the_block_reaches() -> None:
    walk = new_walk()
    assert list(walk.upcoming) == []
    take(walk, answer(rows(1, 5), total=18))
    assert list(walk.upcoming) == []  # how many belong to history is not known yet
    take(walk, answer(rows(5, 9), total=14))
    assert list(walk.upcoming) == [asked(at(5), HISTORY, 3)]


def test_the_pages_of_the_next_block_are_known_from_the_last() -> None:
    walk = new_walk()
    take(walk, answer(rows(1, 5), total=264))
    for page in range(1, 51):
        take(walk, answer(rows(5 * page, 5 * page + 4), total=260, page=page))
    assert walk.current_value == asked(at(254), HISTORY)
    # 254 to 264 are eleven conversations: three pages.
    assert list(walk.upcoming) == [asked(at(254), HISTORY, page) for page in (2, 3)]


def test_a_page_whose_total_differs_is_thrown_away_and_a_short_block_begins_after_it() -> None:
    walk = new_walk()
    take(walk, answer(rows(1, 5), total=100))
    take(walk, answer(rows(5, 9), total=96))
    take(walk, answer(rows(11, 15), total=95, page=2))
    assert (walk.new, walk.re_reads) == ([], 1)
    assert walk.re_read is not None
    assert walk.re_read.code == "reread-total-changed"
    assert walk.current_value == asked(at(9), HISTORY, again=1)
    assert list(walk.upcoming) == []
    assert block_lengths(walk, last=9, total=91) == [1, 2, 4, 8, 16, 32, 50, 50]


def block_lengths(walk: ConversationsPaginator, *, last: int, total: int) -> list[int]:
    """Read quiet blocks from a conversation on, of which and after which so many are counted."""
    lengths: list[int] = []
    while len(lengths) < 8:
        window, length = walk.current_value.start, 0
        while walk.current_value.start == window:
            page = walk.current_value.page
            take(walk, answer(rows(last, last + 4), 10_000 + total, page=page))
            length += 1
            last += 5
        last -= 1
        total -= 5 * length - 1
        lengths.append(length)
    return lengths


def test_a_page_that_shows_an_id_again_sends_the_walk_back_to_where_its_block_began() -> None:
    walk = new_walk()
    take(walk, answer(rows(1, 5), total=100))
    take(walk, answer(rows(5, 9), total=96))
    take(walk, answer([row(9), *rows(10, 13)], total=96, page=2))
    assert (walk.new, walk.re_reads) == ([], 1)
    assert walk.current_value == asked(at(5), HISTORY, again=1)
    take(walk, answer(rows(5, 9), total=96))
    assert walk.new == []
    take(walk, answer(rows(9, 13), total=92))
    assert ids(walk) == ["c10", "c11", "c12", "c13"]


# Two blocks held against each other


def test_a_total_that_falls_by_more_than_lies_between_sends_the_walk_back_a_block() -> None:
    walk = new_walk()
    take(walk, answer(rows(1, 5), total=300))
    for page in range(1, 51):
        take(walk, answer(rows(5 * page, 5 * page + 4), total=290, page=page))
    assert walk.current_value == asked(at(254), HISTORY)
    take(walk, answer(rows(254, 258), total=40))  # it should be 290 - 249
    assert (walk.new, walk.re_reads) == ([], 1)
    assert walk.re_read is not None
    assert walk.re_read.code == "reread-counts-disagree"
    assert walk.current_value == asked(at(5), HISTORY, again=1)
    take(walk, answer(rows(5, 9), total=290))
    assert walk.new == []  # it had been accepted


def test_totals_that_never_fall_are_not_believed_any_more() -> None:
    pipeline = Pipeline(history(60), cap_total=30)
    outcome = pipeline.sync(page_size=5)
    assert len(outcome.ids) == len(set(outcome.ids)) == 60
    assert outcome.verdict["reason"] == "totals-disagree"


def uncounted() -> ConversationsPaginator:
    """Begin a walk whose first page shows that the counts cannot be believed."""
    walk = new_walk()
    take(walk, answer(rows(1, 5), total=3), lenient=True)
    assert walk.doubt is not None
    assert ids(walk) == ["c1", "c2", "c3", "c4", "c5"]
    return walk


def test_without_counts_it_goes_on_until_a_page_that_is_not_full_brings_nothing_new() -> None:
    walk = uncounted()
    assert walk.current_value == asked(at(5), NOW)
    take(walk, answer(rows(5, 9), total=1), lenient=True)
    assert walk.current_value == asked(at(9), NOW)
    take(walk, answer(rows(9, 11), total=9), lenient=True)
    assert ids(walk) == ["c10", "c11"]
    take(walk, answer([row(11)], total=9), lenient=True)
    assert walk.finished


def test_without_counts_it_goes_deeper_only_inside_one_second() -> None:
    walk = uncounted()
    wide = [row(n, 5.5) for n in range(10, 22)]
    take(walk, answer([row(5), *wide[:4]], total=1), lenient=True)
    assert walk.current_value == asked(at(5), NOW, 2)
    take(walk, answer(wide[4:9], total=1, page=2), lenient=True)
    take(walk, answer(wide[9:], total=1, page=3), lenient=True)
    assert ids(walk) == ["c19", "c20", "c21"]


def test_a_second_deeper_than_the_api_lists_is_left_instead_of_read_for_ever() -> None:
    walk = uncounted()
    wide = [row(n, 5.5) for n in range(10, 14)]
    for page in (1, 2):  # the second page repeats the first
        take(walk, answer([row(5), *wide], total=1, page=page), lenient=True)
    assert walk.current_value == asked(at(6), NOW)


def test_a_deeper_page_that_is_refused_shortens_the_blocks() -> None:
    walk = new_walk()
    take(walk, answer(rows(1, 5), total=100))
    take(walk, answer(rows(5, 9), total=96))
    refused = answer([], total=0, page=2)
    refused.status_code = 400
    with pytest.raises(PageMismatchError):
        take(walk, refused)
    take(walk, refused, lenient=True)
    assert walk.current_value == asked(at(9), HISTORY, again=1)
    take(walk, answer(rows(9, 13), total=92))
    assert walk.current_value == asked(at(13), HISTORY, again=1)
    assert list(walk.upcoming) == []


def test_in_strict_mode_every_block_is_one_page() -> None:
    walk = new_walk(strict=True)
    take(walk, answer(rows(1, 5), total=30))
    for first in (5, 9, 13):
        assert walk.current_value == asked(at(first), HISTORY)
        assert list(walk.upcoming) == []
        take(walk, answer(rows(first, first + 4), total=40 - first))
    assert walk.re_reads == 0


WIDE = [row(n, 60 + n / 100) for n in range(1, 13)]


def at_a_wide_second() -> ConversationsPaginator:
    """Walk to a second that holds more than a page, whose order changes while it is read."""
    walk = new_walk(strict=True)
    take(walk, answer(WIDE[:5], total=20))
    for _ in range(2):
        take(walk, answer(WIDE[:5], total=20))
        assert walk.current_value.page == 2
        take(walk, answer(WIDE[3:8], total=20, page=2))
    assert walk.current_value == asked(at(60), at(61), again=2)
    return walk


def test_a_second_wider_than_a_page_is_passed_by_deeper_pages() -> None:
    walk = new_walk(strict=True)
    take(walk, answer(WIDE[:5], total=13))
    take(walk, answer(WIDE[:5], total=13))
    assert walk.current_value == asked(at(60), HISTORY, 2)
    take(walk, answer(WIDE[5:10], total=13, page=2))
    assert ids(walk) == ["c6", "c7", "c8", "c9", "c10"]
    take(walk, answer([*WIDE[10:], row(90, 61)], total=13, page=3))
    assert ids(walk) == ["c11", "c12", "c90"]
    assert walk.re_reads == 0


def test_a_second_whose_order_changes_gets_a_window_of_its_own() -> None:
    walk = at_a_wide_second()
    take(walk, answer(WIDE[:5], total=8))
    take(walk, answer([*WIDE[5:7], row(90, 61)], total=8, page=2))
    assert ids(walk) == ["c6", "c7"]  # what starts a second later belongs to the next block
    assert walk.current_value == asked(at(61), HISTORY, again=2)


def test_a_second_is_read_again_until_it_shows_as_many_as_are_counted() -> None:
    walk = at_a_wide_second()
    take(walk, answer(WIDE[:5], total=7))
    take(walk, answer(WIDE[3:5], total=7, page=2))  # in another order each time
    again = walk.current_value
    assert again == asked(at(60), at(61), again=3)
    assert again.window()["start_date"] == "2026-03-09T00:00:59.000Z"  # past the cache
    take(walk, answer(WIDE[2:7], total=7))
    assert ids(walk) == ["c6", "c7"]
    take(walk, answer(WIDE[3:5], total=7, page=2))
    assert walk.current_value == asked(at(61), HISTORY, again=3)


def test_what_earlier_rounds_showed_does_not_count_once_the_total_has_changed() -> None:
    walk = at_a_wide_second()
    take(walk, answer(WIDE[:5], total=8))
    take(walk, answer([WIDE[6], *WIDE[:2]], total=8, page=2))
    rounds = walk.current_value.again
    take(walk, answer(WIDE[1:6], total=7))  # c1 is gone, and c8 has not been seen
    take(walk, answer(WIDE[4:6], total=7, page=2))
    assert walk.current_value.again == rounds + 1


def test_a_second_that_never_shows_what_is_counted_is_left_and_counts_are_not_believed() -> None:
    walk = at_a_wide_second()
    readings = 0
    while walk.doubt is None:
        take(walk, answer(WIDE[:5], total=7))
        take(walk, answer(WIDE[3:5], total=7, page=2))
        readings += 1
    assert 3 <= readings <= 5
    assert walk.doubt.code == "second-incomplete"
    assert walk.current_value.start == at(60)


def test_the_window_of_a_second_ends_with_the_walk() -> None:
    end = at(60.5)
    walk = new_walk(strict=True, end=end)
    wide = [row(n, 60) for n in range(9)]
    take(walk, answer(wide[:5], total=9))
    seen = set()
    for _ in range(4):
        seen.add(walk.current_value)
        page = walk.current_value.page
        take(walk, answer(wide[: 5 if page == 1 else 4], total=9, page=page))
    assert len(seen) == 4  # no token comes twice
    assert walk.current_value.end == end


def test_without_a_lower_bound_undated_conversations_are_passed_page_by_page() -> None:
    undated = [{"id": f"u{n}", "start_time": None} for n in range(10)]
    walk = new_walk(start=None)
    take(walk, answer(undated[:5], total=17))
    assert (len(walk.new), walk.current_value) == (5, asked(None, None, 2))
    take(walk, answer(undated[5:], total=17, page=2))
    take(walk, answer(rows(1, 5), total=17, page=3))
    assert len(walk.new) == 5
    assert walk.current_value == asked(at(5), HISTORY)


def test_the_live_edge_ends_with_the_second_that_the_api_is_in() -> None:
    walk = new_walk()
    take(walk, answer(rows(1, 5), total=8, timestamp="2026-03-09T12:00:00.25Z"))
    take(walk, answer([row(5)], total=1))
    assert walk.current_value == asked(at(5), NOW + timedelta(seconds=1))


def test_an_undated_conversation_is_sent_once() -> None:
    undated = {"id": "u", "start_time": None}
    walk = new_walk(strict=True)
    take(walk, answer([*rows(1, 4), undated], total=9))
    take(walk, answer([row(4), undated, *rows(5, 7)], total=6))
    assert ids(walk) == ["c5", "c6", "c7"]


def test_a_row_that_goes_out_of_history_leaves_an_empty_last_page() -> None:
    walk = new_walk()
    take(walk, answer(rows(1, 5), total=12))
    take(walk, answer(rows(5, 9), total=8))
    take(walk, answer([], total=5, page=2))
    assert (walk.re_reads, walk.current_value) == (1, asked(at(9), HISTORY, again=1))


def test_this_machines_clock_is_asked_only_where_the_api_shows_none() -> None:
    walk = new_walk()
    take(walk, answer([], total=0, timestamp="soon"))
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
        (answer(rows(1, 5), total=-5), "meta.total is negative"),
        (answer(rows(1, 5), total=5.5, total_pages=2), "meta.total is negative"),
        (answer(rows(1, 5), total=5, per_page=0), "5 pages of 0|1 pages of 0"),
        (answer(rows(1, 5), total=5, per_page=None), "meta.per_page is not a number"),
        (answer(rows(1, 5), total=5, total_pages=None), "meta.total_pages is not a number"),
        (answer(rows(1, 5), total=9, total_pages=1), "counts 1 pages of 5 for 9"),
        (answer(rows(1, 5), total=5, total_pages=2), "counts 2 pages of 5 for 5"),
        (answer(rows(1, 5), total=9, page=2), "got page 2"),
        (answer(rows(1, 5), total=5, page=None), "meta.page is not a number"),
        (answer(rows(1, 4), total=9), "expected 5 conversations, got 4"),
        (answer([], total=9), "expected 5 conversations, got 0"),
        (answer(rows(1, 6), total=9), "expected 5 conversations, got 6"),
        (answer([row(1), "c2"], total=2), "is not an object"),
        (answer([row(1), {"start_time": None}], total=2), "has no id"),
        (answer([row(1), {**row(2), "id": ""}], total=2), "has no id"),
        (answer([row(1), {**row(2), "id": None}], total=2), "has no id"),
        (answer([row(1), row(1)], total=2), "listed twice"),
        (answer([row(1), {**row(2), "start_time": "noon"}], total=2), "c2 .* is not a date-time"),
        (answer([row(1), {**row(2), "start_time": 5}], total=2), "c2 .* is not a date-time"),
        (answer([row(2), row(1)], total=2), "c1 starts before the one ahead of it"),
        (answer([row(1, -62)], total=1), "c1 starts before the window"),
        (answer([row(1), row(2, 161)], total=2), "c2 starts after the window"),
    ],
)
def test_an_answer_that_does_not_add_up_is_an_error_and_never_the_end(
    response: requests.Response, wrong: str
) -> None:
    walk = new_walk(end=at(100))
    with pytest.raises(PageMismatchError, match=wrong):
        take(walk, response)
    assert not walk.finished
    assert walk.count == 0


@pytest.mark.parametrize("body", [{"data": []}, {"data": [], "meta": []}, [], "text", None])
def test_json_that_is_no_page_is_an_error(body: object) -> None:
    response = answer([], total=0)
    response._content = json.dumps(body).encode()
    with pytest.raises(PageMismatchError) as failure:
        take(new_walk(), response)
    assert failure.value.code in {"page-no-data", "page-no-meta"}


def test_within_a_second_any_order_is_accepted() -> None:
    walk = new_walk(start=at(1.5), end=at(2.5))
    take(walk, answer([row(1, 1.9), row(2, 1.1), row(3, 2.9), row(4, 2.0)], total=4))
    assert len(walk.new) == 4


@pytest.mark.parametrize("lasting", [True, False])
def test_a_response_that_does_not_add_up_is_asked_for_twice_more(*, lasting: bool) -> None:
    pipeline = Pipeline(history(3))
    handle, made = pipeline.api.handle, []

    def wrong(*request: Any) -> Any:  # noqa: ANN401
        made.append(pipeline.clock.now())
        found = handle(*request)
        if len(made) > 2 and not lasting:
            return found
        return found._replace(body=found.body.replace(b'"total":3', b'"total":4'))

    pipeline.api.handle = wrong  # type: ignore[assignment, method-assign]
    outcome = pipeline.sync()
    assert len(outcome.ids) == 3
    assert outcome.verdict["complete"] is not lasting
    assert outcome.verdict["reason"] == ("page-length" if lasting else None)
    assert made[2] - made[0] < timedelta(seconds=10)


def test_what_is_no_json_does_not_count_among_the_three_that_do_not_add_up() -> None:
    pipeline = Pipeline(history(3))
    handle = pipeline.api.handle
    bad = iter([b"{", b'"total":4', b"{", b'"total":4'])

    def wrong(*request: Any) -> Any:  # noqa: ANN401
        found, way = handle(*request), next(bad, b"")
        body = way if way == b"{" else found.body.replace(b'"total":3', way or b'"total":3')
        return found._replace(body=body)

    pipeline.api.handle = wrong  # type: ignore[assignment, method-assign]
    assert pipeline.sync().verdict["complete"]


@pytest.mark.parametrize("total", [8, 9, 10])
@pytest.mark.parametrize("first", [5.2, 5.7])
def test_which_of_a_second_comes_first_is_left_open_from_block_to_block(
    total: int, first: float
) -> None:
    block = Block(START, None, length=50)
    listed = [row(1), row(2, 5.2), row(3, 5.7)]
    assert (
        block.disagrees(Page.read(answer([*listed, *rows(8, 9)], 10), block.token(), size=5))
        is None
    )
    following = answer([row(7, first), *rows(8, 11)], total)
    assert block.precedes(Page.read(following, block.token(), size=5)) == (total < 10)
