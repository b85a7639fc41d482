"""One tool against one server, once: what it cost and whether every row arrived."""

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
from benchmarks.tools import ENVIRONMENT, Setup

if TYPE_CHECKING:
    from benchmarks.cases import Case
    from benchmarks.database import Database
    from benchmarks.tools import Tool

_SECONDS = 300
_LAUNCH = Path(__file__).parent / "launch.py"
_ID = re.compile(rb'"id":\s?"(conv_[0-9a-f]{16})"')


@dataclass(slots=True)
class Run:
    """What one run of one tool gave.

    Attributes:
        wall: Seconds from the start of the first process to the end of the last.
        cpu: Seconds of user and system time of all its processes; the servers' are not in it.
        database_cpu: The same of PostgreSQL's processes; 0 if nothing is loaded.
        memory: Peak resident memory in MiB, of the largest process.
        requests: Number that the server got, refused ones (429) included.
        refused: Number of those.
        expected: Conversations that the server holds at the end.
        lost: Number of those that did not arrive.
        repeated: Rows that arrived more than once.
        windows: Seconds from the start of the first rate-limit window to the end; 0 without limit.
        error: The last line on stderr, if the exit code was not 0.
    """

    case: str
    tool: str
    round: int
    exit_code: int
    wall: float
    cpu: float
    database_cpu: float
    memory: float
    requests: int
    refused: int
    expected: int
    lost: int
    repeated: int
    windows: float
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


def run(
    case: Case, tool: Tool, number: int, server: Server, database: Database | None = None
) -> Run:
    """Run a tool once. Its output goes to files or a database, read only after it has ended."""
    server.control("reset")
    if database:
        database.empty()
    database_cpu = database.cpu() if database else 0.0
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        command = tool.command(Setup(folder, server.api_url, database))
        environment = {**ENVIRONMENT, "HOME": name, "PATH": os.defpath}
        launch = [sys.executable, "-I", "-S", str(_LAUNCH), "cost", "stdout", "stderr"]
        subprocess.run([*launch, str(_SECONDS), *command], cwd=folder, env=environment, check=True)
        database_cpu = database.cpu() - database_cpu if database else 0.0
        code, wall, ended, cpu, memory = (folder / "cost").read_text().split()
        rows = database.ids(tool.table) if database else _rows(sorted(folder.glob(tool.rows)))
        stderr = (folder / "stderr").read_text(errors="replace").strip().splitlines() or [""]
    report = json.loads(server.control("report"))
    everything = {conversation_id(number) for number in range(case.records)}
    expected = everything - set(report["deleted"])
    seen = set(rows)
    began = report["began"] if case.limit else None
    return Run(
        case.name, tool.name, number, int(code), float(wall), float(cpu), database_cpu,
        int(memory) / 1024, report["requests"], report["refused"], len(expected),
        len(expected - seen), len(rows) - len(seen), float(ended) - began if began else 0.0,
        stderr[-1][:300] if int(code) else "",
    )  # fmt: skip


def _rows(files: list[Path]) -> list[str]:
    found: list[str] = []
    for file in files:
        with file.open("rb") as lines:
            found += [match[1].decode() for match in map(_ID.search, lines) if match]
    return found
