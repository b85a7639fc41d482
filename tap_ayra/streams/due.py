"""A conversation whose transcript is due, and how far those have been fetched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_ayra.instants import whole_second

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Due(NamedTuple):
    """A conversation whose transcript is due, or may become so; in order of start, then id.

    Attributes:
        start: when it started; where the API gives null, when the one before it did.
        id: identifies it.
        start_time: its start as the API gave it.
        has: whether it shows a transcript.
        settled: whether it is final, and so is its transcript.
    """

    start: datetime
    id: str
    start_time: str | None
    has: bool
    settled: bool

    @property
    def wanted(self) -> bool:
        """Whether its transcript can be fetched for good."""
        return self.has and self.settled


class Place(NamedTuple):
    """How far transcripts have been fetched, within a second, too.

    Attributes:
        start: when the last conversation passed started.
        id: identifies it.
        fetched: how many transcripts of its second, up to it, have been fetched.
    """

    start: datetime
    id: str
    fetched: int

    def includes(self, due: Due) -> bool:
        """Tell whether a conversation comes before it, or is the very one."""
        return (due.start, due.id) <= (self.start, self.id)

    def after(self, due: Due) -> Place:
        """Move on to a conversation that has been passed."""
        same = whole_second(due.start) == whole_second(self.start)
        return Place(due.start, due.id, (self.fetched if same else 0) + due.wanted)


@dataclass(slots=True)
class Kept:
    """What the state has of transcripts, beside bookmark and ledger.

    Attributes:
        place: how far they have been fetched; None before the first one.
        waiting: the ids of the conversations that are set aside.
        again: how far the span has come that is being read again: its end, then the start and id
            of the last conversation, and how many of its day have been fetched.
    """

    place: Place | None = None
    waiting: set[str] = field(default_factory=set)
    again: list[Any] = field(default_factory=list)

    @classmethod
    def load(cls, state: Mapping[str, Any], bookmark: datetime | None) -> Kept:
        """Read a stream's state; what cannot be read counts as missing."""
        kept = cls()
        try:
            key, fetched = state["after"]
            kept.place = Place(bookmark, str(key), int(fetched)) if bookmark else None
        except (KeyError, TypeError, ValueError):
            pass
        if isinstance(state.get("waiting"), list):
            kept.waiting.update(map(str, state["waiting"]))
        if isinstance(state.get("again"), list):
            kept.again += state["again"]
        return kept

    def dump(self) -> dict[str, list[Any]]:
        """Write it as it stands in a state, in lists, which no merging of states mixes."""
        return {
            "after": [self.place.id, self.place.fetched] if self.place else [],
            "waiting": sorted(self.waiting),
            "again": self.again,
        }
