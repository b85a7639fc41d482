"""A plan played out with both streams, every promise about transcripts checked on the way."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from sandbox.call import FOREVER
from sandbox.comparison import api_messages
from tests.simulator.story import Story, instant, shown_start
from tests.simulator.sync import bookmark_in, catalog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sandbox import Call
    from tests.simulator.plans import Life, Run
    from tests.simulator.sync import Row, Sync

STREAM = "transcript_messages"
BUDGETS = (None, None, None, 1, 3, 7)
MOST_BETWEEN_STATES = 50
Said = dict[tuple[str, int], "Row"]


class TranscriptStory(Story):
    """Plays a plan with transcripts, some of which come late, are empty or never come.

    What is checked: no transcript is asked for before its call has settled, nor twice in a sync; at
    every STATE all that was said in the calls before the bookmark is with the target; and in the
    end so is everything else. What is promised of conversations is checked as well.
    """

    _texts: Said

    def check_end(self) -> None:
        """Check the conversations, and that all that was said is with the target."""
        super().check_end()
        verdict = self.last.verdicts.get(STREAM, {"complete": True})
        if not verdict["complete"]:
            assert verdict["reason"] == "still-differs"  # it came while its span was read again
            return
        missing = [
            call
            for call in self.world.visible()
            if self._is_asked(call) and not self._is_said(call, self.target.said)
        ]
        visible = {call.id for call in self.world.visible()}
        asked = {
            request.params["conversation_id"]
            for request in self.api.requests
            if request.endpoint == "transcript"
        }
        gone = Counter(shown_start(self.world[key]).date() for key in asked - visible)
        late = Counter(shown_start(call).date() for call in missing)
        assert all(late[day] <= gone[day] for day in late), "lost though the counts show it"

    def _catalog(self, run: Run) -> Row | None:
        method = {"method": "FULL_TABLE", "key": None} if run.full_table else {}
        return catalog(transcripts=True, **method)  # type: ignore[arg-type]

    def _config(self, run: Run) -> Row:
        budget = BUDGETS[run.seed % len(BUDGETS)]
        return {**super()._config(run), "transcripts_per_sync": budget}

    def _call(self, call_id: str, life: Life) -> Call:
        call = super()._call(call_id, life)
        call.has_transcript = life.kind > 0
        if call.end is not None and life.slot % 5 == 0:
            call.transcript_ready_at = call.end + timedelta(hours=1 + life.slot)
        elif life.slot % 7 == 0:
            call.messages = []
        elif call.end is not None and life.slot % 11 == 0:
            call.transcript_ready_at = FOREVER
            call.overrides = {**call.overrides, "has_transcript": True}
        return call

    def _check(
        self,
        outcome: Sync,
        bookmark: str | None,
        *,
        full_table: bool,
    ) -> None:
        super()._check(outcome, bookmark, full_table=full_table)
        self._texts = api_messages(self.world)
        asked = [
            request
            for request in self.api.requests[-outcome.requests or len(self.api.requests) :]
            if request.endpoint == "transcript"
        ]
        for request in asked:
            self._check_settled(self.world[request.params["conversation_id"]], request.at)
        if not outcome.spans_said:
            assert max(Counter(request.path for request in asked).values(), default=1) == 1
            starts = [row["start_time"] for row in outcome.said if row["position"] == 1]
            aside = self._entry(self.target.state).get("waiting", [])
            if not aside:
                assert all(instant(a) <= instant(b) for a, b in pairwise(starts)), "out of order"
        said, reached, since_state = dict(self.target.said), None, 0
        for kind, value in outcome.messages:
            if kind == "RECORD":
                if "position" in value:
                    said[value["conversation_id"], value["position"]] = value
                    since_state += value["position"] == 1
                    assert since_state <= MOST_BETWEEN_STATES
                continue
            since_state = 0
            before = reached or bookmark_in(self.target.state, STREAM)
            reached = bookmark_in(value, STREAM)
            if reached is None or full_table:
                continue
            assert before is None or instant(reached) >= instant(before), "it moved back"
            self._check_said(instant(reached), said, set(self._entry(value)["waiting"]))

    def _check_settled(self, call: Call, now: datetime) -> None:
        settling = timedelta(minutes=self.plan.settling_minutes)
        over = call.end is not None and call.end + settling <= now
        limit = timedelta(hours=self.plan.limit_hours)
        assert over or call.start + limit < now, f"{call.id} was fetched before it had settled"

    def _check_said(self, bookmark: datetime, said: Said, waiting: set[str]) -> None:
        before = bookmark.replace(microsecond=0)
        calls = [call for call in self.world.visible() if shown_start(call) < before]
        for call in self._promised(calls):
            if call.transcript_from is None or call.id in waiting or not self._settles(call):
                continue
            assert self._is_said(call, said), f"{call.id} is lost"

    def _settles(self, call: Call) -> bool:
        """Tell whether a call, its transcript included, gets its final form in time."""
        ready = call.transcript_from
        if ready is not None and call.end and ready > call.end + self._longest_processing:
            return False
        return super()._settles(call)

    def _is_said(self, call: Call, said: Said) -> bool:
        """Tell whether all that was said in a call is there, word for word, and nothing else."""
        return _of(call.id, said) == _of(call.id, self._texts)

    @staticmethod
    def _entry(state: Row | None) -> Row:
        entry: Row = (state or {}).get("bookmarks", {}).get(STREAM, {})
        return entry


def _of(call_id: str, said: Mapping[tuple[str, int], Row]) -> list[Row]:
    """Give the messages of a call, their start as an instant."""
    return [
        {**row, "start_time": instant(str(row["start_time"]))}
        for (key, _), row in sorted(said.items())
        if key == call_id
    ]
