"""What landed, side by side with what the API says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

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
