"""What is measured: how each tool is configured and started, and where its rows end up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import venvs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.database import Database

START_DATE = "2025-01-01T00:00:00Z"
KEY = "sk_test_benchmark"
PEERS = Path(__file__).parent / "peers"
ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "PGTZ": "UTC",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
}


@dataclass(frozen=True, slots=True)
class Setup:
    """What a tool is given for one run.

    Attributes:
        folder: An empty folder, in which it runs.
        api_url: Where the API is.
        database: Where the rows are to end up; None if they need not leave the folder.
    """

    folder: Path
    api_url: str
    database: Database | None = None

    def settings(self, name: str, **content: Any) -> str:
        """Write settings into a file and give its name."""
        (self.folder / name).write_text(json.dumps(content))
        return name


@dataclass(frozen=True, slots=True)
class Tool:
    """One way to read the conversations.

    Attributes:
        name: What it is called here, in the tables and in the chart.
        packages: The environments that it needs, and whose versions in them identify it.
        command: Writes its settings and gives the command to run.
        typed: Whether it checks or converts values against a schema.
        rows: Which files in the folder then hold its rows, as JSON lines.
        table: Which table holds them, if they are loaded.
    """

    name: str
    packages: Mapping[str, tuple[str, ...]]
    command: Callable[[Setup], list[str]]
    typed: bool = True
    rows: str = "stdout"
    table: str = ""

    @property
    def own(self) -> bool:
        """Whether it is this project's."""
        return "tap-ayra" in self.packages


def tap_ayra(setup: Setup, **more: Any) -> list[str]:
    """Run this project's tap with its defaults, unless more is set."""
    required = {"api_key": KEY, "api_url": setup.api_url, "start_date": START_DATE}
    config = setup.settings("tap.json", **required, **more)
    return [venvs.program("tap-ayra", "tap-ayra"), "--config", config]


def template(setup: Setup) -> list[str]:
    """Run the tap that the SDK's template gives."""
    config = setup.settings(
        "tap.json", auth_token=KEY, api_url=setup.api_url, start_date=START_DATE
    )
    return [venvs.python("template"), str(PEERS / "template_tap.py"), "--config", config]


def rest_api_msdk(setup: Setup) -> list[str]:
    """Run the generic Singer tap."""
    content = json.loads((PEERS / "rest_api_msdk.json").read_text())
    content |= {"api_url": setup.api_url, "start_date": START_DATE}
    config = setup.settings("tap.json", **content)
    return [venvs.program("tap-rest-api-msdk", "tap-rest-api-msdk"), "--config", config]


def dlt(setup: Setup) -> list[str]:
    """Run dlt, which loads only if there is a database."""
    command = [venvs.python("dlt"), str(PEERS / "dlt_pipeline.py"), setup.api_url, START_DATE]
    return [*command, setup.database.url] if setup.database else command


def _airbyte(setup: Setup) -> list[str]:
    stream = {
        "stream": {
            "name": "conversations",
            "json_schema": {},
            "supported_sync_modes": ["full_refresh", "incremental"],
        },
        "sync_mode": "incremental",
        "destination_sync_mode": "append",
    }
    config = setup.settings(
        "config.json", api_key=KEY, api_url=setup.api_url, start_date=START_DATE
    )
    return [
        venvs.program("airbyte-cdk", "source-declarative-manifest"), "read",
        "--config", config,
        "--catalog", setup.settings("catalog.json", streams=[stream]),
        "--manifest-path", str(PEERS / "airbyte_manifest.yaml"),
    ]  # fmt: skip


def _requests(setup: Setup) -> list[str]:
    script = str(PEERS / "requests_loop.py")
    return [venvs.python("requests"), script, setup.api_url, START_DATE]


TAP_AYRA = {"tap-ayra": ("tap-ayra", "singer-sdk")}
TEMPLATE = {"template": ("singer-sdk",)}
MSDK = {"tap-rest-api-msdk": ("tap-rest-api-msdk", "singer-sdk")}

TOOLS = (
    Tool("tap-ayra", TAP_AYRA, tap_ayra),
    Tool("SDK template tap", TEMPLATE, template),
    Tool("tap-rest-api-msdk", MSDK, rest_api_msdk),
    Tool("dlt", {"dlt": ("dlt",)}, dlt, rows="pipelines/**/conversations.*.jsonl"),
    Tool("Airbyte CDK", {"airbyte-cdk": ("airbyte-cdk",)}, _airbyte, typed=False),
    Tool("requests loop", {"requests": ("requests",)}, _requests, typed=False),
)
