"""Worlds behind an API that does not keep its word, and what the tap promises even then."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from sandbox.call import FOREVER
from tests.simulator.plans import Choices, Plan, Run, plans
from tests.simulator.story import Story, check_bookmark, instant
from tests.simulator.sync import bookmark_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox import Call, World
    from tests.simulator.sync import Sync

SWITCHES: Mapping[str, Sequence[Any]] = {
    "cap_total": (10, 2, 3, 5, 17),
    "pages_past_cap": ("served", "refused", "empty"),
    "round_total": (5, 10, 100),
    "inflate_total": (1.1, 1.01, 1.5, 0.9),
    "estimate_total": (0.1, 0.03, 0.5),
    "cached_total_seconds": (60, 600),
    "no_total": ("absent", "null"),
    "exclusive_bounds": ("start", "both", "end"),
    "rounded_bounds": (1,),
    "bounds_rounding": ("down", "nearest", "up"),
    "show_rounded_starts": ("down", "nearest"),
    "swap_pages": ((1,), (2,), (3,), (1, 2, 3, 4, 5)),
    "repeat_page_beyond": (2, 1, 3),
    "refuse_pages_beyond": (2, 1, 3),
    "refusal_status": (400, 404, 422),
    "list_twice": (0.1, 1.0),
    "clock_skew_seconds": (5, 90),
    "latin1_text": (0.2,),
    "lone_surrogates": (0.2,),
    "not_a_number": (0.2,),
    "restated": (0.3, -0.3, 1.0, -1.0),
}
# With these alone, everything is listed and counted rightly sooner or later.
_BENT = {
    "exclusive_bounds",
    "rounded_bounds",
    "bounds_rounding",
    "show_rounded_starts",
    "swap_pages",
    "refusal_status",
    "clock_skew_seconds",
    "latin1_text",
    "lone_surrogates",
    "not_a_number",
    "restated",
}
_MOST_REQUESTS = 3000


class EndlessError(BaseException):
    """A sync asks for more than any could need."""


@dataclass(frozen=True)
class CrookedPlan:
    """A plan, and how the API bends it.

    Attributes:
        plan: the plan.
        switches: the API's switches that are on; `restated` is by how many seconds the start of
            every third call is corrected when it ends.
    """

    plan: Plan
    switches: Mapping[str, Any]


def crooked_plans() -> st.SearchStrategy[CrookedPlan]:
    """Draw a world, its syncs, and one to four switches."""
    drawn = Choices(name=tuple(SWITCHES), value=range(60)).some(1, 4)
    switches = drawn.map(
        lambda each: {
            one["name"]: SWITCHES[one["name"]][one["value"] % len(SWITCHES[one["name"]])]
            for one in each
        }
    )
    return st.builds(CrookedPlan, plans(), switches)


class CrookedStory(Story):
    """Plays a plan on a crooked API.

    What is checked: no sync goes on for ever and none fails; in the end the bookmark is on, and
    nothing that the API showed throughout is missing or unfinished. Where counts cannot be
    believed, or pages cannot be had, something may be, but then the last sync knows.

    What is left out: an API that lists no more than the total at which it caps, where that is a
    page or a second of conversations: it looks like a list that ends there.
    """

    def __init__(self, crooked: CrookedPlan) -> None:
        """Make the world; the syncs are still to come."""
        super().__init__(crooked.plan)
        self.crooked = crooked
        switches = dict(crooked.switches)
        restated = switches.pop("restated", None)
        if restated is not None:
            _restate(self.world, timedelta(seconds=restated))
        self._longest_page = 100
        if "cap_total" in switches and switches.get("pages_past_cap") == "empty":
            widest = max(Counter(life.slot for life in crooked.plan.lives).values(), default=0)
            switches["cap_total"] = max(switches["cap_total"], widest + 2)
            self._longest_page = switches["cap_total"] - 1
        switches["swap_pages"] = set(switches.get("swap_pages", ()))
        for name, value in switches.items():
            setattr(self.api, name, value)

    def run(self, run: Run) -> Sync:
        """Run one sync and check it."""
        return super().run(replace(run, page_size=min(run.page_size, self._longest_page)))

    def _happen(self, run: Run) -> None:
        super()._happen(run)
        happen, answered = self.api.on_request, 0

        def on_request(params: Mapping[str, str]) -> None:
            nonlocal answered
            answered += 1
            if answered > _MOST_REQUESTS:
                raise EndlessError
            assert happen is not None
            happen(params)

        self.api.on_request = on_request

    def _check(self, outcome: Sync, bookmark: str | None, *, full_table: bool) -> None:
        del full_table
        check_bookmark(outcome, bookmark)

    def _is_asked(self, call: Call) -> bool:
        restated = call.start_at(FOREVER)
        return super()._is_asked(call) and (self._start is None or restated >= self._start)

    def check_end(self) -> None:
        """Check that nothing is missing, or that the last sync knows it may be."""
        wanted = [call for call in self.world.visible() if self._is_asked(call)]
        if wanted:
            bookmark = bookmark_in(self.target.state)
            assert bookmark is not None
            latest = max(call.start_at(FOREVER) for call in wanted)
            assert instant(bookmark) >= latest - timedelta(seconds=2), "blocked"
        promised = list(self._promised(wanted))
        missing = [call.id for call in promised if call.id not in self.target.rows]
        unfinished = [
            call.id
            for call in promised
            if call.id not in missing
            and self._settles(call)
            and self.target.rows[call.id]["status"] != call.row(FOREVER)["status"]
        ]
        if missing or unfinished:
            assert not self.last.verdict["complete"], (missing, unfinished)
            assert not self.crooked.switches.keys() <= _BENT, (missing, unfinished)


def _restate(world: World, by: timedelta) -> None:
    for call in world.visible(FOREVER)[::3]:
        if call.end is not None:
            call.restated_start = call.start + by
