"""One tool against one server, once: what it cost and whether every row came."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.request import urlopen

from benchmarks.conversations import conversation_id
from benchmarks.limiter import least_seconds
from benchmarks.tools import ENVIRONMENT

if TYPE_CHECKING:
    from benchmarks.cases import Case
    from benchmarks.tools import Tool

_SECONDS = 300
_LAUNCH = Path(__file__).parent / "launch.py"
_ID = re.compile(rb'"id":\s?"(conv_[0-9a-f]{16})"')


@dataclass(slots=True)
class Run:
    """What one run of one tool gave.

    Attributes:
        wall: Seconds from start to end.
        cpu: Seconds of user and system time, child processes included.
        memory: Peak resident memory in MiB, of the largest process.
        requests: Asked of the server, refused ones (429) included.
        expected: Conversations that the server holds at the end.
        lost: How many of those did not arrive.
        repeated: Rows that arrived more than once.
        least: Least seconds possible under the rate limit; 0 where none is in force.
        error: The last line on stderr, where the exit code was not 0.
    """

    case: str
    tool: str
    round: int
    exit_code: int
    wall: float
    cpu: float
    memory: float
    requests: int
    refused: int
    expected: int
    lost: int
    repeated: int
    least: float
    error: str = ""

    def line(self) -> str:
        """Say it in a line, for those who watch."""
        return (
            f"{self.tool}: {self.wall:.2f} s, CPU {self.cpu:.2f} s, {self.memory:.0f} MiB, "
            f"{self.requests} requests, {self.refused} refused, {self.lost} lost {self.error}"
        ).rstrip()


class Server:
    """The benchmark's server in a process of its own, for the length of a `with` block."""

    def __init__(self, case: Case) -> None:
        """Start it with a case's conditions and wait until it answers."""
        command = [sys.executable, "-m", "benchmarks.server", *case.server]
        root = Path(__file__).parent.parent
        self._process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self._base = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.api_url = f"{self._base}/v1"

    def __enter__(self) -> Self:
        """Hand the running server out."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def control(self, what: str) -> bytes:
        """Ask the server to `reset`, or for its `report`."""
        with urlopen(f"{self._base}/control/{what}") as response:
            body: bytes = response.read()
            return body


def run(case: Case, tool: Tool, number: int, server: Server) -> Run:
    """Run a tool once. Its output goes to files, read only after it has ended."""
    server.control("reset")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        command = tool.command(folder, server.api_url)
        environment = {**ENVIRONMENT, "HOME": name, "PATH": os.defpath}
        launch = [sys.executable, "-I", "-S", str(_LAUNCH), "cost", "stdout", "stderr"]
        subprocess.run([*launch, str(_SECONDS), *command], cwd=folder, env=environment, check=True)
        code, wall, cpu, memory = (folder / "cost").read_text().split()
        rows, seen = _rows(sorted(folder.glob(tool.rows)))
        stderr = (folder / "stderr").read_text(errors="replace").strip().splitlines() or [""]
    report = json.loads(server.control("report"))
    everything = {conversation_id(number) for number in range(case.records)}
    expected = everything - set(report["deleted"])
    least = 0.0
    if case.limit:
        pages = -(-case.records // 100)
        least = least_seconds(pages, case.limit, case.window, report["first_request"])
    return Run(
        case.name, tool.name, number, int(code), float(wall), float(cpu), int(memory) / 1024,
        report["requests"], report["refused"], len(expected), len(expected - seen),
        rows - len(seen), least, stderr[-1][:300] if int(code) else "",
    )  # fmt: skip


def _rows(files: list[Path]) -> tuple[int, set[str]]:
    count, seen = 0, set[str]()
    for file in files:
        with file.open("rb") as lines:
            found = [match[1].decode() for match in map(_ID.search, lines) if match]
        count += len(found)
        seen.update(found)
    return count, seen
