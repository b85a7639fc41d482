"""Many runs condensed: the median of each tool under each condition."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Summary:
    """One tool under one condition; see `benchmarks.measure.Run` for the fields.

    Times and memory are medians over the rounds; lost, repeated and refused are the worst.
    """

    case: str
    tool: str
    rounds: int
    wall: float
    cpu: float
    memory: float
    requests: int
    refused: int
    expected: int
    lost: int
    repeated: int
    least: float
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
    def middle(field: str) -> float:
        return float(median(run[field] for run in runs))

    def worst(field: str) -> int:
        return int(max(run[field] for run in runs))

    failed = [run["error"] or f"exit code {run['exit_code']}" for run in runs if run["exit_code"]]
    return Summary(
        case, tool, len(runs), middle("wall"), middle("cpu"), middle("memory"),
        worst("requests"), worst("refused"), worst("expected"), worst("lost"), worst("repeated"),
        middle("least"), failed[0] if failed else "",
    )  # fmt: skip
