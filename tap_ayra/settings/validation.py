"""Settings as they come in, made uniform, and every fault in them named at once."""

from __future__ import annotations

import difflib
import ipaddress
import json
import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jsonschema import Draft7Validator

from tap_ayra.instants import parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema import ValidationError

NO_BATCH = (
    "batch_config is not offered: batch files would hold raw records, past selection and stream "
    "maps, and at this API's pace they gain nothing. Leave it out."
)
_HIDDEN = ("caller", "search")
_SECRET_IN_URL = re.compile(r"(?<=//).*@|(?<=[?#]).*(?=\")")
_LONGEST_VALUE = 60
_KINDS = {
    "string": "a text, not empty",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
}
_ALLOWED = {
    "api_key": "the key as Ayra shows it, without spaces or line breaks inside",
    "api_url": "an https address such as https://api.ayra.ai/v1 (plain http for this machine only)",
    "start_date": "an ISO 8601 date or date-time such as 2025-01-31 or 2025-01-31T14:30:00Z",
    "end_date": "an ISO 8601 date or date-time such as 2025-01-31 or 2025-01-31T14:30:00Z",
    "caller": "a phone number in E.164 form such as +15550100100",
}


def uniform(config: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Drop nulls, fill in defaults, trim keys and the like, and make ``5.0`` a whole number."""
    result = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
    result.update((name, value) for name, value in config.items() if value is not None)
    for name, value in result.items():
        kinds = properties.get(name, {}).get("type", [])
        number = float(value) if isinstance(value, Decimal) else value  # the SDK's from a file
        whole = "integer" in kinds and isinstance(number, float) and number.is_integer()
        result[name] = int(number) if whole else number
    for name in ("api_key", "api_url", "caller", "user_agent"):
        if isinstance(result.get(name), str):
            result[name] = result[name].strip()
    if isinstance(result.get("api_url"), str):
        result["api_url"] = result["api_url"].rstrip("/")
    return result


def find_faults(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Hold a configuration to what the settings allow.

    Args:
        config: as `uniform` gives it.
        schema: the JSON schema of all settings.

    Returns:
        One line for each fault: the setting, what it was (never a key or a phone number), and
        what is allowed. Empty where all is well.
    """
    properties = schema["properties"]
    faults = [
        f"{name} is missing: set it to {_allowed(name, properties[name])}"
        for name in schema.get("required", [])
        if name not in config
    ]
    for name in config.keys() - properties.keys():
        close = difflib.get_close_matches(name, properties, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        faults.append(NO_BATCH if name == "batch_config" else f"{name} is no setting{hint}")
    bad = set()
    for error in Draft7Validator({"properties": _repaired(properties)}).iter_errors(config):
        name = str(error.path[0])
        bad.add(name)
        faults.append(_fault_line(name, error, config, properties))
    for name in properties.keys() & config.keys() - bad:
        if not _is_sound(name, config[name]):
            bad.add(name)
            faults.append(_line(name, config[name], properties[name]))
    faults.extend(_contradictions(config, bad))
    return sorted(faults)


def _repaired(schema: Any) -> Any:  # noqa: ANN401
    """Make a valid schema of the SDK's, which names the type null without saying ``type``."""
    if isinstance(schema, list):
        return [_repaired(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    repaired = {key: _repaired(value) for key, value in schema.items()}
    if "anyOf" in repaired:
        repaired["anyOf"] = [item for item in repaired["anyOf"] if isinstance(item, dict)]
    return repaired


def _fault_line(
    name: str, error: ValidationError, config: Mapping[str, Any], properties: Mapping[str, Any]
) -> str:
    if len(error.path) > 1:
        place = ".".join(str(part) for part in error.path)
        return f"{place} is {_shown(name, error.instance)}, which is not allowed there"
    return _line(name, config[name], properties[name])


def _line(name: str, value: Any, schema: Mapping[str, Any]) -> str:  # noqa: ANN401
    was = "not usable" if name == "api_key" else _shown(name, value)
    return f"{name} is {was}; allowed is {_allowed(name, schema)}"


def _shown(name: str, value: Any) -> str:  # noqa: ANN401
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value, ensure_ascii=False, default=str)
    if name in _HIDDEN:
        text = re.sub(r"\w", "#", text)
    if name == "api_url":
        text = _SECRET_IN_URL.sub("***", text)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."


def _allowed(name: str, schema: Mapping[str, Any]) -> str:
    if name in _ALLOWED:
        return _ALLOWED[name]
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    kind = next((kind for kind in schema.get("type", []) if kind in _KINDS), "string")
    bounds = [
        f"{words} {schema[key]}"
        for key, words in {
            "minimum": "at least",
            "exclusiveMinimum": "more than",
            "maximum": "at most",
        }.items()
        if key in schema
    ]
    return " ".join([_KINDS[kind], " and ".join(bounds)]).strip()


def _is_sound(name: str, value: Any) -> bool:  # noqa: ANN401
    """Check what JSON Schema does not: dates, addresses, keys, numbers without end."""
    if name in {"start_date", "end_date"}:
        try:
            parse_instant(value)
        except ValueError:
            return False
    if name == "api_key":
        return bool(re.fullmatch(r"[\x21-\x7e]+", value))
    if name == "api_url":
        return _is_api_url(value)
    if name == "user_agent":
        return bool(re.fullmatch(r"[\x20-\x7e]+", value))
    return not isinstance(value, float) or math.isfinite(value)


def _is_api_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # the port may be no number, which is told here
    except ValueError:
        return False
    if not host or re.search(r"[\s@?#]", url):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_this_machine(host))


def is_this_machine(host: str) -> bool:
    """Tell whether a host's name or address is that of the machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _contradictions(config: Mapping[str, Any], bad: set[str]) -> Iterator[str]:
    for low, high in (("start_date", "end_date"), ("min_duration", "max_duration")):
        if low in config and high in config and not bad & {low, high}:
            first, last = config[low], config[high]
            if isinstance(first, str):
                wrong = parse_instant(last) < parse_instant(first)
            else:
                wrong = last < first
            if wrong:
                yield f"{high} is {last}; allowed is nothing before {low}, which is {first}"
