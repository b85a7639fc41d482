"""What several test files need."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import conninfo, sql

from sandbox import SandboxClock, World
from sandbox.generate import CallCentre
from sandbox.meltano_project import install_plugins
from sandbox.postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator


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
