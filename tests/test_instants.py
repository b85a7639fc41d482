"""Instants: what is read at once is read as one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from tap_ayra.instants import format_instant, instants_in_utc, parse_instant

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(0), "GMT")])
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=ZONES)  # noqa: DTZ001
TEXTS = st.one_of(
    MOMENTS.map(format_instant),
    MOMENTS.map(datetime.isoformat),
    MOMENTS.map(lambda moment: f"{moment:%Y%m%d}"),
    MOMENTS.map(lambda moment: f"{moment:%Y-%m-%dT%H:%M}"),
    MOMENTS.map(lambda moment: format_instant(moment).lower()),
)


@given(texts=st.lists(TEXTS | st.none()))
def test_many_at_once_are_read_as_one_by_one_or_not_at_all(texts: list[str | None]) -> None:
    moments = instants_in_utc(texts)
    assert moments is None or moments == [parse_instant(text) for text in texts if text is not None]
    assert moments is None or {moment.tzinfo for moment in moments} <= {UTC}


@given(moments=st.lists(MOMENTS, min_size=1))
def test_all_in_utc_are_read_at_once(moments: list[datetime]) -> None:
    assert instants_in_utc([format_instant(moment) for moment in moments]) == moments
