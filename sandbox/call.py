"""One conversation's whole life, and what the API shows of it at any moment."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from sandbox.formats import TimeFormat, encode, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FOREVER = datetime.max.replace(tzinfo=UTC)
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_SECONDS_BEFORE_MOOD_IS_KNOWN = 30
_SECONDS_PER_TOPIC = 60


class _Shown(NamedTuple):
    """What the API shows of a call from one moment until just before another."""

    since: datetime
    before: datetime
    edits: int
    corrections: int
    row: Mapping[str, Any]
    encoded: bytes


@dataclass(eq=False)
class Call:
    """A conversation from its start to its last correction.

    The fields without a time hold what the API says in the end; before that it shows what the
    contract documents: partial data during the call, and no summary, outcome, recording or
    transcript before `processed_at`. Fields can be assigned at any time and take effect at once.

    Attributes:
        id: The conversation's id.
        start: When it starts, as the API filters it; may carry fractions even where
            `time_format` does not show them.
        end: When it ends; None for a call that stays open.
        duration: Seconds; None means from `start` to `end`.
        transcript: Text in which `search` looks besides the summary; never shown.
        processed_at: When the final values appear; None means at the end.
        visible_from: When the API lists the call at first; None means from its start.
        removed_at: When the API stops listing it; None means never.
        restated_start: What its start is corrected to later, by which it is then filtered and
            sorted too; None means never.
        restated_at: When that happens; None means when it ends.
        corrections: Changes made later: pairs of a moment and the fields that change then.
        overrides: Fields that always show a certain value, however odd; replaced as a whole.
        time_format: "seconds" shows whole seconds in Z, "fractions" shows them too, "offset"
            shows local time with "+02:00".
    """

    id: str
    start: datetime
    end: datetime | None = None
    _: KW_ONLY
    agent_id: str | None = "agent_support01"
    agent_name: str | None = "Customer Support Agent"
    caller_number: str | None = "+12025550100"
    status: str = "completed"
    duration: float | None = None
    sentiment: str | None = "neutral"
    outcome: str | None = "issue_resolved"
    topics: Sequence[str] = ("billing",)
    has_recording: bool = True
    has_transcript: bool = True
    summary: str | None = "Caller asked about an invoice."
    transcript: str = ""
    processed_at: datetime | None = None
    visible_from: datetime | None = None
    removed_at: datetime | None = None
    restated_start: datetime | None = None
    restated_at: datetime | None = None
    corrections: list[tuple[datetime, Mapping[str, Any]]] = field(default_factory=list)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    time_format: TimeFormat = "seconds"
    _shown: _Shown | None = field(default=None, init=False, repr=False)
    _edits: int = field(default=0, init=False, repr=False)
    _on_change: Callable[[], None] | None = field(default=None, init=False, repr=False)

    def __setattr__(self, name: str, value: object) -> None:
        """Assign a field, after which nothing is shown with its old value."""
        if name == "overrides":
            value = MappingProxyType(dict(value))  # type: ignore[call-overload]
        fields = self.__dict__
        fields[name] = value
        if name[0] != "_":
            fields["_edits"] = fields.get("_edits", 0) + 1
            if self._on_change is not None:
                self._on_change()

    def start_at(self, now: datetime) -> datetime:
        """Return the start by which the API filters and sorts the call at a moment."""
        if self.restated_start is None or now < self.restated_from:
            return self.start
        return self.restated_start

    @property
    def restated_from(self) -> datetime:
        """When the corrected start appears; at the end of time if never."""
        if self.restated_start is None:
            return FOREVER
        return self.restated_at or self.end or FOREVER

    def as_json(self, now: datetime) -> dict[str, Any]:
        """Return the conversation as the API shows it at a moment."""
        return dict(self.row(now))

    def row(self, now: datetime) -> Mapping[str, Any]:
        """Return what `as_json` does, to be read only."""
        return self._showing(now).row

    def encoded(self, now: datetime) -> bytes:
        """Return what `as_json` does, as JSON text."""
        return self._showing(now).encoded

    def correct(self, when: datetime, **fields: Any) -> None:
        """Change fields at a moment after the call has been processed."""
        self.corrections = [*self.corrections, (when, fields)]

    def _showing(self, now: datetime) -> _Shown:
        # A page of 100 rows is asked for thousands of times, while its rows hardly ever change.
        shown = self._shown
        if (
            shown is None
            or not shown.since <= now < shown.before
            or shown.edits != self._edits
            or shown.corrections != len(self.corrections)
        ):
            shown = self._show(now)
            self._shown = shown
        return shown

    def _show(self, now: datetime) -> _Shown:
        edits, corrections = self._edits, sorted(self.corrections, key=itemgetter(0))
        since, before, changing = self._phase(now)
        for when, fields in corrections:
            if now < when:
                before = min(before, when)
                break
            since = max(since, when)
            changing |= fields
        restated_from = self.restated_from
        if restated_from <= now:
            since = max(since, restated_from)
        else:
            before = min(before, restated_from)
        row = self._unprocessed(self.start_at(now)) | changing | dict(self.overrides)
        return _Shown(since, before, edits, len(corrections), row, encode(row))

    def _phase(self, now: datetime) -> tuple[datetime, datetime, dict[str, Any]]:
        """Return from when until before when certain values hold."""
        start = self.start_at(now)
        if self.end is None or now < self.end:
            so_far = max(0, int((now - start).total_seconds()))
            return (
                start + timedelta(seconds=so_far) if so_far else _BEGINNING,
                min(start + timedelta(seconds=so_far + 1), self.end or FOREVER),
                {"status": "in_progress", "duration": so_far, **self._heard_within(so_far)},
            )
        length = (self.end - start).total_seconds()
        ended = {
            "status": self.status,
            "end_time": timestamp(self.end, self.time_format),
            "duration": int(length) if self.duration is None else self.duration,
        }
        if self.processed_at is not None and now < self.processed_at:
            return self.end, self.processed_at, ended | self._heard_within(length)
        processed = {
            "sentiment": self.sentiment,
            "outcome": self.outcome,
            "topics": list(self.topics),
            "has_recording": self.has_recording,
            "has_transcript": self.has_transcript,
            "summary": self.summary,
        }
        return max(self.end, self.processed_at or self.end), FOREVER, ended | processed

    def _unprocessed(self, start: datetime) -> dict[str, Any]:
        return {
            "id": self.id,
            "agent_id": self.agent_id,
            "agent_name": self.agent_name,
            "caller_number": self.caller_number,
            "status": None,
            "start_time": timestamp(start, self.time_format),
            "end_time": None,
            "duration": None,
            "sentiment": None,
            "outcome": None,
            "topics": [],
            "has_recording": False,
            "has_transcript": False,
            "summary": None,
            "created_at": timestamp(self.start, self.time_format),
        }

    def _heard_within(self, seconds: float) -> dict[str, Any]:
        """Return the mood and the topics that are known this long after the start."""
        known_topics = min(len(self.topics) - 1, int(seconds / _SECONDS_PER_TOPIC))
        return {
            "sentiment": "neutral" if seconds >= _SECONDS_BEFORE_MOOD_IS_KNOWN else None,
            "topics": list(self.topics[: max(0, known_topics)]),
        }
