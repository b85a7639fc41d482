"""README and docs, typed: every command in them runs here, or says why it doesn't."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sandbox import SandboxApi, SandboxClock, World, serve
from sandbox.comparison import api_rows, file_rows, read_lines
from sandbox.meltano_project import (
    ALONE,
    MELTANO,
    OFFLINE,
    PINNED,
    ROOT,
    MeltanoProject,
    clean_environment,
    plugin_program,
)
from tap_ayra.messages import api, cli, forecast, output, settings
from tap_ayra.streams.forecast import full_cost, pages, short_cost
from tests.piping import postgres_settings, query
from tests.processes import TAP
from tests.singer import run_tap, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox import RunningSandbox

pytestmark = pytest.mark.timeout(900)  # many commands of Meltano, seconds each

NOW = datetime(2026, 3, 9, 15, tzinfo=UTC)
NAMES = ("API_URL", "API_KEY")
PAGES = ["README.md", "CONTRIBUTING.md", "benchmarks/README.md", "tests/README.md"]
PAGES += sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))
COMMANDS = re.compile(
    r"(cp|echo|export|kubectl|docker|make|meltano|pip|python3?|tail|tap-ayra|unset|uv) "
    r"|\.venv|[A-Z_]+=|0 \*"
)

NOT_RUN = {
    "installs into the checkout; .ci/run and the demo's own tests run it": (
        "make demo",
        "make test",
        "make lint",
        "make help",
    ),
    "cron reads it; the command in it runs below": ("0 * * * *",),
    "takes minutes, and has a target of its own": (
        "make scale-demo",
        "make bench",
        "HYPOTHESIS_PROFILE=thorough",
        ".venv/bin/python -m pytest",
        ".venv/bin/python -m benchmarks",
    ),
    "`make scale-test` tries the scale-out on Dagster, Kubernetes' files and Celery": (
        "python3 -m venv .venv-dagster",
        ".venv-dagster/",
        "docker build",
        "kubectl",
        "cp orchestrate/",
        "export DAGSTER_HOME",
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _plugins(plugins: None) -> None:
    """Everything here needs them."""


@pytest.fixture
def world() -> World:
    """Three weeks of calls, all of them over."""
    clock = SandboxClock(NOW, frozen=True)
    since, until = NOW - timedelta(days=21), NOW - timedelta(hours=2)
    return World.generate(clock, seed=3, count=120, since=since, until=until)


@pytest.fixture
def sandbox(world: World) -> Iterator[RunningSandbox]:
    with serve(SandboxApi(world, cache_seconds=0)) as running:
        yield running


class Reader:
    """Someone with a checkout who types what the docs say.

    Attributes:
        folder: where they are.
    """

    def __init__(self, sandbox: RunningSandbox, folder: Path) -> None:
        """Give them the programs, the key and the address of the API."""
        self.folder = folder
        self.project = MeltanoProject(folder)
        programs = folder / "programs"
        programs.mkdir()
        targets = ("target-jsonl", "target-postgres")
        for program in (MELTANO, TAP, *(plugin_program(f"loaders/{name}") for name in targets)):
            (programs / program.name).symlink_to(program)
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / ".env.example").write_bytes((ROOT / ".env.example").read_bytes())
        self.variables = {
            "TAP_AYRA_API_URL": sandbox.url,
            "TAP_AYRA_API_KEY": sandbox.api.key,
            "PATH": f"{programs}:{os.environ['PATH']}",
        }
        self.places = {"/path/to/tap-ayra/plugins": str(ROOT / "plugins")}

    def type(self, page: str, heading: str, *, only: str = "") -> subprocess.CompletedProcess[str]:
        """Run the commands under a heading, or those of them that contain a text."""
        script = [line for line in commands(page, heading) if only in line and not _excused(line)]
        assert script
        return self.run("\n".join(script))

    def write(self, **files: Any) -> None:
        """Write JSON files, and a file of states as before the first sync."""
        for name, content in files.items():
            (self.folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        (self.folder / "states.jsonl").write_text("{}\n", encoding="utf-8")

    def state(self) -> dict[str, Any]:
        """Give what Meltano keeps for the conversations, synced into a file; empty for nothing."""
        database = sqlite3.connect(self.folder / ".meltano" / "meltano.db")
        with contextlib.closing(database):
            found = database.execute(
                "SELECT completed_state FROM state WHERE state_id = 'dev:tap-ayra-to-target-jsonl'"
            ).fetchone()
        kept = json.loads(found[0]).get("singer_state", {}) if found else {}
        state: dict[str, Any] = kept.get("bookmarks", {}).get("conversations", {})
        return state

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run lines of shell, which must succeed."""
        for place, real in self.places.items():
            script = script.replace(place, real)
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],  # noqa: S607  the reader's shell
            cwd=self.folder,
            env={**clean_environment(), **OFFLINE, **ALONE, **self.variables},
            check=False,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, f"{script}\n{ended.stdout}\n{ended.stderr}"
        return ended


