"""The Singer SDK's own tests for taps, against the simulated API."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Never

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class, suites

from sandbox import SandboxApi, SandboxClock, World, serve
from sandbox.api import TEST_KEY
from tap_ayra.tap import TapAyra
from tests.singer import discovered, signals_kept

if TYPE_CHECKING:
    from collections.abc import Iterator

# The address is filled in once the sandbox is up.
CONFIG = {"api_key": TEST_KEY, "api_url": "http://127.0.0.1:9/v1"}
SUITES = (suites.tap_tests, suites.tap_stream_tests, suites.tap_stream_attribute_tests)
#: No schema has a field of this type, so the SDK makes no test of it.
NOT_IN_THE_SCHEMA = {"is_object"}


def everything() -> dict[str, Any]:
    """A catalog in which both streams are selected."""
    catalog = discovered()
    for stream in catalog["streams"]:
        stream["selected"] = True
        stream["metadata"][-1]["metadata"]["selected"] = True
    return catalog


with signals_kept():
    SdkTests: Any = get_tap_test_class(
        TapAyra,
        config=CONFIG,
        suite_config=SuiteConfig(),
        parse_env_config=False,
        catalog=everything(),
    )


class TestTapAyra(SdkTests):  # type: ignore[misc]
    pass


@pytest.fixture(scope="module", autouse=True)
def sandbox() -> Iterator[None]:
    clock = SandboxClock(datetime(2026, 3, 9, 15, tzinfo=UTC), frozen=True)
    world = World.generate(clock, seed=11, count=250, in_progress=3, odd_times=0.2)
    with signals_kept(), serve(SandboxApi(world)) as running:
        CONFIG["api_url"] = running.url
        yield


@pytest.fixture(autouse=True)
def no_skipping(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of the SDK that would rather be skipped fails."""

    def refuse(reason: str = "", **_: object) -> Never:
        pytest.fail(f"skipped: {reason}")

    monkeypatch.setattr(pytest, "skip", refuse)


def test_all_of_the_sdks_tests_are_there() -> None:
    expected = {
        f"test_{suite.kind}_{test.name}"
        for suite in SUITES
        for test in suite.tests
        if test.name not in NOT_IN_THE_SCHEMA
    }
    assert {name for name in dir(TestTapAyra) if name.startswith("test_")} == expected
    attributes = itertools.chain.from_iterable(
        TestTapAyra.params[name] for name in expected if "_attribute_" in name
    )
    assert {param.id for param in attributes} == {
        "conversations.id",
        "conversations.start_time",
        "conversations.end_time",
        "conversations.created_at",
        "conversations.duration",
        "conversations.has_recording",
        "conversations.has_transcript",
        "transcript_messages.conversation_id",
        "transcript_messages.position",
        "transcript_messages.start_time",
        "transcript_messages.offset_seconds",
        "transcript_messages.duration",
        "transcript_messages.confidence",
    }
