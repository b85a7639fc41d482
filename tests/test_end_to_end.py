"""From the simulated API into a real PostgreSQL: through Meltano, and through a plain pipe."""

from __future__ import annotations

import json
import re
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import rows

from sandbox import Call, SandboxApi, serve
from sandbox.comparison import TIMES, api_rows
from sandbox.meltano_project import ROOT, MeltanoProject
from tests.piping import Pipe, postgres_settings
from tests.singer import settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sandbox import RunningSandbox, World
    from sandbox.comparison import Rows

pytestmark = pytest.mark.usefixtures("plugins")

TEXT, TIMESTAMP = "text", "timestamp without time zone"
COLUMNS = {
    "id": TEXT,
    "agent_id": TEXT,
    "agent_name": TEXT,
    "caller_number": TEXT,
    "status": TEXT,
    "start_time": TIMESTAMP,
    "end_time": TIMESTAMP,
    "duration": "numeric",
    "sentiment": TEXT,
    "outcome": TEXT,
    "topics": "text[]",
    "has_recording": "boolean",
    "has_transcript": "boolean",
    "summary": TEXT,
    "created_at": TIMESTAMP,
}
ROUNDED = {"conv_digits": 123_456_789_012_345_680_000_000_000_000}
"""What COPY makes of the one number that has more digits than double precision holds."""


@pytest.fixture
def sandbox(call_centre: World) -> Iterator[RunningSandbox]:
    start = call_centre.clock.now() - timedelta(days=3)
    odd = {
        "emoji": {"summary": "👩🏽‍💻 “naïve” שלום", "topics": ["🧾", "שלום"]},
        "nul": {"summary": "a\0b", "topics": ["c\0d", "e"]},
        "quoting": {"summary": "\\N \t {\"'}; --", "topics": ["a,b", '{"c"}', "\\", ""]},
        "no-topics": {"topics": []},
        "fraction": {"duration": 12.5},
        "digits": {"overrides": {"duration": 123_456_789_012_345_678_901_234_567_890}},
        "huge": {"summary": "שלום" * 500_000},
        "null": {"overrides": dict.fromkeys(COLUMNS.keys() - {"id", "start_time"})},
    }
    for number, (name, details) in enumerate(odd.items()):
        moment = start + timedelta(minutes=number)
        call_centre.add(
            Call(f"conv_{name}", moment, moment + timedelta(seconds=30), **details)  # type: ignore[arg-type]
        )
    with serve(SandboxApi(call_centre)) as running:
        yield running


@pytest.fixture
def project(sandbox: RunningSandbox, database: str, tmp_path: Path) -> MeltanoProject:
    settings = {"TAP_AYRA_API_URL": sandbox.url, "TAP_AYRA_API_KEY": sandbox.api.key}
    for name, value in _server(database).items():
        settings[f"TARGET_POSTGRES_{name.upper()}"] = value
    return MeltanoProject(tmp_path, settings)


@pytest.mark.slow
def test_meltano(project: MeltanoProject, database: str, call_centre: World) -> None:
    project.check("run", "tap-ayra", "target-postgres")
    assert len(_check_table(database, call_centre)) == len(call_centre.visible())


@pytest.mark.slow
def test_the_job_loads_the_same_table_from_files(
    project: MeltanoProject, database: str, call_centre: World
) -> None:
    project.check("run", "ayra-to-postgres")
    _check_table(database, call_centre, **ROUNDED)
    assert list((project.folder / ".meltano" / "batches").iterdir())
    call_centre.clock.advance(timedelta(hours=2).total_seconds())
    project.check("run", "ayra-to-postgres")
    assert len(_check_table(database, call_centre, **ROUNDED)) == len(call_centre.visible())


@pytest.mark.slow
def test_the_job_keeps_each_digit_without_copy(
    project: MeltanoProject, database: str, call_centre: World
) -> None:
    project.settings = {**project.settings, "TARGET_POSTGRES_BATCH_USE_COPY": "false"}
    project.check("run", "ayra-to-postgres")
    _check_table(database, call_centre)