@pytest.fixture
def reader(sandbox: RunningSandbox, tmp_path: Path) -> Reader:
    return Reader(sandbox, tmp_path)


def commands(page: str, heading: str) -> list[str]:
    """Give the commands under a heading, each a line; one that goes on is joined."""
    return _sections(page)[heading]


def _sections(page: str) -> Mapping[str, list[str]]:
    """Give the commands of a page by heading: blocks marked `sh`, and indented ones that are."""
    found: dict[str, list[str]] = defaultdict(list)
    heading = fence = ""
    for line in (ROOT / page).read_text(encoding="utf-8").replace("\\\n", "\\\0").splitlines():
        text = line.replace("\\\0", "\\\n")
        if line.lstrip().startswith("```"):
            fence = "" if fence else line.strip()
        elif fence == "```sh" and line.strip():
            found[heading].append(text)
        elif not fence and line.startswith("#"):
            heading = line.lstrip("# ")
        elif not fence and re.match(r" {4,}\S", line) and COMMANDS.match(line.lstrip()):
            found[heading].append(text.strip())
    return found


def _excused(line: str) -> bool:
    return line.startswith(tuple(chain.from_iterable(NOT_RUN.values())))


def test_every_command_runs_here_or_says_why_not() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    typed = set(re.findall(r'(?:reader\.type|commands)\(\s*"([^"]+)", "([^"]+)"', here))
    left = {
        f"{page}, {heading}: {line}"
        for page in PAGES
        for heading, lines in _sections(page).items()
        for line in lines
        if (page, heading) not in typed and not _excused(line)
    }
    assert not left
    known = {(page, heading) for page in PAGES for heading in _sections(page)}
    assert typed <= known


def test_no_reason_is_out_of_date() -> None:
    lines = [line for page in PAGES for part in _sections(page).values() for line in part]
    for start in chain.from_iterable(NOT_RUN.values()):
        assert any(line.startswith(start) for line in lines), start


# README


def test_the_readme_is_short() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"```.*?```|<!--.*?-->", "", text, flags=re.DOTALL)
    assert 700 < len([word for word in text.split() if re.search(r"\w", word)]) <= 1_000


@pytest.mark.slow
def test_start(reader: Reader, world: World) -> None:
    said = reader.type("README.md", "Start", only=".venv/bin/tap-ayra").stdout
    assert re.fullmatch(r"Connection OK: 120 conversations\. First sync: .*\n", said)
    reader.type("README.md", "Start", only="cp ")
    reader.type("README.md", "Start", only="meltano run")
    lines = read_lines(reader.folder / "output" / "conversations.jsonl")
    assert len(lines) < 130  # the second sync brought little
    assert file_rows(reader.folder / "output" / "conversations.jsonl") == api_rows(world)


def test_the_sample_row_has_every_column(sandbox: RunningSandbox) -> None:
    row = json.loads(_example("README.md", "row", "json"))
    assert list(row) == list(run_tap(sandbox).records[0])


