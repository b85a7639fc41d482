"""The PostgreSQL server into which rows are loaded: an empty database for each run."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from sandbox.postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = "benchmark"
_TICKS = 100  # a second, in /proc on Linux


@dataclass(frozen=True, slots=True)
class Database:
    """An empty database on a local server.

    Attributes:
        host: Host name of the server.
        port: Its port.
        user: User who may do everything.
        password: That user's password.
        name: Name of the database.
    """

    host: str
    port: int
    user: str
    password: str
    name: str

    @property
    def url(self) -> str:
        """Say all of it in one line."""
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{self.name}"

    def empty(self) -> None:
        """Drop the database and make it again; let the server write everything out first."""
        with psycopg.connect(self.url.removesuffix(self.name), autocommit=True) as connection:
            name = sql.Identifier(self.name)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} (FORCE)").format(name))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
            connection.execute("CHECKPOINT")

    def ids(self, table: str) -> list[str]:
        """Read the id of each row of a table; none if there is no such table."""
        with psycopg.connect(self.url) as connection:
            query = sql.SQL("SELECT id FROM {}").format(sql.Identifier(*table.split(".")))
            with contextlib.suppress(psycopg.errors.UndefinedTable):
                return [str(row[0]) for row in connection.execute(query)]
        return []

    def cpu(self) -> float:
        """Sum up the seconds of CPU that the server's processes have taken so far."""
        with psycopg.connect(self.url) as connection:
            own = connection.info.backend_pid
            server = _stat(Path(f"/proc/{own}")).parent
            stats = [_stat(folder) for folder in Path("/proc").glob("[0-9]*")]
        ticks = sum(stat.ticks for stat in stats if stat.parent == server)
        ticks += sum(stat.ticks + stat.reaped for stat in stats if stat.process == server)
        return ticks / _TICKS


@contextlib.contextmanager
def database() -> Iterator[Database]:
    """Start a server, or take the one that TEST_POSTGRES_DSN names."""
    with postgres() as dsn:
        with psycopg.connect(dsn) as connection:
            info = connection.info
            found = Database(info.host, info.port, info.user, info.password, _NAME)
        found.empty()
        yield found


@dataclass(frozen=True, slots=True)
class _Stat:
    process: int
    parent: int
    ticks: int
    reaped: int


def _stat(folder: Path) -> _Stat:
    """Read what Linux says of a process; of one that has just ended, nothing."""
    try:
        text = (folder / "stat").read_text()
    except OSError:
        return _Stat(0, -1, 0, 0)
    fields = text.rpartition(")")[2].split()
    user, system, reaped_user, reaped_system = map(int, fields[11:15])
    return _Stat(int(folder.name), int(fields[1]), user + system, reaped_user + reaped_system)
