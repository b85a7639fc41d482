"""The benchmark's arithmetic and its chart; running it is `make bench`."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks.cases import CASES, Case
from benchmarks.chart import COLOURS, chart
from benchmarks.limiter import Limiter
from benchmarks.report import report
from benchmarks.summary import summarise

SVG = "{http://www.w3.org/2000/svg}"
AGAINST_PAPER = [(scheme, name) for scheme, name in product(COLOURS, COLOURS["light"])]


@pytest.mark.parametrize(
    ("records", "seconds"), [(0, 0), (100, 0), (10_000, 0), (10_001, 12), (26_000, 24)]
)
def test_the_least_time_under_a_rate_limit(records: int, seconds: int) -> None:
    case = Case("any", records, limit=100, window=12)
    assert case.least_seconds == seconds
    limiter, now = Limiter(case.limit, case.window), 1_000.0
    for _ in range(-(-records // 100)):
        while not limiter.take(now):
            now = float(limiter.reset)
    assert now == 1_000 + seconds


def test_a_scaled_case_needs_as_many_windows() -> None:
    case = next(case for case in CASES if case.name == "rate-limit")
    small = case.scaled(0.1)
    assert small.records == case.records / 10
    assert small.least_seconds / small.window == case.least_seconds / case.window


@pytest.mark.parametrize(("scheme", "name"), AGAINST_PAPER)
def test_all_that_is_drawn_stands_out(scheme: str, name: str) -> None:
    if name != "paper":
        paper, colour = COLOURS[scheme]["paper"], COLOURS[scheme][name]
        lighter, darker = sorted(map(_luminance, (paper, colour)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_the_chart_ranks_tools_and_says_what_it_shows() -> None:
    results = _results(
        _run("deletions", "tap-ayra", lost=0),
        _run("deletions", "dlt", lost=3),
        _run("end-to-end", "dlt", wall=8),
        _run("end-to-end", "tap-ayra (pipe)", wall=6, number=1),
        _run("end-to-end", "tap-ayra (pipe)", wall=4, number=2),
        _run("cpu", "SDK template tap", cpu=8),
        _run("cpu", "tap-ayra", cpu=2),
    )
    texts = [text.text for text in ET.fromstring(chart(results)).iter(f"{SVG}text")]  # noqa: S314
    assert texts == [
        "Only tap-ayra loses no row when rows are deleted while it reads",
        "deletions",
        "tap-ayra", "0 lost",
        "dlt", "3 lost",
        "tap-ayra loads PostgreSQL in 0.62 × the time of dlt",
        "Wall time, end-to-end; median and range",
        "tap-ayra (pipe)", "5.00 s (4.00 to 6.00)",
        "dlt", "8.00 s",
        "tap-ayra reads with 0.25 × the CPU of the SDK template tap",
        "CPU time, cpu; median and range",
        "tap-ayra", "2.00 s",
        "SDK template tap", "8.00 s",
        "Shorter is better. 2026-03-09, 2 × A processor, Python 3.11.7",
    ]  # fmt: skip


def test_the_report_has_a_row_for_each_tool() -> None:
    table = report(
        _results(_run("end-to-end", "dlt", wall=8), _run("end-to-end", "tap-ayra (pipe)", wall=6))
    )
    assert "| dlt | 8.00 | 1.00 |" in table
    assert "| tap-ayra (pipe) | 6.00 | 0.75 |" in table


def test_the_table_in_readme_shows_the_committed_results() -> None:
    root = Path(__file__).parent.parent
    results = json.loads((root / "benchmarks" / "results.json").read_text())
    cases = summarise(results["runs"])
    readme = (root / "README.md").read_text().split("<!-- benchmarks -->")[1]
    rows = [line for line in readme.splitlines() if line.startswith("|")][2:]
    assert len(rows) == len(cases["cpu"])
    for line in rows:
        tool, *shown = [cell.strip(" *") for cell in line.strip("|").split("|")]
        loaded = cases["end-to-end"].get({"tap-ayra": "tap-ayra (pipe)"}.get(tool, tool))
        limited = cases["rate-limit"][tool]
        figures = (
            cases["deletions"][tool].lost,
            loaded and loaded.wall.middle,
            cases["cpu"][tool].cpu.middle,
            cases["cpu"][tool].memory.middle,
            cases["latency"][tool].wall.middle,
            limited.wall.middle,
            limited.refused,
            cases["start-up"][tool].cpu.middle,
        )
        for cell, figure in zip(shown, figures, strict=True):
            digits = len(cell.partition(".")[2])
            assert cell == ("–" if figure is None else f"{figure:.{digits}f}"), (tool, figures)
    text, least = " ".join(readme.split()), next(c for c in CASES if c.name == "rate-limit")
    loads, limited = cases["end-to-end"], cases["rate-limit"]["tap-ayra"]
    small, large = (cases[f"memory-{size}"]["tap-ayra"].memory for size in ("small", "large"))
    for said in (
        f"took {loads['tap-ayra (meltano run)'].wall.middle:.1f} s",
        f"without COPY {loads['tap-ayra (RECORD)'].wall.middle:.1f} s",
        f"took {limited.windows.middle / least.least_seconds:.2f} times the least",
        f"{small.middle:.0f} MiB for 20,000 conversations and {large.middle:.0f} MiB for 500,000",
    ):
        assert said in text


def _results(*runs: dict[str, Any]) -> dict[str, Any]:
    loads = {case.name: case.loads for case in CASES}
    names = dict.fromkeys(run["case"] for run in runs)
    return {
        "command": "python -m benchmarks",
        "date": "2026-03-09",
        "machine": {
            "processor": "A processor", "cpus": 2, "memory_gib": 8, "system": "Linux",
            "python": "3.11.7",
        },
        "versions": {},
        "untyped": [],
        "missing": {},
        "cases": [{"name": one, "title": one, "loads": loads[one], "least": 0} for one in names],
        "runs": list(runs),
    }  # fmt: skip


def _run(case: str, tool: str, number: int = 1, **figures: float) -> dict[str, Any]:
    return {
        "case": case, "tool": tool, "round": number, "exit_code": 0, "error": "",
        "wall": 1, "cpu": 1, "database_cpu": 0, "memory": 50, "windows": 0,
        "requests": 100, "refused": 0, "expected": 10_000, "lost": 0, "repeated": 0,
        **figures,
    }  # fmt: skip


def _luminance(colour: str) -> float:
    """Give the relative luminance that WCAG 2 defines."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
