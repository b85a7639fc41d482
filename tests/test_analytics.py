"""docs/analytics.sql on a real PostgreSQL, against the same questions asked of the calls."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from sandbox import SandboxApi, serve
from sandbox.meltano_project import ROOT
from tests.piping import Pipe, postgres_settings
from tests.singer import discovered, settings_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sandbox import World

pytestmark = pytest.mark.usefixtures("plugins")

STATEMENTS = [
    statement.strip()
    for statement in (ROOT / "docs" / "analytics.sql").read_text(encoding="utf-8").split(";\n")
    if statement.strip()
]
Row = tuple[Any, ...]


@pytest.mark.slow
def test_five_queries_and_a_view_say_what_the_calls_say(
    call_centre: World, database: str, tmp_path: Path
) -> None:
    call_centre.clock.advance(timedelta(days=2).total_seconds())  # all calls are over
    with serve(SandboxApi(call_centre, rate_limit=None)) as sandbox:
        pipe = Pipe(
            tmp_path,
            settings_for(sandbox),
            "target-postgres",
            postgres_settings(database),
            catalog=everything_selected(),
        )
        assert pipe.run() == 0
    rows = call_centre.rows()
    found = run_statements(database)
    assert len(found) == 5
    per_hour, abandoned, sentiment, topics, transcripts = found

    hours = Counter((_start(row).strftime("%Y%m%d%H"), row["agent_id"]) for row in rows)
    assert {(f"{hour:%Y%m%d%H}", agent): calls for hour, agent, _, calls, _ in per_hour} == hours
    calls_per_day = Counter(_start(row).date() for row in rows)
    given_up = Counter(_start(row).date() for row in rows if row["status"] == "abandoned")
    assert [(day, number, calls) for day, number, calls, _ in abandoned] == [
        (day, given_up[day], calls) for day, calls in sorted(calls_per_day.items())
    ]
    assert all(
        float(percent) == pytest.approx(100 * number / calls, abs=0.05)
        for _, number, calls, percent in abandoned
    )
    moods = Counter(row["sentiment"] for row in rows if row["sentiment"])
    shown: Counter[str] = Counter()
    shares: dict[object, float] = defaultdict(float)
    for week, mood, calls, percent in sentiment:
        shown[mood] += calls
        shares[week] += float(percent)
    assert shown == moods
    assert all(share == pytest.approx(100, abs=0.3) for share in shares.values())
    assert {topic: calls for topic, calls, _ in topics} == Counter(
        topic for row in rows for topic in set(row["topics"] or ())
    )
    assert [start for _, start, *_ in transcripts] == sorted(
        (start for _, start, *_ in transcripts), reverse=True
    )
    calls_by_id = {call.id: call for call in call_centre.visible()}
    assert len(transcripts) > 20
    for key, *_, transcript in transcripts:
        said = calls_by_id[key].messages or []
        assert transcript.count("\n") + 1 >= len(said)


@pytest.mark.slow
def test_the_view_keeps_the_latest_of_each(
    call_centre: World, database: str, tmp_path: Path
) -> None:
    """A target that only appends leaves a row for each version."""
    with serve(SandboxApi(call_centre)) as sandbox:
        pipe = Pipe(tmp_path, settings_for(sandbox), "target-postgres", postgres_settings(database))
        assert pipe.run() == 0
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE tap_ayra.conversations DROP CONSTRAINT conversations_pkey")
        connection.execute(
            "INSERT INTO tap_ayra.conversations (id, status, _sdc_extracted_at) SELECT id, "
            "'in_progress', _sdc_extracted_at - interval '1 day' FROM tap_ayra.conversations"
        )
        connection.execute(STATEMENTS[0].encode())
        kept: dict[str, str] = dict(
            connection.execute("SELECT id, status FROM tap_ayra.latest_conversations").fetchall()
        )
    assert kept == {row["id"]: row["status"] for row in call_centre.rows()}


def run_statements(database: str) -> list[list[Row]]:
    """Make the view, and give what each query finds."""
    view, *queries = STATEMENTS
    with psycopg.connect(database) as connection:
        connection.execute(view.encode())
        return [connection.execute(each.encode()).fetchall() for each in queries]


def everything_selected() -> dict[str, Any]:
    """Give a catalog in which both streams are selected."""
    catalog = discovered()
    for stream in catalog["streams"]:
        stream["metadata"][-1]["metadata"]["selected"] = True
    return catalog


def test_the_docs_name_the_queries() -> None:
    numbered = re.findall(r"^-- (\d)\. (.+)$", "\n".join(STATEMENTS), re.MULTILINE)
    assert [int(number) for number, _ in numbered] == [1, 2, 3, 4, 5]


def _start(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["start_time"]).astimezone(UTC)
