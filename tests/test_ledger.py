"""The books alone: what is counted in which span, and what a re-read does to them."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_ayra.replication.ledger import Ledger
from tap_ayra.replication.recount import Recount
from tap_ayra.replication.spans import BEGINNING, next_month, span_bounds

FIRST = datetime(2025, 1, 15, tzinfo=UTC)
MINUTES = 400 * 24 * 60
STARTS = st.lists(
    st.integers(0, MINUTES).map(lambda minutes: FIRST + timedelta(minutes=minutes)), max_size=40
).map(sorted)
PAGE_SIZES = st.sampled_from((1, 3, 7, 40))


def in_pages(starts: list[datetime], size: int) -> list[list[datetime]]:
    return [starts[at : at + size] for at in range(0, len(starts), size)]


def ledger_of(starts: list[datetime], size: int = 40, *, since: datetime | None = None) -> Ledger:
    """Deliver conversations in order; the bookmark follows the last of each page."""
    ledger = Ledger(since=since)
    for page in in_pages(starts, size):
        ledger.add(page)
        ledger.move(page[-1])
    return ledger


def spans_of(starts: list[datetime], ledger: Ledger) -> dict[str, int]:
    """Count by days from the month before the bookmark's on, by months before that."""
    assert ledger.reach is not None
    first_day = ledger.reach.replace(day=1, hour=0, minute=0, second=0) - timedelta(days=1)
    edge = f"{first_day:%Y-%m}"
    return dict(
        Counter(
            f"{start:%Y-%m-%d}" if f"{start:%Y-%m}" >= edge else f"{start:%Y-%m}"
            for start in starts
            if start < ledger.reach
        )
    )


# Delivering


@given(starts=STARTS.filter(bool), size=PAGE_SIZES)
def test_each_conversation_before_the_bookmark_counts_in_its_span(
    starts: list[datetime], size: int
) -> None:
    ledger = ledger_of(starts, size)
    assert ledger.counts == spans_of(starts, ledger)
    assert ledger.total == len(starts)
    assert ledger.pending == [start for start in starts if start >= starts[-1]]


@given(starts=STARTS.filter(bool), late=STARTS, size=PAGE_SIZES)
def test_what_comes_late_counts_where_it_started(
    starts: list[datetime], late: list[datetime], size: int
) -> None:
    ledger = ledger_of(starts, size)
    late = [start for start in late if start < starts[-1]]
    ledger.add(late)
    assert ledger.counts == spans_of([*starts, *late], ledger)


@given(starts=STARTS.filter(bool), size=PAGE_SIZES)
def test_the_boundaries_part_what_was_delivered_without_a_gap(
    starts: list[datetime], size: int
) -> None:
    ledger = ledger_of(starts, size)
    bounds = ledger.boundaries()
    assert bounds[0] == BEGINNING
    for bound in bounds:
        assert ledger.counted_from(bound) == sum(start >= bound for start in starts)
    for low, high in pairwise(bounds):
        counted = ledger.counted_from(low) - ledger.counted_from(high)
        assert counted == sum(low <= start < high for start in starts)


def test_the_bookmark_never_takes_the_ledger_back() -> None:
    ledger = ledger_of([FIRST, FIRST + timedelta(days=2)])
    ledger.move(FIRST)
    ledger.move(None)
    assert ledger.reach == FIRST + timedelta(days=2)


def test_a_conversation_in_the_bookmarks_second_is_pending() -> None:
    ledger = Ledger()
    ledger.add([FIRST, FIRST + timedelta(seconds=5.2), FIRST + timedelta(seconds=5.7)])
    ledger.move(FIRST + timedelta(seconds=5.7))
    assert ledger.counts == {"2025-01-15": 1}
    assert len(ledger.pending) == 2


def test_the_first_span_begins_with_what_has_been_asked_for() -> None:
    since = FIRST + timedelta(hours=7)
    ledger = ledger_of([since, since + timedelta(days=1)], since=since)
    assert ledger.boundaries()[0] == since
    assert ledger.span_start(since + timedelta(minutes=1)) == since


def test_days_become_months_when_the_bookmark_is_two_months_on() -> None:
    days = [FIRST, FIRST + timedelta(days=1), FIRST + timedelta(days=20)]
    ledger = ledger_of(days)
    assert ledger.counts == {"2025-01-15": 1, "2025-01-16": 1}
    later = datetime(2025, 3, 1, tzinfo=UTC)
    ledger.add([later])
    ledger.move(later)
    assert ledger.counts == {"2025-01": 2, "2025-02-04": 1}


@pytest.mark.parametrize("span", ["2024-02", "2025-12", "2025-02-28", "2025-12-31"])
def test_a_span_ends_where_the_next_begins(span: str) -> None:
    start, end = span_bounds(span)
    assert f"{start:%Y-%m-%d}".startswith(span)
    assert not f"{end:%Y-%m-%d}".startswith(span)
    assert f"{end - timedelta(microseconds=1):%Y-%m-%d}".startswith(span)


def test_the_calendars_last_month_has_an_end() -> None:
    assert next_month(datetime.max.replace(tzinfo=UTC)) <= datetime.max.replace(tzinfo=UTC)


# In a state


