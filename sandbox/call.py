"""One conversation's whole life: what the API knows of it, and when."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sandbox.clock import FOREVER
from sandbox.row import ShownRow, show

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sandbox.formats import TimeFormat

__all__ = ["FOREVER", "Call"]

GREETING = "Thank you for calling, how can I help?\nMy invoice is wrong. 😕\nI have corrected it."


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
        language: The language of the transcript.
        transcript: What was said, a line for each message, the agent's first; or a function that
            gives it. `search` looks in it, and in the summary.
        messages: The transcript's messages as the API shows them, however odd; None for those
            that the text gives. An empty list is a transcript without messages.
        transcript_ready_at: When the transcript appears, and `has_transcript` with it; None means
            with the final values, `FOREVER` never. No `has_transcript`, no transcript: one that
            is promised and never comes takes `FOREVER` and an override.
        transcript_overrides: Fields of the transcript that always show a certain value.
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
    language: str | None = "en"
    transcript: str | Callable[[], str] = GREETING
    messages: Any = None
    transcript_ready_at: datetime | None = None
    transcript_overrides: Mapping[str, Any] = field(default_factory=dict)
    processed_at: datetime | None = None
    visible_from: datetime | None = None
    removed_at: datetime | None = None
    restated_start: datetime | None = None
    restated_at: datetime | None = None
    corrections: list[tuple[datetime, Mapping[str, Any]]] = field(default_factory=list)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    time_format: TimeFormat = "seconds"
    _shown: ShownRow | None = field(default=None, init=False, repr=False)
    _edits: int = field(init=False, repr=False)
    _on_change: Callable[[], None] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin to count what is assigned."""
        self.__dict__["_edits"] = 0

    def __setattr__(self, name: str, value: object) -> None:
        """Assign a field, after which nothing is shown with its old value."""
        if name == "overrides":
            value = MappingProxyType(dict(value))  # type: ignore[call-overload]
        fields = self.__dict__
        fields[name] = value
        if "_edits" in fields and name[0] != "_":
            fields["_edits"] += 1
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

    @property
    def transcript_from(self) -> datetime | None:
        """When the transcript appears; None for never."""
        if not self.has_transcript or self.end is None or self.transcript_ready_at == FOREVER:
            return None
        return self.transcript_ready_at or self.processed_at or self.end

    @property
    def said(self) -> str:
        """What was said, a line for each message."""
        return self.transcript if isinstance(self.transcript, str) else self.transcript()

    def is_listed(self, now: datetime) -> bool:
        """Tell whether the API lists the call at a moment."""
        gone = self.removed_at is not None and self.removed_at <= now
        return (self.visible_from or self.start) <= now and not gone

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

    def _showing(self, now: datetime) -> ShownRow:
        # A page of 100 rows is asked for thousands of times, while its rows hardly ever change.
        shown = self._shown
        if (
            shown is None
            or not shown.since <= now < shown.before
            or shown.edits != self._edits
            or shown.corrections != len(self.corrections)
        ):
            shown = show(self, now, self._edits)
            self._shown = shown
        return shown
