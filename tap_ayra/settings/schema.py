"""The JSON schema of the settings, as `--about` shows it and Singer tools read it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.helpers.capabilities import EMIT_ACTIVATE_VERSION_CONFIG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_ayra.settings.setting import Setting


def config_schema(settings: Mapping[str, Setting]) -> dict[str, Any]:
    """Write the schema of a configuration.

    The SDK adds the settings of its capabilities to it, all but the one for ACTIVATE_VERSION.
    """
    properties = {name: _property(setting) for name, setting in settings.items()}
    return {
        "type": "object",
        "properties": properties | copy.deepcopy(EMIT_ACTIVATE_VERSION_CONFIG["properties"]),
        "required": [name for name, setting in settings.items() if setting.required],
    }


def _property(setting: Setting) -> dict[str, Any]:
    """Write the schema of one setting, in the form in which the SDK writes its own."""
    schema = msgspec.json.schema(setting.type)
    value = schema.pop("anyOf", [schema])[0]
    kind = value.pop("type", "string")
    default = {} if setting.default is None else {"default": setting.default}
    secret = {"secret": True, "writeOnly": True} if setting.facts.secret else {}
    return {
        "type": [kind] if setting.required else [kind, "null"],
        "title": setting.title,
        **schema,
        **value,
        **default,
        **secret,
    }
