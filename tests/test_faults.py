"""The network fails in every way that there is, and nothing is lost, doubled or out of order."""

from __future__ import annotations

import threading
from collections import Counter
from copy import copy
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Call, SandboxApi, SandboxClock, World, faults
from sandbox.faults import Exchange, Fault, FaultyServer, Script, edited, faulty, instead
from tap_ayra.api import prefetch
from tap_ayra.api.rate_limit import RateLimiter
from tap_ayra.errors import TapAyraError
from tap_ayra.tap import TapAyra
from tests.faking import Attempt, FakeTime, attempt, no_thread_left
from tests.singer import captured
from tests.sweeps import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOW = datetime(2026, 3, 9, 15, tzinfo=UTC)
CALLS = 65
PAGE_SIZE = 10
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
BOTH = pytest.mark.parametrize("concurrency", sweep([8, 1]))
PLACES = ("middle", "first", "last")
WAYS = {"ahead": 0, "as wanted": 3600}
"""Ways to fetch a page: by the longest it may take and still be fetched as it is wanted."""
EVERYWHERE = pytest.mark.parametrize("place", sweep(PLACES))


def finished_calls(clock: SandboxClock, count: int = CALLS, seed: int = 3) -> World:
    """Calls that are all over, so that the passing of time changes nothing."""
    return World(clock, map(copy, _generated(count, seed)))


@cache
def _generated(count: int, seed: int) -> list[Call]:
    since, until = NOW - timedelta(days=3), NOW - timedelta(hours=2)
    clock = SandboxClock(NOW, frozen=True)
    return World.generate(clock, seed=seed, count=count, since=since, until=until).visible()


