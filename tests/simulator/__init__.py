"""Whole syncs without sockets, threads or sleeping: the real tap against the sandbox."""

from tests.simulator.changing import ChangingPlan, ChangingStory, changing_plans
from tests.simulator.crooked import CrookedPlan, CrookedStory, crooked_plans
from tests.simulator.page_walk import PageWalk
from tests.simulator.pipeline import NOW, Pipeline, ago, call, history
from tests.simulator.plans import Plan, plans
from tests.simulator.story import Story
from tests.simulator.sync import Sync, catalog, state_of, sync
from tests.simulator.target import Target
from tests.simulator.transcript_story import TranscriptStory

__all__ = [
    "NOW",
    "ChangingPlan",
    "ChangingStory",
    "CrookedPlan",
    "CrookedStory",
    "PageWalk",
    "Pipeline",
    "Plan",
    "Story",
    "Sync",
    "Target",
    "TranscriptStory",
    "ago",
    "call",
    "catalog",
    "changing_plans",
    "crooked_plans",
    "history",
    "plans",
    "state_of",
    "sync",
]
