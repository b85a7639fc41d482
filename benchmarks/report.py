"""The results as Markdown tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.summary import Spread, Summary, summarise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BASES = {"end-to-end": "dlt"}
_BASE = "SDK template tap"


def report(results: dict[str, Any]) -> str:
    """Write everything that was measured as tables, with the machine, versions and date."""
    summaries = summarise(results["runs"])
    cases = {case["name"]: case for case in results["cases"]}
    parts = ["# Benchmark results", _preamble(results)]
    for name, tools in summaries.items():
        if name.startswith("memory-"):
            continue
        parts.append(f"## {name}: {cases[name]['title']}")
        if name == "deletions":
            parts.append(_losses(tools))
        elif cases[name]["loads"]:
            parts.append(_loads(tools, tools.get(_BASES[name])))
        else:
            parts.append(_table(tools, tools.get(_BASE), results["untyped"]))
            parts += _windows(tools, cases[name]["least"])
    if {"memory-small", "memory-large"} <= summaries.keys():
        parts += ["## memory", _memory(summaries["memory-small"], summaries["memory-large"])]
    return "\n\n".join(parts) + "\n"


def _preamble(results: dict[str, Any]) -> str:
    machine = results["machine"]
    versions = [
        f"- {environment}: " + ", ".join(f"{name} {version}" for name, version in found.items())
        for environment, found in results["versions"].items()
    ]
    missing = [f"- {tool}: not measured: {why}" for tool, why in results["missing"].items()]
    text = (
        f"Measured on {results['date']} by `{results['command']}`: {machine['cpus']} × "
        f"{machine['processor']}, {machine['memory_gib']} GiB, {machine['system']}, Python "
        f"{machine['python']}. Servers and tools share the machine and speak plain HTTP. Times and "
        "memory are medians over the rounds, with the least and the most of them in brackets. "
        "What is measured, and how: [README](README.md)."
    )
    return "\n".join([text, "", *versions, *missing])


def _table(tools: Mapping[str, Summary], base: Summary | None, untyped: Sequence[str]) -> str:
    head = (
        "tool", "checks types", "wall s", "÷ template", "CPU s", "÷ template", "peak MiB",
        "requests", "429s", "rows that arrived",
    )  # fmt: skip
    rows = [
        (
            one.tool, "no" if one.tool in untyped else "yes",
            *_both(one, base), f"{one.memory.middle:.0f}",
            f"{one.requests:,}", f"{one.refused}", _arrived(one),
        )
        for one in tools.values()
    ]  # fmt: skip
    return _markdown(head, rows)


def _loads(tools: Mapping[str, Summary], base: Summary | None) -> str:
    head = (
        "tool", "wall s", "÷ dlt", "CPU s", "÷ dlt", "PostgreSQL's CPU s", "peak MiB",
        "requests", "rows in the table",
    )  # fmt: skip
    rows = [
        (
            one.tool, *_both(one, base), _spread(one.database_cpu),
            f"{one.memory.middle:.0f}", f"{one.requests:,}", _arrived(one),
        )
        for one in tools.values()
    ]  # fmt: skip
    return _markdown(head, rows)


def _windows(tools: Mapping[str, Summary], least: float) -> list[str]:
    lines = [
        f"- {one.tool}: {one.windows.middle:.1f} s, {one.windows.middle / least:.3f} × the least"
        for one in tools.values()
        if least and not one.error
    ]
    intro = (
        f"The rate limit alone takes {least} s, counted from the start of the first window. "
        "By that clock:"
    )
    return ["\n".join([intro, "", *lines])] if lines else []


def _losses(tools: Mapping[str, Summary]) -> str:
    head = ("tool", "rows lost that the API still has", "rows sent twice", "requests")
    rows = [
        (one.tool, one.error or f"{one.lost}", f"{one.repeated}", f"{one.requests}")
        for one in tools.values()
    ]
    return _markdown(head, rows)


def _memory(small: Mapping[str, Summary], large: Mapping[str, Summary]) -> str:
    head = ("tool", "conversations", "wall s", "CPU s", "peak MiB", "more MiB", "rows that arrived")
    rows = [
        (
            tool, f"{one.expected:,}", f"{one.wall.middle:.1f}", f"{one.cpu.middle:.1f}",
            f"{one.memory.middle:.0f}", f"{one.memory.middle - small[tool].memory.middle:.0f}",
            _arrived(one),
        )
        for tool in large
        for one in (small[tool], large[tool])
    ]  # fmt: skip
    return _markdown(head, rows)


def _arrived(one: Summary) -> str:
    text = f"{one.lost:,} of {one.expected:,} missing" if one.lost else "all"
    text += f", {one.repeated:,} twice" if one.repeated else ""
    return f"failed, {text}: {one.error}" if one.error else text


def _spread(value: Spread) -> str:
    if value.least == value.most:
        return f"{value.middle:.2f}"
    return f"{value.middle:.2f} ({value.least:.2f} to {value.most:.2f})"


def _both(one: Summary, base: Summary | None) -> tuple[str, str, str, str]:
    """Give wall and CPU time, each with its ratio to the base's."""
    wall = f"{one.wall.middle / base.wall.middle:.2f}" if base else "–"
    cpu = f"{one.cpu.middle / base.cpu.middle:.2f}" if base else "–"
    return _spread(one.wall), wall, _spread(one.cpu), cpu


def _markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    rule = ("---", *("--:" for _ in head[1:]))
    return "\n".join(
        f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in (head, rule, *rows)
    )
