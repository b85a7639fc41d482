"""Settings as files and the environment give them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from singer_sdk.helpers._util import load_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest


def as_read(config: Mapping[str, object]) -> dict[str, Any]:
    """Give a configuration as the SDK reads it from a file: fractions are `Decimal` in it."""
    return load_json(json.dumps(config))


def as_variable(value: object) -> str:
    """Write a value as one would into the environment."""
    return value if isinstance(value, str) else json.dumps(value)


def set_variables(environment: pytest.MonkeyPatch, **values: object) -> None:
    """Set the variables of settings."""
    for name, value in values.items():
        environment.setenv(f"TAP_AYRA_{name.upper()}", as_variable(value))


def case_name(row: tuple[Any, ...]) -> str:
    """Name a case after its setting and value."""
    return f"{row[0]}={str(row[1])[:30]!a}"
