"""The results as an SVG of three panels, each of which says in its title what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from benchmarks.loads import LOADS
from benchmarks.summary import Spread, Summary, summarise
from benchmarks.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COLOURS = {
    "light": {"paper": "#ffffff", "text": "#1f2328", "note": "#59636e", "bar": "#6a737d",
              "own": "#1a7f37", "lost": "#c62832"},
    "dark": {"paper": "#0d1117", "text": "#f0f6fc", "note": "#9198a1", "bar": "#8b949e",
             "own": "#3fb950", "lost": "#ff7b72"},
}  # fmt: skip
_OWN = {tool.name for tool in (*LOADS, *TOOLS) if tool.own}
_WIDTH, _MARGIN, _LABELS, _VALUES = 760, 20, 178, 172
_TITLE, _ROW, _GAP, _FOOT = 52, 24, 22, 26


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    conditions: str
    rows: list[str]

    @property
    def height(self) -> int:
        return _TITLE + _ROW * len(self.rows) + _GAP


def chart(results: dict[str, Any]) -> str:
    """Draw what was measured; a case that was not is left out."""
    summaries = summarise(results["runs"])
    titles = {case["name"]: case["title"] for case in results["cases"]}
    draw: dict[str, Callable[[Mapping[str, Summary], str], _Panel]] = {
        "deletions": _losses,
        "end-to-end": _end_to_end,
        "cpu": _cpu,
    }
    panels = [
        make(summaries[name], titles[name]) for name, make in draw.items() if name in summaries
    ]
    height = sum(panel.height for panel in panels) + _FOOT + _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'font-family="system-ui, -apple-system, Segoe UI, sans-serif" font-size="13">'
    )
    parts = [
        head,
        "<title>tap-ayra beside other ways to read the same API</title>",
        f"<desc>{escape('. '.join(panel.title for panel in panels))}.</desc>",
        _style(),
        f'<rect class="paper" width="{_WIDTH}" height="{height}" rx="6"/>',
    ]
    top = _MARGIN
    for panel in panels:
        parts.append(f'<g transform="translate({_MARGIN},{top})">')
        parts.append(_text(0, 14, panel.title, "text", 'font-size="15" font-weight="600"'))
        parts.append(_text(0, 33, panel.conditions, "note"))
        parts += [
            f'<g transform="translate(0,{_TITLE + number * _ROW})">{row}</g>'
            for number, row in enumerate(panel.rows)
        ]
        parts.append("</g>")
        top += panel.height
    parts += [
        _text(_MARGIN, height - 16, _machine(results), "note", 'font-size="12"'),
        "</svg>",
        "",
    ]
    return "\n".join(parts)


def _losses(tools: Mapping[str, Summary], conditions: str) -> _Panel:
    ranked = sorted(tools.values(), key=lambda one: one.lost)
    most = max(one.lost for one in ranked)
    kept = [one.tool for one in ranked if not one.lost]
    title = "Rows lost when rows are deleted while the tool reads"
    if kept == ["tap-ayra"]:
        title = "Only tap-ayra loses no row when rows are deleted while it reads"
    rows = []
    for one in ranked:
        marks = "".join(
            f'<circle class="lost" cx="{_LABELS + 7 + number * 18}" cy="10" r="6"/>'
            for number in range(one.lost)
        )
        x = _LABELS + 18 * most + 8 if one.lost else _LABELS
        rows.append(_label(one.tool) + marks + _value(x, one, f"{one.lost} lost"))
    return _Panel(title, conditions, rows)


def _end_to_end(tools: Mapping[str, Summary], conditions: str) -> _Panel:
    others = [one for one in tools.values() if one.tool not in _OWN and not one.error]
    own = [one for one in tools.values() if one.tool in _OWN and not one.error]
    title = "Time until the rows are in PostgreSQL"
    if others and own:
        rival = min(others, key=lambda one: one.wall.middle)
        best = min(own, key=lambda one: one.wall.middle)
        title = (
            f"tap-ayra loads PostgreSQL in {_times(best.wall, rival.wall)} the time of {rival.tool}"
        )
    return _bars(title, f"Wall time, {conditions}", tools, lambda one: one.wall)


def _cpu(tools: Mapping[str, Summary], conditions: str) -> _Panel:
    own, template = tools.get("tap-ayra"), tools.get("SDK template tap")
    title = "CPU time of the tap alone"
    if own and template and not own.error and not template.error:
        title = (
            f"tap-ayra reads with {_times(own.cpu, template.cpu)} the CPU of the SDK template tap"
        )
    return _bars(title, f"CPU time, {conditions}", tools, lambda one: one.cpu)


def _bars(
    title: str,
    conditions: str,
    tools: Mapping[str, Summary],
    value: Callable[[Summary], Spread],
) -> _Panel:
    """Draw a bar as long as the median, and a line from the least to the most."""
    ranked = sorted(tools.values(), key=lambda one: (bool(one.error), value(one).middle))
    longest = max(value(one).most for one in ranked) or 1
    scale = (_WIDTH - 2 * _MARGIN - _LABELS - _VALUES) / longest
    rows = []
    for one in ranked:
        spread = value(one)
        colour = "own" if one.tool in _OWN else "bar"
        length = max(1.0, spread.middle * scale)
        low, high = (_LABELS + end * scale for end in (spread.least, spread.most))
        row = _label(one.tool) + (
            f'<rect class="{colour}" x="{_LABELS}" y="3" width="{length:.1f}" height="14" rx="2"/>'
        )
        text = f"{_number(spread.middle)} s"
        if one.rounds > 1:
            ends = f"M{low:.1f} 18v4M{high:.1f} 18v4"
            row += f'<path class="range" d="M{low:.1f} 20H{high:.1f}{ends}"/>'
            text += f" ({_number(spread.least)} to {_number(spread.most)})"
        rows.append(row + _value(max(_LABELS + length, high) + 8, one, text))
    return _Panel(title, f"{conditions}; median and range", rows)


def _label(tool: str) -> str:
    weight = 'font-weight="600"' if tool in _OWN else ""
    return _text(_LABELS - 10, 14, tool, "text", f'text-anchor="end" {weight}')


def _value(x: float, one: Summary, text: str) -> str:
    weight = 'font-weight="600"' if one.tool in _OWN else ""
    return _text(x, 14, "failed" if one.error else text, "text", weight)


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _times(own: Spread, other: Spread) -> str:
    return f"{own.middle / other.middle:.2f} ×"


def _machine(results: dict[str, Any]) -> str:
    machine = results["machine"]
    return (
        f"Shorter is better. {results['date']}, {machine['cpus']} × {machine['processor']}, "
        f"Python {machine['python']}"
    )


def _style() -> str:
    rules = {scheme: _rules(colours) for scheme, colours in COLOURS.items()}
    dark = f"@media (prefers-color-scheme: dark) {{ {rules['dark']} }}"
    return f"<style>{rules['light']} {dark}</style>"


def _rules(colours: Mapping[str, str]) -> str:
    fills = " ".join(f".{name} {{ fill: {colour} }}" for name, colour in colours.items())
    return f"{fills} .range {{ stroke: {colours['text']}; fill: none }}"


def _text(x: float, y: float, text: str, colour: str, more: str = "") -> str:
    return f'<text class="{colour}" x="{x:.1f}" y="{y}" {more}>{escape(text)}</text>'
