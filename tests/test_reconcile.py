"""What was delivered held against what exists: late arrivals, deletions, other settings."""

from __future__ import annotations

import json
import logging
import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_ayra.errors import TapAyraError
from tap_ayra.replication.ledger import Ledger
from tests.simulator import NOW, Pipeline, ago, call, catalog, history, state_of

if TYPE_CHECKING:
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


def test_a_ledger_that_cannot_be_read_counts_as_none() -> None:
    forms: tuple[Any, ...] = (None, [], {}, "x", [{}], [{"since": None}], [{"since": 5}])
    for broken in forms:
        assert Ledger.load(broken, None) is None