def test_the_samples_of_what_is_printed_are_worded_as_here() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    connection, complete = re.findall(r"```text\n(.*?)\n```", text, re.DOTALL)
    transcripts = forecast.TRANSCRIPTS(cost=short_cost(41_377, 500))
    assert connection == forecast.CONNECTION_OK(
        conversations="52,310 conversations",
        cost=full_cost(pages(52_310, 100), 500),
        more=transcripts,
    )
    bookmark = output.BOOKMARK(
        bookmark="2026-11-24T05:41:38Z", why=output.HELD_BY_MARGIN(minutes=10)
    )
    assert complete == output.SYNC_COMPLETE(
        delivered=2_000,
        of=" of 2,000",
        noun="conversations",
        effort="22 requests",
        bookmark=bookmark,
    )


def test_the_errors_that_people_meet_are_worded_as_here() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Errors")[2]
    shown = re.findall(r"^\| `([^`]+)` \|", text.partition("## ")[0], re.MULTILINE)
    messages = (
        settings.REQUIRED,
        api.KEY_REJECTED,
        api.KEY_LACKS_PERMISSION,
        api.QUOTA_EXHAUSTED,
        cli.NOTHING_SELECTED,
    )
    for begins, message in zip(shown, messages, strict=True):
        assert message.text.replace("{name}", "api_key").startswith(begins)


@pytest.mark.slow
def test_a_project_of_ones_own(reader: Reader, sandbox: RunningSandbox) -> None:
    own = "default_environment: dev\nenvironments:\n- name: dev\n"
    (reader.folder / "meltano.yml").write_text(own, encoding="utf-8")
    reader.places["/path/to/tap-ayra/dist"] = str(reader.folder / "dist")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d"]
    subprocess.run([*build, reader.folder / "dist"], cwd=ROOT, check=True, capture_output=True)
    (reader.folder / ".meltano" / "extractors" / "tap-ayra" / "venv").unlink()
    reader.variables["UV_CONSTRAINT"] = str(PINNED / "dev.txt")
    for page, heading in (
        ("README.md", "In your Meltano project"),
        ("docs/meltano.md", "In a project of your own"),
    ):
        added = [line.partition("  #")[0].strip() for line in _sections(page)[heading][:3]]
        assert added == [
            "export UV_FIND_LINKS=/path/to/tap-ayra/dist",
            "meltano add tap-ayra --from-ref /path/to/tap-ayra/plugins/extractors/tap-ayra.yml",
            "meltano select tap-ayra conversations '*'",
        ]
    ended = reader.type("README.md", "In your Meltano project")
    assert "Plugin configuration is valid" in ended.stdout
    assert any(
        "2026-01-01" in seen.params.get("start_date", "")
        or "2025-12-31" in seen.params.get("start_date", "")
        for seen in sandbox.api.requests
    )
    said = reader.run(commands("docs/meltano.md", "In a project of your own")[-1]).stdout
    assert said.startswith("Connection OK: 120 conversations")


