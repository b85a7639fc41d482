"""The bookmark alone: how far it moves, and what holds it back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_ayra.conversation import Conversation, Row
from tap_ayra.errors import TapAyraError
from tap_ayra.replication.bookmark import Bookmark
from tap_ayra.replication.settled import Settled
from tap_ayra.replication.state import AyraStateManager
from tests.simulator import NOW, ago

if TYPE_CHECKING:
    from datetime import datetime

SETTLED = {"status": "completed", "end_time": "2026-03-09T06:00:00Z"}
OPEN = {"status": "in_progress", "end_time": None}


SPANS: dict[str, Any] = {"settling": timedelta(minutes=10), "limit": timedelta(hours=24)}


def new_bookmark(value: datetime | None = None, **options: Any) -> Bookmark:
    return Bookmark(value, now=NOW, **{**SPANS, **options})


def row_of(key: str, start: datetime | None, fields: dict[str, Any]) -> Row:
    return Row(Conversation.lenient({"id": key, **fields}), start, msgspec.Raw(b"{}"), fits=False)


def deliver(bookmark: Bookmark, *rows: tuple[datetime | None, dict[str, Any]]) -> datetime | None:
    """Deliver conversations as one page."""
    page = [row_of(f"c{n}", start, fields) for n, (start, fields) in enumerate(rows)]
    bookmark.hold(Settled(NOW, **SPANS).unsettled(page))
    bookmark.advance(max((each.start for each in page if each.start), default=None))
    return bookmark.value


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([None, ago(minutes=5), ago(hours=5), ago(hours=25), ago(days=9)]),
            st.fixed_dictionaries(
                {
                    "status": st.sampled_from([None, "completed", "failed", "in_progress"]),
                    "end_time": st.sampled_from([None, "2026-03-09T06:00:00Z"]),
                }
            ),
        )
    )
)
def test_a_page_is_judged_as_its_conversations_are_one_by_one(
    rows: list[tuple[datetime | None, dict[str, Any]]],
) -> None:
    page = [row_of(f"c{n}", start, fields) for n, (start, fields) in enumerate(rows)]
    whole, single = Settled(NOW, **SPANS), Settled(NOW, **SPANS)
    assert list(whole.unsettled(page)) == [
        found for row in page for found in single.unsettled([row])
    ]
    assert whole.stuck == single.stuck


def test_it_follows_settled_conversations() -> None:
    bookmark = new_bookmark()
    assert bookmark.value is None
    assert deliver(bookmark, (ago(hours=5), SETTLED)) == ago(hours=5)
    assert deliver(bookmark, (ago(hours=4), SETTLED)) == ago(hours=4)
    assert bookmark.held_by is None


def test_the_minute_before_the_earliest_unsettled_conversation_holds_it() -> None:
    bookmark = new_bookmark()
    rows = (ago(minutes=55), SETTLED), (ago(minutes=50), OPEN), (ago(minutes=45), SETTLED)
    assert deliver(bookmark, *rows, (ago(minutes=40), OPEN)) == ago(minutes=51)
    assert bookmark.held_by == ("c1", ago(minutes=50))
    assert deliver(bookmark, (ago(minutes=20), SETTLED)) == ago(minutes=51)


def test_what_is_open_for_an_hour_is_set_aside_and_holds_nothing() -> None:
    bookmark = new_bookmark()
    rows = (ago(hours=5), SETTLED), (ago(hours=4, seconds=-0.5), OPEN), (ago(hours=3), SETTLED)
    assert deliver(bookmark, *rows) == ago(hours=3)
    assert bookmark.aside == {ago(hours=4)}
    assert bookmark.held_by is None


def test_what_is_unsettled_behind_it_or_just_after_it_is_set_aside_at_any_age() -> None:
    bookmark = new_bookmark(ago(minutes=30))
    rows = (ago(minutes=40), OPEN), (ago(minutes=29.5), OPEN), (ago(minutes=20), SETTLED)
    assert deliver(bookmark, *rows) == ago(minutes=20)
    assert bookmark.aside == {ago(minutes=40), ago(minutes=29.5)}


def test_fifty_are_set_aside_at_most_and_the_others_hold_it() -> None:
    bookmark = new_bookmark()
    rows = [(ago(hours=5, minutes=-n), OPEN) for n in range(60)]
    assert deliver(bookmark, *rows, (ago(hours=2), SETTLED)) == ago(hours=4, minutes=11)
    assert len(bookmark.aside) == 50
    assert bookmark.held_by == ("c50", ago(hours=4, minutes=10))


def test_it_never_moves_back() -> None:
    bookmark = new_bookmark(ago(hours=4))
    assert deliver(bookmark, (ago(hours=6), SETTLED), (ago(hours=5), OPEN)) == ago(hours=4)
    assert deliver(bookmark, (ago(hours=3), SETTLED)) == ago(hours=3)


@pytest.mark.parametrize(
    ("options", "ceiling"),
    [
        ({}, ago(minutes=10)),
        ({"settling": timedelta(0)}, ago(minutes=2)),
        ({"settling": timedelta(minutes=30)}, ago(minutes=30)),
        ({"end": ago(hours=1)}, ago(hours=1)),
        ({"end": NOW}, ago(minutes=10)),
        ({"hides_changing": True}, ago(hours=24, minutes=10)),
        ({"hides_changing": True, "limit": timedelta(hours=1)}, ago(hours=1, minutes=10)),
        ({"hides_changing": True, "end": ago(days=2)}, ago(days=2)),
    ],
)
def test_it_stops_short_of_now_of_the_end_date_and_of_what_a_filter_may_hide(
    options: dict[str, Any], ceiling: datetime
) -> None:
    bookmark = new_bookmark(**options)
    assert deliver(bookmark, (ago(days=3), SETTLED), (NOW, SETTLED)) == ceiling
    assert deliver(bookmark, (NOW + timedelta(days=1), SETTLED)) == ceiling


def test_spans_longer_than_the_calendar_hold_everything_back() -> None:
    bookmark = new_bookmark(hides_changing=True, limit=timedelta(days=10**6))
    value = deliver(bookmark, (ago(days=3), SETTLED))
    assert value is not None
    assert value.year == 1


def test_an_undated_conversation_moves_nothing_and_holds_nothing() -> None:
    assert deliver(new_bookmark(), (None, OPEN)) is None
    assert deliver(new_bookmark(), (None, OPEN), (ago(hours=1), SETTLED)) == ago(hours=1)


def test_what_started_too_long_ago_counts_as_settled_and_as_stuck_where_it_never_ended() -> None:
    settled = Settled(NOW, **SPANS)
    open_ = list(
        settled.unsettled(
            [
                row_of("c0", ago(hours=25), OPEN),
                row_of("c1", ago(hours=25), {"status": "on_hold"}),
                row_of("c2", ago(hours=25), {"status": "completed"}),
                row_of(
                    "c3", ago(hours=25), {"status": "on_hold", "end_time": "2026-03-09T11:59:00Z"}
                ),
                row_of("c4", ago(hours=24), OPEN),
            ]
        )
    )
    assert open_ == [("c4", ago(hours=24))]
    assert list(settled.stuck) == ["c0", "c1"]


def test_a_stuck_conversation_that_is_read_twice_counts_once() -> None:
    settled = Settled(NOW, **SPANS)
    assert not list(settled.unsettled([row_of("c", ago(hours=25), OPEN)] * 2))
    assert list(settled.stuck) == ["c"]


@pytest.mark.parametrize(
    ("fields", "minutes"),
    [
        ({"end_time": "2026-03-09T11:05:00Z", "status": "completed", "duration": 1}, 5),
        ({"end_time": "2026-03-09T13:05:00+02:00", "status": "anything"}, 5),
        ({"end_time": None, "status": "completed", "duration": 120}, 2),
        ({"end_time": "garbage", "status": "failed", "duration": "120"}, 2),
        ({"status": "abandoned", "duration": None}, 0),
        ({"status": "abandoned", "duration": 60}, 1),
        ({"status": "completed", "duration": None}, None),
        ({"status": "completed", "duration": float("inf")}, None),
        ({"status": "failed"}, 0),
        ({"status": "in_progress", "duration": 60}, None),
        ({"status": "on_hold", "duration": 60}, None),
        ({}, None),
    ],
)
def test_the_end_is_what_the_fields_tell_of_it(fields: dict[str, Any], minutes: int | None) -> None:
    start = ago(minutes=60)
    end = None if minutes is None else start + timedelta(minutes=minutes)
    assert row_of("c", start, fields).conversation.end(start) == end


def manager(entry: dict[str, Any]) -> AyraStateManager:
    state: Any = {"bookmarks": {"conversations": entry}}
    return AyraStateManager(tap_name="tap", stream_name="conversations", tap_state=state)


def test_the_state_is_kept_in_the_sdks_form() -> None:
    state: dict[str, Any] = {}
    keeper = manager(state)
    keeper.keep()
    assert state == {}
    keeper.bookmark = new_bookmark()
    keeper.keep()
    assert state == {}
    deliver(keeper.bookmark, (ago(hours=2), SETTLED), (ago(minutes=90), OPEN))
    keeper.keep()
    assert state == {
        "replication_key": "start_time",
        "replication_key_value": "2026-03-09T10:30:00Z",
        "open": ["2026-03-09T10:30:00Z"],
    }


def test_records_do_not_move_the_state_as_they_do_in_the_sdk() -> None:
    state: dict[str, Any] = {}
    keeper = manager(state)
    record = {"start_time": "2026-03-09T10:00:00Z"}
    keeper.increment_state(record, replication_key="start_time")
    assert state == {}


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({}, None),
        ({"replication_key_value": "2026-03-09T10:00:00Z"}, ago(hours=2)),
        (
            {"replication_key": "start_time", "replication_key_value": "2026-03-09T12:00:00+02:00"},
            ago(hours=2),
        ),
    ],
)
def test_it_begins_with_the_states_bookmark_of_its_own_key(
    entry: dict[str, Any], found: datetime | None
) -> None:
    assert manager(entry).began_with == found


@pytest.mark.parametrize("value", ["yesterday", 5, "0001-01-01T00:00:00+14:00"])
def test_a_bookmark_that_is_no_moment_is_an_error(value: object) -> None:
    entry = {"replication_key": "start_time", "replication_key_value": value}
    with pytest.raises(TapAyraError) as failure:
        _ = manager(entry).began_with
    assert failure.value.code == "bookmark-invalid"
