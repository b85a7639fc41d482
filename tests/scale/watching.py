"""What goes on while Dagster works: its processes, and its own records."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

import dagster as dg
import psutil

from sandbox.engine import wait
from sandbox.meltano_project import MELTANO, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.agency import Account, Agency
    from sandbox.engine import Run

SOON = 240.0


def reading(account: Account) -> None:
    """Wait until an account's API has been asked something more."""
    before = len(account.api.requests)
    wait(lambda: len(account.api.requests) > before + 1, SOON, f"a request for {account.name}")


@contextlib.contextmanager
def slow(account: Account) -> Iterator[None]:
    """Let each response of an account take a second."""
    account.api.on_request = lambda _: time.sleep(1)
    try:
        yield
    finally:
        account.api.on_request = None


def meltano_of(run: Run) -> psutil.Process | None:
    """Find the Meltano that a run has started; its parent is the run's worker."""
    for process in psutil.process_iter(["cmdline"]):
        if f"--run-id={run.id}" in (process.info["cmdline"] or []):
            return process
    return None


def state_of(agency: Agency, state: str) -> dict[str, Any]:
    """Give the bookmark of a unit, as Meltano keeps it."""
    result = subprocess.run(
        [MELTANO, "--log-level=error", "state", "get", f"prod:tap-ayra-to-target-postgres:{state}"],
        cwd=ROOT,
        env=agency.environment,
        check=True,
        capture_output=True,
        text=True,
    )
    bookmarks: dict[str, dict[str, Any]] = json.loads(result.stdout)["singer_state"]["bookmarks"]
    return bookmarks["conversations"]


def check_results(agency: Agency, run: Run) -> dict[str, bool]:
    """Give the results of a run's checks by their names."""
    with dg.DagsterInstance.from_config(str(agency.folder / "dagster")) as instance:
        records = instance.get_records_for_run(
            run.id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ).records
        events = [record.event_log_entry.get_dagster_event() for record in records]
        data = [event.asset_check_evaluation_data for event in events]
        return {evaluation.check_name: evaluation.passed for evaluation in data}


def most_at_once(runs: list[Run]) -> int:
    """Count how many runs were under way at once at most."""
    began = [(run.began or 0.0, 1) for run in runs]
    ended = [(run.ended or 0.0, -1) for run in runs]
    now = most = 0
    for _, change in sorted(began + ended):
        now += change
        most = max(most, now)
    return most
