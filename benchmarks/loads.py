"""The ways into PostgreSQL: taps with target-postgres as this project sets it, and dlt."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from benchmarks import venvs
from benchmarks.launch import PIPE
from benchmarks.tools import (
    ENVIRONMENT,
    KEY,
    MSDK,
    START_DATE,
    TAP_AYRA,
    TEMPLATE,
    Setup,
    Tool,
    dlt,
    rest_api_msdk,
    tap_ayra,
    template,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_DEFINITION = venvs.ROOT / "meltano.yml"
_JOB = "ayra-to-postgres"
_SCHEMA = "loaded"
_TABLE = f"{_SCHEMA}.conversations"
_TARGET = {"target-postgres": ("meltanolabs-target-postgres",)}
_SKELETON = venvs.VENVS / "meltano-project"
_PLUGINS = {"extractors": "tap-ayra", "loaders": "target-postgres"}
_MELTANO = {
    "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
    "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
    "NO_COLOR": "1",
}


def _piped(
    tap: Callable[[Setup], list[str]], loader: str = "target-postgres-batch"
) -> Callable[[Setup], list[str]]:
    def command(setup: Setup) -> list[str]:
        assert setup.database
        url = setup.database.url.replace("postgresql:", "postgresql+psycopg:")
        shipped = {**_shipped(loader), "sqlalchemy_url": url, "default_target_schema": _SCHEMA}
        config = setup.settings("target.json", **shipped)
        target = venvs.program("target-postgres", "target-postgres")
        return [*tap(setup), PIPE, target, "--config", config]

    return command


def _meltano(setup: Setup) -> list[str]:
    """Run the job of meltano.yml in a project of its own, with an installed tap.

    Meltano keeps such a tap's catalog from one run to the next, so it is made beforehand. It makes
    it in each run where the tap is installed as editable, as it is in this repository.
    """
    assert setup.database
    if not _SKELETON.exists():
        _make_skeleton()
    shutil.copytree(_SKELETON, setup.folder, symlinks=True, dirs_exist_ok=True)
    database = setup.database
    settings = {
        **_MELTANO,
        "TAP_AYRA_API_KEY": KEY,
        "TAP_AYRA_API_URL": setup.api_url,
        "TAP_AYRA_START_DATE": START_DATE,
        "TARGET_POSTGRES_HOST": database.host,
        "TARGET_POSTGRES_PORT": str(database.port),
        "TARGET_POSTGRES_USER": database.user,
        "TARGET_POSTGRES_PASSWORD": database.password,
        "TARGET_POSTGRES_DATABASE": database.name,
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": _SCHEMA,
    }
    lines = [f"{name}={value}\n" for name, value in settings.items()]
    (setup.folder / ".env").write_text("".join(lines))
    _prepare(setup.folder, "invoke", "--no-install", "--dump=catalog", "tap-ayra-batch")
    return [venvs.program(venvs.PROJECT, "meltano"), "run", "--no-install", _JOB]


def _make_skeleton() -> None:
    """Make a project like one in use: its own database is there, released plugins are installed."""
    folder = _SKELETON.with_suffix(".new")
    shutil.rmtree(folder, ignore_errors=True)
    for kind, plugin in _PLUGINS.items():
        home = folder / ".meltano" / kind / plugin
        home.mkdir(parents=True)
        (home / "venv").symlink_to(venvs.VENVS / plugin)
    definition = _DEFINITION.read_text(encoding="utf-8")
    released = definition.replace("pip_url: -e .\n", "pip_url: tap-ayra\n")
    assert released != definition
    (folder / _DEFINITION.name).write_text(released, encoding="utf-8")
    _prepare(folder, "state", "list")
    folder.rename(_SKELETON)


def _prepare(project: Path, *arguments: str) -> None:
    """Run Meltano in a project before anything is measured."""
    ran = subprocess.run(
        [venvs.program(venvs.PROJECT, "meltano"), *arguments],
        cwd=project,
        env={**ENVIRONMENT, **_MELTANO, "PATH": os.defpath},
        check=False,
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        raise RuntimeError(ran.stderr)


def forget_skeleton() -> None:
    """Have the Meltano project made anew, since its definition may have changed."""
    shutil.rmtree(_SKELETON, ignore_errors=True)


def _in_files(setup: Setup) -> list[str]:
    """Run this project's tap as the job does, with records in files."""
    batches = _plugin("extractors", "tap-ayra-batch")["config"]["batch_config"]
    root = batches["storage"]["root"].replace("$MELTANO_PROJECT_ROOT", str(setup.folder))
    return tap_ayra(setup, batch_config={**batches, "storage": {"root": root}})


def _shipped(loader: str) -> dict[str, Any]:
    """Give the settings of a loader for PostgreSQL that meltano.yml has values for."""
    settings = _plugin("loaders", "target-postgres")["settings"]
    values = {one["name"]: one["value"] for one in settings if "value" in one}
    return {**values, **_plugin("loaders", loader).get("config", {})}


def _plugin(kind: str, name: str) -> dict[str, Any]:
    plugins = yaml.safe_load(_DEFINITION.read_text(encoding="utf-8"))["plugins"]
    found: dict[str, Any] = next(one for one in plugins[kind] if one["name"] == name)
    return found


LOADS = (
    Tool(
        "tap-ayra (meltano run)", {**TAP_AYRA, **_TARGET, venvs.PROJECT: ("meltano",)},
        _meltano, table=_TABLE,
    ),
    Tool("tap-ayra (pipe)", {**TAP_AYRA, **_TARGET}, _piped(_in_files), table=_TABLE),
    Tool(
        "tap-ayra (RECORD)", {**TAP_AYRA, **_TARGET}, _piped(tap_ayra, "target-postgres"),
        table=_TABLE,
    ),
    Tool(
        "dlt", {"dlt": ("dlt", "adbc-driver-postgresql", "pyarrow")}, dlt, table=_TABLE
    ),
    Tool(
        "tap-rest-api-msdk", {**MSDK, **_TARGET}, _piped(rest_api_msdk), table=_TABLE
    ),
    Tool("SDK template tap", {**TEMPLATE, **_TARGET}, _piped(template), table=_TABLE),
)  # fmt: skip
