"""Run the measurements: `python -m benchmarks [--quick] [--only CASE,…] [--tools NAME,…]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import venvs
from benchmarks.cases import CASES, Case
from benchmarks.chart import chart
from benchmarks.measure import Run, Server, run
from benchmarks.report import report
from benchmarks.tools import TOOLS, Tool


def main() -> int:
    """Install, warm up, measure, and write the results."""
    options = _options()
    tools, missing = _ready([tool for tool in TOOLS if tool.name in options.tools])
    cases = [case for case in CASES if case.name in options.only]
    cases = [case.shrunk() for case in cases] if options.quick else cases
    runs = [run for case in cases for run in _measure(case, tools, options.rounds)]
    results = {
        "command": shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": _machine(),
        "tools": {
            tool.name: {
                "versions": venvs.versions(tool.name, tool.packages), "typed": tool.typed,
            }
            for tool in tools
        },
        "missing": missing,
        "cases": [asdict(case) | {"title": case.title} for case in cases],
        "runs": [asdict(run) for run in runs],
    }  # fmt: skip
    whole = not options.quick and len(cases) == len(CASES) and len(options.tools) == len(TOOLS)
    _write(results, venvs.HERE if whole else venvs.HERE / ".partial")
    return int(any(run.exit_code for run in runs if run.tool == TOOLS[0].name) or bool(missing))


def _write(results: dict[str, Any], folder: Path) -> None:
    """Write the raw results, the table and the chart, and show the table."""
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "results.md").write_text(report(results))
    (folder / "results.svg").write_text(chart(results))
    print(f"\n{report(results)}\nWritten to {folder.relative_to(venvs.ROOT)}/results.*")


def _ready(tools: list[Tool]) -> tuple[list[Tool], dict[str, str]]:
    """Install each tool and let it read a little once, so that nothing measured is a first run."""
    ready, missing = [], {}
    case = Case("warm-up", 500)
    with Server(case) as server:
        for tool in tools:
            try:
                venvs.ensure(tool.name)
                got = run(case, tool, 0, server)
            except (OSError, RuntimeError) as error:
                missing[tool.name] = str(error).splitlines()[-1]
                continue
            if got.exit_code or got.lost:
                missing[tool.name] = got.error or f"{got.lost} of 500 conversations did not come"
            else:
                ready.append(tool)
    for name, reason in missing.items():
        print(f"{name} cannot be measured: {reason}", file=sys.stderr)
    return ready, missing


def _measure(case: Case, tools: list[Tool], rounds: int) -> list[Run]:
    """Run every tool in turn, round after round, each round beginning with the next tool."""
    runs: list[Run] = []
    tools = [tool for tool in tools if not case.tools or tool.name in case.tools]
    if not tools:
        return runs
    with Server(case) as server:
        for number in range(rounds or case.rounds):
            turn = number % len(tools)
            for tool in tools[turn:] + tools[:turn]:
                got = run(case, tool, number + 1, server)
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
    cases, tools = [case.name for case in CASES], [tool.name for tool in TOOLS]

    def of(known: list[str], text: str) -> list[str]:
        given = text.split(",")
        if unknown := sorted(set(given) - set(known)):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: known are {', '.join(known)}")
        return given

    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="small sizes, one round: a self-check")
    add("--only", type=lambda text: of(cases, text), default=cases, metavar="CASE,…")
    add("--tools", type=lambda text: of(tools, text), default=tools, metavar="NAME,…")
    add("--rounds", type=int, default=0, metavar="N", help="rounds of every case")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
