"""Runs that fail into real targets: no row that exists is deleted, and the next run resumes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import ApiResponse, SandboxApi, SandboxClock, World, serve
from sandbox.comparison import read_lines
from sandbox.meltano_project import plugin_program
from tap_ayra.errors import TapAyraError
from tap_ayra.tap import TapAyra
from tests.piping import Pipe, postgres_settings, query, run_target
from tests.simulator import NOW, ago, call, catalog, history
from tests.singer import captured, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sandbox import RunningSandbox

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("plugins")]

POSTGRES = plugin_program("loaders/target-postgres")
FULL_TABLE = catalog(method="FULL_TABLE", key=None)
BEFORE = -3600
"""How much older, in seconds, what the target holds already is."""


@dataclass(frozen=True)
class Case:
    """A run into a table of its own, in which a target finds what was loaded before.

    Attributes:
        before: the messages of the run that loaded the table.
        messages: those of the run that follows.
        complete: whether it was read to its end, so that what has gone may be deleted.
    """

    before: list[bytes]
    messages: list[bytes]
    complete: bool = False


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    world = World(SandboxClock(NOW, frozen=True), history(5))
    with serve(SandboxApi(world, cache_seconds=0)) as running:
        yield running


@pytest.mark.parametrize("hard_delete", [False, True])
def test_a_refresh_that_fails_at_any_message_deletes_nothing(
    sandbox: RunningSandbox, database: str, tmp_path: Path, *, hard_delete: bool
) -> None:
    loaded = older(refresh(sandbox, FULL_TABLE))
    incremental = refresh(sandbox, catalog())
    sandbox.api.world.remove("c002")
    before = len(sandbox.api.requests)
    whole = refresh(sandbox, FULL_TABLE)
    requests = len(sandbox.api.requests) - before
    activated = next(n for n, line in enumerate(whole) if b"ACTIVATE_VERSION" in line)
    cases = [Case(loaded, whole[:n], complete=n > activated) for n in range(1, len(whole) + 1)]
    cases += [Case(incremental, c.messages, complete=c.complete) for c in cases[activated - 1 :]]
    cases += [
        Case(loaded, refresh(sandbox, FULL_TABLE, failing_at=number + 1))
        for number in range(requests)
    ]
    load(database, tmp_path, [case.before for case in cases], hard_delete=hard_delete)
    load(database, tmp_path, [case.messages for case in cases], hard_delete=hard_delete)

    existing = {f"c{n:03}" for n in range(5)}
    for number, case in enumerate(cases):
        kept = existing - {"c002"} if case.complete else existing
        assert table(database, number, hard_delete=hard_delete) == kept, case.messages[-1]
    assert {case.complete for case in cases if case.before is incremental} == {False, True}


@pytest.mark.parametrize("holding", [False, True], ids=["settled", "held by an open call"])
def test_a_failed_run_is_resumed_with_a_target_that_forgets_a_state_which_records_follow(
    sandbox: RunningSandbox, tmp_path: Path, *, holding: bool
) -> None:
    api = sandbox.api
    if holding:
        for number in range(4):
            api.world.add(call(f"new{number}", ago(minutes=50 - number), lasts=7200 * (not number)))
    target = {"destination_path": str(tmp_path), "do_timestamp_file": False}
    settings = settings_for(sandbox, page_size=2, concurrency=1)
    pipe = Pipe(tmp_path, settings, "target-jsonl", target)
    api.faults = failing(8 if holding else 4)
    assert pipe.run() == 1
    first = [row["id"] for row in read_lines(tmp_path / "conversations.jsonl")]
    bookmark = pipe.state["bookmarks"]["conversations"]["replication_key_value"]
    assert max(first) == ("new2" if holding else "c003")
    api.faults = None
    assert pipe.run() == 0
    rows = read_lines(tmp_path / "conversations.jsonl")
    assert {row["id"] for row in rows} == {row["id"] for row in api.world.rows()}
    assert all(row["start_time"] >= bookmark for row in rows[len(first) :])


def refresh(
    sandbox: RunningSandbox, wanted: dict[str, Any], *, failing_at: int | None = None
) -> list[bytes]:
    """Sync, and give the lines written, the last ones of a failed sync included."""
    api = sandbox.api
    if failing_at is not None:
        api.faults = failing(failing_at + len(api.requests))
    settings = settings_for(sandbox, page_size=2, emit_activate_version_messages=True)
    with captured() as written:
        tap = TapAyra(config=settings, catalog=json.loads(json.dumps(wanted)))
        try:
            tap.sync_all()
            assert failing_at is None
        except TapAyraError:
            assert failing_at is not None
    api.faults = None
    return written.getvalue().splitlines(keepends=True)


def failing(first: int) -> Callable[[int, Mapping[str, str]], ApiResponse | None]:
    """Refuse all requests from one on."""
    refused = ApiResponse(400, {}, b"{}")
    return lambda number, _: refused if number >= first else None


def older(lines: list[bytes]) -> list[bytes]:
    """Give messages the version that they would have had before."""
    messages = [json.loads(line) for line in lines]
    for message in messages:
        if "version" in message:
            message["version"] += BEFORE
    return [json.dumps(message).encode() + b"\n" for message in messages]


def load(database: str, folder: Path, runs: list[list[bytes]], *, hard_delete: bool) -> None:
    """Load runs at a time, each into a table of its own."""
    settings = postgres_settings(database, hard_delete=hard_delete)
    (folder / "target.json").write_text(json.dumps(settings))
    lines = []
    for number, messages in enumerate(runs):
        name = b'"case_%d"' % number
        lines += [line.replace(b'"conversations"', name) for line in messages]
    run_target(POSTGRES, folder, b"".join(lines))


def table(database: str, number: int, *, hard_delete: bool) -> set[str]:
    """Give the ids of a table's rows that are not marked as deleted."""
    there = "" if hard_delete else " WHERE _sdc_deleted_at IS NULL"
    return {key for (key,) in query(database, f"SELECT id FROM tap_ayra.case_{number}{there}")}  # noqa: S608
