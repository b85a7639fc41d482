"""Thousands of small worlds read with transcripts; what is promised about those holds in all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from tests.simulator import TranscriptStory, plans

if TYPE_CHECKING:
    from tests.simulator import Plan

pytestmark = pytest.mark.timeout(3600)


@given(plan=plans())
def test_all_that_was_said_arrives_once_and_when_it_is_final(plan: Plan) -> None:
    TranscriptStory(plan).play()
