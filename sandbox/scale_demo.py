"""`make scale-demo`: six accounts, a warehouse and Dagster's page, on this machine."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from sandbox import ApiResponse
from sandbox.agency import Account, agency, history
from sandbox.engine import CURRENT, MONTHS, Dagster, DagsterError, dagster
from sandbox.meltano_project import ROOT, install_plugins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sandbox.agency import Agency

FOLDER = ROOT / ".scale-demo"
MONTHS_BACK = 2
PATIENCE = 1200.0
PORT = 3000

_LOOK = """
Dagster's page is up: {url}

  {url}/assets/history            one square per account and month; {revoked} is red
  {url}/assets/history?view=plots conversations counted and delivered, per partition
  {url}/assets/history?view=checks
                                  complete, table_holds_ledger
  {url}/runs                      every run; its log has each line of Meltano, tap and target
  {url}/automation                the schedules, off until you switch them on

Ctrl-C stops everything. The accounts' files, Dagster's storage and its log are in {folder}/.
"""


class Outage:
    """Answers 503 for some seconds, from the first request on."""

    def __init__(self, seconds: float) -> None:
        """Break down at the first request."""
        self._seconds = seconds
        self._began: float | None = None

    def __call__(self, number: int, params: Mapping[str, str]) -> ApiResponse | None:
        """Give the 503 while the outage lasts."""
        del number, params
        self._began = self._began or time.monotonic()
        if time.monotonic() - self._began > self._seconds:
            return None
        error = {"error": {"type": "api_error", "message": "Service unavailable"}}
        return ApiResponse(503, {"Content-Type": "application/json"}, json.dumps(error).encode())


def accounts(since: datetime) -> list[Account]:
    """Make six accounts of different sizes, three of them with a fault."""
    return [
        Account.generate("acme", 3000, since, seed=1),
        Account.generate("bakery", 200, since, seed=2),
        Account.generate("clinic", 1200, since, seed=3, rate_limit=4, window_seconds=10),
        Account.generate("dental_key_revoked", 300, since, seed=4, keys={}),
        Account.generate("estate", 800, since, seed=5, faults=Outage(30)),
        Account.generate("florist", 600, since, seed=6),
    ]


REVOKED = "dental_key_revoked"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the history, then what is new, compare, and keep the page up."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.scale_demo", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help="of the page (3000)")
    parser.add_argument("--once", action="store_true", help="end after the comparison")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    install_plugins("tap-ayra", "target-postgres")
    shutil.rmtree(FOLDER, ignore_errors=True)
    span = history(MONTHS_BACK)
    say("Starting six simulated accounts, PostgreSQL and Dagster …")
    with agency(FOLDER, accounts(span[0]), span) as running, dagster(running, options.port) as page:
        look = _LOOK.format(url=page.url, revoked=REVOKED, folder=FOLDER.relative_to(ROOT))
        say(look)
        try:
            _work(running, page)
            if not options.once:
                say(look)
                threading.Event().wait()
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        say("Stopping …")


def _work(running: Agency, page: Dagster) -> None:
    say("Backfill of history: every account and month")
    _materialize(page, MONTHS)
    for what in ("Conversations of this month", "An hour later: what is new since"):
        say(what)
        _materialize(page, CURRENT)
        for account in running.accounts.values():
            account.let_time_pass()
    say("\nThe warehouse beside the APIs:")
    for name in sorted(running.accounts):
        if name == REVOKED:
            say(f"  {name:<20} not read: its key was revoked")
            continue
        differences = running.differences(name)
        if differences:
            message = f"{name}: {len(differences)} conversations differ, such as {differences[0]}"
            raise DagsterError(message)
        say(f"  {name:<20} {len(running.landed(name)):>5} conversations, all as in the API")


def _materialize(page: Dagster, asset: str) -> None:
    partitions = page.partitions(asset)
    runs = page.finished(page.materialize(asset, partitions), len(partitions), PATIENCE)
    outcome = Counter(run.status.lower() for run in runs)
    say(f"  {len(runs)} runs: " + ", ".join(f"{n} {status}" for status, n in outcome.items()))


def say(line: str) -> None:
    """Tell the one who watches."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except DagsterError as error:
        sys.exit(f"The demo failed: {error}")
