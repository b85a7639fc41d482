"""Dagster as a person has it: `dagster dev`, its page, and what one clicks there."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import requests

from sandbox.meltano_project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sandbox.agency import Agency

START_SECONDS, STOP_SECONDS, LOOK_SECONDS = 180.0, 120.0, 1.0
FINISHED = {"SUCCESS", "FAILURE", "CANCELED"}
Found = TypeVar("Found")
MONTHS, CURRENT = "history", "conversations"

_BACKFILL = """
mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_RUNS = """
query($tags: [ExecutionTag!]) { runsOrError(filter: {tags: $tags}, limit: 5000) { ... on Runs {
  results { id status startTime endTime tags { key value } } } } }"""
_STOP = """
mutation($id: String!) { terminateRun(runId: $id) { __typename } }"""
_PARTITIONS = """
query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  partitionKeys } } }"""
_CHECKS = """
query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization {
  status runId } } } } } } }"""


class DagsterError(Exception):
    """Dagster did not start, or refused what was asked for."""


@dataclass(frozen=True)
class Run:
    """One run, as Dagster's page lists it.

    Attributes:
        id: Its id.
        status: QUEUED, STARTED, SUCCESS, FAILURE, …
        tags: Its tags.
        began: When it began, in Unix seconds; None if it has not.
        ended: When it ended; None if it has not.
    """

    id: str
    status: str
    tags: dict[str, str]
    began: float | None
    ended: float | None

    @property
    def partition(self) -> str:
        """Account, or account and month."""
        return self.tags.get("dagster/partition", "")

    @property
    def account(self) -> str:
        """The account that it reads."""
        return self.tags.get("dagster/partition/account", self.partition)


class Dagster:
    """A running Dagster."""

    def __init__(self, url: str, process: int) -> None:
        """Speak to the Dagster at this address, whose first process has this id."""
        self.url = url
        self.process = process
        self._session = requests.Session()
        self._session.trust_env = False

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask the page's own interface, GraphQL."""
        answer = self._session.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60
        ).json()
        if "errors" in answer:
            raise DagsterError(str(answer["errors"]))
        data: dict[str, Any] = answer["data"]
        return data

    def partitions(self, asset: str) -> list[str]:
        """List an asset's partitions."""
        answer = self.ask(_PARTITIONS, key={"path": [asset]})
        keys: list[str] = answer["assetNodeOrError"]["partitionKeys"]
        return keys

    def materialize(self, asset: str, partitions: Iterable[str]) -> str:
        """Start a backfill of an asset's partitions; return its id."""
        params = {"assetSelection": [{"path": [asset]}], "partitionNames": list(partitions)}
        answer = self.ask(_BACKFILL, params=params)["launchPartitionBackfill"]
        if "backfillId" not in answer:
            raise DagsterError(str(answer))
        backfill: str = answer["backfillId"]
        return backfill

    def runs(self, backfill: str | None = None) -> list[Run]:
        """List all runs, or those of a backfill."""
        tags = [{"key": "dagster/backfill", "value": backfill}] if backfill else []
        return [
            Run(
                run["id"],
                run["status"],
                {tag["key"]: tag["value"] for tag in run["tags"]},
                run["startTime"],
                run["endTime"],
            )
            for run in self.ask(_RUNS, tags=tags)["runsOrError"]["results"]
        ]

    def finished(self, backfill: str, count: int, within: float) -> list[Run]:
        """Wait until so many runs of a backfill have ended; runs that are tried again do not count.

        Raises:
            DagsterError: it took longer.
        """

        def ended() -> list[Run]:
            last = {run.partition: run for run in reversed(self.runs(backfill))}
            done = [
                run
                for run in last.values()
                if run.status in FINISHED and run.tags.get("dagster/will_retry") != "true"
            ]
            return done if len(done) == count else []

        return wait(ended, within, f"{count} runs of backfill {backfill}")

    def stop(self, run: str) -> None:
        """Terminate a run."""
        self.ask(_STOP, id=run)

    def checks(self, asset: str) -> dict[str, str]:
        """Give the status of each check after the asset's latest run."""
        answer = self.ask(_CHECKS, key={"path": [asset]})["assetNodeOrError"]
        return {
            check["name"]: execution["status"] if execution else "NONE"
            for check in answer["assetChecksOrError"]["checks"]
            for execution in [check["executionForLatestMaterialization"]]
        }


@contextlib.contextmanager
def dagster(agency: Agency, port: int = 0) -> Iterator[Dagster]:
    """Run Dagster for an agency as long as the context lasts; its log is `dagster.log`."""
    # A shell's background job ignores SIGINT, and so would Dagster, which could not be stopped.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    port = port or free_port()
    log = agency.folder / "dagster.log"
    command = [
        str(Path(sys.executable).with_name("dagster")),
        "dev",
        f"--port={port}",
        "--host=127.0.0.1",
        "--module-name=orchestrate.definitions",
        f"--working-directory={ROOT}",
    ]
    with (
        log.open("ab") as output,
        subprocess.Popen(
            command,
            cwd=agency.folder,  # out of reach of a file .env
            env=agency.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # a Ctrl-C goes to one, who stops it in order
        ) as process,
    ):
        page = Dagster(f"http://127.0.0.1:{port}", process.pid)

        def answers() -> bool:
            if process.poll() is not None:
                raise DagsterError(log.read_text(errors="replace")[-3000:])
            with contextlib.suppress(requests.ConnectionError, DagsterError, KeyError):
                return bool(page.partitions(CURRENT))
            return False

        try:
            wait(answers, START_SECONDS, "Dagster's page")
            yield page
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(STOP_SECONDS)


def wait(look: Callable[[], Found], within: float, what: str) -> Found:
    """Look until something is there; raise DagsterError when it takes too long."""
    deadline = time.monotonic() + within
    while not (found := look()):
        if time.monotonic() > deadline:
            message = f"{what} did not come within {within:.0f} s"
            raise DagsterError(message)
        time.sleep(LOOK_SECONDS)
    return found


def free_port() -> int:
    """Find a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
