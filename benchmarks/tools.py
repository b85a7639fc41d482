"""What is measured: how each tool is configured, started, and where its rows end up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import venvs

if TYPE_CHECKING:
    from collections.abc import Callable

START_DATE = "2025-01-01T00:00:00Z"
_KEY = "sk_test_benchmark"
_PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True, slots=True)
class Tool:
    """One way to read the conversations.

    Attributes:
        name: Its name here, that of its environment and of its requirements file too.
        packages: Whose versions identify it.
        command: Writes its settings into an empty folder and gives the command to run there.
        typed: Whether it checks or converts values against a schema.
        rows: Which files in that folder then hold its rows, as JSON lines.
    """

    name: str
    packages: tuple[str, ...]
    command: Callable[[Path, str], list[str]]
    typed: bool
    rows: str = "stdout"


def _settings(folder: Path, name: str, content: dict[str, Any]) -> str:
    (folder / name).write_text(json.dumps(content))
    return name


def _tap_ayra(folder: Path, url: str) -> list[str]:
    settings = {"api_key": _KEY, "api_url": url, "start_date": START_DATE}
    config = _settings(folder, "config.json", settings)
    return [venvs.program("tap-ayra", "tap-ayra"), "--config", config]


def _template(folder: Path, url: str) -> list[str]:
    settings = {"auth_token": _KEY, "api_url": url, "start_date": START_DATE}
    config = _settings(folder, "config.json", settings)
    return [venvs.python("template"), str(_PEERS / "template_tap.py"), "--config", config]


def _msdk(folder: Path, url: str) -> list[str]:
    settings = json.loads((_PEERS / "rest_api_msdk.json").read_text())
    settings |= {"api_url": url, "start_date": START_DATE}
    config = _settings(folder, "config.json", settings)
    return [venvs.program("tap-rest-api-msdk", "tap-rest-api-msdk"), "--config", config]


def _airbyte(folder: Path, url: str) -> list[str]:
    settings = {"api_key": _KEY, "api_url": url, "start_date": START_DATE}
    stream = {
        "stream": {
            "name": "conversations",
            "json_schema": {},
            "supported_sync_modes": ["full_refresh", "incremental"],
        },
        "sync_mode": "incremental",
        "destination_sync_mode": "append",
    }
    return [
        venvs.program("airbyte-cdk", "source-declarative-manifest"), "read",
        "--config", _settings(folder, "config.json", settings),
        "--catalog", _settings(folder, "catalog.json", {"streams": [stream]}),
        "--manifest-path", str(_PEERS / "airbyte_manifest.yaml"),
    ]  # fmt: skip


def _dlt(_: Path, url: str) -> list[str]:
    return [venvs.python("dlt"), str(_PEERS / "dlt_pipeline.py"), url, START_DATE]


def _requests(_: Path, url: str) -> list[str]:
    return [venvs.python("requests"), str(_PEERS / "requests_loop.py"), url, START_DATE]


TOOLS = (
    Tool("tap-ayra", ("tap-ayra", "singer-sdk"), _tap_ayra, typed=True),
    Tool("template", ("singer-sdk",), _template, typed=True),
    Tool("tap-rest-api-msdk", ("tap-rest-api-msdk", "singer-sdk"), _msdk, typed=True),
    Tool("dlt", ("dlt",), _dlt, typed=True, rows="pipelines/**/conversations.*.jsonl"),
    Tool("airbyte-cdk", ("airbyte-cdk",), _airbyte, typed=False),
    Tool("requests", ("requests",), _requests, typed=False),
)

ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
}
