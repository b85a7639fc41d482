"""Several machines in small: Celery workers with folders of their own, and shared databases."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from sandbox.engine import free_port
from sandbox.meltano_project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox.agency import Agency

CELERY = ROOT / "orchestrate" / "celery"


@dataclass
class Worker:
    """A Celery worker, which starts one run at a time."""

    folder: Path
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def cluster(agency: Agency, count: int) -> Iterator[tuple[Agency, list[Worker]]]:
    """Start redis and workers; give the agency with the environment that Dagster needs."""
    with psycopg.connect(agency.server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE dagster")
    port = free_port()
    server = agency.environment["MELTANO_DATABASE_URI"].removesuffix("/meltano")
    environment = {
        **agency.environment,
        "CELERY_BROKER_URL": f"redis://127.0.0.1:{port}/0",
        "DAGSTER_POSTGRES_URL": f"{server}/dagster",
    }
    shutil.copy(CELERY / "dagster.yaml", agency.folder / "dagster")
    redis = ["/usr/bin/redis-server", f"--port {port}", "--bind 127.0.0.1", "--save ''"]
    with contextlib.ExitStack() as stack:
        stack.enter_context(_running(redis, agency.folder, environment))
        workers = [
            stack.enter_context(_worker(agency.folder / f"worker{number}", environment))
            for number in range(count)
        ]
        yield replace(agency, environment=environment), workers


@contextlib.contextmanager
def _worker(folder: Path, environment: Mapping[str, str]) -> Iterator[Worker]:
    """Run a worker with its own copy of the Meltano project, and its own temporary files."""
    for name in ("tmp", "dagster", "project"):
        (folder / name).mkdir(parents=True)
    shutil.copy(CELERY / "dagster.yaml", folder / "dagster")
    for name in ("meltano.yml", "catalog.json"):
        shutil.copy(ROOT / name, folder / "project")
    (folder / "project" / ".meltano").symlink_to(ROOT / ".meltano")
    command = [
        str(Path(sys.executable).with_name("dagster-celery")),
        "worker",
        "start",
        "--app=dagster_celery.app",
        f"--config-yaml={CELERY / 'worker.yaml'}",
        f"--name={folder.name}",
        "--",
        "--concurrency=1",
    ]
    own = {
        **environment,
        "DAGSTER_HOME": str(folder / "dagster"),
        "MELTANO_PROJECT_ROOT": str(folder / "project"),
        "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(folder / "tmp"),
    }
    with _running(command, folder, own) as process:
        yield Worker(folder, process)


@contextlib.contextmanager
def _running(
    command: list[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    with (
        (folder / f"{Path(command[0]).name}.log").open("ab") as log,
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
