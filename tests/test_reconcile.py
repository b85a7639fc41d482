"""What was delivered held against what exists: late arrivals, deletions, other settings."""

from __future__ import annotations

import json
import logging
import math
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tap_ayra.errors import TapAyraError
from tap_ayra.instants import format_instant, parse_instant
from tap_ayra.replication.ledger import Ledger
from tests.simulator import (
    NOW,
    PageWalk,
    Pipeline,
    ago,
    call,
    catalog,
    history,
    state_of,
    sync,
)
from tests.sweeps import sweep
from tests.test_odd_api import interpose

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sandbox import ApiResponse
    from tests.simulator import Sync


def ledger(outcome: Sync) -> dict[str, Any]:
    """Give the ledger in the last state of a sync."""
    assert outcome.state is not None
    (entry,) = outcome.state["bookmarks"]["conversations"]["ledger"]
    return dict(entry)


def synced(count: int = 50) -> Pipeline:
    """Make a pipeline that is up to date, its audit of the day done."""
    pipeline = Pipeline([*history(count), call("last", ago(hours=1))])
    assert pipeline.sync().verdict["complete"]
    return pipeline


def test_a_ledger_counts_what_was_delivered_per_day() -> None:
    calls = [call(f"c{n}", ago(days=n % 3, hours=2)) for n in range(9)]
    outcome = Pipeline(calls).sync()
    assert ledger(outcome)["counts"] == {"2026-03-07": 3, "2026-03-08": 3}  # the last is pending
    assert outcome.verdict["ledger"] == outcome.verdict["api_count"] == 9


def test_days_before_last_month_become_months() -> None:
    calls = [call(f"c{n}", ago(days=days)) for n, days in enumerate((100, 90, 60, 20, 5, 1))]
    counts = ledger(Pipeline(calls).sync())["counts"]
    assert counts == {
        "2025-11": 1,
        "2025-12": 1,
        "2026-01": 1,
        "2026-02-17": 1,
        "2026-03-04": 1,
    }


@pytest.mark.parametrize("days", [0.5, 3, 40, 400])
def test_what_appears_late_is_read_whatever_its_age(days: float) -> None:
    calls = [call(f"old{n}", ago(days=20 * n)) for n in range(25, 0, -1)]
    pipeline = Pipeline([*calls, call("last", ago(hours=1))])
    pipeline.sync()
    pipeline.world.add(call("late", ago(days=days)))
    outcome = pipeline.sync()
    assert not pipeline.wrong()
    assert (outcome.verdict["complete"], outcome.verdict["late"]) == (True, 1)


def test_a_look_back_past_the_start_date_counts_nothing_twice() -> None:
    pipeline = Pipeline(history(20))
    start = ago(days=2).isoformat()
    pipeline.sync(start_date=start)
    outcome = pipeline.sync(start_date=start, lookback_days=7)
    assert len(outcome.ids) == 20
    assert (outcome.verdict["ledger"], outcome.verdict["deleted"]) == (20, 0)


