"""Five hundred accounts and three years, without running anything."""

from __future__ import annotations

import importlib
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

ACCOUNTS, MONTHS = 500, 36


@pytest.fixture
def definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for number in range(ACCOUNTS):
        (tmp_path / f"account{number:03d}.env").write_text("TAP_AYRA_API_KEY=sk_test_0000\n")
    monkeypatch.setenv("AYRA_ACCOUNTS", str(tmp_path))
    monkeypatch.setenv("AYRA_HISTORY_FROM", "2023-01-01")
    monkeypatch.setenv("AYRA_HISTORY_TO", "2026-01-01")
    monkeypatch.setenv("AYRA_TRANSCRIPTS", "true")
    return importlib.reload(importlib.import_module("orchestrate.definitions"))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def test_definitions_load_and_the_schedule_ticks_within_seconds(
    definitions: ModuleType, instance: dg.DagsterInstance, figure: Callable[[str, float], None]
) -> None:
    began = time.monotonic()
    dg.Definitions.validate_loadable(importlib.reload(definitions).defs)
    loaded = time.monotonic()
    requests = _tick(definitions, instance)
    ticked = time.monotonic()
    assert len({request.run_key for request in requests}) == ACCOUNTS
    assert len(definitions.account_by_month.get_partition_keys()) == ACCOUNTS * MONTHS
    figure("definitions of 500 × 36 load", loaded - began)
    figure("a tick of the schedule for 500 accounts", ticked - loaded)
    assert ticked - began < 20  # seconds; a fraction of it on an idle machine


def test_the_schedule_adds_no_second_run_of_an_account(
    definitions: ModuleType, instance: dg.DagsterInstance
) -> None:
    instance.add_run(
        dg.DagsterRun(
            job_name="conversations_job",
            run_id=str(uuid.uuid4()),
            status=dg.DagsterRunStatus.STARTED,
            tags={"dagster/partition": "account007"},
        )
    )
    asked = {request.partition_key for request in _tick(definitions, instance)}
    assert len(asked) == ACCOUNTS - 1
    assert "account007" not in asked


def test_months_that_have_been_read_are_read_again_on_sundays(
    definitions: ModuleType, instance: dg.DagsterInstance, figure: Callable[[str, float], None]
) -> None:
    read = {"account000|2023-01-01", "account499|2025-12-01"}
    for key in read:
        instance.report_runless_asset_event(dg.AssetMaterialization("history", partition=key))
    saturday, sunday = datetime(2026, 1, 3, 2, tzinfo=UTC), datetime(2026, 1, 4, 3, 1, tzinfo=UTC)
    evaluation = dg.evaluate_automation_conditions(
        definitions.defs, instance, evaluation_time=saturday
    )
    assert evaluation.total_requested == 0
    began = time.monotonic()
    evaluation = dg.evaluate_automation_conditions(
        definitions.defs, instance, evaluation_time=sunday, cursor=evaluation.cursor
    )
    figure("the weekly condition for 500 × 36 months", time.monotonic() - began)
    assert evaluation.get_requested_partitions(dg.AssetKey("history")) == read


def test_an_account_whose_file_cannot_name_a_schema_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Müller & Co.env").write_text("TAP_AYRA_API_KEY=sk_test_0000\n")
    monkeypatch.setenv("AYRA_ACCOUNTS", str(tmp_path))
    module = importlib.import_module("orchestrate.definitions")
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Müller & Co"):
        importlib.reload(module)
    (tmp_path / "Müller & Co.env").unlink()
    importlib.reload(module)


def _tick(definitions: ModuleType, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    repository = definitions.defs.get_repository_def()
    context = dg.build_schedule_context(
        instance,
        scheduled_execution_time=datetime(2026, 1, 1, 5, tzinfo=UTC),
        repository_def=repository,
    )
    tick = repository.get_schedule_def("conversations_schedule").evaluate_tick(context)
    return list(tick.run_requests)
