"""What several test files need."""

from __future__ import annotations

import gc
import os
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import conninfo, sql

from sandbox import SandboxClock, World
from sandbox.generate import CallCentre
from sandbox.meltano_project import NOT_PASSED_ON, install_plugins
from sandbox.postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# How many examples a property is tried with: `make test` tries the same 100 each time, `.ci/run`
# the same 1,000, and HYPOTHESIS_PROFILE=thorough 10,000 others each time.
EXAMPLES = {"quick": 100, "ci": 1_000, "thorough": 10_000}

for name, examples in EXAMPLES.items():
    settings.register_profile(
        name,
        max_examples=examples,
        derandomize=name != "thorough",
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker of pytest-xdist run all tests of the PostgreSQL server, which it starts.

    Tests that may take longest come first, so that no worker is left with one at the end.
    """
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)
    for item in items:
        if "postgres_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("postgres"))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays: looking through it took a tenth of the CPU."""
    gc.freeze()
    gc.set_threshold(10_000, 50, 50)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment without settings, in a folder without `.env`."""
    for name in list(os.environ):
        if name.upper().startswith(NOT_PASSED_ON[0]):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.fixture
def call_centre() -> World:
    """Two weeks of calls, five of them going on, and forty more that come in the next two hours."""
    now = datetime(2026, 3, 9, 15, tzinfo=UTC)
    clock = SandboxClock(now, frozen=True)
    world = World.generate(clock, seed=7, count=260, in_progress=5, odd_times=0.2)
    soon = now + timedelta(minutes=1)
    world.extend(CallCentre(8, odd_times=0.2).calls(40, soon, now + timedelta(hours=2)))
    return world


@pytest.fixture(scope="session")
def plugins() -> None:
    """Meltano's plugins, installed."""
    install_plugins()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server's connection string."""
    with postgres() as dsn:
        yield dsn


@pytest.fixture
def database(postgres_server: str) -> Iterator[str]:
    """The connection string of an empty database, gone after the test."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield conninfo.make_conninfo(postgres_server, dbname=name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} (FORCE)").format(sql.Identifier(name)))
