"""`make demo`: two incremental syncs from a simulated API into a JSON Lines file."""

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
    """Meltano failed, or the rows are not what the API holds."""


def main() -> None:
    """Sync twice, two hours of the API's time apart, and print what each sync loaded."""
    install_plugins(*COMMAND[1:])
    world = _world()
    with serve(SandboxApi(world)) as sandbox:
        project = _project({"TAP_AYRA_API_URL": sandbox.url, "TAP_AYRA_API_KEY": sandbox.api.key})
        say(f"Simulated Ayra API running at {sandbox.url} (no key or network required)")
        say(f"{len(api_rows(world))} conversations in the last 14 days: {_statuses(world)}")

        say(f"\nFirst sync: meltano {' '.join(COMMAND)}")
        _sync(project)
        landed = read_lines(OUTPUT)
        first = rows_by_id(landed)
        say(f"  loaded    {len(landed)} rows into {OUTPUT.relative_to(ROOT)}")
        say(f"  by status {_by_status(first)}")
        before = _bookmark(project)
        say(f"  bookmark  {before} (the next sync starts here)")

        world.clock.advance(BETWEEN.total_seconds())
        say("\nThe API's clock advances by two hours: calls end, new ones begin.")

        say(f"\nSecond sync: meltano {' '.join(COMMAND)}")
        _sync(project)
        appended = rows_by_id(read_lines(OUTPUT)[len(landed) :])
        new = appended.keys() - first.keys()
        changed = {key for key in appended.keys() & first.keys() if appended[key] != first[key]}
        last = first | appended
        ended = sum(first[key]["status"] == "in_progress" for key in changed)
        say(f"  loaded    {len(appended)} rows, appended to the same file:")
        say(f"            {len(new)} new")
        say(f"            {len(changed)} updated ({ended} were in progress)")
        say(f"            {len(appended) - len(new) - len(changed)} re-sent unchanged")
        say(f"  by status {_by_status(last)} (latest row per conversation)")
        say(f"  bookmark  {before} → {_bookmark(project)}")

        _check(last, api_rows(world), sandbox.api)
    say(f"\nVerified: all {len(last)} conversations match the API.")
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
