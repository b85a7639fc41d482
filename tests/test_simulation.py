"""Thousands of small worlds that change while they are read; the tap's promises hold in all.

`make test` plays 100 of them and `.ci/run` 1,000, the same each time. 10,000 others, different each
time: ``HYPOTHESIS_PROFILE=thorough .venv/bin/python -m pytest tests/test_simulation.py``.
"""

from __future__ import annotations

import math
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator import (
    ChangingStory,
    CrookedStory,
    Pipeline,
    Story,
    ago,
    call,
    changing_plans,
    crooked_plans,
    plans,
)

if TYPE_CHECKING:
    from sandbox import Call
    from tests.simulator import ChangingPlan, CrookedPlan, Plan

pytestmark = pytest.mark.timeout(3600)


@given(plan=plans())
def test_whatever_happens_nothing_is_lost_and_nothing_is_left_unfinished(plan: Plan) -> None:
    Story(plan).play()


@given(plan=crooked_plans())
def test_on_a_crooked_api_nothing_is_lost_unnoticed_and_no_sync_is_blocked(
    plan: CrookedPlan,
) -> None:
    CrookedStory(plan).play()


@given(plan=changing_plans())
def test_whatever_settings_change_the_last_ones_get_all_they_ask_for(plan: ChangingPlan) -> None:
    ChangingStory(plan).play()


def calls(seconds: list[float]) -> list[Call]:
    """Make calls of the day before, at these seconds of it."""
    return [
        call(f"c{n:02}", ago(days=1) + timedelta(seconds=second), lasts=0)
        for n, second in enumerate(seconds)
    ]


SECONDS = st.lists(
    st.integers(0, 30) | st.sampled_from((0.25, 5.5, 5.75, 29.999999)) | st.just(82_800),
    max_size=60,
)
PAGE_SIZES = st.sampled_from((1, 3, 10, 100))


@given(seconds=SECONDS, page_size=PAGE_SIZES)
def test_in_a_quiet_world_concurrency_changes_neither_the_records_nor_their_order(
    seconds: list[float], page_size: int
) -> None:
    pipelines = [Pipeline(calls(seconds)) for _ in range(2)]
    strict, fast = (
        pipeline.sync(page_size=page_size, concurrency=concurrency)
        for pipeline, concurrency in zip(pipelines, (1, 8), strict=True)
    )
    assert strict.records == fast.records
    assert len(fast.records) == len(seconds)
    assert strict.state == fast.state


@given(
    seconds=SECONDS,
    page_size=PAGE_SIZES,
    edges=st.lists(st.integers(0, 300), max_size=4),
    concurrency=st.sampled_from((1, 8)),
)
def test_windows_side_by_side_make_up_the_whole(
    seconds: list[float], page_size: int, edges: list[int], concurrency: int
) -> None:
    everything = calls(seconds)
    moments = [
        None,
        *((ago(days=1) + timedelta(seconds=edge / 10)).isoformat() for edge in sorted(edges)),
        None,
    ]
    found: set[str] = set()
    for start, end in pairwise(moments):
        window = Pipeline(everything)
        config: dict[str, Any] = {"start_date": start, "end_date": end, "page_size": page_size}
        for _ in range(2):
            found.update(window.sync(concurrency=concurrency, **config).ids)
    assert found == {each.id for each in everything}


@pytest.mark.parametrize(
    "count",
    [
        *(0, 1, 99, 100, 101, 199, 1_000, 5_001),
        *(pytest.param(count, marks=pytest.mark.slow) for count in (10_000, 20_001)),
    ],
)
@pytest.mark.parametrize("live", [0, 99])
@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_quiet_read_costs_two_percent_more_than_its_pages(
    count: int, live: int, concurrency: int
) -> None:
    past = [call(f"c{n}", ago(days=20) + timedelta(seconds=67 * n), lasts=0) for n in range(count)]
    edge = [call(f"live{n}", ago(seconds=500 - n), lasts=0) for n in range(live)]
    outcome = Pipeline([*past, *edge]).sync(concurrency=concurrency)
    total = count + live
    assert len(outcome.records) == total
    assert outcome.requests <= (2 if total <= 100 else math.ceil(total / 100) * 1.02 + 4)