def test_a_deletion_is_noticed_once(caplog: pytest.LogCaptureFixture) -> None:
    pipeline = synced()
    pipeline.world.remove("c007")
    outcome = pipeline.sync()
    assert (outcome.verdict["complete"], outcome.verdict["deleted"]) == (True, 1)
    (warning,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert getattr(warning, "code", "") == "deleted"
    assert "2026-03-08" in warning.getMessage()
    assert pipeline.sync().verdict["deleted"] == 0


def test_differences_that_cancel_out_are_found_by_the_audit_of_the_day() -> None:
    pipeline = Pipeline([*(call(f"d{n}", ago(days=n)) for n in range(9, 0, -1))])
    pipeline.sync()
    pipeline.world.remove("d7")
    pipeline.world.add(call("late", ago(days=4)))
    assert pipeline.sync().verdict["complete"]  # the sums agree
    pipeline.wait(days=1)
    outcome = pipeline.sync()
    assert (outcome.verdict["late"], outcome.verdict["deleted"]) == (1, 1)
    assert "late" in pipeline.target.rows


def test_an_earlier_start_date_reads_what_lies_before() -> None:
    pipeline = Pipeline([*history(10), call("old", ago(days=30)), call("last", ago(hours=1))])
    pipeline.sync(start_date=ago(days=2).isoformat())
    assert "old" not in pipeline.target.rows
    outcome = pipeline.sync(start_date=ago(days=60).isoformat())
    assert not pipeline.wrong()
    assert outcome.verdict["complete"]
    assert pipeline.sync(start_date=ago(days=60).isoformat()).requests == 2


def test_other_filters_read_what_matches_them(caplog: pytest.LogCaptureFixture) -> None:
    calls = [call(f"c{n}", ago(days=2, minutes=-n), agent_id=f"agent_{n % 2}") for n in range(20)]
    pipeline = Pipeline([*calls, call("last", ago(hours=1), agent_id="agent_1")])
    pipeline.sync(agent_id="agent_0")
    outcome = pipeline.sync(agent_id="agent_1")
    assert len(pipeline.target.rows) == 21
    assert outcome.verdict["complete"]
    assert "filters-changed" in [getattr(record, "code", "") for record in caplog.records]


def test_a_state_of_the_first_version_goes_on_without_reading_again() -> None:
    pipeline = Pipeline(history(10))
    pipeline.target.state = state_of("2026-03-08T12:05:00Z")
    outcome = pipeline.sync(start_date="2026-01-01T00:00:00Z")
    assert outcome.ids == ["c005", "c006", "c007", "c008", "c009"]
    assert outcome.verdict["complete"]
    assert ledger(outcome)["since"] == "2026-03-08T12:05:00Z"


def test_a_kill_anywhere_in_a_re_read_is_healed_by_the_next_comparison() -> None:
    for messages in range(2, 40, 3):
        pipeline = synced(20)
        pipeline.world.add(call("late", ago(days=1, seconds=-30)))
        pipeline.sync(kill_after=messages, page_size=5)
        pipeline.sync(page_size=5)
        outcome = pipeline.sync(page_size=5)
        assert not pipeline.wrong()
        assert outcome.verdict["complete"]


def test_a_large_loss_is_believed_when_a_second_sync_finds_it_again() -> None:
    pipeline = Pipeline([*history(1200, apart=10), call("last", ago(hours=1))])
    pipeline.sync()
    for n in range(900):
        pipeline.world.remove(f"c{n:03}")
    first = pipeline.sync()
    assert (first.verdict["complete"], first.verdict["reason"]) == (False, "large-loss")
    second = pipeline.sync()
    assert (second.verdict["complete"], second.verdict["deleted"]) == (True, 900)


def test_reconcile_off_compares_nothing_and_claims_nothing() -> None:
    pipeline = Pipeline(history(10))
    outcome = pipeline.sync(reconcile=False)
    assert outcome.requests == 1
    assert (outcome.verdict["complete"], outcome.verdict["reason"]) == (False, "not-checked")


def test_on_incomplete_fail_ends_an_unproven_sync_with_an_error_after_its_last_state() -> None:
    pipeline = Pipeline(history(30), cap_total=12)
    with pytest.raises(TapAyraError) as failure:
        pipeline.sync(on_incomplete="fail", page_size=5)
    assert failure.value.code == "incomplete-fails"
    assert len(str(failure.value).splitlines()) == 3
    assert pipeline.bookmark is not None


# What else lies behind the bookmark


def test_a_killed_look_back_forgets_no_call_that_is_set_aside() -> None:
    pipeline = Pipeline([*history(20), call("long", ago(hours=3), lasts=4 * 3600)])
    pipeline.world.add(call("last", ago(hours=2)))
    pipeline.sync(page_size=5, reconcile=False)
    pipeline.wait(minutes=120)
    pipeline.sync(page_size=5, lookback_days=2, kill_after=8, reconcile=False)
    pipeline.sync(page_size=5, reconcile=False)
    assert not pipeline.wrong()


def test_what_is_set_aside_after_the_end_date_is_read_as_well() -> None:
    pipeline = Pipeline([*history(20), call("long", ago(hours=3), lasts=4 * 3600)])
    pipeline.world.add(call("last", ago(hours=2)))
    pipeline.sync()
    pipeline.wait(minutes=120)
    pipeline.sync(lookback_days=2, end_date=ago(hours=12).isoformat())
    assert not pipeline.wrong()


def test_what_was_read_up_to_the_end_date_is_not_delivered_again_with_what_is_set_aside() -> None:
    pipeline = Pipeline([*history(20), call("long", ago(hours=3), lasts=4 * 3600)])
    pipeline.world.add(call("beside", ago(hours=3, seconds=20)))
    pipeline.sync()
    pipeline.wait(minutes=120)
    outcome = pipeline.sync(lookback_days=2, end_date=ago(hours=3, seconds=20).isoformat())
    assert sorted(outcome.ids) == ["beside", *(f"c{n:03}" for n in range(20)), "long"]


def test_an_open_call_that_appears_late_is_set_aside_until_it_has_settled() -> None:
    pipeline = synced(20)
    before = pipeline.bookmark
    pipeline.world.add(call("late", ago(hours=5), lasts=6 * 3600))
    assert pipeline.sync().verdict["late"] == 1
    assert pipeline.target.rows["late"]["status"] == "in_progress"
    assert pipeline.bookmark == before
    pipeline.wait(minutes=90)
    outcome = pipeline.sync()
    assert not pipeline.wrong()
    assert outcome.verdict["complete"]


def test_without_a_start_date_any_more_all_of_history_is_read() -> None:
    pipeline = Pipeline([call("old", ago(days=4000)), *history(10), call("last", ago(hours=1))])
    pipeline.sync(start_date=ago(days=2).isoformat())
    assert pipeline.sync().verdict["complete"]
    assert not pipeline.wrong()


def test_a_start_date_that_moves_along_reads_nothing_again() -> None:
    pipeline = Pipeline(history(10))
    pipeline.sync(start_date=ago(days=30).isoformat())
    for days in (20, 10, 1):
        outcome = pipeline.sync(start_date=ago(days=days).isoformat())
        assert (outcome.ids, outcome.requests) == (["c009"], 2)
        assert outcome.verdict["complete"]


def test_a_look_back_counts_anew_what_it_reads() -> None:
    calls = [call(f"d{n:02}", ago(days=n, hours=2)) for n in range(40, -1, -1)]
    pipeline = Pipeline(calls)
    pipeline.sync()
    pipeline.world.add(call("late", ago(days=4)))
    pipeline.world.remove("d05")
    for _ in range(2):
        outcome = pipeline.sync(lookback_days=6)
        assert outcome.verdict["complete"]
        assert outcome.requests == 2
        assert outcome.verdict["ledger"] == len(pipeline.world.rows())
    assert "late" in pipeline.target.rows


@pytest.mark.parametrize("days", [2.2, 5, 200])
def test_a_bookmark_moved_back_by_hand_counts_nothing_twice(
    days: float, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = Pipeline([call(f"c{n:03}", ago(days=n, hours=2)) for n in range(250)])
    assert pipeline.sync().verdict["complete"]
    assert pipeline.target.state is not None
    entry = pipeline.target.state["bookmarks"]["conversations"]
    entry["replication_key_value"] = format_instant(ago(days=days))
    pipeline.wait(minutes=30)
    again = pipeline.sync()
    assert again.verdict["complete"]
    assert again.verdict["deleted"] == 0
    assert {f"c{n:03}" for n in range(int(days))} <= set(again.ids)
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert sum(ledger(again)["counts"].values()) == 249


def test_a_look_back_further_than_the_start_date_counts_from_there_only() -> None:
    pipeline = Pipeline([call(f"d{n:02}", ago(days=n, hours=2)) for n in range(20, -1, -1)])
    start = ago(days=3).isoformat()
    for _ in range(3):
        outcome = pipeline.sync(start_date=start, lookback_days=10)
        assert outcome.verdict["complete"]
        assert outcome.verdict["ledger"] == 3


def test_a_large_loss_is_believed_though_a_look_back_empties_counts() -> None:
    pipeline = Pipeline([*history(1200, apart=10), call("last", ago(hours=1))])
    pipeline.sync(lookback_days=0.01)
    for n in range(900):
        pipeline.world.remove(f"c{n:03}")
    verdicts = [pipeline.sync(lookback_days=0.01).verdict for _ in range(2)]
    assert [verdict["complete"] for verdict in verdicts] == [False, True]
    assert verdicts[1]["deleted"] == 900


def test_what_reconcile_left_out_is_found_once_it_is_on_again() -> None:
    pipeline = synced(20)
    pipeline.world.add(call("late", ago(days=3)))
    assert pipeline.sync(reconcile=False).verdict["reason"] == "not-checked"
    assert pipeline.sync().verdict["complete"]
    assert not pipeline.wrong()


def test_a_tap_that_knows_the_sdks_keys_only_goes_on_from_the_state() -> None:
    pipeline = Pipeline([*history(10), call("open", ago(hours=3), lasts=None)])
    state = pipeline.sync().state
    assert state is not None
    assert state["bookmarks"]["conversations"].keys() >= {"ledger", "open"}
    plain = Pipeline(
        [call("before", ago(hours=5)), call("after", ago(hours=1))], tap_class=PageWalk
    )
    plain.target.state = state
    assert plain.sync().ids == ["after"]


def test_a_bookmark_that_moved_on_without_the_ledger_is_caught_up_with() -> None:
    """As when the version before ran in between: it passes on what it does not know."""
    pipeline = synced(20)
    pipeline.world.add(call("between", ago(minutes=40)))
    assert pipeline.target.state is not None
    entry = pipeline.target.state["bookmarks"]["conversations"]
    entry["replication_key_value"] = "2026-03-09T11:30:00Z"
    outcome = pipeline.sync()
    assert outcome.verdict["complete"]
    assert ledger(outcome)["counts"]["2026-03-09"] == 2
    assert not pipeline.wrong()


# Counts that contradict what is listed


def miscount(pipeline: Pipeline, error: Callable[[dict[str, str]], int]) -> None:
    """Have the API's counts wrong by what a function of their request says; pages stay right."""

    def changed(answer: ApiResponse) -> ApiResponse:
        asked = pipeline.api.requests[-1].params
        if asked["per_page"] != "1":
            return answer
        body = json.loads(answer.body)
        body["meta"]["total"] += error(dict(asked))
        return answer._replace(body=json.dumps(body).encode())

    interpose(pipeline, after=changed)


def ghosts_at(moments: Collection[datetime]) -> Callable[[dict[str, str]], int]:
    """Count a conversation at each moment that the API never lists."""

    def error(asked: dict[str, str]) -> int:
        start = parse_instant(asked.get("start_date", "1970-01-01"))
        end = parse_instant(asked.get("end_date", "2100-01-01"))
        return sum(start <= moment <= end for moment in moments)

    return error


def test_what_still_differs_is_kept_and_not_read_again_until_its_count_changes() -> None:
    pipeline = Pipeline([call(f"d{n:02}", ago(days=n)) for n in range(20, 0, -1)])
    ghosts = [ago(days=7)]
    miscount(pipeline, ghosts_at(ghosts))
    first = pipeline.sync()
    assert (first.verdict["complete"], first.verdict["reason"]) == (False, "still-differs")
    assert ledger(first)["differs"] == [["2026-03-02", 1, 2]]
    quiet = pipeline.sync()
    assert (quiet.verdict["complete"], quiet.requests, quiet.spans) == (False, 2, 0)
    pipeline.world.add(call("late", ago(days=7, seconds=-5)))
    assert pipeline.sync().spans == 1
    assert "late" in pipeline.target.rows
    ghosts.clear()
    assert pipeline.sync().verdict["complete"]


def test_with_many_spans_that_differ_the_counts_are_inexact_and_nothing_is_located() -> None:
    pipeline = Pipeline([call(f"d{n:02}", ago(days=n)) for n in range(40, 0, -1)])
    miscount(pipeline, ghosts_at([ago(days=n, hours=1) for n in range(2, 34, 2)]))
    first = pipeline.sync()
    assert (first.verdict["complete"], first.verdict["reason"]) == (False, "not-located")
    assert len(ledger(first)["differs"]) == 1
    quiet = pipeline.sync()
    assert (quiet.verdict["complete"], quiet.requests, quiet.spans) == (False, 2, 0)


def test_a_loss_that_the_span_itself_does_not_confirm_is_not_believed() -> None:
    pipeline = Pipeline([call(f"d{n:02}", ago(days=n)) for n in range(20, 0, -1)])
    pipeline.sync()
    miscount(pipeline, lambda asked: -asked["start_date"].startswith("1970-01-01"))
    outcome = pipeline.sync()
    assert (outcome.verdict["complete"], outcome.verdict["deleted"]) == (False, 0)
    assert ledger(outcome)["counts"]["2026-02-17"] == 1


def test_counts_without_a_total_prove_nothing() -> None:
    pipeline = Pipeline(history(20))

    def without(answer: ApiResponse) -> ApiResponse:
        if pipeline.api.requests[-1].params["per_page"] != "1":
            return answer
        return answer._replace(body=answer.body.replace(b'"total":', b'"sum":'))

    interpose(pipeline, after=without)
    outcome = pipeline.sync()
    assert (outcome.verdict["complete"], outcome.verdict["reason"]) == (False, "no-total")
    assert not pipeline.wrong()


def test_a_call_counted_on_the_other_side_of_midnight_is_no_difference() -> None:
    pipeline = Pipeline([call(f"d{n:02}", ago(days=n)) for n in range(20, 0, -1)])
    pipeline.sync()
    pipeline.wait(days=1)  # the first sync of a day compares every span
    midnight = "2026-03-02T00:00:00"
    miscount(pipeline, lambda asked: asked.get("start_date", "").startswith(midnight))
    outcome = pipeline.sync()
    asked = [request.params.get("start_date", "") for request in pipeline.api.requests]
    assert any(start.startswith(midnight) for start in asked)
    assert (outcome.verdict["complete"], outcome.spans) == (True, 0)


# While calls go on beginning


def busy(*, apart: float, gap_at: datetime | None = None, hours: float = 3) -> Pipeline:
    """Make conversations every few seconds, one more with each request, and nothing in a gap."""
    first = ago(hours=hours)
    starts = [first + timedelta(seconds=n * apart) for n in range(int(hours * 3600 / apart))]
    pipeline = Pipeline(
        [
            call("old", ago(days=3)),
            call("older", ago(days=2)),
            *(
                call(f"b{n:05}", start, lasts=1)
                for n, start in enumerate(starts)
                if gap_at is None or abs((start - gap_at).total_seconds()) > 4
            ),
        ]
    )

    def one_more(_: object) -> None:
        pipeline.wait(seconds=apart)
        now = pipeline.clock.now()
        pipeline.world.add(call(f"new{len(pipeline.world):05}", now, lasts=1))

    pipeline.api.on_request = one_more
    return pipeline


@pytest.mark.parametrize("gap_at", [None, ago(minutes=30)])
@pytest.mark.parametrize(
    ("apart", "missing"),
    sweep([(3, None), (3, "late"), (3, "old"), (3, "today"), (1, None), (1, "late")], quick=4),
)
def test_a_busy_account_is_compared_as_exactly_as_a_quiet_one(
    caplog: pytest.LogCaptureFixture, apart: float, gap_at: datetime | None, missing: str | None
) -> None:
    pipeline = busy(apart=apart, gap_at=gap_at, hours=1.8)
    pipeline.wait(minutes=-50)
    pipeline.sync()
    for minutes in (50, 10, 10):
        pipeline.wait(minutes=minutes)
        caplog.clear()
        if minutes == 50 and missing == "late":
            pipeline.world.add(call("late", ago(days=2, seconds=30)))
        if minutes == 50 and missing == "old":
            pipeline.world.remove("old")
        if minutes == 50 and missing == "today":
            pipeline.world.remove("b00000")
        outcome = pipeline.sync()
        if outcome.verdict["complete"]:
            assert missing != "late" or "late" in pipeline.target.rows
        assert outcome.verdict["deleted"] == (minutes == 50 and missing in {"old", "today"})
    assert outcome.verdict["complete"]
    reach = parse_instant(str(pipeline.bookmark)).replace(microsecond=0)
    started = [parse_instant(row["start_time"]) for row in pipeline.world.rows()]
    assert sum(ledger(outcome)["counts"].values()) == sum(start < reach for start in started)


# In mid-sync


@pytest.mark.parametrize("turns_at", [2, 5, 20, 40])
def test_an_order_that_turns_over_while_reading_is_never_called_complete_with_rows_missing(
    turns_at: int,
) -> None:
    pipeline, until = Pipeline(history(50)), 10_000

    def turned(query: str) -> str:
        turned = turns_at <= len(pipeline.api.requests) < until
        return query.replace("order=asc", "order=desc") if turned else query

    interpose(pipeline, before=turned)
    outcome = pipeline.sync(page_size=1)
    assert not (outcome.verdict["complete"] and pipeline.wrong())
    until = 0
    assert pipeline.sync(page_size=10).verdict["complete"]
    assert not pipeline.wrong()


@pytest.mark.parametrize("month", ["2025-06", "2026-03"])
def test_what_is_deleted_after_a_killed_re_read_is_told_once(
    caplog: pytest.LogCaptureFixture, month: str
) -> None:
    first = datetime.fromisoformat(f"{month}-01T12:00:00+00:00")
    for messages in range(2, 30, 4):
        days = 30 if month == "2025-06" else 7
        calls = [call(f"d{n:02}", first + timedelta(days=n)) for n in range(days)]
        pipeline = Pipeline([*calls, call("last", ago(hours=1))])
        pipeline.sync()
        late = [call(f"late{n}", first + timedelta(days=days - 2, minutes=n)) for n in range(2)]
        for each in late:
            pipeline.world.add(each)
        pipeline.sync(kill_after=messages, page_size=3)
        pipeline.world.remove("d02")
        caplog.clear()
        deleted = sum(pipeline.sync(page_size=3).verdict["deleted"] for _ in range(2))
        assert deleted <= 1
        assert pipeline.sync().verdict["complete"]
        assert not pipeline.wrong()
        warned = [record for record in caplog.records if getattr(record, "code", "") == "deleted"]
        assert len(warned) == deleted


def test_each_re_read_is_told_when_it_happens(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    pipeline = Pipeline([call("old", ago(days=41)), *history(60)])
    pipeline.before_request(3, lambda: pipeline.world.remove("c045"))
    pipeline.sync(page_size=10)
    pipeline.world.add(call("late", ago(days=40)))
    pipeline.sync()
    told = [record for record in caplog.records if "re-reading" in record.getMessage()]
    assert {record.levelname for record in told} == {"INFO"}
    paging, span = (record.getMessage() for record in told)
    assert paging.startswith("Page 2: the total changed from ")
    assert paging.endswith("; re-reading from 2026-03-08T12:17:00Z")
    assert span == "2026-01: the API counts 2, 1 were delivered; re-reading"


# What it costs


@pytest.mark.parametrize("count", [1, 99, 100, 101, 1_000, 5_050])
def test_a_quiet_first_sync_costs_its_pages_and_four_more(count: int) -> None:
    calls = [call(f"c{n}", ago(days=20) + timedelta(seconds=67 * n), lasts=0) for n in range(count)]
    outcome = Pipeline(calls).sync()
    assert outcome.verdict["complete"]
    assert outcome.requests <= (2 if count <= 100 else math.ceil(count / 100) * 1.02 + 4)


def test_a_quiet_sync_costs_two_requests_and_the_days_first_one_its_audit() -> None:
    pipeline = synced()
    assert pipeline.sync().requests == 2
    pipeline.wait(days=1)
    assert 2 < pipeline.sync().requests <= 8
    assert pipeline.sync().requests == 2


def test_one_late_arrival_in_ten_years_costs_at_most_24_requests_beside_its_pages() -> None:
    calls = [call(f"c{n}", ago(days=3 * n), lasts=0) for n in range(1217, 0, -1)]
    pipeline = Pipeline([*calls, call("last", ago(hours=1))])
    outcome = pipeline.sync()
    line = json.dumps({"type": "STATE", "value": outcome.state}, separators=(",", ":"))
    assert len(line) < 4096
    pipeline.world.add(call("late", ago(days=1500, hours=1)))
    late = pipeline.sync()
    assert "late" in pipeline.target.rows
    assert late.requests <= 24 + 1  # its month is one page


def test_the_audit_of_ten_years_costs_one_request_for_each_boundary() -> None:
    calls = [call(f"c{n}", ago(days=3 * n), lasts=0) for n in range(1217, 0, -1)]
    pipeline = Pipeline([*calls, call("last", ago(hours=1))])
    pipeline.sync()
    pipeline.wait(days=1)
    outcome = pipeline.sync()
    assert 120 < outcome.requests <= 185 + 2
    assert outcome.verdict["complete"]
    assert pipeline.sync().requests == 2


def test_a_call_open_for_twenty_hours_costs_one_request_a_sync() -> None:
    pipeline = Pipeline([*history(50), call("open", ago(hours=1.5), lasts=72_000)])
    pipeline.sync()
    costs = []
    for hour in range(18):
        pipeline.wait(minutes=60)
        pipeline.world.add(call(f"h{hour}", pipeline.clock.now() - timedelta(minutes=30)))
        outcome = pipeline.sync()
        assert len(outcome.ids) <= 4
        costs.append(outcome.requests)
    assert sorted(costs)[-2] <= 3  # all but the day's first, which has the audit
    pipeline.wait(minutes=300)
    pipeline.sync()
    assert not pipeline.wrong()


# FULL_TABLE and ACTIVATE_VERSION


FULL = {"method": "FULL_TABLE", "key": None}


def test_a_full_read_is_proven_by_the_same_counts_and_keeps_no_ledger() -> None:
    pipeline = Pipeline(history(30))
    outcome = pipeline.sync(catalog=catalog(**FULL), page_size=10)  # type: ignore[arg-type]
    assert outcome.verdict["complete"]
    assert "ledger" not in (outcome.state or {}).get("bookmarks", {}).get("conversations", {})


@pytest.mark.parametrize(
    ("config", "sent"),
    [
        ({}, True),
        ({"agent_id": "agent_support01"}, False),
        ({"start_date": ago(days=3).isoformat()}, False),
        ({"end_date": NOW.isoformat()}, False),
    ],
)
def test_activate_version_is_sent_last_and_only_if_nothing_narrows_the_read(
    config: dict[str, Any], *, sent: bool
) -> None:
    pipeline = Pipeline(history(5))
    outcome = pipeline.sync(
        catalog=catalog(**FULL),  # type: ignore[arg-type]
        emit_activate_version_messages=True,
        **config,
    )
    kinds = [kind for kind, _ in outcome.messages]
    assert ("ACTIVATE_VERSION" in kinds) is sent
    if sent:
        assert kinds.index("ACTIVATE_VERSION") > kinds.index("RECORD") + 4


def test_activate_version_is_not_sent_if_the_read_is_not_proven_complete() -> None:
    outcome = Pipeline(history(30), cap_total=12).sync(
        catalog=catalog(**FULL),  # type: ignore[arg-type]
        emit_activate_version_messages=True,
        page_size=5,
    )
    assert "ACTIVATE_VERSION" not in [kind for kind, _ in outcome.messages]


def test_activate_version_is_not_sent_if_the_read_fails_on_the_way() -> None:
    for fails_at in range(1, 6):
        pipeline = Pipeline(history(40))
        pipeline.before_request(fails_at, partial(setattr, pipeline.api, "key", "another"))
        outcome = sync(
            pipeline.api,
            {"emit_activate_version_messages": True, "page_size": 10},
            catalog=catalog(**FULL),  # type: ignore[arg-type]
        )
        kinds = [kind for kind, _ in outcome.messages]
        assert outcome.error is not None
        assert "ACTIVATE_VERSION" not in kinds
        assert kinds[-1] == "STATE"
        assert not outcome.verdict.get("complete")


def test_a_full_read_passes_on_the_state_that_it_was_given() -> None:
    pipeline = Pipeline(history(5))
    given = pipeline.sync().state
    outcome = pipeline.sync(catalog=catalog(**FULL))  # type: ignore[arg-type]
    kinds = [kind for kind, _ in outcome.messages]
    assert kinds[-1] == "STATE"
    assert outcome.state == given


def test_a_ledger_that_cannot_be_read_counts_as_none() -> None:
    forms: tuple[Any, ...] = (None, [], {}, "x", [{}], [{"since": None}], [{"since": 5}])
    for broken in forms:
        assert Ledger.load(broken, None) is None
