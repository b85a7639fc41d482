"""A target that upserts by key and loads in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulator.sync import Row


class Target:
    """Keeps rows by key; hands a STATE back only once every record before it is stored.

    Attributes:
        rows: the conversations stored, by id.
        said: the messages stored, by conversation and position.
        state: the last state handed back.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.rows: dict[str, Row] = {}
        self.said: dict[tuple[str, int], Row] = {}
        self.state: Row | None = None

    def receive(
        self, messages: Iterable[tuple[str, Row]], *, batch: int = 1, loses_last: bool = False
    ) -> None:
        """Load one sync's messages.

        Args:
            messages: what the tap sent.
            batch: how many records are stored at a time.
            loses_last: whether it crashes instead of storing the last, incomplete batch.
        """
        gathered: list[Row] = []
        state = self.state
        for kind, value in messages:
            if kind == "STATE":
                state = value
            elif kind == "RECORD":
                gathered.append(value)
                if len(gathered) < batch:
                    continue
                self._store(gathered)
            if not gathered:
                self.state = state
        if not loses_last:
            self._store(gathered)
            self.state = state

    def _store(self, gathered: list[Row]) -> None:
        self.rows.update((row["id"], row) for row in gathered if "position" not in row)
        said = [row for row in gathered if "position" in row]
        self.said.update(((row["conversation_id"], row["position"]), row) for row in said)
        gathered.clear()