class Stage:
    """A simulated API on a bad network, and a tap whose waits are fake."""

    def __init__(self, server: FaultyServer, time: FakeTime) -> None:
        self.server = server
        self.api = server.api
        self.time = time

    def attempt(
        self,
        state: Mapping[str, Any] | None = None,
        catalog: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Attempt:
        return attempt(self.settings(**settings), state=state, catalog=catalog)

    def test(self, **settings: Any) -> str:
        """Test the connection, and give the error."""
        with captured():
            tap = TapAyra(config=self.settings(**settings))
            try:
                tap.run_connection_test()
            except TapAyraError as error:
                return str(error)
        return ""

    def settings(self, **settings: Any) -> dict[str, Any]:
        return {
            "api_url": self.server.url,
            "api_key": self.api.key,
            "start_date": "2026-03-01",
            "page_size": PAGE_SIZE,
            **settings,
        }

    @property
    def ids(self) -> list[str]:
        """What there is to read, in order."""
        return [row["id"] for row in self.api.world.rows()]


@pytest.fixture(params=sweep(WAYS.values()), ids=[*WAYS])
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(prefetch, "QUICK", request.param)
    clock = SandboxClock(NOW, frozen=True)
    api = SandboxApi(finished_calls(clock), cache_seconds=0)
    with no_thread_left(), faulty(api) as server:
        yield Stage(server, FakeTime.install(monkeypatch, clock))


@cache
def places(concurrency: int) -> dict[str, Mapping[str, str]]:
    """What a quiet sync asks for on its first, a middle and the last page of several rows."""
    clock = SandboxClock(NOW, frozen=True)
    with faulty(SandboxApi(finished_calls(clock), cache_seconds=0)) as server:
        Stage(server, FakeTime(clock)).attempt(concurrency=concurrency)
        asked = [request.params for request in server.api.requests if request.rows > 3]
    asked.sort(key=lambda params: (params["start_date"], int(params["page"])))
    return {"first": asked[0], "middle": asked[len(asked) // 2], "last": asked[-1]}


def once(fault: Fault, params: Mapping[str, str]) -> Script:
    """Let one request fail, the first time that it is made."""
    done = threading.Event()

    def script(_number: int, asked: Mapping[str, str]) -> Fault | None:
        if asked != params or done.is_set():
            return None
        done.set()
        return fault

    return script


def status(code: int, **headers: str) -> Fault:
    return instead(code, {"error": {"type": "x", "code": "x", "message": "Busy."}}, **headers)


NETWORK_FAULTS: dict[str, Fault] = {
    "reset": faults.reset,
    "closed": faults.closed,
    "reset in the body": faults.reset_in_the_body,
    "stalled": faults.stalled,
    "stalled in the body": faults.stalled_in_the_body,
    "dripping": faults.dripping,
    "dripping body": faults.dripping_body,
    "truncated": faults.truncated,
    "truncated in the head": faults.truncated_in_the_head,
    "truncated chunks": faults.truncated_chunks,
    "not HTTP": faults.not_http,
    "zipped badly": faults.zipped_badly,
    "HTML of a proxy": instead(200, HTML, Content_Type="text/html"),
    "empty body": instead(200, b""),
    "half a JSON": instead(200, b'{"data": [{"id": "conv_1", "summ'),
}
STATUSES = {str(code): status(code) for code in (408, 425, 429, 500, 502, 503, 504, 529)} | {
    "429 with seconds": status(429, Retry_After="7"),
    "429 with a date": status(429, Retry_After="Mon, 09 Mar 2026 15:00:30 GMT"),
    "503 with HTML": instead(503, HTML, Content_Type="text/html"),
    "502 and nothing": instead(502),
}


def _set(path: str, value: object) -> Fault:
    def edit(document: Any) -> None:  # noqa: ANN401
        *way, last = path.split(".")
        for step in way:
            document = document[int(step) if step.lstrip("-").isdigit() else step]
        document[int(last) if last.lstrip("-").isdigit() else last] = value

    return edited(edit)


def _without(path: str) -> Fault:
    def edit(document: Any) -> None:  # noqa: ANN401
        *way, last = path.split(".")
        for step in way:
            document = document[int(step) if step.isdigit() else step]
        del document[last]

    return edited(edit)


WRONG_JSON: dict[str, tuple[Fault, str]] = {
    "null": (instead(200, b"null"), "no list named data"),
    "a list": (instead(200, b"[]"), "no list named data"),
    "an empty object": (instead(200, b"{}"), "no list named data"),
    "an error with 200": (
        instead(200, {"error": {"message": "Oops"}}),
        "no list named data",
    ),
    "no data": (_without("data"), "no list named data"),
    "data is null": (_set("data", None), "no list named data"),
    "data is an object": (_set("data", {}), "no list named data"),
    "no meta": (_without("meta"), "no object named meta"),
    "meta is null": (_set("meta", None), "no object named meta"),
    "no total": (_without("meta.total"), "meta.total is not a number"),
    "total is text": (_set("meta.total", "95"), "meta.total is not a number"),
    "total is true": (_set("meta.total", value=True), "meta.total is not a number"),
    "total is negative": (
        _set("meta.total", -1),
        "meta.total is negative, fractional or too large",
    ),
    "total is fractional": (
        _set("meta.total", 9.5),
        "meta.total is negative, fractional or too large",
    ),
    "page is null": (_set("meta.page", None), "meta.page is not a number"),
    "another page": (_set("meta.page", 77), "got page 77"),
    "per_page is 0": (_set("meta.per_page", 0), "pages of 0 for"),
    "total_pages is wrong": (_set("meta.total_pages", 77), "meta counts 77 pages of 10"),
    "data is empty": (_set("data", []), "got 0"),
    "a page too short": (
        edited(lambda document: document["data"].__delitem__(-1)),
        "conversations, got",
    ),
    "a page too long": (
        edited(lambda document: document["data"].append({"id": "conv_x"})),
        "conversations, got",
    ),
    "a record is null": (_set("data.2", None), "a conversation is not an object"),
    "a record is a list": (_set("data.2", []), "a conversation is not an object"),
    "no id": (_without("data.2.id"), "a conversation has no id"),
    "id is null": (_set("data.2.id", None), "a conversation has no id"),
    "id is empty": (_set("data.2.id", ""), "a conversation has no id"),
    "id is true": (_set("data.2.id", value=True), "a conversation has no id"),
    "an id twice": (
        edited(lambda d: d["data"][2].update(id=d["data"][1]["id"])),
        "twice",
    ),
    "before the window": (_set("data.0.start_time", "2001-01-01T00:00:00Z"), "before the window"),
    "not in order": (edited(lambda d: d["data"].reverse()), "not sorted by start_time"),
    "no date": (_set("data.2.start_time", "yesterday"), "has a start_time that is not a date-time"),
    "a number for a date": (_set("data.2.start_time", 17), "start_time that is not a date-time"),
}
PASSING = NETWORK_FAULTS | STATUSES
ENDLESS = {"stalled", "stalled in the body", "dripping", "dripping body"}
SHORT = {"request_timeout": 0.4}
BUSY = status(503)


def heals(stage: Stage, fault: Fault, place: str, concurrency: int, **settings: Any) -> None:
    stage.server.script = once(fault, places(concurrency)[place])
    result = stage.attempt(concurrency=concurrency, **settings)
    assert result.error == ""
    assert result.ids == stage.ids
    assert stage.time.slept
    assert stage.time.waited < 60


@BOTH
@EVERYWHERE
@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_costs_one_wait(
    stage: Stage, name: str, place: str, concurrency: int
) -> None:
    heals(stage, PASSING[name], place, concurrency, **(SHORT if name in ENDLESS else {}))


@EVERYWHERE
@pytest.mark.parametrize("name", WRONG_JSON)
def test_a_page_that_does_not_add_up_is_asked_for_again(
    stage: Stage, name: str, place: str
) -> None:
    heals(stage, WRONG_JSON[name][0], place, concurrency=8)
    assert stage.time.waited < 2


@EVERYWHERE
@pytest.mark.parametrize("name", ["data is empty", "a page too short", "null", "another page"])
def test_in_strict_mode_too(stage: Stage, name: str, place: str) -> None:
    heals(stage, WRONG_JSON[name][0], place, concurrency=1)


@BOTH
@pytest.mark.parametrize("fault", [faults.zipped, faults.mislabelled])
def test_odd_but_sound_answers_are_taken(stage: Stage, fault: Fault, concurrency: int) -> None:
    stage.server.script = lambda _number, _params: fault
    assert stage.attempt(concurrency=concurrency).ids == stage.ids
    assert stage.time.slept == []


@BOTH
@pytest.mark.parametrize("stage", WAYS.values(), ids=WAYS, indirect=True)
def test_hundreds_of_random_faults_in_one_sync(stage: Stage, concurrency: int) -> None:
    stage.api.world.extend(finished_calls(stage.api.world.clock, 240, seed=4)._in_order())
    random = Random(concurrency)  # noqa: S311
    quick = [fault for name, fault in NETWORK_FAULTS.items() if name not in ENDLESS]
    kinds = [*quick, *STATUSES.values(), edited(lambda document: document["data"].clear())]
    wrong: Counter[str] = Counter()
    struck: Counter[str] = Counter()

    def script(_number: int, params: Mapping[str, str]) -> Fault | None:
        start = params.get("start_date", "")[: len("2026-03-09T15:00:00")]  # a repeat adds zeros
        page = f"{start} {params.get('end_date')} {params.get('page')}"
        fault = random.choice(kinds) if random.random() < 0.6 and struck[page] < 5 else None
        if fault is kinds[-1]:
            wrong[page] += 1
            if wrong[page] > 2:
                fault = BUSY
        struck[page] += fault is not None
        return fault

    stage.server.script = script
    result = stage.attempt(concurrency=concurrency, page_size=1)
    assert result.error == ""
    assert result.ids == stage.ids
    assert struck.total() > 200


@BOTH
def test_an_outage_shorter_than_the_patience_is_sat_out(stage: Stage, concurrency: int) -> None:
    def outage(exchange: Exchange) -> None:
        stage.time.after(200, stage.server.up)
        stage.server.down()
        exchange.reset()

    stage.server.script = once(outage, places(concurrency)["middle"])
    result = stage.attempt(concurrency=concurrency)
    assert result.error == ""
    assert result.ids == stage.ids
    assert 200 <= stage.time.waited < 200 + 75


@BOTH
@pytest.mark.parametrize("kind", ["refused", "503", "HTML of a proxy"])
def test_a_longer_outage_ends_the_sync_and_the_next_one_goes_on(
    stage: Stage, kind: str, concurrency: int
) -> None:
    out = threading.Event()

    def outage(exchange: Exchange) -> None:
        out.set()
        if kind == "refused":
            stage.server.down()
            exchange.reset()
        else:
            PASSING[kind](exchange)

    once_out = once(outage, places(concurrency)["middle"])
    stage.server.script = lambda number, params: (
        outage if out.is_set() else once_out(number, params)
    )
    broken = stage.attempt(concurrency=concurrency)
    assert broken.codes[-1] == "no-success"
    assert 220 < stage.time.waited <= 300 + 75
    assert broken.ids == stage.ids[: len(broken.ids)]
    assert broken.ids

    stage.server.script = lambda _number, _params: None
    stage.server.down()
    stage.server.up()
    resumed = stage.attempt(broken.state, concurrency=concurrency)
    assert resumed.error == ""
    again = len(broken.ids) + len(resumed.ids) - len(stage.ids)
    assert 0 <= again <= PAGE_SIZE
    assert resumed.ids == stage.ids[len(stage.ids) - len(resumed.ids) :]


UNUSABLE = {
    *("null", "a list", "an empty object", "an error with 200"),
    *("no data", "data is null", "data is an object", "data is empty"),
    *("not in order", "no date", "a number for a date"),
}
"""Responses without one usable conversation, or in an order that replication cannot stand on."""


@pytest.mark.parametrize("name", sorted(UNUSABLE))
def test_two_quick_retries_and_then_a_word_on_what_was_wrong(stage: Stage, name: str) -> None:
    fault, reason = WRONG_JSON[name]
    stage.server.script = lambda _number, _params: fault
    result = stage.attempt()
    assert len(stage.server.requests) == 3
    assert stage.time.waited < 4
    first, *rest = result.error.splitlines()
    assert first.startswith("Page 1: ")
    assert reason in first
    assert result.codes[1:] == ["gave-up"]
    assert rest[0].startswith("Gave up after 3 attempts.")
    assert result.output.records == []


@pytest.mark.parametrize("name", sorted(WRONG_JSON.keys() - UNUSABLE - {"before the window"}))
def test_what_does_not_add_up_but_can_be_used_is_read_on_without_counts(
    stage: Stage, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    fault, reason = WRONG_JSON[name]
    stage.server.script = lambda _number, _params: fault
    result = stage.attempt()
    assert result.error == ""
    codes = [getattr(record, "code", "") for record in caplog.records]
    assert "counts-inexact" in codes
    assert "sync-complete" not in codes
    assert reason in caplog.text
    assert len(set(result.ids)) > len(stage.ids) / 2  # what each page loses, each page loses


def broken_json(spaces: int = 0) -> Fault:
    return instead(200, b'{"data": [%s}], "meta": {}}' % (b" " * spaces))


def test_json_broken_in_the_same_way_each_time_is_the_apis_to_fix(stage: Stage) -> None:
    stage.server.script = lambda _number, params: broken_json() if params["page"] == "2" else None
    result = stage.attempt(concurrency=8)
    assert result.codes == ["bad-json", "gave-up"]
    assert result.error.startswith("Page 2: the response is not valid JSON: ")
    assert " at byte 10 of 25" in result.error
    assert "network" not in result.error
    assert stage.time.waited < 4


def test_json_broken_in_another_way_each_time_is_sat_out(stage: Stage) -> None:
    stage.server.script = lambda number, _params: broken_json(number) if number <= 7 else None
    result = stage.attempt()
    assert result.error == ""
    assert result.ids == stage.ids


def test_what_is_cut_off_at_the_same_place_each_time_is_the_networks(stage: Stage) -> None:
    stage.server.script = lambda _number, _params: NETWORK_FAULTS["half a JSON"]
    result = stage.attempt()
    assert result.codes == ["not-json", "check-network", "no-success"]
    assert stage.time.waited > 200


def test_an_odd_id_is_named_in_one_short_line(stage: Stage) -> None:
    odd = _set("data.2", {"id": "conv\n\x1b[31m" + "x" * 10**5, "start_time": "soon"})
    stage.server.script = lambda _number, _params: odd
    first, *rest = stage.attempt().error.splitlines()
    assert first.startswith("Page 1: inconsistent response: conversation conv  [31mxxx")
    assert len(first) < 250
    assert len(rest) == 1


def test_a_broken_head_is_told_without_a_traceback(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.server.script = lambda number, _params: (
        faults.truncated_in_the_head if number == 2 else None
    )
    with caplog.at_level("INFO"):
        assert stage.attempt().ids == stage.ids
    assert "Traceback" not in caplog.text


def test_the_quick_retries_do_not_count_other_failures(stage: Stage) -> None:
    wrong = WRONG_JSON["null"][0]
    kinds = [BUSY, BUSY, BUSY, wrong, BUSY, wrong]
    stage.server.script = lambda number, _params: kinds[number - 1] if number <= 6 else None
    result = stage.attempt()
    assert result.error == ""
    assert result.ids == stage.ids


PERMANENT: dict[str, Fault] = {
    **{str(code): status(code) for code in (400, 401, 403, 404, 405, 409, 410, 422, 451)},
    "304": instead(304),
    "to another host": instead(302, Location="https://elsewhere.example/v1/conversations"),
    "to another port": instead(307, Location="http://127.0.0.1:9/v1/conversations"),
    "to no address": instead(302, Location="http://[::1"),
    "to no port": instead(302, Location="http://127.0.0.1:99999/"),
    "to no text": instead(302, Location="/\xff"),
}


@BOTH
@pytest.mark.parametrize("name", PERMANENT)
def test_a_permanent_failure_costs_one_request(stage: Stage, name: str, concurrency: int) -> None:
    stage.server.script = lambda _number, _params: PERMANENT[name]
    result = stage.attempt(concurrency=concurrency)
    assert result.error
    assert len(result.error.splitlines()) <= 8
    assert len(stage.server.requests) == 1
    assert stage.time.slept == []


def test_redirects_within_the_host_are_followed(stage: Stage) -> None:
    def script(number: int, _params: Mapping[str, str]) -> Fault | None:
        target = stage.server.requests[number - 1].target
        moved = target.replace("/v1/", "/v1//")
        return None if moved == target or number > 1 else instead(307, Location=target)

    stage.server.script = script
    assert stage.attempt().ids == stage.ids
    assert {seen.headers["authorization"] for seen in stage.server.requests} == {
        f"Bearer {stage.api.key}"
    }


def test_redirects_without_end_are_an_error(stage: Stage) -> None:
    stage.server.script = lambda number, _params: instead(302, Location=f"/v1/{number}")
    assert stage.attempt().error
    assert len(stage.server.requests) == 2


@pytest.mark.parametrize("meanwhile", ["200", "503", "wrong JSON", "reset"])
@pytest.mark.parametrize("page", [2, 5, 9])
@pytest.mark.parametrize("stage", [WAYS["ahead"]], ids=["ahead"], indirect=True)
def test_after_a_permanent_failure_not_one_more_request(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, page: int, meanwhile: str
) -> None:
    stage.api.world.extend(finished_calls(stage.api.world.clock, 300, seed=4)._in_order())
    others: dict[str, Fault] = {
        "200": faults.whole,
        "503": BUSY,
        "wrong JSON": WRONG_JSON["null"][0],
        "reset": faults.reset,
    }
    crowded, known = threading.Event(), threading.Event()
    in_flight: set[int] = set()
    close = RateLimiter.close

    def closing(limiter: RateLimiter, error: BaseException) -> None:
        close(limiter, error)
        known.set()

    monkeypatch.setattr(RateLimiter, "close", closing)

    def revoked(exchange: Exchange) -> None:
        assert crowded.wait(60)
        status(401)(exchange)

    def held(exchange: Exchange) -> None:
        assert known.wait(60)
        others[meanwhile](exchange)

    def script(number: int, params: Mapping[str, str]) -> Fault | None:
        if number == 1 or params["page"] == "1":
            return None
        in_flight.add(int(params["page"]))
        if len(in_flight) == 8:
            crowded.set()
        return revoked if int(params["page"]) == page else held

    stage.server.script = script
    result = stage.attempt(concurrency=8, request_timeout=20)
    threading.Event().wait(0.05)
    assert "api_key" in result.error
    assert len(stage.server.requests) == 2 + 8
    assert result.ids == stage.ids[: len(result.ids)]


@pytest.mark.parametrize("name", [*PASSING, *(f"wrong JSON: {name}" for name in WRONG_JSON)])
def test_a_connection_test_costs_two_requests_at_most(stage: Stage, name: str) -> None:
    fault = PASSING.get(name) or WRONG_JSON[name.removeprefix("wrong JSON: ")][0]
    stage.server.script = lambda _number, _params: fault
    assert stage.test(**(SHORT if name in ENDLESS else {}))
    assert len(stage.server.requests) == (1 if name == "429 with a date" else 2)
    assert stage.time.waited < 11


@pytest.mark.parametrize("first", [None, BUSY])
@pytest.mark.parametrize("page_size", [1, 100])
@pytest.mark.parametrize("calls", [0, 1, 2, 65])
def test_a_connection_test_that_works(
    stage: Stage, first: Fault | None, page_size: int, calls: int
) -> None:
    for row in stage.ids[calls:]:
        stage.api.world.remove(row)
    stage.server.script = lambda number, _params: first if number == 1 else None
    assert stage.test(page_size=page_size) == ""
    assert len(stage.server.requests) <= 2


FAR = str(int(NOW.timestamp()) + 9 * 3600)
USED_UP = {"X_RateLimit_Limit": "500", "X_RateLimit_Remaining": "0", "X_RateLimit_Reset": FAR}
QUOTA: dict[str, Fault] = {
    "seconds": status(429, Retry_After="32400"),
    "date": status(429, Retry_After="Tue, 10 Mar 2026 00:00:00 GMT"),
    "reset": status(429, **USED_UP),
    "503": status(503, Retry_After="32400"),
}


@BOTH
@pytest.mark.parametrize("name", QUOTA)
def test_a_daily_quota_ends_the_sync_at_once(stage: Stage, name: str, concurrency: int) -> None:
    stage.server.script = once(QUOTA[name], places(concurrency)["middle"])
    result = stage.attempt(concurrency=concurrency)
    _check_quota(stage, result, "wait-too-long" if name == "503" else "quota-exhausted")


@BOTH
def test_so_does_an_empty_allowance_with_a_far_reset(stage: Stage, concurrency: int) -> None:
    def last_one(exchange: Exchange) -> None:
        headers = {name.replace("_", "-"): value for name, value in USED_UP.items()}
        exchange.send(faults.raw(exchange.response, **headers))

    stage.server.script = once(last_one, places(concurrency)["middle"])
    _check_quota(stage, stage.attempt(concurrency=concurrency))


@BOTH
def test_the_day_after_the_quota_the_sync_goes_on(stage: Stage, concurrency: int) -> None:
    stage.api.daily_limit = 5
    broken = stage.attempt(concurrency=concurrency)
    _check_quota(stage, broken)
    assert len(stage.server.requests) <= 5 + concurrency

    stage.api.daily_limit = None
    stage.api.world.clock.advance(9 * 3600)
    resumed = stage.attempt(broken.state, concurrency=concurrency)
    assert resumed.error == ""
    assert set(broken.ids) | set(resumed.ids) == set(stage.ids)


def _check_quota(stage: Stage, result: Attempt, code: str = "quota-exhausted") -> None:
    assert result.codes == [code]
    assert " in 9 h " in result.error
    assert stage.time.slept == []
    assert result.ids == stage.ids[: len(result.ids)]


@pytest.mark.parametrize("wrong_by", [0.0, 3 * 3600.0, -86400.0])
@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry_After": "7"}, 7),
        ({"Retry_After": " 7 "}, 7),
        ({"Retry_After": "Mon, 09 Mar 2026 15:00:30 GMT"}, 30),
        ({"Retry_After": "Mon, 09 Mar 2026 17:00:30 +0200"}, 30),
        ({"Retry_After": "Monday, 09-Mar-26 15:00:30 GMT"}, 30),
        (USED_UP | {"X_RateLimit_Reset": str(int(NOW.timestamp()) + 40)}, 41),
    ],
)
def test_the_server_says_how_long_to_wait(
    stage: Stage, headers: dict[str, str], wait: float, wrong_by: float
) -> None:
    stage.time.wrong_by = wrong_by
    date = format_datetime(NOW, usegmt=True)
    busy = status(429, Date=date, **headers)
    stage.server.script = lambda number, _params: busy if number == 1 else None
    result = stage.attempt()
    assert result.ids == stage.ids
    assert stage.time.waited == pytest.approx(wait, abs=0.1)


NONSENSE = ["soon", "-5", "0", "1.5e3", "NaN", "9" * 400, "\xb2", "Mon, 99 Foo 2026", "2026-03-09"]


@pytest.mark.parametrize(
    "headers",
    [{"Retry_After": text} for text in NONSENSE]
    + [{"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": text} for text in NONSENSE]
    + [USED_UP | {"X_RateLimit_Reset": text} for text in NONSENSE]
    + [{"Retry_After": "Mon, 09 Mar 2020 15:00:30 GMT"}, {"Date": "today", "Retry_After": "then"}],
)
def test_nonsense_leads_to_own_waits(stage: Stage, headers: dict[str, str]) -> None:
    stage.server.script = lambda number, _params: status(429, **headers) if number == 1 else None
    result = stage.attempt()
    assert result.ids == stage.ids
    assert 0.7 <= stage.time.waited <= 1.3


def test_waits_grow_with_jitter_and_outlast_a_rate_window(stage: Stage) -> None:
    stage.server.script = lambda number, _params: BUSY if number <= 7 else None
    assert stage.attempt().ids == stage.ids
    for number, wait in enumerate(stage.time.slept):
        assert wait == pytest.approx(2**number, rel=0.26) or wait == pytest.approx(60, rel=0.26)
    assert sum(stage.time.slept) > 60
    assert len(set(stage.time.slept)) == 7


def test_each_wait_is_told_in_one_line(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.server.script = lambda number, _params: BUSY if number <= 2 else None
    with caplog.at_level("INFO"):
        stage.attempt()
    told = [
        record.getMessage()
        for record in caplog.records
        if getattr(record, "code", "") == "retrying"
    ]
    assert len(told) == 2
    for line, wait in zip(told, stage.time.slept, strict=True):
        assert line == f"Retrying in {wait:.1f} s: Ayra server error (HTTP 503): Busy."
