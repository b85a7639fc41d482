"""Stream maps, checked for what would hide less than its author believes.

The SDK ignores an entry for a stream or a field that does not exist: what it was to hide would
leave in clear.
"""

from __future__ import annotations

import ast
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from tap_ayra.messages import settings as messages
from tap_ayra.redaction import one_line
from tap_ayra.settings.shown import kind_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tap_ayra.messages import Text

REMOVED = (None, "__NULL__")
_ELSE, _FILTER = "__else__", "__filter__"
_OPTIONS: dict[str, tuple[tuple[type, ...], str]] = {
    _ELSE: ((type(None),), '"__NULL__" or null'),
    "__alias__": ((str,), "a string"),
    _FILTER: ((str, type(None)), "a string"),
    "__key_properties__": ((list, type(None)), "a list of field names"),
    "__source__": ((str,), "a string"),
}


def stream_map_problems(
    maps: Mapping[str, Any], streams: Mapping[str, Collection[str]]
) -> Iterator[Text]:
    """Find the entries that cannot have the effect that they are meant to have.

    Args:
        maps: the setting ``stream_maps``.
        streams: the names of the fields of each stream.
    """
    for name, entry in maps.items():
        place = f"stream_maps.{one_line(name)}"
        if name == _ELSE:
            if entry not in REMOVED:
                yield _unexpected(place, '"__NULL__" or null', entry)
            continue
        source = entry.get("__source__", name) if isinstance(entry, dict) else name
        matched = [stream for stream in streams if fnmatch(stream, str(source))]
        if not matched:
            yield messages.UNKNOWN_STREAM(
                name=one_line(source), hint=messages.did_you_mean(str(source), streams)
            )
        elif isinstance(entry, dict):
            fields = {field for stream in matched for field in streams[stream]}
            yield from _entry_problems(place, entry, fields)
        elif entry not in REMOVED:
            yield _unexpected(place, 'an object, or "__NULL__" or null to leave it out', entry)


def _entry_problems(
    place: str, entry: Mapping[str, Any], fields: Collection[str]
) -> Iterator[Text]:
    for name, value in entry.items():
        where = f"{place}.{one_line(name)}"
        if name in _OPTIONS:
            kinds, expected = _OPTIONS[name]
            if not isinstance(value, kinds) and not (name == _ELSE and value in REMOVED):
                yield _unexpected(where, expected, value)
        elif name.startswith("__"):
            yield messages.UNKNOWN_OPTION(
                place=place, name=one_line(name), hint=messages.did_you_mean(name, _OPTIONS)
            )
        elif value in REMOVED and name not in fields:
            yield messages.UNKNOWN_FIELD(
                place=place, name=one_line(name), hint=messages.did_you_mean(name, fields)
            )
        elif value not in REMOVED and not isinstance(value, str):
            yield _unexpected(where, 'an expression, or "__NULL__" or null to remove it', value)
        is_expression = isinstance(value, str) and (name == _FILTER or name not in _OPTIONS)
        if is_expression and not _parses(value):
            yield messages.BAD_EXPRESSION(place=where)


def _parses(expression: str) -> bool:
    try:
        return bool(ast.parse(expression).body)
    except (SyntaxError, ValueError):
        return False


def _unexpected(place: str, expected: str, value: object) -> Text:
    return messages.UNEXPECTED(name=place, expected=expected, value=kind_name(value))
