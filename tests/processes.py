"""The tap as a real process, watched from outside."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sandbox.meltano_project import clean_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

TAP = Path(sys.executable).with_name("tap-ayra")
SOON = 60.0
"""Seconds that nothing takes, not even on a machine that is busy with other things."""


class Running:
    """A process of the tap that has been started."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        """Watch a process whose stderr goes into a file."""
        self.process = process
        self._log = log

    @property
    def stdout(self) -> IO[bytes]:
        """What the tap writes into."""
        assert self.process.stdout is not None
        return self.process.stdout

    @property
    def log(self) -> str:
        """What stands in stderr."""
        return self._log.read_text(encoding="utf-8")

    def wait_for(self, happened: Callable[[], object]) -> None:
        """Wait until something is the case."""
        deadline = time.monotonic() + SOON
        while not happened():
            assert time.monotonic() < deadline, self.log
            assert self.process.poll() is None, self.log
            time.sleep(0.01)

    def wait_until_blocked(self) -> None:
        """Wait until the pipe that stdout leads into is full."""

        def full() -> bool:
            pipe = os.open(f"/proc/self/fd/{self.stdout.fileno()}", os.O_WRONLY | os.O_NONBLOCK)
            try:
                return not select.select([], [pipe], [], 0)[1]
            finally:
                os.close(pipe)

        self.wait_for(full)

    def wait_for_log(self, text: str) -> None:
        """Wait until something is said."""
        self.wait_for(lambda: text in self.log)

    def read_until_state(self) -> list[bytes]:
        """Read lines up to the first STATE."""
        lines = []
        for line in self.stdout:
            lines.append(line)
            if b'"STATE"' in line:
                break
        return lines

    def end(self, within: float = SOON) -> int:
        """Wait for the end, and give the exit code."""
        return self.process.wait(within)


@contextmanager
def running(
    folder: Path,
    settings: Mapping[str, Any],
    *arguments: str,
    command: Sequence[str | Path] = (TAP,),
    stdout: int | IO[bytes] = subprocess.PIPE,
    **variables: str,
) -> Iterator[Running]:
    """Start the tap in a folder with these settings, arguments and environment variables."""
    config, log = folder / "config.json", folder / "stderr.txt"
    config.write_text(json.dumps(settings), encoding="utf-8")
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [*command, "--config", config, *arguments],
            cwd=folder,
            env=clean_environment() | {"PYTHONUNBUFFERED": ""} | variables,
            stdout=stdout,
            stderr=stderr,
        ) as process,
    ):
        try:
            yield Running(process, log)
        finally:
            process.kill()
