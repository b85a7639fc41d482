"""A plan played out, every promise of the tap checked on the way."""

from __future__ import annotations

import json
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sandbox import Call, SandboxApi, SandboxClock, World
from sandbox.call import FOREVER
from sandbox.formats import timestamp
from sandbox.query import parse
from tap_ayra.instants import format_instant
from tap_ayra.settings import CHANGING_FILTERS
from tests.simulator.plans import CACHE_MARGIN_MINUTES, Run
from tests.simulator.sync import bookmark_in, catalog, sync
from tests.simulator.target import Target

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from tests.simulator.plans import Change, Life, Plan
    from tests.simulator.sync import Row, Sync

BEGINNING = datetime(2026, 3, 9, 12, tzinfo=UTC)
CACHE = timedelta(minutes=1)
STATE_KEYS = {
    "replication_key",
    "replication_key_value",
    "starting_replication_value",
    "ledger",
    "open",
}
LONGEST_STATE = 4096 - len('{"type":"STATE","value":}')


class Story:
    """Plays a plan.

    What is checked at every STATE: it is small and in the SDK's form; its bookmark never moves
    back, keeps its distance from now, and every conversation that started before it is with the
    target in its final form; where the API orders equal start times differently each time, at the
    end of a sync that says it is complete. Within a sync no id comes twice and the order is that of
    the starts.
    """

    def __init__(self, plan: Plan) -> None:
        """Make the world; the syncs are still to come."""
        self.plan = plan
        self.clock = SandboxClock(BEGINNING, frozen=True)
        self.margin = timedelta(minutes=max(plan.settling_minutes, CACHE_MARGIN_MINUTES))
        self.world = World(
            self.clock, (self._call(f"conv_{n:02}", life) for n, life in enumerate(plan.lives))
        )
        self.api = SandboxApi(
            self.world,
            cache_seconds=plan.cache_seconds,
            rate_limit=plan.rate_limit,
            tie_order="shuffled" if plan.shuffled else "stable",
            date_filters_keep_fractions=plan.keeps_fractions,
        )
        self.target = Target()
        self._finals: dict[str, Row] = {}
        self._known: dict[str, Row] = {}

    def play(self) -> None:
        """Run every sync, then wait until the world is at rest and sync once more."""
        logging.disable()
        try:
            self.run_all()
            self.clock.advance(timedelta(hours=48).total_seconds())
            self.run(Run(gap=3600))
            self.run(Run(gap=86_400))  # the audit of another day
            self.last = self.run(Run(gap=3600))
        finally:
            logging.disable(logging.NOTSET)
        self.check_end()

    def run_all(self) -> None:
        """Run every sync of the plan."""
        for run in self.plan.runs:
            self.run(run)

    def run(self, run: Run) -> Sync:
        """Run one sync and check it."""
        self.clock.advance(run.gap)
        self._happen(run)
        state = self.target.state
        outcome = sync(
            self.api,
            self._config(run),
            state=state,
            catalog=self._catalog(run),
            kill_after=run.kill_after,
            last_word=run.last_word,
            clock_error=timedelta(hours=run.clock_error),
            seed=run.seed,
        )
        assert outcome.error is None
        self._check(outcome, bookmark_in(state), full_table=run.full_table)
        self.target.receive(outcome.messages, batch=run.batch, loses_last=run.loses_last)
        return outcome

    def check_end(self) -> None:
        """Check that the target holds what it must, in its final form, and the bookmark is on."""
        assert self.last.verdict["complete"], self.last.verdict
        visible = self.world.visible()
        wanted = [call for call in visible if self._is_asked(call)]
        missing = {call.id for call in wanted} - self.target.rows.keys()
        self._check_cancelled([call for call in wanted if call.id in missing])
        self._check_rows([call for call in wanted if call.id not in missing], self.target.rows)
        if wanted:
            bookmark = bookmark_in(self.target.state)
            assert bookmark is not None
            assert instant(bookmark) >= max(shown_start(call) for call in wanted)

    def _check_cancelled(self, missing: list[Call]) -> None:
        """Check that only such calls are missing as the counts cannot show.

        That is: each came late, and on its day as many have gone that had been delivered.
        """
        visible = {call.id for call in self.world.visible()}
        gone = Counter(
            instant(row["start_time"]).date()
            for key, row in self.target.rows.items()
            if key not in visible
        )
        assert not set(missing) & set(self._promised(missing)), "lost though it came in time"
        late = Counter(shown_start(call).date() for call in missing)
        assert all(late[day] <= gone[day] for day in late), "lost though the counts show it"

    def _check(self, outcome: Sync, bookmark: str | None, *, full_table: bool) -> None:
        if not outcome.spans:
            assert len(outcome.ids) == len(set(outcome.ids)), "an id came twice"
        assert all(row["start_time"].endswith("Z") for row in outcome.records)
        rows, aside = dict(self.target.rows), set[str]()
        for kind, value in outcome.messages:
            if kind == "RECORD":
                rows.update({} if "position" in value else {value["id"]: value})
                continue
            entry = value.get("bookmarks", {}).get("conversations", {})
            assert entry.keys() <= STATE_KEYS
            assert len(json.dumps(value)) < LONGEST_STATE
            reached, aside = bookmark_in(value), set(entry.get("open", ()))
            if full_table or reached == bookmark:
                assert reached == bookmark
                continue
            assert reached is not None
            assert bookmark is None or instant(reached) > instant(bookmark), "it moved back"
            bookmark = reached
            if not self.plan.shuffled:
                self._check_before(instant(reached), rows, aside=aside)
        if self.plan.shuffled and outcome.verdict.get("complete") and bookmark is not None:
            self._check_before(instant(bookmark), rows, aside=aside)

    def _check_before(
        self, bookmark: datetime, rows: Mapping[str, Row], *, aside: set[str]
    ) -> None:
        assert bookmark <= self.clock.now() - self.margin
        before = bookmark.replace(microsecond=0)
        calls = [call for call in self.world.visible() if shown_start(call) < before]
        self._check_rows(self._promised(calls), rows, aside)

    def _check_rows(
        self, calls: Iterable[Call], rows: Mapping[str, Row], aside: Collection[str] = ()
    ) -> None:
        for call in calls:
            assert call.id in rows, f"{call.id} is lost"
            second = format_instant(shown_start(call).replace(microsecond=0))
            if self._settles(call) and second not in aside:
                final = self._final(call)
                assert rows[call.id] == final, f"{call.id} is unfinished"

    def _promised(self, calls: Iterable[Call]) -> Iterable[Call]:
        """Give the calls that the tap promises to deliver: asked for, and listed in time."""
        for call in calls:
            late = (call.visible_from or call.start) - call.start
            if late <= self._longest_delay and self._is_asked(call) and not self._is_open(call):
                yield call

    def _is_open(self, call: Call) -> bool:
        """Tell whether the case that stays open may hide a call.

        That is: its second is wider than a page, so it is read in several pages in strict mode too,
        and between two of them one call vanishes and another appears.
        """
        slot = (call.start - BEGINNING).total_seconds() // self.plan.stride
        beside = sum(life.slot == slot for life in self.plan.lives)
        return any(
            beside >= run.page_size and any(change.what == "both" for change in run.changes)
            for run in self.plan.runs
        )

    def _is_asked(self, call: Call) -> bool:
        start = self._start
        return (start is None or call.start >= start) and self._matches(call)

    def _settles(self, call: Call) -> bool:
        """Tell whether a call gets its final form while the tap still looks."""
        limit = timedelta(hours=self.plan.limit_hours)
        processed = call.processed_at
        return processed is not None and processed + CACHE < call.start + limit

    def _matches(self, call: Call) -> bool:
        if call.end is None and any(name in CHANGING_FILTERS for name in self.plan.filters or ()):
            return False  # it may match now and not then
        final = FOREVER if call.end else call.start
        return not self._query.conditions or bool(self._query.fitting([call], final))

    @cached_property
    def _query(self) -> Any:  # noqa: ANN401
        texts = {name: _text(value) for name, value in (self.plan.filters or {}).items()}
        return parse(texts)

    @cached_property
    def _longest_delay(self) -> timedelta:
        return self.margin - CACHE - timedelta(seconds=5)

    @cached_property
    def _longest_processing(self) -> timedelta:
        return timedelta(minutes=self.plan.settling_minutes) - CACHE - timedelta(seconds=5)

    @property
    def _start(self) -> datetime | None:
        slot = self.plan.start_slot
        return None if slot is None else self._moment(slot)

    def _moment(self, slot: int) -> datetime:
        return BEGINNING + timedelta(seconds=slot * self.plan.stride)

    def _final(self, call: Call) -> Row:
        if call.id not in self._finals:
            row = call.as_json(FOREVER if call.end else call.start)
            times = {name: utc(row[name]) for name in ("start_time", "end_time", "created_at")}
            self._finals[call.id] = row | times
        return self._finals[call.id]

    def _call(self, call_id: str, life: Life) -> Call:
        start = self._moment(life.slot) + timedelta(microseconds=life.micros)
        end = None if life.lasts is None else start + timedelta(seconds=life.lasts)
        delay = self._longest_delay * life.delay
        other = life.kind % 2
        call = Call(
            call_id,
            start,
            end,
            agent_id="agent_sales0002" if other else "agent_support01",
            caller_number="+12025550100" if life.kind else None,
            status=("completed", "failed", "completed", "abandoned")[life.kind],
            sentiment=("positive", "neutral", None, "positive")[life.kind],
            outcome="sale" if other else "issue_resolved",
            topics=("billing", "refund") if life.kind else ("refund",),
            summary="About an invoice." if other else None,
            has_recording=life.kind > 0,
            has_transcript=life.kind > 1,
            transcript="invoice",
            processed_at=end and end + self._longest_processing * life.processing,
            visible_from=start + delay if delay else None,
            time_format=life.time_format,
        )
        if self.plan.whole_seconds:
            shown = timestamp(start, "fractions")
            call.start = start.replace(microsecond=0)
            call.overrides = {"start_time": shown}
        return call

    def _catalog(self, run: Run) -> Row | None:
        return catalog(method="FULL_TABLE", key=None) if run.full_table else None

    def _config(self, run: Run) -> Row:
        plan = self.plan
        start = self._start
        end = None
        if run.end_slot is not None:
            end = self._moment(max(run.end_slot, plan.start_slot or 0))
        return {
            **(plan.filters or {}),
            "settling_minutes": plan.settling_minutes,
            "in_progress_limit_hours": plan.limit_hours,
            "start_date": start and start.isoformat(),
            "end_date": end and end.isoformat(),
            "page_size": run.page_size,
            "concurrency": run.concurrency,
            "lookback_days": run.lookback_days,
        }

    def _happen(self, run: Run) -> None:
        """Let time pass and the world change between the requests of a sync."""
        answered = 0

        def on_request(_: Mapping[str, str]) -> None:
            nonlocal answered
            answered += 1
            self.clock.advance(run.pace)
            for change in run.changes:
                if change.request == answered:
                    self._change(change)

        self.api.on_request = on_request

    def _change(self, change: Change) -> None:
        if change.what != "appear":
            calls = self.world.visible()
            if calls:
                self.world.remove(calls[change.where % len(calls)].id)
        if change.what != "vanish":
            # Between two slots, so that it shares its second with nothing that may vanish.
            now, start = self.clock.now(), self._moment(change.where) + timedelta(seconds=2)
            if start + 2 * self.margin <= now:
                name = f"conv_late{len(self.world):02}"
                self.world.add(Call(name, start, start + timedelta(seconds=9), visible_from=now))


def check_bookmark(outcome: Sync, bookmark: str | None) -> None:
    """Check that a bookmark never moves back in a sync."""
    for kind, value in outcome.messages:
        if kind == "STATE":
            reached = bookmark_in(value)
            if reached is not None and bookmark is not None:
                assert instant(reached) >= instant(bookmark), "it moved back"
            bookmark = reached


def instant(text: str) -> datetime:
    """Read a timestamp."""
    return datetime.fromisoformat(text)


def utc(text: str | None) -> str | None:
    """Write a timestamp as the tap must."""
    if text is None or text.endswith("Z"):
        return text
    return instant(text).astimezone(UTC).isoformat().replace("+00:00", "Z")


def shown_start(call: Call) -> datetime:
    """Give when a call started, as the API shows it."""
    return instant(str(call.row(call.start)["start_time"]))


def _text(value: str | int | bool) -> str:  # noqa: FBT001
    return str(value).lower() if isinstance(value, bool) else str(value)
