"""`make demo`: an incremental sync to watch, against a simulated API, into a file of JSON lines."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sandbox import SandboxApi, SandboxClock, World, serve
from sandbox.comparison import api_rows, read_lines, rows_by_id
from sandbox.generate import CallCentre
from sandbox.meltano_project import ROOT, MeltanoProject, install_plugins

if TYPE_CHECKING:
    from sandbox.comparison import Rows

FOLDER = ROOT / ".demo"
OUTPUT = FOLDER / "output" / "conversations.jsonl"
COMMAND = ("run", "tap-ayra", "target-jsonl")
BETWEEN = timedelta(hours=2)


class DemoError(Exception):
    """What landed is not what the API holds, or Meltano failed."""


def main() -> None:
    """Sync twice, with two hours of the simulated API's time in between, and show what landed."""
    install_plugins(*COMMAND[1:])
    world = _world()
    with serve(SandboxApi(world)) as sandbox:
        project = _project({"TAP_AYRA_API_URL": sandbox.url, "TAP_AYRA_API_KEY": sandbox.api.key})
        say(f"A simulated Ayra API is up at {sandbox.url}: no key, no network needed.")
        say(f"It holds {len(api_rows(world))} calls of the last 14 days ({_statuses(world)}).")

        say(f"\nFirst sync: meltano {' '.join(COMMAND)}")
        _sync(project)
        landed = read_lines(OUTPUT)
        first = rows_by_id(landed)
        say(f"  landed    {len(landed)} rows in {OUTPUT.relative_to(ROOT)}")
        say(f"  by status {_by_status(first)}")
        before = _bookmark(project)
        say(f"  bookmark  {before}, where the next sync begins to read")

        world.clock.advance(BETWEEN.total_seconds())
        say("\nTwo hours pass in the simulated API: calls end, and new ones come in.")

        say(f"\nSecond sync: meltano {' '.join(COMMAND)}")
        _sync(project)
        appended = rows_by_id(read_lines(OUTPUT)[len(landed) :])
        new = appended.keys() - first.keys()
        changed = {key for key in appended.keys() & first.keys() if appended[key] != first[key]}
        last = first | appended
        ended = sum(first[key]["status"] == "in_progress" for key in changed)
        say(f"  landed    {len(appended)} rows, added to the same file:")
        say(f"            {len(new)} new calls")
        say(f"            {len(changed)} updated ones, {ended} of them in progress before")
        say(f"            {len(appended) - len(new) - len(changed)} sent again unchanged")
        say(f"  by status {_by_status(last)} (the last row of a call counts)")
        say(f"  bookmark  {before} → {_bookmark(project)}")

        _check(last, api_rows(world), sandbox.api)
    say(f"\nThe last rows of the {len(last)} calls are what the API holds, each one of them.")
    say(f"Look at one:    tail -n 1 {OUTPUT.relative_to(ROOT)}")
    say("For real data:  put a key into .env (see .env.example), and run the same command.")


def say(line: str) -> None:
    """Tell the one who watches."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _world() -> World:
    """Make a call centre with calls that have ended, that are going on, and that are to come."""
    now = datetime.now(UTC).replace(microsecond=0)
    world = World.generate(SandboxClock(now, frozen=True), seed=1, count=300, in_progress=6)
    world.extend(CallCentre(2).calls(20, now + timedelta(minutes=1), now + BETWEEN))
    return world


def _project(settings: dict[str, str]) -> MeltanoProject:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    return MeltanoProject(FOLDER, settings)


def _sync(project: MeltanoProject) -> None:
    result = project.meltano(*COMMAND, log_level="warning")
    if result.returncode != 0:
        raise DemoError(result.stderr)


def _bookmark(project: MeltanoProject) -> str:
    bookmarks = project.state("target-jsonl")["bookmarks"]
    value: str = bookmarks["conversations"]["replication_key_value"]
    return value


def _statuses(world: World) -> str:
    return _by_status(api_rows(world))


def _by_status(rows: Rows) -> str:
    counts = Counter(row["status"] for row in rows.values())
    return ", ".join(f"{count} {status}" for status, count in counts.most_common())


def _check(landed: Rows, held: Rows, api: SandboxApi) -> None:
    if landed != held:
        wrong = [key for key in landed.keys() | held.keys() if landed.get(key) != held.get(key)]
        message = f"{len(wrong)} calls did not land as the API holds them, such as {wrong[0]}."
        raise DemoError(message)
    if any(request.status != 200 for request in api.requests):
        message = "The simulated API refused requests."
        raise DemoError(message)


if __name__ == "__main__":
    try:
        main()
    except DemoError as error:
        sys.exit(f"The demo failed: {error}")
