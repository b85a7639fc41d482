"""One unit of work: a `meltano run` of its own, watched line by line."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psutil

PROJECT = Path(os.environ.get("MELTANO_PROJECT_ROOT") or Path(__file__).parents[1])
ENVIRONMENT = os.environ.get("MELTANO_ENVIRONMENT", "prod")
MELTANO = Path(sys.executable).with_name("meltano")
TAP, TARGET = "tap-ayra", "target-postgres"

LOCKED = "pipeline is already running"
SECONDS_BETWEEN_LOOKS_AT_THE_LOCK = 15.0
LINES_OF_A_FAILURE = 4
SECONDS_TO_STOP = 90.0
"""Time for the target to load what it holds after the tap was stopped."""


@dataclass(frozen=True)
class Unit:
    """What one run reads.

    Attributes:
        account: Whose conversations; the name of its file, and of its schema in the warehouse.
        file: The account's key and settings.
        state: Names the Meltano state; the same at every run of the unit.
        stream: The stream to read.
        settings: Settings of the tap for this unit, by environment variable.
    """

    account: str
    file: Path
    state: str
    stream: str
    settings: Mapping[str, str]

    @property
    def state_id(self) -> str:
        """Where Meltano keeps the unit's state."""
        return f"{ENVIRONMENT}:{TAP}-to-{TARGET}:{self.state}"


def run(context: dg.AssetExecutionContext, unit: Unit, *options: str) -> dict[str, Any]:
    """Run Meltano for a unit, waiting as long as another run of the unit holds Meltano's lock.

    Args:
        context: Gets every line that Meltano, the tap and the target log.
        unit: What to read.
        options: More options of `meltano run`.

    Returns:
        The tap's metric `sync_completeness`.

    Raises:
        Failure: Meltano did not succeed.
    """
    while True:
        log = _Log(context)
        code = _meltano_run(context, unit, options, log)
        if code == 0:
            return log.completeness
        if not log.locked:
            raise dg.Failure(
                "\n".join(log.errors[-LINES_OF_A_FAILURE:]) or f"meltano ended with code {code}",
                metadata={"exit_code": code, **log.completeness},
            )
        # A worker that was killed may have left a Meltano that still writes: never --force.
        time.sleep(SECONDS_BETWEEN_LOOKS_AT_THE_LOCK)


def state_of(unit: Unit) -> dict[str, Any]:
    """Give the state that the unit's stream has reached, or {}."""
    with _environment(unit) as environment:
        result = subprocess.run(
            [
                MELTANO,
                "--log-level=error",
                f"--env-file={unit.file}",
                "state",
                "get",
                unit.state_id,
            ],
            cwd=PROJECT,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    bookmarks = json.loads(result.stdout).get("singer_state", {}).get("bookmarks", {})
    state: dict[str, Any] = bookmarks.get(unit.stream, {})
    return state


class _Log:
    """Passes Meltano's log on to Dagster's, and remembers what matters of it."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context
        self.completeness: dict[str, Any] = {}
        self.errors: list[str] = []
        self.locked = False

    def pass_on(self, line: str) -> None:
        try:
            entry = json.loads(line)
            text, level = str(entry["event"]), str(entry["level"])
        except (ValueError, LookupError, TypeError):
            entry, text, level = {}, line.rstrip(), "info"
        metric = entry.get("metric_info") or {}
        if metric:
            text = f"{metric.get('metric')}: {metric.get('value')}"
        if metric.get("metric") == "sync_completeness":
            self.completeness = metric["value"]
        source = entry.get("string_id", "meltano")
        if level in {"error", "critical"} and source in {TAP, TARGET}:
            self.errors.append(text)
        self.locked |= LOCKED in text or LOCKED in str(entry.get("err"))
        self._context.log.log(level, "%s: %s", source, text)


def _meltano_run(
    context: dg.AssetExecutionContext, unit: Unit, options: tuple[str, ...], log: _Log
) -> int:
    command = [
        str(MELTANO),
        "--log-format=json",
        f"--environment={ENVIRONMENT}",
        f"--env-file={unit.file}",
        "run",
        "--no-install",
        f"--run-id={context.run.run_id}",
        f"--state-id-suffix={unit.state}",
        *options,
        TAP,
        TARGET,
    ]
    with (
        _environment(unit) as environment,
        subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a Ctrl-C is for Dagster, which then stops the tap
        ) as process,
    ):
        try:
            _drain(process, log)
        except BaseException:
            _stop(process, log)
            raise
    return process.returncode


def _drain(process: subprocess.Popen[str], log: _Log) -> None:
    assert process.stdout is not None  # noqa: S101
    for line in process.stdout:
        log.pass_on(line)


def _stop(process: subprocess.Popen[str], log: _Log) -> None:
    """Stop the tap only: it ends with its state, the target loads it, and Meltano stores it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children()
        taps = [child for child in children if any(TAP in part for part in child.cmdline()[:2])]
        for stopped in taps or [process]:
            stopped.terminate()
    killer = threading.Timer(SECONDS_TO_STOP, os.killpg, (process.pid, signal.SIGKILL))
    killer.start()
    _drain(process, log)
    killer.cancel()


@contextlib.contextmanager
def _environment(unit: Unit) -> Iterator[dict[str, str]]:
    """Give Meltano's environment: a system folder of its own, and nothing of other accounts."""
    # Runs side by side in one folder overwrite each other's catalog.
    with tempfile.TemporaryDirectory(prefix="meltano-", ignore_cleanup_errors=True) as folder:
        for plugins in ("extractors", "loaders"):
            Path(folder, plugins).symlink_to(PROJECT / ".meltano" / plugins)
        yield {
            **{name: value for name, value in os.environ.items() if not name.startswith("TAP_")},
            **unit.settings,
            "MELTANO_SYS_DIR_ROOT": folder,
            "TAP_AYRA__SELECT_FILTER": json.dumps([unit.stream]),  # of what meltano.yml selects
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": unit.account,
        }
