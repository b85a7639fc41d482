"""Run the measurements: `make bench`, or a part of them with `python -m benchmarks`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shlex
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import venvs
from benchmarks.cases import CASES, Case
from benchmarks.chart import chart
from benchmarks.database import Database, database
from benchmarks.loads import LOADS, forget_skeleton
from benchmarks.measure import Run, Server, run
from benchmarks.report import report
from benchmarks.tools import TOOLS, Tool

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = list(dict.fromkeys(tool.name for tool in (*LOADS, *TOOLS)))


def main() -> int:
    """Install, warm up, measure, and write the results."""
    options = _options()
    whole = len(sys.argv) == 1
    chosen = [case for case in CASES if case.name in options.case]
    cases = [case.scaled(options.scale) for case in chosen]
    runs: list[Run] = []
    missing: dict[str, str] = {}
    forget_skeleton()
    with contextlib.ExitStack() as stack:
        loads = any(case.loads for case in cases)
        target = stack.enter_context(database()) if loads else None
        for loading in sorted({case.loads for case in cases}):
            some = [case for case in cases if case.loads == loading]
            tools = [tool for tool in (LOADS if loading else TOOLS) if tool.name in options.tools]
            needed = [tool for tool in tools if any(_is_for(case, tool) for case in some)]
            into = target if loading else None
            ready, failed = _ready(needed, into)
            missing |= failed
            for case in some:
                runs += _measure(case, ready, options.rounds, into)
    results = _results(cases, runs, missing)
    _write(results, venvs.HERE if whole else venvs.HERE / ".partial")
    own = {tool.name for tool in (*LOADS, *TOOLS) if tool.own}
    return int(any(run.exit_code for run in runs if run.tool in own) or bool(missing))


def _results(cases: list[Case], runs: list[Run], missing: dict[str, str]) -> dict[str, Any]:
    order = [case.name for case in cases]
    runs = sorted(runs, key=lambda run: order.index(run.case))
    packages: dict[str, tuple[str, ...]] = {}
    for loading, tools in ((True, LOADS), (False, TOOLS)):
        names = {case.name for case in cases if case.loads == loading}
        used = {run.tool for run in runs if run.case in names}
        for tool in tools:
            if tool.name in used:
                packages |= tool.packages
    return {
        "command": shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": _machine(),
        "versions": {name: venvs.versions(name, wanted) for name, wanted in packages.items()},
        "untyped": [tool.name for tool in TOOLS if not tool.typed],
        "missing": missing,
        "cases": [
            asdict(case) | {"title": case.title, "least": case.least_seconds} for case in cases
        ],
        "runs": [asdict(run) for run in runs],
    }


def _write(results: dict[str, Any], folder: Path) -> None:
    """Write the raw results, the table and the chart, and show the table."""
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "results.md").write_text(report(results))
    (folder / "results.svg").write_text(chart(results))
    print(f"\n{report(results)}\nWritten to {folder.relative_to(venvs.ROOT)}/results.*")


def _ready(tools: Sequence[Tool], into: Database | None) -> tuple[list[Tool], dict[str, str]]:
    """Install each tool and let it read a little once, so that nothing measured is a first run."""
    ready, missing = [], {}
    case = Case("warm-up", 500)
    with Server(case) as server:
        for tool in tools:
            try:
                for name in tool.packages:
                    venvs.ensure(name)
                got = run(case, tool, 0, server, into)
            except (OSError, RuntimeError) as error:
                missing[tool.name] = str(error).splitlines()[-1]
                continue
            if got.exit_code or got.lost:
                missing[tool.name] = got.error or f"{got.lost} of 500 conversations did not arrive"
            else:
                ready.append(tool)
    for name, reason in missing.items():
        print(f"{name} cannot be measured: {reason}", file=sys.stderr)
    return ready, missing


def _is_for(case: Case, tool: Tool) -> bool:
    return not case.tools or tool.name in case.tools


def _measure(case: Case, tools: list[Tool], rounds: int, into: Database | None) -> list[Run]:
    """Run every tool in turn, round after round, each round beginning with the next tool."""
    runs: list[Run] = []
    tools = [tool for tool in tools if _is_for(case, tool)]
    if not tools:
        return runs
    with Server(case) as server:
        for number in range(rounds or case.rounds):
            turn = number % len(tools)
            for tool in tools[turn:] + tools[:turn]:
                got = run(case, tool, number + 1, server, into)
                runs.append(got)
                print(f"{case.name} {number + 1} {got.line()}", flush=True)
    order = [tool.name for tool in tools]
    return sorted(runs, key=lambda one: (order.index(one.tool), one.round))


def _machine() -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.machine(),
        "cpus": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _options() -> argparse.Namespace:
    cases = [case.name for case in CASES]

    def of(known: list[str], text: str) -> list[str]:
        given = text.split(",")
        if unknown := sorted(set(given) - set(known)):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: known are {', '.join(known)}")
        return given

    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--case", type=lambda text: of(cases, text), default=cases, metavar="CASE,…")
    add("--tools", type=lambda text: of(_NAMES, text), default=_NAMES, metavar="NAME,…")
    add("--rounds", type=int, default=0, metavar="N", help="rounds of every case")
    add("--scale", type=float, default=1, metavar="X", help="0.1: a tenth of the conversations")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
