"""Settings from environment variables and the file ``.env``."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from dotenv import dotenv_values

if TYPE_CHECKING:
    from collections.abc import Mapping

TRUE_WORDS = ("true", "1", "yes", "on")
FALSE_WORDS = ("false", "0", "no", "off")


def environment_config(prefix: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Read the settings from environment variables and the file ``.env``.

    The environment goes before the file, an empty variable counts as unset, and a value that
    its setting does not allow is left as it is, to be named as a fault.

    Args:
        prefix: of the variables' names.
        properties: the settings' JSON schemas, by name.
    """
    found = {**dotenv_values(".env"), **os.environ}
    texts = {name: found.get(prefix + name.upper()) for name in properties}
    return {name: _from_text(text, properties[name]) for name, text in texts.items() if text}


def _from_text(text: str, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401
    kinds = schema.get("type", [])
    if "string" in kinds:
        return text
    if "boolean" in kinds:
        word = text.strip().lower()
        return True if word in TRUE_WORDS else False if word in FALSE_WORDS else text
    try:
        return json.loads(text)
    except ValueError:
        return text
