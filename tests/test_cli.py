"""The command line, as real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from sandbox import RunningSandbox, SandboxApi, SandboxClock, World, serve
from sandbox.meltano_project import NOWHERE, clean_environment
from tests.processes import TAP
from tests.singer import Output, settings_for

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
    assert "batch_config" not in about["settings"]["properties"]
    _says_nothing_of_settings(result)


@pytest.mark.parametrize("form", [("--format=markdown",), ()], ids=["markdown", "text"])
def test_about_for_people_needs_no_settings(folder: Path, form: tuple[str, ...]) -> None:
    result = tap("--about", *form, folder=folder)
    assert result.returncode == 0
    assert "in_progress_limit_hours" in result.stdout
    assert "batch" not in result.stdout.lower()
    _says_nothing_of_settings(result)


def test_discover_needs_no_settings(folder: Path) -> None:
    result = tap("--discover", folder=folder)
    assert result.returncode == 0
    assert [stream["stream"] for stream in json.loads(result.stdout)["streams"]] == [
        "conversations"
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
    assert set(final["bookmarks"]["conversations"]) == {"replication_key", "replication_key_value"}

    state = _write(folder / "state.json", final)
    sandbox.api.requests.clear()
    again = tap("--config", config, "--catalog", catalog, "--state", state, folder=folder)
    assert again.returncode == 0
    bookmark = final["bookmarks"]["conversations"]["replication_key_value"]
    assert sandbox.api.requests[0].params["start_date"] == bookmark
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
    assert {request.params["per_page"] for request in sandbox.api.requests} == {"50"}


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
    assert len(Output.parse(result.stdout).records) == 1
    assert len(sandbox.api.requests) <= 2
    assert "The connection works: Ayra accepts the key and the settings" in result.stderr


def test_a_working_connection_without_conversations(
    sandbox: RunningSandbox, config: Path, folder: Path
) -> None:
    nobody = _write(folder / "nobody.json", {"agent_id": "agent_nobody"})
    result = tap("--config", config, "--config", nobody, "--test", folder=folder)
    assert result.returncode == 0
    assert Output.parse(result.stdout).records == []
    assert len(sandbox.api.requests) <= 2
    assert "The connection works" in result.stderr


@pytest.mark.parametrize(
    ("settings", "said", "requests"),
    [
        ({"api_key": "sk_test_wrong"}, "Ayra did not accept the API key (HTTP 401)", 1),
        ({"api_url": NOWHERE}, "The API cannot be reached", 0),
        ({"page_size": 101}, "page_size is 101; allowed is a whole number at least 1", 0),
        ({"api_key": None, "status": "done"}, "api_key is missing", 0),
    ],
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
    assert "The connection works" not in result.stderr
    assert "Traceback" not in result.stderr
    assert "sk_test_wrong" not in result.stderr
    assert Output.parse(result.stdout).records == []
    assert len(sandbox.api.requests) == requests


def test_only_the_schema_is_tested(sandbox: RunningSandbox, config: Path, folder: Path) -> None:
    result = tap("--config", config, "--test=schema", folder=folder)
    assert result.returncode == 0
    assert [message["type"] for message in Output.parse(result.stdout).messages] == ["SCHEMA"]
    assert sandbox.api.requests == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config", "nowhere.json"], "nowhere.json"),
        (
            ["--config", "broken.json"],
            "broken.json is no JSON object of settings: Expecting value: line 2",
        ),
        (
            ["--config", "list.json"],
            "list.json is no JSON object of settings: it holds something else",
        ),
        (["--config=ENV", "--catalog", "nowhere.json"], "nowhere.json"),
        (["--config=ENV", "--state", "broken.json"], "A file given is no JSON"),
    ],
    ids=["no config", "broken config", "config of another form", "no catalog", "broken state"],
)
def test_files_that_cannot_be_used(
    sandbox: RunningSandbox, folder: Path, arguments: list[str], said: str
) -> None:
    (folder / "broken.json").write_text('{"api_key":\n')
    (folder / "list.json").write_text("[1]")
    key = {"TAP_AYRA_API_KEY": sandbox.api.key, "TAP_AYRA_API_URL": sandbox.url}
    result = tap(*arguments, folder=folder, variables=key)
    assert result.returncode not in {0, -1}
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert sandbox.api.requests == []


def _says_nothing_of_settings(result: subprocess.CompletedProcess[str]) -> None:
    for word in ("api_key", "missing", "required", "valid", "ERROR", "WARNING"):
        assert word not in result.stderr


def _write(file: Path, content: object) -> Path:
    file.write_text(json.dumps(content), encoding="utf-8")
    return file
