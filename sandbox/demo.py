"""`make demo`: two incremental syncs from a simulated API into a JSON Lines file."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from sandbox import Call, SandboxApi, SandboxClock, World, serve
from sandbox.comparison import api_rows, read_lines, rows_by_id
from sandbox.generate import CallCentre
from sandbox.meltano_project import ROOT, MeltanoProject, install_plugins
from sandbox.page_walk import PageWalk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.comparison import Rows

FOLDER = ROOT / ".demo"
OUTPUT = FOLDER / "output" / "conversations.jsonl"
COMMAND = ("run", "tap-ayra", "target-jsonl")
BETWEEN = timedelta(hours=2)
DELETED_BEFORE = 2
ADDED_BEFORE = 4
TOLD = ("Reading ", "20", "3 conversations", "Sync ")
"""How the tap's own lines begin that are shown."""


class DemoError(Exception):
    """Meltano failed, or the rows are not what the API holds."""


def main() -> None:
    """Sync twice, two hours of the API's time apart, and a plain page walk beside each sync."""
    install_plugins(*COMMAND[1:])
    world, twin = _world(), _world()
    with serve(SandboxApi(world)) as sandbox, serve(SandboxApi(twin)) as other:
        project = _project({"TAP_AYRA_API_URL": sandbox.url, "TAP_AYRA_API_KEY": sandbox.api.key})
        walk = PageWalk(other.url, other.api.key)
        say(f"Simulated Ayra API running at {sandbox.url} (no key or network required)")
        say(f"{len(api_rows(world))} conversations in the last 14 days: {_statuses(world)}")

        say(f"\nFirst sync: meltano {' '.join(COMMAND)}")
        say("  While it reads, 3 conversations are deleted, and 1 from 12 days ago appears.")
        for api in (sandbox.api, other.api):
            _disturb(api)
        _sync(project)
        walk.sync()
        landed = read_lines(OUTPUT)
        first = rows_by_id(landed)
        say(f"  loaded    {len(landed)} rows into {OUTPUT.relative_to(ROOT)}")
        say(f"  by status {_by_status(first)}")
        before = _bookmark(project)

        for each in (world, twin):
            each.clock.advance(BETWEEN.total_seconds())
            each.add(_late(each, "conv_late2", days=9))
        say("\nThe API's clock advances by two hours: calls end, new ones begin,")
        say("and 1 from 9 days ago appears.")

        say(f"\nSecond sync: meltano {' '.join(COMMAND)}")
        _sync(project)
        walk.sync()
        appended = rows_by_id(read_lines(OUTPUT)[len(landed) :])
        new = appended.keys() - first.keys()
        changed = {key for key in appended.keys() & first.keys() if appended[key] != first[key]}
        last = first | appended
        ended = sum(first[key]["status"] == "in_progress" for key in changed)
        say(f"  loaded    {len(appended)} rows, appended to the same file:")
        say(f"            {len(new)} new")
        say(f"            {len(changed)} updated ({ended} were in progress)")
        say(f"            {len(appended) - len(new) - len(changed)} re-sent unchanged")
        say(f"  bookmark  {before} → {_bookmark(project)}")

        held = api_rows(world)
        gone = last.keys() - held.keys()
        _check({key: row for key, row in last.items() if key in held}, held, sandbox.api)
        say("\nCompared with the API   missing  unfinished")
        say(f"  a plain page walk   {_compared(walk.rows, api_rows(twin))}")
        say(f"  tap-ayra            {_compared(last, held)}")
    say(
        f"\nVerified: all {len(held)} conversations match the API "
        f"({len(gone)} deleted ones stay in the file)."
    )
    say(f"Sample row: tail -n 1 {OUTPUT.relative_to(ROOT)}")
    say(
        "Real data:  cp .env.example .env, add your key, "
        "run .venv/bin/meltano run tap-ayra target-jsonl"
    )


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _world() -> World:
    """Make a world with ended, ongoing and future calls."""
    now = datetime.now(UTC).replace(microsecond=0)
    world = World.generate(SandboxClock(now, frozen=True), seed=1, count=300, in_progress=6)
    world.extend(CallCentre(2).calls(20, now + timedelta(minutes=1), now + BETWEEN))
    return world


def _disturb(api: SandboxApi) -> None:
    """Delete three conversations of page 1 before the second request, add one before the fourth."""
    numbers = count(1)

    def on_request(_: Mapping[str, str]) -> None:
        number = next(numbers)
        if number == DELETED_BEFORE:
            for call in api.world.visible()[20:23]:
                api.world.remove(call.id)
        if number == ADDED_BEFORE:
            api.world.add(_late(api.world, "conv_late1", days=12))

    api.on_request = on_request


def _late(world: World, call_id: str, *, days: int) -> Call:
    """Make a call of days ago that is listed from now on."""
    now = world.clock.now()
    start = now - timedelta(days=days)
    return Call(call_id, start, start + timedelta(minutes=3), visible_from=now)


def _project(settings: dict[str, str]) -> MeltanoProject:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    return MeltanoProject(FOLDER, settings)


def _sync(project: MeltanoProject) -> None:
    result = project.meltano(*COMMAND)
    if result.returncode != 0:
        raise DemoError(result.stderr)
    for line in result.stderr.splitlines():
        _, mark, said = line.partition("tap-ayra     ")
        if mark and said.startswith(TOLD):
            say(f"  tap-ayra: {said}")


def _bookmark(project: MeltanoProject) -> str:
    bookmarks = project.state("target-jsonl")["bookmarks"]
    value: str = bookmarks["conversations"]["replication_key_value"]
    return value


def _statuses(world: World) -> str:
    return _by_status(api_rows(world))


def _by_status(rows: Rows) -> str:
    counts = Counter(row["status"] for row in rows.values())
    return ", ".join(f"{count} {status}" for status, count in counts.most_common())


def _compared(landed: Rows, held: Rows) -> str:
    missing = held.keys() - landed.keys()
    unfinished = [key for key in landed.keys() & held.keys() if landed[key] != held[key]]
    return f"{len(missing):9}{len(unfinished):12}"


def _check(landed: Rows, held: Rows, api: SandboxApi) -> None:
    if landed != held:
        wrong = [key for key in landed.keys() | held.keys() if landed.get(key) != held.get(key)]
        message = f"{len(wrong)} conversations differ from the API, for example {wrong[0]}."
        raise DemoError(message)
    if any(request.status != 200 for request in api.requests):
        message = "The simulated API refused some requests."
        raise DemoError(message)


if __name__ == "__main__":
    try:
        main()
    except DemoError as error:
        sys.exit(f"Demo failed: {error}")
