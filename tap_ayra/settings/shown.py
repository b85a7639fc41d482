"""How a value that is not valid is shown in an error."""

from __future__ import annotations

import json

from tap_ayra.redaction import one_line

_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
_LONGEST = 60


def shown(value: object) -> str:
    """Write a value as JSON does, on one line and not too long; a container by its kind."""
    if isinstance(value, dict | list):
        return kind_name(value)
    text = one_line(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def kind_name(value: object) -> str:
    """Name the JSON type of a value."""
    return _KINDS.get(type(value), "null" if value is None else "a number")
