"""The Meltano project over real parts: Meltano, its plugins, and a simulated API over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from sandbox import SandboxApi, serve
from sandbox.comparison import api_rows, file_rows, read_lines
from sandbox.meltano_project import DEFINITION, NOWHERE, MeltanoProject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import RunningSandbox, World

pytestmark = pytest.mark.usefixtures("plugins")

RECENTLY = datetime(2026, 3, 6, tzinfo=UTC)


@pytest.fixture
def sandbox(call_centre: World) -> Iterator[RunningSandbox]:
    with serve(SandboxApi(call_centre, rate_limit=None)) as running:
        yield running


@pytest.fixture
def project(sandbox: RunningSandbox, tmp_path: Path) -> MeltanoProject:
    settings = {"TAP_AYRA_API_URL": sandbox.url, "TAP_AYRA_API_KEY": sandbox.api.key}
    return MeltanoProject(tmp_path, settings)


def test_definition_is_valid() -> None:
    schema = resources.files("meltano.schemas").joinpath("meltano.schema.json").read_text()
    jsonschema.validate(_definition(), json.loads(schema))


def test_no_plugin_needs_the_hub() -> None:
    plugins = [plugin for kind in _definition()["plugins"].values() for plugin in kind]
    inherited = {"inherit_from", "config"}
    assert all(
        plugin.keys() >= {"namespace", "pip_url", "executable", "settings"}
        or plugin.keys() >= inherited
        for plugin in plugins
    )


def test_two_syncs_into_a_file(
    project: MeltanoProject, sandbox: RunningSandbox, call_centre: World
) -> None:
    output = project.folder / "output" / "conversations.jsonl"

    project.check("run", "tap-ayra", "target-jsonl")
    first = read_lines(output)
    assert file_rows(output) == api_rows(call_centre)
    assert len(first) == len(call_centre.visible())
    bookmark = _bookmark(project)
    requests = len(sandbox.api.requests)

    call_centre.clock.advance(timedelta(hours=2).total_seconds())
    project.check("run", "tap-ayra", "target-jsonl")
    assert file_rows(output) == api_rows(call_centre)
    again = read_lines(output)[len(first) :]
    assert min(datetime.fromisoformat(row["start_time"]) for row in again) >= bookmark
    assert len(again) < len(first) / 2
    assert _bookmark(project) > bookmark
    assert len(sandbox.api.requests) - requests <= 2


@pytest.mark.slow
def test_a_refused_key_is_told_at_every_log_level(project: MeltanoProject) -> None:
    project.settings = {**project.settings, "TAP_AYRA_API_KEY": "sk_test_wrong"}
    result = project.meltano("run", "tap-ayra", "target-jsonl", log_level="error")
    assert result.returncode != 0
    assert "api_key" in result.stderr
    assert "sk_test_wrong" not in result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        (
            {"TAP_AYRA_API_KEY": "sk_test_wrong"},
            "Ayra rejected the API key (HTTP 401): Invalid API key provided. Set api_key",
        ),
        ({"TAP_AYRA_PAGE_SIZE": "500"}, "page_size: expected an integer from 1 to 100, got 500"),
        (
            {"TAP_AYRA_API_URL": f"{NOWHERE}/v1"},
            "Could not connect to the API (127.0.0.1:9): connection refused. Check api_url",
        ),
        ({"LOGLEVEL": "verbos", "TAP_AYRA_API_KEY": "sk_test_wrong"}, "Ayra rejected the API key"),
    ],
    ids=["key", "setting", "address", "log level"],
)
def test_the_one_line_that_config_test_shows_names_the_cause(
    project: MeltanoProject, settings: dict[str, str], shown: str
) -> None:
    project.settings = {**project.settings, **settings}
    result = project.meltano("config", "test", "tap-ayra")
    assert result.returncode == 1
    assert shown in result.stderr, result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_stores_nothing_and_the_next_one_reads_it_all(
    project: MeltanoProject, sandbox: RunningSandbox, call_centre: World, number: int, code: int
) -> None:
    reading = threading.Event()

    def on_request(_: object) -> None:
        if len(sandbox.api.requests) == 3:
            reading.set()
            stopped.wait(30)

    stopped = threading.Event()
    sandbox.api.on_request = on_request
    project.settings = {**project.settings, "TAP_AYRA_PAGE_SIZE": "10"}
    run = project.start("run", "tap-ayra", "target-jsonl")
    assert reading.wait(60)
    os.killpg(run.pid, number)  # as a terminal does, to Meltano and all that it has started
    assert run.wait(60) == code
    stopped.set()
    sandbox.api.on_request = None
    project.settings = {**project.settings, "TAP_AYRA_PAGE_SIZE": "100"}
    project.check("run", "tap-ayra", "target-jsonl")
    again = next(seen for seen in sandbox.api.requests if seen.params["per_page"] == "100")
    assert "start_date" not in again.params
    assert file_rows(project.folder / "output" / "conversations.jsonl") == api_rows(call_centre)


@pytest.mark.slow
def test_a_key_is_required(project: MeltanoProject) -> None:
    project.settings = {}
    result = project.meltano("run", "tap-ayra", "target-jsonl")
    assert result.returncode != 0
    assert "api_key" in result.stderr


@pytest.mark.slow
def test_settings_reach_the_tap_as_they_were_given(
    project: MeltanoProject, sandbox: RunningSandbox, call_centre: World
) -> None:
    hashed = "md5(caller_number) if caller_number else None"
    definition = _definition()
    definition["plugins"]["extractors"][0]["config"] = {
        "stream_maps": {"conversations": {"caller_number": hashed, "summary": "__NULL__"}}
    }
    (project.folder / DEFINITION.name).write_text(yaml.safe_dump(definition), encoding="utf-8")
    project.settings = {
        **project.settings,
        "TAP_AYRA_START_DATE": "2026-03-01",
        "TAP_AYRA_SETTLING_MINUTES": "2.5",
        "TAP_AYRA_HAS_RECORDING": "true",
        "TAP_AYRA_PAGE_SIZE": "50",
    }
    project.check("run", "tap-ayra", "target-jsonl")
    assert {request.params["has_recording"] for request in sandbox.api.requests} == {"true"}
    assert {request.params["per_page"] for request in sandbox.api.requests} == {
        "50",
        "1",
    }  # 1 to count
    landed = file_rows(project.folder / "output" / "conversations.jsonl")
    start = datetime(2026, 3, 1, tzinfo=UTC)
    expected = {
        key: row
        for key, row in api_rows(call_centre).items()
        if row["has_recording"] and row["start_time"] >= start
    }
    assert landed.keys() == expected.keys()
    assert {len(row["caller_number"] or "") for row in landed.values()} == {0, 32}
    assert not any("summary" in row for row in landed.values())


@pytest.mark.slow
def test_empty_variables_count_as_unset(project: MeltanoProject, call_centre: World) -> None:
    tap, _ = _definition()["plugins"]["extractors"]
    empty = {f"TAP_AYRA_{setting['name'].upper()}": "" for setting in tap["settings"]}
    project.settings = {**empty, **project.settings}
    project.check("run", "tap-ayra", "target-jsonl")
    rows = file_rows(project.folder / "output" / "conversations.jsonl")
    assert rows == api_rows(call_centre)


@pytest.mark.slow
def test_a_wrong_date_reaches_the_tap_and_is_refused(
    project: MeltanoProject, sandbox: RunningSandbox
) -> None:
    wrong = {"START_DATE": "2026-13-01", "END_DATE": "today", "MIN_DURATION": "2.5"}
    given = {f"TAP_AYRA_{name}": value for name, value in wrong.items()}
    project.settings = {**project.settings, **given}
    result = project.meltano("run", "tap-ayra", "target-jsonl")
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    for name, value in wrong.items():
        assert re.search(rf'{name.lower()}: expected .*, got "?{value}"?', result.stderr)
    assert sandbox.api.requests == []


@pytest.mark.slow
def test_transcripts_are_read_once_they_are_selected(
    project: MeltanoProject, sandbox: RunningSandbox, call_centre: World
) -> None:
    project.check("run", "tap-ayra", "target-jsonl")
    assert not any(request.endpoint == "transcript" for request in sandbox.api.requests)

    project.check("select", "tap-ayra", "transcript_messages", "*")
    project.check("run", "tap-ayra", "target-jsonl")
    output = project.folder / "output"
    rows = read_lines(output / "transcript_messages.jsonl")
    assert rows
    assert file_rows(output / "conversations.jsonl") == api_rows(call_centre)

    project.check("select", "tap-ayra", "--exclude", "transcript_messages", "text")
    call_centre.clock.advance(timedelta(hours=5).total_seconds())
    project.check("run", "tap-ayra", "target-jsonl")
    more = read_lines(output / "transcript_messages.jsonl")[len(rows) :]
    assert more
    assert not any("text" in row for row in more)
    fetched = [row["conversation_id"] for row in (*rows, *more) if row["position"] == 1]
    assert sorted(fetched) == sorted(_settled_with_transcript(call_centre))


@pytest.mark.slow
def test_a_full_refresh_with_another_filter_leaves_the_ledger_right(
    project: MeltanoProject, sandbox: RunningSandbox, call_centre: World
) -> None:
    project.check("select", "tap-ayra", "transcript_messages", "*")
    project.settings = {**project.settings, "TAP_AYRA_START_DATE": str(RECENTLY)}
    agents = sorted({row["agent_id"] for row in api_rows(call_centre).values()})
    for arguments, agent in (([], agents[0]), (["--full-refresh"], agents[1])):
        project.settings = {**project.settings, "TAP_AYRA_AGENT_ID": agent}
        project.check("run", *arguments, "tap-ayra", "target-jsonl")
    _check_ledgers(project, call_centre, agent_id=agents[1])
    requests = len(sandbox.api.requests)
    project.check("run", "tap-ayra", "target-jsonl")
    assert len(sandbox.api.requests) - requests == 4  # two for each stream: nothing differs


@pytest.mark.slow
def test_merged_states_leave_the_ledger_right(
    project: MeltanoProject, sandbox: RunningSandbox, call_centre: World
) -> None:
    project.check("select", "tap-ayra", "transcript_messages", "*")
    project.settings = {**project.settings, "TAP_AYRA_START_DATE": str(RECENTLY)}
    run, state = ("run", "tap-ayra", "target-jsonl"), "dev:tap-ayra-to-target-jsonl"
    project.check(*run)
    before = {"singer_state": project.state("target-jsonl")}
    (project.folder / "before.json").write_text(json.dumps(before), encoding="utf-8")
    call_centre.clock.advance(timedelta(days=2).total_seconds())
    project.check(*run)
    project.check("state", "merge", "--input-file", "before.json", state)
    requests = len(sandbox.api.requests)
    project.check(*run)
    assert len(sandbox.api.requests) - requests > 4  # what was read before is read again
    _check_ledgers(project, call_centre)
    landed = file_rows(project.folder / "output" / "conversations.jsonl")
    assert landed == {
        key: row for key, row in api_rows(call_centre).items() if row["start_time"] >= RECENTLY
    }
    requests = len(sandbox.api.requests)
    project.check(*run)
    assert len(sandbox.api.requests) - requests == 4


@pytest.mark.slow
def test_the_schedule_is_an_example(project: MeltanoProject) -> None:
    schedules = json.loads(project.check("schedule", "list", "--format=json"))["schedules"]
    assert [schedule["name"] for schedule in schedules["job"]] == ["ayra-hourly"]


def _check_ledgers(project: MeltanoProject, call_centre: World, **wanted: str) -> None:
    """Hold each stream's ledger against the calls that started before its bookmark's second."""
    rows = [
        row
        for row in api_rows(call_centre).values()
        if row["start_time"] >= RECENTLY
        and all(row[name] == value for name, value in wanted.items())
    ]
    bookmarks = project.state("target-jsonl")["bookmarks"]
    counted = {
        "conversations": [row["start_time"] for row in rows],
        "transcript_messages": [row["start_time"] for row in rows if row["has_transcript"]],
    }
    for stream, starts in counted.items():
        reach = datetime.fromisoformat(bookmarks[stream]["replication_key_value"])
        (ledger,) = bookmarks[stream]["ledger"]
        expected = Counter(
            f"{start:%Y-%m-%d}" for start in starts if start < reach.replace(microsecond=0)
        )
        assert ledger["counts"] == expected
        assert ledger["differs"] == []


def _settled_with_transcript(call_centre: World) -> Iterator[str]:
    """Give the ids of the conversations whose transcript is final."""
    now = call_centre.clock.now()
    for call in call_centre.visible():
        over = call.end is not None and call.end <= now - timedelta(minutes=10)
        if over and call.row(now)["has_transcript"] and call.messages != []:
            yield call.id


def _definition() -> dict[str, Any]:
    definition: dict[str, Any] = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))
    return definition


def _bookmark(project: MeltanoProject) -> datetime:
    bookmarks = project.state("target-jsonl")["bookmarks"]
    return datetime.fromisoformat(bookmarks["conversations"]["replication_key_value"])


@pytest.mark.slow
def test_what_is_excluded_stays_out_of_files_too(project: MeltanoProject) -> None:
    project.check("select", "tap-ayra", "conversations", "*")
    project.check("select", "tap-ayra", "--exclude", "conversations", "caller_number")
    written = project.check("invoke", "tap-ayra-batch")
    (batch, *_) = (
        message for line in written.splitlines() if (message := json.loads(line))["type"] == "BATCH"
    )
    (url,) = batch["manifest"]
    rows = read_lines(Path(url.removeprefix("file://")))
    assert len(rows) > 50
    assert not any("caller_number" in row for row in rows)
