"""A second stream on another path declares only what is its own, and shares the one client."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox import ApiResponse, SandboxAdapter, SandboxApi, SandboxClock, World, serve
from tap_ayra.streams.base import AyraStream
from tap_ayra.tap import TapAyra
from tests.faking import no_thread_left
from tests.simulator import catalog
from tests.singer import Output, captured, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk import Stream


class Agents(AyraStream):
    name, path = "agents", "/agents"
    schema = {"properties": {"id": {"type": "string"}}}  # noqa: RUF012

    def get_records(self, context: object) -> Iterator[dict[str, Any]]:  # noqa: ARG002
        yield from self.client.get(self.path, lambda _: {"list": "all"}, lambda got: got.json())


class TapOfTwo(TapAyra):
    def discover_streams(self) -> list[Stream]:
        return [*super().discover_streams(), Agents(self)]


def test_a_second_stream_shares_the_limiter() -> None:
    api = SandboxApi(World.generate(SandboxClock(datetime.now(UTC)), count=5, seed=1))
    api.faults = lambda _, query: (
        ApiResponse(200, {}, b'[{"id": "a"}]') if "list" in query else None
    )
    with captured() as written:
        tap = TapOfTwo(config={"api_key": api.key})
        tap.client.session.mount("https://", SandboxAdapter(api))
        tap.sync_all()
    assert len(Output.parse(written.getvalue()).records) == 6
    assert tap.client.limiter.started == len(api.requests) == 3
    assert {request.path for request in api.requests} == {"/v1/agents", "/v1/conversations"}


def test_transcripts_share_the_limiter() -> None:
    api = SandboxApi(World.generate(SandboxClock(datetime.now(UTC)), count=15, seed=1))
    with captured():
        tap = TapAyra(config={"api_key": api.key}, catalog=catalog(transcripts=True))
        tap.client.session.mount("https://", SandboxAdapter(api))
        tap.sync_all()
    assert tap.client.limiter.started == len(api.requests)
    assert {request.endpoint for request in api.requests} == {"conversations", "transcript"}


def test_transcripts_that_are_cut_off_leave_no_thread_and_no_line() -> None:
    api = SandboxApi(World.generate(SandboxClock(datetime.now(UTC)), count=50, seed=1))
    with no_thread_left(), captured(), serve(api) as running:
        tap = TapAyra(config=settings_for(running), catalog=catalog(transcripts=True))
        tap.run_sync_dry_run(dry_run_record_limit=3)
    assert any("transcript" in request.path for request in api.requests)
