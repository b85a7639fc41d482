"""What a sync says it will cost, before it begins; and what a connection test says of it."""

from __future__ import annotations

import json
import logging
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sandbox import RunningSandbox, SandboxApi, SandboxClock, World, serve
from sandbox.meltano_project import NOWHERE, clean_environment
from tap_ayra.errors import TapAyraError
from tap_ayra.settings import Settings
from tap_ayra.streams.connection import check_connection
from tap_ayra.streams.forecast import cost, full_cost, reading, short_cost
from tests.processes import SOON, TAP, running
from tests.simulator import Pipeline, history
from tests.singer import run_tap, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 3, 9, 15, tzinfo=UTC)
LOGGER = logging.getLogger("tap-ayra")


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    clock = SandboxClock(NOW, frozen=True)
    world = World.generate(clock, seed=2, count=140, until=NOW - timedelta(hours=1))
    with serve(SandboxApi(world, cache_seconds=0)) as running:
        yield running


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def test_what_a_first_sync_is_about_to_read() -> None:
    january = datetime(2026, 1, 13, tzinfo=UTC)
    assert reading(january, None, 48_213, page_size=100, limit=500) == (
        "Reading conversations from 2026-01-13 to now: 48,213, 483 requests, "
        "about 1 min at 500 per minute"
    )


def test_what_a_sync_without_bounds_or_rate_limit_is_about_to_read() -> None:
    noon = datetime(2026, 1, 13, 12, tzinfo=UTC)
    assert reading(None, noon, 3, page_size=100, limit=None) == (
        "Reading conversations from the beginning to 2026-01-13T12:00:00Z: 3, 1 request"
    )


@pytest.mark.parametrize(
    ("requests", "limit", "said"),
    [
        (1, None, "1 request"),
        (1, 500, "1 request, under 1 min at 500 per minute"),
        (41_377, 500, "41,377 requests, about 1 h 23 min at 500 per minute"),
        (90_000, 1_000, "90,000 requests, about 1 h 30 min at 1,000 per minute"),
    ],
)
def test_how_long_requests_take(requests: int, limit: int | None, said: str) -> None:
    assert cost(requests, limit) == said


@pytest.mark.parametrize(
    ("requests", "limit", "share"),
    [
        (10, 100, " (under 1% of the Free tier's daily quota)"),
        (483, 100, " (5% of the Free tier's daily quota)"),
        (41_377, 500, " (83% of the Professional tier's daily quota)"),
        (1_200_000, 1_000, " (1,200% of the Business tier's daily quota)"),
        (483, 5_000, ""),
        (483, None, ""),
    ],
)
def test_the_share_of_a_days_quota(requests: int, limit: int | None, share: str) -> None:
    assert full_cost(requests, limit) == cost(requests, limit) + share
    assert short_cost(requests, limit).endswith(share.partition(" of")[0] + ")" * bool(share))


def test_a_sync_begins_with_its_forecast_and_pays_nothing_for_it(
    sandbox: RunningSandbox, lines: pytest.LogCaptureFixture
) -> None:
    run_tap(sandbox, start_date="2026-03-08", concurrency=1)
    count = sum(row["start_time"] >= "2026-03-08" for row in sandbox.api.world.rows())
    said = [getattr(record, "code", None) for record in lines.records]
    assert next(code for code in said if code) == "forecast"
    assert (
        f"Reading conversations from 2026-03-08 to now: {count}, 1 request, "
        "under 1 min at 500 per minute"
    ) in lines.messages
    assert len(sandbox.api.requests) == 2


def test_the_next_sync_reads_from_the_bookmark(lines: pytest.LogCaptureFixture) -> None:
    pipeline = Pipeline(history(12))
    pipeline.sync()
    lines.clear()
    pipeline.sync()
    (said,) = [text for text in lines.messages if text.startswith("Reading conversations from ")]
    assert said.startswith(f"Reading conversations from {pipeline.bookmark} to now: ")


def test_a_connection_test_where_the_api_counts_nothing() -> None:
    world = World(SandboxClock(NOW, frozen=True), history(3))
    with serve(SandboxApi(world, no_total="absent")) as sandbox:
        settings = Settings.from_config(settings_for(sandbox))
        assert check_connection(settings, LOGGER).code == "connection-ok-uncounted"


@pytest.mark.parametrize("narrowing", [{}, {"status": "completed"}])
def test_the_last_request_of_a_days_quota_is_enough(narrowing: dict[str, str]) -> None:
    world = World(SandboxClock(NOW, frozen=True), history(3))
    with serve(SandboxApi(world, daily_limit=1)) as sandbox:
        settings = Settings.from_config(settings_for(sandbox, **narrowing))
        said = check_connection(settings, LOGGER)
        assert said.startswith("Connection OK: 3 conversations")
        assert ("3 conversations match the settings" in said) == bool(narrowing)
        with pytest.raises(TapAyraError) as failure:
            check_connection(settings, LOGGER)
    assert failure.value.code == "quota-exhausted"


def test_totals_that_are_missing_are_not_forecast(lines: pytest.LogCaptureFixture) -> None:
    Pipeline(history(12), no_total="null").sync()
    assert "forecast" not in {getattr(record, "code", None) for record in lines.records}


@pytest.mark.slow
def test_only_watched_output_makes_the_tap_impatient(tmp_path: Path) -> None:
    """Under `meltano config test`, stdout and stderr are one pipe."""
    settings = {"api_url": NOWHERE, "api_key": "sk_test_not_a_real_key"}
    config = tmp_path / "config.json"
    config.write_text(json.dumps(settings), encoding="utf-8")
    ended = subprocess.run(
        [TAP, "--config", config],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        timeout=SOON,
    )
    assert ended.returncode == 1
    assert "Could not connect to the API" in ended.stdout.splitlines()[-1]
    with running(tmp_path, settings) as patient:
        patient.wait_for(lambda: patient.log.count("Retrying in") == 2)