@pytest.mark.parametrize(
    "compression",
    [
        pytest.param(None, marks=pytest.mark.slow),
        "none",
        pytest.param("gzip", marks=pytest.mark.slow),
    ],
)
def test_pipe(
    sandbox: RunningSandbox,
    database: str,
    call_centre: World,
    tmp_path: Path,
    compression: str | None,
) -> None:
    settings = settings_for(sandbox)
    if compression:
        settings["batch_config"] = {
            "encoding": {"format": "jsonl", "compression": compression},
            "storage": {"root": str(tmp_path / "batch files"), "prefix": "of ayra/"},
            "batch_size": 100,
        }
    target = postgres_settings(database, validate_records=True)
    pipe = Pipe(tmp_path, settings, "target-postgres", target)

    def load() -> None:
        assert pipe.run() == 0

    _two_syncs(load, database, call_centre)
    (ledger,) = pipe.state["bookmarks"]["conversations"]["ledger"]
    counts = ledger["counts"]
    assert sum(counts.values()) > 100
    assert _spans_that_lack_rows(database, counts) == []
    span, count = max(counts.items())
    assert _spans_that_lack_rows(database, counts | {span: count + 50}) == [span]


def _spans_that_lack_rows(database: str, counts: Mapping[str, int]) -> list[str]:
    """Hold a ledger against the table, as docs/replication.md says."""
    page = (ROOT / "docs" / "replication.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- example: ledger -->\n```sql\n(.*?)```", page, re.DOTALL)
    assert found
    query = re.sub(r"'\{.*?\}'", f"'{json.dumps(counts)}'", found[1])
    with psycopg.connect(database, options="-c search_path=tap_ayra") as connection:
        return [span for span, *_ in connection.execute(query.encode())]


def _two_syncs(load: Callable[[], object], database: str, call_centre: World) -> None:
    """Sync, let calls end and others begin, sync again: the table is always what the API says."""
    load()
    _check_table(database, call_centre)
    going_on = {key for key, row in api_rows(call_centre).items() if row["status"] == "in_progress"}
    assert going_on

    call_centre.clock.advance(timedelta(hours=2).total_seconds())
    known = len(api_rows(call_centre))
    load()
    table = _check_table(database, call_centre)
    assert len(table) == known
    assert not any(table[key]["status"] == "in_progress" for key in going_on)


def _check_table(database: str, call_centre: World, **durations: int) -> Rows:
    with psycopg.connect(database, row_factory=rows.dict_row) as connection:
        columns = {
            row["column_name"]: "text[]" if row["udt_name"] == "_text" else row["data_type"]
            for row in connection.execute(
                "SELECT column_name, data_type, udt_name FROM information_schema.columns"
                " WHERE (table_schema, table_name) = ('tap_ayra', 'conversations')"
            )
        }
        landed = connection.execute("SELECT * FROM tap_ayra.conversations").fetchall()
    assert {k: v for k, v in columns.items() if not k.startswith("_sdc_")} == COLUMNS
    table = {row["id"]: {name: _comparable(name, row[name]) for name in COLUMNS} for row in landed}
    assert len(table) == len(landed)
    expected = {key: _without_nul(row) for key, row in api_rows(call_centre).items()}
    for key, duration in durations.items():
        expected[key]["duration"] = duration
    assert table == expected
    return table


def _comparable(name: str, value: Any) -> Any:  # noqa: ANN401
    """Give a column's value; one without time zone is in UTC."""
    return value.replace(tzinfo=UTC) if name in TIMES and value else value


def _without_nul(value: Any) -> Any:  # noqa: ANN401
    """Give a value as PostgreSQL can hold it."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_nul(item) for key, item in value.items()}
    return value


def _server(database: str) -> dict[str, str]:
    """Give the settings with which target-postgres finds a database."""
    with psycopg.connect(database) as connection:
        info = connection.info
        return {
            "host": info.host,
            "port": str(info.port),
            "user": info.user,
            "password": info.password,
            "database": info.dbname,
        }
