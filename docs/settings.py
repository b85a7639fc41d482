"""What is written about the settings, from their declaration and the SDK's."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any

from tap_ayra.settings import DECLARED
from tap_ayra.tap import TapAyra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_ayra.settings.setting import Setting

GROUPS = {
    "connection": "Connection",
    "selection": "What to read",
    "reading": "How it is read",
}


def about() -> dict[str, Any]:
    """Give what `tap-ayra --about --format=json` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as written:
        TapAyra.print_about(output_format="json")
    said: dict[str, Any] = json.loads(written.getvalue())
    return said


def of_the_sdk() -> dict[str, dict[str, Any]]:
    """Give the JSON schemas of the settings that the SDK brings, by name."""
    properties: dict[str, dict[str, Any]] = about()["settings"]["properties"]
    return {name: schema for name, schema in properties.items() if name not in DECLARED}


def table(group: str) -> str:
    """Give the table of one group of settings, in Markdown."""
    rows = [
        (
            f"`{setting.name}`",
            _valid(setting),
            _default(setting.default, required=setting.required),
            _code(setting.example),
            setting.description,
        )
        for setting in DECLARED.values()
        if setting.facts.group == group
    ]
    return _markdown("Setting|Value|Default|Example|Meaning", rows)


def sdk_table() -> str:
    """Give the table of the SDK's settings, in Markdown."""
    rows = [
        (
            f"`{name}`",
            next(kind for kind in schema["type"] if kind != "null"),
            _default(schema.get("default")),
            schema["description"],
        )
        for name, schema in of_the_sdk().items()
    ]
    return _markdown("Setting|Value|Default|Meaning", rows)


def environment_lines() -> str:
    """Give the lines of `.env.example`: every setting, those that are not required in comments."""
    lines = []
    for group, title in GROUPS.items():
        lines.append(f"# --- {title}")
        for setting in DECLARED.values():
            if setting.facts.group != group:
                continue
            lines.append(f"# {setting.description}")
            variable = f"TAP_AYRA_{setting.name.upper()}"
            if setting.required:
                lines.append(f"{variable}=")
            else:
                value = setting.example if setting.default is None else setting.default
                lines.append(f"# {variable}={_plain(value)}")
        lines.append("")
    return "\n".join(lines) + "\n"


def _valid(setting: Setting) -> str:
    words = "secret" if setting.facts.secret else setting.expected.partition(" (")[0]
    unit = f" ({setting.facts.unit})" if setting.facts.unit else ""
    return words.removeprefix("an ").removeprefix("a ") + unit


def _default(value: object, *, required: bool = False) -> str:
    if required:
        return "required"
    return "" if value is None else _code(value)


def _code(value: object) -> str:
    return f"`{_plain(value)}`"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _markdown(header: str, rows: Sequence[tuple[str, ...]]) -> str:
    names = header.split("|")
    lines = [names, ["---"] * len(names), *([*row] for row in rows)]
    cells = [" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines]
    return "\n" + "".join(f"| {line} |\n" for line in cells) + "\n"
