"""The command line, as real processes; files that are refused are read in this one."""

from __future__ import annotations

import gc
import json
import logging
import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from sandbox import ApiResponse, RunningSandbox, SandboxApi, SandboxClock, World, serve
from sandbox.meltano_project import NOWHERE, clean_environment
from tap_ayra.cli import check_log_level
from tap_ayra.tap import TapAyra
from tests.processes import TAP
from tests.singer import Output, captured, settings_for
from tests.sweeps import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


CAPABILITIES = [
    "catalog",
    "state",
    "discover",
    "activate-version",
    "about",
    "stream-maps",
    "schema-flattening",
    "batch",
    "structured-logging",
]


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSandbox]:
    clock = SandboxClock(datetime(2026, 3, 9, 15, tzinfo=UTC), frozen=True)
    with serve(SandboxApi(World.generate(clock, seed=5, count=250), cache_seconds=0)) as running:
        yield running


@pytest.fixture
def sandbox(served: RunningSandbox) -> RunningSandbox:
    """A sandbox of 250 calls that nobody has asked anything yet."""
    served.api.requests.clear()
    return served


@pytest.fixture
def config(sandbox: RunningSandbox, tmp_path: Path) -> Path:
    """A file of settings for the sandbox."""
    return _write(tmp_path / "config.json", settings_for(sandbox))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def tap(
    *arguments: str | Path,
    folder: Path,
    command: tuple[str | Path, ...] = (TAP,),
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the tap in a folder, with these variables."""
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env={**clean_environment(), **(variables or {})},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_help_names_every_option(folder: Path) -> None:
    result = tap("--help", folder=folder)
    assert result.returncode == 0
    for option in ("version", "about", "format", "config", "discover", "test", "catalog", "state"):
        assert f"  --{option} " in result.stdout


def test_version(folder: Path) -> None:
    result = tap("--version", folder=folder)
    assert result.returncode == 0
    assert (
        result.stdout == f"tap-ayra v{version('tap-ayra')}, Meltano SDK v{version('singer-sdk')}\n"
    )


def test_it_runs_as_a_module(folder: Path) -> None:
    module = tap("--version", folder=folder, command=(sys.executable, "-m", "tap_ayra"))
    assert module.returncode == 0
    assert version("tap-ayra") in module.stdout


def test_about_as_json_needs_no_settings(folder: Path) -> None:
    result = tap("--about", "--format=json", folder=folder)
    assert result.returncode == 0
    about = json.loads(result.stdout)
    assert (about["name"], about["version"]) == ("tap-ayra", version("tap-ayra"))
    assert about["capabilities"] == CAPABILITIES
    assert "batch_config" in about["settings"]["properties"]
    _says_nothing_of_settings(result)


@pytest.mark.parametrize("form", sweep(["", "--format=markdown"]))
def test_about_for_people_needs_no_settings(folder: Path, form: str) -> None:
    result = tap("--about", *form.split(), folder=folder)
    assert result.returncode == 0
    assert "in_progress_limit_hours" in result.stdout
    _says_nothing_of_settings(result)


def test_discover_needs_no_settings(folder: Path) -> None:
    result = tap("--discover", folder=folder)
    assert result.returncode == 0
    assert [stream["stream"] for stream in json.loads(result.stdout)["streams"]] == [
        "conversations",
        "transcript_messages",
    ]
    _says_nothing_of_settings(result)


def test_a_sync_with_files(sandbox: RunningSandbox, config: Path, folder: Path) -> None:
    discovered = tap("--discover", folder=folder)
    catalog = folder / "catalog.json"
    catalog.write_text(discovered.stdout, encoding="utf-8")

    first = tap("--config", config, "--catalog", catalog, folder=folder)
    assert first.returncode == 0
    output = Output.parse(first.stdout)
    assert [record["id"] for record in output.records] == [
        row["id"] for row in sandbox.api.world.rows()
    ]
    final = output.of_type("STATE")[-1]["value"]
    assert set(final["bookmarks"]["conversations"]) == {
        "replication_key",
        "replication_key_value",
        "ledger",
        "open",
    }

    state = _write(folder / "state.json", final)
    sandbox.api.requests.clear()
    again = tap("--config", config, "--catalog", catalog, "--state", state, folder=folder)
    assert again.returncode == 0
    bookmark = final["bookmarks"]["conversations"]["replication_key_value"]
    assert sandbox.api.requests[0].params["start_date"] < bookmark  # a second early
    assert len(Output.parse(again.stdout).records) < 5


def test_a_sync_with_settings_from_the_environment(sandbox: RunningSandbox, folder: Path) -> None:
    result = tap(
        "--config=ENV",
        folder=folder,
        variables={
            "TAP_AYRA_API_URL": sandbox.url,
            "TAP_AYRA_API_KEY": sandbox.api.key,
            "TAP_AYRA_PAGE_SIZE": "50",
        },
    )
    assert result.returncode == 0
    assert len(Output.parse(result.stdout).records) == 250
    assert {r.params["per_page"] for r in sandbox.api.requests} == {"50", "1"}  # 1 to count


def test_two_files_and_the_environment(sandbox: RunningSandbox, config: Path, folder: Path) -> None:
    more = _write(folder / "more.json", {"page_size": 20, "status": "completed"})
    variables = {"TAP_AYRA_STATUS": "failed"}
    result = tap(
        "--config", config, "--config", more, "--config=ENV", folder=folder, variables=variables
    )
    assert result.returncode == 0
    assert sandbox.api.requests[0].params["status"] == "failed"
    assert sandbox.api.requests[0].params["per_page"] == "20"


def test_a_working_connection(sandbox: RunningSandbox, config: Path, folder: Path) -> None:
    result = tap("--config", config, "--test", folder=folder)
    assert result.returncode == 0
    assert result.stdout == (
        "Connection OK: 250 conversations. First sync: 3 requests, under 1 min at 500 per minute "
        "(under 1% of the Professional tier's daily quota). "
        f"Transcripts: {_with_transcript(sandbox)} requests, under 1 min (under 1%)\n"
    )
    assert result.stderr == ""
    assert len(sandbox.api.requests) == 2


def test_a_connection_test_says_what_the_settings_let_through(
    sandbox: RunningSandbox, config: Path, folder: Path
) -> None:
    narrow = _write(folder / "narrow.json", {"status": "completed"})
    result = tap("--config", config, "--config", narrow, "--test", folder=folder)
    completed = sum(row["status"] == "completed" for row in sandbox.api.world.rows())
    assert result.stdout.startswith(
        f"Connection OK: 250 conversations, {completed} match the settings. First sync: "
    )
    assert f". Transcripts: up to {completed} requests" in result.stdout
    assert len(sandbox.api.requests) == 2


def test_a_connection_test_does_not_wait_for_the_rate_limit(
    sandbox: RunningSandbox, config: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.api, "faults", lambda *_: _last_of_the_window())
    result = tap("--config", config, "--test", folder=folder)
    assert result.returncode == 1
    assert len(sandbox.api.requests) == 1
    assert "Rate limit exceeded (HTTP 429)" in result.stderr.splitlines()[-1]


def test_a_working_connection_without_conversations(
    sandbox: RunningSandbox, config: Path, folder: Path
) -> None:
    nobody = _write(folder / "nobody.json", {"agent_id": "agent_nobody"})
    result = tap("--config", config, "--config", nobody, "--test", folder=folder)
    assert result.returncode == 0
    assert result.stdout.startswith("Connection OK: 250 conversations, 0 match the settings. ")
    assert len(sandbox.api.requests) == 2


@pytest.mark.parametrize(
    ("settings", "said", "requests"),
    sweep(
        [
            ({"api_key": "sk_test_wrong"}, "Ayra rejected the API key (HTTP 401)", 1),
            ({"api_url": NOWHERE}, "Could not connect to the API", 0),
            ({"page_size": 101}, "page_size: expected an integer from 1 to 100, got 101", 0),
            ({"api_key": None, "status": "done"}, "api_key is required", 0),
        ],
        quick=3,
    ),
    ids=["key", "address", "setting", "settings"],
)
def test_a_connection_that_does_not_work(
    sandbox: RunningSandbox,
    config: Path,
    settings: Mapping[str, object],
    said: str,
    requests: int,
) -> None:
    wrong = _write(config.with_name("wrong.json"), settings)
    result = tap("--config", config, "--config", wrong, "--test", folder=config.parent)
    assert result.returncode == 1
    assert said in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert "sk_test_wrong" not in result.stderr
    assert len(sandbox.api.requests) == requests


def test_only_the_schema_is_tested(sandbox: RunningSandbox, config: Path, folder: Path) -> None:
    result = tap("--config", config, "--test=schema", folder=folder)
    assert result.returncode == 0
    assert [message["stream"] for message in Output.parse(result.stdout).of_type("SCHEMA")] == [
        "conversations",
        "transcript_messages",
    ]
    assert sandbox.api.requests == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    sweep(
        [
            (
                ["--config", "broken.json"],
                "broken.json is not valid JSON: Expecting value: line 2",
            ),
            (["--config", "nowhere.json"], "nowhere.json"),
            (["--config=ENV", "--catalog", "nowhere.json"], "nowhere.json"),
            (["--config=ENV", "--state", "broken.json"], "broken.json is not valid JSON"),
        ],
        quick=2,
    ),
    ids=["broken config", "no config", "no catalog", "broken state"],
)
def test_files_that_cannot_be_used(
    sandbox: RunningSandbox, folder: Path, arguments: list[str], said: str
) -> None:
    (folder / "broken.json").write_text('{"api_key":\n')
    key = {"TAP_AYRA_API_KEY": sandbox.api.key, "TAP_AYRA_API_URL": sandbox.url}
    result = tap(*arguments, folder=folder, variables=key)
    assert result.returncode not in {0, -1}
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert sandbox.api.requests == []


@pytest.mark.parametrize(
    ("option", "content", "said"),
    [
        ("--state", b"\xff\xfe{}", "odd.json is not valid UTF-8"),
        ("--state", b"", "odd.json is empty"),
        ("--state", b"null", "odd.json is not a Singer state: expected an object, got null"),
        ("--state", b"5", "odd.json is not a Singer state: expected an object, got a number"),
        ("--state", b"[]", "odd.json is not a Singer state: expected an object, got a list"),
        ("--state", b'{"a": 1} {}', "odd.json is not valid JSON: Extra data"),
        ("--state", b'{"bookmarks": []}', "Invalid state: "),
        ("--state", b'{"bookmarks": {"conversations": null}}', "Invalid state: "),
        ("--state", b'{"bookmarks": {"conversations": 7}}', "Invalid state: "),
        ("--catalog", b"", "odd.json is empty"),
        ("--catalog", b"null", "odd.json is not a Singer catalog: expected an object, got null"),
        ("--catalog", b"[1]", "odd.json is not a Singer catalog: expected an object, got a list"),
        ("--catalog", b"{}", 'odd.json is not a Singer catalog: "streams" must be a list'),
        ("--catalog", b'{"streams": [{}]}', "odd.json is not a Singer catalog: each stream"),
        ("--catalog", b'{"streams": ["conversations"]}', "odd.json is not a Singer catalog"),
        ("--catalog", b"[" * 10**5, "odd.json is not valid JSON"),
        ("--config", b"\xff\xfe", "odd.json is not valid UTF-8"),
        ("--config", b" ", "odd.json is empty"),
        ("--config", b"[1]", "odd.json: config must be a JSON object (got a list)"),
        ("--config", b'"x"', "odd.json: config must be a JSON object (got a string)"),
    ],
)
def test_a_file_of_another_form(
    config: Path, caplog: pytest.LogCaptureFixture, option: str, content: bytes, said: str
) -> None:
    file = config.with_name("odd.json")
    file.write_bytes(content)
    command = TapAyra.get_singer_command()
    with interpreter_kept(), captured() as written, pytest.raises(SystemExit) as ended:
        command.main(["--config", str(config), option, str(file)], prog_name=command.name)
    assert ended.value.code == 1
    assert said in caplog.messages[-1]
    assert "Traceback" not in caplog.text
    assert written.getvalue() == b""


@pytest.mark.parametrize(
    ("level", "becomes"),
    [
        ("", "INFO"),
        ("  ", "INFO"),
        ("10", "DEBUG"),
        (" info ", "INFO"),
        ("Warning", "WARNING"),
        ("verbos", None),
        ("15", None),
        ("²", None),
    ],
)
@pytest.mark.parametrize("variable", ["LOGLEVEL", "TAP_AYRA_LOGLEVEL"])
def test_any_log_level_is_made_one_or_warned_of(
    monkeypatch: pytest.MonkeyPatch, variable: str, level: str, becomes: str | None
) -> None:
    monkeypatch.setenv("LOGLEVEL", "ERROR")
    monkeypatch.setenv(variable, level)
    problem = check_log_level("TAP_AYRA_")
    if variable != "LOGLEVEL" and not level.strip():
        variable, becomes = "LOGLEVEL", "ERROR"
    assert os.environ[variable] == (becomes or "INFO")
    assert (problem is None) == bool(becomes)
    if problem:
        assert problem.startswith(f"{variable}: expected one of DEBUG, INFO, WARNING, ERROR, got")


@pytest.mark.parametrize("level", sweep(["verbos", ""]))
def test_no_log_level_ends_in_a_traceback(config: Path, level: str) -> None:
    result = tap("--config", config, folder=config.parent, variables={"LOGLEVEL": level})
    assert result.returncode == 0
    assert "Traceback" not in result.stderr
    assert ("Using INFO" in result.stderr) == bool(level)
    assert "| INFO " in result.stderr


@pytest.mark.parametrize("closed", sweep([">&-", "2>&-", ">&- 2>&-"], quick=2))
@pytest.mark.parametrize("arguments", sweep(["", "--version"]))
def test_a_stream_that_is_closed(
    sandbox: RunningSandbox, config: Path, closed: str, arguments: str
) -> None:
    shell = ("sh", "-c", f'exec "$@" {closed}', "sh", TAP)
    result = tap("--config", config, *arguments.split(), folder=config.parent, command=shell)
    assert result.returncode == (1 if ">&-" in closed.replace("2>&-", "") else 0)
    assert "Traceback" not in result.stderr
    if closed == ">&-":
        assert result.stderr.splitlines()[-1].endswith("| Cannot write the output: it is closed")
        assert sandbox.api.requests == []


def test_the_last_line_names_the_cause_and_the_fix(sandbox: RunningSandbox, config: Path) -> None:
    wrong = _write(config.with_name("wrong.json"), {"api_url": f"{sandbox.url}/nowhere"})
    result = tap("--config", config, "--config", wrong, folder=config.parent)
    lines = [line.rpartition("| ")[2] for line in result.stderr.splitlines() if "| ERROR" in line]
    assert lines[0] == f"api_url is currently {sandbox.url}/nowhere"
    assert lines[-1].startswith("No conversations endpoint at this URL (HTTP 404)")
    assert lines[-1].endswith(". Check api_url. The default is https://api.ayra.ai/v1")


@pytest.mark.parametrize("arguments", sweep(["", "--test"]))
def test_invalid_settings_are_counted_first_and_named_last(
    sandbox: RunningSandbox, config: Path, arguments: str
) -> None:
    wrong = _write(config.with_name("wrong.json"), {"page_size": 500, "concurrency": 0})
    result = tap("--config", config, "--config", wrong, *arguments.split(), folder=config.parent)
    assert result.returncode == 1
    lines = [line.rpartition("| ")[2] for line in result.stderr.splitlines() if "| ERROR" in line]
    assert lines[0] == "Invalid settings (2 problems):"
    assert lines[1].startswith("concurrency: ")
    assert lines[2] == "page_size: expected an integer from 1 to 100, got 500"
    assert result.stderr.splitlines()[-1].endswith(lines[2])
    assert sandbox.api.requests == []


def test_a_file_that_may_not_be_read(sandbox: RunningSandbox, folder: Path) -> None:
    result = tap("--config", folder, folder=folder)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].endswith(f"Cannot read {folder}: it is a directory")
    assert sandbox.api.requests == []


def test_a_state_from_stdin(sandbox: RunningSandbox, config: Path) -> None:
    state = {
        "bookmarks": {
            "conversations": {
                "replication_key": "start_time",
                "replication_key_value": "2026-03-09T00:00:00Z",
            }
        }
    }
    shell = ("sh", "-c", f"echo '\ufeff{json.dumps(state)}' | \"$@\"", "sh", TAP)
    result = tap("--config", config, "--state", "-", folder=config.parent, command=shell)
    assert result.returncode == 0
    assert sandbox.api.requests[0].params["start_date"].startswith("2026-03-")


@contextmanager
def interpreter_kept() -> Iterator[None]:
    """Leave the interpreter as it was: the command tunes the one that it runs in."""
    with (
        mock.patch.object(gc, "freeze"),
        mock.patch.object(gc, "set_threshold"),
        mock.patch.object(logging, "captureWarnings"),
        mock.patch.object(sys, "excepthook"),
    ):
        yield


def _with_transcript(sandbox: RunningSandbox) -> int:
    return sum(row["has_transcript"] for row in sandbox.api.world.rows())


def _last_of_the_window() -> ApiResponse:
    return ApiResponse(429, {"Retry-After": "45"}, b"")


def _says_nothing_of_settings(result: subprocess.CompletedProcess[str]) -> None:
    for word in ("api_key", "missing", "required", "valid", "ERROR", "WARNING"):
        assert word not in result.stderr


def _write(file: Path, content: object) -> Path:
    file.write_text(json.dumps(content), encoding="utf-8")
    return file
