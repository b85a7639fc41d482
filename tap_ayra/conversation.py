"""What a conversation is, as ``GET /v1/conversations`` gives it, and when it is settled."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tap_ayra.instants import later, parse_instant

if TYPE_CHECKING:
    from collections.abc import Mapping

IN_PROGRESS = "in_progress"
ENDED = frozenset({"completed", "failed", "abandoned"})
ENDED_WITHOUT_LENGTH = frozenset({"failed", "abandoned"})
"""Statuses in which a conversation without an end and a duration counts as over at its start."""


class Conversation(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A conversation, its fields in their types; the streams' JSON schema says what each means.

    Times stay text, since a time that is already in UTC leaves the tap as it came.
    """

    id: str
    agent_id: str | None = None
    agent_name: str | None = None
    caller_number: str | None = None
    status: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    duration: int | float | None = None
    sentiment: str | None = None
    outcome: str | None = None
    topics: list[str | None] | None = None
    has_recording: bool | None = None
    has_transcript: bool | None = None
    summary: str | None = None
    created_at: str | None = None

    @classmethod
    def lenient(cls, record: Mapping[str, Any]) -> Conversation:
        """Take from a record that does not fit what can be judged of it: its id, status and times.

        Args:
            record: a conversation as the API gave it; its ``id`` is usable.
        """

        def text(name: str) -> str | None:
            value = record.get(name)
            return value if isinstance(value, str) else None

        try:
            duration: float | None = float(record["duration"])
        except (KeyError, TypeError, ValueError, OverflowError):
            duration = None
        return cls(
            str(record["id"]),
            status=text("status"),
            start_time=text("start_time"),
            end_time=text("end_time"),
            duration=duration,
            has_transcript=str(record.get("has_transcript")).lower() in {"true", "1"},
        )

    def end(self, start: datetime) -> datetime | None:
        """When the conversation ended, as far as its fields tell; None where they do not.

        Args:
            start: its ``start_time``, parsed.

        Returns:
            ``end_time``; else, for one that has ended, its start plus ``duration``; else, for a
            failed or abandoned one, its start.
        """
        if self.end_time:
            try:
                return parse_instant(self.end_time)
            except ValueError:
                pass
        if self.status not in ENDED:
            return None
        if self.duration is not None:
            try:
                return later(start, timedelta(seconds=self.duration))
            except (ValueError, OverflowError):
                pass
        return start if self.status in ENDED_WITHOUT_LENGTH else None

    def ended_by(self, moment: datetime, start: datetime) -> bool:
        """Tell whether the conversation is known to have ended at or before a moment."""
        if self.status == IN_PROGRESS:
            return False
        end = self.end(start)
        return end is not None and end <= moment


class Row(NamedTuple):
    """A conversation on its way from a page to the target.

    Attributes:
        conversation: its fields.
        start: its ``start_time`` as an instant; None where the API gives null.
        body: the JSON in which it came.
        fits: whether every field came in its type and none is unknown, so that its body may leave
            the tap as it is.
    """

    conversation: Conversation
    start: datetime | None
    body: msgspec.Raw
    fits: bool
