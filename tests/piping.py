"""The tap piped into a target, each a process, the state handed on from run to run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import psycopg

from sandbox.meltano_project import clean_environment, plugin_program
from tests.processes import TAP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sandbox import SandboxApi


class Pipe:
    """`tap-ayra | target`, in a folder that keeps the files of both.

    Attributes:
        state: the last state that the target wrote; an empty object before the first.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any],
        target: str,
        target_settings: Mapping[str, Any],
        *,
        catalog: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the files.

        Args:
            folder: where to.
            settings: the tap's.
            target: the name of a loader.
            target_settings: the target's.
            catalog: what to read; the tap's own choice if not given.
        """
        self._folder = folder
        self._catalog = ["--catalog", "catalog.json"] if catalog else []
        self._target = plugin_program(f"loaders/{target}")
        self._tap: subprocess.Popen[bytes] | None = None
        self.state: dict[str, Any] = {}
        files = {"tap": settings, "target": target_settings, "catalog": catalog}
        for name, value in files.items():
            (folder / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")

    def run(self) -> int:
        """Sync once; the target must succeed. Give the tap's exit code."""
        (self._folder / "state.json").write_text(json.dumps(self.state), encoding="utf-8")
        files = ["--config", "tap.json", "--state", "state.json", *self._catalog]
        with (
            (self._folder / "tap.log").open("wb") as log,
            subprocess.Popen(
                [TAP, *files],
                env=clean_environment(),
                cwd=self._folder,
                stdout=subprocess.PIPE,
                stderr=log,
            ) as tap,
        ):
            self._tap = tap
            states = run_target(self._target, self._folder, tap.stdout)
        if states:
            self.state = states[-1]
        return tap.returncode

    def kill_at_transcript(self, number: int, api: SandboxApi) -> None:
        """Kill the tap, the hard way, when it asks for so many transcripts."""
        asked = 0

        def on_request(params: Mapping[str, str]) -> None:
            nonlocal asked
            asked += "conversation_id" in params
            if asked == number:
                assert self._tap is not None
                os.kill(self._tap.pid, signal.SIGKILL)

        api.on_request = on_request


def run_target(program: Path, folder: Path, messages: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Run a target, which must succeed, with the settings in `target.json`.

    Args:
        program: the target.
        folder: where it runs.
        messages: its input, a file or bytes.

    Returns:
        The states that it wrote.
    """
    given = {"input": messages} if isinstance(messages, bytes) else {"stdin": messages}
    with (folder / "target.log").open("wb") as log:
        ran = subprocess.run(
            [program, "--config", "target.json"],
            env=clean_environment() | {"PGTZ": "UTC"},
            cwd=folder,
            check=False,
            stdout=subprocess.PIPE,
            stderr=log,
            **given,
        )
    assert ran.returncode == 0, (folder / "target.log").read_text(encoding="utf-8")
    return [json.loads(line) for line in ran.stdout.splitlines()]


def postgres_settings(database: str, **settings: Any) -> dict[str, Any]:
    """Give settings for target-postgres like the project's, into the schema `tap_ayra`."""
    with psycopg.connect(database) as connection:
        info = connection.info
        server = f"{info.user}:{info.password}@{info.host}:{info.port}/{info.dbname}"
    return {
        "sqlalchemy_url": f"postgresql+psycopg://{server}",
        "default_target_schema": "tap_ayra",
        "sanitize_null_text_characters": True,
        "validate_records": False,
        **settings,
    }


def query(database: str, sql: str) -> Sequence[tuple[Any, ...]]:
    """Give what a query finds."""
    with psycopg.connect(database) as connection:
        return connection.execute(sql).fetchall()
