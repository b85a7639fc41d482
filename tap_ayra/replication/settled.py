"""When a conversation is final, by the API's clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_ayra.conversation import ENDED, IN_PROGRESS
from tap_ayra.instants import earlier

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime, timedelta

    from tap_ayra.conversation import Row


@dataclass(slots=True)
class Settled:
    """Tells the settled conversations of a sync from those that may still change.

    A conversation is settled once it ended at least ``settling`` before now, or, whatever its
    status, once it started more than ``limit`` before now.

    Attributes:
        now: the API's clock.
        ended_by: the latest end of a settled conversation.
        started_by: what started before this counts as settled.
        stuck: the ids of those that counted as settled only because of their age.
    """

    now: datetime
    settling: timedelta
    limit: timedelta
    ended_by: datetime = field(init=False)
    started_by: datetime = field(init=False)
    stuck: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ended_by = earlier(self.now, self.settling)
        self.started_by = earlier(self.now, self.limit)

    def unsettled(self, rows: Collection[Row]) -> Iterator[tuple[str, datetime]]:
        """Find the conversations that may still change, and note those that are stuck open.

        Yields:
            The id and start time of each.
        """
        if _all_ended_before(self.started_by, rows):
            return
        for conversation, start, _, _ in rows:
            if start is None:
                continue
            if start < self.started_by:
                status = conversation.status
                if status not in ENDED and (
                    status == IN_PROGRESS or conversation.end(start) is None
                ):
                    self.stuck[conversation.id] = None
            elif not conversation.ended_by(self.ended_by, start):
                yield conversation.id, start


def _all_ended_before(moment: datetime, rows: Collection[Row]) -> bool:
    return ENDED.issuperset([row.conversation.status for row in rows]) and all(
        [row.start is not None and row.start < moment for row in rows]  # noqa: C419  faster
    )
