"""Rows as a crooked API shows them: rounded start times, text and numbers that are not clean."""

from __future__ import annotations

import json
import math
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

from sandbox.formats import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.call import Call

Rounding = Literal["down", "nearest", "up"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_NUMBERS = (math.nan, math.inf, -math.inf)


def rounded(moment: datetime, seconds: float, direction: Rounding) -> datetime:
    """Round a moment to a multiple of some seconds."""
    step = timedelta(seconds=seconds)
    below = moment - (moment - _EPOCH) % step
    past = moment - below
    up = {"down": False, "nearest": 2 * past >= step, "up": bool(past)}[direction]
    return below + step if up else below


@dataclass(frozen=True)
class Unclean:
    """What is done to rows before they are sent.

    Attributes:
        starts: How start times are rounded to whole seconds; None for not at all.
        latin1: Whose summary and transcript hold a byte that is not UTF-8.
        surrogate: Whose summary and transcript hold half of a surrogate pair.
        not_a_number: Whose duration and confidence are NaN or infinite.
    """

    starts: Rounding | None
    _: KW_ONLY
    latin1: Callable[[Call], bool]
    surrogate: Callable[[Call], bool]
    not_a_number: Callable[[Call], bool]

    def row(self, call: Call, now: datetime) -> dict[str, Any]:
        """Return a conversation as it is shown, text in latin-1 aside."""
        row = call.as_json(now)
        if self.starts is not None:
            shown = timestamp(rounded(call.start_at(now), 1, self.starts), call.time_format)
            row["start_time"] = shown
        self._spoil(call, row, text="summary", number="duration")
        return row

    def encoded(self, call: Call, now: datetime) -> bytes:
        """Return a conversation as it is sent."""
        return self.encode(call, self.row(call, now))

    def message(self, call: Call, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return a message of a call's transcript as it is shown, text in latin-1 aside."""
        spoiled = dict(message)
        self._spoil(call, spoiled, text="text", number="confidence")
        return spoiled

    def encode(self, call: Call, value: object) -> bytes:
        """Write what is shown of a call as JSON, or nearly."""
        text = json.dumps(value, separators=(",", ":")).encode()
        return text.replace(rb"(caf\u00e9)", b"(caf\xe9)") if self.latin1(call) else text

    def _spoil(self, call: Call, shown: dict[str, Any], *, text: str, number: str) -> None:
        if self.latin1(call):
            shown[text] = f"{shown[text] or ''} (café)"
        if self.surrogate(call):
            shown[text] = f"{shown[text] or ''} \ud83d"
        if self.not_a_number(call):
            shown[number] = _NOT_NUMBERS[crc32(call.id.encode()) % 3]
