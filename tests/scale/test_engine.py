"""Dagster as it comes up on one machine: limits, crashes, stops, and its page in a browser."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from playwright.sync_api import sync_playwright

from sandbox.agency import Account, Agency, agency, history
from sandbox.engine import CURRENT, MONTHS, Dagster, dagster
from sandbox.meltano_project import install_plugins
from tests.scale.watching import (
    SOON,
    check_results,
    meltano_of,
    most_at_once,
    reading,
    slow,
    state_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page as Tab

    from sandbox.engine import Run

SPAN = history(2)
PATIENCE = 900.0
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
PICTURES = os.environ.get("PICTURES")
"""Where to put pictures of the page, if anywhere: docs/images."""

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agency]:
    install_plugins("tap-ayra", "target-postgres")
    accounts = [
        Account.generate("acme", 600, SPAN[0], seed=1),
        Account.generate("limited", 600, SPAN[0], seed=2, rate_limit=5, window_seconds=10),
        Account.generate("killed", 600, SPAN[0], seed=3),
        Account.generate("stopped", 600, SPAN[0], seed=4),
        Account.generate("revoked", 100, SPAN[0], seed=5, keys={}),
        Account.generate("tampered", 300, SPAN[0], seed=6),
    ]
    for account in accounts[2:4]:  # many small requests, one after the other
        account.settings = {"TAP_AYRA_PAGE_SIZE": "10", "TAP_AYRA_CONCURRENCY": "1"}
    with agency(tmp_path_factory.mktemp("agency"), accounts, SPAN) as running:
        yield running


@pytest.fixture(scope="module")
def page(running: Agency) -> Iterator[Dagster]:
    with dagster(running) as page:
        yield page


def test_history_then_two_incremental_rounds(running: Agency, page: Dagster) -> None:
    accounts = ("acme", "limited", "revoked")
    read = _finished(page, MONTHS, *accounts)
    assert {run.partition for run in read if run.status != "SUCCESS"} == set(
        _of(page, MONTHS, "revoked")
    )
    for _ in range(2):
        read = _finished(page, CURRENT, *accounts)
        assert {run.account for run in read if run.status != "SUCCESS"} == {"revoked"}
        for name in accounts:
            running.accounts[name].let_time_pass()
    for name in ("acme", "limited"):
        assert running.differences(name) == []


def test_limits_were_held(running: Agency, page: Dagster) -> None:
    by_account, by_partition = defaultdict(list), defaultdict(list)
    ended = [run for run in page.runs() if run.ended]
    for run in ended:
        by_account[run.account].append(run)
        by_partition[run.partition].append(run)
    assert most_at_once(ended) <= 4
    assert max(map(most_at_once, by_account.values())) <= 2
    assert max(map(most_at_once, by_partition.values())) == 1
    assert [r for r in running.accounts["limited"].api.requests if r.status == 429] == []


def test_a_killed_worker_is_replaced(running: Agency, page: Dagster) -> None:
    account = running.accounts["killed"]
    with slow(account):
        backfill = page.materialize(MONTHS, _of(page, MONTHS, "killed")[:1])
        reading(account)
        [run] = page.runs(backfill)
        meltano = meltano_of(run)
        assert meltano is not None
        meltano.parent().kill()
    page.finished(backfill, 1, PATIENCE)
    assert {run.status for run in page.runs(backfill)} == {"FAILURE", "SUCCESS"}
    _finished(page, MONTHS, "killed")
    _finished(page, CURRENT, "killed")
    account.let_time_pass()
    _finished(page, CURRENT, "killed")
    assert running.differences("killed") == []


def test_a_stop_ends_tap_and_target_with_their_state(running: Agency, page: Dagster) -> None:
    account = running.accounts["stopped"]
    partition = _of(page, MONTHS, "stopped")[0]
    with slow(account):
        backfill = page.materialize(MONTHS, [partition])
        reading(account)
        [run] = page.runs(backfill)
        meltano = meltano_of(run)
        assert meltano is not None
        processes = [meltano, *meltano.children(recursive=True)]
        page.stop(run.id)
        [stopped] = page.finished(backfill, 1, SOON)
    assert stopped.status == "CANCELED"
    assert not any(process.is_running() for process in processes)
    reached = state_of(running, f"stopped.{partition.split('|')[1][:7]}")
    assert SPAN[0].isoformat() < reached["replication_key_value"] < SPAN[1].isoformat()
    before = len(account.api.requests)
    [again] = page.finished(page.materialize(MONTHS, [partition]), 1, PATIENCE)
    assert again.status == "SUCCESS"
    first = account.api.requests[before].params["start_date"]
    assert first > SPAN[0].isoformat()  # goes on where it was stopped


def test_the_page_shows_partitions_numbers_and_a_failed_check(
    running: Agency, page: Dagster
) -> None:
    _finished(page, MONTHS, "tampered", "revoked")
    _finished(page, CURRENT, "tampered")
    with psycopg.connect(running.database("warehouse")) as connection:
        connection.execute("DELETE FROM tampered.conversations WHERE start_time < %s", [SPAN[1]])
    months = _of(page, MONTHS, "tampered")
    for run in page.finished(page.materialize(MONTHS, months), len(months), PATIENCE):
        assert check_results(running, run) == {"complete": True, "table_holds_ledger": False}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1400, "height": 900})
        show = _Camera(page, tab)
        text = show("partitions", f"/assets/history?view=partitions&partition={months[0]}")
        assert "Failed (2)" in text
        assert "delivered" in text
        text = show("plots", "/assets/history", "Plots")
        assert "delivered" in text
        text = show("checks", "/assets/history?view=checks&checkDetail=table_holds_ledger")
        assert "Failed" in text
        show("runs", "/runs")
        browser.close()


def test_no_key_is_in_anything_that_dagster_keeps(running: Agency, page: Dagster) -> None:
    assert page.runs()
    kept = [running.folder / "dagster.log", *(running.folder / "dagster").rglob("*")]
    for file in kept:
        if file.is_file():
            content = file.read_bytes()
            for account in running.accounts.values():
                assert account.api.key.encode() not in content, file


def _of(page: Dagster, asset: str, *accounts: str) -> list[str]:
    return [key for key in page.partitions(asset) if key.split("|")[0] in accounts]


def _finished(page: Dagster, asset: str, *accounts: str) -> list[Run]:
    partitions = _of(page, asset, *accounts)
    return page.finished(page.materialize(asset, partitions), len(partitions), PATIENCE)


class _Camera:
    """Opens a part of Dagster's page, keeps a picture of it, and gives its text."""

    def __init__(self, page: Dagster, tab: Tab) -> None:
        self._page = page
        self._tab = tab

    def __call__(self, name: str, path: str, click: str = "") -> str:
        self._tab.goto(self._page.url + path)
        self._tab.wait_for_load_state("networkidle")
        if click:
            self._tab.get_by_text(click, exact=True).click()
        self._tab.wait_for_timeout(4000)
        if PICTURES:
            self._tab.screenshot(path=Path(PICTURES) / f"dagster-{name}.png")
        return str(self._tab.inner_text("body"))
