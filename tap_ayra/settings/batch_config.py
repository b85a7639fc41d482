"""What the setting ``batch_config`` takes beyond what the SDK's own schema says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_ayra.messages import settings as messages
from tap_ayra.redaction import one_line
from tap_ayra.settings.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_ayra.messages import Text

NAME = "batch_config"
_KNOWN = {
    NAME: ("encoding", "storage", "batch_size"),
    f"{NAME}.encoding": ("format", "compression"),
    f"{NAME}.storage": ("root", "prefix", "params"),
}


def batch_config_problems(config: Mapping[str, Any]) -> Iterator[Text]:
    """Find what is not valid.

    Args:
        config: the setting, valid by the SDK's schema.
    """
    encoding, storage = config.get("encoding") or {}, config.get("storage") or {}
    for place, known in _KNOWN.items():
        given = {NAME: config, f"{NAME}.encoding": encoding}.get(place, storage)
        for name in given:
            if name not in known:
                hint = messages.did_you_mean(name, known, f"{place}.")
                yield messages.UNKNOWN(name=f"{place}.{one_line(name)}", hint=hint)
    if not storage.get("root"):
        yield messages.REQUIRED(
            name=f"{NAME}.storage.root", expected="a folder", variable=f"TAP_AYRA_{NAME.upper()}"
        )
    size = config.get("batch_size", 1)
    if type(size) is not int or size < 1:
        yield _unexpected("batch_size", "an integer from 1", size)
    if encoding.get("format") != "jsonl":
        yield _unexpected("encoding.format", "jsonl", encoding.get("format"))


def _unexpected(name: str, expected: str, value: object) -> Text:
    return messages.UNEXPECTED(name=f"{NAME}.{name}", expected=expected, value=shown(value))
