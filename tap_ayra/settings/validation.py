"""Every problem of a configuration, found at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import ConfigValidationError

from tap_ayra.messages import plural
from tap_ayra.messages import settings as messages
from tap_ayra.redaction import one_line
from tap_ayra.settings.batch_config import batch_config_problems
from tap_ayra.settings.of_the_sdk import sdk_problems
from tap_ayra.settings.shown import shown
from tap_ayra.settings.stream_maps import stream_map_problems
from tap_ayra.settings.values import DECLARED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from tap_ayra.messages import Text
    from tap_ayra.settings.setting import Setting

_SECRET_IN_URL = re.compile(r"(?<=//).*@|(?<=[?#]).*(?=\")")


def find_problems(
    config: Mapping[str, Any],
    schema: Mapping[str, Any],
    streams: Mapping[str, Collection[str]],
) -> list[Text]:
    """Hold a configuration against what the settings allow.

    Args:
        config: as `normalize` gives it.
        schema: the JSON schema of all settings, the SDK's included.
        streams: the names of the fields of each stream.

    Returns:
        One line for each problem: the setting, what is expected, and what it is (never a key or
        a phone number). Empty if there is none.
    """
    properties = schema["properties"]
    problems = [_missing(DECLARED[name]) for name in schema["required"] if name not in config]
    bad = set()
    for name, value in config.items():
        found = list(_problems(name, value, properties))
        problems += found
        bad |= {name} if found else set()
    problems += _contradictions({n: v for n, v in config.items() if n not in bad})
    if "stream_maps" in config and "stream_maps" not in bad:
        problems += stream_map_problems(config["stream_maps"], streams)
    return sorted(problems)


def _missing(setting: Setting) -> Text:
    return messages.REQUIRED(
        name=setting.name, expected=setting.expected, variable=_variable(setting.name)
    )


def _variable(name: str) -> str:
    return f"TAP_AYRA_{name.upper()}"


def _problems(name: str, value: object, properties: Mapping[str, Any]) -> Iterator[Text]:
    if name in DECLARED:
        try:
            DECLARED[name].parse(value)
        except ValueError:
            yield _unexpected(DECLARED[name], value)
    elif name in properties:
        found = list(sdk_problems(name, value, properties[name]))
        if not found and name == "batch_config" and isinstance(value, dict):
            found += batch_config_problems(value)
        yield from found
    else:
        yield messages.UNKNOWN(name=one_line(name), hint=messages.did_you_mean(name, properties))


def _unexpected(setting: Setting, value: object) -> Text:
    """Say what is wrong with a value, and nothing that is confidential."""
    if setting.facts.secret:
        return messages.MALFORMED_KEY(name=setting.name)
    text = shown(value)
    if setting.facts.confidential:
        text = re.sub(r"\w", "#", text)
    if setting.name == "api_url":
        text = _SECRET_IN_URL.sub("***", text)
    return messages.UNEXPECTED(name=setting.name, expected=setting.expected, value=text)


def _contradictions(config: Mapping[str, Any]) -> Iterator[Text]:
    for low, high, message in (
        ("start_date", "end_date", messages.BEFORE),
        ("min_duration", "max_duration", messages.LESS),
    ):
        if low in config and high in config:
            first, last = (DECLARED[name].parse(config[name]) for name in (low, high))
            if last < first:
                yield message(low=low, high=high, first=config[low], last=config[high])
    depth = "flattening_max_depth"
    if config.get("flattening_enabled") is True and depth not in config:
        yield messages.REQUIRED_BY(
            name=depth, other="flattening_enabled", variable=_variable(depth)
        )


def invalid_settings(problems: Sequence[str]) -> ConfigValidationError:
    """Give the error that names every problem."""
    summary = messages.INVALID(problems=plural(len(problems), "problem"))
    return ConfigValidationError(summary, errors=[*problems])
