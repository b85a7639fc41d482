"""An API that bends its word: nothing is lost, no sync is blocked, and nothing false is claimed."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.simulator import Pipeline, ago, call, history
from tests.sweeps import sweep
from tests.test_odd_api import interpose

if TYPE_CHECKING:
    from sandbox import ApiResponse, Call

COUNT = 260
INEXACT: dict[str, dict[str, Any]] = {
    "totals capped, deeper pages served": {"cap_total": 100},
    "totals capped, deeper pages refused": {"cap_total": 100, "pages_past_cap": "refused"},
    "totals capped, deeper pages empty": {"cap_total": 100, "pages_past_cap": "empty"},
    "totals capped inside a page": {"cap_total": 95},
    "totals rounded": {"round_total": 7},
    "totals too high": {"inflate_total": 1.05},
    "totals estimated": {"estimate_total": 0.05},
    "totals absent": {"no_total": "absent"},
    "totals null": {"no_total": "null"},
    "conversations listed twice": {"list_twice": 0.05},
}
BENT: dict[str, dict[str, Any]] = {
    "start_date means after": {"exclusive_bounds": "start"},
    "both bounds exclusive": {"exclusive_bounds": "both"},
    "bounds rounded down to a second": {"rounded_bounds": 1},
    "bounds rounded down to a minute": {"rounded_bounds": 60},
    "start times shown rounded down": {"show_rounded_starts": "down"},
    "start times shown rounded": {"show_rounded_starts": "nearest"},
    "start times shown rounded up": {"show_rounded_starts": "up"},
    "a page comes with the next one's rows": {"swap_pages": [3]},
    "several pages do": {"swap_pages": [1, 2, 5]},
    "deep pages repeat": {"repeat_page_beyond": 4},
    "every page repeats the first": {"repeat_page_beyond": 1},
    "deep pages refused with 400": {"refuse_pages_beyond": 4},
    "deep pages refused with 404": {"refuse_pages_beyond": 4, "refusal_status": 404},
    "deep pages refused with 422": {"refuse_pages_beyond": 4, "refusal_status": 422},
    "counts cached": {"cached_total_seconds": 60},
    "one node's clock behind": {"clock_skew_seconds": 5},
    "text that is not UTF-8": {"latin1_text": 0.1},
    "lone surrogates": {"lone_surrogates": 0.1},
    "numbers that are not finite": {"not_a_number": 0.1},
}
either_density = pytest.mark.parametrize("apart", [60.0, 0.7])
either_mode = pytest.mark.parametrize("concurrency", sweep([8, 1]))


def crooked_pipeline(switches: dict[str, Any], apart: float) -> Pipeline:
    """Make conversations of the day before, read from an API that is crooked in one way."""
    first = ago(days=1)
    calls = [
        call(f"c{n:03}", first + timedelta(seconds=n * apart), time_format="fractions")
        for n in range(COUNT)
    ]
    switches = {k: set(v) if isinstance(v, list) else v for k, v in switches.items()}
    return Pipeline(calls, **switches)


@either_mode
@either_density
@pytest.mark.parametrize("name", BENT)
def test_a_bent_api_loses_nothing_and_is_proven_complete(
    name: str, apart: float, concurrency: int
) -> None:
    pipeline = crooked_pipeline(BENT[name], apart)
    for _ in range(2):
        outcome = pipeline.sync(page_size=10, concurrency=concurrency)
        pipeline.wait(minutes=60)
    assert pipeline.target.rows.keys() == {f"c{n:03}" for n in range(COUNT)}
    assert outcome.verdict["complete"]
    assert outcome.requests <= 4


@either_mode
@either_density
@pytest.mark.parametrize("name", INEXACT)
def test_inexact_counts_lose_nothing_and_are_never_called_complete(
    name: str, apart: float, concurrency: int
) -> None:
    pipeline = crooked_pipeline(INEXACT[name], apart)
    first = pipeline.sync(page_size=10, concurrency=concurrency)
    assert pipeline.target.rows.keys() == {f"c{n:03}" for n in range(COUNT)}
    assert not first.verdict["complete"]
    assert first.verdict["reason"]
    assert first.requests < 200


@either_density
@pytest.mark.parametrize("name", INEXACT)
def test_inexact_counts_are_not_read_again_for_ever(name: str, apart: float) -> None:
    pipeline = crooked_pipeline(INEXACT[name], apart)
    for _ in range(4):
        pipeline.sync(page_size=10)
        pipeline.wait(minutes=30)
    costs = [pipeline.sync(page_size=10).requests for _ in range(3)]
    assert sorted(costs)[1] <= 15


@pytest.mark.parametrize("page_size", [1, 2, 3, 10])
def test_pages_full_of_conversations_listed_twice_do_not_end_the_walk(page_size: int) -> None:
    pipeline = Pipeline(history(5), list_twice=1.0)
    for _ in range(2):
        outcome = pipeline.sync(page_size=page_size, concurrency=1)
    assert pipeline.target.rows.keys() == {f"c{n:03}" for n in range(5)}
    assert not outcome.verdict["complete"]


@pytest.mark.parametrize("switch", ["latin1_text", "lone_surrogates", "not_a_number"])
def test_counts_are_read_whatever_the_conversation_beside_them_holds(switch: str) -> None:
    everyone: dict[str, Any] = {switch: 1.0}
    assert Pipeline(history(3), **everyone).sync().verdict["complete"]


def test_a_call_restated_earlier_when_it_ends_is_read_in_its_final_form() -> None:
    pipeline = Pipeline([*history(5), call("held", ago(minutes=30), lasts=2400)])
    pipeline.sync()
    pipeline.world["held"].start -= timedelta(seconds=0.3)
    pipeline.wait(minutes=60)
    pipeline.sync()
    assert not pipeline.wrong()


def test_a_start_date_after_the_bookmark_leaves_no_gap() -> None:
    pipeline = Pipeline(history(20))
    pipeline.sync()
    pipeline.world.add(call("in the outage", ago(hours=20)))
    pipeline.sync(start_date=ago(hours=2).isoformat())
    assert not pipeline.wrong()


def test_a_failed_call_without_an_end_holds_nothing() -> None:
    bare = {"status": "failed", "end_time": None, "duration": None}
    pipeline = Pipeline([call("bare", ago(hours=2), overrides=bare), call("last", ago(hours=1))])
    pipeline.sync()
    assert pipeline.bookmark == "2026-03-09T11:00:00Z"


# Crooked while it is read


CACHED = {"cached_total_seconds": 60, "cache_seconds": 60}


@either_mode
@pytest.mark.parametrize("switches", [{}, CACHED], ids=["counted anew", "counts cached"])
def test_a_deletion_anywhere_while_reading_loses_nothing(
    switches: dict[str, Any], concurrency: int
) -> None:
    for request in (3, 12):
        for deleted in (45, 99, 250):
            pipeline = crooked_pipeline(switches, apart=60)
            pipeline.before_request(request, partial(pipeline.world.remove, f"c{deleted:03}"))
            outcome = pipeline.sync(page_size=10, concurrency=concurrency)
            assert not (outcome.verdict["complete"] and pipeline.wrong())
            pipeline.wait(minutes=30)
            assert pipeline.sync(page_size=10).verdict["complete"]
            assert not pipeline.wrong()


@either_mode
def test_a_deletion_between_two_blocks_is_no_alarm(
    caplog: pytest.LogCaptureFixture, concurrency: int
) -> None:
    pipeline = Pipeline(history(60))
    pipeline.before_request(2, lambda: pipeline.world.remove("c003"))
    outcome = pipeline.sync(page_size=10, concurrency=concurrency)
    assert [record for record in caplog.records if record.levelname != "INFO"] == []
    assert not pipeline.wrong()
    assert outcome.verdict["complete"] or outcome.verdict["deleted"] == 1


@either_mode
@pytest.mark.parametrize("seconds", [-3600, -30, 0.5, 30, 3600])
def test_a_start_time_corrected_while_reading_hides_nothing(
    seconds: float, concurrency: int
) -> None:
    for request in (3, 12):
        for name in ("c010", "c099", "c200"):
            pipeline = crooked_pipeline({}, apart=60)

            def correct(moved: Call = pipeline.world[name]) -> None:
                moved.start += timedelta(seconds=seconds)

            pipeline.before_request(request, correct)
            for _ in range(2):
                outcome = pipeline.sync(page_size=10, concurrency=concurrency)
                if outcome.verdict["complete"]:
                    assert pipeline.target.rows.keys() >= {
                        row["id"] for row in pipeline.world.rows()
                    }
                pipeline.wait(minutes=30)
            assert outcome.verdict["complete"]


@pytest.mark.parametrize(
    "unclean", [{"latin1_text": 1.0}, {"lone_surrogates": 1.0}, {"not_a_number": 1.0}], ids=str
)
def test_text_that_is_nowhere_clean_is_counted_all_the_same(
    caplog: pytest.LogCaptureFixture, unclean: dict[str, Any]
) -> None:
    calls = [call(f"c{n}", ago(days=1, minutes=-n), summary="About a refund.") for n in range(20)]
    outcome = Pipeline(calls, **unclean).sync(page_size=5)
    assert len(outcome.ids) == 20
    assert outcome.verdict["complete"]
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1


def test_what_the_api_counts_and_never_lists_is_not_passed_in_silence() -> None:
    pipeline, hidden = Pipeline(history(50)), {"c020"}

    def without(answer: ApiResponse) -> ApiResponse:
        body = json.loads(answer.body)
        body["data"] = [row for row in body["data"] if row["id"] not in hidden]
        return answer._replace(body=json.dumps(body).encode())

    interpose(pipeline, after=without)
    for _ in range(2):
        outcome = pipeline.sync(page_size=10)
        assert not outcome.verdict["complete"]
        assert pipeline.wrong() == hidden
        pipeline.wait(minutes=30)
    hidden.clear()
    for _ in range(3):
        pipeline.wait(days=1)
        outcome = pipeline.sync(page_size=10)
    assert not pipeline.wrong()
    assert outcome.verdict["complete"]
