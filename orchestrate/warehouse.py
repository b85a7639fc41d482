"""What the warehouse holds, beside what tap-ayra counted as delivered."""

import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import conninfo, sql


def fewer_than(account: str, ledger: Mapping[str, Any]) -> dict[str, str]:
    """Find the spans of which the table holds fewer conversations than the ledger.

    More is no fault: those were deleted at Ayra since, or match other filters.

    Args:
        account: The schema of the table `conversations`.
        ledger: `since` and `counts` by day ("2026-01-31") or month ("2025-12").

    Returns:
        "held of counted" by span; empty if the table holds everything.
    """
    counts: dict[str, int] = ledger["counts"]
    if not counts:
        return {}
    query = sql.SQL(
        "SELECT to_char(start_time, 'YYYY-MM-DD'), count(*) FROM {} "
        "WHERE start_time >= %s AND start_time < %s::timestamp + interval '1 month' GROUP BY 1"
    ).format(sql.Identifier(account, "conversations"))
    first, last = (f"{month_of(span)}-01" for span in (min(counts), max(counts)))
    held: Counter[str] = Counter()
    with _connect() as connection:
        for day, count in connection.execute(query, (first, last)):
            held[day] += count
            held[month_of(day)] += count
    return {
        span: f"{held[span]} of {count}" for span, count in counts.items() if held[span] < count
    }


def month_of(day: str) -> str:
    """Give the month, such as "2026-01", of a day or a month."""
    return day[: len("2026-01")]


def _connect() -> psycopg.Connection[tuple[str, int]]:
    setting = {
        name: os.environ.get(f"TARGET_POSTGRES_{name.upper()}")
        for name in ("host", "port", "user", "password", "database", "ssl_mode", "sqlalchemy_url")
    }
    url = (setting.pop("sqlalchemy_url") or "").replace("postgresql+psycopg", "postgresql", 1)
    names = {"database": "dbname", "ssl_mode": "sslmode"}
    given = {names.get(name, name): value for name, value in setting.items() if value}
    return psycopg.connect(conninfo.make_conninfo(url, **given))
