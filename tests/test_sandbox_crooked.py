"""Each way in which the simulated API can be crooked, seen by a plain client."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import pytest

from sandbox import Call, SandboxApi, SandboxClock, World
from tests.asking import NOW, ask, error, listed_ids, past_call, read

if TYPE_CHECKING:
    from sandbox.unclean import Rounding


def crooked(*calls: Call, **switches: Any) -> SandboxApi:
    """Make an API with these calls."""
    world = World(SandboxClock(NOW, frozen=True), calls)
    return SandboxApi(world, **{"cache_seconds": 0, **switches})


def minutes(count: int) -> list[Call]:
    """Make calls a minute apart, c00 being the first."""
    return [past_call(f"c{n:02}", minutes_ago=count - n, lasts=5) for n in range(count)]


def counted(api: SandboxApi, **params: object) -> tuple[int | None, int | None]:
    meta = read(api, **params)["meta"]
    return meta["total"], meta["total_pages"]


def pages(api: SandboxApi, count: int, per_page: int = 3) -> list[str]:
    """Read pages one after another, each as one word."""
    walked = (listed_ids(api, per_page=per_page, page=page) for page in range(1, count + 1))
    return [" ".join(each) for each in walked]


def test_an_honest_api_is_the_default() -> None:
    assert pages(crooked(*minutes(5)), 2) == ["c00 c01 c02", "c03 c04"]
    assert counted(crooked(*minutes(5)), per_page=3) == (5, 2)


def test_capped_totals_hide_pages_that_are_served_all_the_same() -> None:
    api = crooked(*minutes(8), cap_total=4)
    assert counted(api, per_page=3) == (4, 2)
    assert pages(api, 3) == ["c00 c01 c02", "c03 c04 c05", "c06 c07"]
    assert counted(api, per_page=3, start_date=minutes(8)[5].start.isoformat()) == (3, 1)


def test_capped_totals_can_end_what_is_served() -> None:
    assert pages(crooked(*minutes(8), cap_total=4, pages_past_cap="empty"), 3) == [
        "c00 c01 c02",
        "c03",
        "",
    ]


def test_capped_totals_can_have_pages_past_them_refused() -> None:
    api = crooked(*minutes(8), cap_total=4, pages_past_cap="refused", refusal_status=422)
    assert pages(api, 2) == ["c00 c01 c02", "c03 c04 c05"]
    refused = ask(api, per_page=3, page=3)
    assert (refused.status, error(refused)["field"]) == (422, "page")


@pytest.mark.parametrize(
    ("switches", "total"),
    [
        ({"round_total": 10}, 20),
        ({"round_total": 100}, 0),
        ({"inflate_total": 1.1}, 22),
        ({"inflate_total": 1.1, "round_total": 5, "cap_total": 12}, 12),
    ],
)
def test_totals_are_rounded_inflated_and_capped(switches: dict[str, Any], total: int) -> None:
    assert counted(crooked(*minutes(20), **switches))[0] == total


def test_totals_are_estimated_anew_each_time() -> None:
    api = crooked(*minutes(60), estimate_total=0.1)
    totals = {counted(api)[0] for _ in range(30)}
    assert len(totals) > 5
    assert {total for total in totals if total is not None} <= set(range(54, 67))
    assert counted(crooked(*minutes(60), estimate_total=0.1, seed=5)) == counted(
        crooked(*minutes(60), estimate_total=0.1, seed=5)
    )


def test_totals_of_a_window_are_kept_while_its_rows_are_fresh() -> None:
    api = crooked(*minutes(4), cached_total_seconds=60)
    assert counted(api, per_page=3) == (4, 2)
    api.world.remove("c01")
    api.world.clock.advance(59)
    assert counted(api, per_page=3) == (4, 2)
    assert pages(api, 2) == ["c00 c02 c03", ""]
    assert counted(api, per_page=3, start_date="2025-01-01") == (3, 1)
    api.world.clock.advance(1)
    assert counted(api, per_page=3) == (3, 1)


def test_totals_are_missing() -> None:
    api = crooked(*minutes(4), no_total="absent")
    body = read(api, per_page=3)
    assert list(body["meta"]) == ["page", "per_page", "request_id", "timestamp"]
    assert body["links"]["next"].endswith("page=2")
    assert read(api, per_page=3, page=2)["links"]["next"] is None
    api.no_total = "null"
    assert counted(api) == (None, None)


@pytest.mark.parametrize(
    ("switch", "expected"),
    [(None, "c01 c02 c03"), ("start", "c02 c03"), ("end", "c01 c02"), ("both", "c02")],
)
def test_bounds_are_left_out(switch: Literal["start", "end", "both"] | None, expected: str) -> None:
    api = crooked(*(each := minutes(5)), exclusive_bounds=switch)
    window = {"start_date": each[1].start.isoformat(), "end_date": each[3].start.isoformat()}
    assert " ".join(listed_ids(api, **window)) == expected


@pytest.mark.parametrize(
    ("direction", "expected"),
    [("down", "c01 c02"), ("nearest", "c02 c03"), ("up", "c02 c03")],
)
def test_bounds_are_rounded(direction: Rounding, expected: str) -> None:
    api = crooked(*minutes(5), rounded_bounds=60, bounds_rounding=direction)
    window = {"start_date": "2025-01-15T14:56:30Z", "end_date": "2025-01-15T14:57:30Z"}
    assert " ".join(listed_ids(api, **window)) == expected


@pytest.mark.parametrize(("direction", "shown"), [("down", ":00Z"), ("nearest", ":01Z")])
def test_start_times_are_shown_rounded_but_sorted_and_filtered_by_fractions(
    direction: Rounding, shown: str
) -> None:
    early, late = (past_call(f"c{n}", time_format="fractions") for n in (0, 1))
    early.start += timedelta(seconds=0.6)
    late.start += timedelta(seconds=0.7)
    api = crooked(late, early, show_rounded_starts=direction)
    rows = read(api, sort_order="asc")["data"]
    assert [row["id"] for row in rows] == ["c0", "c1"]
    assert [row["start_time"] for row in rows] == [f"2025-01-15T14:00{shown}"] * 2
    assert listed_ids(api, start_date="2025-01-15T14:00:00.65Z") == ["c1"]


def test_a_page_comes_once_with_the_next_pages_rows() -> None:
    api = crooked(*minutes(8), swap_pages={2}, cache_seconds=60)
    swapped = read(api, per_page=3, page=2, sort_order="asc")
    assert [row["id"] for row in swapped["data"]] == ["c06", "c07"]
    assert swapped["meta"]["page"] == 2
    assert pages(api, 3) == ["c00 c01 c02", "c03 c04 c05", "c06 c07"]
    assert not api.swap_pages


def test_the_last_page_is_not_swapped() -> None:
    api = crooked(*minutes(5), swap_pages={2})
    assert pages(api, 2) == ["c00 c01 c02", "c03 c04"]
    assert api.swap_pages == {2}


def test_deep_pages_repeat() -> None:
    api = crooked(*minutes(12), repeat_page_beyond=2)
    assert pages(api, 4) == ["c00 c01 c02", "c03 c04 c05", "c03 c04 c05", "c03 c04 c05"]
    assert read(api, per_page=3, page=4)["meta"]["page"] == 4


@pytest.mark.parametrize(("status", "kind"), [(400, "invalid_request"), (404, "not_found")])
def test_deep_pages_are_refused(status: int, kind: str) -> None:
    api = crooked(*minutes(12), refuse_pages_beyond=2, refusal_status=status)
    assert pages(api, 2) == ["c00 c01 c02", "c03 c04 c05"]
    refused = ask(api, per_page=3, page=3)
    assert (refused.status, error(refused)["type"]) == (status, kind)


def test_conversations_are_listed_twice() -> None:
    api = crooked(*minutes(4), list_twice={"c01"})
    assert pages(api, 2) == ["c00 c01 c01", "c02 c03"]
    assert counted(api) == (5, 1)


def test_a_share_of_conversations_is_listed_twice_and_always_the_same() -> None:
    api = crooked(*minutes(50), list_twice=0.3)
    listed = listed_ids(api, per_page=100)
    twice = {each for each in listed if listed.count(each) == 2}
    assert 5 < len(twice) < 25
    assert listed_ids(api, per_page=100) == listed
    assert listed_ids(crooked(*minutes(50), list_twice=0.3, seed=1), per_page=100) != listed


def test_every_second_response_comes_from_a_node_whose_clock_is_behind() -> None:
    api = crooked(clock_skew_seconds=5)
    times = [read(api)["meta"]["timestamp"][-4:] for _ in range(3)]
    assert times == [":00Z", ":55Z", ":00Z"]
    assert ask(api).headers["Date"] == "Wed, 15 Jan 2025 14:59:55 GMT"


def test_text_is_not_utf8() -> None:
    body = ask(crooked(*minutes(2), latin1_text={"c01"})).body
    assert body.count(b"(caf\xe9)") == 1
    with pytest.raises(UnicodeDecodeError):
        body.decode()
    assert len(json.loads(body.decode(errors="replace"))["data"]) == 2


def test_text_holds_a_lone_surrogate() -> None:
    api = crooked(*minutes(2), lone_surrogates=1.0)
    assert b"\\ud83d" in ask(api).body
    assert all(row["summary"].endswith(" \ud83d") for row in read(api)["data"])


def test_durations_are_not_numbers() -> None:
    api = crooked(*minutes(12), not_a_number=1.0)
    durations = {str(row["duration"]) for row in read(api)["data"]}
    assert durations == {"nan", "inf", "-inf"}
    assert b"NaN" in ask(api).body


def test_transcripts_are_not_clean_either() -> None:
    api = crooked(*minutes(3), latin1_text={"c00"}, lone_surrogates={"c01"}, not_a_number={"c02"})
    path = "/v1/conversations/{}/transcript"
    key = {"Authorization": f"Bearer {api.key}"}
    bodies = [api.handle("GET", path.format(f"c0{n}"), "", key).body for n in range(3)]
    assert b"(caf\xe9)" in bodies[0]
    assert b"\\ud83d" in bodies[1]
    assert any(word in bodies[2] for word in (b":NaN", b":Infinity", b":-Infinity"))


def test_rows_as_shown_can_be_looked_up() -> None:
    api = crooked(*minutes(2), not_a_number={"c01"}, lone_surrogates={"c01"})
    honest, odd = (dict(api.shown(each, NOW)) for each in api.world.visible())
    assert honest == read(api, sort_order="asc")["data"][0]
    assert not math.isfinite(odd["duration"])
    assert odd["summary"] == read(api)["data"][0]["summary"]


def test_a_start_is_restated_when_the_call_ends() -> None:
    first = past_call("c00", minutes_ago=1, lasts=90, time_format="fractions")
    second = past_call("c01", minutes_ago=1, lasts=30, time_format="fractions")
    first.restated_start = first.start + timedelta(seconds=0.7)
    api = crooked(first, second)
    assert listed_ids(api) == ["c00", "c01"]
    api.world.clock.advance(30)
    assert listed_ids(api) == ["c01", "c00"]
    row = read(api)["data"][0]
    assert (row["start_time"], row["duration"]) == ("2025-01-15T14:59:00.7Z", 89)
    assert row["created_at"] == "2025-01-15T14:59:00Z"
    assert listed_ids(api, start_date="2025-01-15T14:59:00.5Z") == ["c00"]
    assert api.world.final_rows()[-1] == row


def test_a_start_is_corrected_at_a_moment() -> None:
    moved = past_call("c00", minutes_ago=60)
    moved.restated_start = moved.start + timedelta(minutes=30)
    moved.restated_at = NOW + timedelta(seconds=10)
    api = crooked(moved, past_call("c01", minutes_ago=45))
    assert listed_ids(api) == ["c00", "c01"]
    api.world.clock.advance(10)
    assert listed_ids(api) == ["c01", "c00"]
    assert read(api)["data"][0]["start_time"] == "2025-01-15T14:30:00Z"


def test_generated_calls_can_have_their_starts_restated() -> None:
    world = World.generate(SandboxClock(NOW, frozen=True), seed=1, count=200, restated=0.5)
    by = [call.restated_start - call.start for call in world.visible() if call.restated_start]
    assert 60 < len(by) < 140
    assert all(abs(each) <= timedelta(seconds=1) for each in by)
    assert min(by) < timedelta(0) < max(by)


def test_switches_combine() -> None:
    api = crooked(
        *minutes(9),
        list_twice={"c00"},
        cap_total=4,
        refuse_pages_beyond=2,
        exclusive_bounds="start",
    )
    window = {"start_date": minutes(9)[0].start.isoformat(), "per_page": 3}
    assert listed_ids(api, **window) == ["c01", "c02", "c03"]
    assert counted(api, per_page=3) == (4, 2)
    assert ask(api, page=3, per_page=3).status == 400
