"""The documentation's parts that are generated from what the tap says of itself.

`python -m docs.generate` writes them into README.md.
"""

from __future__ import annotations

import json
from typing import Any

from sandbox.meltano_project import ROOT
from tap_ayra.tap import TapAyra
from tests.singer import captured

README = ROOT / "README.md"
BEGIN, END = "<!-- settings -->\n", "<!-- /settings -->"

_KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` / `false`",
    "object": "object",
}
_FORMATS = {"uri": "URL", "date-time": "date or date-time"}


def about() -> dict[str, Any]:
    """Give what `tap-ayra --about --format=json` prints."""
    with captured() as written:
        TapAyra.print_about(output_format="json")
    said: dict[str, Any] = json.loads(written.getvalue())
    return said


def settings_table(said: dict[str, Any]) -> str:
    """Give the table of all settings, in Markdown."""
    required = said["settings"]["required"]
    rows = [
        (
            f"`{name}`",
            _kind(schema),
            "required" if name in required else _default(schema),
            schema["description"].replace("|", "\\|"),
        )
        for name, schema in said["settings"]["properties"].items()
    ]
    header = [("Setting", "Kind", "Default", "Meaning"), ("---", "---", "---", "---")]
    return "".join(f"| {' | '.join(row)} |\n" for row in [*header, *rows])


def with_settings(readme: str) -> str:
    """Give the README with the table as it should be."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        message = f"README.md needs a line {BEGIN.strip()} and a line {END} after it"
        raise ValueError(message)
    return f"{before}{BEGIN}\n{settings_table(about())}\n{END}{after}"


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("secret") or "format" in schema:
        return "secret" if schema.get("secret") else _FORMATS[schema["format"]]
    kind = _KINDS[next(name for name in schema["type"] if name != "null")]
    least, above, most = map(schema.get, ("minimum", "exclusiveMinimum", "maximum"))
    if most is not None:
        return f"{kind}, {least} to {most}"
    if least is not None:
        return f"{kind}, at least {least}"
    return kind if above is None else f"{kind}, more than {above}"


def _default(schema: dict[str, Any]) -> str:
    value = schema.get("default")
    if value is None:
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


if __name__ == "__main__":
    README.write_text(with_settings(README.read_text(encoding="utf-8")), encoding="utf-8")
