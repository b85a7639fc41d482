"""The results as Markdown tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.summary import Summary, summarise

if TYPE_CHECKING:
    from collections.abc import Sequence

_BASE = "template"
_OWN_TABLES = ("deletions", "memory-small", "memory-large")
_HEAD = (
    "tool", "checks types", "wall s", "÷ template", "CPU s", "÷ template", "peak MiB",
    "requests", "429s", "rows that came",
)  # fmt: skip


def report(results: dict[str, Any]) -> str:
    """Write everything that was measured as tables, with the machine, versions and date."""
    summaries = summarise(results["runs"])
    titles = {case["name"]: case["title"] for case in results["cases"]}
    parts = ["# Benchmark results", _preamble(results)]
    for case, tools in summaries.items():
        if case not in _OWN_TABLES:
            parts += [f"## {case}: {titles[case]}", _table(tools, results["tools"])]
            parts += _least(tools)
    if "deletions" in summaries:
        parts += [f"## deletions: {titles['deletions']}", _losses(summaries["deletions"])]
    if {"memory-small", "memory-large"} <= summaries.keys():
        parts += ["## memory", _memory(summaries["memory-small"], summaries["memory-large"])]
    return "\n\n".join(parts) + "\n"


def _preamble(results: dict[str, Any]) -> str:
    machine = results["machine"]
    versions = [
        f"- {tool}: "
        + ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
        for tool, facts in results["tools"].items()
    ]
    missing = [f"- {tool}: not measured: {why}" for tool, why in results["missing"].items()]
    text = (
        f"Measured on {results['date']} by `{results['command']}`: {machine['cpus']} × "
        f"{machine['processor']}, {machine['memory_gib']} GiB, {machine['system']}, Python "
        f"{machine['python']}. Server and tool share the machine and speak plain HTTP. Times and "
        "memory are medians over the rounds. What is measured, and how: [README](README.md)."
    )
    return "\n".join([text, "", *versions, *missing])


def _table(tools: dict[str, Summary], facts: dict[str, Any]) -> str:
    base = tools.get(_BASE)
    rows = [
        (
            one.tool, "yes" if facts[one.tool]["typed"] else "no",
            f"{one.wall:.2f}", _ratio(one.wall, base.wall if base else None),
            f"{one.cpu:.2f}", _ratio(one.cpu, base.cpu if base else None), f"{one.memory:.0f}",
            f"{one.requests:,}", f"{one.refused}", _came(one),
        )
        for one in tools.values()
    ]  # fmt: skip
    return _markdown(_HEAD, rows)


def _least(tools: dict[str, Summary]) -> list[str]:
    lines = [
        f"- {one.tool}: {one.wall / one.least:.3f} × the least time possible ({one.least:.1f} s)"
        for one in tools.values()
        if one.least and not one.error
    ]
    intro = "Against what the rate limit alone allows, with start-up counted in:"
    return ["\n".join([intro, "", *lines])] if lines else []


def _losses(tools: dict[str, Summary]) -> str:
    head = ("tool", "rows lost that the API still has", "rows sent twice", "requests")
    rows = [
        (one.tool, one.error or f"{one.lost}", f"{one.repeated}", f"{one.requests}")
        for one in tools.values()
    ]
    return _markdown(head, rows)


def _memory(small: dict[str, Summary], large: dict[str, Summary]) -> str:
    head = ("tool", "conversations", "wall s", "CPU s", "peak MiB", "more MiB", "rows that came")
    rows = [
        (
            tool, f"{one.expected:,}", f"{one.wall:.1f}", f"{one.cpu:.1f}", f"{one.memory:.0f}",
            f"{one.memory - small[tool].memory:.0f}", _came(one),
        )
        for tool in large
        for one in (small[tool], large[tool])
    ]  # fmt: skip
    return _markdown(head, rows)


def _came(one: Summary) -> str:
    came = f"{one.lost:,} of {one.expected:,} missing" if one.lost else "all"
    came += f", {one.repeated:,} twice" if one.repeated else ""
    return f"failed, {came}: {one.error}" if one.error else came


def _ratio(value: float, base: float | None) -> str:
    return f"{value / base:.2f}" if base else "–"


def _markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    rule = ("---", *("--:" for _ in head[1:]))
    return "\n".join(
        f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in (head, rule, *rows)
    )
