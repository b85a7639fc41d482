"""What is wrong with the settings."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from tap_ayra.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterable

INVALID = Message("settings-invalid", "Invalid settings ({problems}):")
REQUIRED = Message("setting-required", "{name} is required. Set it to {expected} ({variable}).")
UNEXPECTED = Message("setting-unexpected", "{name}: expected {expected}, got {value}")
MALFORMED_KEY = Message(
    "setting-malformed-key",
    "{name} contains spaces or non-ASCII characters. Copy it again from Ayra.",
)
UNKNOWN = Message("setting-unknown", 'Unknown setting "{name}".{hint}')
UNKNOWN_VARIABLE = Message(
    "setting-unknown-variable", "Unknown environment variable {name}: ignored.{hint}"
)
BEFORE = Message("setting-before", "{high} ({last}) is before {low} ({first})")
REQUIRED_BY = Message(
    "setting-required-by", "{name} is required if {other} is true. Set it ({variable})."
)
LESS = Message("setting-less", "{high} ({last}) is less than {low} ({first})")

UNKNOWN_STREAM = Message(
    "stream-maps-unknown-stream", 'stream_maps: unknown stream "{name}".{hint}'
)
UNKNOWN_FIELD = Message("stream-maps-unknown-field", '{place}: unknown field "{name}".{hint}')
UNKNOWN_OPTION = Message("stream-maps-unknown-option", '{place}: unknown option "{name}".{hint}')
BAD_EXPRESSION = Message(
    "stream-maps-expression", "{place}: not a valid expression. Check its syntax."
)
UNUSABLE = Message("stream-maps-unusable", "stream_maps: {reason}")


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Suggest the known name that is closest; empty if none is close.

    Args:
        name: the name to replace.
        known: the names to choose from.
        prefix: what all of them, the unknown one included, are to be shown with.
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f' Did you mean "{prefix}{close[0]}"?' if close else ""
