"""Makes a conversation fit its schema without changing what it says."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tap_ayra.errors import TapAyraError
from tap_ayra.instants import utc_text
from tap_ayra.messages import output as messages
from tap_ayra.redaction import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tap_ayra.messages import Message

MOST_SHAPES = 1000
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, Decimal),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_encode = msgspec.json.Encoder(decimal_format="number").encode
_BOOLEAN_TEXTS = {"true": True, "false": False, "1": True, "0": False}


class Conformer:
    """Fits records to a schema, and says once for each field what it had to do.

    Values of the right type pass as they are; date-times are rewritten in UTC, since targets
    drop offsets. A value of another type is converted where nothing is lost by that (a number
    where text was due, ``"true"`` where a truth value was); where that is impossible the record
    is refused by its id and the field's name. Fields that the schema does not know are left out.
    """

    def __init__(
        self,
        schema: Mapping[str, Any],
        *,
        own: Mapping[str, Any] | None = None,
        deselected: Collection[str],
        logger: logging.Logger,
    ) -> None:
        """Prepare for a schema.

        Args:
            schema: the JSON schema of a record, flat but for arrays of strings.
            own: the stream's own schema; `schema` if not given.
            deselected: names of the fields to leave out.
            logger: gets one warning for each odd field.
        """
        properties: Mapping[str, Any] = schema["properties"]
        own_properties = properties if own is None else own["properties"]
        #: Whether a record that fits the stream's own schema fits this one as it is.
        self.changes_nothing = not deselected and all(
            _kind(properties.get(name)) == _kind(own_properties[name]) for name in own_properties
        )
        self._known = properties.keys()
        self._open = bool(schema.get("additionalProperties"))
        self._deselected = frozenset(deselected)
        types = {name: _types(properties[name]) for name in properties}
        self._types = {name: kinds for name, kinds in types.items() if kinds}
        self._moments = [
            name
            for name, definition in properties.items()
            if definition.get("format") == "date-time" and name not in self._deselected
        ]
        self._texts = [
            name
            for name, definition in properties.items()
            if "string" in definition.get("items", {}).get("type", ())
        ]
        self._logger = logger
        self._warned: set[str] = set()
        self._fitting_shapes: set[tuple[object, ...]] = set()

    def conform(self, record: dict[str, Any]) -> dict[str, Any]:
        """Fit a record to the schema, in place.

        Raises:
            TapAyraError: if a value cannot be delivered in its field.
        """
        if not record.keys() <= self._known and not self._open:
            for name in record.keys() - self._known:
                del record[name]
                self._warn(messages.FIELD_UNKNOWN, name)
        for name in self._deselected:
            record.pop(name, None)
        self._fit_types(record)
        self._fit_moments(record)
        return record

    def _fit_types(self, record: dict[str, Any]) -> None:
        shape = (*record, *map(type, record.values()))
        if shape not in self._fitting_shapes:
            odd = [
                name
                for name, value in record.items()
                if value is not None
                and name in self._types
                and type(value) not in self._types[name]
            ]
            for name in odd:
                record[name] = self._convert(record, name, record[name])
            if not odd and len(self._fitting_shapes) < MOST_SHAPES:
                self._fitting_shapes.add(shape)
        for name in self._texts:
            items = record.get(name)
            if items and not all(type(item) is str for item in items):
                record[name] = [item if item is None else _text(item) for item in items]

    def _fit_moments(self, record: dict[str, Any]) -> None:
        fitted: dict[str, str] = {}  # a call is created when it starts, most often
        for name in self._moments:
            text = record.get(name)
            if text == "":
                record[name] = None
                self._warn(messages.FIELD_EMPTY, name)
            elif text is not None:
                try:
                    record[name] = fitted[text] = fitted.get(text) or utc_text(text)
                except ValueError:
                    raise _refusal(record, name, _json_type(text)) from None

    def _convert(self, record: dict[str, Any], name: str, value: Any) -> Any:  # noqa: ANN401
        types = self._types[name]
        converted: Any = None
        if str in types and name not in self._moments:  # numbers are not date-times
            converted = _text(value)
        elif bool in types:
            converted = _BOOLEAN_TEXTS.get(str(value).lower())
        elif Decimal in types or int in types:
            converted = _number(value)
        elif list in types and isinstance(value, str):
            converted = [value]
        if converted is None or type(converted) not in types:
            raise _refusal(record, name, _json_type(value))
        self._warn(
            messages.FIELD_CONVERTED, name, got=_json_type(value), kind=_json_type(converted)
        )
        return converted

    def _warn(self, message: Message, name: str, **values: str) -> None:
        if name not in self._warned:
            self._warned.add(name)
            message(field=one_line(name), **values).log(self._logger, logging.WARNING)


def _refusal(record: Mapping[str, Any], name: str, got: str) -> TapAyraError:
    key = one_line(record.get("id", record.get("conversation_id")))
    return TapAyraError(messages.FIELD_INVALID(id=key, field=name, got=got))


def _kind(definition: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """Tell property definitions apart by what they mean for a value."""
    definition = definition or {}
    kinds = definition.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    items = definition.get("items")
    return sorted(kinds), definition.get("format"), items and _kind(items)


def _json_type(value: Any) -> str:  # noqa: ANN401
    """Name the JSON type of a value, with its article."""
    names = {str: "a string", bool: "a boolean", list: "a list", dict: "an object"}
    return "null" if value is None else names.get(type(value), "a number")


def _types(definition: Mapping[str, Any]) -> tuple[type, ...]:
    kinds = definition.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return tuple(kind for name in kinds for kind in _TYPES.get(name, ()))


def _text(value: Any) -> str:  # noqa: ANN401
    """Text as it is, anything else as JSON, every digit kept."""
    return value if isinstance(value, str) else _encode(value).decode()


def _number(value: Any) -> int | Decimal | None:  # noqa: ANN401
    if not isinstance(value, str) or "_" in value:  # which Python's numbers may hold
        return None
    for kind in (int, Decimal):
        try:
            number: int | Decimal = kind(value)
        except (ValueError, ArithmeticError):
            continue
        return number if Decimal(number).is_finite() else None
    return None
