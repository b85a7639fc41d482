"""What the API shows of a conversation at a moment, and for how long it stays the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from sandbox.clock import FOREVER
from sandbox.formats import encode, timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.call import Call

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_SECONDS_BEFORE_MOOD_IS_KNOWN = 30
_SECONDS_PER_TOPIC = 60


class ShownRow(NamedTuple):
    """What the API shows of a call from one moment until just before another."""

    since: datetime
    before: datetime
    edits: int
    corrections: int
    row: Mapping[str, Any]
    encoded: bytes


def show(call: Call, now: datetime, edits: int) -> ShownRow:
    """Return what the API shows of a call at a moment.

    Args:
        call: The call.
        now: The moment.
        edits: How often the call's fields have been assigned.
    """
    since, before, changing = _phase(call, now)
    steps: list[tuple[datetime, Mapping[str, Any]]] = []
    if call.restated_start is not None:
        steps.append((call.restated_from, {}))
    if call.transcript_from is not None:
        steps.append((call.transcript_from, {"has_transcript": True}))
    for when, fields in [*steps, *sorted(call.corrections, key=itemgetter(0))]:
        if now < when:
            before = min(before, when)
        else:
            since = max(since, when)
            changing |= fields
    row = _unprocessed(call, call.start_at(now)) | changing | dict(call.overrides)
    return ShownRow(since, before, edits, len(call.corrections), row, encode(row))


def _phase(call: Call, now: datetime) -> tuple[datetime, datetime, dict[str, Any]]:
    """Return from when until before when certain values hold."""
    start = call.start_at(now)
    if call.end is None or now < call.end:
        so_far = max(0, int((now - start).total_seconds()))
        return (
            start + timedelta(seconds=so_far) if so_far else _BEGINNING,
            min(start + timedelta(seconds=so_far + 1), call.end or FOREVER),
            {"status": "in_progress", "duration": so_far, **_heard_within(call, so_far)},
        )
    length = (call.end - start).total_seconds()
    ended = {
        "status": call.status,
        "end_time": timestamp(call.end, call.time_format),
        "duration": int(length) if call.duration is None else call.duration,
    }
    if call.processed_at is not None and now < call.processed_at:
        return call.end, call.processed_at, ended | _heard_within(call, length)
    processed = {
        "sentiment": call.sentiment,
        "outcome": call.outcome,
        "topics": list(call.topics),
        "has_recording": call.has_recording,
        "summary": call.summary,
    }
    return max(call.end, call.processed_at or call.end), FOREVER, ended | processed


def _unprocessed(call: Call, start: datetime) -> dict[str, Any]:
    return {
        "id": call.id,
        "agent_id": call.agent_id,
        "agent_name": call.agent_name,
        "caller_number": call.caller_number,
        "status": None,
        "start_time": timestamp(start, call.time_format),
        "end_time": None,
        "duration": None,
        "sentiment": None,
        "outcome": None,
        "topics": [],
        "has_recording": False,
        "has_transcript": False,
        "summary": None,
        "created_at": timestamp(call.start, call.time_format),
    }


def _heard_within(call: Call, seconds: float) -> dict[str, Any]:
    """Return the mood and the topics that are known this long after the start."""
    known_topics = min(len(call.topics) - 1, int(seconds / _SECONDS_PER_TOPIC))
    return {
        "sentiment": "neutral" if seconds >= _SECONDS_BEFORE_MOOD_IS_KNOWN else None,
        "topics": list(call.topics[: max(0, known_topics)]),
    }
