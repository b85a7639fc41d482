"""One setting: what its declaration says of it, and how a value is held against that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta, inspect

if TYPE_CHECKING:
    from collections.abc import Mapping

Group = Literal["connection", "selection", "reading"]

_ABBREVIATIONS = {"Api": "API", "Id": "ID", "Url": "URL"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a declaration says beyond type, bounds, description and example.

    Attributes:
        group: the section of the documentation that it stands in.
        unit: of a number.
        filters: of a filter: whether the field that it looks at can still change after a
            conversation has begun.
        query: what it is called in the API's query, if it is sent there by another name than
            its own, or is sent and is not a filter.
        confidential: whether its value is kept out of logs and errors.
        secret: whether it is a credential.
    """

    group: Group
    unit: str = ""
    filters: Literal["fixed", "changing"] | None = None
    query: str = ""
    confidential: bool = False
    secret: bool = False


def about(description: str, facts: Facts, *, example: object) -> Meta:
    """Annotate a setting.

    Args:
        description: a noun phrase that ends with the unit and the default's meaning.
        facts: what else there is to say.
        example: a valid value other than the default.
    """
    return Meta(description=description, examples=[example], extra={"facts": facts})


@dataclass(frozen=True, slots=True)
class Setting:
    """A declared setting.

    Attributes:
        type: as declared, with all its annotations.
        kind: the bare type, as `msgspec.inspect` describes it.
        default: None if there is none.
        extra: what the annotations hold besides: ``expected`` and ``parse`` of the kind.
    """

    name: str
    type: Any
    kind: inspect.Type
    required: bool
    default: Any
    description: str
    example: Any
    facts: Facts
    extra: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Its name for people."""
        words = self.name.title().split("_")
        return " ".join(_ABBREVIATIONS.get(word, word) for word in words)

    @property
    def query(self) -> str:
        """What it is called in the API's query; empty if it is not sent there."""
        return self.facts.query or (self.name if self.facts.filters else "")

    @property
    def expected(self) -> str:
        """What a value is expected to be, in words."""
        return self.extra.get("expected") or _within_bounds(self.kind)

    def parse(self, value: object) -> Any:  # noqa: ANN401
        """Give a value in the type that it is used in.

        Raises:
            ValueError: if it is not valid.
        """
        parse = self.extra.get("parse")
        if parse and isinstance(value, str):
            value = parse(value)
        return msgspec.convert(value, self.type)


def settings_of(struct: type[msgspec.Struct]) -> dict[str, Setting]:
    """Give the settings that the fields of a struct declare, by name."""
    types = get_type_hints(struct, include_extras=True)
    declared = inspect.type_info(struct)
    assert isinstance(declared, inspect.StructType)  # noqa: S101
    return {field.name: _setting(field, types[field.name]) for field in declared.fields}


def _setting(field: inspect.Field, declared: Any) -> Setting:  # noqa: ANN401
    """Gather what the annotations of a type say, those around it and those inside ``| None``."""
    kind = field.type
    extra: dict[str, Any] = {}
    schema: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata | inspect.UnionType):
        if isinstance(kind, inspect.Metadata):
            extra |= kind.extra or {}
            schema |= kind.extra_json_schema or {}
            kind = kind.type
        else:
            kind = kind.types[0]
    return Setting(
        name=field.name,
        type=declared,
        kind=kind,
        required=field.required,
        default=None if field.default is msgspec.NODEFAULT else field.default,
        description=schema["description"],
        example=schema["examples"][0],
        facts=extra.pop("facts"),
        extra=extra,
    )


def _within_bounds(kind: inspect.Type) -> str:
    """Describe a choice, or a number within its bounds."""
    if isinstance(kind, inspect.LiteralType):
        return "one of " + ", ".join(map(str, kind.values))
    if not isinstance(kind, inspect.IntType | inspect.FloatType):
        raise TypeError(kind)
    noun = "an integer" if isinstance(kind, inspect.IntType) else "a number"
    if kind.le is None:
        return f"{noun} of {kind.ge:,} or more"
    if kind.gt is None:
        return f"{noun} from {kind.ge:,} to {kind.le:,}"
    return f"{noun} above {kind.gt:,} and up to {kind.le:,}"