@pytest.mark.slow
def test_a_target_that_fails_keeps_the_state(
    reader: Reader, sandbox: RunningSandbox, world: World
) -> None:
    reader.type("README.md", "With any Singer target", only="echo")
    reader.write(config=settings_for(sandbox))
    sync = "\n".join(commands("README.md", "With any Singer target")[-2:])
    reader.run(sync)
    good = (reader.folder / "states.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    (file,) = reader.folder.glob("conversations-*.jsonl")
    assert file_rows(file) == api_rows(world)

    failing = sync.replace("| target-jsonl", "| { head -c 100 > /dev/null; exit 1; }")
    reader.run(f"set +e; {{ {failing}\n}}; true")
    requests = len(sandbox.api.requests)
    reader.run(sync)
    assert (reader.folder / "state.json").read_text(encoding="utf-8").strip() == good.strip()
    assert len(sandbox.api.requests) - requests == 2


@pytest.mark.slow
def test_columns_are_left_out(reader: Reader) -> None:
    reader.type("README.md", "Keep personal data out")
    chosen = commands("docs/meltano.md", "Choose columns")
    assert chosen[:2] == commands("README.md", "Keep personal data out")[::2]
    listed = reader.run(chosen[2]).stdout
    assert re.search(r"excluded *\] conversations\.summary", listed)
    assert re.search(r"selected *\] conversations\.status", listed)
    reader.run("meltano run tap-ayra target-jsonl")
    rows = read_lines(reader.folder / "output" / "conversations.jsonl")
    assert len(rows) == 120
    reader.type("docs/meltano.md", "After an update")
    rows = read_lines(reader.folder / "output" / "conversations.jsonl")
    assert len(rows) > 120
    assert not any({"caller_number", "summary"} & row.keys() for row in rows)


@pytest.mark.slow
def test_settings_are_taken_as_written(reader: Reader, sandbox: RunningSandbox) -> None:
    listed = reader.type("docs/meltano.md", "Settings").stdout
    assert "settling_minutes" in listed
    reader.run("meltano invoke tap-ayra")
    assert sandbox.api.requests[0].params["start_date"].startswith("2025-12-31T23:59:59")


@pytest.mark.slow
def test_the_schedule(reader: Reader, database: str) -> None:
    reader.variables |= _server(database)
    reader.type("docs/meltano.md", "Schedule")
    assert query(database, "SELECT count(*) FROM tap_ayra.conversations") == [(120,)]


@pytest.mark.slow
def test_files_go_on_where_records_stopped(
    reader: Reader, sandbox: RunningSandbox, database: str
) -> None:
    reader.variables |= _server(database)
    reader.run("meltano run tap-ayra target-postgres")
    sandbox.api.requests.clear()
    reader.type("docs/batch.md", "With Meltano", only="meltano state copy")
    reader.type("docs/batch.md", "With Meltano", only="meltano run")
    assert len(sandbox.api.requests) == 2
    assert query(database, "SELECT count(*) FROM tap_ayra.conversations") == [(120,)]


@pytest.mark.slow
def test_into_a_file_and_into_postgresql(reader: Reader, world: World, database: str) -> None:
    reader.variables |= _server(database)
    reader.type("docs/meltano.md", "In this folder")
    counted = reader.type("docs/warehouses.md", "JSON Lines and CSV", only="python3").stdout
    assert counted == "120\n"
    found = re.search(r"```sql\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert found
    rows = query(database, found[1])
    assert sum(calls for _, calls, _ in rows) == len(world.visible())


@pytest.mark.slow
def test_into_postgresql_without_meltano(
    reader: Reader, sandbox: RunningSandbox, database: str
) -> None:
    settings = json.loads(_example("docs/warehouses.md", "postgres", "json"))
    given = postgres_settings(database)
    assert settings.keys() == given.keys()
    reader.write(
        target={**settings, "sqlalchemy_url": given["sqlalchemy_url"]},
        config=settings_for(sandbox),
    )
    reader.type("docs/warehouses.md", "PostgreSQL", only=".json")
    assert query(database, "SELECT count(*) FROM tap_ayra.conversations") == [(120,)]


@pytest.mark.slow
def test_the_state_with_meltano(reader: Reader, world: World) -> None:
    landed = reader.folder / "output" / "conversations.jsonl"
    reader.run("meltano run tap-ayra target-jsonl")
    shown = reader.type("docs/state.md", "See it").stdout
    assert "dev:tap-ayra-to-target-jsonl" in shown
    bookmark = reader.state()["replication_key_value"]
    assert bookmark in shown

    def new() -> list[str]:
        starts = [row["start_time"] for row in read_lines(landed)]
        landed.unlink()
        return starts

    assert new() == [row["start_time"] for row in world.rows()]
    reader.type("docs/state.md", "Go back a week")
    assert new()[0] < "2026-03-03" < bookmark
    reader.type("docs/state.md", "Re-read a month")
    starts = [row["start_time"] for row in world.rows()]
    assert new() == [start for start in starts if start < "2026-03"]
    assert reader.state()["replication_key_value"] == bookmark
    reader.type("docs/state.md", "Keep a copy")
    assert reader.state()["replication_key_value"] == bookmark
    reader.type("docs/state.md", "Start over", only="--full-refresh")
    assert new() == starts
    reader.type("docs/state.md", "Start over", only="clear")
    assert reader.state() == {}


@pytest.mark.slow
def test_the_state_without_meltano(reader: Reader, sandbox: RunningSandbox) -> None:
    reader.write(config=settings_for(sandbox))
    reader.run("\n".join(commands("README.md", "With any Singer target")[-2:]))
    shown = json.loads(reader.type("docs/state.md", "See the last line").stdout)
    bookmark = shown["bookmarks"]["conversations"]["replication_key_value"]
    sandbox.api.requests.clear()
    reader.type("docs/state.md", "A week or a month again")
    asked = [seen.params["start_date"] for seen in sandbox.api.requests]
    assert asked[0] < "2026-03-03" < bookmark
    assert any(start.startswith("2026-01-31T23:59:59") for start in asked)
    last = json.loads(reader.type("docs/state.md", "See the last line").stdout)
    assert last["bookmarks"]["conversations"]["replication_key_value"] == bookmark
    reader.type("docs/state.md", "From the beginning")
    assert json.loads(reader.type("docs/state.md", "See the last line").stdout) == {}


@pytest.mark.slow
def test_transcripts(reader: Reader) -> None:
    reader.type("docs/transcripts.md", "Switch it on")
    reader.type("docs/transcripts.md", "Keep text out, or mask it")
    reader.run("TAP_AYRA_TRANSCRIPTS_PER_SYNC=3 meltano run tap-ayra target-jsonl")
    messages = read_lines(reader.folder / "output" / "transcript_messages.jsonl")
    assert 0 < len({row["conversation_id"] for row in messages}) <= 3
    assert not any("text" in row for row in messages)


@pytest.mark.slow
def test_several_accounts_side_by_side(reader: Reader, world: World, database: str) -> None:
    definition = yaml.safe_load((ROOT / "meltano.yml").read_text("utf-8"))
    more = yaml.safe_load(_example("docs/accounts.md", "accounts", "yaml"))["plugins"]
    definition["plugins"]["extractors"] += more["extractors"]
    (reader.folder / "meltano.yml").write_text(yaml.safe_dump(definition), encoding="utf-8")
    clock = SandboxClock(NOW, frozen=True)
    other = World.generate(clock, seed=9, count=30, until=NOW - timedelta(hours=2))
    key = "sk_test_of_globex_000"
    with serve(SandboxApi(other, key=key)) as globex:
        acme = {f"TAP_AYRA_ACME_{name}": reader.variables.pop(f"TAP_AYRA_{name}") for name in NAMES}
        reader.variables |= acme | _server(database)
        reader.variables |= {"TAP_AYRA_GLOBEX_API_URL": globex.url, "TAP_AYRA_GLOBEX_API_KEY": key}
        runs = commands("docs/accounts.md", "Run it")
        ended = reader.run(f"{runs[0]}\n{runs[0]} & first=$!\n{runs[1]}\nwait $first\n{runs[2]}")
    counted = "SELECT account, count(*) FROM tap_ayra.conversations GROUP BY 1 ORDER BY 1"
    assert query(database, counted) == [("acme", len(world.visible())), ("globex", 30)]
    for name in ("acme", "globex"):
        assert f"dev:tap-ayra-{name}-to-target-postgres" in ended.stdout
        assert "Sync complete" in ended.stderr


def _example(page: str, name: str, language: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    _, begin, rest = text.partition(f"<!-- example: {name} -->\n```{language}\n")
    assert begin
    return rest.partition("```")[0]


def _server(database: str) -> dict[str, str]:
    """Give the variables with which target-postgres finds a database."""
    url = postgres_settings(database)["sqlalchemy_url"]
    return {"TARGET_POSTGRES_SQLALCHEMY_URL": url}
