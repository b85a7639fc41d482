"""Settings as people and programs write them, made uniform."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

TRUE_WORDS = ("true", "1", "yes", "on")
FALSE_WORDS = ("false", "0", "no", "off")


def normalize(config: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in defaults and read texts as what their settings want.

    Null and the empty text count as unset: environment variables and Meltano know no other way to
    say so. A value that its setting cannot take stays as it is, to be reported.

    Args:
        config: the settings as given; from the environment they are all texts.
        properties: the settings' JSON schemas, by name.
    """
    result = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
    for name, value in config.items():
        read = _read(value, _kind_of(properties.get(name, {})))
        if read not in (None, ""):
            result[name] = read
    return result


def _kind_of(schema: Mapping[str, Any]) -> str:
    """Give the JSON type of a setting, null aside; empty if its schema names none."""
    return next((kind for kind in schema.get("type", ()) if kind != "null"), "")


def _read(value: Any, kind: str) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return _from_text(value.strip(), kind)
    if isinstance(value, Decimal):  # from the SDK's JSON reader
        value = float(value)
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _from_text(text: str, kind: str) -> Any:  # noqa: ANN401
    if kind == "boolean":
        word = text.lower()
        return True if word in TRUE_WORDS else False if word in FALSE_WORDS else text
    wanted: type | tuple[type, ...]
    if kind in {"integer", "number"}:
        wanted = (int, float)
    elif kind == "object":
        wanted = dict
    else:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, bool) or not isinstance(value, wanted):
        return text
    return _read(value, kind)
