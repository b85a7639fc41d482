"""The network fails while transcripts are fetched; each still arrives once, and in order."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import SandboxApi, SandboxClock, World, faults
from sandbox.faults import Fault, Script, edited, faulty, instead
from tap_ayra.api import prefetch
from tests.faking import FakeTime, no_thread_left
from tests.simulator import catalog, history
from tests.sweeps import sweep
from tests.test_faults import BOTH, ENDLESS, NOW, PASSING, SHORT, WAYS, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.faking import Attempt

CALLS = 24
KEYS = [f"c{n:03}" for n in range(CALLS)]
PLACES = {"middle": KEYS[11], "first": KEYS[0], "last": KEYS[-1]}


class Transcripts(Stage):
    """A stage on which both streams are read."""

    def fetch(self, **settings: Any) -> Attempt:
        return self.attempt(catalog=catalog(transcripts=True), **settings)

    @property
    def asked(self) -> Counter[str]:
        """How often each transcript was asked for."""
        return Counter(
            seen.params["conversation_id"]
            for seen in self.server.requests
            if "conversation_id" in seen.params
        )


@pytest.fixture(params=sweep(WAYS.values()), ids=[*WAYS])
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Transcripts]:
    monkeypatch.setattr(prefetch, "QUICK", request.param)
    clock = SandboxClock(NOW, frozen=True)
    api = SandboxApi(World(clock, history(CALLS)), cache_seconds=0)
    with no_thread_left(), faulty(api) as server:
        yield Transcripts(server, FakeTime.install(monkeypatch, clock))


def once_for(fault: Fault, key: str) -> Script:
    """Let the first request for a transcript fail."""
    done = threading.Event()

    def script(_number: int, asked: Mapping[str, str]) -> Fault | None:
        if asked.get("conversation_id") != key or done.is_set():
            return None
        done.set()
        return fault

    return script


def spoken_in(result: Attempt) -> list[tuple[str, int]]:
    """Give the messages that came, in order."""
    rows = [row for row in result.output.records if "position" in row]
    return [(row["conversation_id"], row["position"]) for row in rows]


ALL = [(key, position) for key in KEYS for position in (1, 2, 3)]


@BOTH
@pytest.mark.parametrize("place", sweep(PLACES))
@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_costs_one_wait(
    stage: Transcripts, name: str, place: str, concurrency: int
) -> None:
    stage.server.script = once_for(PASSING[name], PLACES[place])
    result = stage.fetch(concurrency=concurrency, **(SHORT if name in ENDLESS else {}))
    assert result.error == ""
    assert spoken_in(result) == ALL
    assert stage.time.slept
    assert stage.time.waited < 60
    assert stage.asked - Counter(KEYS) == Counter([PLACES[place]])


INCONSISTENT: dict[str, Fault] = {
    "null": instead(200, b"null"),
    "a list": instead(200, b"[]"),
    "an error with 200": instead(200, {"error": {"type": "server_error"}}),
    "no data": edited(lambda body: body.pop("data")),
    "data is null": edited(lambda body: body.update(data=None)),
    "data is a list": edited(lambda body: body.update(data=[])),
    "no conversation": edited(lambda body: body["data"].pop("conversation_id")),
    "another conversation": edited(lambda body: body["data"].update(conversation_id="c999")),
    "no messages": edited(lambda body: body["data"].pop("messages")),
    "messages are null": edited(lambda body: body["data"].update(messages=None)),
    "messages are an object": edited(lambda body: body["data"].update(messages={})),
    "messages are text": edited(lambda body: body["data"].update(messages="Hello")),
}


@BOTH
@pytest.mark.parametrize("name", INCONSISTENT)
def test_what_does_not_add_up_once_is_asked_for_again(
    stage: Transcripts, name: str, concurrency: int
) -> None:
    stage.server.script = once_for(INCONSISTENT[name], PLACES["middle"])
    result = stage.fetch(concurrency=concurrency)
    assert result.error == ""
    assert spoken_in(result) == ALL
    assert stage.time.waited < 2
    assert stage.asked - Counter(KEYS) == Counter([PLACES["middle"]])


@pytest.mark.parametrize("name", INCONSISTENT)
def test_what_never_adds_up_is_an_error_after_two_more(stage: Transcripts, name: str) -> None:
    key = PLACES["middle"]
    stage.server.script = lambda _, asked: (
        INCONSISTENT[name] if asked.get("conversation_id") == key else None
    )
    result = stage.fetch(concurrency=1)
    assert result.codes[0] == "transcript-inconsistent"
    assert key in result.error
    assert stage.asked[key] == 3
    assert spoken_in(result) == ALL[: 3 * KEYS.index(key)]
    assert result.state is not None
    stage.server.script = lambda _number, _asked: None
    assert spoken_in(stage.fetch(state=result.state)) == ALL[3 * KEYS.index(key) :]


@BOTH
@pytest.mark.parametrize("fault", [faults.zipped, faults.mislabelled])
def test_odd_but_sound_responses_are_taken(
    stage: Transcripts, fault: Fault, concurrency: int
) -> None:
    stage.server.script = lambda _number, _asked: fault
    assert spoken_in(stage.fetch(concurrency=concurrency)) == ALL
    assert stage.time.slept == []


@pytest.mark.parametrize("status", [400, 401, 403, 304])
def test_what_does_not_pass_costs_one_request(stage: Transcripts, status: int) -> None:
    stage.server.script = once_for(instead(status), PLACES["middle"])
    result = stage.fetch(concurrency=1)
    assert result.error
    assert stage.asked[PLACES["middle"]] == 1
    assert stage.time.slept == []
    assert spoken_in(result) == ALL[: 3 * KEYS.index(PLACES["middle"])]


def test_an_outage_ends_the_sync_and_the_next_one_goes_on(stage: Transcripts) -> None:
    started = threading.Event()

    def script(_number: int, asked: Mapping[str, str]) -> Fault | None:
        if asked.get("conversation_id") == PLACES["middle"]:
            started.set()
        return instead(503) if started.is_set() else None

    stage.server.script = script
    result = stage.fetch(concurrency=8)
    assert result.error
    assert stage.time.waited > 220
    said = spoken_in(result)
    assert said == ALL[: len(said)]
    before = KEYS.index(PLACES["middle"])
    assert before - 8 < len(said) / 3 <= before  # up to 7 requests were under way when it began
    assert result.state is not None
    stage.server.script = lambda _number, _asked: None
    assert spoken_in(stage.fetch(state=result.state)) == ALL[len(said) :]


def test_a_transcript_that_is_gone_is_no_reason_to_stop(stage: Transcripts) -> None:
    stage.server.script = once_for(instead(404, {"error": {"code": "not_found"}}), PLACES["middle"])
    result = stage.fetch()
    assert result.error == ""
    assert {key for key, _ in spoken_in(result)} == set(KEYS) - {PLACES["middle"]}
    assert stage.time.slept == []
