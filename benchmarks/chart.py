"""The results as an SVG: one small bar chart a condition, readable on light and dark alike."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from benchmarks.summary import Summary, summarise

_OWN = "tap-ayra"
_WIDTH, _COLUMNS, _GAP = 440, 2, 28
_LABEL, _VALUE, _ROW, _TOP = 124, 70, 22, 46
_TEXT, _FAINT, _BAR, _OWN_BAR = "#747d87", "#7d868f", "#a3acb5", "#1f8a70"


@dataclass(frozen=True, slots=True)
class _Panel:
    """One chart: which condition, which field, and how its values read."""

    case: str
    field: str
    what: str
    unit: str


_PANELS = (
    _Panel("cpu", "cpu", "CPU time", " s"),
    _Panel("latency", "wall", "Wall time", " s"),
    _Panel("rate-limit", "wall", "Wall time", " s"),
    _Panel("deep", "wall", "Wall time", " s"),
    _Panel("start-up", "wall", "Start-up", " s"),
    _Panel("deletions", "lost", "Rows lost", ""),
)


def chart(results: dict[str, Any]) -> str:
    """Draw every condition that was measured, shorter bars being better throughout."""
    summaries = summarise(results["runs"])
    titles = {case["name"]: case["title"] for case in results["cases"]}
    panels = [panel for panel in _PANELS if panel.case in summaries]
    height = _TOP + _ROW * max((len(summaries[panel.case]) for panel in panels), default=0) + _GAP
    drawn = [
        f'<g transform="translate({(number % _COLUMNS) * (_WIDTH + _GAP)},'
        f'{number // _COLUMNS * height})">'
        + _draw(panel, summaries[panel.case], titles[panel.case]) + "</g>"
        for number, panel in enumerate(panels)
    ]  # fmt: skip
    width = _COLUMNS * _WIDTH + (_COLUMNS - 1) * _GAP
    total = height * -(-len(panels) // _COLUMNS) + 20
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 -4 {width + 16} {total + 8}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="12" fill="{_TEXT}">'
    )
    title = "<title>tap-ayra and other ways to read the same endpoint</title>"
    note = f"Shorter is better. {_machine(results)}"
    foot = _text(0, total - 6, note, f'fill="{_FAINT}" font-size="11"')
    return "\n".join([head, title, *drawn, foot, "</svg>", ""])


def _draw(panel: _Panel, tools: dict[str, Summary], title: str) -> str:
    values = {tool: float(getattr(one, panel.field)) for tool, one in tools.items()}
    scale = (_WIDTH - _LABEL - _VALUE) / (max(values.values()) or 1)
    parts = [
        _text(0, 14, panel.what, 'font-weight="600" font-size="14"'),
        _text(0, 32, title, f'fill="{_FAINT}"'),
    ]
    for number, (tool, one) in enumerate(tools.items()):
        y = _TOP + number * _ROW
        colour = _OWN_BAR if tool == _OWN else _BAR
        bold = 'font-weight="600"' if tool == _OWN else ""
        length = max(1.0, values[tool] * scale)
        value = "failed" if one.error else f"{_number(values[tool])}{panel.unit}"
        bar = f'x="{_LABEL}" y="{y + 1}" width="{length:.1f}" height="14" rx="2"'
        parts += [
            _text(_LABEL - 8, y + 12, tool, f'text-anchor="end" {bold}'),
            f'<rect {bar} fill="{colour}"/>',
            _text(_LABEL + length + 6, y + 12, value, bold),
        ]
    least = max((one.least for one in tools.values()), default=0)
    if least:
        x = _LABEL + least * scale
        bottom = _TOP + len(tools) * _ROW
        parts += [
            f'<path d="M{x:.1f} {_TOP - 4}V{bottom}" stroke="{_TEXT}" stroke-dasharray="3 3"/>',
            _text(x, bottom + 10, "least possible", f'text-anchor="middle" fill="{_FAINT}"'),
        ]
    return "".join(parts)


def _number(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() else f"{value:.{1 if value >= 10 else 2}f}"


def _machine(results: dict[str, Any]) -> str:
    machine = results["machine"]
    return (
        f"{results['date']}, {machine['cpus']} × {machine['processor']}, Python {machine['python']}"
    )


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y}" {more}>{escape(text)}</text>'
