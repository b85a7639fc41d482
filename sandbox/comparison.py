"""What landed, side by side with what the API says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox import transcripts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from sandbox import World

TIMES = ("start_time", "end_time", "created_at")

Rows = dict[str, dict[str, Any]]


def api_rows(world: World) -> Rows:
    """Give every conversation as the API shows it now, by id, its times as instants in UTC."""
    now = world.clock.now()
    return rows_by_id(call.as_json(now) for call in world.visible(now))


def api_messages(world: World) -> dict[tuple[str, int], dict[str, Any]]:
    """Give every message of every transcript that the API has now, by conversation and position.

    Its fields are called as the tap calls them; the start is an instant in UTC.
    """
    now = world.clock.now()
    query = transcripts.parse({"include_sentiment": "true"})
    found = {}
    for call in world.visible(now):
        if call.transcript_from is None or call.transcript_from > now:
            continue
        given = transcripts.spoken(call, query) if call.messages is None else call.messages
        for position, message in enumerate(given, 1):
            found[call.id, position] = {
                "conversation_id": call.id,
                "position": position,
                "message_id": message["id"],
                "speaker": message["speaker"],
                "text": message["text"],
                "start_time": _instant(call.row(now)["start_time"]),
                "offset_seconds": message["timestamp"],
                "duration": message["duration"],
                "confidence": message["confidence"],
                "sentiment": message["sentiment"],
                "language": call.language,
            }
    return found


def file_rows(file: Path) -> Rows:
    """Give the conversations in a target's file of JSON lines; of several forms, the last."""
    return rows_by_id(read_lines(file))


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def rows_by_id(rows: Iterable[Mapping[str, Any]]) -> Rows:
    """Give rows by id, their times as instants in UTC."""
    return {row["id"]: {**row, **{name: _instant(row[name]) for name in TIMES}} for row in rows}


def _instant(text: str | None) -> datetime | None:
    return text and datetime.fromisoformat(text).astimezone(UTC)  # type: ignore[return-value]
