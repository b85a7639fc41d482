"""The same definitions on several workers: Celery, redis, and Dagster's storage in PostgreSQL."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from sandbox.agency import Account, agency, history
from sandbox.engine import CURRENT, MONTHS, dagster
from sandbox.meltano_project import install_plugins
from tests.scale.cluster import cluster
from tests.scale.watching import meltano_of, reading, slow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPAN = history(2)
PATIENCE = 1200.0

pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]


def test_history_and_conversations_on_two_workers(
    tmp_path: Path, figure: Callable[[str, float], None]
) -> None:
    install_plugins("tap-ayra", "target-postgres")
    accounts = [
        Account.generate("acme", 400, SPAN[0], seed=1),
        Account.generate("bakery", 300, SPAN[0], seed=2),
    ]
    with (
        agency(tmp_path, accounts, SPAN) as alone,
        cluster(alone, 2) as (running, workers),
        dagster(running) as page,
    ):
        began = time.monotonic()
        months = page.partitions(MONTHS)
        backfill = page.materialize(MONTHS, months)
        runs = page.finished(backfill, len(months), PATIENCE)
        figure(f"{len(months)} months on two Celery workers", time.monotonic() - began)
        assert {run.status for run in runs} == {"SUCCESS"}
        for worker in workers:  # both had work, in folders of their own
            assert "execute_job" in (worker.folder / "dagster-celery.log").read_text()

        # The process that reads dies; its worker lives, and says so.
        with slow(accounts[0]):
            backfill = page.materialize(CURRENT, ["acme"])
            reading(accounts[0])
            [run] = page.runs(backfill)
            meltano = meltano_of(run)
            assert meltano is not None
            killed = time.monotonic()
            meltano.parent().kill()
        page.finished(backfill, 1, PATIENCE)
        figure("a killed process to its replacement's end", time.monotonic() - killed)
        assert {run.status for run in page.runs(backfill)} == {"FAILURE", "SUCCESS"}

        for account in accounts:
            account.let_time_pass()
        page.finished(page.materialize(CURRENT, ["acme", "bakery"]), 2, PATIENCE)
        for account in accounts:
            assert running.differences(account.name) == []
