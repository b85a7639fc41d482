"""Worlds in which the settings change from sync to sync, as people change them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.simulator.plans import Choices, Plan, plans
from tests.simulator.story import Story, check_bookmark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.simulator.plans import Run
    from tests.simulator.sync import Row, Sync

FILTERS: Sequence[Mapping[str, str | int | bool] | None] = (
    None,
    {"agent_id": "agent_sales0002"},
    {"has_transcript": True},
    {"min_duration": 60},
)


@dataclass(frozen=True)
class ChangingPlan:
    """A plan, and what each of its syncs asks for.

    Attributes:
        plan: the plan; what it asks for is asked for by the syncs that end it.
        asked: the filters and the first slot, sync by sync.
    """

    plan: Plan
    asked: Sequence[tuple[Mapping[str, str | int | bool] | None, int | None]]


def changing_plans() -> st.SearchStrategy[ChangingPlan]:
    """Draw a world, its syncs, and what each asks for."""
    drawn = Choices(filters=FILTERS, start_slot=(None, 0, 3, 12, 20, 30)).some(6, 6)
    asked = drawn.map(lambda each: [(one["filters"], one["start_slot"]) for one in each])
    return st.builds(ChangingPlan, plans(), asked)


class ChangingStory(Story):
    """Plays a plan in which each sync asks for something else.

    What is checked: the bookmark never moves back; in the end, when what is asked for has stayed
    the same for three syncs, the target holds all that the last settings ask for, in its final
    form, and the verdict says so.
    """

    def __init__(self, changing: ChangingPlan) -> None:
        """Make the world; the syncs are still to come."""
        super().__init__(changing.plan)
        self._last = changing.plan
        self._asked = changing.asked

    def run_all(self) -> None:
        """Run every sync as it is asked for; those that follow ask as the plan does."""
        for run, (filters, start_slot) in zip(self.plan.runs, self._asked, strict=False):
            self.plan = replace(self._last, filters=filters, start_slot=start_slot)
            self.run(run)
        self.plan = self._last

    def _config(self, run: Run) -> Row:
        config: dict[str, Any] = super()._config(run)
        start, end = config["start_date"], config["end_date"]
        return config if not (start and end) or start <= end else config | {"end_date": start}

    def _check(self, outcome: Sync, bookmark: str | None, *, full_table: bool) -> None:
        del full_table
        check_bookmark(outcome, bookmark)