@given(starts=STARTS.filter(bool), size=PAGE_SIZES)
def test_it_comes_back_from_a_state_as_it_went_but_for_what_is_pending(
    starts: list[datetime], size: int
) -> None:
    ledger = ledger_of(starts, size, since=FIRST)
    ledger.asked, ledger.filters, ledger.audited = FIRST, "1f0c9a", starts[-1]
    ledger.differs = [("2025-03", 5, 7)]
    loaded = Ledger.load(json.loads(json.dumps(ledger.dump())), starts[-1])
    ledger.pending = []
    assert loaded == ledger


def test_it_is_a_list_of_one_object_so_that_meltano_replaces_it_whole() -> None:
    assert ledger_of([FIRST, FIRST + timedelta(days=1)]).dump() == [
        {
            "since": None,
            "asked": None,
            "filters": "",
            "audited": None,
            "counts": {"2025-01-15": 1},
            "differs": [],
        }
    ]


def test_ten_years_and_a_million_conversations_stay_below_one_write() -> None:
    ledger = Ledger(since=datetime(2016, 3, 1, tzinfo=UTC), filters="1f0c9a")
    day = datetime(2016, 3, 1, tzinfo=UTC)
    while day < datetime(2026, 3, 31, tzinfo=UTC):
        ledger.add([day] * 275)
        ledger.move(day)
        day += timedelta(days=1)
    ledger.asked = ledger.since
    ledger.audited = day + timedelta(seconds=0.123456)
    ledger.differs = [(f"2025-{month:02}", 8525, 8526) for month in range(1, 11)]
    entry = {
        "replication_key": "start_time",
        "replication_key_value": "2026-03-30T23:59:59.123456Z",
        "starting_replication_value": "2026-03-30T23:59:59.123456Z",
        "ledger": ledger.dump(),
        "open": ["2026-03-30T23:59:59Z"] * 10,
    }
    assert ledger.total > 1_000_000
    state = {"type": "STATE", "value": {"bookmarks": {"conversations": entry}}}
    assert len(json.dumps(state, separators=(",", ":"))) < 4096


# Read again


@st.composite
def recounts(draw: st.DrawFn) -> tuple[Ledger, list[datetime], list[datetime], list[datetime]]:
    """Draw a ledger, what it has counted, some of its neighbouring spans, and what these hold."""
    starts = draw(STARTS.filter(lambda starts: starts[:1] != starts[-1:]))
    ledger = ledger_of(starts)
    bounds = ledger.boundaries()
    low = draw(st.integers(0, len(bounds) - 2))
    high = draw(st.integers(low + 1, len(bounds) - 1))
    start, end = bounds[low], min(bounds[high], starts[-1])
    found = draw(STARTS)
    return ledger, starts, [start, end], [each for each in found if start <= each < end]


@given(drawn=recounts(), size=PAGE_SIZES)
def test_a_stretch_that_was_read_again_counts_what_it_held(
    drawn: tuple[Ledger, list[datetime], list[datetime], list[datetime]], size: int
) -> None:
    ledger, starts, (start, end), found = drawn
    recount = Recount(ledger, start, end)
    for page in in_pages(found, size):
        recount.add(page)
    recount.finish()
    others = [each for each in starts if not start <= each < end]
    assert recount.found == len(found)
    assert ledger.counts == spans_of([*others, *found], ledger)


@given(drawn=recounts(), size=PAGE_SIZES, stop=st.integers(0, 40))
def test_a_re_read_that_is_stopped_leaves_nothing_counted_that_was_not_read(
    drawn: tuple[Ledger, list[datetime], list[datetime], list[datetime]], size: int, stop: int
) -> None:
    ledger, starts, (start, end), found = drawn
    recount = Recount(ledger, start, end)
    for page in in_pages(found, size)[:stop]:
        recount.add(page)
    read = [*found[: stop * size], *starts]
    for span, count in ledger.counts.items():
        assert count <= sum(f"{each:%Y-%m-%d}".startswith(span) for each in read)


def test_what_is_read_again_after_the_bookmark_is_pending_again() -> None:
    ledger = ledger_of([FIRST, FIRST + timedelta(days=1)])
    recount = Recount(ledger, FIRST + timedelta(days=1), FIRST + timedelta(days=2))
    recount.add([FIRST + timedelta(days=1), FIRST + timedelta(days=1, hours=1)])
    recount.finish()
    assert ledger.counts == {"2025-01-15": 1}
    assert len(ledger.pending) == 2


# Emptied


def test_a_look_back_forgets_the_spans_from_its_first_on() -> None:
    ledger = ledger_of([FIRST + timedelta(days=day) for day in (0, 40, 80, 81, 82)])
    assert ledger.counts == {"2025-01": 1, "2025-02": 1, "2025-04-05": 1, "2025-04-06": 1}
    ledger.empty(datetime(2025, 4, 6, tzinfo=UTC))
    assert ledger.counts == {"2025-01": 1, "2025-02": 1, "2025-04-05": 1}
    ledger.empty(datetime(2025, 2, 1, tzinfo=UTC))
    assert ledger.counts == {"2025-01": 1}


def test_other_filters_forget_everything() -> None:
    ledger = ledger_of([FIRST + timedelta(days=day) for day in (0, 40, 80)])
    ledger.differs = [("2025-01", 1, 2)]
    ledger.empty()
    assert (ledger.counts, ledger.differs) == ({}, [])
