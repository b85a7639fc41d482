"""Many runs condensed: the median of each tool under each condition."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some values, the least and the greatest of them."""

    middle: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Summary:
    """One tool under one condition; see `benchmarks.measure.Run` for the fields.

    Times and memory are spreads over the rounds; the counts are the worst of them.
    """

    case: str
    tool: str
    rounds: int
    wall: Spread
    cpu: Spread
    database_cpu: Spread
    memory: Spread
    windows: Spread
    requests: int
    refused: int
    expected: int
    lost: int
    repeated: int
    error: str


def summarise(runs: list[dict[str, Any]]) -> dict[str, dict[str, Summary]]:
    """Condense raw runs into case → tool → summary, in the order in which they were first run."""
    grouped: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for run in runs:
        grouped.setdefault(run["case"], {}).setdefault(run["tool"], []).append(run)
    return {
        case: {tool: _condense(case, tool, rounds) for tool, rounds in tools.items()}
        for case, tools in grouped.items()
    }


def _condense(case: str, tool: str, runs: list[dict[str, Any]]) -> Summary:
    def spread(field: str) -> Spread:
        values = [float(run[field]) for run in runs]
        return Spread(median(values), min(values), max(values))

    def worst(field: str) -> int:
        return int(max(run[field] for run in runs))

    failed = [run["error"] or f"exit code {run['exit_code']}" for run in runs if run["exit_code"]]
    return Summary(
        case, tool, len(runs),
        spread("wall"), spread("cpu"), spread("database_cpu"), spread("memory"), spread("windows"),
        worst("requests"), worst("refused"), worst("expected"), worst("lost"), worst("repeated"),
        failed[0] if failed else "",
    )  # fmt: skip
