"""What takes many minutes: six accounts on one and two workers, and machines that die."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import psutil
import pytest

from sandbox.agency import Account, agency, history
from sandbox.engine import CURRENT, MONTHS, dagster
from sandbox.meltano_project import install_plugins
from tests.scale.watching import meltano_of, most_at_once, reading, slow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from sandbox.agency import Agency
    from sandbox.engine import Dagster, Run

PATIENCE = 3000.0
SIZES = {"acme": 3000, "bakery": 200, "clinic": 1500, "dental": 900, "estate": 600, "florist": 300}

pytestmark = [pytest.mark.long, pytest.mark.timeout(6000)]


@pytest.mark.parametrize("workers", [2, 1])
def test_six_accounts_and_three_months(
    tmp_path: Path, figure: Callable[[str, float], None], workers: int
) -> None:
    install_plugins("tap-ayra", "target-postgres")
    span = history(3)
    accounts = [
        Account.generate(name, count, span[0], seed=seed, rate_limit=20, window_seconds=10)
        for seed, (name, count) in enumerate(SIZES.items())
    ]
    with (
        agency(tmp_path, accounts, span, max_concurrent_runs=workers) as running,
        dagster(running) as page,
    ):
        began = time.monotonic()
        runs = _read(page, MONTHS)
        figure(f"6 × 3 months, {workers} at once", time.monotonic() - began)
        for account in accounts:
            account.let_time_pass()
        runs += _read(page, CURRENT)
        by_partition = defaultdict(list)
        for run in runs:
            by_partition[run.partition].append(run)
        assert {run.status for run in runs} == {"SUCCESS"}
        assert most_at_once(runs) <= workers
        assert max(map(most_at_once, by_partition.values())) == 1
        for account in accounts:
            assert running.differences(account.name) == []
            assert {request.status for request in account.api.requests} == {200}


def test_a_worker_killed_with_all_that_it_started(
    tmp_path: Path, figure: Callable[[str, float], None]
) -> None:
    account, span = _account()
    with agency(tmp_path, [account], span) as running, dagster(running) as page:
        with _in_the_middle_of_a_month(page, account) as (backfill, run):
            meltano = meltano_of(run)
            assert meltano is not None
            killed = _kill_with_children(meltano.parent())
        page.finished(backfill, 1, PATIENCE)
        figure(
            "a worker killed with Meltano, tap and target, until whole", time.monotonic() - killed
        )
        assert {run.status for run in page.runs(backfill)} == {"FAILURE", "SUCCESS"}
        _is_whole(running, page, account)


def test_a_machine_that_restarts(tmp_path: Path, figure: Callable[[str, float], None]) -> None:
    account, span = _account()
    with agency(tmp_path, [account], span, max_runtime_seconds=200) as running:
        with dagster(running) as page, _in_the_middle_of_a_month(page, account) as (backfill, run):
            killed = _kill_with_children(psutil.Process(page.process))
        with dagster(running) as page:
            assert {r.status for r in page.runs(backfill) if r.id == run.id} == {"STARTED"}
            page.finished(backfill, 1, PATIENCE)
            figure("a machine that restarts, until whole", time.monotonic() - killed)
            _is_whole(running, page, account)


def _account() -> tuple[Account, tuple[datetime, datetime]]:
    install_plugins("tap-ayra", "target-postgres")
    span = history(1)
    account = Account.generate("acme", 500, span[0], seed=1)
    account.settings = {"TAP_AYRA_PAGE_SIZE": "10", "TAP_AYRA_CONCURRENCY": "1"}
    return account, span


@contextlib.contextmanager
def _in_the_middle_of_a_month(page: Dagster, account: Account) -> Iterator[tuple[str, Run]]:
    with slow(account):
        backfill = page.materialize(MONTHS, page.partitions(MONTHS))
        reading(account)
        [run] = page.runs(backfill)
        yield backfill, run


def _kill_with_children(parent: psutil.Process) -> float:
    killed = time.monotonic()
    for process in (parent, *parent.children(recursive=True)):
        process.kill()
    return killed


def _is_whole(running: Agency, page: Dagster, account: Account) -> None:
    _read(page, CURRENT)
    account.let_time_pass()
    _read(page, CURRENT)
    assert running.differences(account.name) == []


def _read(page: Dagster, asset: str) -> list[Run]:
    partitions = page.partitions(asset)
    return page.finished(page.materialize(asset, partitions), len(partitions), PATIENCE)
