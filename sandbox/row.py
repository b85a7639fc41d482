"""What the API shows of a conversation at a moment, and for how long it stays the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sandbox.clock import FOREVER
from sandbox.formats import encode, encode_clean, timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.call import Call

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_WITH_TRANSCRIPT = {"has_transcript": True}
_SECONDS_BEFORE_MOOD_IS_KNOWN = 30
_SECONDS_PER_TOPIC = 60


@dataclass(slots=True)
class ShownRow:
    """What the API shows of a call from one moment until just before another.

    Attributes:
        since: The first moment.
        before: The other.
        edits: How often the call's fields had been assigned.
        corrections: How many corrections the call had.
        row: The conversation.
        is_clean: Whether it is made of nothing but values that the API documents.
    """

    since: datetime
    before: datetime
    edits: int
    corrections: int
    row: Mapping[str, Any]
    is_clean: bool
    _encoded: bytes | None = None

    @property
    def encoded(self) -> bytes:
        """The conversation as JSON text."""
        if self._encoded is None:
            self._encoded = encode_clean(self.row) if self.is_clean else encode(self.row)
        return self._encoded


def show(call: Call, now: datetime, edits: int) -> ShownRow:
    """Return what the API shows of a call at a moment.

    Args:
        call: The call.
        now: The moment.
        edits: How often the call's fields have been assigned.
    """
    since, before, row = _phase(call, now)
    steps: list[tuple[datetime, Mapping[str, Any]]] = []
    if call.restated_start is not None:
        steps.append((call.restated_from, {}))
    if (ready := call.transcript_from) is not None:
        steps.append((ready, _WITH_TRANSCRIPT))
    if call.corrections:
        steps += sorted(call.corrections, key=itemgetter(0))
    for when, fields in steps:
        if now < when:
            before = min(before, when)
        else:
            since = max(since, when)
            row |= fields
    row |= call.overrides
    # NaN is a float, and only what is given from outside can be one.
    is_clean = not (call.corrections or call.overrides) and type(row["duration"]) is int
    return ShownRow(since, before, edits, len(call.corrections), row, is_clean)


def _phase(call: Call, now: datetime) -> tuple[datetime, datetime, dict[str, Any]]:
    """Return from when until before when certain values hold, and the row with them."""
    start = call.start_at(now)
    row = _unprocessed(call, start)
    if call.end is None or now < call.end:
        so_far = max(0, int((now - start).total_seconds()))
        row |= _heard_within(call, so_far)
        row["status"], row["duration"] = "in_progress", so_far
        return (
            start + timedelta(seconds=so_far) if so_far else _BEGINNING,
            min(start + timedelta(seconds=so_far + 1), call.end or FOREVER),
            row,
        )
    length = (call.end - start).total_seconds()
    row["status"] = call.status
    row["end_time"] = timestamp(call.end, call.time_format)
    row["duration"] = int(length) if call.duration is None else call.duration
    if call.processed_at is not None and now < call.processed_at:
        row |= _heard_within(call, length)
        return call.end, call.processed_at, row
    row["sentiment"] = call.sentiment
    row["outcome"] = call.outcome
    row["topics"] = list(call.topics)
    row["has_recording"] = call.has_recording
    row["summary"] = call.summary
    return max(call.end, call.processed_at or call.end), FOREVER, row


def _unprocessed(call: Call, start: datetime) -> dict[str, Any]:
    shown = timestamp(start, call.time_format)
    return {
        "id": call.id,
        "agent_id": call.agent_id,
        "agent_name": call.agent_name,
        "caller_number": call.caller_number,
        "status": None,
        "start_time": shown,
        "end_time": None,
        "duration": None,
        "sentiment": None,
        "outcome": None,
        "topics": [],
        "has_recording": False,
        "has_transcript": False,
        "summary": None,
        "created_at": shown if start is call.start else timestamp(call.start, call.time_format),
    }


def _heard_within(call: Call, seconds: float) -> dict[str, Any]:
    """Return the mood and the topics that are known this long after the start."""
    known_topics = min(len(call.topics) - 1, int(seconds / _SECONDS_PER_TOPIC))
    return {
        "sentiment": "neutral" if seconds >= _SECONDS_BEFORE_MOOD_IS_KNOWN else None,
        "topics": list(call.topics[: max(0, known_topics)]),
    }
