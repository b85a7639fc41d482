"""The settings that the SDK brings, held to the JSON schemas that it brings along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

from tap_ayra.messages import settings as messages
from tap_ayra.redaction import one_line
from tap_ayra.settings.shown import kind_name, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_ayra.messages import Text

_KINDS = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
}


def sdk_problems(name: str, value: object, schema: Mapping[str, Any]) -> Iterator[Text]:
    """Find what is not valid in a setting of the SDK's.

    Args:
        name: of the setting.
        value: as `normalize` gives it.
        schema: its JSON schema. That of ``stream_maps`` is not valid JSON Schema itself; those
            entries are checked elsewhere.
    """
    checked = {"type": ["object"]} if name == "stream_maps" else schema
    for error in DEFAULT_JSONSCHEMA_VALIDATOR(checked).iter_errors(value):
        place = ".".join([name, *(one_line(part) for part in error.path)])
        expected = _expected(error.schema)
        # Objects may hold a salt or a password: of what is given for one, only the kind is shown.
        given = kind_name if expected == _KINDS["object"] else shown
        yield messages.UNEXPECTED(name=place, expected=expected, value=given(error.instance))


def _expected(schema: Mapping[str, Any]) -> str:
    """Describe what a schema takes."""
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    kinds = [kind for option in schema.get("oneOf", [schema]) for kind in _types(option)]
    return " or ".join(_KINDS[kind] for kind in kinds if kind != "null")


def _types(schema: Mapping[str, Any]) -> list[str]:
    kinds: str | list[str] = schema["type"]
    return [kinds] if isinstance(kinds, str) else kinds
