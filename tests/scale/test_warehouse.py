"""The table beside the ledger, in a real PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import conninfo

from orchestrate import warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTS = ["2025-11-30 23:59:59.5", "2025-12-01", "2025-12-31 23:59:59", "2026-01-01", "2026-01-02"]


@pytest.fixture
def table(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A table with five conversations of the account acme."""
    for name, value in conninfo.conninfo_to_dict(database).items():
        monkeypatch.setenv(
            f"TARGET_POSTGRES_{name.replace('dbname', 'database').upper()}", str(value)
        )
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA acme")
        connection.execute("CREATE TABLE acme.conversations (id text, start_time timestamp)")
        for start in STARTS:
            connection.execute("INSERT INTO acme.conversations VALUES (%s, %s)", (start, start))
        yield connection


def test_a_table_that_holds_what_was_delivered(table: psycopg.Connection) -> None:
    counts = {"2025-11": 1, "2025-12": 2, "2026-01-01": 1, "2026-01-02": 1}
    assert warehouse.fewer_than("acme", {"counts": counts}) == {}
    table.execute("INSERT INTO acme.conversations VALUES ('more', '2025-12-05')")
    assert warehouse.fewer_than("acme", {"counts": counts}) == {}


def test_spans_of_which_the_table_has_fewer(table: psycopg.Connection) -> None:
    counts = {"2025-12": 2, "2026-01-01": 1, "2026-01-02": 1, "2026-01-03": 4}
    table.execute("DELETE FROM acme.conversations WHERE start_time IN ('2025-12-01', '2026-01-01')")
    assert warehouse.fewer_than("acme", {"counts": counts}) == {
        "2025-12": "1 of 2",
        "2026-01-01": "0 of 1",
        "2026-01-03": "0 of 4",
    }


def test_nothing_delivered_needs_no_table() -> None:
    assert warehouse.fewer_than("nobody", {"counts": {}}) == {}


def test_a_url_for_sqlalchemy(
    table: psycopg.Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not table.closed
    for name in ("HOST", "PORT", "USER", "PASSWORD", "DATABASE"):
        monkeypatch.delenv(f"TARGET_POSTGRES_{name}")
    login = "{user}:{password}@{host}:{port}/{dbname}".format(**conninfo.conninfo_to_dict(database))
    monkeypatch.setenv("TARGET_POSTGRES_SQLALCHEMY_URL", f"postgresql+psycopg://{login}")
    assert warehouse.fewer_than("acme", {"counts": {"2025-11": 2}}) == {"2025-11": "1 of 2"}
